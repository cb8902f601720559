"""What if the process dies here? Forks at every point of a canonical day and lets the child recover and be judged.

The child is what a machine would be after a power cut: code after the crash is never executed, the open transaction is rolled
back, nothing is kept but the exchange's truth and the committed journal. It recovers on a new loop with a new bot, by the one
start there is, and runs on. Depth 2 forks again at the points of the recovery itself.

``python -m tests.simulation.crash`` meets every point and prints the numbers.
"""

import argparse
import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.bootstrap import Bot, build
from bot.domain.ids import Asset, Currency
from bot.domain.orders import OrderState, Purpose
from bot.domain.policy import BandPolicy, CadencePolicy, Destination, Policy, WatchIntervals
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.faults import FillOnly, LoseReply, LoseRequest, Refuse
from bot.exchange.static_market import DEFAULT_START
from tests.simulation.points import Reach, watched_journal, watched_venue

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
#: When the market of the canonical day begins to move; until then it stands still.
STATIC_UNTIL = DEFAULT_START + timedelta(hours=4)
DAY_ENDS = DEFAULT_START + timedelta(hours=24)
#: Long enough for a look of the calendar.
_RECOVERY = timedelta(minutes=75)
#: The child says 0 for well, 1 for judged badly, 2 for broken.
_WELL, _BADLY, _BROKEN = 0, 1, 2


def canonical_policy() -> Policy:
    """Hourly looks to target in coarse lots; watchers often enough to matter."""
    return Policy(
        targets={BTC: Decimal("0.5"), ETH: Decimal("0.3"), SOL: Decimal("0.2")},
        bands=BandPolicy(destination=Destination.TARGET, total_frac=None),
        cadence=CadencePolicy(cron="0 * * * *", move_sigmas=None),
        watch=WatchIntervals(
            protection=timedelta(minutes=5), reconcile=timedelta(minutes=10), prices=timedelta(minutes=30)
        ),
    )


def canonical_exchange() -> Exchange:
    """A day with hedges, partial fills, a refused order, lost requests and replies, a turn of the market and a stop-out."""

    def at(hours: float) -> datetime:
        return DEFAULT_START + timedelta(hours=hours)

    config = ExchangeConfig(
        market=MarketKind.STATIC,
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
    exchange = open_exchange(config, None)
    faults = exchange.faults
    faults.on("submit", FillOnly(Decimal("0.006")), after=0)
    faults.on("submit", Refuse(code="insufficient_margin"), after=4)
    faults.on("submit", LoseReply(), after=8)
    faults.on("submit", LoseRequest(), after=12)
    faults.on("submit", LoseReply(), after=16)
    faults.on("cancel", LoseReply(), after=1)
    return exchange


@dataclass(slots=True)
class Tally:
    """What was met, and how it went."""

    points: int = 0
    forked: int = 0
    well: int = 0
    second_depth: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """What outlives a crash."""

    exchange: Exchange
    journal: SqlJournal
    checker: InvariantChecker
    policy: Policy


def make_world(policy: Policy | None = None) -> World:
    """Return the canonical day's beginning."""
    policy = policy or canonical_policy()
    exchange = canonical_exchange()
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "CRA")
    return World(exchange, journal, InvariantChecker(exchange, journal, policy), policy)


#: Builds the bot of a world; planted bugs replace it.
BuildBot = Callable[[World, SimulatedLoop, Reach], Bot]


def build_bot(world: World, loop: SimulatedLoop, reach: Reach) -> Bot:
    """Build the bot as the daemon does, with every call to venue and journal watched."""
    clock = LoopClock(loop, world.exchange.now)
    world.journal.on_point = reach
    return build(
        policy=world.policy,
        mode="paper",
        clock=clock,
        venues={PAPER: watched_venue(PaperVenue(world.exchange, clock), reach)},
        journal=watched_journal(world.journal, reach),
        alerts=LogAlerts(clock),
        holdings=DeclaredHoldings(),
    )


def run_until(world: World, until: datetime, reach: Reach, build_it: BuildBot = build_bot) -> Bot:
    """Run a bot on the world to ``until`` on a loop of its own."""
    loop = SimulatedLoop()

    async def live() -> Bot:
        bot = build_it(world, loop, reach)
        await bot.supervisor.start()
        loop.call_later(max(0.001, (until - world.exchange.now).total_seconds()), bot.supervisor.stop)
        await bot.supervisor.run()
        return bot

    return loop.run_until_complete(live())


def never(_label: str) -> None:
    """Pass every point."""


