"""Are the CSV files enough? Every figure of a backtest is computed again from them alone, by other code, in fractions.

Shares nothing with the bot but the files it wrote and the document it printed.
"""

import csv
import json
import os
from collections import defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bot.cli.app import run_command_line

pytestmark = pytest.mark.seconds(30)

_CENT = Fraction(1, 100)


def _data_folder() -> Path:
    folder = Path(os.environ.get("TEST_MARKET_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no recorded market data in {folder}; name a folder with TEST_MARKET_DATA")
    return folder


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _signed(row: dict[str, str]) -> Fraction:
    return Fraction(row["amount_base"]) * (1 if row["side"] == "buy" else -1)


@pytest.fixture(
    scope="module",
    params=[
        ("2020-03-01", "2020-04-01", "BTC=60%,ETH=40%", "6000"),
        ("2021-01-01", "2021-06-01", "BTC=50%,ETH=30%,SOL=20%", "3000"),
    ],
)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A backtest's document and the folder with its files."""
    begin, end, targets, collateral = request.param
    out = tmp_path_factory.mktemp("out")
    environ = {
        "TRIMTAB_TARGETS": targets,
        "TRIMTAB_CADENCE": "0 */4 * * *",
        "TRIMTAB_PAPER__COLLATERAL": f"USDT={collateral}",
        "TRIMTAB_WATCH__PROTECTION": "1h",
        "TRIMTAB_WATCH__RECONCILE": "1h",
        "TRIMTAB_WATCH__PRICES": "1h",
        "TRIMTAB_WATCH__MARGIN": "1h",
        "TRIMTAB_WATCH__BASIS": "1h",
        "TRIMTAB_WATCH__FUNDING": "1h",
        "TRIMTAB_WATCH__ROLL": "30m",
        "TRIMTAB_DATA_DIR": str(out / "data"),
    }
    data = _data_folder()
    arguments = ["backtest", "--data", str(data), "--from", begin, "--to", end, "--out", str(out), "--json"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environ.items():
            patch.setenv(name, value)
        document = _run(arguments, out)
    return document, out


def _run(arguments: list[str], out: Path) -> dict[str, Any]:
    import contextlib
    import io

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run_command_line(arguments)
    assert code == 0
    document: dict[str, Any] = json.loads(printed.getvalue())
    return document


def test_sums_of_the_tables_are_the_figures_of_the_document(result: tuple[dict[str, Any], Path]) -> None:
    document, out = result
    trades, funding = _rows(out / "trades.csv"), _rows(out / "funding.csv")

    fees = sum((Fraction(row["fee_quote"]) for row in trades), Fraction(0))
    traded = sum((Fraction(row["amount_base"]) * Fraction(row["price"]) for row in trades), Fraction(0))
    paid = sum((Fraction(row["amount_quote"]) for row in funding), Fraction(0))

    assert abs(fees - Fraction(document["fees_quote"])) < _CENT
    assert abs(traded - Fraction(document["traded_notional_quote"])) < _CENT
    assert abs(paid - Fraction(document["funding_quote"])) < _CENT
    assert document["invariants"]["violated"] == []
    assert document["liquidations"] == 0
    assert trades, "a backtest without a trade shows nothing"


def test_each_funding_amount_follows_from_rate_and_notional(result: tuple[dict[str, Any], Path]) -> None:
    _, out = result
    for row in _rows(out / "funding.csv"):
        expected = -Fraction(row["rate"]) * Fraction(row["notional_quote"])
        assert abs(expected - Fraction(row["amount_quote"])) < Fraction(1, 10**6), row


def test_every_row_of_equity_follows_from_the_trades_and_payments_before_it(
    result: tuple[dict[str, Any], Path],
) -> None:
    document, out = result
    trades, funding, equity = (_rows(out / f"{name}.csv") for name in ("trades", "funding", "equity"))
    assets = [name.removeprefix("index_") for name in equity[0] if name.startswith("index_")]
    deposits = sum(
        (Fraction(row["amount"]) for row in _rows(out / "transfers.csv") if row["currency"] == "USDT"), Fraction(0)
    )
    delta: dict[str, Fraction] = defaultdict(Fraction)
    cash, in_band, cells = Fraction(0), 0, 0
    trade_at = funding_at = 0
    gaps = []

    for row in equity:
        # The look's own trades carry its moment; a settlement at the very moment was made before the look.
        while trade_at < len(trades) and trades[trade_at]["time"] <= row["time"]:
            trade = trades[trade_at]
            asset = trade["symbol"].split("/")[0]
            delta[asset] += _signed(trade)
            cash -= _signed(trade) * Fraction(trade["price"]) + Fraction(trade["fee_quote"])
            trade_at += 1
        while funding_at < len(funding) and funding[funding_at]["time"] <= row["time"]:
            cash += Fraction(funding[funding_at]["amount_quote"])
            funding_at += 1
        profit = cash + sum((delta[asset] * Fraction(row[f"mark_{asset}"]) for asset in assets), Fraction(0))
        coins = sum(
            (Fraction(row[f"holding_{asset}"]) * Fraction(row[f"index_{asset}"]) for asset in assets), Fraction(0)
        )
        value = coins + profit
        assert abs(value - Fraction(row["portfolio_value_quote"])) < _CENT, row["time"]
        assert abs(deposits + profit - Fraction(row["cash_quote"])) < _CENT, row["time"]
        for asset in assets:
            assert delta[asset] == Fraction(row[f"delta_{asset}"]), (row["time"], asset)
            exposure = (Fraction(row[f"holding_{asset}"]) + delta[asset]) * Fraction(row[f"index_{asset}"])
            assert abs(exposure / value - Fraction(row[f"weight_{asset}"])) < Fraction(1, 10**9)
            gap = abs(exposure / value - Fraction(row[f"target_{asset}"]))
            gaps.append(gap)
            in_band += gap <= Fraction(row[f"band_{asset}"]) + Fraction(5, 1000)
            cells += 1

    assert abs(Fraction(in_band, cells) - Fraction(document["time_in_band_frac"])) < Fraction(1, 10**9)
    assert abs(max(gaps) - Fraction(document["max_abs_gap_frac"])) < Fraction(1, 10**9)
    last = equity[-1]
    worth = sum(
        (Fraction(last[f"holding_{asset}"]) * Fraction(last[f"index_{asset}"]) for asset in assets), Fraction(0)
    )
    assert abs(worth + Fraction(last["cash_quote"]) - Fraction(document["final_value_quote"]["overlay"])) < _CENT
    assert abs(worth + deposits - Fraction(document["final_value_quote"]["never"])) < _CENT


def test_the_risk_of_the_looks_is_in_the_document(result: tuple[dict[str, Any], Path]) -> None:
    document, _ = result
    risk = document["risk"]
    assert 0 < risk["looks"] <= document["looks"]
    assert abs(sum(map(Fraction, risk["shares_mean"].values())) - 1) < Fraction(1, 10**9)
    assert Fraction(1) <= Fraction(risk["effective_bets_min"]) <= Fraction(risk["effective_bets_mean"]) <= 3
    assert Fraction(1, 10) < Fraction(risk["sigma_annual_mean"]) < 3
    assert risk["last"]["sigma_annual"] is not None


def test_every_file_is_there_and_every_line_of_the_log_is_json(result: tuple[dict[str, Any], Path]) -> None:
    _, out = result
    names = {path.name for path in out.iterdir()}
    assert {"trades.csv", "funding.csv", "equity.csv", "transfers.csv", "events.jsonl"} <= names
    for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines():
        json.loads(line)
