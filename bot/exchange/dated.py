"""What does a contract that expires cost? Spot and a basis that decays to nothing.

Formula of this file: mark = last = index × (1 + annual basis × days to expiry ÷ 365).

The product of two straight lines is none, and everything that happens by itself is found on straight lines. So the
formula holds exactly at the ends of the asset's legs, at every full hour and at the knots of a script of the basis;
between those the price is a straight line, off by less than a thousandth of a basis point in any but a wild hour.
"""

from bisect import bisect_left, bisect_right
from decimal import Decimal

from bot.domain.ids import Symbol
from bot.exchange.config import ExchangeConfig
from bot.exchange.contracts import Contract
from bot.exchange.feed import Feed
from bot.exchange.market import Leg, Prices, Series
from bot.exchange.moments import DAY_US, FAR_US, HOUR_US, to_us

_ZERO = Decimal(0)
_YEAR_US = 365 * DAY_US


class BasisCurve:
    """The annual basis in time: one number, or straight lines between the knots of a script."""

    def __init__(self, config: ExchangeConfig) -> None:
        #: Before the first knot, and where there is none.
        self._annual = config.dated_basis_annual or _ZERO
        self._knots = [(to_us(at), annual) for at, annual in config.dated_basis_curve]
        self._moments = [at_us for at_us, _ in self._knots]

    def annual(self, at_us: int, *, is_end: bool = False) -> Decimal:
        """Return the basis at a moment, as a fraction a year; where it jumps, what it was before if ``is_end``."""
        place = (bisect_left if is_end else bisect_right)(self._moments, at_us)
        if place == 0:
            return self._annual
        if place == len(self._knots):
            return self._knots[-1][1]
        (begin_us, before), (end_us, after) = self._knots[place - 1 : place + 1]
        return before + (after - before) * (at_us - begin_us) / (end_us - begin_us)

    def cut_before_us(self, at_us: int) -> int:
        """Return the last moment up to ``at_us`` at which a line begins."""
        place = bisect_right(self._moments, at_us)
        return max(at_us // HOUR_US * HOUR_US, self._moments[place - 1] if place else 0)

    def cut_after_us(self, at_us: int) -> int:
        """Return the first moment after ``at_us`` at which a line ends."""
        place = bisect_right(self._moments, at_us)
        return min((at_us // HOUR_US + 1) * HOUR_US, self._moments[place] if place < len(self._moments) else FAR_US)


class DatedPrices:
    """The legs of contracts that expire, made from their assets' when somebody asks."""

    def __init__(self, config: ExchangeConfig, feed: Feed) -> None:
        self.curve = BasisCurve(config)
        self._feed = feed
        #: With the asset's leg that each was made from.
        self._legs: dict[Symbol, tuple[Leg, Leg]] = {}

    def leg_of(self, contract: Contract, at_us: int) -> Leg:
        """Return the straight line that a contract's price is on at a moment of the present leg."""
        spot = self._feed.legs[contract.asset]
        kept = self._legs.get(contract.symbol)
        if kept is not None and kept[0] is spot and kept[1].begin_us <= at_us < kept[1].end_us:
            return kept[1]
        leg = self._make(contract, spot, at_us)
        self._legs[contract.symbol] = (spot, leg)
        return leg

    def _make(self, contract: Contract, spot: Leg, at_us: int) -> Leg:
        begin_us = max(spot.begin_us, self.curve.cut_before_us(at_us))
        end_us = max(begin_us, min(spot.end_us, self.curve.cut_after_us(at_us)))
        first = self._prices(contract, spot, begin_us, self.curve.annual(begin_us))
        second = self._prices(contract, spot, end_us, self.curve.annual(end_us, is_end=True))
        return Leg(begin_us, end_us, first, second, spot.quantum, spot.stale_since_us)

    @staticmethod
    def _prices(contract: Contract, spot: Leg, at_us: int, annual: Decimal) -> Prices:
        index = spot.price(Series.INDEX, at_us)
        left_us = max(0, (contract.expires_us or 0) - at_us)
        price = (index + index * annual * left_us / _YEAR_US).quantize(spot.quantum)
        return index, price, price

    def forget(self, contract: Contract) -> None:
        """Let go of a contract that nobody asks for any more."""
        self._legs.pop(contract.symbol, None)
