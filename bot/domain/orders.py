"""What is an order, and what may happen to it?

Rules of this file: an order's life is ``TRANSITIONS`` and nothing else; a pair that is not in it raises and changes
nothing; a fill is always legal, because venues report fills after cancels, after expiries and for orders
that had been given up.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.errors import InvariantViolated
from bot.domain.ids import (
    Asset,
    ClientOrderId,
    Currency,
    CycleId,
    Symbol,
    TradeId,
    VenueId,
    VenueOrderId,
)


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


def side_of(amount: Decimal) -> Side:
    """Return the side that adds ``amount`` (non-zero, signed) to a position."""
    return Side.BUY if amount > 0 else Side.SELL


class OrderType(StrEnum):
    """How an order meets the book."""

    LIMIT = "limit"
    MARKET = "market"
    #: Rests at the venue until mark reaches ``trigger_price``, then becomes a market order.
    STOP_MARKET = "stop_market"


class TimeInForce(StrEnum):
    """How long a limit order lives."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    #: Good till cancelled, refused if it would take.
    POST_ONLY = "post_only"


class Purpose(StrEnum):
    """Why an order exists; the ``purpose`` column of ``trades.csv``."""

    HEDGE = "hedge"
    ROLL_OPEN = "roll_open"
    ROLL_CLOSE = "roll_close"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"
    #: A protective reduction.
    DELEVERAGE = "deleverage"
    FLATTEN = "flatten"
    #: Trades that the venue made, not we.
    LIQUIDATION = "liquidation"
    SETTLEMENT = "settlement"


class OrderState(StrEnum):
    """Where an order stands."""

    #: Durable in the journal; the call may or may not have left. Without a later state this *is* unknown.
    INTENDED = "intended"
    #: Sent, outcome not proved. Looked up, never resent.
    UNKNOWN = "unknown"
    #: Working at the venue, nothing filled yet.
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    #: Ended by its time in force or by the venue (reduce-only with nothing left to reduce, IOC remainder).
    EXPIRED = "expired"
    #: Refused by the venue, proved.
    REJECTED = "rejected"
    #: Not at the venue after validity window and settle delay: it never arrived.
    ABSENT = "absent"

    @property
    def is_final(self) -> bool:
        """True when nothing but a late fill can follow."""
        return self in _FINAL

    @property
    def is_unproved(self) -> bool:
        """True while it is not known whether the venue has the order: without an outcome an intent is unknown, too."""
        return self in _UNPROVED


_FINAL = frozenset(
    {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED, OrderState.ABSENT}
)


_UNPROVED = frozenset({OrderState.INTENDED, OrderState.UNKNOWN})


