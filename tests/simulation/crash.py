# ruff: noqa: T201 - a report on the terminal
"""What if the process dies here? Forks at every point of a canonical day and lets the child recover and be judged.

The child is what a machine would be after a power cut: code after the crash is never executed, the open transaction is
rolled back, nothing is kept but the exchange's truth and the committed journal. It recovers on a new loop with a new
bot, by the one start there is, and runs on. Some children die again, at every point of their recovery.

``python -m tests.simulation.crash --all`` meets every point and prints the numbers.
"""

import argparse
import asyncio
import gc
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.bootstrap import Bot, build
from bot.domain.errors import VenueUnavailable
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import Tenor
from bot.domain.orders import OrderState, OrderType, Purpose
from bot.domain.policy import (
    BandPolicy,
    CadencePolicy,
    DcaPolicy,
    Destination,
    ExecutionPolicy,
    ExecutionStyle,
    MarginBound,
    MarginPolicy,
    MarginRung,
    Policy,
    RollPolicy,
    StopPolicy,
    WatchIntervals,
)
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.faults import (
    DelayRequest,
    Effect,
    FailRead,
    Fault,
    FillOnly,
    LoseReply,
    LoseRequest,
    Refuse,
)
from bot.exchange.orders import OrderRequest
from bot.exchange.rehearsal import FaultKind, Rehearsed
from tests.simulation.points import Reach, watched_journal, watched_venue

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
#: Sixteen hours before the contracts of a quarter expire.
START = datetime(2024, 3, 28, 16, tzinfo=UTC)


def at(hours: float) -> datetime:
    """Return a moment of the canonical day."""
    return START + timedelta(hours=hours)


#: When the market begins to move; until then it stands still, and recovery must lead to the very same state.
STATIC_UNTIL = at(4)
DAY_ENDS = at(24)
#: When the account cannot be read, and how long a process that could not start waits for the next try.
_OUTAGE = (at(13), at(13) + timedelta(seconds=8))
_RESTARTS_AFTER = timedelta(seconds=10)
#: How long the machine may stay down.
_DOWN_FOR = timedelta(minutes=25)
#: The undisturbed day is looked at this often, and children are judged at the same moments.
_GRID = timedelta(minutes=30)
_GRID_OFFSET = timedelta(minutes=10)
_RECOVERY = timedelta(minutes=30)
#: A refused order is tried again at the look of 01:00.
_STATIC_SETTLED = at(1) + timedelta(minutes=40)
#: What prices may do to a gap between the look of the child and that of the undisturbed bot.
_GAP_APART = Decimal("0.02")
#: A child that has used so much of a processor hangs. By the wall, a machine with other work to do would be to blame.
_HANGS_AFTER_CPU_SECONDS = 120
#: The child says 0 for well, 1 for judged badly, 2 for broken.
_WELL, _BADLY, _BROKEN = 0, 1, 2


def canonical_policy() -> Policy:
    """Hourly looks to target in coarse lots; watchers often enough to matter."""
    return Policy(
        targets={BTC: Decimal("0.5"), ETH: Decimal("0.3"), SOL: Decimal("0.2")},
        bands=BandPolicy(destination=Destination.TARGET, total_frac=None),
        cadence=CadencePolicy(cron="0 * * * *", move_sigmas=None),
        watch=WatchIntervals(
            protection=timedelta(minutes=5),
            reconcile=timedelta(minutes=10),
            prices=timedelta(minutes=30),
            margin=timedelta(minutes=10),
        ),
    )


def worked_policy() -> Policy:
    """The same day with tranches, a chase, a twap and take-profits in flight."""
    return replace(
        canonical_policy(),
        dca=DcaPolicy(tranches=2, interval=timedelta(minutes=25)),
        stops=StopPolicy(take_profit_frac=Decimal("0.12")),
        execution=ExecutionPolicy(
            style=ExecutionStyle.AUTO,
            # What is large against the book's best level is sliced: BTC and SOL; ETH is chased.
            twap_depths=Decimal("0.0003"),
            work_interval=timedelta(seconds=15),
            chase_deadline=timedelta(minutes=1),
            twap_duration=timedelta(minutes=3),
            twap_slices=4,
        ),
    )


