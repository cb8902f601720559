"""``backtest``: the same strategy on history."""

from pathlib import Path

import typer


def backtest(
    data: Path = typer.Option(..., "--data", help="Folder with market data files.", metavar="DIR"),
    start: str = typer.Option(..., "--from", help="First day, UTC, for example 2021-01-01.", metavar="DATE"),
    end: str = typer.Option(..., "--to", help="Day after the last, UTC.", metavar="DATE"),
    out: Path | None = typer.Option(None, "--out", help="Write trades, funding, equity and log here.", metavar="DIR"),
    json: bool = typer.Option(False, "--json", help="Write one JSON document to stdout."),
) -> None:
    """Run the whole daemon on recorded markets, in simulated time.

    Same decisions, orders, stops and margin as 'run', on the embedded exchange. Shows the result against doing nothing
    and against rebalancing in spot.
    """
    from bot.cli.dates import moment_of

    first, last = moment_of(start, "--from"), moment_of(end, "--to")
    if first >= last:
        raise typer.BadParameter("must be after --from", param_hint="--to")

    from bot.backtest.run import run_backtest
    from bot.cli.context import open_settings
    from bot.cli.output import open_console, show_json

    document = run_backtest(open_settings(), data=data, start=first, end=last, out=out)
    if json:
        show_json(document)
        return
    from bot.cli.result_tables import show_backtest

    show_backtest(open_console(), document)
