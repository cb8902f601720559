"""Does a year's funding equal position × rate, summed by hand from the tables and the recorded file?

Shares nothing with the bot but the files that it wrote and the ones that were recorded: in fractions, by other code.
"""

import csv
import gzip
import json
import shutil
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.backtest.command import backtest
from tests.data_folder import data_folder

pytestmark = pytest.mark.seconds(35)

_CENT = Fraction(1, 100)
_BEGIN, _END = "2021-01-01", "2022-01-01"
_ASSETS = ("BTC", "ETH")


#: November 2022 at Binance: SOL at −2 % a settlement, every eight hours, then four, two and eight again.
_CRISIS = "binance_usdm_funding_SOLUSDT_2022-11_FTX_interval_changes.csv.gz"


def _rows(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path]:
    """A year's document and the folder with its tables."""
    data = data_folder()
    out = tmp_path_factory.mktemp("year")
    environ = {
        "TRIMTAB_TARGETS": "BTC=60%,ETH=40%",
        "TRIMTAB_CADENCE": "0 */12 * * *",
        "TRIMTAB_PAPER__COLLATERAL": "USDT=20000",
        "TRIMTAB_FUNDING__MAX_ANNUAL": "50%",
        "TRIMTAB_FUNDING__REDUCE_ANNUAL": "50%",
        "TRIMTAB_WATCH__PROTECTION": "4h",
        "TRIMTAB_WATCH__RECONCILE": "4h",
        "TRIMTAB_WATCH__PRICES": "4h",
        "TRIMTAB_WATCH__BASIS": "1d",
        "TRIMTAB_WATCH__BREAKER": "1d",
        "TRIMTAB_WATCH__MARGIN": "4h",
        "TRIMTAB_WATCH__FUNDING": "1h",
        "TRIMTAB_WATCH__ROLL": "30m",
    }
    return backtest(data, out, environ, begin=_BEGIN, end=_END), out


def test_a_years_ledger_is_position_times_rate_to_the_cent(year: tuple[dict[str, str], Path]) -> None:
    document, out = year
    trades, funding, marks = _rows(out / "trades.csv"), _rows(out / "funding.csv"), _marks()
    by_hand: dict[tuple[str, str], Fraction] = {}
    for asset in _ASSETS:
        held, place = Fraction(0), 0
        mine = [row for row in trades if row["symbol"].startswith(f"{asset}/")]
        for moment, rate in _recorded(asset):
            while place < len(mine) and mine[place]["time"] < moment:
                held += Fraction(mine[place]["amount_base"]) * (1 if mine[place]["side"] == "buy" else -1)
                place += 1
            if held:
                by_hand[moment, asset] = -rate * held * marks[asset][moment]
    booked = {(row["time"], row["symbol"].split("/")[0]): Fraction(row["amount_quote"]) for row in funding}

    assert len(booked) == len(funding) > 1000
    assert booked.keys() == by_hand.keys()
    for key, amount in by_hand.items():
        assert abs(booked[key] - amount) < Fraction(1, 10**6), key
    assert abs(sum(by_hand.values()) - Fraction(document["funding_quote"])) < _CENT
    assert document["invariants"]["violated"] == []  # type: ignore[index]


def _recorded(asset: str) -> list[tuple[str, Fraction]]:
    """Return the year's settlements as they were recorded."""
    rows = _rows(data_folder() / f"binance_usdm_funding_{asset}USDT_8h.csv.gz")
    return [
        (row["time"], Fraction(row["funding_rate"]))
        for row in rows
        if f"{_BEGIN}T00:00:00Z" < row["time"] < f"{_END}T00:00:00Z"
    ]


def _marks() -> dict[str, dict[str, Fraction]]:
    """Return each hour's mark at its end, which is where the settlement of the next hour finds it."""
    found: dict[str, dict[str, Fraction]] = {}
    for asset in _ASSETS:
        rows = _rows(data_folder() / f"binance_usdm_mark_{asset}USDT_1h.csv.gz")
        found[asset] = {after["time"]: Fraction(before["close"]) for before, after in pairwise(rows)}
    return found


# --- the crisis of November 2022, as it was recorded -------------------------------------------


