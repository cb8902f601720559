"""What is between the bot and the venue, and between the bot and its journal? Time, late replies, and the kill."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.adapters.clock import LoopClock
from bot.domain.errors import JournalError
from tests.simulation.points import async_methods

#: One way, in seconds: what a call to a venue takes.
_LATENCY = (0.005, 0.12)
#: What a call to a journal takes that suspends.
_SUSPENDED = (0.0, 2.0)


#: Asked before a call travels and after it has had its effect: is this where the process dies?
Dies = Callable[[str, str], bool]


async def _unless(is_dead: bool) -> None:
    if is_dead:
        # Nothing after this instruction is ever executed.
        await asyncio.get_running_loop().create_future()


class Line(Protocol):
    """What befalls a call on its way."""

    async def before(self, call: str) -> None:
        """Let a call travel; it may never arrive."""
        ...

    async def after(self, call: str) -> None:
        """Let its answer travel back."""
        ...


class VenueLine:
    """Travel to the venue takes a moment, and an answer may be late."""

    def __init__(self, chance: random.Random, dies: Dies, on_call: Callable[[], None]) -> None:
        self._chance = chance
        self._dies = dies
        self._on_call = on_call
        #: (kind, how late, how often still).
        self.late: list[tuple[str, timedelta, int]] = []
        self.on_late: Callable[[str], None] = lambda _kind: None

    async def before(self, call: str) -> None:
        """Travel."""
        self._on_call()
        await _unless(self._dies(call, "before"))
        await asyncio.sleep(self._chance.uniform(*_LATENCY))

    async def after(self, call: str) -> None:
        """Travel back, now and then much later."""
        await _unless(self._dies(call, "after"))
        seconds = self._chance.uniform(*_LATENCY)
        if self.late:
            kind, by, times = self.late[0]
            self.late[0] = (kind, by, times - 1)
            if times <= 1:
                self.late.pop(0)
            self.on_late(kind)
            seconds += by.total_seconds()
        await asyncio.sleep(seconds)


class JournalLine:
    """A journal answers at once, unless it is in trouble."""

    def __init__(self, chance: random.Random, dies: Dies, now: Callable[[], datetime]) -> None:
        self._chance = chance
        self._dies = dies
        self._now = now
        #: (kind, until when, whether it fails altogether).
        self.trouble: list[tuple[str, datetime, bool]] = []
        self.on_trouble: Callable[[str], None] = lambda _kind: None

    async def before(self, call: str) -> None:
        """Suspend or fail, while there is trouble."""
        await _unless(self._dies(call, "before"))
        self.trouble = [one for one in self.trouble if one[1] > self._now()]
        if call == "close":
            return
        for kind, _, is_broken in self.trouble:
            self.on_trouble(kind)
            if is_broken:
                raise JournalError("database is locked")
            await asyncio.sleep(self._chance.uniform(*_SUSPENDED))

    async def after(self, call: str) -> None:
        """Nothing can go wrong any more."""
        await _unless(self._dies(call, "after"))
        await asyncio.sleep(0)


def lined(inner: Any, port: type, line: Line) -> Any:
    """Return a stand-in for ``inner`` whose asynchronous calls of ``port`` go by a line."""

    class Lined:
        def __init__(self) -> None:
            for name in async_methods(port):
                setattr(self, name, _by(getattr(inner, name), name, line))

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

    return Lined()


def _by(method: Any, name: str, line: Line) -> Any:
    async def call(*args: Any, **options: Any) -> Any:
        await line.before(name)
        result = await method(*args, **options)
        await line.after(name)
        return result

    return call


class MachineClock(LoopClock):
    """The clock of the machine that the bot runs on, which may be wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime) -> None:
        super().__init__(loop, start)
        self.is_off_by = timedelta(0)

    def now(self) -> datetime:
        """Return what the machine takes for the time."""
        now = super().now()
        return now + self.is_off_by if self.is_off_by else now
