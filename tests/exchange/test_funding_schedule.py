"""When does a market settle funding, where its interval changes?"""

import shutil
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.errors import DataError
from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.data_files import read_rates
from bot.exchange.exchange import open_exchange
from bot.exchange.history import HistoryMarket
from bot.exchange.market import Market
from bot.exchange.moments import FAR_US, HOUR_US, from_us
from bot.exchange.static_market import StaticMarket
from tests.data_folder import data_folder
from tests.exchange.market_files import FUNDING, SPOT, START, at, bar_row, history_config, time_text, write_rows

BTC = Asset("BTC")
HEADER = "time,interval_hours,funding_rate"


def settlements(market: Market, asset: Asset, from_us_: int, until_us: int) -> list[tuple[str, int, str]]:
    """List what is settled: when, the interval in force in hours, the rate."""
    found = []
    while (coming := market.next_settlement(asset, from_us_)).at_us <= until_us:
        from_us_ = coming.at_us
        rate = market.settled_rate(asset, from_us_)
        found.append((f"{from_us(from_us_):%d %H}", coming.interval_us // HOUR_US, str(rate)))
    return found


def static(*schedule: tuple[int, int, str]) -> StaticMarket:
    script = tuple((START + timedelta(hours=hour), timedelta(hours=every), Decimal(r)) for hour, every, r in schedule)
    return StaticMarket(
        ExchangeConfig(market=MarketKind.STATIC, assets=(BTC,), start=START, funding_schedule={BTC: script})
    )


def test_a_scripted_interval_shortens_and_lengthens_again() -> None:
    market = static((8, 4, "-0.02"), (16, 2, "-0.01"), (20, 8, "0.0001"))
    assert settlements(market, BTC, at(0), at(40)) == [
        ("01 08", 8, "0"),
        ("01 12", 4, "-0.02"),
        ("01 16", 4, "-0.02"),
        ("01 18", 2, "-0.01"),
        ("01 20", 2, "-0.01"),
        ("02 00", 8, "0.0001"),
        ("02 08", 8, "0.0001"),
        ("02 16", 8, "0.0001"),
    ]


def test_a_change_between_two_settlements_holds_from_there_on() -> None:
    assert settlements(static((9, 4, "0.001")), BTC, at(0), at(16)) == [
        ("01 08", 8, "0"),
        ("01 12", 4, "0.001"),
        ("01 16", 4, "0.001"),
    ]


def test_the_rate_to_come_is_not_known_before_its_time() -> None:
    market = static((1, 8, "0.001"))
    assert [market.next_settlement(BTC, at(0) + hour * HOUR_US).rate for hour in (0, 1)] == [0, Decimal("0.001")]
    assert market.settled_rate(BTC, at(8)) == Decimal("0.001")


def written(folder: Path, *rows: str) -> Path:
    write_rows(folder / SPOT, [bar_row(hour, 100) for hour in range(48)])
    return write_rows(folder / FUNDING, rows, HEADER)


def test_recorded_intervals_are_told_as_they_were_and_survive_a_hole(tmp_path: Path) -> None:
    hours = [(0, 8), (8, 8), (12, 4), (16, 4), (24, 4), (26, 2)]
    written(tmp_path, *(f"{time_text(hour)},{every},0.000{place}" for place, (hour, every) in enumerate(hours, 1)))
    market = HistoryMarket(history_config(tmp_path))
    # The row of 20:00 is missing: nothing is settled then, and the interval is still four hours.
    assert settlements(market, BTC, at(0), at(26)) == [
        ("01 08", 8, "0.0002"),
        ("01 12", 4, "0.0003"),
        ("01 16", 4, "0.0004"),
        ("02 00", 4, "0.0005"),
        ("02 02", 2, "0.0006"),
    ]


@pytest.mark.parametrize("hours", ["0", "-8", "7", "0.0000000001"])
def test_an_interval_that_does_not_fit_into_a_day_is_refused(tmp_path: Path, hours: str) -> None:
    path = written(tmp_path, f"{time_text(0)},{hours},0.0001")
    with pytest.raises(DataError, match=r"row 2: an interval of .* hours does not fit into a day"):
        read_rates(path, 0, FAR_US)


def test_an_interval_that_is_no_number_is_refused_with_its_row(tmp_path: Path) -> None:
    path = written(tmp_path, f"{time_text(0)},8h,0.0001")
    with pytest.raises(DataError, match="row 2: interval_hours is '8h'"):
        read_rates(path, 0, FAR_US)


def test_november_2022_as_it_was_recorded(tmp_path: Path) -> None:
    data = data_folder()
    sol = Asset("SOL")
    shutil.copy(data / "binance_spot_SOLUSDT_1h.csv.gz", tmp_path)
    recorded = data / "binance_usdm_funding_SOLUSDT_2022-11_FTX_interval_changes.csv.gz"
    shutil.copy(recorded, tmp_path / "binance_usdm_funding_SOLUSDT_1h.csv.gz")
    start, end = datetime(2022, 11, 9, tzinfo=UTC), datetime(2022, 11, 19, tzinfo=UTC)
    config = ExchangeConfig(
        market=MarketKind.HISTORY, assets=(sol,), data_dir=tmp_path, start=start, end=end, holdings={sol: Decimal(1)}
    )
    exchange = open_exchange(config, None)
    market = exchange.floor.market
    told = settlements(market, sol, market.start_us, market.end_us or 0)
    assert [one for one in told if one[0] in ("09 16", "09 20", "10 04", "18 08", "18 16")] == [
        ("09 16", 8, "-0.015"),
        ("09 20", 4, "-0.02"),
        ("10 04", 2, "-0.02"),
        ("18 08", 2, "-0.00021531"),
        ("18 16", 8, "-0.00082757"),
    ]
    rows, intervals = read_rates(recorded, 0, FAR_US)
    assert len(rows) == 123
    assert set(intervals.values()) == {2 * HOUR_US, 4 * HOUR_US, 8 * HOUR_US}
