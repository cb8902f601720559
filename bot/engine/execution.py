"""How is an order sent so that the journal can always answer "what happened to it?"

The only caller of ``Venue.submit`` and ``Venue.cancel``. Rules of this file:

- The intent is durable before the call leaves. An intent without an outcome *is* an unknown order.
- Three outcomes: accepted, refused (proved), unknown. Nothing is ever sent twice; unknown orders are looked up.
- What the venue says about an order becomes facts in one place, ``_learn``.
"""

import asyncio
from collections.abc import Awaitable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from bot.domain.books import Leg
from bot.domain.errors import (
    VenueError,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueUnavailable,
    tell,
)
from bot.domain.events import CancelRequested, Fact, OrderChanged
from bot.domain.ids import ClientOrderId, Symbol, VenueId
from bot.domain.orders import (
    Order,
    OrderDraft,
    OrderEvent,
    OrderIntent,
    OrderState,
    Purpose,
    VenueOrder,
)
from bot.domain.portfolio import AccountState
from bot.domain.units import ZERO
from bot.engine.bookkeeping import Bookkeeping
from bot.engine.desk import Desk

log = structlog.get_logger()

#: Refusals that prove the opposite: an order with our id is already there.
_ALREADY_THERE = "duplicate_client_order_id"
#: The venue knows no such order.
_NOT_FOUND = "order_not_found"
#: The price has moved on since the book was read: part of every chase.
_WOULD_TAKE = "would_take"
#: Nothing is sent in a dry run, which says nothing about the venue.
_DRY_RUN = "dry_run"
#: The venue has no room now, or the way to it is closed: the same order may well be taken in some minutes.
_FOR_NOW = frozenset({"overloaded", "rate_limited", "not_sent", "too_late", "request_expired"})
_ENDED = {
    OrderState.CANCELLED: OrderEvent.CANCEL_CONFIRMED,
    OrderState.EXPIRED: OrderEvent.EXPIRED,
    OrderState.REJECTED: OrderEvent.REFUSED,
}
#: Over by our books; what shows up all the same is an order like any other.
_GIVEN_UP = (OrderState.ABSENT, OrderState.REJECTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An order that has added to a position, by what the venue said of it."""

    #: Since when that is not known to be protected, by the clock that nobody sets.
    since: timedelta
    order: Order


class Execution:
    """Sends, cancels and looks up orders."""

    def __init__(self, desk: Desk, bookkeeping: Bookkeeping) -> None:
        self._desk = desk
        self._bookkeeping = bookkeeping
        #: When an unknown order was first looked for, late enough to count, and not found.
        self._missed_at: dict[ClientOrderId, timedelta] = {}
        #: When this process has sent what has not ended, by the clock that nobody sets.
        self._sent_at: dict[ClientOrderId, timedelta] = {}
        #: What was opened and is not known to have its stop yet, and whether there is any.
        self.opened: dict[Leg, Opened] = {}
        self.has_opened = asyncio.Event()
        #: Orders that may have opened something, and since when: whether they arrived is not known, and no account has
        #: told since.
        self.unheard: dict[ClientOrderId, timedelta] = {}
        #: Contracts whose newest hedge order was refused, and how.
        self.refused: dict[Leg, VenueRefused] = {}
        #: Resting orders that a leg is being worked with; what else works is left over.
        self.attended: set[ClientOrderId] = set()

    def begin(self) -> None:
        """Wait from now on to hear of what an earlier process has sent."""
        unknown = [one for one in self._desk.journal.books.working_orders() if one.state.is_unproved]
        self._note_unheard([one.intent for one in unknown], self._desk.elapsed)

    def is_turned_away(self, leg: Leg) -> bool:
        """Return True when a contract's newest hedge order was refused for no reason of its own."""
        refusal = self.refused.get(leg)
        return refusal is not None and refusal.code in _FOR_NOW

    async def place(self, drafts: Sequence[OrderDraft]) -> list[Order]:
        """Journal all drafts in one commit, send each once, and return what became of them."""
        intents = await self._desk.journal.record_intents(drafts, self._desk.clock.now())
        return [await self._submit(intent) for intent in intents]

    async def place_spread(self, near: OrderDraft, far: OrderDraft, *, limit_spread_price: Decimal) -> list[Order]:
        """Journal both legs of a calendar spread in one commit, send them as one order, and return what became of them.

        What is not known of the order is not known of both legs; each is looked up by itself.
        """
        intents = await self._desk.journal.record_intents([near, far], self._desk.clock.now())
        venue = self._desk.venues[near.venue]
        return await self._send(intents, venue.submit_spread(*intents, limit_spread_price=limit_spread_price))

    async def _submit(self, intent: OrderIntent) -> Order:
        (order,) = await self._send([intent], _only(self._desk.venues[intent.venue].submit(intent)))
        return order

    async def _send(
        self, intents: Sequence[OrderIntent], call: Coroutine[Any, Any, tuple[VenueOrder, ...]]
    ) -> list[Order]:
        """Await a call that sends orders, and take in its outcome."""
        sent_at = self._desk.elapsed
        self._sent_at.update({one.client_order_id: sent_at for one in intents})
        hedged = [(one.venue, one.symbol) for one in intents if one.purpose is Purpose.HEDGE]
        try:
            async with asyncio.timeout(self._desk.policy.execution.call_timeout.total_seconds()):
                seen = await call
        except VenueRefused as refusal:
            event = OrderEvent.OUTCOME_LOST if refusal.code == _ALREADY_THERE else OrderEvent.REFUSED
            is_usual = refusal.code == _WOULD_TAKE
            if event is OrderEvent.REFUSED and not is_usual and refusal.code != _DRY_RUN:
                self.refused.update(dict.fromkeys(hedged, refusal))
            return [await self._change(intent, event, str(refusal), is_usual=is_usual) for intent in intents]
        except (VenueOutcomeUnknown, VenueUnavailable, TimeoutError) as failure:
            self._note_unheard(intents, sent_at)
            return [await self._change(intent, OrderEvent.OUTCOME_LOST, tell(failure)) for intent in intents]
        for leg in hedged:
            self.refused.pop(leg, None)
        return [await self._take_in(intent, one) for intent, one in zip(intents, seen, strict=True)]

    def forget_refused(self, wanted: Collection[Leg]) -> None:
        """Keep of what was refused only what is wanted still."""
        for leg in self.refused.keys() - set(wanted):
            del self.refused[leg]

    async def _take_in(self, intent: OrderIntent, seen: VenueOrder) -> Order:
        if seen.client_order_id != intent.client_order_id:
            return await self._change(intent, OrderEvent.OUTCOME_LOST, "the reply does not carry our order id")
        return await self._learn(self._order(intent.client_order_id), seen)

    async def cancel(self, order: Order, reason: str) -> Order:
        """Ask for a cancel and learn what the order ended as; it may turn out to have filled."""
        intent = order.intent
        now = self._desk.clock.now()
        await self._desk.journal.record(CancelRequested(at=now, client_order_id=intent.client_order_id, reason=reason))
        venue = self._desk.venues[intent.venue]
        try:
            async with asyncio.timeout(self._desk.policy.execution.call_timeout.total_seconds()):
                seen = await venue.cancel(intent.symbol, intent.client_order_id)
        except VenueRefused:
            return await self.look_up(order)
        except (VenueOutcomeUnknown, VenueUnavailable, TimeoutError) as failure:
            log.warning(
                "The outcome of a cancel is not known; the order will be looked up",
                code="cancel_unknown",
                client_order_id=intent.client_order_id,
                reason=tell(failure),
            )
            return order
        return await self._learn(order, seen)

    async def look_up(self, order: Order) -> Order:
        """Ask the venue what became of an order.

        An order without a trace is closed as absent only after its validity window and the settle delay have passed,
        it was missed twice, and its trades were looked for; until then it stays unknown. One that increases and that
        the venue has taken did arrive: it may work unseen, so it is waited for much longer, and the owner is told.
        """
        intent = order.intent
        venue = self._desk.venues[intent.venue]
        try:
            seen = await self._desk.read(venue.fetch_order(intent.symbol, intent.client_order_id))
        except VenueError as failure:
            log.warning(
                "An order could not be looked up",
                code="look_up_failed",
                client_order_id=intent.client_order_id,
                reason=str(failure),
            )
            return order
        is_anothers = seen is not None and not seen.may_be_of(intent)
        if seen is not None and not (is_anothers and order.venue_order_id is not None):
            return await self._learn(order, seen)
        # Not there, or another order bears its id by now.
        if not await self._has_booked_trades(intent.venue):
            return order
        if order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
            return await self._change(intent, OrderEvent.OUTCOME_LOST, "the venue shows no trace of it")
        return await self._miss(order, is_anothers=is_anothers)

    async def _miss(self, order: Order, *, is_anothers: bool) -> Order:
        if order.state.is_final:
            return order
        policy = self._desk.policy.execution
        intent = order.intent
        now = self._desk.clock.now()
        delay = policy.settle_delay if intent.reduce_only else policy.increase_settle_delay
        sent_at = self._sent_at.get(intent.client_order_id)
        # What an earlier process has sent is known by its date alone.
        waited = now - intent.intended_at if sent_at is None else self._desk.elapsed - sent_at
        if waited < policy.validity + delay:
            return order
        is_missed_again = intent.client_order_id in self._missed_at
        missed_for = self._desk.elapsed - self._missed_at.setdefault(intent.client_order_id, self._desk.elapsed)
        may_work = order.may_work_unseen
        if may_work and missed_for < policy.lost_after:
            self._tell_lost(order, now + policy.lost_after - missed_for)
            return order
        if not is_missed_again:
            return order
        if intent.may_rest and not is_anothers and not await self._is_unknown_to_matching(order):
            return order
        self._miss_no_more(intent.client_order_id)
        return await self._change(
            intent, OrderEvent.FOUND_ABSENT, "the venue has lost it" if may_work else "it never arrived"
        )

    async def _is_unknown_to_matching(self, order: Order) -> bool:
        """Return whether a cancel finds nothing either: lists may be behind, and what matches orders is not.

        When there is something to cancel after all, the order is learned from that.
        """
        intent = order.intent
        try:
            async with asyncio.timeout(self._desk.policy.execution.call_timeout.total_seconds()):
                seen = await self._desk.venues[intent.venue].cancel(intent.symbol, intent.client_order_id)
        except VenueRefused as refusal:
            return refusal.code == _NOT_FOUND
        except (VenueOutcomeUnknown, VenueUnavailable, TimeoutError):
            return False
        await self._learn(order, seen)
        return False

    def _tell_lost(self, order: Order, until: datetime) -> None:
        intent = order.intent
        self._desk.alerts.raise_alert(
            "order_lost",
            f"{intent.venue} took order {order.venue_order_id} ({intent.side} {intent.contracts} {intent.symbol}) and"
            f" shows no trace of it. It may work unseen, so {intent.asset} is not hedged further until it is found, or"
            f" {until:%Y-%m-%d %H:%M} UTC",
            severity="warning",
            cause=intent.client_order_id,
        )

    def forget_ended(self) -> None:
        """Miss no order any more that has ended by its trade, and forget when it was sent."""
        working = {order.intent.client_order_id for order in self._desk.journal.books.working_orders()}
        self._sent_at = {number: at for number, at in self._sent_at.items() if number in working}
        for number in [one for one in self._missed_at if self._order(one).state.is_final]:
            self._miss_no_more(number)

    def _miss_no_more(self, client_order_id: ClientOrderId) -> None:
        self._missed_at.pop(client_order_id, None)
        self._desk.alerts.close_alert("order_lost", cause=client_order_id)

    async def learn(self, order: Order, seen: VenueOrder) -> Order:
        """Take in what the venue says about an order, from a listing."""
        return await self._learn(order, seen)

    def _note_opened(self, order: Order, seen: VenueOrder) -> None:
        intent = order.intent
        if seen.filled_contracts <= order.filled_contracts or intent.reduce_only:
            return
        leg = (intent.venue, intent.symbol)
        before = self.opened.get(leg)
        # Said again it is no news, and its time goes on.
        self.opened[leg] = Opened(since=self._desk.elapsed if before is None else before.since, order=order)
        self.has_opened.set()

    def untold_contracts(self, opened: Opened) -> Decimal:
        """Return how much of what was opened our trades do not add up to yet; zero once they are told no more."""
        untold = self._bookkeeping.untold
        return abs(untold.contracts(opened.order)) if untold.is_waited_for(opened.order, self._desk.elapsed) else ZERO

    def untold_symbols(self, venue_id: VenueId) -> set[Symbol]:
        """Return the contracts in which something was opened that our trades do not add up to yet."""
        return {leg[1] for leg, one in self.opened.items() if leg[0] == venue_id and self.untold_contracts(one)}

    def has_ended(self, order: Order) -> bool:
        """Return True for an order that trades no more: it is final, or the venue calls it so and owes its trades."""
        return order.state.is_final or self._bookkeeping.untold.has_ended(order)

    def has_traded(self, order: Order) -> bool:
        """Return True for an order that has traded, by its trades or by what the venue says of it."""
        return order.filled_contracts > 0 or self._bookkeeping.untold.contracts(order) != 0

    def shows_what_is_untold(self, account: AccountState, symbol: Symbol) -> bool:
        """Return True when a position is listed as trades add up to that are told, and those that are owed."""
        books = self._desk.journal.books
        owed = (
            self._bookkeeping.untold.contracts(one) for one in books.working_orders() if _is_of(one, account, symbol)
        )
        return account.contracts_of(symbol) == books.ledger(account.venue, symbol).contracts + sum(owed, ZERO)

    def forget_opened(self, leg: Leg) -> None:
        """Wait for nothing more: what was opened has its stop, or is closed."""
        self.opened.pop(leg, None)
        self._rest()

    def _note_unheard(self, intents: Sequence[OrderIntent], since: timedelta) -> None:
        self.unheard.update({one.client_order_id: since for one in intents if not one.reduce_only})
        if self.unheard:
            self.has_opened.set()

    def note_account(self, account: AccountState) -> None:
        """Take note of an account: what an order has opened that could arrive before it, is listed or never was."""
        validity = self._desk.policy.execution.validity
        read_at = self._desk.elapsed - max(timedelta(0), self._desk.clock.now() - account.as_of)
        for number, since in list(self.unheard.items()):
            order = self._order(number)
            intent = order.intent
            is_told = intent.venue == account.venue and read_at >= since + validity
            if is_told or not order.state.is_unproved:
                del self.unheard[number]
        self._rest()

    def _rest(self) -> None:
        if not self.opened and not self.unheard:
            self.has_opened.clear()

    async def _learn(self, order: Order, seen: VenueOrder) -> Order:
        if not seen.may_be_of(order.intent):
            # As after an old journal was copied back. Reconciling tells of it; with that id ours can never be there.
            if not order.state.is_unproved or order.venue_order_id is not None:
                return order
            self._miss_no_more(order.intent.client_order_id)
            return await self._change(order.intent, OrderEvent.REFUSED, f"its id is that of an order on {seen.symbol}")
        self._miss_no_more(order.intent.client_order_id)
        self._note_opened(order, seen)
        if not await self._has_its_trades(order, seen):
            # It has traded, and how is not known yet: nothing is learned by halves.
            return order
        facts: list[Fact] = []
        if seen.state is not OrderState.REJECTED and (
            order.state.is_unproved or order.state in _GIVEN_UP or order.venue_order_id is None
        ):
            facts.append(self._fact(order.intent, OrderEvent.ACCEPTED, seen))
        event, why = _ENDED.get(seen.state), ""
        if seen.state is OrderState.FILLED:
            # Its trades have not filled it; one that is told after all counts.
            is_short = seen.filled_contracts > order.filled_contracts
            event, why = OrderEvent.EXPIRED, "its trades are told no more" if is_short else "the venue took no more"
        has_come_back = bool(facts) and order.state in _GIVEN_UP
        if event is not None and (has_come_back or not order.state.is_final):
            facts.append(self._fact(order.intent, event, seen, why))
        if facts:
            await self._desk.journal.record(*facts)
            told = f"The {_words(order.intent.purpose)} order of {order.intent.symbol} is {_words(order.state)}"
            log.info(
                told,
                code="order_changed",
                client_order_id=order.intent.client_order_id,
                symbol=order.intent.symbol,
                purpose=order.intent.purpose,
                state=order.state,
            )
        return order

    async def _has_its_trades(self, order: Order, seen: VenueOrder) -> bool:
        """Book what an order has traded; False while the venue tells less of it than it says was filled.

        History that lags behind tells it soon. What it has not told by then it has forgotten.
        """
        is_read = seen.filled_contracts <= order.filled_contracts or await self._has_booked_trades(order.intent.venue)
        now = self._desk.clock.now()
        self._bookkeeping.untold.note(order, seen, now, self._desk.elapsed)
        return is_read and not self._bookkeeping.untold.is_waited_for(order, self._desk.elapsed)

    async def _has_booked_trades(self, venue_id: VenueId) -> bool:
        """Book the trades there are; False when the venue does not tell them."""
        try:
            await self._bookkeeping.book_trades(venue_id)
        except VenueError as failure:
            log.warning("Trades could not be read", code="trades_unknown", venue=venue_id, reason=str(failure))
            return False
        return True

    async def _change(self, intent: OrderIntent, event: OrderEvent, reason: str, *, is_usual: bool = False) -> Order:
        await self._desk.journal.record(self._fact(intent, event, None, reason))
        order = self._order(intent.client_order_id)
        tell = log.info if is_usual else log.warning
        tell(
            "An order did not go through" if event is OrderEvent.REFUSED else "The outcome of an order is not known",
            code=f"order_{order.state}",
            client_order_id=intent.client_order_id,
            symbol=intent.symbol,
            purpose=intent.purpose,
            reason=reason,
        )
        return order

    def _fact(self, intent: OrderIntent, event: OrderEvent, seen: VenueOrder | None, reason: str = "") -> OrderChanged:
        return OrderChanged(
            at=self._desk.clock.now(),
            client_order_id=intent.client_order_id,
            event=event,
            venue_order_id=seen.venue_order_id if seen else None,
            reason=reason,
        )

    def _order(self, client_order_id: ClientOrderId) -> Order:
        return self._desk.journal.books.orders[client_order_id]


async def _only(call: Awaitable[VenueOrder]) -> tuple[VenueOrder, ...]:
    return (await call,)


def _is_of(order: Order, account: AccountState, symbol: Symbol) -> bool:
    return (order.intent.venue, order.intent.symbol) == (account.venue, symbol)


def _words(name: str) -> str:
    return name.replace("_", " ")
