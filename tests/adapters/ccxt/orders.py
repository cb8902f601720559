"""Orders to send: a hedge, and the stop behind it."""

from typing import Any

from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderIntent, OrderType, Purpose, Side
from tests.adapters.ccxt import payloads
from tests.builders import dec, make_instrument, make_intent

OURS, OTHERS = ClientOrderId("TTABC00000000100"), ClientOrderId("TTXYZ00000000900")
BTC, PEPE = Symbol("BTC/USDT:USDT"), Symbol("1000PEPE/USDT:USDT")

PLACE, PLACE_STOP = "POST /fapi/v1/order", "POST /fapi/v1/algoOrder"
FIND, FIND_STOP = "GET /fapi/v1/order", "GET /fapi/v1/algoOrder"
CANCEL, CANCEL_STOP = "DELETE /fapi/v1/order", "DELETE /fapi/v1/algoOrder"


def hedge(**changes: Any) -> OrderIntent:
    """Return a limit order that opens a short."""
    terms: dict[str, Any] = {
        "symbol": BTC,
        "client_order_id": OURS,
        "contracts": dec("0.020"),
        "price": dec("51000.0"),
        "intended_at": payloads.NOW,
    }
    return make_intent(make_instrument(), **(terms | changes))


def stop(**changes: Any) -> OrderIntent:
    """Return the stop behind it."""
    terms: dict[str, Any] = {
        "type": OrderType.STOP_MARKET,
        "side": Side.BUY,
        "price": None,
        "trigger_price": dec(60_000),
        "reduce_only": True,
        "purpose": Purpose.STOP,
    }
    return hedge(**(terms | changes))