def watched_policy() -> Policy:
    """The same day with the watchers at work: contracts that expire within it, and collateral that is thin."""
    return replace(
        canonical_policy(),
        tenors=(Tenor.DATED,),
        roll=RollPolicy(
            passive_before=timedelta(hours=10),
            spread_before=timedelta(hours=6),
            outright_before=timedelta(hours=3),
        ),
        # Collateral is sent for as soon as prices leave those that the plan was measured at.
        margin=MarginPolicy(
            warn=MarginBound(usage_frac=Decimal("0.25"), distance_frac=Decimal("0.30")),
            transfer=MarginBound(usage_frac=Decimal("0.30"), distance_frac=Decimal("0.28")),
        ),
        watch=replace(canonical_policy().watch, roll=timedelta(minutes=5), margin=timedelta(minutes=5)),
    )


def cut_policy() -> Policy:
    """The same day with collateral that runs short and no cash to send: the ladder makes legs smaller."""
    return replace(
        canonical_policy(),
        # Margin has to act, and not the stop.
        stops=StopPolicy(min_distance_frac=Decimal("0.95")),
        margin=MarginPolicy(
            transfer_assets=(), reduce=MarginBound(usage_frac=Decimal("0.6"), distance_frac=Decimal("0.2"))
        ),
        watch=replace(canonical_policy().watch, margin=timedelta(minutes=5)),
    )


def open_day(day: "Day") -> Exchange:
    """Open the market of a day, with everything that goes wrong in it."""
    config = ExchangeConfig(
        market=MarketKind.STATIC,
        start=START,
        # Needs that lie well inside a lot: fees paid before a crash must not tip the rounding of the look after it.
        holdings={BTC: Decimal("0.1205"), ETH: Decimal("1.0002"), SOL: Decimal("15.005")},
        collateral={Currency("USDT"): Decimal(6000)},
        funding_rate=Decimal("0.0001"),
        script={
            # Short BTC is stopped out by a jump between two looks; ETH falls and comes back.
            BTC: (
                (at(4), Decimal(50_000)),
                (at(9.1), Decimal(52_000)),
                (at(9.6), Decimal(70_000)),
                (at(14), Decimal(66_000)),
            ),
            ETH: ((at(4), Decimal(2_500)), (at(8), Decimal(2_100)), (at(16), Decimal(3_300))),
            SOL: ((at(4), Decimal(100)), (at(12), Decimal(128)), (at(20), Decimal(90))),
        },
    )
    exchange = open_exchange(replace(config, **day.changes), None)
    exchange.faults.add(_happening(day.mishaps), times=len(day.mishaps))
    exchange.faults.add(_outage(exchange), times=1000)
    exchange.faults.on("cancel", LoseReply(), after=1)
    exchange.faults.on("cancel", LoseRequest(), after=6)
    exchange.faults.on("submit_spread", LoseReply())
    exchange.faults.on("submit_spread", LoseRequest())
    exchange.faults.on("transfer", LoseReply())
    return exchange


#: What happens to the n-th order of a type.
Mishaps = dict[tuple[OrderType, int], Effect]

#: Legs in slices and chases send many orders, which after a crash are others: what happens to them is milder, so that
#: a day that is disturbed otherwise still ends like the undisturbed one.
_WORKED_MISHAPS: Mishaps = {
    (OrderType.LIMIT, 2): Refuse(code="would_take"),
    (OrderType.LIMIT, 5): LoseReply(),
    (OrderType.LIMIT, 8): LoseRequest(),
    (OrderType.LIMIT, 12): FillOnly(Decimal("0.002")),
    (OrderType.LIMIT, 15): DelayRequest(timedelta(seconds=3)),
    (OrderType.STOP_MARKET, 4): LoseReply(),
}

