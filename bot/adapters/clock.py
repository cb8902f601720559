"""What time is it, and how does time pass? The only file that reads a clock.

Two clocks fit the ``Clock`` port: the machine's, and that of an event loop whose time is the market's. Such a loop
jumps from timer to timer (backtests, simulation), or waits a share of the time between them (paper trading,
``PacedLoop``). The engine cannot tell them apart.

``SimulatedLoop`` is the proof of determinism: it refuses threads, executors, name look-ups and sockets, so nothing that
runs on it can depend on anything but its inputs. With ``allow_io`` (paper trading as fast as it goes) sockets work and
time jumps only while no I/O is ready.
"""

import asyncio
import selectors
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from apscheduler.executors import base as executor_module
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers import base as scheduler_module
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.domain.errors import InvariantViolated
from bot.ports import Clock


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some moment, never backwards."""
        return time.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        """Sleep for ``duration``."""
        await asyncio.sleep(duration.total_seconds())


class FixedClock:
    """Market time that stands still: for one look from outside."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the one moment there is."""
        return self._at

    def monotonic(self) -> float:
        """Return zero."""
        return 0.0

    async def sleep(self, duration: timedelta) -> None:  # noqa: ARG002 - no time passes
        """Let other tasks run; no time passes."""
        await asyncio.sleep(0)


class ShiftedClock(SystemClock):
    """The machine's clock, set to ``start`` at the moment it is made."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._origin = time.monotonic()

    def now(self) -> datetime:
        """Return the time since the start, and the start."""
        return self._start + timedelta(seconds=time.monotonic() - self._origin)


class LoopClock:
    """The time of the running event loop, counted from ``start``; for simulated loops."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        self._loop = loop
        self._start = start
        self._origin = loop.time()
        #: The present, worked out once per jump.
        self._known: tuple[float, datetime] = (self._origin, start)

    def now(self) -> datetime:
        """Return the simulated time, on whole microseconds."""
        seconds = self._loop.time()
        if seconds != self._known[0]:
            microseconds = round((seconds - self._origin) * 1e6)
            self._known = (seconds, self._start + timedelta(microseconds=microseconds))
        return self._known[1]

    def monotonic(self) -> float:
        """Return simulated seconds since the start."""
        return self._loop.time() - self._origin

    async def sleep(self, duration: timedelta) -> None:
        """Let ``duration`` of simulated time pass."""
        await asyncio.sleep(duration.total_seconds())


class _JumpingSelector(selectors.BaseSelector):
    """Instead of waiting, make time pass."""

    def __init__(self, jump: Callable[[float], None], inner: selectors.BaseSelector | None) -> None:
        self._jump = jump
        self._inner = inner

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._inner is not None:
            ready = self._inner.select(0)
            if ready:
                return ready
        if timeout is None:
            if self._inner is None:
                raise InvariantViolated("the simulation waits for something that nothing will ever do")
            return self._inner.select(None)
        if timeout > 0:
            self._jump(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._inner is None:
            raise InvariantViolated("a socket was used in simulated time")
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        if self._inner is None:
            raise InvariantViolated("a socket was used in simulated time")
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._inner is None:
            raise InvariantViolated("a socket was used in simulated time")
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return {} if self._inner is None else self._inner.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        if self._inner is None:
            raise KeyError(fileobj)
        return self._inner.get_key(fileobj)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()


class _PacedSelector(_JumpingSelector):
    """Wait a share of the time, and then make all of it pass."""

    def __init__(self, speed: float, let_pass: Callable[[float], None], inner: selectors.BaseSelector) -> None:
        super().__init__(let_pass, inner)
        self._speed = speed
        self._let_pass = let_pass
        self._sockets = inner

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return self._sockets.select(0)
        began = time.monotonic()
        ready = self._sockets.select(None if timeout is None else timeout / self._speed)
        passed = (time.monotonic() - began) * self._speed
        self._let_pass(passed if ready or timeout is None else max(passed, timeout))
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer."""

    def __init__(self, *, allow_io: bool = False) -> None:
        self._simulated_time = 0.0
        self._allows_io = allow_io
        self._owner = threading.get_ident()
        super().__init__(self._make_selector())
        # Half a year of seconds leaves a float with a few nanoseconds: with asyncio's resolution of one, a timer
        # that is due would never be found due. And it must stay below the microsecond that clocks count in, or a
        # timer of one microsecond would be due at once, for ever.
        self._clock_resolution = 1e-7

    def time(self) -> float:
        """Return simulated seconds."""
        return self._simulated_time

    def _make_selector(self) -> selectors.BaseSelector:
        return _JumpingSelector(self._jump, selectors.DefaultSelector() if self._allows_io else None)

    def _jump(self, timeout: float) -> None:
        # To the timer itself, so that no rounding accumulates.
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # no public view of it
        self._simulated_time = timers[0].when() if timers else self._simulated_time + timeout

    def _make_self_pipe(self) -> None:
        if self._allows_io:
            super()._make_self_pipe()  # type: ignore[misc]  # not in typeshed

    def _close_self_pipe(self) -> None:
        if self._allows_io:
            super()._close_self_pipe()  # type: ignore[misc]  # not in typeshed

    def call_soon_threadsafe(  # type: ignore[override]  # the stub's variadic types say no more
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """Schedule from the loop's own thread; refuse other threads."""
        if self._allows_io:
            return super().call_soon_threadsafe(callback, *args, context=context)
        if threading.get_ident() != self._owner:
            raise InvariantViolated("another thread called into simulated time")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(  # type: ignore[override]  # the stub's variadic types say no more
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """Refuse: what a thread does has no place in simulated time."""
        if self._allows_io:
            return super().run_in_executor(executor, func, *args)
        raise InvariantViolated(f"an executor was used in simulated time: {func!r}")

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        """Refuse name look-ups."""
        if self._allows_io:
            return await super().getaddrinfo(host, port, **options)
        raise InvariantViolated(f"a name was looked up in simulated time: {host!r}")


class PacedLoop(SimulatedLoop):
    """An event loop whose time runs ``speed`` times as fast as the machine's while nothing is to be done.

    While something is, it stands still: a machine that is slow or busy makes the market slower, and nothing in it old.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        super().__init__(allow_io=True)

    def _make_selector(self) -> selectors.BaseSelector:
        return _PacedSelector(self._speed, self._pass, selectors.DefaultSelector())

    def _pass(self, seconds: float) -> None:
        # Never beyond the next timer: one that comes late is not late in the market.
        timers: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # as above
        until = self._simulated_time + seconds
        self._simulated_time = min(until, timers[0].when()) if timers else until


#: The clock that APScheduler reads in this context; tasks inherit it from the one that built the bot.
_scheduler_clock: ContextVar[Clock | None] = ContextVar("_scheduler_clock", default=None)


class _SchedulerDatetime(datetime):
    """``datetime`` for APScheduler, whose ``now`` asks the injected clock."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "datetime":  # type: ignore[override]  # a plain datetime will do
        clock = _scheduler_clock.get()
        return datetime.now(tz) if clock is None else clock.now().astimezone(tz)


class ClockedScheduler(AsyncIOScheduler):  # type: ignore[misc]  # apscheduler has no types
    """APScheduler on the injected clock."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        scheduler_module.datetime = _SchedulerDatetime
        executor_module.datetime = _SchedulerDatetime
        _scheduler_clock.set(clock)
        # Jobs set a signal and nothing else: they run where they are due, in no task that could be cancelled.
        super().__init__(executors={"default": DebugExecutor()}, **options)
