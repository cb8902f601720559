"""What is an order, a conditional order, a trade?

A conditional order that has triggered is closed with nothing filled: what trades is another order, and says so itself.
"""

from collections.abc import Mapping

from bot.adapters.ccxt.binance.translate.contracts import coins_in, known
from bot.adapters.ccxt.binance.translate.fields import VENUE, Row, is_set, moment, number, text
from bot.domain.errors import BadPayload
from bot.domain.ids import ClientOrderId, Currency, Symbol, TradeId, VenueOrderId
from bot.domain.orders import Fill, OrderState, OrderType, Purpose, Side, VenueOrder
from bot.domain.units import ZERO

_STATES = {
    "NEW": OrderState.OPEN,
    # The venue's own, while they work: against its insurance fund, and deleveraging.
    "NEW_INSURANCE": OrderState.OPEN,
    "NEW_ADL": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
_ALGO_STATES = {
    "NEW": OrderState.OPEN,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
#: Once triggered, the order that trades says what becomes of it.
_ALGO_TRIGGERED = ("TRIGGERING", "TRIGGERED", "FINISHED")
#: How the ids of the venue's own orders begin.
_FORCED = {
    "autoclose-": Purpose.LIQUIDATION,
    "adl_autoclose": Purpose.DELEVERAGE,
    "settlement_autoclose-": Purpose.SETTLEMENT,
    "delivery_autoclose-": Purpose.SETTLEMENT,
}


def order(row: Row, symbols: Mapping[str, Symbol]) -> VenueOrder:
    """Return a plain order."""
    state = _STATES.get(text(row, "status"))
    if state is None:
        raise BadPayload(f"binanceusdm: an order is {text(row, 'status')[:40]}")
    is_limit = text(row, "type") == "LIMIT"
    symbol = known(text(row, "symbol"), symbols)
    return VenueOrder(
        venue=VENUE,
        symbol=symbol,
        client_order_id=ClientOrderId(text(row, "clientOrderId")),
        venue_order_id=VenueOrderId(text(row, "orderId")),
        side=Side(text(row, "side").lower()),
        type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        contracts=number(row, "origQty"),
        filled_contracts=number(row, "executedQty"),
        price=number(row, "price") / coins_in(symbol) if is_limit else None,
        trigger_price=None,
        reduce_only=is_set(row, "reduceOnly"),
        state=state,
        created_at=moment(row, "time" if "time" in row else "updateTime"),
    )


def is_triggered(row: Row) -> bool:
    """Return whether a conditional order has become another."""
    return text(row, "algoStatus") in _ALGO_TRIGGERED


def conditional(row: Row, symbols: Mapping[str, Symbol], actual: Row | None) -> VenueOrder:
    """Return a conditional order; once triggered, with what ``actual``, the order that trades, says."""
    status = text(row, "algoStatus")
    filled = ZERO
    if status in _ALGO_TRIGGERED:
        state = OrderState.OPEN
        if actual is not None:
            seen = order(actual, symbols)
            state, filled = seen.state, seen.filled_contracts
    else:
        found = _ALGO_STATES.get(status)
        if found is None:
            raise BadPayload(f"binanceusdm: a conditional order is {status[:40]}")
        state = found
    symbol = known(text(row, "symbol"), symbols)
    return VenueOrder(
        venue=VENUE,
        symbol=symbol,
        client_order_id=ClientOrderId(text(row, "clientAlgoId")),
        venue_order_id=VenueOrderId(f"algo-{text(row, 'algoId')}"),
        side=Side(text(row, "side").lower()),
        type=OrderType.STOP_MARKET,
        # One that closes whatever is held names no amount; none of ours does that.
        contracts=ZERO if row.get("closePosition") is True else number(row, "quantity"),
        filled_contracts=filled,
        price=None,
        trigger_price=None if _trails(row) else number(row, "triggerPrice") / coins_in(symbol),
        reduce_only=is_set(row, "reduceOnly"),
        state=state,
        created_at=moment(row, "createTime"),
    )


def _trails(row: Row) -> bool:
    """Return whether the trigger follows the price; none of ours does."""
    return row.get("orderType") == "TRAILING_STOP_MARKET"


def forced_by(client_order_id: str) -> Purpose | None:
    """Return why the venue made an order itself; None for one that it did not make."""
    return next((why for prefix, why in _FORCED.items() if client_order_id.startswith(prefix)), None)


def fill(row: Row, symbols: Mapping[str, Symbol], owner: ClientOrderId | None, forced: Purpose | None) -> Fill:
    """Return a trade; ``owner`` is the client id of the order that it belongs to."""
    symbol = known(text(row, "symbol"), symbols)
    fee = number(row, "commission")
    # A fee of nothing need not name what it was paid in.
    is_free = fee == ZERO and not row.get("commissionAsset")
    return Fill(
        venue=VENUE,
        symbol=symbol,
        trade_id=TradeId(text(row, "id")),
        client_order_id=owner,
        venue_order_id=VenueOrderId(text(row, "orderId")),
        side=Side(text(row, "side").lower()),
        contracts=number(row, "qty"),
        price=number(row, "price") / coins_in(symbol),
        fee_paid=fee,
        fee_currency=Currency(symbol.partition(":")[2].partition("-")[0] if is_free else text(row, "commissionAsset")),
        is_maker=is_set(row, "maker"),
        forced=forced,
        filled_at=moment(row, "time"),
    )
