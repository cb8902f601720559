"""Does every position have its stop? Makes what rests at the venue equal to what ``decisions.stops`` asks for.

Rules of this file:

- A new stop is placed and read back before the one it replaces is cancelled; a position is never without one on
purpose.
- A position beyond the venue's largest order has several stops that close it together.
- Orphans, stops without a position, are cancelled.
- A leg is made smaller for its stop only where cash does not make it needless.
- Where the venue tells everything but its stops, those that are booked are believed, and no others.
- How a stop comes to rest, and which one is relied upon, ``stop_orders.py`` says; what becomes of a leg without its
stop, ``unprotected.py``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.decisions.stops import StopPlan, of_size, want_stops
from bot.domain.books import Leg
from bot.domain.errors import DataError, VenueError
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Order, OrderType, VenueOrder
from bot.domain.plan import HedgeLeg, ProtectiveReduction, StopTarget
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.domain.snapshot import Snapshot
from bot.domain.units import ZERO
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.reductions import Reductions
from bot.engine.reference import Reference
from bot.engine.snapshot import SnapshotGatherer
from bot.engine.stop_orders import StopOrders
from bot.engine.take_profit import TakeProfit
from bot.engine.unprotected import Unprotected

log = structlog.get_logger()

#: Lists and trades that disagree for longer than this are a matter for reconciling.
_SETTLES_WITHIN = timedelta(minutes=2)
#: What a second reading so long after the first says is no mistake of the first.
_SAID_TWICE = timedelta(seconds=30)
_NO_QUOTES: Mapping[Leg, Quote] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What protection of one venue is decided on."""

    account: AccountState
    instruments: dict[Leg, Instrument]
    quotes: dict[Leg, Quote]
    plan: StopPlan
    #: What our trades add up to, by contract.
    booked: Mapping[Symbol, Decimal]
    #: Of it, what the venue does not list.
    unlisted: frozenset[Symbol]
    #: Our stops that rest at the venue, by contract.
    resting: Mapping[Symbol, list[VenueOrder]]
    #: Our stops that may rest although they are not listed, by contract.
    pending: Mapping[Symbol, list[Order]]


async def _no_relief(_venue_id: VenueId) -> bool:
    return False