#: With the watchers at work, what they send meets some, too.
_WATCHED_MISHAPS: Mishaps = {
    (OrderType.LIMIT, 3): LoseReply(),
    (OrderType.LIMIT, 8): LoseRequest(),
    (OrderType.STOP_MARKET, 3): LoseReply(),
    (OrderType.STOP_MARKET, 9): LoseRequest(),
}

#: What happens to the n-th hedge order and the n-th stop of the canonical day.
_MISHAPS: Mishaps = {
    (OrderType.LIMIT, 1): FillOnly(Decimal("0.006")),
    (OrderType.LIMIT, 3): Refuse(code="insufficient_margin"),
    (OrderType.LIMIT, 4): LoseReply(),
    (OrderType.LIMIT, 5): DelayRequest(timedelta(seconds=3)),
    (OrderType.LIMIT, 7): LoseRequest(),
    (OrderType.LIMIT, 8): DelayRequest(timedelta(seconds=4)),
    (OrderType.LIMIT, 9): FillOnly(Decimal("0.004")),
    (OrderType.LIMIT, 11): LoseReply(),
    (OrderType.STOP_MARKET, 2): LoseRequest(),
    (OrderType.STOP_MARKET, 6): LoseReply(),
    (OrderType.STOP_MARKET, 9): Refuse(code="invalid_trigger"),
    (OrderType.STOP_MARKET, 12): DelayRequest(timedelta(seconds=4)),
    (OrderType.STOP_MARKET, 16): DelayRequest(timedelta(seconds=30)),
    (OrderType.STOP_MARKET, 20): LoseReply(),
    (OrderType.STOP_MARKET, 24): LoseRequest(),
}


@dataclass(frozen=True, slots=True)
class Day:
    """A day that can be died in."""

    policy: Policy
    mishaps: Mishaps
    #: What is different about the exchange.
    changes: Mapping[str, Any] = field(default_factory=dict)


_THIN: Mapping[str, Any] = {
    "collateral": {Currency("USDT"): Decimal(700)},
    "spare": {Currency("USDT"): Decimal(4000)},
    "transfer_delay": timedelta(seconds=20),
    "dated_basis_annual": Decimal("0.02"),
    "rehearsed": (Rehearsed(kind=FaultKind.DELEVERAGE, chance_frac=Decimal("0.06")),),
    "fault_seed": 13,
}
DAYS: Mapping[str, Day] = {
    "canonical": Day(canonical_policy(), _MISHAPS),
    "worked": Day(worked_policy(), _WORKED_MISHAPS),
    "watched": Day(watched_policy(), _WATCHED_MISHAPS, _THIN),
    # The venue has no books for spreads: positions are passed on leg by leg.
    "legs": Day(watched_policy(), _WATCHED_MISHAPS, {**_THIN, "spread_book_bps": None}),
    "cut": Day(cut_policy(), _WATCHED_MISHAPS, {"collateral": {Currency("USDT"): Decimal(700)}, "spare": {}}),
}


def _happening(mishaps: Mishaps) -> Fault:
    met: Counter[OrderType] = Counter()

    def fault(call: str, request: OrderRequest | None) -> Effect | None:
        if call != "submit" or request is None:
            return None
        met[request.type] += 1
        return mishaps.get((request.type, met[request.type]))

    return fault


def _outage(exchange: Exchange) -> Fault:
    """Let no account be read for a few seconds, just as a look is due."""

    def fault(call: str, _request: OrderRequest | None) -> Effect | None:
        is_now = _OUTAGE[0] <= exchange.now < _OUTAGE[1]
        return FailRead() if call == "fetch_account" and is_now else None

    return fault


@dataclass(slots=True)
class World:
    """What outlives a crash."""

    exchange: Exchange
    journal: SqlJournal
    checker: InvariantChecker
    policy: Policy
    #: Intents whose outcome was not known when the process died.
    interrupted: int = 0
    deaths: int = 0


def make_world(day: Day = DAYS["canonical"]) -> World:
    """Return a day's beginning."""
    exchange = open_day(day)
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "CRA")
    return World(exchange, journal, InvariantChecker(exchange, journal, day.policy), day.policy)


