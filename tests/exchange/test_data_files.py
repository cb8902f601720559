"""Every way in which market data can be wrong ends in one line that says where and what to do."""

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import BotError, ConfigError, DataError
from bot.exchange.data_files import find_file, read_bars
from bot.exchange.history import HistoryMarket
from bot.exchange.moments import FAR_US, HOUR_US
from tests.exchange.market_files import (
    BTC,
    FUNDING,
    MARK,
    PERP,
    SPOT,
    at,
    bar_row,
    history_config,
    time_text,
    write_funding,
    write_rows,
)

HEADER = "time,open,high,low,close,volume"
GOOD = tuple(bar_row(hour, 100 + hour) for hour in range(6))


def _packed(*lines: str) -> bytes:
    return gzip.compress("\n".join([*lines, ""]).encode(), 1)


def _third(row: str) -> bytes:
    """Return a file whose fourth line is ``row``."""
    return _packed(HEADER, *GOOD[:2], row, *GOOD[3:])


def _lines_of(error: BotError) -> list[str]:
    return str(error).splitlines()


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "truncated": (SPOT, _packed(HEADER, *GOOD)[:-12], f"{SPOT}: the file is cut off; fetch it again"),
    "no gzip": (SPOT, b"time,open\n", f"{SPOT}: not a gzip file, or damaged; fetch it again"),
    "damaged inside": (
        SPOT,
        _packed(HEADER, *GOOD)[:10] + b"\xff" * 40,
        f"{SPOT}: not a gzip file, or damaged; fetch it again",
    ),
    "empty": (SPOT, gzip.compress(b""), f"{SPOT}: the file is empty; fetch it again"),
    "no byte": (SPOT, b"", f"{SPOT}: the file is empty; fetch it again"),
    "header only": (SPOT, _packed(HEADER), f"{SPOT}: there is a header and no row; fetch it again"),
    "not UTF-8": (SPOT, gzip.compress(b"time,open\xff"), f"{SPOT}: not UTF-8 text; fetch it again"),
    "column missing": (
        SPOT,
        _packed("time,open,high,low,volume", *GOOD),
        f"{SPOT} row 1: the column close is missing; the header begins time,open,high,low,close",
    ),
    "header missing": (
        SPOT,
        _packed(*GOOD),
        f"{SPOT} row 1: the column time is missing; the header begins time,open,high,low,close",
    ),
    "columns swapped": (
        SPOT,
        _packed("time,open,low,high,close,volume", *GOOD),
        f"{SPOT} row 1: the columns are in another order; the header begins time,open,high,low,close",
    ),
    "extra field": (SPOT, _third(GOOD[2] + ",7"), f"{SPOT} row 4: 7 cells where the header has 6; mend the row"),
    "field missing": (
        SPOT,
        _third(GOOD[2].rpartition(",")[0]),
        f"{SPOT} row 4: 5 cells where the header has 6; mend the row",
    ),
    "empty row": (SPOT, _third(""), f"{SPOT} row 4: 1 cells where the header has 6; mend the row"),
    "NaN": (
        SPOT,
        _third(bar_row(2, 102, open="NaN")),
        f"{SPOT} row 4: open is 'NaN', which is not a number; mend the row",
    ),
    "infinite": (
        SPOT,
        _third(bar_row(2, 102, high="inf")),
        f"{SPOT} row 4: high is 'inf', which is not a number; mend the row",
    ),
    "text": (
        SPOT,
        _third(bar_row(2, 102, close="n/a")),
        f"{SPOT} row 4: close is 'n/a', which is not a number; mend the row",
    ),
    "long text": (
        SPOT,
        _third(bar_row(2, 102, close="x" * 300)),
        f"{SPOT} row 4: close is '{'x' * 40}…', which is not a number; mend the row",
    ),
    "nothing": (
        SPOT,
        _third(bar_row(2, 102, low="")),
        f"{SPOT} row 4: low is '', which is not a number; mend the row",
    ),
    "zero": (SPOT, _third(bar_row(2, 102, low=0)), f"{SPOT} row 4: a price of 0 is not above zero; mend the row"),
    "negative": (
        SPOT,
        _third(bar_row(2, 102, low=-3)),
        f"{SPOT} row 4: a price of -3 is not above zero; mend the row",
    ),
    "too large": (
        SPOT,
        _third(bar_row(2, 102, high="1E+40")),
        f"{SPOT} row 4: a price of 1E+40 is out of all bounds; mend the row",
    ),
    "high below low": (
        SPOT,
        _third(bar_row(2, 102, high=98)),
        f"{SPOT} row 4: high 98 is below low 99; mend the row",
    ),
    "open outside": (
        SPOT,
        _third(bar_row(2, 102, open=98)),
        f"{SPOT} row 4: open 98 lies outside 99 to 104; mend the row",
    ),
    "close outside": (
        SPOT,
        _third(bar_row(2, 102, close=105)),
        f"{SPOT} row 4: close 105 lies outside 99 to 104; mend the row",
    ),
    "backwards": (
        SPOT,
        _third(bar_row(-5, 102)),
        f"{SPOT} row 4: 2023-12-31T19:00:00Z is earlier than the row before; sort the file by time",
    ),
    "twice": (
        SPOT,
        _third(GOOD[1]),
        f"{SPOT} row 4: 2024-01-01T01:00:00Z stands there twice; remove one of the rows",
    ),
    "bad time": (
        SPOT,
        _third(GOOD[2].replace("2024-01-01", "2024-02-30")),
        f"{SPOT} row 4: '2024-02-30T02:00:00Z' is not a time; write 2021-01-01T00:00:00Z",
    ),
    "epoch time": (
        SPOT,
        _third("1704074400000,1,1,1,1,1"),
        f"{SPOT} row 4: '1704074400000' is not a time; write 2021-01-01T00:00:00Z",
    ),
    "naive time": (
        SPOT,
        _third(GOOD[2].replace("Z", "")),
        f"{SPOT} row 4: 2024-01-01T02:00:00 has no time zone; write it with a Z at the end",
    ),
    "misaligned": (
        SPOT,
        _third(GOOD[2].replace(":00:00Z", ":30:00Z")),
        f"{SPOT} row 4: 2024-01-01T02:30:00Z is not on the timeframe; mend the time",
    ),
    "perpetual": (
        PERP,
        _third(bar_row(2, 102, high=98)),
        f"{PERP} row 4: high 98 is below low 99; mend the row",
    ),
    "mark": (MARK, _packed(HEADER), f"{MARK}: there is a header and no row; fetch it again"),
    "rate in percent": (
        FUNDING,
        _packed("time,funding_rate", f"{time_text(0)},0.01", f"{time_text(8)},-0.1"),
        f"{FUNDING} row 3: a funding rate of -0.1 is no fraction; write 0.0001 for 1 bp",
    ),
    "rate is text": (
        FUNDING,
        _packed("time,funding_rate", f"{time_text(0)},1%"),
        f"{FUNDING} row 2: funding_rate is '1%', which is not a number; mend the row",
    ),
    "rate missing": (
        FUNDING,
        _packed("time,rate", f"{time_text(0)},0.01"),
        f"{FUNDING} row 1: the column funding_rate is missing; the header begins time,funding_rate",
    ),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write_rows(tmp_path / SPOT, GOOD)
    (tmp_path / name).write_bytes(content)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError) as caught:
        HistoryMarket(history_config(tmp_path))
    assert _lines_of(caught.value) == [message]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / SPOT).mkdir()
    with pytest.raises(DataError) as caught:
        HistoryMarket(history_config(tmp_path))
    assert _lines_of(caught.value) == [f"{SPOT}: cannot be read (Is a directory)"]


