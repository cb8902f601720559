"""Where is a request held on its way? For whoever wants to do something at that very moment, such as end the client.

A request is held before the exchange has done what it asks, or after that and before it is answered. It goes on when it
is let go, also when nobody waits for the answer any more: that is how a request arrives late.
"""

import asyncio
from dataclasses import dataclass

#: Whoever has forgotten to let go is not waited for any longer.
_HELD_SECONDS = 60.0


@dataclass(slots=True, kw_only=True)
class Trap:
    """Which request is held, and when."""

    method: str
    #: What its path begins with.
    path: str = ""
    #: True: after it was executed; False: before.
    executed: bool = False
    #: So many that fit go by before.
    skip: int = 0

    def fits(self, method: str, path: str) -> bool:
        """Return whether this is the one; those that go by are counted."""
        if method != self.method or not path.startswith(self.path):
            return False
        self.skip -= 1
        return self.skip < 0


class Gate:
    """Holds one request at a time."""

    def __init__(self) -> None:
        self._trap: Trap | None = None
        self._held: str | None = None
        self._arrived = asyncio.Event()
        self._goes_on = asyncio.Event()

    def arm(self, trap: Trap) -> None:
        """Hold the next request that fits; what was held before goes on."""
        self.open()
        self._held = None
        # Whoever waits for an arrival goes on waiting; whoever is held has been let go.
        self._arrived.clear()
        self._trap, self._goes_on = trap, asyncio.Event()

    def open(self) -> None:
        """Hold nothing any more, and let go what is held."""
        self._trap = None
        self._goes_on.set()

    def catch(self, method: str, path: str) -> Trap | None:
        """Return the trap when a request is to be held; it catches one only."""
        trap = self._trap
        if trap is None or not trap.fits(method, path):
            return None
        self._trap = None
        return trap

    async def hold(self, name: str) -> None:
        """Hold a request until it is let go."""
        goes_on = self._goes_on
        self._held = name
        self._arrived.set()
        try:
            async with asyncio.timeout(_HELD_SECONDS):
                await goes_on.wait()
        except TimeoutError:
            return

    async def arrival(self, seconds: float) -> str | None:
        """Return what is held as soon as something is; None when nothing came for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            return None
        return self._held