class Harness:
    """Forks at points, waits for the children, and counts."""

    def __init__(self, world: World, *, every: int, build_it: BuildBot = build_bot, depth: int = 2) -> None:
        self.world = world
        self.tally = Tally()
        self._every = every
        self._build = build_it
        self._depth = depth
        self._undisturbed = summary_of_run(build_it)

    def reach(self, label: str) -> None:
        """Meet a point: count it, and now and then die there."""
        tally = self.tally
        tally.points += 1
        tally.labels[label.partition(":")[0]] += 1
        if tally.points % self._every:
            return
        tally.forked += 1
        code, sentence, nested = self._fork(label)
        tally.second_depth += nested
        if code == _WELL:
            tally.well += 1
        elif len(tally.failures) < 20:
            tally.failures.append(f"point {tally.points} ({label}): {sentence}")

    def _fork(self, label: str) -> tuple[int, str, int]:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            self._die_and_recover(writing)
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            text = pipe.read()
        _, status = os.waitpid(child, 0)
        nested, _, sentence = text.partition("|")
        return os.waitstatus_to_exitcode(status), sentence, int(nested or 0)

    def _die_and_recover(self, writing: int) -> None:
        """Be the machine after the crash; never return."""
        code, sentence, nested = _BROKEN, "", 0
        try:
            asyncio.events._set_running_loop(None)  # noqa: SLF001 - the loop that was running is dead
            nested, problems = self._recover()
            code, sentence = (_BADLY, "; ".join(problems)) if problems else (_WELL, "")
        except BaseException as failure:  # noqa: BLE001 - the child must end here whatever happens
            sentence = f"{type(failure).__name__}: {failure}"
        os.write(writing, f"{nested}|{sentence}"[:4000].encode())
        os._exit(code)

    def _recover(self) -> tuple[int, list[str]]:
        world = self.world
        crashed_at = world.exchange.now
        interrupted = sum(
            order.state in (OrderState.INTENDED, OrderState.UNKNOWN) for order in world.journal.books.orders.values()
        )
        world.journal = world.journal.reopened()
        world.checker.follow(world.journal)
        nested = 0
        if self._depth > 1:
            second = Harness.__new__(Harness)
            second.world, second.tally, second._every = world, Tally(), 7
            second._build, second._depth, second._undisturbed = self._build, 1, self._undisturbed
            # Die again while recovering, at some points of the start.
            budget = 3

            def reach(label: str) -> None:
                if second.tally.forked < budget:
                    second.reach(label)

            run_until(world, _judged_at(crashed_at), reach, self._build)
            nested = second.tally.forked
            if second.tally.failures:
                return nested, [f"dying again while recovering: {second.tally.failures[0]}"]
        else:
            run_until(world, _judged_at(crashed_at), never, self._build)
        return nested, self.judge(crashed_at, interrupted)

    def judge(self, crashed_at: datetime, interrupted: int) -> list[str]:
        """Return what is not as it should be after a recovery."""
        world = self.world
        world.checker.check_at_rest(world.exchange.now)
        problems = list(world.checker.violated)
        books = world.journal.books
        grace = world.policy.stops.deadline + 3 * world.policy.watch.protection
        for leg, (since, why) in books.unprotected.items():
            if world.exchange.now - since > grace:
                problems.append(f"{leg} unprotected since {since}: {why}")
        if books.locks:
            problems.append(f"locked after recovery: {books.locks}")
        now = summary(world)
        if world.exchange.now <= STATIC_UNTIL:
            reference = self._undisturbed["static"]
            for name in ("positions", "stops"):
                if now[name] != reference[name]:
                    problems.append(f"{name} are {now[name]}, undisturbed {reference[name]}")
            allowed = reference["hedge_orders"] + interrupted + 1
            if now["hedge_orders"] > allowed:
                problems.append(f"{now['hedge_orders']} hedge orders, undisturbed {reference['hedge_orders']}")
        return problems


def _judged_at(crashed_at: datetime) -> datetime:
    """Return when a recovery is judged: where the market stands still, at the end of the stillness."""
    if crashed_at < STATIC_UNTIL:
        return STATIC_UNTIL
    return min(crashed_at + _RECOVERY, DAY_ENDS)


def summary(world: World) -> dict[str, object]:
    """Return what two runs are compared by."""
    floor = world.exchange.floor
    return {
        "positions": {symbol: position.contracts for symbol, position in sorted(floor.accounts.positions.items())},
        "stops": sorted((order.symbol, order.side, order.remaining) for order in floor.open_orders.values()),
        "hedge_orders": sum(order.intent.purpose is Purpose.HEDGE for order in world.journal.books.orders.values()),
        "stop_outs": sum(trade.forced is None for trade in floor.trades),
    }


def summary_of_run(build_it: BuildBot = build_bot) -> dict[str, dict[str, object]]:
    """Run the day undisturbed and return its state when the market begins to move, and at its end."""
    world = make_world()
    run_until(world, STATIC_UNTIL, never, build_it)
    static = summary(world)
    world.journal = world.journal.reopened()
    world.checker.follow(world.journal)
    run_until(world, DAY_ENDS, never, build_it)
    world.checker.check_at_rest(world.exchange.now)
    return {"static": static, "end": summary(world)}


def run_day(*, every: int, depth: int = 2, build_it: BuildBot = build_bot) -> Tally:
    """Run the canonical day, dying at every ``every``-th point."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    harness = Harness(make_world(), every=every, build_it=build_it, depth=depth)
    run_until(harness.world, DAY_ENDS, harness.reach, build_it)
    harness.world.checker.check_at_rest(harness.world.exchange.now)
    harness.tally.failures.extend(harness.world.checker.violated)
    return harness.tally


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="die at every n-th point; default all")
    parser.add_argument("--depth", type=int, default=2, choices=(1, 2), help="2: die again while recovering")
    options = parser.parse_args()
    began = time.perf_counter()
    tally = run_day(every=options.every, depth=options.depth)
    seconds = time.perf_counter() - began
    print(
        f"points met {tally.points}, crashes {tally.forked}, judged well {tally.well},"
        f" crashes while recovering {tally.second_depth}, {seconds:.1f} s,"
        f" {seconds / max(1, tally.forked) * 1000:.1f} ms each"
    )
    for label, count in tally.labels.most_common():
        print(f"  {count:6} {label}")
    for failure in tally.failures:
        print(f"FAILED {failure}")
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