#: Files of spot by name, changes of the configuration, and the message, in which FOLDER stands for the folder.
BAD_PERIODS: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "no spot file": (
        (),
        {},
        "FOLDER: there is no spot file for BTC; expected VENUE_spot_BTCUSDT_1h.csv.gz",
    ),
    "unknown kind": (
        ("binance_sopt_BTCUSDT_1h.csv.gz",),
        {},
        "FOLDER: there is no spot file for BTC; expected VENUE_spot_BTCUSDT_1h.csv.gz",
    ),
    "timeframe too coarse": (
        ("binance_spot_BTCUSDT_1d.csv.gz",),
        {},
        "binance_spot_BTCUSDT_1d.csv.gz: bars of this length are not walked; fetch the timeframe 1h",
    ),
    "perpetual too fine": (
        (SPOT, "binance_usdm_perp_BTCUSDT_15m.csv.gz"),
        {},
        "binance_usdm_perp_BTCUSDT_15m.csv.gz: bars of this length are not walked; fetch the timeframe 1h",
    ),
    "two venues": (
        (SPOT, "bybit_spot_BTCUSDT_1h.csv.gz"),
        {},
        "FOLDER: binance and bybit both have a spot file of BTC; keep one venue in a folder",
    ),
    "start too early": (
        (SPOT,),
        {"start": datetime(2023, 12, 31, tzinfo=UTC)},
        "FOLDER: the start 2023-12-31T00:00:00Z is before the first spot bar of all of BTC;"
        " start at 2024-01-01T00:00:00Z or later",
    ),
    "end too late": (
        (SPOT,),
        {"end": datetime(2024, 1, 1, 7, tzinfo=UTC)},
        "FOLDER: the end 2024-01-01T07:00:00Z is after the last spot bar of all of BTC;"
        " end at 2024-01-01T06:00:00Z or earlier",
    ),
    "start after the data": (
        (SPOT,),
        {"start": datetime(2024, 1, 2, tzinfo=UTC)},
        "FOLDER: there is nothing between the start 2024-01-02T00:00:00Z and the end 2024-01-01T06:00:00Z;"
        " choose another period",
    ),
    "start long after the data": (
        (SPOT,),
        {"start": datetime(2025, 1, 1, tzinfo=UTC)},
        f"{SPOT}: has no row between 2024-09-23T00:00:00Z and the end; choose another period",
    ),
    "end before the data": (
        (SPOT,),
        {"end": datetime(2020, 1, 1, tzinfo=UTC)},
        f"{SPOT}: has no row between 1970-01-01T00:00:00Z and 2020-01-01T00:00:00Z; choose another period",
    ),
    "start after end": (
        (SPOT,),
        {"start": datetime(2024, 1, 1, 5, tzinfo=UTC), "end": datetime(2024, 1, 1, 4, tzinfo=UTC)},
        "FOLDER: there is nothing between the start 2024-01-01T05:00:00Z and the end 2024-01-01T04:00:00Z;"
        " choose another period",
    ),
}