#: Builds the bot of a world; planted bugs replace it.
BuildBot = Callable[[World, SimulatedLoop, Reach], Bot]


def build_bot(world: World, loop: SimulatedLoop, reach: Reach, venue_kind: type[PaperVenue] = PaperVenue) -> Bot:
    """Build the bot as the daemon does, with every call to venue and journal watched."""
    clock = LoopClock(loop, world.exchange.now)
    world.journal.on_point = reach
    return build(
        policy=world.policy,
        mode="paper",
        clock=clock,
        venues={PAPER: watched_venue(venue_kind(world.exchange, clock), reach)},
        journal=watched_journal(world.journal, reach),
        alerts=LogAlerts(clock),
        holdings=DeclaredHoldings(),
    )


def run_until(
    world: World,
    until: datetime,
    reach: Reach,
    build_it: BuildBot = build_bot,
    *,
    on_started: Callable[[], None] = lambda: None,
    on_grid: Callable[[datetime], None] | None = None,
) -> None:
    """Run a bot on the world to ``until`` on a loop of its own."""
    loop = SimulatedLoop()

    async def live() -> None:
        began = world.exchange.now
        bot = build_it(world, loop, reach)
        await bot.supervisor.start()
        on_started()
        moment = next_on_grid(began)
        while on_grid is not None and moment < until:
            loop.call_at((moment - began).total_seconds(), on_grid, moment)
            moment += _GRID
        loop.call_at(max(loop.time() + 0.001, (until - began).total_seconds()), bot.supervisor.stop)
        await bot.supervisor.run()

    try:
        loop.run_until_complete(live())
    finally:
        loop.close()


