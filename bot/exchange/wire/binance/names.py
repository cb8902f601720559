"""What do things have for names and numbers there? Symbols, ids, amounts, times."""

from datetime import datetime
from decimal import Decimal

from bot.domain.ids import Symbol
from bot.domain.orders import OrderState, Purpose
from bot.exchange.contracts import Contract
from bot.exchange.moments import to_us

#: Conditional orders count by themselves, so that nobody takes the one id for the other.
_ALGO_IDS = 2_000_000_000
#: Orders that the venue makes itself.
_OWN_IDS = 8_000_000_000
#: How the ids of its own orders begin.
_OWN_PREFIX = {
    Purpose.LIQUIDATION: "autoclose-",
    Purpose.DELEVERAGE: "adl_autoclose",
    Purpose.SETTLEMENT: "settlement_autoclose-",
}
STATUS = {
    OrderState.OPEN: "NEW",
    OrderState.PARTIALLY_FILLED: "PARTIALLY_FILLED",
    OrderState.FILLED: "FILLED",
    OrderState.CANCELLED: "CANCELED",
    OrderState.EXPIRED: "EXPIRED",
}


def wire_symbol(symbol: Symbol) -> str:
    """Return ``BTCUSDT`` or ``BTCUSDT_240628``."""
    pair, _, rest = symbol.partition(":")
    _, dash, day = rest.partition("-")
    return pair.replace("/", "") + (f"_{day}" if dash else "")


def pair_of(contract: Contract) -> str:
    """Return the pair that a contract belongs to."""
    return f"{contract.asset}{contract.quote}"


def algo_id(order_id: int) -> int:
    """Return the id of a conditional order."""
    return _ALGO_IDS + order_id


def order_id_of(algo: int) -> int:
    """Return the number of a conditional order within the exchange."""
    return algo - _ALGO_IDS


def own_order_id(trade_id: int) -> int:
    """Return the id of the order by which the venue has made a trade."""
    return _OWN_IDS + trade_id


def own_trade_id(order_id: int) -> int:
    """Return the trade of an order of the venue's."""
    return order_id - _OWN_IDS


def own_client_id(forced: Purpose, trade_id: int) -> str:
    """Return the client id of an order of the venue's."""
    return f"{_OWN_PREFIX[forced]}{trade_id}"


def text(amount: Decimal) -> str:
    """Return a number as bodies have it: without an exponent, without zeros that say nothing."""
    if amount == 0:
        return "0"
    plain = format(amount, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def flag(value: str | None) -> bool:
    """Read ``true`` and ``false`` as queries have them."""
    return (value or "").lower() == "true"


def ms(moment: datetime) -> int:
    """Return epoch milliseconds."""
    return to_us(moment) // 1000
