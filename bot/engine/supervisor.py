"""What runs, and in what order does it stop? The only place where tasks start.

Work runs in supervised loops: a loop that dies takes the bot down in good order, and the container starts it again.
Stopping: no new looks → finish the current one by a deadline → cancel the loops → cancel working hedge orders →
close the
journal last. Resting stops stay at the venue.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.errors import BotError, InvariantViolated, JournalError, tell
from bot.domain.events import BotStarted, BotStopped
from bot.domain.orders import Order, Purpose
from bot.engine.abnormal import halt_durably, restrain
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.flatten import Flatten
from bot.engine.hints import Check, Hints
from bot.engine.protection import Protection
from bot.engine.rebalance import Rebalance
from bot.engine.reconcile import Reconcile
from bot.engine.scheduler import SETTLED, LookSchedule, LookSignal
from bot.engine.watchers.basis import BasisWatcher
from bot.engine.watchers.breaker import Breaker
from bot.engine.watchers.funding import FundingWatcher
from bot.engine.watchers.heartbeat import Heartbeat
from bot.engine.watchers.margin import MarginWatcher
from bot.engine.watchers.prices import PriceWatcher
from bot.engine.watchers.roll import RollWatcher

log = structlog.get_logger()

#: Work that runs beside the loops until the bot ends, and that nothing waits for.
Companion = Callable[[], Coroutine[Any, Any, None]]

#: What is urgent is looked at this often, whatever the intervals are.
_URGENT = timedelta(seconds=5)
#: Open alerts are looked through this often.
_HEARTBEAT = timedelta(hours=1)
#: A skipped look is tried again after this long.
_RETRY_LOOK = timedelta(minutes=5)
#: Wall seconds that the current work may take to finish when the bot stops.
_STOP_SECONDS = 5.0
#: Seconds that a start may still take: where the venue answers, what is open has its stop by then.
_START_SECONDS = 1.0
#: A loop that has not come round for this many of its intervals (or a minute) is stuck.
_STUCK_INTERVALS = 5
_STUCK_AT_LEAST = timedelta(minutes=2)


class Supervisor:
    """Starts, watches and stops the work."""

    def __init__(
        self,
        desk: Desk,
        *,
        rebalance: Rebalance,
        protection: Protection,
        flatten: Flatten,
        reconcile: Reconcile,
        prices: PriceWatcher,
        margin: MarginWatcher,
        roll: RollWatcher,
        basis: BasisWatcher,
        funding: FundingWatcher,
        breaker: Breaker,
        heartbeat: Heartbeat,
        hints: Callable[[Check], Hints],
        companions: Sequence[Companion],
        execution: Execution,
        schedule: LookSchedule,
        signal: LookSignal,
        version: str,
        mode: str,
    ) -> None:
        self._desk = desk
        self._rebalance = rebalance
        rebalance.on_pass = self._note_urgency
        self._protection = protection
        self._flatten = flatten
        self._reconcile = reconcile
        self._prices = prices
        self._margin = margin
        self._roll = roll
        self._basis = basis
        self._funding = funding
        self._breaker = breaker
        breaker.on_trip = self._cancel_increases
        self._heartbeat = heartbeat
        self._hints = hints(self._look_after_account)
        self._companions = companions
        self._execution = execution
        self._schedule = schedule
        self._signal = signal
        self._version = version
        self._mode = mode
        self._stopping = asyncio.Event()
        #: Set while a leg has no stop or the outcome of an order is not known.
        self._urgent = asyncio.Event()
        #: What caused the last look.
        self._trigger = ""
        self._was_waiting = False
        #: Monotonic second at which each loop last came round, and its interval.
        self._beats: dict[str, tuple[float, timedelta]] = {}
        self.started_at = desk.clock.now()
        self.is_started = False
        #: True once the journal knows of this process.
        self._has_begun = False

    def stop(self) -> None:
        """Ask for an orderly end."""
        self._stopping.set()

    async def start(self) -> None:
        """Reconcile, protect, and only then begin to look. Starting is recovering: there is no other path.

        Raises:
            UnadoptedPositions: positions that nobody has claimed.
            VenueUnavailable: a venue did not answer.
            InvariantViolated, JournalError: the bot halted itself.
        """
        now = self._desk.clock.now()
        await self._desk.journal.record(BotStarted(at=now, version=self._version, mode=self._mode))
        self._has_begun = True
        try:
            await restrain(self._desk)
            self._execution.begin()
            await self._protection.begin()
            async with self._telling():
                for venue in self._desk.venues.values():
                    await venue.start()
                await self._reconcile.start()
                await self._protection.check(self._desk.clock.now())
        except (InvariantViolated, JournalError) as failure:
            await halt_durably(self._desk, failure)
            raise
        self.is_started = True

    async def start_unless_stopped(self) -> bool:
        """Start as ``start`` does, and return True; False when asked to stop before that was done.

        A start that is abandoned leaves what a crash would: an intent without an outcome, which the next one looks up.
        """
        start = asyncio.create_task(self.start(), name="start")
        stopping = asyncio.create_task(self._stopping.wait(), name="stopping")
        try:
            await asyncio.wait({start, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({start}, timeout=_START_SECONDS)
        finally:
            stopping.cancel()
            start.cancel()
        await asyncio.wait({start})
        if start.cancelled():
            return False
        start.result()
        return True

    async def run(self) -> None:
        """Run until asked to stop, or until something breaks.

        Raises:
            InvariantViolated, JournalError: the bot halted itself.
        """
        watch = self._desk.policy.watch
        try:
            async with asyncio.TaskGroup() as group:
                loops = [
                    self._loop("protection", self._protect, watch.protection),
                    self._loop("reconcile", self._reconcile.check, watch.reconcile),
                    self._loop("margin", self._margin.check, watch.margin),
                    self._loop("roll", self._roll.check, watch.roll),
                    self._loop("basis", self._basis.check, watch.basis),
                    self._loop("prices", self._watch_prices, watch.prices),
                    self._loop("funding", self._funding.check, watch.funding),
                    self._loop("breaker", self._breaker.check, watch.breaker),
                    self._loop("heartbeat", self._heartbeat.check, _HEARTBEAT),
                    self._settle(),
                    self._watch_opened(),
                ]
                loops.extend(self._hints.loops())
                loops.extend(companion() for companion in self._companions)
                tasks = [group.create_task(loop) for loop in loops]
                looks = group.create_task(self._take_looks(), name="looks")
                self._schedule.start()
                self._signal.set("start")
                await self._stopping.wait()
                self._schedule.stop()
                await self._finish(looks)
                for task in tasks:
                    task.cancel()
        except BaseExceptionGroup as failures:
            # Not ``except*``: what is raised in it comes out in a group of its own from early releases of Python 3.11.
            broken, others = failures.split((InvariantViolated, JournalError))
            if broken is None:
                raise
            await halt_durably(self._desk, broken.exceptions[0])
            if others is not None:
                raise
            raise broken.exceptions[0] from failures
        finally:
            self._schedule.stop()

    async def wind_up(self, reason: str, *, is_orderly: bool = True) -> None:
        """Cancel working hedge orders, leave the stops, and say so in the journal.

        Not ``is_orderly`` is an end that something of our own that broke has caused; it counts like a crash.
        """
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self.cancel_hedge_orders(reason)
        except (TimeoutError, BotError) as failure:
            # What still works is taken away at the next start.
            log.warning("Working orders could not be cancelled", code="stop_unclean", reason=tell(failure))
        if not self._has_begun:
            return
        try:
            await self._desk.journal.record(BotStopped(at=self._desk.clock.now(), reason=reason, is_orderly=is_orderly))
        except JournalError as failure:
            log.warning("The end could not be journalled", code="stop_unclean", reason=str(failure))

    async def close(self, reason: str, *, is_orderly: bool = True) -> None:
        """Wind up, and close venues and journal."""
        await self.wind_up(reason, is_orderly=is_orderly)
        async with AsyncExitStack() as ends:
            ends.push_async_callback(self._desk.journal.close)
            for venue in self._desk.venues.values():
                ends.push_async_callback(venue.stop)

    async def cancel_hedge_orders(self, reason: str, *, is_increasing_only: bool = False) -> list[Order]:
        """Cancel everything that works and is not protection; return what was asked for, as far as that has come."""
        async with self._desk.lock:
            orders = [
                order
                for order in self._desk.journal.books.working_orders()
                if order.intent.purpose is Purpose.HEDGE and not (is_increasing_only and order.intent.reduce_only)
            ]
            for order in orders:
                await self._execution.cancel(order, reason)
        return orders

    async def _cancel_increases(self) -> None:
        await self.cancel_hedge_orders("the breaker has tripped", is_increasing_only=True)

    async def _finish(self, looks: "asyncio.Task[None]") -> None:
        """Let the current look end by the deadline; then abandon it. What it leaves is an unknown order at worst."""
        try:
            async with asyncio.timeout(_STOP_SECONDS), self._desk.lock:
                looks.cancel()
        except TimeoutError:
            log.warning("The current look was abandoned", code="look_abandoned")
            looks.cancel()

    async def _loop(self, name: str, check: Check, interval: timedelta) -> None:
        clock = self._desk.clock
        while True:
            self._beats[name] = (clock.monotonic(), interval)
            await check(clock.now())
            self._note_urgency()
            await clock.sleep(interval)

    async def _settle(self) -> None:
        """Come round often while something is urgent, however long the intervals are."""
        clock = self._desk.clock
        while True:
            await self._urgent.wait()
            await clock.sleep(_URGENT)
            await self._look_after_account(clock.now())

    @asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        """Tell in time of what has no stop while a start waits for slow calls."""
        clock = self._desk.clock

        async def tell() -> None:
            while True:
                await clock.sleep(_URGENT)
                await self._protection.tell_overdue()

        task = asyncio.ensure_future(tell())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch_opened(self) -> None:
        """Tell in time of what was opened and has no stop, also while whoever acts waits for slow calls."""
        clock = self._desk.clock
        while True:
            await self._execution.has_opened.wait()
            await clock.sleep(_URGENT)
            await self._protection.tell_overdue()

    async def _look_after_account(self, now: datetime) -> None:
        await self._reconcile.check(now)
        await self._protect(self._desk.clock.now())
        self._note_urgency()

    async def _protect(self, _: datetime) -> None:
        """Close what the owner wants closed, and protect what is still open."""
        await self._flatten.check()
        await self._protection.check(self._desk.clock.now())

    def hurry(self) -> None:
        """Come round often from now on, if there is a reason to."""
        self._note_urgency()

    def _note_urgency(self) -> None:
        if self._desk.lock.locked():
            # Somebody is acting: what is between two states of an order is no news, and they will look themselves.
            return
        if self._is_urgent():
            self._urgent.set()
        else:
            self._urgent.clear()
        # What had to wait for the outcome of an order need not wait for the calendar too; but a look for this is had
        # only once, so that a venue that loses everything is not chased.
        is_waiting = self._waits_for_a_hedge()
        if self._was_waiting and not is_waiting and self._trigger != SETTLED:
            self._signal.set(SETTLED)
        self._was_waiting = is_waiting

    def _is_urgent(self) -> bool:
        """Return True while a leg has no stop, an order or its cancel is in the air, or positions are to be closed."""
        books = self._desk.journal.books
        if books.is_flattening or self._protection.is_settling:
            return True
        # In a hard halt nobody mends what is unprotected.
        return (bool(books.unprotected) and not books.is_hard_halt) or any(
            _is_in_the_air(order) for order in books.working_orders()
        )

    def _waits_for_a_hedge(self) -> bool:
        return any(
            order.intent.purpose is Purpose.HEDGE and (order.state.is_unproved or order.is_doomed)
            for order in self._desk.journal.books.working_orders()
        )

    async def _watch_prices(self, now: datetime) -> None:
        self._schedule.check_clock()
        await self._prices.check(now)

    async def _take_looks(self) -> None:
        while True:
            self._trigger = await self._signal.wait()
            decision = await self._rebalance.look(self._trigger)
            self._note_urgency()
            if decision is not None:
                self._schedule.plan("volatility", decision.next_paced_at)
                self._schedule.plan("tranche", decision.next_tranche_at)
            if decision is None or self._rebalance.was_cut_short:
                await self._wait_for_retry()

    async def _wait_for_retry(self) -> None:
        """Wait for some minutes, or until the owner's word, a large move or a known outcome makes a look due at once.

        Other causes wait with it, so that looks which are skipped again and again are not chased.
        """
        clock = self._desk.clock
        waits = [asyncio.ensure_future(one) for one in (clock.sleep(_RETRY_LOOK), self._signal.wait_waking())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        if not self._signal.is_pressing:
            self._signal.set("retry")

    def health(self) -> tuple[bool, str]:
        """Return whether every loop still comes round, and looks are being taken."""
        now = self._desk.clock.monotonic()
        for name, (beat, interval) in self._beats.items():
            bound = max(_STUCK_AT_LEAST, interval * _STUCK_INTERVALS)
            if timedelta(seconds=now - beat) > bound:
                return False, f"stuck: {name}"
        return (True, "ok") if not self.is_overdue() else (False, "overdue")

    def is_overdue(self) -> bool:
        """Return True when nothing has been decided for longer than two intervals."""
        now = self._desk.clock.now()
        since = self._rebalance.decided_at or self.started_at
        volatility = self._desk.policy.volatility
        longest = self._schedule.interval(since)
        if volatility is not None:
            longest = min(longest, volatility.max_interval)
        return (now - since) / 2 > longest

    def readiness(self) -> tuple[bool, str]:
        """Return whether the last look is recent, the books are reconciled, and every leg is protected."""
        if not self.is_started or self._rebalance.decided_at is None:
            return False, "starting"
        if self.is_overdue():
            return False, "overdue"
        done_at = self._reconcile.last_done_at
        bound = max(_STUCK_AT_LEAST, self._desk.policy.watch.reconcile * _STUCK_INTERVALS)
        if done_at is None or self._desk.clock.now() - done_at > bound:
            return False, "unreconciled"
        if self._desk.journal.books.unprotected:
            return False, "unprotected"
        return True, "ready"


def _is_in_the_air(order: Order) -> bool:
    """Return True while it will soon be known what has become of an order; a lost one is waited for at leisure."""
    if order.state.is_final or order.may_work_unseen:
        return False
    return order.is_doomed or order.state.is_unproved
