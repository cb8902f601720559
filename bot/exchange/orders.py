"""What is an order at the venue, and why would one be refused?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderState, OrderType, Side, TimeInForce


class RefusalCode(StrEnum):
    """Why the venue did not take a request."""

    DUPLICATE = "duplicate_client_order_id"
    DUPLICATE_TRANSFER = "duplicate_transfer_id"
    TOO_LATE = "request_expired"
    UNKNOWN_SYMBOL = "unknown_symbol"
    BAD_REQUEST = "bad_request"
    BAD_AMOUNT = "bad_amount"
    BAD_PRICE = "bad_price"
    PRICE_BOUND = "price_bound"
    MIN_NOTIONAL = "min_notional"
    REDUCE_ONLY = "reduce_only"
    WOULD_TAKE = "would_take"
    WOULD_TRIGGER = "would_trigger"
    NO_MARGIN = "insufficient_margin"
    TOO_MANY_ORDERS = "max_open_orders"
    NOT_FOUND = "order_not_found"
    MARKET_CLOSED = "market_closed"
    NO_FUNDS = "insufficient_funds"
    #: In the last minutes of a contract only orders that reduce are taken.
    CLOSE_ONLY = "close_only"
    EXPIRED = "contract_expired"


class Refused(Exception):
    """The venue did not take a request, and nothing changed."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as it arrives."""

    symbol: Symbol
    side: Side
    type: OrderType
    contracts: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    reduce_only: bool = False
    client_order_id: ClientOrderId | None = None
    #: The venue refuses the request after this; None never.
    valid_until: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ExchangeOrder:
    """An order that was taken."""

    id: int
    symbol: Symbol
    side: Side
    type: OrderType
    contracts: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    time_in_force: TimeInForce
    reduce_only: bool
    client_order_id: ClientOrderId | None
    created_at: datetime
    updated_at: datetime
    filled: Decimal = Decimal(0)
    state: OrderState = OrderState.OPEN
    reason: str = ""
    #: A resting limit order: how many levels of trade have reached it.
    levels_met: int = 0
    triggered_at: datetime | None = None

    @classmethod
    def of(cls, request: OrderRequest, *, number: int, at: datetime) -> "ExchangeOrder":
        """Return the order that a request becomes."""
        return cls(
            id=number,
            symbol=request.symbol,
            side=request.side,
            type=request.type,
            contracts=request.contracts,
            price=request.price,
            trigger_price=request.trigger_price,
            time_in_force=request.time_in_force,
            reduce_only=request.reduce_only,
            client_order_id=request.client_order_id,
            created_at=at,
            updated_at=at,
        )

    @property
    def remaining(self) -> Decimal:
        """What is not filled."""
        return self.contracts - self.filled

    @property
    def is_open(self) -> bool:
        """True while it works or rests."""
        return not self.state.is_final
