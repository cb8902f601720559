"""Does ``trimtab plan --json`` give the cases worked out by hand?

Through the command, the settings and the embedded exchange.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.cli.app import run_command_line

COMMON = {
    "TRIMTAB_PAPER__MARKET": "static",
    "TRIMTAB_PAPER__PRICES": "BTC=50000,ETH=2500,SOL=100",
    "TRIMTAB_BAND": "1%",
    "TRIMTAB_BAND_RELATIVE": "100%",
    "TRIMTAB_BAND_TOTAL": "off",
    "TRIMTAB_REBALANCE_TO": "target",
}


def _plan(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path, **more: str) -> Any:
    monkeypatch.chdir(folder)
    for name, value in {**COMMON, "TRIMTAB_DATA_DIR": str(folder / "data"), **more}.items():
        monkeypatch.setenv(name, value)
    assert run_command_line(["plan", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _orders(plan: Any) -> list[tuple[str, str, str]]:
    return [(order["asset"], order["side"], order["notional_quote"]) for order in plan["orders"]]


@pytest.mark.parametrize(
    ("holdings", "orders"),
    [
        ("BTC=0.12,ETH=1,SOL=15", [("BTC", "sell", "1000"), ("ETH", "buy", "500"), ("SOL", "buy", "500")]),
        ("BTC=0.11,ETH=0.8,SOL=25", [("BTC", "sell", "500"), ("ETH", "buy", "1000"), ("SOL", "sell", "500")]),
    ],
)
def test_the_worked_cases_come_out_exactly(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    holdings: str,
    orders: list[tuple[str, str, str]],
) -> None:
    plan = _plan(monkeypatch, capsys, tmp_path, TRIMTAB_PAPER__HOLDINGS=holdings)
    assert plan["schema"] == "trimtab.plan/1"
    assert plan["portfolio_value_quote"] == "10000"
    assert _orders(plan) == orders
    assert plan["refusals"] == []
    assert plan["capacity_short_quote"] == "0"


def test_an_inverse_short_is_sized_at_mark(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """1,000 dollars too much BTC are 10 contracts of 100; the coins in the futures wallet count as held."""
    plan = _plan(
        monkeypatch,
        capsys,
        tmp_path,
        TRIMTAB_PAPER__HOLDINGS="BTC=0.07,ETH=1,SOL=15",
        TRIMTAB_PAPER__COLLATERAL="BTC=0.05,USDT=6000",
        TRIMTAB_CONTRACTS="linear,BTC:inverse",
    )
    short = next(order for order in plan["orders"] if order["asset"] == "BTC")
    assert (short["symbol"], short["side"], short["amount_contracts"]) == ("BTC/USD:BTC", "sell", "10")
    assert plan["portfolio_value_quote"] == "10000"


def test_cash_in_the_targets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """0.1 BTC and 5,000 USDT are 10,000; 30 % BTC want 2,000 less."""
    plan = _plan(
        monkeypatch,
        capsys,
        tmp_path,
        TRIMTAB_TARGETS="BTC=30%,CASH=70%",
        TRIMTAB_SCOPE="equity",
        TRIMTAB_PAPER__HOLDINGS="BTC=0.1",
        TRIMTAB_PAPER__COLLATERAL="USDT=3000",
        TRIMTAB_PAPER__SPARE="USDT=2000",
    )
    assert plan["portfolio_value_quote"] == "10000"
    assert _orders(plan) == [("BTC", "sell", "2000")]


def test_external_holdings_with_an_alias(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """0.12 BTC here, 1 stETH worth 1.04 ETH outside: 6,000 + 2,600; half each is 4,300."""
    plan = _plan(
        monkeypatch,
        capsys,
        tmp_path,
        TRIMTAB_TARGETS="BTC=50%,ETH=50%",
        TRIMTAB_PAPER__HOLDINGS="BTC=0.12",
        TRIMTAB_EXTERNAL_HOLDINGS="STETH=1",
        TRIMTAB_ALIASES="STETH=ETH*1.04",
    )
    assert plan["portfolio_value_quote"] == "8600"
    assert _orders(plan) == [("BTC", "sell", "1700"), ("ETH", "buy", "1700")]


def test_a_plan_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _plan(monkeypatch, capsys, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
