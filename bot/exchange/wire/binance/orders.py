"""How are orders placed, cancelled and found? Plain ones, and conditional ones in a house of their own.

As the venue has it since 2025-12-09: a stop sent to the plain route is refused (−4120); conditional orders have ids,
lists and events of their own, and once triggered the order that trades has another id, in ``actualOrderId``. A plain
order is acknowledged as new whatever has become of it, unless the reply is asked for as a result. Here stops trigger by
mark only.
"""

import re
from decimal import Decimal
from typing import Any

from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderState, OrderType, Side, TimeInForce
from bot.exchange.config import Remembered
from bot.exchange.orders import ExchangeOrder, OrderRequest, Refused
from bot.exchange.wire.binance.account import own_order, window
from bot.exchange.wire.binance.errors import WireError, missing, of_refusal
from bot.exchange.wire.binance.names import (
    STATUS,
    algo_id,
    flag,
    ms,
    order_id_of,
    own_trade_id,
    text,
    wire_symbol,
)
from bot.exchange.wire.binance.request import Params
from bot.exchange.wire.binance.state import Served

_ZERO = Decimal(0)
_CLIENT_ID = re.compile(r"^[.A-Z:/a-z0-9_-]{1,36}$")
_CONDITIONAL = ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
_IN_FORCE = {
    "GTC": TimeInForce.GTC,
    "IOC": TimeInForce.IOC,
    "FOK": TimeInForce.FOK,
    "GTX": TimeInForce.POST_ONLY,
}
_SAID_IN_FORCE = {value: name for name, value in _IN_FORCE.items()}
_UNUSED_TOLD = Remembered().unfilled_orders
_DOES_NOT_EXIST = WireError(-2013, "Order does not exist.")