def next_on_grid(moment: datetime) -> datetime:
    """Return the next moment at which the undisturbed day was looked at."""
    steps = -((START + _GRID_OFFSET - moment) // _GRID)
    return START + _GRID_OFFSET + max(0, steps) * _GRID


def never(_label: str) -> None:
    """Pass every point."""


@dataclass(frozen=True, slots=True)
class State:
    """What two runs are compared by, at one moment."""

    positions: dict[Symbol, Decimal]
    stops: list[tuple[str, ...]]
    #: Contracts that have changed hands, per symbol.
    traded: dict[Symbol, Decimal]
    #: Intents, by purpose.
    sent: Counter[Purpose]
    #: Distance to the target, in weight.
    gaps: dict[Asset, Decimal]


def state_of(world: World, moment: datetime) -> State:
    """Return the state of a world at a moment that has come."""
    world.exchange.advance(moment)
    floor = world.exchange.floor
    traded: dict[Symbol, Decimal] = {}
    for trade in floor.trades:
        traded[trade.symbol] = traded.get(trade.symbol, Decimal(0)) + trade.contracts
    value, coins = world.checker.portfolio()
    return State(
        positions={symbol: position.contracts for symbol, position in sorted(floor.accounts.positions.items())},
        stops=sorted(
            (order.symbol, str(order.side), str(order.remaining), str(order.trigger_price))
            for order in floor.open_orders.values()
        ),
        traded=traded,
        sent=Counter(order.intent.purpose for order in world.journal.books.orders.values()),
        gaps={
            asset: abs(coins[asset] * floor.index_of(asset) / value - target)
            for asset, target in world.policy.targets.items()
        },
    )


def undisturbed_states(
    build_it: BuildBot = build_bot, day: Day = DAYS["canonical"]
) -> tuple[dict[datetime, State], World]:
    """Run the day without a crash and return its states, and the world at its end."""
    world = make_world(day)
    states: dict[datetime, State] = {}

    def note(moment: datetime) -> None:
        states[moment] = state_of(world, moment)

    run_until(world, DAY_ENDS, never, build_it, on_grid=note)
    note(DAY_ENDS)
    world.checker.check_at_rest(DAY_ENDS)
    return states, world


@dataclass(slots=True)
class Tally:
    """What was met, and how it went."""

    points: int = 0
    crashes: int = 0
    well: int = 0
    #: Crashes while recovering, and those of them that were judged well.
    second: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which points are died at."""

    #: Every n-th point.
    every: int = 1
    #: Every n-th of those dies again at every point of its recovery; 0 is never.
    deep_every: int = 0
    #: Every n-th of those runs to the end of the day.
    long_every: int = 100
    #: After every n-th of those the machine stays down for a while, and the market goes on.
    outage_every: int = 5
    children: int = 2
    #: Only this point.
    only: int | None = None
    stops_at_failures: int = 20


@dataclass(frozen=True, slots=True)
class _Child:
    pid: int
    reading: int
    name: str


class Harness:
    """Forks at points, waits for the children, and counts."""

    def __init__(self, world: World, plan: Plan, states: dict[datetime, State], build_it: BuildBot = build_bot) -> None:
        self.world = world
        self.tally = Tally()
        self._plan = plan
        self._states = states
        self._build = build_it
        self._children: deque[_Child] = deque()
        self._is_over = False

    def stop(self) -> None:
        """Die no more."""
        self._is_over = True

    def reach(self, label: str) -> None:
        """Meet a point: count it, and now and then die there."""
        tally, plan = self.tally, self._plan
        if self._is_over:
            return
        tally.points += 1
        tally.labels[label.partition(":")[0]] += 1
        if tally.points % plan.every or plan.only not in (None, tally.points):
            return
        if len(tally.failures) >= plan.stops_at_failures:
            return
        tally.crashes += 1
        if len(self._children) >= plan.children:
            self._wait()
        self._fork(label)

    def finish(self) -> Tally:
        """Wait for the last children."""
        while self._children:
            self._wait()
        return self.tally

    def _fork(self, label: str) -> None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._die_and_recover(writing)
        os.close(writing)
        moment = self.world.exchange.now.strftime("%H:%M:%S")
        self._children.append(_Child(child, reading, f"point {self.tally.points} at {moment} ({label})"))

    def _wait(self) -> None:
        child = self._children.popleft()
        with os.fdopen(child.reading, encoding="utf-8") as pipe:
            text = pipe.read()
        _, status = os.waitpid(child.pid, 0)
        second, _, sentence = text.partition("|")
        self.tally.second += int(second or 0)
        if os.waitstatus_to_exitcode(status) == _WELL:
            self.tally.well += 1
        else:
            self.tally.failures.append(f"{child.name}: {sentence or f'ended with status {status}'}")

    def _die_and_recover(self, writing: int) -> None:
        """Be the machine after the crash; never return."""
        code, sentence, second = _BROKEN, "", 0
        try:
            gc.disable()
            signal.setitimer(signal.ITIMER_PROF, _HANGS_AFTER_CPU_SECONDS)
            # The loop that was running is dead, and so are its tasks: nothing ever steps them again.
            asyncio.events._set_running_loop(None)
            second, problems = self._recover()
            code, sentence = (_BADLY, "; ".join(problems)) if problems else (_WELL, "")
        except BaseException as failure:  # noqa: BLE001 - the child must end here whatever happens
            sentence = describe(failure)
        os.write(writing, f"{second}|{sentence}"[:4000].encode())
        os._exit(code)

    def _recover(self) -> tuple[int, list[str]]:
        """Start again from what outlived the crash; return crashes on the way, and what is wrong."""
        world, plan, number = self.world, self._plan, self.tally.crashes
        if plan.outage_every and number % plan.outage_every == 0:
            world.exchange.advance(min(world.exchange.now + _DOWN_FOR, DAY_ENDS))
        started_at = world.exchange.now
        world.deaths += 1
        world.journal = world.journal.reopened()
        world.checker.follow(world.journal)
        world.interrupted += sum(
            order.state in (OrderState.INTENDED, OrderState.UNKNOWN) for order in world.journal.books.orders.values()
        )
        until = DAY_ENDS if plan.long_every and number % plan.long_every == 0 else judged_at(started_at)
        if not plan.deep_every or number % plan.deep_every:
            self._run_again(until, never)
            if self._lost_since(started_at) and until < DAY_ENDS:
                # A mishap of the day took a hedge from the recovery; the look after it has to make up for that.
                world.deaths += 1
                until = judged_at(until)
                self._run_again(until, never)
            return 0, self.judge(until)
        nested = Harness(
            world,
            Plan(long_every=0, outage_every=0, children=1, stops_at_failures=1),
            self._states,
            self._build,
        )
        self._run_again(until, nested.reach, nested.stop)
        tally = nested.finish()
        if tally.failures:
            return tally.crashes, [f"dying again while recovering: {tally.failures[0]}"]
        return tally.crashes, self.judge(until)

    def _lost_since(self, moment: datetime) -> bool:
        """Return whether a market that moves met a hedge sent since then that the exchange never got."""
        return moment >= STATIC_UNTIL and any(
            order.state is OrderState.ABSENT
            and order.intent.purpose is Purpose.HEDGE
            and order.intent.intended_at >= moment
            for order in self.world.journal.books.orders.values()
        )

    def _run_again(self, until: datetime, reach: Reach, on_started: Callable[[], None] = lambda: None) -> None:
        """Start as often as it takes, as a container would."""
        try:
            run_until(self.world, until, reach, self._build, on_started=on_started)
        except VenueUnavailable:
            self.world.exchange.advance(self.world.exchange.now + _RESTARTS_AFTER)
            self._run_again(until, reach, on_started)

    def judge(self, moment: datetime) -> list[str]:
        """Return what is not as it should be after a recovery."""
        world = self.world
        now, then = state_of(world, moment), self._states[moment]
        world.checker.check_at_rest(moment)
        books = world.journal.books
        problems = list(world.checker.violated)
        problems += [f"{leg[1]} is unprotected since {since}: {why}" for leg, (since, why) in books.unprotected.items()]
        problems += [f"{leg[1]} is locked since {since}: {why}" for leg, (since, why) in books.locks.items()]
        problems += [
            f"{order.intent.client_order_id} is still {order.state}"
            for order in books.working_orders()
            if order.intent.purpose not in (Purpose.STOP, Purpose.TAKE_PROFIT)
        ]
        if moment <= STATIC_UNTIL:
            return problems + self._differences(now, then)
        return problems + self._distances(now, then)

    def _differences(self, now: State, then: State) -> list[str]:
        """A market that stands still: everything is as if nothing had happened."""
        problems = [
            f"{name} are {getattr(now, name)}, undisturbed {getattr(then, name)}"
            for name in ("positions", "stops", "traded")
            if getattr(now, name) != getattr(then, name)
        ]
        # A start protects what it finds, be it half a leg: one more stop may be needed for each.
        for purpose, more in (
            (Purpose.HEDGE, self._begun_anew()),
            (Purpose.STOP, self.world.deaths + self._begun_anew()),
            (Purpose.DELEVERAGE, 0),
        ):
            allowed = then.sent[purpose] + self.world.interrupted + more
            if now.sent[purpose] > allowed:
                problems.append(f"{now.sent[purpose]} orders to {purpose} sent, allowed {allowed}")
        return problems

    def _begun_anew(self) -> int:
        """Return how many orders more a leg may take that was being sliced or chased, and is measured afresh."""
        world, execution = self.world, self.world.policy.execution
        if execution.style is ExecutionStyle.IOC:
            return 0
        return world.deaths * execution.twap_slices

    def _is_held_down(self, asset: Asset) -> bool:
        """Return True where the bot has told why it holds no more of a hedge.

        While it was down prices went on: a stop may have been met, or more has to be cut than would have been. A
        ceiling is in force and as much is held as it allows, or the ladder holds back what would increase.
        """
        floor, books = self.world.exchange.floor, self.world.journal.books
        if self.world.policy.margin.transfer_assets:
            # Where cash may be sent nothing has to be cut.
            return False
        held_back = {MarginRung.CANCEL, MarginRung.REDUCE, MarginRung.FLATTEN}
        if any(rung in held_back for rung, _ in books.margin_rungs.values()):
            return True
        mine = [one for one in floor.contracts.values() if one.asset == asset]
        held = sum((abs(floor.accounts.contracts_of(one.symbol)) for one in mine), Decimal(0))
        bounds = [ceiling.max_delta_base for (bounded, _), ceiling in books.ceilings.items() if bounded == asset]
        return bool(bounds) and held + max(one.lot for one in mine) >= min(bounds)

    def _distances(self, now: State, then: State) -> list[str]:
        """A market that moves: as near to the targets as the undisturbed bot, with no more orders than that takes."""
        world = self.world
        bands = world.policy.bands
        problems = []
        for asset, target in world.policy.targets.items():
            band = min(bands.absolute_frac, bands.relative_frac * target)
            allowed = max(band, then.gaps[asset]) + _GAP_APART
            if now.gaps[asset] > allowed and not self._is_held_down(asset):
                problems.append(f"{asset} is {now.gaps[asset]:.4f} off its target, allowed {allowed:.4f}")
        # Each start takes a look of its own, and one of its orders may meet a mishap of the day.
        looks = world.deaths * (len(world.policy.targets) + 1) + self._begun_anew() * len(world.policy.targets)
        allowed_orders = then.sent[Purpose.HEDGE] + world.interrupted + looks
        if now.sent[Purpose.HEDGE] > allowed_orders:
            problems.append(f"{now.sent[Purpose.HEDGE]} hedge orders sent, allowed {allowed_orders}")
        return problems


def describe(failure: BaseException) -> str:
    """Name a failure, and those inside a group."""
    if isinstance(failure, BaseExceptionGroup):
        return "; ".join(describe(one) for one in failure.exceptions)
    return f"{type(failure).__name__}: {failure}"


def judged_at(started_at: datetime) -> datetime:
    """Return when a recovery is judged: a while later, at a moment that is known of the undisturbed day."""
    moment = next_on_grid(started_at + _RECOVERY)
    if started_at < STATIC_UNTIL:
        moment = max(moment, _STATIC_SETTLED)
    return min(moment, DAY_ENDS)


def silence() -> None:
    """Let the bot say nothing: it is of no use here, and children must not write to the parent's streams."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50),
        logger_factory=structlog.ReturnLoggerFactory(),
    )


