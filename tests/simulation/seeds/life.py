"""How does a bot live through a scenario? One process after another, and what happens to them."""

import asyncio
import hashlib
import random
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.bootstrap import Bot, build
from bot.domain.errors import BotError, InvariantViolated
from bot.domain.ids import Asset
from bot.domain.plan import Decision
from bot.engine.abnormal import counts_as_crash
from bot.exchange.exchange import Exchange
from bot.exchange.faults import Effect, Fault
from bot.exchange.orders import OrderRequest
from bot.exchange.static_market import StaticMarket
from bot.exchange.store import NoStore
from bot.ports import Journal, Venue
from tests.simulation.seeds.cells import Cells, Situation
from tests.simulation.seeds.disturbances import DISTURBANCES, OTHER_BOT
from tests.simulation.seeds.judgement import StateWatch, refused_reductions, what_is_wrong
from tests.simulation.seeds.owner import EVERY, Owner
from tests.simulation.seeds.scenario import Event, Scenario
from tests.simulation.seeds.transport import JournalLine, MachineClock, VenueLine, lined

_SOON = timedelta(seconds=10)
#: Alerts that say that nobody looks after the stops.
_BLIND = frozenset({"protection_blind", "hard_halt"})
#: So long a disturbance waits for what it is aimed at; then it is dropped.
_AIMS_FOR = timedelta(hours=8)
#: Two intervals, and what a look may take.
_SILENT = timedelta(hours=2, minutes=15)
#: Loops of processes that were killed: nothing ever steps them again, nor ends what they were doing.
_GRAVEYARD: list[Any] = []


class ScriptedMarket(StaticMarket):
    """A market along a script, in which a leap moves all that comes after it."""

    def set_price(self, asset: Asset, at_us: int, price: Decimal) -> None:
        """Let the price leap; the script goes on from there."""
        before = self._index(asset, at_us)
        later = [
            (at, (knot * price / before).quantize(Decimal("1e-8"))) for at, knot in self._knots[asset] if at > at_us
        ]
        super().set_price(asset, at_us, price)
        self._knots[asset].extend(later)


