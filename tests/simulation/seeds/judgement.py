"""Is the bot well, hours after the last fault? In band or the reason told, protected, nothing left over."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from bot.backtest.invariants import InvariantChecker
from bot.domain.books import Books
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import OrderState, OrderType, Purpose, Side
from bot.domain.policy import Policy, TradingState
from bot.exchange.exchange import Exchange

#: What the smallest order is worth, as a share of the portfolio.
_SMALLEST = Decimal("0.02")


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


def _unprotected(exchange: Exchange) -> list[Symbol]:
    floor = exchange.floor
    stops = {
        (order.symbol, order.side, order.remaining)
        for order in floor.open_orders.values()
        if order.type is OrderType.STOP_MARKET and order.reduce_only
    }
    held = {symbol: floor.accounts.contracts_of(symbol) for symbol in floor.accounts.positions}
    return [
        symbol
        for symbol, contracts in held.items()
        if (symbol, Side.SELL if contracts > 0 else Side.BUY, abs(contracts)) not in stops
    ]


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