@pytest.mark.parametrize(("names", "changes", "message"), BAD_PERIODS.values(), ids=BAD_PERIODS)
def test_a_market_that_cannot_be_had_is_refused_in_one_line(
    tmp_path: Path, names: tuple[str, ...], changes: dict[str, Any], message: str
) -> None:
    for name in names:
        write_rows(tmp_path / name, GOOD)
    with pytest.raises(ConfigError) as caught:
        HistoryMarket(history_config(tmp_path, **changes))
    assert _lines_of(caught.value) == [message.replace("FOLDER", str(tmp_path))]
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_assets_without_a_common_hour_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, GOOD)
    write_rows(tmp_path / "binance_spot_ETHUSDT_1h.csv.gz", [bar_row(hour, 10) for hour in range(6, 9)])
    with pytest.raises(ConfigError) as caught:
        HistoryMarket(history_config(tmp_path, assets=("BTC", "ETH")))
    assert _lines_of(caught.value) == [
        f"{tmp_path}: no hour is in the spot files of all of BTC, ETH; choose another period"
    ]


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        HistoryMarket(history_config(tmp_path / "nowhere"))
    assert _lines_of(caught.value) == [
        f"{tmp_path / 'nowhere'}: there is no such folder; name the one that holds the market data files"
    ]
    assert not (tmp_path / "nowhere").exists()


def test_no_folder_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        HistoryMarket(history_config(None))  # type: ignore[arg-type]  # what a wrong configuration has
    assert _lines_of(caught.value) == ["TRIMTAB_PAPER__DATA: must name the folder of market data"]


def test_a_hole_of_a_day_is_no_fault(tmp_path: Path) -> None:
    path = write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in (*range(6), *range(30, 33))])
    recorded = read_bars(path, HOUR_US, 0, FAR_US)
    assert list(recorded.bars) == [at(hour) for hour in (*range(6), *range(30, 33))]
    market = HistoryMarket(history_config(tmp_path))
    assert market.legs(BTC, at(20), 0)[0].stale_since_us == at(6)


def test_rows_after_the_end_are_not_read(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [*GOOD, bar_row(6, 106, close="?")])
    HistoryMarket(history_config(tmp_path, end=datetime(2024, 1, 1, 6, tzinfo=UTC)))
    with pytest.raises(DataError, match="row 8: close is"):
        HistoryMarket(history_config(tmp_path))


def test_the_finest_usable_timeframe_is_taken(tmp_path: Path) -> None:
    for timeframe in ("1d", "8h", "1h", "15m"):
        write_rows(tmp_path / f"binance_usdm_mark_BTCUSDT_{timeframe}.csv.gz", GOOD)
    found = find_file(tmp_path, "usdm_mark", "BTC")
    assert found == (tmp_path / MARK, HOUR_US)


def test_other_files_of_the_folder_do_not_matter(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, GOOD)
    (tmp_path / "README.md").write_text("about this folder")
    write_funding(tmp_path / "binance_usdm_funding_BTCUSDT_2022-11_interval_changes.csv.gz", {0: "0.5"})
    HistoryMarket(history_config(tmp_path))


def test_lines_may_end_as_on_windows(tmp_path: Path) -> None:
    (tmp_path / SPOT).write_bytes(gzip.compress("\r\n".join([HEADER, *GOOD, ""]).encode()))
    assert HistoryMarket(history_config(tmp_path)).end_us == at(6)
