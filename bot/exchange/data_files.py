"""Can a folder of market data be used? Reads gzip CSV files and refuses what is not sound, with file, row and mend.

Files are named ``{venue}_{kind}_{SYMBOL}_{timeframe}.csv.gz``. A hole is not an error: what is missing is stale,
not unchanged. Times must go forward, on the timeframe; prices must be positive and lie within their bar.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bot.domain.errors import BadPayload, ConfigError, DataError
from bot.domain.units import to_decimal
from bot.exchange.market import Bar
from bot.exchange.moments import DAY_US, HOUR_US, MINUTE_US

_NAME = re.compile(r"([a-z0-9]+)_([a-z_]+)_([A-Z0-9]+)_(\d+[mhd])\.csv\.gz")
KINDS = ("spot", "usdm_perp", "usdm_mark", "usdm_funding")
_UNITS = {"m": MINUTE_US, "h": HOUR_US, "d": DAY_US}
_PRICE_COLUMNS = ["time", "open", "high", "low", "close"]
_FUNDING_COLUMNS = ["time", "funding_rate"]
#: Where the interval is recorded, it stands before the rate.
_INTERVAL_COLUMNS = ["time", "interval_hours", "funding_rate"]
#: A rate beyond this per settlement is a unit error, not a market.
_ABSURD_RATE = Decimal("0.1")
_QUOTE = "USDT"
_LONGEST_QUOTE = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: A price with more digits before or after the point than this is none.
_MOST_DIGITS = 15

Bars = dict[int, Bar]
Rates = list[tuple[int, Decimal]]
#: The interval in force at a settlement, where the file has a column for it.
Intervals = dict[int, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A price file, as far as it was asked for."""

    step_us: int
    #: By their beginning, in order.
    bars: Bars
    #: Where the file ends: the end of its last bar. Where it goes on beyond what was asked for, the next bar.
    end_us: int