class Protection:
    """Keeps a stop of the position's size resting for every position."""

    def __init__(
        self,
        desk: Desk,
        gatherer: SnapshotGatherer,
        execution: Execution,
        reductions: Reductions,
        reference: Reference,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution
        self._reductions = reductions
        self._reference = reference
        self._stops = StopOrders(desk, execution)
        self._take_profit = TakeProfit(desk, execution)
        #: Price of each asset at the last look, from which the distance of a stop is measured.
        self.anchors: Mapping[Asset, Decimal] = desk.journal.books.last_look_index_prices
        #: Sends for collateral before legs are cut; True while enough of it is on its way. The caller holds the desk.
        self.relieve: Callable[[VenueId], Awaitable[bool]] = _no_relief
        self._unprotected = Unprotected(desk, execution, reductions)
        #: Since when legs of a venue are too large for their stops.
        self._tight_since: dict[VenueId, timedelta] = {}
        #: Since when a leg was protected that is listed with another size than our trades add up to.
        self._apart_since: dict[Leg, timedelta] = {}
        #: When a position was listed last, and what our trades added up to then.
        self._listed: dict[Leg, tuple[timedelta, Decimal]] = {}
        #: What our trades added up to when a venue was protected last.
        self._protected: dict[VenueId, Mapping[Symbol, Decimal]] = {}

    async def check(self, _now: datetime) -> None:
        """Protect every venue; one that cannot be read does not keep the others waiting."""
        async with self._desk.lock:
            await self.protect_all()

    async def begin(self) -> None:
        """Count from now on what has no stop by our books: to read what the venue has may take long."""
        for venue_id in self._desk.venues:
            await self._unprotected.note_blind(venue_id, "it had no stop when the bot began")

    async def tell_overdue(self) -> None:
        """Tell of what was opened and has no stop by the deadline; waits for nothing."""
        await self._unprotected.tell_overdue()

    async def protect_all(self, snapshot: Snapshot | None = None) -> None:
        """Protect every venue; in a hard halt none. The caller holds the desk.

        ``snapshot``: what has just been read, so that nothing is read twice.
        """
        self._tell_hard_halt()
        for venue_id in self._desk.venues:
            account = None if snapshot is None else snapshot.accounts.get(venue_id)
            await self.protect_safely(venue_id, account, None if snapshot is None else snapshot.quotes)

    def _tell_hard_halt(self) -> None:
        if not self._desk.journal.books.is_hard_halt:
            self._desk.alerts.close_alert("hard_halt", cause="bot")
            return
        self._desk.alerts.raise_alert(
            "hard_halt",
            "Halted hard: stops rest as they are and are no longer made to fit, and no position is made smaller."
            " 'trimtab resume' ends it; 'trimtab flatten' closes everything",
            severity="critical",
            cause="bot",
        )

    async def protect_safely(
        self,
        venue_id: VenueId,
        account: AccountState | None = None,
        quotes: Mapping[Leg, Quote] | None = None,
    ) -> None:
        """Protect one venue; where that cannot be done, say so and come back soon. The caller holds the desk."""
        if self._desk.journal.books.is_hard_halt:
            return
        try:
            await self.protect(venue_id, account, quotes)
        except (DataError, VenueError) as failure:
            self._desk.alerts.raise_alert(
                "protection_blind",
                f"The protection of {venue_id} could not be checked: {failure}",
                severity="critical",
                cause=venue_id,
            )
            await self._unprotected.note_blind(venue_id)
        else:
            self._desk.alerts.close_alert("protection_blind", cause=venue_id)

    async def protect(
        self,
        venue_id: VenueId,
        account: AccountState | None = None,
        quotes: Mapping[Leg, Quote] | None = None,
    ) -> None:
        """Make the resting stops of one venue equal to what they should be. The caller holds the desk.

        ``account`` and ``quotes`` are what has just been read; what is missing, or no longer fresh, is read here.
        """
        view = await self._view(venue_id, account, quotes or _NO_QUOTES)
        for (_, symbol), why in view.plan.unstoppable:
            self._desk.alerts.raise_alert(
                "unstoppable",
                f"No stop can be worked out for {symbol}: {why}",
                severity="critical",
                cause=f"{venue_id}/{symbol}",
            )
            await self._unprotected.note_unstoppable((venue_id, symbol), why)
        if self._is_room_due(view):
            view = await self._make_room(venue_id)
        for target in view.plan.stops:
            await self._protect_leg(self._as_booked(target, view), view)
        await self._sweep(view)
        await self._unprotected.note_vanished(view.account)
        self._tell_unlisted(view.account)
        await self._take_profit.keep(view.account, view.instruments)
        self._note_apart(view)
        self._note_listed(view)
        self._protected[venue_id] = view.booked
        self._execution.note_account(view.account)

    def _tell_unlisted(self, account: AccountState) -> None:
        if account.has_stops_listed:
            self._desk.alerts.close_alert("stops_unlisted", cause=account.venue)
            return
        self._desk.alerts.raise_alert(
            "stops_unlisted",
            f"{account.venue} tells everything but its stop orders. Those that are booked are believed to rest; a"
            " position without one is made smaller, and nothing new is opened",
            severity="critical",
            cause=account.venue,
        )

    @property
    def is_settling(self) -> bool:
        """True while what was protected may be out of date already: something traded meanwhile, or lists are behind."""
        is_watched = not self._desk.journal.books.is_hard_halt
        if is_watched and any(self._booked(venue) != protected for venue, protected in self._protected.items()):
            return True
        if not self._apart_since:
            return False
        now = self._desk.elapsed
        return any(now - since < _SETTLES_WITHIN for since in self._apart_since.values())

    def _booked(self, venue_id: VenueId) -> dict[Symbol, Decimal]:
        """Return what our trades add up to at a venue, by contract."""
        ledgers = self._desk.journal.books.ledgers
        return {symbol: one.contracts for (venue, symbol), one in ledgers.items() if venue == venue_id}

    def _note_apart(self, view: _View) -> None:
        venue_id, now = view.account.venue, self._desk.elapsed
        before = {leg: since for leg, since in self._apart_since.items() if leg[0] == venue_id}
        for leg in before:
            del self._apart_since[leg]
        for position in view.account.positions:
            is_apart = position.contracts != self._desk.journal.books.ledger(venue_id, position.symbol).contracts
            if is_apart and position.symbol not in self._desk.policy.foreign_symbols:
                self._apart_since[venue_id, position.symbol] = before.get((venue_id, position.symbol), now)

    def _is_room_due(self, view: _View) -> bool:
        """Return whether legs have to be cut for their stops, by prices that are believed or have said so twice."""
        venue_id, now = view.account.venue, self._desk.elapsed
        if not view.plan.reductions:
            self._tight_since.pop(venue_id, None)
            return False
        legs = [one.leg.instrument for one in view.plan.reductions]
        is_believed = all(self._gatherer.is_believed(one, view.quotes[one.venue, one.symbol]) for one in legs)
        return is_believed or now - self._tight_since.setdefault(venue_id, now) >= _SAID_TWICE

    async def _make_room(self, venue_id: VenueId) -> _View:
        """Let legs give up what their stops need, unless cash does; return how things stand then."""
        is_coming = await self.relieve(venue_id)
        view = await self._view(venue_id)
        if is_coming or not view.plan.reductions:
            return view
        for reduction in view.plan.reductions:
            await self._reduce(reduction)
        return await self._view(venue_id)

    async def _view(
        self, venue_id: VenueId, account: AccountState | None = None, known_quotes: Mapping[Leg, Quote] = _NO_QUOTES
    ) -> _View:
        if account is None or not self._gatherer.is_fresh(account):
            account, known_quotes = await self._gatherer.read_account(venue_id), _NO_QUOTES
        policy = self._desk.policy
        # Foreign positions get no stop of ours, but their margin counts in the distance to liquidation.
        await self._reference.refresh_histories()
        booked = self._booked(venue_id)
        held = {position.symbol for position in account.positions}
        unlisted = self._unlisted(venue_id, held, booked)
        instruments = self._reference.known(venue_id, sorted(held | unlisted))
        if instruments.keys() <= known_quotes.keys():
            quotes = {leg: known_quotes[leg] for leg in instruments}
        else:
            quotes = await self._gatherer.read_quotes_or_newest(venue_id, instruments)
        plan = want_stops(
            account,
            instruments=instruments,
            quotes=quotes,
            daily_sigmas=self._reference.daily_sigmas,
            anchors=self.anchors,
            policy=policy,
            now=self._desk.clock.now(),
            unlisted=[
                _as_listed(venue_id, symbol, booked[symbol], quotes[venue_id, symbol])
                for symbol in sorted(unlisted)
                if (venue_id, symbol) in quotes
            ],
        )
        return _View(
            account=account,
            instruments=instruments,
            quotes=quotes,
            plan=plan,
            booked=booked,
            unlisted=frozenset(unlisted),
            resting=self._stops.resting(account),
            pending=self._stops.pending(account),
        )

    def _unlisted(self, venue_id: VenueId, held: set[Symbol], booked: Mapping[Symbol, Decimal]) -> set[Symbol]:
        """Return what our trades add up to and the venue does not list; what has expired is settled."""
        missing = (
            {symbol for symbol, contracts in booked.items() if contracts} - held - self._desk.policy.foreign_symbols
        )
        known, now = self._reference.known(venue_id, missing), self._desk.clock.now()
        return {symbol for (_, symbol), terms in known.items() if not terms.has_expired(now)}

    def _as_booked(self, target: StopTarget, view: _View) -> StopTarget:
        """Return a stop of what our trades add up to where the venue lists less: it may be the list that is late.

        What only reduces closes no more than there is.
        """
        booked = self._unprotected.booked_contracts(target)
        if booked <= target.contracts:
            return target
        return of_size(target, booked, view.instruments[target.venue, target.symbol])

    async def _protect_leg(self, target: StopTarget, view: _View) -> None:
        if not view.account.has_stops_listed and self._unprotected.has_booked_stop((target.venue, target.symbol)):
            await self._unprotected.note_protected(target)
            return
        resting = view.resting.get(target.symbol, [])
        good, missing = self._stops.fitting(target, resting)
        known = {order.client_order_id for order in good}
        pending = [one for one in view.pending.get(target.symbol, []) if one.intent.client_order_id not in known]
        placed, bare = await self._stops.place_all(target, missing, pending)
        if not bare:
            known |= {order.client_order_id for order in placed}
            for order in resting:
                if order.client_order_id not in known:
                    await self._stops.drop(order, "replaced")
        elif not self._stops.covering(target, resting)[1]:
            # Earlier stops of the position's size still rest; moving them is tried again.
            bare = ZERO
        bare = min(bare + target.beyond_contracts, target.contracts)
        if bare and target.symbol in view.unlisted:
            # Whether there is anything to make smaller is not known.
            return
        if bare:
            leg = (target.venue, target.symbol)
            await self._unprotected.note_unprotected(target, bare, view.instruments[leg], view.quotes[leg])
        else:
            await self._unprotected.note_protected(target)

    def _note_listed(self, view: _View) -> None:
        now = self._desk.elapsed
        for position in view.account.positions:
            booked = view.booked.get(position.symbol, ZERO)
            self._listed[view.account.venue, position.symbol] = (now, booked)

    def _may_be_held(self, view: _View) -> set[Symbol]:
        """Return what was listed a moment ago and is not now, without a trade that tells how it ended."""
        now, venue_id = self._desk.elapsed, view.account.venue
        return {
            symbol
            for (venue, symbol), (listed_at, booked) in self._listed.items()
            if venue == venue_id and now - listed_at < _SETTLES_WITHIN and view.booked.get(symbol, ZERO) == booked
        }

    async def _sweep(self, view: _View) -> None:
        """Cancel our stops on symbols without a position, and on what the owner has reserved since.

        What is reserved is never traded, and a stop that fires is a trade: its protection is the owner's.
        """
        venue_id, books = view.account.venue, self._desk.journal.books
        held = {position.symbol for position in view.account.positions}
        # What is not listed and should be is not gone yet.
        held |= {symbol for (venue, symbol), one in books.ledgers.items() if venue == venue_id and one.contracts != 0}
        held |= self._may_be_held(view) | self._execution.untold_symbols(venue_id)
        held -= self._desk.policy.foreign_symbols
        for order in view.account.open_orders:
            if order.type is OrderType.STOP_MARKET and order.symbol not in held:
                await self._stops.drop(order, "no position of ours left to protect")
        await self._unprotected.note_closed(venue_id, held)

    async def _reduce(self, reduction: ProtectiveReduction) -> None:
        await self._desk.journal.record(reduction.ceiling)
        await self.reduce_leg(reduction.leg)

    async def reduce_leg(self, leg: HedgeLeg) -> None:
        """Make a position smaller, whose ceiling is journalled, and say so. The caller holds the desk."""
        self._desk.alerts.raise_alert(
            "leg_reduced",
            f"{leg.instrument.symbol} is made smaller by {leg.contracts} contracts: {leg.reason}",
            severity="warning",
            cause=f"{leg.instrument.venue}/{leg.instrument.symbol}",
        )
        await self._reductions.send(leg.instrument.venue, leg.instrument, leg.side, leg.contracts, leg.index_price)


def _as_listed(venue_id: VenueId, symbol: Symbol, contracts: Decimal, quote: Quote) -> FuturesPosition:
    """Return what our trades add up to as the venue would list it, so that a list that is short leaves it its stop."""
    return FuturesPosition(
        venue=venue_id, symbol=symbol, contracts=contracts, entry_price=quote.mark_price, liquidation_price=None
    )
