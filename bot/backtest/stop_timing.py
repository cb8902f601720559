"""Does every position have its stop, and for how long may it be without? Judged by what rests at the exchange.

A stop must be back by the deadline and one round of the loop that acts, or the owner must have been told. A stop that
the bot takes away leaves another one that holds the position.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from bot.backtest.restraints import Judgement
from bot.domain.ids import Symbol
from bot.domain.orders import OrderType, Side
from bot.domain.policy import Policy
from bot.domain.units import ceil_to_step
from bot.exchange.exchange import Exchange
from bot.exchange.matching import ON_REQUEST
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import Trade

_ZERO = Decimal(0)
#: A list may be on its way for so long.
_IS_ON_ITS_WAY = timedelta(seconds=10)


def closing_stops(exchange: Exchange, symbol: Symbol) -> list[Decimal]:
    """Return the sizes of the stops that close a position."""
    floor = exchange.floor
    closing = Side.SELL if floor.accounts.contracts_of(symbol) > 0 else Side.BUY
    return [
        order.remaining
        for order in floor.open_orders.values()
        if order.symbol == symbol
        and order.type is OrderType.STOP_MARKET
        and order.side is closing
        and order.reduce_only
    ]


class StopTiming:
    """Follows positions and their stops."""

    def __init__(self, exchange: Exchange, policy: Policy, is_told: Callable[[Symbol], bool]) -> None:
        self._exchange = exchange
        #: Whether the owner is told now that a position has no stop.
        self._is_told = is_told
        #: Longest time that a position was without a stop of its size.
        self.unprotected_seconds_max = 0.0
        self._unprotected_since: dict[Symbol, datetime] = {}
        #: A stop must be back by then, or an alert must be out: the deadline, and one round of the loop that acts. A
        #: position that has grown was made to grow by an order of ours, and whoever works that sees it sooner.
        self._grace = policy.stops.deadline + policy.watch.protection
        self._grace_grown = policy.stops.deadline + policy.execution.work_interval
        #: Positions that an order of ours has made larger last, since they had their stop.
        self._grown_by_us: set[Symbol] = set()
        #: Size of each position when it had its stop last.
        self._protected: dict[Symbol, Decimal] = {}
        self._overdue: set[Symbol] = set()
        #: Positions of which the owner has been told, since they have been without their stop.
        self._told: set[Symbol] = set()
        #: Positions that somebody else has made larger last, and when; nobody tells the bot.
        self._grown_by_others: dict[Symbol, datetime] = {}
        #: When somebody else cancelled a stop last.
        self._taken_away_at: dict[Symbol, datetime] = {}

    def begin_anew(self) -> None:
        """Count from now on what is without its stop: the bot was down, and could tell nobody anything."""
        self._unprotected_since = dict.fromkeys(self._unprotected_since, self._exchange.now)
        self._told.clear()

    @property
    def is_unprotected(self) -> bool:
        """True while a position has no stop of its size."""
        return bool(self._unprotected_since)

    def see_grown(self, trade: Trade, *, is_ours: bool) -> None:
        """Take note of who has made a position larger last."""
        if is_ours:
            self._grown_by_us.add(trade.symbol)
            self._grown_by_others.pop(trade.symbol, None)
        else:
            self._grown_by_us.discard(trade.symbol)
            self._grown_by_others[trade.symbol] = self._exchange.now

    def see_cancelled(self, at: datetime, order: ExchangeOrder) -> Iterator[Judgement]:
        """Take note of a stop that is gone, and yield whether one that the bot takes away leaves another one."""
        mark = order.client_order_id
        if order.reason != ON_REQUEST:
            self._taken_away_at[order.symbol] = at
            return
        floor = self._exchange.floor
        # At its expiry the venue closes position and orders of a contract in one go.
        is_over = order.symbol not in floor.accounts.positions or floor.has_expired(floor.contracts[order.symbol])
        # A cancel that comes through late was right when it was asked for, as one that crosses a trade of somebody
        # else; the position has grown since then.
        is_outgrown = abs(floor.accounts.contracts_of(order.symbol)) > order.contracts
        is_late = mark in self._exchange.deceived or order.symbol in self._grown_by_others
        is_over |= is_late and is_outgrown
        # Nor does it know yet of one that somebody has just taken away, or of what somebody has just added.
        crossed = (times.get(order.symbol) for times in (self._taken_away_at, self._grown_by_others))
        is_over |= any(moment is not None and at - moment < _IS_ON_ITS_WAY for moment in crossed)
        is_held = is_over or self._is_protected(order.symbol, at_least=True)
        yield is_held, f"{mark} was cancelled and no other stop holds {order.symbol}"

    def judge(self, at: datetime) -> Iterator[Judgement]:
        """Yield what has been without its stop for too long."""
        floor = self._exchange.floor
        for symbol in list(self._unprotected_since):
            if symbol not in floor.accounts.positions:
                yield from self._end_unprotected(symbol, at)
                self._grown_by_us.discard(symbol)
                self._protected.pop(symbol, None)
        for symbol in floor.accounts.positions:
            if self._is_protected(symbol):
                yield from self._end_unprotected(symbol, at)
                self._grown_by_us.discard(symbol)
                self._protected[symbol] = abs(floor.accounts.contracts_of(symbol))
            else:
                self._unprotected_since.setdefault(symbol, at)
                yield from self._measure(symbol, at)

    def _is_protected(self, symbol: Symbol, *, at_least: bool = False) -> bool:
        """Return whether a stop of the position's size rests, or several that add up to it.

        ``at_least``: or one that closes more than all of it. A lot that has become finer makes no stop wrong at once:
        its size is right on the lot that it was sent with.
        """
        held = abs(self._exchange.floor.accounts.contracts_of(symbol))
        sizes = closing_stops(self._exchange, symbol)
        wanted = [(size, ceil_to_step(held, Decimal(1).scaleb(int(size.as_tuple().exponent)))) for size in sizes]
        is_alone = any(size == on_lot or (at_least and size > on_lot) for size, on_lot in wanted)
        return is_alone or (bool(sizes) and sum(sizes) == held)

    def _end_unprotected(self, symbol: Symbol, at: datetime) -> Iterator[Judgement]:
        if symbol in self._unprotected_since:
            yield from self._measure(symbol, at)
            del self._unprotected_since[symbol]
            self._overdue.discard(symbol)
            self._told.discard(symbol)

    def _measure(self, symbol: Symbol, at: datetime) -> Iterator[Judgement]:
        """Take note of how long a position has been without its stop; longer than the deadline, somebody must know."""
        lasted = at - self._unprotected_since[symbol]
        self.unprotected_seconds_max = max(self.unprotected_seconds_max, lasted.total_seconds())
        if self._is_told(symbol):
            self._told.add(symbol)
        has_grown = abs(self._exchange.floor.accounts.contracts_of(symbol)) > self._protected.get(symbol, _ZERO)
        # What closes more than there is left by somebody else is of the wrong size, and closes all of it.
        is_ours_to_mend = symbol in self._grown_by_us and not self._is_protected(symbol, at_least=True)
        grace = self._grace_grown if has_grown and is_ours_to_mend else self._grace
        if symbol not in self._overdue and lasted > grace and symbol not in self._told:
            self._overdue.add(symbol)
            yield False, f"{symbol} was without its stop for {lasted} and nobody was told"