def _crisis(folder: Path, **environ: str) -> tuple[dict[str, Any], Path]:
    """Run those two weeks with too much SOL, which is held short: the side that pays."""
    data, out = folder / "recorded", folder / "out"
    data.mkdir()
    for asset in ("BTC", "SOL"):
        shutil.copy(data_folder() / f"binance_spot_{asset}USDT_1h.csv.gz", data)
    shutil.copy(data_folder() / _CRISIS, data / "binance_usdm_funding_SOLUSDT_1h.csv.gz")
    settings = {
        "TRIMTAB_TARGETS": "BTC=80%,SOL=20%",
        "TRIMTAB_CADENCE": "0 * * * *",
        "TRIMTAB_PAPER__HOLDINGS": "BTC=0.2,SOL=500",
        "TRIMTAB_PAPER__COLLATERAL": "USDT=20000",
        "TRIMTAB_WATCH__PROTECTION": "1h",
        "TRIMTAB_WATCH__RECONCILE": "1h",
        "TRIMTAB_WATCH__PRICES": "1h",
        "TRIMTAB_WATCH__MARGIN": "1h",
        "TRIMTAB_WATCH__FUNDING": "30m",
        "TRIMTAB_WATCH__BASIS": "1d",
        "TRIMTAB_WATCH__BREAKER": "1d",
    }
    return backtest(data, out, settings | environ, begin="2022-11-05", end="2022-11-21"), out


def _mine(out: Path, table: str) -> list[dict[str, str]]:
    return [row for row in _rows(out / table) if row["symbol"].startswith("SOL/")]


def _told(out: Path, code: str) -> list[dict[str, Any]]:
    lines = (out / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == code]


def test_a_recorded_crisis_is_booked_at_each_interval_alerts_and_halves_the_hedge(tmp_path: Path) -> None:
    document, out = _crisis(tmp_path)
    spot = _rows(data_folder() / "binance_spot_SOLUSDT_1h.csv.gz")
    # Without a file of marks the mark is spot: at a full hour what the hour before has closed at.
    marks = {after["time"]: Fraction(before["close"]) for before, after in pairwise(spot)}
    settled = [row for row in _rows(data_folder() / _CRISIS) if row["time"] > "2022-11-05T00:00:00Z"]
    trades, held, by_hand = _mine(out, "trades.csv"), Fraction(0), {}
    for row in settled:
        while trades and trades[0]["time"] < row["time"]:
            trade = trades.pop(0)
            held += Fraction(trade["amount_base"]) * (1 if trade["side"] == "buy" else -1)
        assert held < 0, "SOL is held short throughout"
        by_hand[row["time"]] = -Fraction(row["funding_rate"]) * held * marks[row["time"]]
    booked = {row["time"]: Fraction(row["amount_quote"]) for row in _mine(out, "funding.csv")}

    assert {row["interval_hours"] for row in settled} == {"8", "4", "2"}
    assert booked.keys() == by_hand.keys()
    assert len(booked) == 122
    assert abs(sum(booked.values()) - sum(by_hand.values())) < _CENT
    assert all(abs(booked[at] - amount) < Fraction(1, 10**6) for at, amount in by_hand.items())
    assert _told(out, "funding_gap") == []

    states = [event["alert_state"] for event in _told(out, "funding_high")]
    assert states[0] == "opened"
    cuts = [row for row in _mine(out, "trades.csv") if row["purpose"] == "deleverage"]
    # The third settlement above the cap is that of 16:00 on the ninth: before any of 2 %.
    assert "2022-11-09T16:00:00Z" < cuts[0]["time"] < "2022-11-09T17:00:00Z"
    (released,) = _told(out, "ceiling_released")
    assert released["asset"] == "SOL"
    assert "below half the cap for 3 settlements" in released["why"]
    assert document["invariants"]["violated"] == []


def test_in_the_same_crisis_a_hedge_that_may_passes_into_the_dated_contract_once(tmp_path: Path) -> None:
    document, out = _crisis(tmp_path, TRIMTAB_TENORS="perpetual,dated", TRIMTAB_PAPER__DATED_BASIS="2%")
    moved = [row for row in _mine(out, "trades.csv") if row["purpose"] in ("roll_open", "roll_close")]
    assert {row["symbol"] for row in moved if row["purpose"] == "roll_close"} == {"SOL/USDT:USDT"}
    assert document["moves"] == 1
    assert {row["purpose"] for row in _mine(out, "trades.csv")} == {"hedge", "roll_open", "roll_close"}
    assert max(row["time"] for row in _mine(out, "funding.csv")) < "2022-11-09T00:00:00Z", "before the dear ones"
    assert document["breaker"]["trips"] == []
    assert document["invariants"]["violated"] == []
