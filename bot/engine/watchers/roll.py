"""Does a position have to leave its contract? Follows the stages, sends the next step, and makes stops follow.

What a step is, ``decisions.roll`` says, from the venue's positions and the roll's own trades; nothing here remembers.
Rules of this file:

- The asset of a roll that moves is worked by nobody else: looks fold what they need into the far leg.
- After each order the stops of both contracts are made to fit before anything else is sent.
- What passes as one order of the venue is journalled as its two legs, in one commit.
"""

from datetime import datetime, timedelta

import structlog

from bot.decisions.roll import end_of, far_contract, is_within, judge_stage, replacement, tenor_between
from bot.decisions.roll_steps import RollStep, RollStepKind, RollView, next_roll_step
from bot.decisions.working import take_back
from bot.domain.books import Leg
from bot.domain.errors import DataError, IncompleteData, VenueError
from bot.domain.events import RollEnded, RollMoved
from bot.domain.ids import Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.orders import OrderDraft, OrderType, Purpose, Side, TimeInForce
from bot.domain.policy import TradingState
from bot.domain.portfolio import AccountState
from bot.domain.rolls import Roll, RollCause
from bot.domain.units import decimal_text
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.protection import Protection
from bot.engine.reductions import protective_cycle
from bot.engine.reference import Reference
from bot.engine.scheduler import LookSignal
from bot.engine.snapshot import SnapshotGatherer

log = structlog.get_logger()

#: More than this in one check is for the next one.
_STEPS_PER_CHECK = 20


