"""What would it cost to trade now? A book made from the last price, a spread and a depth.

Around the last price stand levels at equal distances; the first offers ``depth_quote``, the second twice that,
and so on. What is
taken comes back evenly over the recovery time, so that an order in slices pays for its impact as one in a piece does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.ids import Symbol
from bot.domain.orders import Side
from bot.exchange.config import ExchangeConfig
from bot.exchange.contracts import Contract
from bot.exchange.moments import span_us

_ZERO = Decimal(0)
_BPS = Decimal(10_000)
#: No order walks further than this.
_MOST_LEVELS = 5_000
#: In a thin book the spread is this much wider, and every level offers this much less.
_THIN_SPREADS, _THIN_DEPTHS = 25, 50
#: How many levels a quote counts.
_QUOTED_LEVELS = 5


@dataclass(slots=True)
class _Taken:
    contracts: Decimal
    at_us: int


class Book:
    """The other side of every trade."""

    def __init__(self, config: ExchangeConfig) -> None:
        self._half_frac = config.spread_bps / 2 / _BPS
        self._step_frac = config.level_step_bps / _BPS
        self._depth_quote = config.depth_quote
        #: True while makers have stepped back.
        self.is_thin = False
        self._recovery_us = max(1, span_us(config.book_recovery))
        #: (symbol, side of the taker) → what was taken lately.
        self._taken: dict[tuple[Symbol, Side], _Taken] = {}

    @property
    def width_factor(self) -> int:
        """How many times wider than usual spreads are now."""
        return _THIN_SPREADS if self.is_thin else 1

    def first_level(self, contract: Contract, last: Decimal) -> Decimal:
        """Return the contracts at the touch of a full book."""
        return contract.lots_in(self._depth_quote / _THIN_DEPTHS if self.is_thin else self._depth_quote, last)

    def step(self, contract: Contract, last: Decimal) -> Decimal:
        """Return the distance between levels."""
        return contract.tick_near(last * self._step_frac)

    def touch(self, contract: Contract, side: Side, last: Decimal) -> Decimal:
        """Return the best price that an order of ``side`` would meet in a full book."""
        half_frac = self._half_frac * self.width_factor
        if side is Side.BUY:
            return contract.tick_up(last * (1 + half_frac))
        return max(contract.tick, contract.tick_down(last * (1 - half_frac)))

    def levels(self, contract: Contract, side: Side, last: Decimal, at_us: int) -> Iterator[tuple[Decimal, Decimal]]:
        """Yield (price, contracts) that an order of ``side`` would meet, best first."""
        touch, step = self.touch(contract, side, last), self.step(contract, last) * side.sign
        first, missing = self.first_level(contract, last), self._still_taken(contract, side, at_us)
        for place in range(_MOST_LEVELS):
            price = touch + place * step
            if price <= 0:
                return
            offered = first * (place + 1)
            if missing >= offered:
                missing -= offered
                continue
            yield price, offered - missing
            missing = _ZERO

    def top(self, contract: Contract, side: Side, last: Decimal, at_us: int) -> tuple[Decimal, Decimal]:
        """Return the best price for an order of ``side``, and what the first levels offer together."""
        if (contract.symbol, side) not in self._taken:
            full = self.first_level(contract, last) * (_QUOTED_LEVELS * (_QUOTED_LEVELS + 1) // 2)
            return self.touch(contract, side, last), full
        best, offered = None, _ZERO
        for count, (price, contracts) in enumerate(self.levels(contract, side, last, at_us)):
            if count == _QUOTED_LEVELS:
                break
            best = price if best is None else best
            offered += contracts
        return self.touch(contract, side, last) if best is None else best, offered

    def walk(
        self,
        contract: Contract,
        side: Side,
        contracts: Decimal,
        last: Decimal,
        at_us: int,
        bound: Decimal | None,
    ) -> list[tuple[Decimal, Decimal]]:
        """Return the trades (price, contracts) that an order would make, no worse than ``bound``."""
        trades: list[tuple[Decimal, Decimal]] = []
        left = contracts
        for price, offered in self.levels(contract, side, last, at_us):
            if left <= 0 or (bound is not None and (price - bound) * side.sign > 0):
                break
            met = min(left, offered)
            trades.append((price, met))
            left -= met
        return trades

    def take(self, contract: Contract, side: Side, contracts: Decimal, at_us: int) -> None:
        """Note what an order has taken."""
        taken = self._still_taken(contract, side, at_us) + contracts
        self._taken[contract.symbol, side] = _Taken(taken, at_us)

    def _still_taken(self, contract: Contract, side: Side, at_us: int) -> Decimal:
        key = (contract.symbol, side)
        taken = self._taken.get(key)
        if taken is None:
            return _ZERO
        elapsed_us = at_us - taken.at_us
        if elapsed_us >= self._recovery_us:
            del self._taken[key]
            return _ZERO
        lots = taken.contracts / contract.lot * (self._recovery_us - elapsed_us) / self._recovery_us
        return lots.to_integral_value() * contract.lot

    def to_document(self) -> list[list[Any]]:
        """Return what is not back yet."""
        return [
            [symbol, side.value, str(taken.contracts), taken.at_us] for (symbol, side), taken in self._taken.items()
        ]

    def load(self, rows: list[list[Any]]) -> None:
        """Take up what ``to_document`` gave."""
        self._taken = {
            (Symbol(symbol), Side(side)): _Taken(Decimal(contracts), at_us) for symbol, side, contracts, at_us in rows
        }
