"""What does a market look like from the inside of the exchange?

A market is a path of straight lines, *legs*: within one, index, mark and last move evenly from one corner to
the next, so that a
price passes a level once or not at all, at a moment that can be computed. A bar is three legs: open → the
extreme adverse to
the account → the other extreme → close; or the other way round, where that is asked for.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import IntEnum
from typing import Any, Protocol

from bot.domain.ids import Asset
from bot.exchange.moments import DAY_US, FAR_US

#: Index, mark, last.
Prices = tuple[Decimal, Decimal, Decimal]


class Series(IntEnum):
    """Places within ``Prices``."""

    INDEX = 0
    MARK = 1
    LAST = 2


@dataclass(frozen=True, slots=True)
class Leg:
    """A straight line of one asset's prices."""

    begin_us: int
    end_us: int
    begin: Prices
    end: Prices
    #: What prices between the ends are rounded to.
    quantum: Decimal
    #: Set where the data has a hole: when the prices were last known.
    stale_since_us: int | None = None

    def price(self, series: Series, at_us: int) -> Decimal:
        """Return one price at a moment of the leg."""
        first, second = self.begin[series], self.end[series]
        if first == second or at_us <= self.begin_us:
            return first
        if at_us >= self.end_us:
            return second
        share = Decimal(at_us - self.begin_us) / (self.end_us - self.begin_us)
        return (first + (second - first) * share).quantize(self.quantum)

    def prices(self, at_us: int) -> Prices:
        """Return all three at a moment of the leg."""
        if at_us <= self.begin_us:
            return self.begin
        if at_us >= self.end_us:
            return self.end
        share = Decimal(at_us - self.begin_us) / (self.end_us - self.begin_us)
        index, mark, last = (
            first if first == second else (first + (second - first) * share).quantize(self.quantum)
            for first, second in zip(self.begin, self.end, strict=True)
        )
        return index, mark, last

    def crossing_us(self, series: Series, level: Decimal, *, is_rising: bool, from_us: int) -> int | None:
        """Return the first moment from ``from_us`` at which a price is at a level or beyond it; None within
        this leg."""
        way = 1 if is_rising else -1
        if (self.price(series, from_us) - level) * way >= 0:
            return from_us
        first, second = self.begin[series], self.end[series]
        if (second - level) * way < 0:
            return None
        share = (level - first) / (second - first)
        passed = (share * (self.end_us - self.begin_us)).to_integral_value(ROUND_CEILING)
        moment_us = max(from_us, self.begin_us + int(passed))
        # The rounding of prices may leave the level a hair away.
        while moment_us < self.end_us and (self.price(series, moment_us) - level) * way < 0:
            moment_us += max(1, (self.end_us - moment_us) // 1000)
        return min(moment_us, self.end_us)


@dataclass(frozen=True, slots=True)
class Bar:
    """One span of one series."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    def corners(self, lean: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return the prices in the order they are passed: for a short (lean < 0) the high comes first."""
        if lean < 0:
            return self.open, self.high, self.low, self.close
        return self.open, self.low, self.high, self.close


def legs_of(
    begin_us: int,
    end_us: int,
    bars: tuple[Bar, Bar, Bar],
    lean: int,
    quantum: Decimal,
    stale_since_us: int | None,
) -> tuple[Leg, ...]:
    """Return the three legs of a span."""
    paths = [bar.corners(lean) for bar in bars]
    moments = [begin_us + (end_us - begin_us) * third // 3 for third in range(4)]
    return tuple(
        Leg(
            moments[place],
            moments[place + 1],
            (paths[0][place], paths[1][place], paths[2][place]),
            (paths[0][place + 1], paths[1][place + 1], paths[2][place + 1]),
            quantum,
            stale_since_us,
        )
        for place in range(3)
    )


@dataclass(frozen=True, slots=True)
class Settlement:
    """A funding settlement to come."""

    at_us: int
    interval_us: int
    #: The rate as it stands now: the fraction of notional that longs pay to shorts.
    rate: Decimal


def next_multiple_us(after_us: int, interval_us: int) -> int:
    """Return the first moment after ``after_us`` that is a whole number of intervals into its day."""
    day_us = after_us // DAY_US * DAY_US
    return day_us + ((after_us - day_us) // interval_us + 1) * interval_us


class Market(Protocol):
    """A source of prices."""

    @property
    def start_us(self) -> int:
        """Where market time begins."""
        ...

    @property
    def end_us(self) -> int | None:
        """Where the data ends; None for a market without end."""
        ...

    def legs(self, asset: Asset, at_us: int, lean: int) -> tuple[Leg, ...]:
        """Return the legs of the bar that holds ``at_us``; asked for in the order of time."""
        ...

    def next_settlement(self, asset: Asset, after_us: int) -> Settlement:
        """Return the next settlement of an asset."""
        ...

    def settled_rate(self, asset: Asset, at_us: int) -> Decimal:
        """Return the rate of the settlement that is due at ``at_us``."""
        ...

    def closes(self, asset: Asset, at_us: int, days: int) -> list[tuple[int, Decimal]]:
        """Return up to ``days`` (day, index close) of days that have ended, oldest first."""
        ...

    def derived_spans(self) -> list[dict[str, str]]:
        """Name what is derived instead of recorded."""
        ...

    def to_document(self) -> Any:
        """Return what a restart needs besides the configuration."""
        ...

    def load(self, document: Any) -> None:
        """Take up what ``to_document`` gave."""
        ...


def flat_leg(begin_us: int, prices: Prices, quantum: Decimal) -> Leg:
    """Return a leg on which nothing moves, for as long as nobody says otherwise."""
    return Leg(begin_us, FAR_US, prices, prices, quantum)
