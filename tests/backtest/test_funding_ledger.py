"""Does a year's funding equal position × rate, summed by hand from the tables and the recorded file?

Shares nothing with the bot but the files that it wrote and the ones that were recorded: in fractions, by other code.
"""

import csv
import gzip
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from tests.backtest.command import backtest
from tests.data_folder import data_folder

_CENT = Fraction(1, 100)
_BEGIN, _END = "2021-01-01", "2022-01-01"
_ASSETS = ("BTC", "ETH")


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
    }
    return backtest(data, out, environ, begin=_BEGIN, end=_END), out


@pytest.mark.slow
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