class RollWatcher:
    """Passes positions on."""

    def __init__(
        self,
        desk: Desk,
        gatherer: SnapshotGatherer,
        reference: Reference,
        execution: Execution,
        protection: Protection,
        signal: LookSignal,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._reference = reference
        self._execution = execution
        self._protection = protection
        self._signal = signal
        #: What was told to expire while trading is halted.
        self._told_halted: dict[VenueId, set[Symbol]] = {}

    async def check(self, now: datetime) -> None:
        """Look after the expiring positions of every venue; one that cannot be read does not stop the others."""
        for venue_id in self._desk.venues:
            if not self._concerns(venue_id, now):
                # What was told of is closed.
                self._tell_halted(venue_id, now)
                self._desk.alerts.close_alert("roll_blocked", cause=venue_id)
                continue
            async with self._desk.lock:
                try:
                    await self._look_after(venue_id)
                except (DataError, VenueError) as failure:
                    self._desk.alerts.raise_alert(
                        "roll_blocked",
                        f"Positions of {venue_id} that expire cannot be looked after: {failure}",
                        severity="critical",
                        cause=venue_id,
                    )
                else:
                    self._desk.alerts.close_alert("roll_blocked", cause=venue_id)

    def _concerns(self, venue_id: VenueId, now: datetime) -> bool:
        """Return True when something may be about to expire, or is on its way."""
        books, earliest = self._desk.journal.books, self._desk.policy.roll.halted_alert_before
        if any(venue == venue_id for venue, _ in books.rolls):
            return True
        return any(is_within(one, now, earliest) for one in self._held(venue_id))

    def _held(self, venue_id: VenueId) -> list[Instrument]:
        """Return the contracts in which our trades add up to a position, but for those that are reserved."""
        ledgers = self._desk.journal.books.ledgers
        foreign = self._desk.policy.foreign_symbols
        mine = [leg for leg, one in ledgers.items() if leg[0] == venue_id and one.contracts and leg[1] not in foreign]
        return [one for leg in mine if (one := self._known(leg)) is not None]

    def _known(self, leg: Leg) -> Instrument | None:
        try:
            return self._reference.instrument(*leg)
        except IncompleteData:
            return None

    async def _look_after(self, venue_id: VenueId) -> None:
        desk = self._desk
        await self._reference.refresh_terms(venue_id)
        account = await self._gatherer.read_account(venue_id)
        self._tell_halted(venue_id, desk.clock.now())
        for position in account.positions:
            near = self._known((venue_id, position.symbol))
            if near is None or near.expires_at is None or position.symbol in desk.policy.foreign_symbols:
                continue
            await self._follow_stage(near)
        for leg, roll in list(desk.journal.books.rolls.items()):
            if leg[0] == venue_id:
                await self._pass_on_safely(roll, account)

    async def _follow_stage(self, near: Instrument) -> None:
        desk, leg = self._desk, (near.venue, near.symbol)
        now, roll = desk.clock.now(), desk.journal.books.rolls.get(leg)
        far = far_contract(
            near,
            self._reference.instruments_of(near.venue),
            desk.policy,
            now,
            quotes=self._gatherer.newest_quotes,
            taken=None if roll is None else roll.far,
        )
        moved = judge_stage(near, roll, far, now, desk.policy.roll)
        if moved is not None:
            await self._record(moved)
        roll = desk.journal.books.rolls.get(leg)
        # What an order has done that nobody knows of yet counts for the contract that it was sent for.
        is_settled = not desk.journal.books.has_open_question(leg, near.asset)
        if roll is not None and roll.cause is RollCause.EXPIRY and is_settled:
            taken = replacement(roll, near, far, now)
            if taken is not None:
                await self._record(*taken)

    def _tell_halted(self, venue_id: VenueId, now: datetime) -> None:
        """Tell of what is about to expire and is not passed on, and end it where it is, or is closed."""
        desk, before = self._desk, self._told_halted.get(venue_id, set())
        is_halted = desk.journal.books.trading_state is TradingState.HALTED
        held = self._held(venue_id) if is_halted else []
        due = [one for one in held if is_within(one, now, desk.policy.roll.halted_alert_before)]
        for one in due:
            desk.alerts.raise_alert(
                "roll_halted",
                f"{one.symbol} expires at {one.expires_at:%Y-%m-%d %H:%M} UTC, and trading is halted: nothing is"
                " passed on. 'trimtab resume' lets it be",
                severity="critical",
                cause=f"{venue_id}/{one.symbol}",
            )
        self._told_halted[venue_id] = {one.symbol for one in due}
        for symbol in before - self._told_halted[venue_id]:
            desk.alerts.close_alert("roll_halted", cause=f"{venue_id}/{symbol}")

    async def _record(self, *facts: RollMoved | RollEnded) -> None:
        await self._desk.journal.record(*facts)
        for fact in facts:
            if isinstance(fact, RollMoved):
                where = fact.far or "nowhere yet"
                told = f"{fact.near} is to go to {where}: {fact.stage} ({fact.why})"
                log.info(
                    told,
                    code="roll_moved",
                    venue=fact.venue,
                    near=fact.near,
                    far=fact.far,
                    stage=fact.stage,
                    cause=fact.cause,
                )
            else:
                cost = "" if fact.cost_bps is None else f"; it cost {fact.cost_bps:.1f} bp of what was passed on"
                told = f"The roll of {fact.near} is over: {fact.why}{cost}"
                log.info(
                    told,
                    code="roll_ended",
                    venue=fact.venue,
                    near=fact.near,
                    far=fact.far,
                    cost_bps=None if fact.cost_bps is None else f"{fact.cost_bps:.2f}",
                    yield_annual=None if fact.yield_annual is None else f"{fact.yield_annual:.6f}",
                )

    # --- steps

    async def _pass_on_safely(self, roll: Roll, account: AccountState) -> None:
        """Pass one position on; where that cannot be done, say so: it holds up no other."""
        cause = f"{roll.venue}/{roll.near}"
        reserved = self._desk.policy.foreign_symbols & {roll.near, roll.far}
        try:
            if reserved:
                await self._end(roll, f"{', '.join(sorted(reserved))} is reserved for the owner")
            elif roll.cause is RollCause.COST and not self._is_listed(roll.venue, roll.far):
                await self._end(roll, f"{roll.far} is listed no more")
            else:
                await self._pass_on(roll, account)
        except (DataError, VenueError) as failure:
            self._desk.alerts.raise_alert(
                "roll_blocked", f"{roll.near} cannot be passed on: {failure}", severity="critical", cause=cause
            )
        else:
            self._desk.alerts.close_alert("roll_blocked", cause=cause)

    async def _pass_on(self, roll: Roll, account: AccountState) -> None:
        """Take the steps of a roll, as many as can be taken now.

        Raises:
            DataError, VenueError: they cannot be worked out, or not be sent.
        """
        desk, leg = self._desk, (roll.venue, roll.near)
        if desk.journal.books.is_hard_halt:
            return
        waited = ""
        for _ in range(_STEPS_PER_CHECK):
            roll = desk.journal.books.rolls[leg]
            is_held = any(position.symbol == roll.near for position in account.positions)
            if not is_held and self._is_over(leg):
                await self._tell_missed(roll)
                return
            if not roll.stage.is_moving and is_held:
                return
            near = self._reference.instrument(*leg)
            view = await self._view(roll, near, account)
            step = self._next_step(view)
            if step.kind is RollStepKind.DONE:
                await self._end(roll, step.why, tenor=tenor_between(near, view.far))
                return
            if step.kind is RollStepKind.WAIT:
                waited = step.why
                break
            if not await self._take(step, view):
                break
            account = await self._gatherer.read_account(roll.venue)
            await self._protection.protect_safely(roll.venue, account)
        self._tell_gap(desk.journal.books.rolls[leg], waited)

    def _is_over(self, leg: Leg) -> bool:
        """Return whether a contract has expired, or is listed no more and our trades add up to nothing in it."""
        near = self._known(leg)
        if near is None:
            return self._desk.journal.books.ledger(*leg).contracts == 0
        return near.has_expired(self._desk.clock.now())

    def _is_listed(self, venue_id: VenueId, symbol: Symbol | None) -> bool:
        return any(one.symbol == symbol for one in self._reference.instruments_of(venue_id))

    async def _view(self, roll: Roll, near: Instrument, account: AccountState) -> RollView:
        desk = self._desk
        far = None if roll.far is None else self._reference.instrument(roll.venue, roll.far)
        now = desk.clock.now()
        priced = {(one.venue, one.symbol): one for one in (near, far) if one is not None and not one.has_expired(now)}
        quotes = await self._gatherer.read_quotes(roll.venue, priced)
        spread = None
        if far is not None and far.expires_at is not None and near.expires_at is not None and len(priced) > 1:
            spread = await desk.read(desk.venues[roll.venue].fetch_spread(roll.near, far.symbol))
        return RollView(
            roll=roll,
            near=near,
            far=far,
            account=account,
            quotes=quotes,
            spread=spread,
            books=desk.journal.books,
            policy=desk.policy,
            now=desk.clock.now(),
        )

    def _next_step(self, view: RollView) -> RollStep:
        """Return what is to be done; nothing while positions do not show what has been passed on."""
        for one in (view.near, view.far):
            if one is not None and not self._gatherer.adds_up(view.account, one):
                return RollStep(kind=RollStepKind.WAIT, why=f"{one.symbol} does not add up")
        return next_roll_step(view)

    async def _has_taken_back(self, step: RollStep, view: RollView) -> bool:
        """Give up what looks have asked for and what may not be opened any more; False where there is nothing to."""
        if step.kind is not RollStepKind.FAR or step.reduce_only or view.far is None:
            return False
        taken = take_back(view.roll, view.far, view.books, view.now)
        if taken is None:
            return False
        less, why = taken
        await self._desk.journal.record(less)
        told = f"What looks have asked for is not opened in {view.far.symbol}: {why}"
        log.info(told, code="roll_taken_back", near=less.near, far=view.far.symbol, folded=less.folded)
        return True

    async def _take(self, step: RollStep, view: RollView) -> bool:
        """Send a step; return True when something has traded, or is wanted no more, and another may follow."""
        near, far = view.near, view.far
        if await self._has_taken_back(step, view):
            return True
        told = f"Passing {near.symbol} on: {step.kind} ({step.why})"
        log.info(
            told,
            code=f"roll_{step.kind}",
            near=near.symbol,
            contracts=step.contracts,
            side=step.side,
        )
        if step.kind is RollStepKind.SPREAD and far is not None:
            legs = (
                self._draft(step, near, step.side.opposite, Purpose.ROLL_CLOSE, view, is_part=True),
                self._draft(step, far, step.side, Purpose.ROLL_OPEN, view, is_part=True),
            )
            orders = await self._execution.place_spread(*legs, limit_spread_price=step.price)
        elif step.kind is RollStepKind.FAR and far is not None:
            orders = await self._execution.place([self._draft(step, far, step.side, Purpose.ROLL_OPEN, view)])
        else:
            orders = await self._execution.place([self._draft(step, near, step.side, Purpose.ROLL_CLOSE, view)])
        return any(order.filled_contracts > 0 for order in orders)

    def _draft(
        self, step: RollStep, one: Instrument, side: Side, purpose: Purpose, view: RollView, *, is_part: bool = False
    ) -> OrderDraft:
        """Return an order; one that is part of a spread has no limit of its own."""
        return OrderDraft(
            venue=one.venue,
            symbol=one.symbol,
            asset=one.asset,
            side=side,
            type=OrderType.MARKET if is_part else OrderType.LIMIT,
            contracts=step.contracts,
            price=None if is_part else step.price,
            time_in_force=TimeInForce.IOC,
            reduce_only=purpose is Purpose.ROLL_CLOSE if is_part else step.reduce_only,
            purpose=purpose,
            decision_price=view.quotes[one.venue, one.symbol].mark_price,
            cycle_id=protective_cycle(self._desk),
        )

    # --- ends

    async def _end(self, roll: Roll, why: str, *, tenor: timedelta | None = None, is_missed: bool = False) -> None:
        terms = self._desk.journal.books.terms.get((roll.venue, roll.near))
        is_linear = terms is None or terms.is_linear
        now = self._desk.clock.now()
        await self._record(end_of(roll, now, why, is_linear=is_linear, tenor=tenor, is_missed=is_missed))
        self._desk.alerts.close_alert("roll_gap", cause=f"{roll.venue}/{roll.near}")
        if roll.missing != 0 or is_missed:
            self._signal.set("expiry")

    async def _tell_missed(self, roll: Roll) -> None:
        """Say that a contract expired with something in it, and have the hedge measured afresh."""
        why = "it expired before everything was passed on, and was settled; the next look hedges afresh"
        await self._end(roll, why, is_missed=True)

    def _tell_gap(self, roll: Roll, waited: str) -> None:
        """Alert while near and far are not even for too long."""
        desk, cause = self._desk, f"{roll.venue}/{roll.near}"
        since, now = roll.uneven_since, desk.clock.now()
        if since is None or now - since < desk.policy.roll.leg_gap_deadline:
            desk.alerts.close_alert("roll_gap", cause=cause)
            return
        lacks = decimal_text(abs(roll.missing))
        desk.alerts.raise_alert(
            "roll_gap",
            f"The roll of {roll.near} into {roll.far or 'another contract'} is {lacks} apart since"
            f" {since:%Y-%m-%d %H:%M:%S} UTC{': ' + waited if waited else ''}; it is tried again",
            severity="critical",
            cause=cause,
        )
