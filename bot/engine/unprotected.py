"""What is done about a position without its stop?

It is journalled at once and alerted after a deadline; then the ladder of ``decisions.unprotected`` is climbed: what has
no stop is halved, then closed. Where the venue does not tell, what is booked decides.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from decimal import Decimal

from bot.decisions.unprotected import Rung, rung_after
from bot.domain.books import Leg
from bot.domain.events import CeilingSet, LegProtected, LegUnprotected
from bot.domain.ids import Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import OrderState, OrderType, Purpose, Side
from bot.domain.plan import StopTarget
from bot.domain.portfolio import AccountState
from bot.domain.units import decimal_text
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.reductions import Reductions


class Unprotected:
    """Keeps count of the legs without a stop, tells of them, and makes them smaller."""

    def __init__(self, desk: Desk, execution: Execution, reductions: Reductions) -> None:
        self._desk = desk
        self._execution = execution
        self._reductions = reductions
        #: Since when this process has known of a leg that has no stop, and has tried to protect it, by the clock that
        #: nobody sets.
        self._known_since: dict[Leg, timedelta] = {}
        self._tried_since: dict[Leg, timedelta] = {}

    async def tell_overdue(self) -> None:
        """Tell of what an order has opened and has no stop by the deadline, though every call takes long.

        Waits for no call, and needs nobody to let go of the desk.
        """
        for leg, opened in list(self._execution.opened.items()):
            grown_at = self._desk.date_of(opened.since)
            told = f"{leg[1]} has grown at {grown_at:%Y-%m-%d %H:%M:%S} UTC and is not known to have its stop yet"
            await self._tell_late(leg, opened.since, told)
        for number, since in list(self._execution.unheard.items()):
            intent = self._desk.journal.books.orders[number].intent
            told = (
                f"An order of {intent.symbol} that was sent at {intent.intended_at:%Y-%m-%d %H:%M:%S} UTC may have"
                " opened something, and nothing is known of it yet"
            )
            await self._tell_late((intent.venue, intent.symbol), since, told)
        for leg in list(self._desk.journal.books.unprotected):
            self._alert(leg, Rung.RETRY)

    async def _tell_late(self, leg: Leg, since: timedelta, told: str) -> None:
        is_early = self._desk.elapsed - since <= self._desk.policy.stops.deadline
        if is_early or leg in self._desk.journal.books.unprotected:
            return
        await self._note_in_doubt(leg, "what was opened is not known to have its stop")
        self._desk.alerts.raise_alert(
            "unprotected",
            f"{told}: {leg[0]} answers slowly, or contradicts itself",
            severity="critical",
            cause=f"{leg[0]}/{leg[1]}",
        )

    async def note_blind(self, venue_id: VenueId, why: str = "the venue cannot be read") -> None:
        """Count as unprotected what has no stop of its size by our own books; what has one is believed to keep it."""
        books = self._desk.journal.books
        for (venue, symbol), ledger in books.ledgers.items():
            is_concerned = venue == venue_id and ledger.contracts != 0 and (venue, symbol) not in books.unprotected
            if is_concerned and not self.has_booked_stop((venue, symbol)):
                await self._note_in_doubt((venue, symbol), why)

    async def note_vanished(self, account: AccountState) -> None:
        """Go on looking after what our trades add up to and the venue does not list: it may be the list that is short.

        Its stops stay. Without one of its size it counts as unprotected, and is told.
        """
        books, venue_id = self._desk.journal.books, account.venue
        held = {position.symbol for position in account.positions}
        listed = [order for order in account.open_orders if order.type is OrderType.STOP_MARKET and order.reduce_only]
        for leg, ledger in list(books.ledgers.items()):
            if leg[0] != venue_id or leg[1] in held or ledger.contracts == 0:
                continue
            if not account.has_stops_listed and self.has_booked_stop(leg):
                continue
            sizes = [order.contracts * order.side.sign for order in listed if order.symbol == leg[1]]
            if not _make_up(sizes, -ledger.contracts):
                await self._note_in_doubt(leg, "the venue does not list it, and our trades add up to a position")
                self._alert(leg, Rung.RETRY)

    async def note_unstoppable(self, leg: Leg, why: str) -> None:
        """Count as unprotected a leg for which no stop can be worked out, unless one rests by our books."""
        if not self.has_booked_stop(leg):
            await self._note_in_doubt(leg, why)

    def has_booked_stop(self, leg: Leg) -> bool:
        """Return True when by our books stops rest that close all that our trades add up to."""
        books = self._desk.journal.books
        sizes = [
            order.intent.contracts * order.intent.side.sign
            for order in books.working_orders()
            if order.state is OrderState.OPEN
            and not order.is_doomed
            and order.intent.purpose is Purpose.STOP
            and (order.intent.venue, order.intent.symbol) == leg
        ]
        return _make_up(sizes, -books.ledger(*leg).contracts)

    def booked_contracts(self, target: StopTarget) -> Decimal:
        """Return what our trades add up to, in the direction that a stop closes; below zero on the other side."""
        return -self._desk.journal.books.ledger(target.venue, target.symbol).contracts * target.side.sign

    async def _note_in_doubt(self, leg: Leg, why: str) -> None:
        if leg not in self._desk.journal.books.unprotected and leg[1] not in self._desk.policy.foreign_symbols:
            await self._note(leg, why)

    async def _note(self, leg: Leg, why: str) -> None:
        self._known_since[leg] = self._desk.elapsed
        fact = LegUnprotected(at=self._desk.clock.now(), venue=leg[0], symbol=leg[1], why=why)
        await self._desk.journal.record(fact)

    def _alert(self, leg: Leg, rung: Rung, bare: str | None = None) -> None:
        """Tell of a leg that has been without its stop for longer than the deadline."""
        unprotected = self._desk.journal.books.unprotected
        if leg not in unprotected:
            return
        if rung_after(self._lasted(leg), self._desk.policy.stops) is Rung.RETRY:
            return
        since, _ = unprotected[leg]
        what = f"{leg[1]} has had" if bare is None else f"{bare} contracts of {leg[1]} have had"
        self._desk.alerts.raise_alert(
            "unprotected",
            f"{what} no stop since {since:%Y-%m-%d %H:%M:%S} UTC; doing: {rung}",
            severity="critical",
            cause=f"{leg[0]}/{leg[1]}",
        )

    def _lasted(self, leg: Leg) -> timedelta:
        """Return for how long a leg has had no stop: by the books, and no less than this process has known of it."""
        since, _ = self._desk.journal.books.unprotected[leg]
        known = self._desk.elapsed - self._known_since.setdefault(leg, self._desk.elapsed)
        return max(self._desk.clock.now() - since, known)

    async def note_protected(self, target: StopTarget) -> None:
        """Count a leg as protected, unless our trades add up to a position on the other side."""
        leg = (target.venue, target.symbol)
        booked = self.booked_contracts(target)
        if booked < 0:
            await self._note_in_doubt(leg, "the venue lists the opposite of what our trades add up to")
            self._alert(leg, Rung.RETRY)
            return
        opened = self._execution.opened.get(leg)
        if opened is not None and booked + self._execution.untold_contracts(opened) > target.contracts:
            # The stop is for a position from before.
            return
        self._execution.forget_opened(leg)
        if leg in self._desk.journal.books.unprotected:
            await self._close(leg)

    async def note_closed(self, venue_id: VenueId, held: Collection[Symbol]) -> None:
        """Count no leg any more that is not held."""
        for leg in list(self._desk.journal.books.unprotected):
            if leg[0] == venue_id and leg[1] not in held:
                await self._close(leg)
        for leg in list(self._execution.opened):
            if leg[0] == venue_id and leg[1] not in held:
                self._execution.forget_opened(leg)

    async def _close(self, leg: Leg) -> None:
        self._execution.forget_opened(leg)
        self._known_since.pop(leg, None)
        self._tried_since.pop(leg, None)
        await self._desk.journal.record(LegProtected(at=self._desk.clock.now(), venue=leg[0], symbol=leg[1]))
        self._desk.alerts.close_alert("unprotected", cause=f"{leg[0]}/{leg[1]}")

    async def note_unprotected(self, target: StopTarget, bare: Decimal, instrument: Instrument, quote: Quote) -> None:
        """Count a leg as unprotected of which so many contracts have no stop."""
        leg = (target.venue, target.symbol)
        if leg not in self._desk.journal.books.unprotected:
            await self._note(leg, "no stop of the position's size rests at the venue")
        # Told about from the first moment on; acted on by the time that there was to mend it. While the process was
        # down nothing was tried.
        tried = self._desk.elapsed - self._tried_since.setdefault(leg, self._desk.elapsed)
        rung = rung_after(tried, self._desk.policy.stops)
        is_partly = bare < target.contracts
        told = f"{decimal_text(bare)} of {decimal_text(target.contracts)}" if is_partly else None
        self._alert(leg, rung, told)
        if rung is not Rung.RETRY and rung_after(self._lasted(leg), self._desk.policy.stops) is not Rung.RETRY:
            await self._climb(rung, target, bare, instrument, quote)

    async def _climb(self, rung: Rung, target: StopTarget, bare: Decimal, instrument: Instrument, quote: Quote) -> None:
        """Act on what has no stop; what has one is left alone."""
        closes_long = target.side is Side.SELL
        is_through = (
            quote.mark_price <= target.trigger_price if closes_long else quote.mark_price >= target.trigger_price
        )
        if is_through:
            await self._shrink(target, target.contracts, instrument, quote)
        elif rung is Rung.FLATTEN:
            await self._shrink(target, bare, instrument, quote)
        elif rung is Rung.REDUCE and not self._is_halved((target.venue, target.symbol)):
            half = instrument.floor_contracts(bare / 2)
            await self._shrink(target, half or bare, instrument, quote)

    def _is_halved(self, leg: Leg) -> bool:
        """Return True once a leg was made smaller since it has no stop, or is about to be."""
        books = self._desk.journal.books
        # By the clock as it is now: it may have been put back since the books were written.
        since = self._desk.clock.now() - self._lasted(leg)
        return any(
            (order.intent.venue, order.intent.symbol, order.intent.purpose) == (*leg, Purpose.DELEVERAGE)
            and order.intent.intended_at >= since
            and (order.filled_contracts > 0 or not order.state.is_final)
            for order in books.orders.values()
        )

    async def _shrink(self, target: StopTarget, contracts: Decimal, instrument: Instrument, quote: Quote) -> None:
        now = self._desk.clock.now()
        left = instrument.base_from_contracts(target.contracts - contracts, quote.mark_price)
        await self._desk.journal.record(
            CeilingSet(
                at=now,
                asset=target.asset,
                cause="unprotected",
                max_delta_base=abs(left),
                release_at=now + self._desk.policy.stops.ceiling_duration,
                why=f"{target.symbol} could not be protected",
            )
        )
        await self._reductions.send(target.venue, instrument, target.side, contracts, quote.mark_price)


def _make_up(sizes: Sequence[Decimal], contracts: Decimal) -> bool:
    """Return True when stops of these sizes close so much: one alone, or all together."""
    return contracts in sizes or (bool(sizes) and sum(sizes) == contracts)