class OrderEvent(StrEnum):
    """What was learned about an order."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    OUTCOME_LOST = "outcome_lost"
    PART_FILLED = "part_filled"
    FULLY_FILLED = "fully_filled"
    CANCEL_CONFIRMED = "cancel_confirmed"
    EXPIRED = "expired"
    FOUND_ABSENT = "found_absent"


_S, _E = OrderState, OrderEvent

TRANSITIONS: dict[tuple[OrderState, OrderEvent], OrderState] = {
    **{(s, _E.ACCEPTED): _S.OPEN for s in (_S.INTENDED, _S.UNKNOWN, _S.OPEN)},
    (_S.PARTIALLY_FILLED, _E.ACCEPTED): _S.PARTIALLY_FILLED,
    # The fill was heard before the acknowledgement.
    (_S.FILLED, _E.ACCEPTED): _S.FILLED,
    (_S.CANCELLED, _E.ACCEPTED): _S.CANCELLED,
    (_S.EXPIRED, _E.ACCEPTED): _S.EXPIRED,
    # It was given up, or refused by word, and shows up after all: the venue wins on facts.
    **{(s, _E.ACCEPTED): _S.OPEN for s in (_S.ABSENT, _S.REJECTED)},
    **{(s, _E.REFUSED): _S.REJECTED for s in (_S.INTENDED, _S.UNKNOWN, _S.REJECTED)},
    # It was taken, and is refused later: a stop whose order the venue refused once its trigger was met.
    **{(s, _E.REFUSED): _S.EXPIRED for s in (_S.OPEN, _S.PARTIALLY_FILLED)},
    # An order that was working and of which the venue now shows no trace is unknown again.
    **{(s, _E.OUTCOME_LOST): _S.UNKNOWN for s in (_S.INTENDED, _S.UNKNOWN, _S.OPEN, _S.PARTIALLY_FILLED)},
    **{
        (s, _E.PART_FILLED): _S.PARTIALLY_FILLED
        for s in (_S.INTENDED, _S.UNKNOWN, _S.OPEN, _S.PARTIALLY_FILLED, _S.ABSENT)
    },
    # Late fills: the order stays ended, the fill counts.
    (_S.CANCELLED, _E.PART_FILLED): _S.CANCELLED,
    (_S.EXPIRED, _E.PART_FILLED): _S.EXPIRED,
    # Refused by word, filled in deed: the deed counts, and the order is watched again.
    (_S.REJECTED, _E.PART_FILLED): _S.PARTIALLY_FILLED,
    **{(s, _E.FULLY_FILLED): _S.FILLED for s in _S},
    **{
        (s, _E.CANCEL_CONFIRMED): _S.CANCELLED
        for s in (_S.INTENDED, _S.UNKNOWN, _S.OPEN, _S.PARTIALLY_FILLED, _S.CANCELLED, _S.ABSENT, _S.REJECTED)
    },
    **{
        (s, _E.EXPIRED): _S.EXPIRED
        for s in (_S.INTENDED, _S.UNKNOWN, _S.OPEN, _S.PARTIALLY_FILLED, _S.EXPIRED, _S.ABSENT, _S.REJECTED)
    },
    **{(s, _E.FOUND_ABSENT): _S.ABSENT for s in (_S.INTENDED, _S.UNKNOWN, _S.ABSENT)},
}


def next_state(state: OrderState, event: OrderEvent) -> OrderState:
    """Return the state that follows.

    Raises:
        InvariantViolated: the pair is not in ``TRANSITIONS``.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise InvariantViolated(f"an order that is {state} cannot become {event}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDraft:
    """An order as decided, before the journal gave it an id."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    side: Side
    type: OrderType
    #: Unsigned, on the lot.
    contracts: Decimal
    #: Limit price; None for market and stop-market orders.
    price: Decimal | None
    #: Mark price at which a stop becomes a market order; None otherwise.
    trigger_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.IOC
    reduce_only: bool
    purpose: Purpose
    #: The price the decision was made at, from which slippage is counted (index for hedges, mark for stops).
    decision_price: Decimal
    cycle_id: CycleId
    #: Set when this order continues another intent (a re-peg): same sequence, next attempt.
    continues: ClientOrderId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntent(OrderDraft):
    """An order that is durable in the journal and may be sent, once."""

    client_order_id: ClientOrderId
    intended_at: datetime

    @property
    def may_rest(self) -> bool:
        """True for a limit order that waits in the book to be traded with."""
        return self.price is not None and self.time_in_force is not TimeInForce.IOC


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueOrder:
    """An order as the venue reports it."""

    venue: VenueId
    symbol: Symbol
    #: None when the order was not placed with an id of anybody's choosing.
    client_order_id: ClientOrderId | None
    venue_order_id: VenueOrderId
    side: Side
    type: OrderType
    contracts: Decimal
    filled_contracts: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    #: OPEN, PARTIALLY_FILLED, FILLED, CANCELLED, EXPIRED or REJECTED.
    state: OrderState
    created_at: datetime

    def may_be_of(self, intent: OrderIntent) -> bool:
        """Return False when it cannot be what an intent became, although it has its id: somebody else has used that.

        Sizes are not compared: what only reduces is cut by some venues. A stop may be told as the market order that it
        has become; nothing else becomes a stop, and a stop no limit order.
        """
        if (self.symbol, self.side) != (intent.symbol, intent.side):
            return False
        impossible = OrderType.LIMIT if intent.type is OrderType.STOP_MARKET else OrderType.STOP_MARKET
        return self.type is not impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One trade of our account."""

    venue: VenueId
    symbol: Symbol
    #: Unique within venue and symbol: the key that keeps a fill from being booked twice.
    trade_id: TradeId
    #: None for trades that the venue made by itself (liquidation, settlement, ADL) or that the owner made by hand.
    client_order_id: ClientOrderId | None
    venue_order_id: VenueOrderId | None
    side: Side
    contracts: Decimal
    price: Decimal
    #: What it cost in ``fee_currency``; negative for a rebate.
    fee_paid: Decimal
    fee_currency: Currency
    is_maker: bool
    #: The venue's own reason where it made the trade; None for ordinary trades.
    forced: Purpose | None
    filled_at: datetime

    def has_come_with(self, adopted_until: datetime | None) -> bool:
        """Return True where it is in a position that was adopted with its trades up to then; None was not adopted."""
        return adopted_until is not None and self.filled_at <= adopted_until


@dataclass(slots=True, kw_only=True)
class Order:
    """The journal's view of one of our orders: the intent and what has been learned since.

    The only mutable value of ``domain``: it is owned by ``Books`` and changed by ``folding.apply`` alone.
    """

    intent: OrderIntent
    state: OrderState = OrderState.INTENDED
    venue_order_id: VenueOrderId | None = None
    filled_contracts: Decimal = Decimal(0)
    #: Σ contracts × price of the fills, so that averages lose nothing.
    filled_value: Decimal = Decimal(0)
    reason: str = ""
    #: True once its cancel was asked for: it may be gone at any moment, whatever the venue says.
    is_doomed: bool = False
    #: When it was learned that nothing but a late fill can follow; None until then.
    ended_at: datetime | None = None

    def move(self, event: OrderEvent, at: datetime) -> None:
        """Take note of what was learned, and when.

        Raises:
            InvariantViolated: it cannot follow; nothing has changed.
        """
        had_ended = self.state.is_final
        self.state = next_state(self.state, event)
        if self.state.is_final != had_ended:
            self.ended_at = at if self.state.is_final else None

    @property
    def remaining_contracts(self) -> Decimal:
        """What is not filled yet."""
        return self.intent.contracts - self.filled_contracts

    @property
    def may_work_unseen(self) -> bool:
        """True for one that increases, that the venue has taken, and of which it shows no trace."""
        return self.state is OrderState.UNKNOWN and self.venue_order_id is not None and not self.intent.reduce_only
