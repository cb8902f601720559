"""Can the figures of a backtest be read?"""

import io

from rich.console import Console

from bot.cli.result_tables import show_backtest


def test_a_backtest_is_shown_by_the_units_that_its_names_say() -> None:
    shown = io.StringIO()
    document = {
        "looks": 77,
        "fees_quote": "1234.56789",
        "max_drawdown_frac": {"overlay": "0.266969379336"},
        "unprotected_seconds_max": "4.251796",
        "rolls": [],
        "roll_list": [{"symbol": "A", "to_symbol": None, "cost_bps": "-194.4999", "yield_annual": "0.0798123"}],
        "violated": ["one", "two"],
    }

    show_backtest(Console(file=shown, width=100), document)

    lines = [" ".join(line.split()) for line in shown.getvalue().splitlines()]
    for line in (
        "looks 77",
        "fees_quote 1,234.57",
        "max_drawdown_frac.overlay 26.70 %",
        "unprotected_seconds_max 4.3",
        "rolls –",
        "roll_list symbol A, to_symbol –, cost_bps -194.5, yield_annual 7.98 %",
        "violated one",
        "two",
    ):
        assert line in lines
