"""Is the bot well, hours after the last fault? In band or the reason told, protected, nothing left over.

And while it goes on: is what only somebody may lift still there, and is nothing made smaller refused?
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from bot.backtest.invariants import InvariantChecker
from bot.backtest.stop_timing import closing_stops
from bot.domain.books import Books
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import OrderState, Purpose
from bot.domain.plan import Decision, Rule
from bot.domain.policy import Policy, TradingState
from bot.exchange.exchange import Exchange

#: What the smallest order is worth, as a share of the portfolio.
_SMALLEST = Decimal("0.02")
#: A look is judged when its orders are done.
_LOOK_ACTS = timedelta(minutes=10)
#: What may hold back a reduction: everything else is for what increases.
_OF_REDUCTIONS = frozenset(
    {Rule.ORDER_RATE, Rule.UNKNOWN_ORDER, Rule.UNHEDGEABLE, Rule.BELOW_MINIMUM, Rule.COST, Rule.ROLLING}
)


class StateWatch:
    """Sees to it that a halt, and ``reduce_only``, last until the owner resumes: a restart is nobody."""

    def __init__(self) -> None:
        self._state, self._resumed = TradingState.NORMAL, 0

    def judge(self, state: TradingState, resumed: int) -> Iterator[str]:
        """Yield what is wrong with a state, where the owner has resumed so often until now."""
        is_laxer = state.strictness < self._state.strictness
        if is_laxer and resumed == self._resumed:
            yield f"the state {self._state} was lifted by nobody"
        self._state, self._resumed = state, resumed


def refused_reductions(
    exchange: Exchange, checker: InvariantChecker, books: Books, decision: Decision
) -> Iterator[str]:
    """Yield what a look has refused although it only makes a position smaller, by the exchange's own numbers.

    What somebody else has traded while the look acted, it was not asked about. Nor was it told of a position that the
    venue has left out for so long that it is locked.
    """
    if decision.trading_state is TradingState.HALTED:
        return
    floor = exchange.floor
    reduced = {leg.instrument.asset for leg in decision.legs if leg.reduce_only}
    rolling = {roll.asset for roll in books.rolls.values()}
    for line in decision.lines:
        held = [
            position.contracts * floor.contracts[symbol].size
            for symbol, position in floor.accounts.positions.items()
            if floor.contracts[symbol].asset == line.asset
        ]
        need = line.hedge_need_quote / line.index_price
        shrinks = len(held) == 1 and need * held[0] < 0 and abs(need) < abs(held[0])
        rules = [one.rule for one in decision.refusals if one.asset == line.asset and one.rule not in _OF_REDUCTIONS]
        has_changed = checker.others_have_traded(line.asset, exchange.now - _LOOK_ACTS)
        is_left_out = Rule.LOCKED in rules and line.futures_delta_base == 0
        if shrinks and rules and line.asset not in reduced | rolling and not has_changed and not is_left_out:
            yield f"a reduction of {line.asset} was refused: {rules[0]}"


def what_is_wrong(
    exchange: Exchange, checker: InvariantChecker, books: Books, policy: Policy, excused: set[Asset], now: datetime
) -> list[str]:
    """Return what is not as it should be; nothing when the bot is well.

    ``excused`` are the assets of which the last look has said why they are not where they should be.
    """
    checker.check_at_rest(now)
    return [
        *(f"{symbol} has no stop of its size" for symbol in _unprotected(exchange)),
        *(f"{leg[1]} is unprotected since {since}: {why}" for leg, (since, why) in books.unprotected.items()),
        *(f"{leg[1]} is locked since {since}: {why}" for leg, (since, why) in books.locks.items()),
        *_unsettled(books),
        *_out_of_band(exchange, checker, books, policy, excused),
        *(["still " + books.trading_state] if books.trading_state is not TradingState.NORMAL else []),
    ]


def _unsettled(books: Books) -> Iterator[str]:
    for order in books.orders.values():
        is_unknown = order.state in (OrderState.INTENDED, OrderState.UNKNOWN)
        may_rest = order.intent.purpose in (Purpose.STOP, Purpose.TAKE_PROFIT)
        if is_unknown or not (order.state.is_final or may_rest):
            yield f"{order.intent.client_order_id} is still {order.state}"


def _unprotected(exchange: Exchange) -> Iterator[Symbol]:
    """Yield the positions without a stop of their size, or several that add up to it.

    By now it is exactly their size, also on a lot that has become finer; while things go on the checker lets a stop
    pass that is right on the lot that it was sent with.
    """
    for symbol in exchange.floor.accounts.positions:
        held = abs(exchange.floor.accounts.contracts_of(symbol))
        sizes = closing_stops(exchange, symbol)
        if held not in sizes and sum(sizes) != held:
            yield symbol


def _out_of_band(
    exchange: Exchange, checker: InvariantChecker, books: Books, policy: Policy, excused: set[Asset]
) -> Iterator[str]:
    """Yield the assets that are off their targets by the exchange's own numbers, and nobody says why."""
    value, coins = checker.portfolio()
    excused = excused | {asset for asset, _ in books.ceilings}
    for asset, target in policy.targets.items():
        weight = coins[asset] * exchange.floor.index_of(asset) / value
        if asset not in excused and abs(weight - target) > policy.bands.absolute_frac + _SMALLEST:
            yield f"{asset} is at {weight:.4f}, its target is {target}"
