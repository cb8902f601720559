"""Does a backtest's document tell why looks were taken, how the way back went, and how orders were worked?"""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bot.domain.plan import Rule
from tests.backtest.command import backtest
from tests.backtest.test_recompute import _data_folder

#: Three weeks in which much happened, with everything on that works over time.
ENVIRON = {
    "TRIMTAB_TARGETS": "BTC=60%,ETH=40%",
    "TRIMTAB_BAND": "2%",
    "TRIMTAB_CADENCE": "daily",
    "TRIMTAB_VOLATILITY__REFERENCE": "60%",
    "TRIMTAB_DCA__TRANCHES": "3",
    "TRIMTAB_DCA__INTERVAL": "3h",
    "TRIMTAB_COST_GATE__HORIZON": "5d",
    "TRIMTAB_EXECUTION__STYLE": "chase",
    "TRIMTAB_STOP__TAKE_PROFIT": "8%",
    "TRIMTAB_STOP__ANCHOR": "entry",
    "TRIMTAB_PAPER__COLLATERAL": "USDT=20000",
    **{f"TRIMTAB_WATCH__{loop}": "1h" for loop in ("PROTECTION", "RECONCILE", "PRICES", "MARGIN", "BASIS", "FUNDING")},
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The document, and the rows of its trades."""
    out = tmp_path_factory.mktemp("out")
    document = backtest(_data_folder(), out, ENVIRON, begin="2021-05-10", end="2021-05-31")
    return document, _rows(out / "trades.csv")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_look_has_what_made_it_due_and_what_came_of_it(result: tuple[dict[str, Any], Any]) -> None:
    document, _ = result
    pace = document["pace"]
    # Prices are heard once an hour here; on 19 May 2021 they leapt between two times, and a look waited.
    assert {"start", "calendar", "volatility", "tranche", "move", "retry"} >= set(pace["looks_by_trigger"])
    assert {"calendar", "volatility", "tranche"} <= set(pace["looks_by_trigger"])
    assert sum(pace["looks_by_trigger"].values()) == sum(pace["looks_by_outcome"].values()) >= document["looks"]
    assert pace["tranches"] >= 3
    assert 0 < pace["corrections_ended"] <= pace["corrections_started"]


def test_the_way_orders_were_worked_agrees_with_the_trades(
    result: tuple[dict[str, Any], list[dict[str, str]]],
) -> None:
    document, trades = result
    work = document["work"]
    taken = {row["client_order_id"] for row in trades if row["purpose"] == "take_profit"}
    assert work["take_profits"] == len(taken) > 0
    assert set(work["hedges_by_time_in_force"]) <= {"post_only", "ioc"}
    assert work["hedges_by_time_in_force"]["post_only"] > 0
    assert 0 < float(work["maker_frac"]) <= 1
    of = Counter(row["purpose"] for row in trades)
    assert of["hedge"] > 0


def test_what_was_held_back_is_counted_by_its_rule(result: tuple[dict[str, Any], Any]) -> None:
    refusals = result[0]["refusals"]
    assert refusals["cost"] > 0
    assert set(refusals) <= set(Rule)


def test_what_was_configured_stands_in_the_document(result: tuple[dict[str, Any], Any]) -> None:
    settings = result[0]["settings"]
    assert {
        name: settings[name]
        for name in (
            *("style", "volatility_reference", "dca_tranches", "cost_gate_horizon"),
            *("stop_anchor", "take_profit"),
        )
    } == {
        "style": "chase",
        "volatility_reference": "0.6",
        "dca_tranches": "3",
        "cost_gate_horizon": "432000s",
        "stop_anchor": "entry",
        "take_profit": "0.08",
    }
    assert result[0]["invariants"]["violated"] == []
