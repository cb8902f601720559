"""What is the story of an order? The look and its numbers, the intent, what was sent, what came back, what it cost.

From facts alone, so that it can be told of any order that the journal remembers, whoever is running.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.domain.events import CancelRequested, Fact, LookTaken, OrderChanged, TradeFilled
from bot.domain.ids import Currency
from bot.domain.orders import OrderEvent, OrderIntent, OrderState, Purpose, next_state
from bot.domain.units import BPS_PER_ONE, ZERO, decimal_text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One thing that happened to an order."""

    at: datetime
    #: ``sent``, ``cancel asked``, ``traded``, or what was learned.
    what: str
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStory:
    """Everything that the journal knows of one order."""

    intent: OrderIntent
    state: OrderState
    lines: tuple[StoryLine, ...]
    #: The look that asked for it; None for orders of protection, and while the look has not ended.
    look: LookTaken | None
    #: The earlier and later orders of the same need, oldest first.
    attempts: tuple[OrderIntent, ...]
    #: The stop that the position got next; None where none was sent since.
    stop: OrderIntent | None
    filled_contracts: Decimal
    average_price: Decimal | None
    #: Against the price of the decision; + when it cost us.
    slippage_bps: Decimal | None
    fees_paid: Mapping[Currency, Decimal]


def tell_order(
    intent: OrderIntent, facts: Iterable[Fact], *, look: LookTaken | None, others: Iterable[OrderIntent]
) -> OrderStory:
    """Put an order's story together.

    ``facts`` are those of this order, ``others`` the intents of its contract, both oldest first.
    """
    others = tuple(others)
    state, lines = OrderState.INTENDED, [_sent(intent)]
    filled = value = ZERO
    fees: dict[Currency, Decimal] = {}
    for fact in facts:
        match fact:
            case OrderChanged():
                state = next_state(state, fact.event)
                lines.append(StoryLine(at=fact.at, what=_WORDS[fact.event], details=fact.reason))
            case CancelRequested():
                lines.append(StoryLine(at=fact.at, what="cancel asked", details=fact.reason))
            case TradeFilled():
                fill = fact.fill
                filled += fill.contracts
                value += fill.contracts * fill.price
                fees[fill.fee_currency] = fees.get(fill.fee_currency, ZERO) + fill.fee_paid
                is_full = filled >= intent.contracts
                state = next_state(state, OrderEvent.FULLY_FILLED if is_full else OrderEvent.PART_FILLED)
                lines.append(StoryLine(at=fill.filled_at, what="traded", details=_trade(fact)))
            case _:
                # Its intent is where the story begins.
                continue
    average = value / filled if filled else None
    return OrderStory(
        intent=intent,
        state=state,
        lines=tuple(lines),
        look=look,
        attempts=tuple(one for one in others if _is_same_need(one, intent)),
        stop=_stop_since(intent, others),
        filled_contracts=filled,
        average_price=average,
        slippage_bps=None if average is None else _slippage_bps(intent, average),
        fees_paid=fees,
    )


_WORDS = {
    OrderEvent.ACCEPTED: "accepted by the venue",
    OrderEvent.REFUSED: "refused by the venue",
    OrderEvent.OUTCOME_LOST: "outcome not known",
    OrderEvent.PART_FILLED: "partly filled",
    OrderEvent.FULLY_FILLED: "filled",
    OrderEvent.CANCEL_CONFIRMED: "cancelled",
    OrderEvent.EXPIRED: "expired",
    OrderEvent.FOUND_ABSENT: "found absent: it never arrived",
}


def _sent(intent: OrderIntent) -> StoryLine:
    terms = [f"{intent.side} {decimal_text(intent.contracts)} {intent.symbol}", intent.type.value]
    if intent.price is not None:
        terms.append(f"at {decimal_text(intent.price)}, {intent.time_in_force}")
    if intent.trigger_price is not None:
        terms.append(f"when mark reaches {decimal_text(intent.trigger_price)}")
    if intent.reduce_only:
        terms.append("reduce-only")
    return StoryLine(at=intent.intended_at, what="sent", details=", ".join(terms))


def _trade(fact: TradeFilled) -> str:
    fill = fact.fill
    how = "as maker" if fill.is_maker else "as taker"
    fee = f"fee {decimal_text(fill.fee_paid)} {fill.fee_currency}"
    return f"{decimal_text(fill.contracts)} at {decimal_text(fill.price)} {how}, {fee}"


def _slippage_bps(intent: OrderIntent, average: Decimal) -> Decimal:
    return (average / intent.decision_price - 1) * intent.side.sign * BPS_PER_ONE


def _is_same_need(one: OrderIntent, intent: OrderIntent) -> bool:
    """Attempts share all of their id but the last two letters."""
    return one.client_order_id[:-2] == intent.client_order_id[:-2]


def _stop_since(intent: OrderIntent, others: tuple[OrderIntent, ...]) -> OrderIntent | None:
    if intent.purpose is Purpose.STOP:
        return None
    later = [one for one in others if one.purpose is Purpose.STOP and one.intended_at >= intent.intended_at]
    return later[0] if later else None