def speak() -> None:
    """Undo ``silence``."""
    structlog.reset_defaults()


def run_day(plan: Plan, build_it: BuildBot = build_bot, day: Day = DAYS["canonical"]) -> Tally:
    """Run a day, the canonical one unless told otherwise, dying as planned."""
    silence()
    try:
        states, _ = undisturbed_states(build_it, day)
        harness = Harness(make_world(day), plan, states, build_it)
        # Pages that the collector would touch are pages that a fork has to copy.
        gc.collect()
        gc.freeze()
        run_until(harness.world, DAY_ENDS, harness.reach, build_it)
        tally = harness.finish()
        harness.world.checker.check_at_rest(harness.world.exchange.now)
        tally.failures.extend(harness.world.checker.violated)
    finally:
        gc.unfreeze()
        speak()
    return tally


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="die at every point")
    parser.add_argument("--every", type=int, default=23, help="die at every n-th point")
    parser.add_argument("--deep", type=int, default=60, help="every n-th crash dies again while recovering; 0: none")
    parser.add_argument("--day", choices=DAYS, default="canonical", help="which day to die in")
    parser.add_argument("--only", type=int, help="die at this point only")
    options = parser.parse_args()
    is_all = options.all or options.only is not None
    plan = Plan(every=1 if is_all else options.every, deep_every=options.deep, only=options.only)
    began = time.perf_counter()
    tally = run_day(plan, day=DAYS[options.day])
    seconds = time.perf_counter() - began
    crashes = tally.crashes + tally.second
    print(
        f"points met {tally.points}, crashes {tally.crashes}, judged well {tally.well},"
        f" crashes while recovering {tally.second}, {seconds:.1f} s, {seconds / max(1, crashes) * 1000:.1f} ms each"
    )
    for label, count in tally.labels.most_common():
        print(f"  {count:6} {label}")
    for failure in tally.failures:
        print(f"FAILED {failure}")
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
