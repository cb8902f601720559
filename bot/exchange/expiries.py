"""When do dated contracts expire, and which are listed? Derived from market time alone.

A quarter's contracts expire at 08:00 UTC on the last Friday of March, June, September and December. Those of the
current and of the next quarter are listed; at the moment of an expiry the next quarter's take the place.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.ids import Symbol
from bot.exchange.contracts import Contract
from bot.exchange.moments import from_us, to_us

_HOUR = 8
_FRIDAY = 4
_QUARTER = 3
#: How many quarters are listed at a time.
_LISTED = 2


def next_expiry_us(after_us: int) -> int:
    """Return the first expiry after a moment."""
    now = from_us(after_us)
    year, month = now.year, (now.month + _QUARTER - 1) // _QUARTER * _QUARTER
    expiry_us = _expiry_us(year, month)
    if expiry_us > after_us:
        return expiry_us
    return _expiry_us(year + month // 12, month % 12 + _QUARTER)


def _expiry_us(year: int, month: int) -> int:
    """Return the expiry of a quarter by its last month."""
    after = datetime(year + month // 12, month % 12 + 1, 1, _HOUR, tzinfo=UTC)
    last = after - timedelta(days=1)
    return to_us(last - timedelta(days=(last.weekday() - _FRIDAY) % 7))


def listed_expiries_us(at_us: int) -> tuple[int, ...]:
    """Return the expiries that are listed at a moment; one that falls on it has passed."""
    found: list[int] = []
    for _ in range(_LISTED):
        found.append(next_expiry_us(found[-1] if found else at_us))
    return tuple(found)


def known_expiries_us(since_us: int, at_us: int) -> Iterator[int]:
    """Yield every expiry that has been listed from one moment to another, oldest first."""
    last_us = listed_expiries_us(at_us)[-1]
    expiry_us = next_expiry_us(since_us)
    while expiry_us <= last_us:
        yield expiry_us
        expiry_us = next_expiry_us(expiry_us)


def dated_contracts(perpetuals: Iterable[Contract], expiry_us: int) -> dict[Symbol, Contract]:
    """Return the contracts that expire at a moment: each perpetual's terms, with an end."""
    suffix = f"-{from_us(expiry_us):%y%m%d}"
    contracts = (replace(one, symbol=Symbol(one.symbol + suffix), expires_us=expiry_us) for one in perpetuals)
    return {contract.symbol: contract for contract in contracts}


def expiry_of(symbol: Symbol) -> int | None:
    """Return when a symbol says that its contract expires; None for one that does not."""
    _, dash, day = symbol.rpartition("-")
    if not dash or len(day) != len("yymmdd") or not day.isdigit():
        return None
    return to_us(datetime.strptime(day, "%y%m%d").replace(hour=_HOUR, tzinfo=UTC))
