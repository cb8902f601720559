"""How are the legs of a look worked until they are done? Step by step; between two steps the desk is free.

What a step is, ``decisions.working`` says, from the venue's position and the book of that moment. Rules of this file:

- What reduces is done before what opens begins.
- A leg has one live order at most: its successor is sent only after the venue has said how it ended.
- An outcome that is not known ends the work; the order is looked up like any other, and the next look sizes afresh.
- Nothing here outlives the process. What a crash leaves working is cancelled at the next start, what it had filled is
  in the position, and the first look measures what is still to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog

from bot.decisions.exposure import coins_in
from bot.decisions.working import (
    Aim,
    Progress,
    Step,
    StepKind,
    have_moved,
    interruption,
    is_off_index,
    nearest_lots,
    needed_base,
    next_step,
)
from bot.domain.books import Leg
from bot.domain.errors import DataError, IncompleteData, VenueError
from bot.domain.ids import Asset, ClientOrderId, CycleId, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Order, OrderDraft, OrderType, Purpose, TimeInForce
from bot.domain.plan import Decision, HedgeLeg
from bot.domain.policy import ExecutionStyle
from bot.domain.portfolio import AccountState
from bot.domain.snapshot import Snapshot
from bot.domain.units import ZERO
from bot.engine.bookkeeping import Bookkeeping
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.ioc import ImmediateStyle, contracts_held
from bot.engine.protection import Protection
from bot.engine.snapshot import SnapshotGatherer
from bot.ports import patiently

log = structlog.get_logger()

#: Cancel, post again: more than this in one pass is for the next one.
_STEPS_PER_PASS = 3
#: A work that has met trouble this many times in a row is given up; the next look begins afresh.
_MOST_TROUBLES = 5


@dataclass(slots=True, kw_only=True)
class Work:
    """One leg on its way."""

    leg: HedgeLeg
    cycle_id: CycleId
    #: Signed position that it began at, and that it is going to.
    begun_contracts: Decimal
    goal_contracts: Decimal
    reference_price: Decimal
    #: What was read by then, its size is made of.
    decided_at: datetime
    started_at: datetime
    #: The same by the clock that nobody sets.
    begun_at: timedelta
    #: The order that rests, and the newest of all its orders.
    resting: ClientOrderId | None = None
    newest: ClientOrderId | None = None
    slices_sent: int = 0
    troubles: int = 0
    #: Cancels in a row of which nothing is known.
    cancels_lost: int = 0
    is_done: bool = False


@dataclass(slots=True, kw_only=True)
class Works:
    """The legs of one look on their way, with the accounts as they were last read."""

    aim: Aim
    items: list[Work] = field(default_factory=list)
    accounts: dict[VenueId, AccountState] = field(default_factory=dict)
    #: The coins in each account that the look was made of.
    coins: dict[VenueId, Mapping[Asset, Decimal]] = field(default_factory=dict)
    #: The readings that protection has seen.
    guarded: dict[VenueId, AccountState] = field(default_factory=dict)
    #: One contract of each asset, and its index price as it was last read.
    watched: dict[Leg, Instrument] = field(default_factory=dict)
    index_prices: dict[Asset, Decimal] = field(default_factory=dict)
    #: The books of this pass, as far as they could be read, and marks as they were last read.
    quotes: dict[Leg, Quote] = field(default_factory=dict)
    marks: dict[Leg, Decimal] = field(default_factory=dict)
    passes: int = 0
    #: True once a leg was left because of what the venue says, or does not: it is worth another look soon.
    is_cut_short: bool = False

    @property
    def is_done(self) -> bool:
        """True when nothing is left to step."""
        return all(work.is_done for work in self.items)

    def due(self) -> list[Work]:
        """Return what may be stepped now: what opens waits for what reduces."""
        left = [work for work in self.items if not work.is_done]
        reducing = [work for work in left if work.leg.reduce_only]
        return reducing or left


class Worker:
    """Works legs in their styles."""

    def __init__(
        self,
        desk: Desk,
        gatherer: SnapshotGatherer,
        execution: Execution,
        bookkeeping: Bookkeeping,
        immediate: ImmediateStyle,
        protection: Protection,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution
        self._bookkeeping = bookkeeping
        self._immediate = immediate
        self._protection = protection

    async def begin(
        self, decision: Decision, cycle_id: CycleId, snapshot: Snapshot, accounts: Mapping[VenueId, AccountState]
    ) -> Works:
        """Take up the legs of a look, as far as their venues can be read; ``accounts`` are as they are now."""
        works = Works(
            aim=Aim.of(decision), accounts=dict(accounts), guarded=dict(accounts), quotes=dict(snapshot.quotes)
        )
        watched: dict[Asset, Leg] = {}
        for place, instrument in snapshot.instruments.items():
            if place in snapshot.quotes:
                watched.setdefault(instrument.asset, place)
        works.watched = {place: snapshot.instruments[place] for place in watched.values()}
        works.marks = {place: quote.mark_price for place, quote in snapshot.quotes.items()}
        works.coins = {venue: coins_in(account, self._desk.policy) for venue, account in snapshot.accounts.items()}
        planned: dict[Leg, Decimal] = {}
        for leg in decision.legs:
            one = leg.instrument
            if not await self._is_clear(leg):
                works.is_cut_short = True
                continue
            try:
                held = contracts_held(await self._account(one.venue, works), one)
            except (DataError, VenueError) as failure:
                log.warning("A leg could not be begun", code="work_trouble", symbol=one.symbol, reason=str(failure))
                continue
            place = (one.venue, one.symbol)
            # A position that is turned round is two legs of one contract.
            planned[place] = planned.get(place, held) + leg.contracts * leg.side.sign
            quote = snapshot.quotes[place]
            works.items.append(
                Work(
                    leg=leg,
                    cycle_id=cycle_id,
                    begun_contracts=held,
                    goal_contracts=planned[place],
                    reference_price=(quote.bid_price + quote.ask_price) / 2,
                    decided_at=snapshot.at,
                    started_at=self._desk.clock.now(),
                    begun_at=self._desk.elapsed,
                )
            )
        return works

    async def _is_clear(self, leg: HedgeLeg) -> bool:
        """Return True when no earlier hedge order is in the way of a leg, after taking away what works on its asset.

        While the cancel of one is not known, a second one would be two live orders for one need, in whichever contract;
        what makes a position smaller waits for those of its own contract alone.
        """
        is_clear = True
        for order in self._desk.journal.books.working_orders():
            intent = order.intent
            if intent.purpose is not Purpose.HEDGE or intent.asset != leg.instrument.asset:
                continue
            ended = await self._execution.cancel(order, "left over from a look that has ended")
            if not ended.state.is_final:
                log.warning("An earlier order may still work", code="work_trouble", symbol=intent.symbol)
                is_same = (intent.venue, intent.symbol) == (leg.instrument.venue, leg.instrument.symbol)
                is_clear &= leg.reduce_only and not is_same
        return is_clear

    async def step(self, works: Works) -> None:
        """Give every leg that is due its next step. The caller holds the desk."""
        works.passes += 1
        if works.passes > 1:
            # While the desk was free others may have traded, and prices have moved.
            works.accounts.clear()
            await self._read_books(works)
        stepped: set[int] = set()
        while pending := [work for work in works.due() if id(work) not in stepped]:
            for work in pending:
                stepped.add(id(work))
                await self._step_safely(work, works)

    async def _read_books(self, works: Works) -> None:
        """Read the books of what is worked, and one of each asset besides."""
        works.quotes.clear()
        wanted = works.watched | {_place(work): work.leg.instrument for work in works.items if not work.is_done}
        for venue_id in sorted({venue_id for venue_id, _ in wanted}):
            try:
                mine = {place: one for place, one in wanted.items() if place[0] == venue_id}
                with patiently():
                    works.quotes |= await self._gatherer.read_quotes(venue_id, mine)
            except (DataError, VenueError) as failure:
                log.warning("Books could not be read", code="book_missing", venue=venue_id, reason=str(failure))
        for place, quote in works.quotes.items():
            works.marks[place] = quote.mark_price
            works.index_prices[wanted[place].asset] = quote.index_price

    async def give_up(self, works: Works, why: str) -> None:
        """Take away what rests and end every work. The caller holds the desk."""
        for work in works.items:
            if not work.is_done:
                await self._end(work, why)

    async def _step_safely(self, work: Work, works: Works) -> None:
        """Step one leg. A venue that does not answer is tried again with the next pass, a few times."""
        try:
            await self._step(work, works)
        except (DataError, VenueError) as failure:
            works.accounts.pop(work.leg.instrument.venue, None)
            work.troubles += 1
            log.warning(
                "A leg could not be worked", code="work_trouble", symbol=work.leg.instrument.symbol, reason=str(failure)
            )
            if work.troubles >= _MOST_TROUBLES or work.leg.style is ExecutionStyle.IOC:
                works.is_cut_short = True
                await self._end(work, "the venue does not answer")
            # It may have traded before: what was not read then is read for the stop's sake, or told to be unreadable.
            await self._protection.protect_safely(work.leg.instrument.venue)
        else:
            work.troubles = 0

    async def _step(self, work: Work, works: Works) -> None:
        venue_id = work.leg.instrument.venue
        with patiently():
            before = await self._account(venue_id, works)
        if work.leg.style is ExecutionStyle.IOC:
            works.accounts[venue_id], is_whole = await self._immediate.work(
                work.leg,
                work.cycle_id,
                before,
                goal_contracts=work.goal_contracts,
                interruption=partial(self._interruption, work),
            )
            works.is_cut_short |= not is_whole
            work.is_done = True
        else:
            for _ in range(_STEPS_PER_PASS):
                if not await self._advance(work, works):
                    break
        if work.is_done:
            works.is_cut_short |= self._execution.is_turned_away(_place(work))
        # After each fill the stop is made to fit, also after one that came while the order rested.
        after = await self._account(venue_id, works)
        if after is not works.guarded.get(venue_id):
            await self._protection.protect_safely(venue_id, after)
            works.guarded[venue_id] = after

    async def _account(self, venue_id: VenueId, works: Works) -> AccountState:
        if venue_id not in works.accounts:
            works.accounts[venue_id] = await self._gatherer.read_account(venue_id)
        return works.accounts[venue_id]

    async def _advance(self, work: Work, works: Works) -> bool:
        """Take one step of a leg; return True when another may follow at once."""
        account = await self._account(work.leg.instrument.venue, works)
        if not await self._is_settled(work, account):
            if self._is_lost(work):
                works.is_cut_short = True
                await self._end(work, "the venue has taken its order and cannot find it")
            return False
        if not self._gatherer.adds_up(account, work.leg.instrument):
            raise IncompleteData(f"{work.leg.instrument.symbol} does not show what was traded")
        quote, policy, now = works.quotes.get(_place(work)), self._desk.policy, self._desk.clock.now()
        why = self._interruption(work)
        is_readable = not account.unreadable_wallets
        if not why and is_readable and have_moved(coins_in(account, policy), works.coins[account.venue]):
            why = "coins have come or gone since"
        if not why and is_off_index(work.leg, quote, policy.limits, now):
            why = "mark and index are too far apart"
        if not why and self._has_twin(work):
            why = "an earlier order of its contract may still work"
        if why:
            works.is_cut_short = True
            await self._end(work, why)
            return False
        step = next_step(self._progress(work, works, account), quote, work.leg.style, policy.execution)
        return await self._do(step, work, works)

    def _interruption(self, work: Work) -> str:
        """Return what has happened since a leg was decided that ends it; empty when nothing has."""
        asset = work.leg.instrument.asset
        if self._bookkeeping.others_have_traded(asset, work.decided_at):
            return f"somebody else has traded {asset} since"
        # By the clock as it is now, too: it may have been put back since.
        started_at = min(work.started_at, self._desk.date_of(work.begun_at))
        return interruption(work.leg, self._desk.journal.books, started_at)

    async def _is_settled(self, work: Work, account: AccountState) -> bool:
        """Return True when it is known whether the leg's order still rests."""
        if work.resting is None:
            return True
        order = self._order(work.resting)
        if not order.state.is_final and all(one.client_order_id != work.resting for one in account.open_orders):
            order = await self._execution.look_up(order)
            if not order.state.is_final:
                return False
        if order.state.is_final:
            self._let_go(work)
        return True

    def _is_lost(self, work: Work) -> bool:
        """Return True for an order that may work unseen: not for this work to wait for."""
        order = None if work.resting is None else self._order(work.resting)
        return order is not None and order.may_work_unseen

    def _has_twin(self, work: Work) -> bool:
        """Return True while a hedge order works on the contract that is not the work's own: one given up before it."""
        return any(
            order.intent.purpose is Purpose.HEDGE
            and (order.intent.venue, order.intent.symbol) == _place(work)
            and order.intent.client_order_id != work.resting
            for order in self._desk.journal.books.working_orders()
        )

    def _progress(self, work: Work, works: Works, account: AccountState) -> Progress:
        leg = work.leg
        missing = (work.goal_contracts - contracts_held(account, leg.instrument)) * leg.side.sign
        order = None if work.resting is None else self._order(work.resting)
        return Progress(
            leg=leg,
            remaining_contracts=min(missing, self._needed_contracts(work, works)),
            reference_price=work.reference_price,
            lasted=self._desk.elapsed - work.begun_at,
            resting_price=None if order is None else order.intent.price,
            resting_contracts=ZERO if order is None else order.remaining_contracts,
            slices_sent=work.slices_sent,
        )

    def _needed_contracts(self, work: Work, works: Works) -> Decimal:
        """Return how much of a leg its asset still needs at the prices of this pass, on the leg's side."""
        leg = work.leg
        if works.passes == 1:
            return leg.contracts
        asset = leg.instrument.asset
        # Two legs of one contract have traded it once.
        others = {_place(other): other for other in works.items if other.leg.instrument.asset == asset}
        traded = sum((_traded_base(other, works) for other in others.values()), ZERO)
        needed = needed_base(works.aim, asset, traded, works.index_prices) * leg.side.sign
        contracts = leg.instrument.contracts_from_base(max(ZERO, needed), works.marks[_place(work)])
        return nearest_lots(contracts, leg.instrument) if leg.reduce_only else contracts

    async def _do(self, step: Step, work: Work, works: Works) -> bool:
        if step.kind is StepKind.WAIT:
            return False
        if step.kind is StepKind.DONE:
            await self._end(work, step.why)
            return False
        log.debug(
            "A leg is worked", code=f"work_{step.kind}", symbol=work.leg.instrument.symbol, why=step.why, step=step.kind
        )
        venue_id = work.leg.instrument.venue
        if step.kind is StepKind.CANCEL:
            is_free = await self._take_away(work, step.why)
            works.accounts.pop(venue_id, None)
            work.cancels_lost = 0 if is_free else work.cancels_lost + 1
            if work.cancels_lost >= _MOST_TROUBLES:
                works.is_cut_short = True
                await self._end(work, "its order cannot be taken away")
            return is_free
        if step.kind is StepKind.POST:
            await self._post(step, work)
            works.accounts.pop(venue_id, None)
            return False
        await self._take(step, work, works)
        work.is_done = step.is_last
        return False

    async def _post(self, step: Step, work: Work) -> None:
        (order,) = await self._execution.place([_draft(step, work, TimeInForce.POST_ONLY)])
        work.newest = order.intent.client_order_id
        if not order.state.is_final:
            work.resting = work.newest
            self._execution.attended.add(work.newest)

    async def _take(self, step: Step, work: Work, works: Works) -> None:
        (order,) = await self._execution.place([_draft(step, work, TimeInForce.IOC)])
        work.newest = order.intent.client_order_id
        work.slices_sent += 1
        works.accounts[work.leg.instrument.venue] = await self._gatherer.read_account(work.leg.instrument.venue)

    async def _take_away(self, work: Work, why: str) -> bool:
        """Cancel what rests; return True when it is known to have ended."""
        if work.resting is not None:
            order = await self._execution.cancel(self._order(work.resting), why)
            if not order.state.is_final:
                return False
            self._let_go(work)
        return True

    async def _end(self, work: Work, why: str) -> None:
        """End a work. An order whose cancel stays open is nobody's from here on: reconciling takes it away."""
        await self._take_away(work, why)
        self._let_go(work)
        work.is_done = True
        log.info("A leg is no longer worked", code="work_ended", symbol=work.leg.instrument.symbol, why=why)

    def _let_go(self, work: Work) -> None:
        if work.resting is not None:
            self._execution.attended.discard(work.resting)
        work.resting = None

    def _order(self, client_order_id: ClientOrderId) -> Order:
        return self._desk.journal.books.orders[client_order_id]


def _place(work: Work) -> Leg:
    return work.leg.instrument.venue, work.leg.instrument.symbol


def _traded_base(work: Work, works: Works) -> Decimal:
    """Return the coins, signed, by which a contract's position has changed; none where its account was not read."""
    one = work.leg.instrument
    account = works.accounts.get(one.venue)
    if account is None:
        return ZERO
    return one.base_from_contracts(contracts_held(account, one) - work.begun_contracts, works.marks[_place(work)])


def _draft(step: Step, work: Work, time_in_force: TimeInForce) -> OrderDraft:
    leg = work.leg
    return OrderDraft(
        venue=leg.instrument.venue,
        symbol=leg.instrument.symbol,
        asset=leg.instrument.asset,
        side=leg.side,
        type=OrderType.LIMIT,
        contracts=leg.instrument.reducing_order(step.contracts) if leg.reduce_only else step.contracts,
        price=step.price,
        time_in_force=time_in_force,
        reduce_only=leg.reduce_only,
        purpose=Purpose.HEDGE,
        decision_price=leg.index_price,
        cycle_id=work.cycle_id,
        continues=work.newest,
    )