@dataclass(slots=True)
class _Trouble:
    """A fault that is on."""

    kind: str
    fault: Fault
    until: datetime | None
    times_left: int | None
    #: The states that it has met.
    met: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a run."""

    #: Broken invariants, and what was not well in the end; empty is well.
    wrong: list[str]
    cells: Cells
    #: Simulated.
    hours: float
    events: int
    processes: int
    looks: int
    orders: int
    checked: int
    #: Of everything that the journal holds: the same seed leaves the same.
    digest: str


class Life:
    """The bot, the exchange, and everything that happens to both. Implements ``Trouble``."""

    def __init__(self, scenario: Scenario, build_it: Callable[..., Bot] = build, *, stops_early: bool = False) -> None:
        self.scenario = scenario
        #: End with the first complaint: what comes after it is not asked for.
        self._stops_early = stops_early
        self._build = build_it
        self.exchange = Exchange(scenario.config, ScriptedMarket(scenario.config), NoStore())
        self.exchange.faults.standing = self._meet
        self.journal: SqlJournal = open_journal(None, now=self.exchange.now, epoch_tail=lambda: "SYM")
        self.checker = InvariantChecker(self.exchange, self.journal, scenario.policy)
        self.checker.is_blind = self._is_blind
        self.cells: Cells = Cells()
        self.wrong: list[str] = []
        self.processes = 0
        #: Told of each event, and of each fault that is met.
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.on_fault: Callable[[str], None] = lambda _kind: None
        self._chance = random.Random(f"life/{scenario.seed}")  # noqa: S311 - a simulation, not a secret
        self._troubles: list[_Trouble] = []
        self._venue_line = VenueLine(self._chance, self._dies, self._aim)
        self._venue_line.on_late = self.note
        self._journal_line = JournalLine(self._chance, self._dies, lambda: self.exchange.now)
        self._journal_line.on_trouble = self.note
        self._next = 0
        #: What waits for the bot to be in the middle of something, and until when nothing of it happens.
        self._aimed: list[Event] = []
        self._aims_from = self.exchange.now
        self._owner = Owner(self._end_other_bot)
        self._commands: list[str] = []
        self._state_watch = StateWatch()
        self._kill_at: tuple[tuple[str, str], timedelta] | None = None
        self._down_for = _SOON
        self._clock_shift: tuple[timedelta, datetime] | None = None
        self._loop: SimulatedLoop | None = None
        self._bot: Bot | None = None
        self._machine: MachineClock | None = None
        #: Assets of which the last look has said why they are not where they should be.
        self._excused: set[Asset] = set()
        #: When the bot says that it has decided last, and when that was.
        self._decided: tuple[datetime | None, datetime] = (None, self.exchange.now)
        self._began_at = self.exchange.now
        self._has_been_killed = False

    # --- what a disturbance may do

    def let(self, kind: str, fault: Fault, *, times: int | None = None, during: timedelta | None = None) -> None:
        """Let a fault of the venue happen so often, or for so long."""
        until = None if during is None else self.exchange.now + during
        self._troubles.append(_Trouble(kind, fault, until, times))

    def slow(self, kind: str, by: timedelta, *, times: int) -> None:
        """Let the replies to the next calls come so late."""
        self._venue_line.late.append((kind, by, times))

    def trouble_journal(self, kind: str, during: timedelta, *, is_broken: bool) -> None:
        """Let the journal suspend every call, or fail it."""
        self._journal_line.trouble.append((kind, self.exchange.now + during, is_broken))

    def kill(self, *, at_call: tuple[str, str] | None, down_for: timedelta) -> None:
        """Cut the power: now, or before or after the effect of the next call of a name."""
        if at_call is not None:
            self._kill_at = (at_call, down_for)
            return
        self.note("killed")
        self._die(down_for)

    def restart(self) -> None:
        """Stop the bot in good order and start it again."""
        if self._bot is not None and self._bot.supervisor.is_started:
            self.note("restarted")
            self._bot.supervisor.stop()

    def shift_clock(self, by: timedelta, during: timedelta) -> None:
        """Let the machine's clock be wrong for a while."""
        self._clock_shift = (by, self.exchange.now + during)
        self._set_clock()

    def command(self, name: str) -> None:
        """Let the owner give a command, as soon as the bot listens."""
        self._commands.append(name)

    def note(self, kind: str) -> None:
        """Count a disturbance that happens now."""
        self.on_fault(kind)
        for state in self._situation.states:
            self.cells[kind, state] += 1

    def _end_other_bot(self) -> None:
        for order in list(self.exchange.floor.open_orders.values()):
            if str(order.client_order_id).startswith(OTHER_BOT):
                self.exchange.cancel_by_venue(order.id, "the other bot was ended")

    def _is_blind(self) -> bool:
        bot = self._bot
        # While it is down it can tell nobody anything.
        return bot is None or any(one["code"] in _BLIND for one in bot.desk.alerts.open_alerts)

    @property
    def _situation(self) -> Situation:
        bot = self._bot
        return Situation(
            books=self.journal.books,
            now=self.exchange.now,
            has_started=bot is not None and bot.supervisor.is_started,
            is_unprotected=self.checker.is_unprotected,
        )

    def _aim(self) -> None:
        """Let the first disturbance happen that was waiting for what the bot is in the middle of now."""
        now = self.exchange.now
        if not self._aimed or now < self._aims_from:
            return
        situation = self._situation
        for event in self._aimed:
            if event.aim is not None and situation.is_in(event.aim):
                self._aimed.remove(event)
                self._aims_from = now + self.scenario.density.between_aimed
                self._happen(event)
                return

    def _meet(self, call: str, request: OrderRequest | None) -> Effect | None:
        """Return what happens to a call at the venue."""
        now = self.exchange.now
        for one in self._troubles:
            if one.until is not None and now >= one.until:
                continue
            effect = one.fault(call, request)
            if effect is None:
                continue
            self._count(one)
            if one.times_left is not None:
                one.times_left -= 1
                if one.times_left == 0:
                    self._troubles.remove(one)
            return effect
        return None

    def _count(self, one: _Trouble) -> None:
        """Count a fault; one that lasts counts once for each state that it meets."""
        self.on_fault(one.kind)
        for state in self._situation.states:
            if one.until is None or state not in one.met:
                one.met.add(state)
                self.cells[one.kind, state] += 1

    def _dies(self, call: str, phase: str) -> bool:
        if self._kill_at is not None and self._kill_at[0] == (call, phase):
            self.note("killed at a call")
            down_for, self._kill_at = self._kill_at[1], None
            self._die(down_for)
        return self._has_been_killed

    def _die(self, down_for: timedelta) -> None:
        """Stop stepping the loop: whatever waits in it waits for ever."""
        self._down_for = down_for
        if self._loop is not None:
            self._has_been_killed = True
            self._loop.stop()

    # --- living

    def go(self) -> Outcome:
        """Live to the end of the scenario, and be judged."""
        scenario = self.scenario
        while self.exchange.now < scenario.ends_at and not self.wrong and not self._is_told():
            self._live_once()
            if self.exchange.now < scenario.ends_at:
                self._be_down()
        wrong = [] if self._is_told() else self._judged()
        return Outcome(
            wrong=[*self.wrong, *self.checker.violated, *wrong],
            cells=self.cells,
            hours=(self.exchange.now - scenario.config.start).total_seconds() / 3600 if scenario.config.start else 0,
            events=self._next,
            processes=self.processes,
            looks=sum(1 for _ in self.journal.facts(kind="LookTaken")),
            orders=len(self.exchange.floor.orders),
            checked=self.checker.checked,
            digest=_digest(self.journal),
        )

    def _judged(self) -> list[str]:
        return what_is_wrong(
            self.exchange, self.checker, self.journal.books, self.scenario.policy, self._excused, self.exchange.now
        )

    def _is_told(self) -> bool:
        """Return True once there is a complaint, where the first one is enough."""
        return self._stops_early and bool(self.checker.violated or self.wrong)

    def _be_down(self) -> None:
        """Let the market go on without a bot."""
        self._loop, self._bot, self._machine = None, None, None
        until = min(self.exchange.now + self._down_for, self.scenario.calm_from)
        self._down_for = _SOON
        while (event := self._due(until)) is not None:
            self.exchange.advance(event.at)
            self._come(event)
        self.exchange.advance(until)

    def _due(self, until: datetime) -> Event | None:
        """Return the next event, if it is due by a moment, and pass on to the one after it."""
        timeline = self.scenario.timeline
        if self._next >= len(timeline) or timeline[self._next].at > until:
            return None
        self._next += 1
        return timeline[self._next - 1]

    def _come(self, event: Event) -> None:
        """Let an event happen, or wait until the bot is in the middle of what it is aimed at."""
        if event.aim is None:
            self._happen(event)
        else:
            self._aimed = [one for one in self._aimed if event.at - one.at < _AIMS_FOR] + [event]

    def _happen(self, event: Event) -> None:
        self.on_event(event)
        now = self.exchange.now
        self._troubles = [one for one in self._troubles if one.until is None or one.until > now]
        chance = random.Random(f"event/{event.seed}")  # noqa: S311 - a simulation, not a secret
        DISTURBANCES[event.kind].act(self, chance, event.kind)

    def _live_once(self) -> None:
        """Run one process until it ends, is killed, or the scenario is over."""
        self.processes += 1
        self.journal = self.journal.reopened()
        self.checker.follow(self.journal)
        loop = self._loop = SimulatedLoop()
        loop.set_exception_handler(lambda *_: None)
        try:
            loop.run_until_complete(self._process(loop))
        except RuntimeError:
            if not self._has_been_killed:
                raise
            self._has_been_killed = False
            _GRAVEYARD.append((loop, asyncio.all_tasks(loop)))

    async def _process(self, loop: SimulatedLoop) -> None:
        start = self._began_at = self.exchange.now
        true_clock = LoopClock(loop, start)
        self._machine = clock = MachineClock(loop, start)
        self._set_clock()
        bot = self._bot = self._build(
            policy=self.scenario.policy,
            mode="paper",
            clock=clock,
            venues={PAPER: lined(PaperVenue(self.exchange, true_clock), Venue, self._venue_line)},
            journal=lined(self.journal, Journal, self._journal_line),
            alerts=LogAlerts(clock),
            holdings=DeclaredHoldings(),
            observers=[self._judge_look],
        )
        beside = [
            asyncio.ensure_future(self._follow_timeline(true_clock)),
            asyncio.ensure_future(self._attend(bot, true_clock)),
        ]
        try:
            await self._work(bot, loop, true_clock)
        finally:
            for task in beside:
                task.cancel()
        self.exchange.advance(true_clock.now())
        decision = bot.rebalance.last_decision
        if decision is not None:
            corrections = self.journal.books.corrections.items()
            under_way = {asset for asset, one in corrections if one.next_tranche_at is not None}
            self._excused = {refusal.asset for refusal in decision.refusals} | under_way

    async def _work(self, bot: Bot, loop: SimulatedLoop, clock: LoopClock) -> None:
        """Run the bot as the daemon does, and note how it ended."""
        is_orderly, reason = True, "the simulation has ended"
        try:
            await bot.supervisor.start()
            loop.call_later((self.scenario.ends_at - clock.now()).total_seconds(), bot.supervisor.stop)
            await bot.supervisor.run()
        except InvariantViolated as failure:
            self.wrong.append(f"{clock.now().isoformat()} the bot halted itself: {_described(failure)}")
        except (BotError, ExceptionGroup) as failure:
            is_orderly, reason = not counts_as_crash(failure), _described(failure)
            if not _is_excused(failure):
                self.wrong.append(f"{clock.now().isoformat()} the bot ended: {reason}")
        await bot.supervisor.wind_up(reason, is_orderly=is_orderly)

    async def _follow_timeline(self, clock: LoopClock) -> None:
        while True:
            timeline = self.scenario.timeline
            moment = timeline[self._next].at if self._next < len(timeline) else self.scenario.calm_from
            if self._clock_shift is not None:
                moment = min(moment, self._clock_shift[1])
            if clock.now() < moment:
                await clock.sleep(moment - clock.now())
            self.exchange.advance(clock.now())
            self._set_clock()
            if clock.now() >= self.scenario.calm_from:
                self._calm()
                return
            event = self._due(clock.now())
            if event is not None:
                self._come(event)
            if self._has_been_killed:
                await asyncio.get_running_loop().create_future()

    def _calm(self) -> None:
        """Let no fault go on."""
        self._troubles.clear()
        self._aimed.clear()
        self._venue_line.late.clear()
        self._journal_line.trouble.clear()
        self._kill_at = None
        self._clock_shift = None
        self._set_clock()

    def _set_clock(self) -> None:
        if self._clock_shift is not None and self.exchange.now >= self._clock_shift[1]:
            self._clock_shift = None
        if self._machine is not None:
            self._machine.is_off_by = timedelta(0) if self._clock_shift is None else self._clock_shift[0]

    def _note_wrong(self, sentences: Iterable[str]) -> None:
        self.wrong.extend(f"{self.exchange.now.isoformat()} {sentence}" for sentence in sentences)

    def _judge_look(self, decision: Decision, _now: datetime) -> None:
        self._note_wrong(refused_reductions(self.exchange, self.checker, self.journal.books, decision))

    def _watch_health(self, bot: Bot, now: datetime) -> None:
        """Expect nobody to call the bot healthy that has decided nothing for longer than two intervals."""
        decided_at = bot.rebalance.decided_at
        if decided_at != self._decided[0]:
            self._decided = (decided_at, now)
        since = max(self._decided[1], self._began_at)
        if self._clock_shift is None and now - since > _SILENT and bot.control.health()[0]:
            self.wrong.append(f"{now.isoformat()} healthy, and nothing decided since {since.isoformat()}")

    async def _attend(self, bot: Bot, clock: LoopClock) -> None:
        """Let the owner give commands and read the alerts."""
        last_read = clock.now()
        while True:
            await clock.sleep(timedelta(seconds=20))
            self.checker.watch(clock.now())
            self._note_wrong(self._state_watch.judge(self.journal.books.trading_state, self._owner.resumed))
            if self._is_told():
                self._die(timedelta(0))
                return
            if not bot.supervisor.is_started:
                continue
            self._watch_health(bot, clock.now())
            try:
                if self._commands:
                    await self._owner.command(bot, self._commands.pop(0))
                if clock.now() - last_read >= EVERY:
                    last_read = clock.now()
                    await self._owner.attend(bot, bot.desk.clock.now())
            except BotError:
                # The bot says no, or could not: the owner lets it be, or tries again the next time.
                continue


def _digest(journal: SqlJournal) -> str:
    rows = journal.connection.exec_driver_sql("SELECT seq, kind, payload FROM facts ORDER BY seq")
    return hashlib.sha256("\n".join(f"{seq} {kind} {payload}" for seq, kind, payload in rows).encode()).hexdigest()


def _described(failure: BaseException) -> str:
    if isinstance(failure, BaseExceptionGroup):
        return "; ".join(_described(one) for one in failure.exceptions)
    frames = traceback.extract_tb(failure.__traceback__)[-3:]
    trail = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(failure).__name__}: {failure} ({trail})"


def _is_excused(failure: BaseException) -> bool:
    """Return whether a process may end so: what it needs was taken from it, and a container starts it again."""
    if isinstance(failure, BaseExceptionGroup):
        return all(_is_excused(one) for one in failure.exceptions)
    return isinstance(failure, BotError) and not isinstance(failure, InvariantViolated)