def find_file(folder: Path, kind: str, asset: str) -> tuple[Path, int] | None:
    """Return the file of a kind and an asset with its timeframe in microseconds; the finest of several.

    Raises:
        ConfigError: the folder is not there, or leaves the choice open.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder; name the one that holds the market data files")
    found, venues, passed_over = [], set(), ""
    for path in sorted(folder.iterdir()):
        parts = _NAME.fullmatch(path.name)
        if parts is None or parts[2] != kind or parts[3] != f"{asset}{_QUOTE}":
            continue
        step_us = int(parts[4][:-1]) * _UNITS[parts[4][-1]]
        if _is_usable(kind, step_us):
            found.append((step_us, path))
            venues.add(parts[1])
        else:
            passed_over = path.name
    if len(venues) > 1:
        raise ConfigError(
            f"{folder}: {' and '.join(sorted(venues))} both have a {kind} file of {asset}; keep one venue in a folder"
        )
    if found:
        step_us, path = min(found)
        return path, step_us
    if passed_over:
        raise ConfigError(f"{passed_over}: bars of this length are not walked; fetch the timeframe 1h")
    return None


def _is_usable(kind: str, step_us: int) -> bool:
    if kind == "usdm_funding":
        return True
    if kind == "spot":
        return step_us == HOUR_US
    return step_us > 0 and step_us % HOUR_US == 0 and DAY_US % step_us == 0


def read_bars(path: Path, step_us: int, from_us: int, to_us: int) -> Recorded:
    """Return the bars of a price file that begin in [from, to).

    Raises:
        DataError: the file is not sound, in or before that range.
    """
    bars: Bars = {}
    end_us = 0
    for place, at_us, cells in _rows(path, _PRICE_COLUMNS, step_us):
        if at_us >= to_us:
            end_us = at_us
            break
        end_us = at_us + step_us
        if at_us >= from_us:
            bars[at_us] = _bar(path, place, cells)
    return Recorded(step_us, bars, end_us)


def read_rates(path: Path, from_us: int, to_us: int) -> tuple[Rates, Intervals]:
    """Return the funding rates settled in [from, to], in order, and the row after, which says when the next one is;
    and their intervals, where the file has them.

    Raises:
        DataError: the file is not sound, in or before that range.
    """
    rates: Rates = []
    intervals: Intervals = {}
    columns = _funding_columns(path)
    for place, at_us, cells in _rows(path, columns, MINUTE_US):
        rate = _number(path, place, "funding_rate", cells[len(columns) - 2])
        if abs(rate) >= _ABSURD_RATE:
            raise DataError(f"{path.name} row {place}: a funding rate of {rate} is no fraction; write 0.0001 for 1 bp")
        if at_us >= from_us:
            rates.append((at_us, rate))
            if columns is _INTERVAL_COLUMNS:
                intervals[at_us] = _interval_us(path, place, cells[0])
        if at_us > to_us:
            break
    return rates, intervals


def _funding_columns(path: Path) -> list[str]:
    header = next(_lines(path), "").rstrip("\r\n").split(",")
    return _INTERVAL_COLUMNS if "interval_hours" in header[:2] else _FUNDING_COLUMNS


def _interval_us(path: Path, place: int, text: str) -> int:
    hours = _number(path, place, "interval_hours", text)
    interval_us = hours * HOUR_US
    if hours <= 0 or interval_us != interval_us.to_integral_value() or DAY_US % int(interval_us):
        raise DataError(f"{path.name} row {place}: an interval of {_short(text)} hours does not fit into a day")
    return int(interval_us)


def _rows(path: Path, columns: Sequence[str], step_us: int) -> Iterator[tuple[int, int, list[str]]]:
    """Yield (row, time, cells after the time) of a file, with its header and its times checked."""
    width, before_us, place = 0, -1, 1
    for place, line in enumerate(_lines(path), 1):
        cells = line.rstrip("\r\n").split(",")
        if place == 1:
            _check_header(path, cells, columns)
            width = len(cells)
            continue
        if len(cells) != width:
            raise DataError(f"{path.name} row {place}: {len(cells)} cells where the header has {width}; mend the row")
        at_us = _moment(path, place, cells[0])
        _check_time(path, place, cells[0], at_us, before_us, step_us)
        before_us = at_us
        yield place, at_us, cells[1:]
    if width == 0:
        raise DataError(f"{path.name}: the file is empty; fetch it again")
    if before_us < 0:
        raise DataError(f"{path.name}: there is a header and no row; fetch it again")


def _check_time(path: Path, place: int, text: str, at_us: int, before_us: int, step_us: int) -> None:
    if at_us == before_us:
        raise DataError(f"{path.name} row {place}: {text} stands there twice; remove one of the rows")
    if at_us < before_us:
        raise DataError(f"{path.name} row {place}: {text} is earlier than the row before; sort the file by time")
    if at_us % step_us:
        raise DataError(f"{path.name} row {place}: {text} is not on the timeframe; mend the time")


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from file
    except EOFError as err:
        raise DataError(f"{path.name}: the file is cut off; fetch it again") from err
    except (gzip.BadGzipFile, zlib.error) as err:
        raise DataError(f"{path.name}: not a gzip file, or damaged; fetch it again") from err
    except UnicodeDecodeError as err:
        raise DataError(f"{path.name}: not UTF-8 text; fetch it again") from err
    except OSError as err:
        raise DataError(f"{path.name}: cannot be read ({err.strerror})") from err


def _check_header(path: Path, cells: list[str], columns: Sequence[str]) -> None:
    for place, column in enumerate(columns):
        if column not in cells:
            raise DataError(f"{path.name} row 1: the column {column} is missing; the header begins {','.join(columns)}")
        if cells.index(column) != place:
            raise DataError(
                f"{path.name} row 1: the columns are in another order; the header begins {','.join(columns)}"
            )


def _moment(path: Path, place: int, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError(f"{path.name} row {place}: {_short(text)} is not a time; write 2021-01-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise DataError(f"{path.name} row {place}: {text} has no time zone; write it with a Z at the end")
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _number(path: Path, place: int, column: str, text: str) -> Decimal:
    try:
        return to_decimal(text)
    except BadPayload:
        raise DataError(
            f"{path.name} row {place}: {column} is {_short(text)}, which is not a number; mend the row"
        ) from None


def _short(text: str) -> str:
    """Quote what a file says so that it fits into a line."""
    return repr(text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…")


def _bar(path: Path, place: int, cells: list[str]) -> Bar:
    prices = [_number(path, place, column, cells[at]) for at, column in enumerate(_PRICE_COLUMNS[1:])]
    first, high, low, last = prices
    if min(prices) <= 0:
        raise DataError(f"{path.name} row {place}: a price of {min(prices)} is not above zero; mend the row")
    for price in prices:
        if abs(price.adjusted()) > _MOST_DIGITS:
            raise DataError(f"{path.name} row {place}: a price of {price} is out of all bounds; mend the row")
    if high < low:
        raise DataError(f"{path.name} row {place}: high {high} is below low {low}; mend the row")
    for name, price in (("open", first), ("close", last)):
        if not low <= price <= high:
            raise DataError(f"{path.name} row {place}: {name} {price} lies outside {low} to {high}; mend the row")
    return Bar(first, high, low, last)
