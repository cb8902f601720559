"""What is wrong with an answer of the embedded exchange? Applied to what is told, never to what is so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.domain.market import Quote
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.exchange.faults import (
    Distortion,
    DistortQuotes,
    Effect,
    HideOrders,
    LagPositions,
    OmitBalances,
    OmitLiquidationPrices,
    OmitPosition,
    ShiftTime,
)
from bot.exchange.floor import Floor

_ZERO = Decimal(0)
#: What a price is multiplied by that has gone wrong.
_SPIKE = Decimal("1.5")
#: How far bid and ask change places, each, as a share of the price.
_CROSSED_FRAC = Decimal("0.01")


def slipped_account(account: AccountState, slip: Effect | None, floor: Floor) -> AccountState:
    """Return the account as it is told."""
    match slip:
        case OmitBalances():
            return replace(account, balances=())
        case OmitLiquidationPrices():
            return replace(account, positions=tuple(replace(p, liquidation_price=None) for p in account.positions))
        case OmitPosition():
            return replace(account, positions=tuple(sorted(account.positions, key=lambda p: p.symbol)[1:]))
        case LagPositions(by):
            return replace(account, positions=_positions_at(account, floor, floor.now - by))
        case HideOrders():
            orders = tuple(order for order in account.open_orders if not slip.hides(order.type))
            return replace(account, open_orders=orders)
        case ShiftTime(by):
            return replace(account, as_of=account.as_of + by)
        case _:
            return account


def _positions_at(account: AccountState, floor: Floor, moment: datetime) -> tuple[FuturesPosition, ...]:
    """Return the positions of a moment: those of now, without the trades since."""
    held = {symbol: position.contracts for symbol, position in floor.accounts.positions.items()}
    for trade in reversed(floor.trades):
        if trade.at <= moment:
            break
        held[trade.symbol] = held.get(trade.symbol, _ZERO) - trade.contracts * trade.side.sign
    known = {position.symbol: position for position in account.positions}
    return tuple(
        replace(known[symbol], contracts=contracts)
        if symbol in known
        else FuturesPosition(
            venue=account.venue,
            symbol=symbol,
            contracts=contracts,
            entry_price=floor.mark_of(floor.contracts[symbol]),
            liquidation_price=None,
        )
        for symbol, contracts in held.items()
        if contracts and not floor.has_expired(floor.contracts[symbol])
    )


def slipped_quotes(quotes: Sequence[Quote], slip: Effect | None) -> tuple[Quote, ...]:
    """Return the quotes as they are told."""
    match slip:
        case ShiftTime(by):
            return tuple(replace(quote, as_of=quote.as_of + by) for quote in quotes)
        case DistortQuotes(how):
            return tuple(_distorted(quote, how) if at == 0 else quote for at, quote in enumerate(quotes))
        case _:
            return tuple(quotes)


def _distorted(quote: Quote, how: Distortion) -> Quote:
    match how:
        case Distortion.SPIKE:
            return _times(quote, _SPIKE)
        case Distortion.ZERO:
            return _times(quote, _ZERO)
        case Distortion.CROSSED:
            return replace(
                quote, bid_price=quote.bid_price * (1 + _CROSSED_FRAC), ask_price=quote.ask_price * (1 - _CROSSED_FRAC)
            )


def _times(quote: Quote, factor: Decimal) -> Quote:
    return replace(
        quote,
        bid_price=quote.bid_price * factor,
        ask_price=quote.ask_price * factor,
        mark_price=quote.mark_price * factor,
        index_price=quote.index_price * factor,
        last_price=quote.last_price * factor,
    )