def place(served: Served, params: Params) -> dict[str, Any]:
    """``POST /fapi/v1/order``."""
    kind = params.need("type")
    if kind in _CONDITIONAL:
        raise WireError(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    if kind not in ("LIMIT", "MARKET"):
        raise WireError(-1116, "Invalid orderType.")
    is_limit = kind == "LIMIT"
    in_force = _in_force(params.need("timeInForce")) if is_limit else TimeInForce.IOC
    price = params.number("price") if is_limit else None
    if is_limit and price is None:
        raise missing("price")
    order = _submit(
        served,
        params,
        type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        price=price,
        time_in_force=in_force,
        client_order_id=_client_id(params, "newClientOrderId"),
    )
    body = order_body(served, order)
    if (params.get("newOrderRespType") or "ACK") != "RESULT":
        # Acknowledged, and nothing said of what has traded.
        body |= {"status": "NEW", "executedQty": "0", "cumQty": "0", "cumQuote": "0", "avgPrice": "0"}
    return body


def place_algo(served: Served, params: Params) -> dict[str, Any]:
    """``POST /fapi/v1/algoOrder``."""
    if params.need("algoType") != "CONDITIONAL":
        raise WireError(-1128, "Combination of optional parameters invalid.")
    kind = params.need("type")
    if kind != "STOP_MARKET" or flag(params.get("closePosition")):
        raise WireError(-1116, "Invalid orderType.")
    if params.get("workingType") != "MARK_PRICE":
        raise WireError(-1128, "Combination of optional parameters invalid: here stops trigger by MARK_PRICE only.")
    trigger = params.number("triggerPrice")
    if trigger is None:
        raise missing("triggerPrice")
    order = _submit(
        served,
        params,
        type=OrderType.STOP_MARKET,
        trigger_price=trigger,
        client_order_id=_client_id(params, "clientAlgoId"),
    )
    return algo_body(order)


def _in_force(name: str) -> TimeInForce:
    try:
        return _IN_FORCE[name]
    except KeyError:
        raise WireError(-1115, "Invalid timeInForce.") from None


def _client_id(params: Params, name: str) -> ClientOrderId | None:
    given = params.get(name)
    if given is None:
        return None
    if not _CLIENT_ID.match(given):
        raise WireError(-4015, "Client order id length should be less than 36 chars.")
    return ClientOrderId(given)


def _submit(served: Served, params: Params, **terms: Any) -> ExchangeOrder:
    contract = served.contract(params.need("symbol"))
    side = params.need("side")
    if side not in ("BUY", "SELL"):
        raise WireError(-1117, "Invalid side.")
    if not served.may_trade:
        raise WireError(-2015, "Invalid API-key, IP, or permissions for action", status=401)
    if ((params.get("positionSide") or "BOTH") != "BOTH") is not served.has_hedge_mode:
        raise WireError(-4061, "Order's position side does not match user's setting.")
    amount = params.number("quantity")
    if amount is None:
        raise missing("quantity")
    if amount <= 0:
        raise WireError(-4003, "Quantity less than or equal to zero.")
    request = OrderRequest(
        symbol=contract.symbol,
        side=Side(side.lower()),
        contracts=amount,
        reduce_only=flag(params.get("reduceOnly")),
        **terms,
    )
    try:
        return served.exchange.submit(request)
    except Refused as refusal:
        raise of_refusal(refusal) from refusal


# --- finding -----------------------------------------------------------------------------------


def _named(served: Served, params: Params, *, is_algo: bool) -> ExchangeOrder | None:
    """Return the order that a request names, by the venue's id or the sender's."""
    floor = served.exchange.floor
    number, client_id = (
        (params.whole("algoId"), params.get("clientAlgoId"))
        if is_algo
        else (params.whole("orderId"), params.get("origClientOrderId"))
    )
    if number is not None:
        found = floor.orders.get(order_id_of(number) if is_algo else number)
    elif client_id is not None:
        named = (one for one in floor.orders.values() if one.client_order_id == client_id)
        found = max(named, key=lambda one: one.id, default=None)
    else:
        raise missing("algoId" if is_algo else "orderId")
    if found is None or is_conditional(found) is not is_algo:
        # What a triggered stop became is found by its number.
        is_its_trade = found is not None and not is_algo and number is not None and found.triggered_at is not None
        return found if is_its_trade else None
    return found


def is_conditional(order: ExchangeOrder) -> bool:
    """True for an order of the house of conditional ones."""
    return order.type is OrderType.STOP_MARKET


def fetch(served: Served, params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/order``."""
    served.contract(params.need("symbol"))
    number = params.whole("orderId")
    if number is not None and own_trade_id(number) > 0:
        trade = next((one for one in served.exchange.floor.trades if one.id == own_trade_id(number)), None)
        if trade is None:
            raise _DOES_NOT_EXIST
        return own_order(trade)
    order = _named(served, params, is_algo=False)
    if order is None or wire_symbol(order.symbol) != params.need("symbol") or _is_denied(served, order):
        raise _DOES_NOT_EXIST
    return order_body(served, order)


def fetch_algo(served: Served, params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/algoOrder``."""
    order = _named(served, params, is_algo=True)
    if order is None or _is_denied(served, order):
        raise _DOES_NOT_EXIST
    return algo_body(order)


def _is_denied(served: Served, order: ExchangeOrder) -> bool:
    """True for one that ended without a trade and was made days ago, however short a time ago it ended."""
    has_ended_unused = not order.is_open and order.triggered_at is None and not order.filled
    return has_ended_unused and order.created_at < served.now() - _UNUSED_TOLD


def open_orders(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/openOrders``."""
    return [order_body(served, one) for one in _open(served, params) if not is_conditional(one)]


def open_algo_orders(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/openAlgoOrders``."""
    return [algo_body(one) for one in _open(served, params) if is_conditional(one)]


def _open(served: Served, params: Params) -> list[ExchangeOrder]:
    name = params.get("symbol")
    symbol = None if name is None else served.contract(name).symbol
    floor = served.exchange.floor
    return [
        one
        for one in floor.open_orders.values()
        if floor.contracts[one.symbol].is_linear and symbol in (None, one.symbol)
    ]


def all_orders(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/allOrders``."""
    return [order_body(served, one) for one in _all(served, params) if not is_conditional(one)]


def all_algo_orders(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/allAlgoOrders``."""
    return [algo_body(one) for one in _all(served, params) if is_conditional(one)]


def _all(served: Served, params: Params) -> list[ExchangeOrder]:
    symbol = served.contract(params.need("symbol")).symbol
    start, end = window(served, params)
    limit, page = min(params.whole("limit") or 500, 1000), params.whole("page") or 1
    mine = [one for one in served.exchange.floor.orders.values() if one.symbol == symbol]
    within = [one for one in mine if start <= ms(one.created_at) <= end]
    # Asked without a page it gives the newest.
    return within[-limit:] if params.get("page") is None else within[(page - 1) * limit : page * limit]


# --- cancelling --------------------------------------------------------------------------------


def cancel(served: Served, params: Params) -> dict[str, Any]:
    """``DELETE /fapi/v1/order``."""
    served.contract(params.need("symbol"))
    return order_body(served, _cancel(served, params, is_algo=False))


def cancel_algo(served: Served, params: Params) -> dict[str, Any]:
    """``DELETE /fapi/v1/algoOrder``."""
    order = _cancel(served, params, is_algo=True)
    return {"algoId": algo_id(order.id), "clientAlgoId": order.client_order_id, "code": "200", "msg": "success"}


def _cancel(served: Served, params: Params, *, is_algo: bool) -> ExchangeOrder:
    order = _named(served, params, is_algo=is_algo)
    if order is None or not order.is_open or is_conditional(order) is not is_algo:
        raise WireError(-2011, "Unknown order sent.")
    if order.client_order_id is None:
        served.exchange.cancel_by_venue(order.id, "cancelled on request")
        return order
    try:
        return served.exchange.cancel(order.symbol, order.client_order_id)
    except Refused as refusal:
        raise of_refusal(refusal) from refusal


def cancel_all(served: Served, params: Params) -> dict[str, Any]:
    """``DELETE /fapi/v1/allOpenOrders``."""
    return _cancel_all(served, params, is_algo=False)


def cancel_all_algo(served: Served, params: Params) -> dict[str, Any]:
    """``DELETE /fapi/v1/algoOpenOrders``."""
    return _cancel_all(served, params, is_algo=True)


def _cancel_all(served: Served, params: Params, *, is_algo: bool) -> dict[str, Any]:
    params.need("symbol")
    for order in [one for one in _open(served, params) if is_conditional(one) is is_algo]:
        served.exchange.cancel_by_venue(order.id, "cancelled on request")
    return {"code": 200, "msg": "The operation of cancel all open order is done."}


# --- bodies ------------------------------------------------------------------------------------


def order_body(served: Served, order: ExchangeOrder) -> dict[str, Any]:
    """Return a plain order, or the one that a triggered stop became."""
    trades = served.trades_of(order)
    filled = sum((trade.contracts for trade in trades), _ZERO)
    quote = sum((trade.contracts * trade.price for trade in trades), _ZERO)
    is_stop = is_conditional(order)
    kind = "MARKET" if is_stop or order.type is OrderType.MARKET else "LIMIT"
    return {
        "orderId": order.id,
        "symbol": wire_symbol(order.symbol),
        "status": STATUS[order.state],
        "clientOrderId": f"triggered-{order.id}" if is_stop else (order.client_order_id or f"web_{order.id}"),
        "price": text(order.price or _ZERO),
        "avgPrice": text((quote / filled).quantize(Decimal("1e-8"))) if filled else "0",
        "origQty": text(order.contracts),
        "executedQty": text(order.filled),
        "cumQty": text(order.filled),
        "cumQuote": text(quote),
        "timeInForce": _SAID_IN_FORCE[order.time_in_force],
        "type": kind,
        # Not what the stop was: nothing in this document tells that it had been one.
        "origType": kind,
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": order.side.value.upper(),
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": ms(order.created_at),
        "updateTime": ms(order.updated_at),
    }


def algo_body(order: ExchangeOrder) -> dict[str, Any]:
    """Return a conditional order."""
    is_triggered = order.triggered_at is not None
    return {
        "algoId": algo_id(order.id),
        "clientAlgoId": order.client_order_id or f"web_{order.id}",
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": wire_symbol(order.symbol),
        "side": order.side.value.upper(),
        "positionSide": "BOTH",
        "timeInForce": "GTC",
        "quantity": text(order.contracts),
        "algoStatus": algo_status(order),
        "actualOrderId": str(order.id) if is_triggered else "",
        "actualPrice": "0.00000",
        "triggerPrice": text(order.trigger_price or _ZERO),
        "price": "0.00",
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "MARK_PRICE",
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": order.reduce_only,
        "activatePrice": "",
        "callbackRate": "",
        "createTime": ms(order.created_at),
        "updateTime": ms(order.updated_at),
        "triggerTime": 0 if order.triggered_at is None else ms(order.triggered_at),
        "goodTillDate": 0,
    }


def algo_status(order: ExchangeOrder) -> str:
    """Return how a conditional order stands; what became of it once triggered, the other order says."""
    if order.triggered_at is not None:
        return "TRIGGERED" if order.is_open else "FINISHED"
    return {OrderState.OPEN: "NEW", OrderState.CANCELLED: "CANCELED"}.get(order.state, "EXPIRED")
