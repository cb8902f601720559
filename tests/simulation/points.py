"""Where can the bot die? Numbers every point at which a crash leaves the outside world in a state of its own.

The proxies are generated from ``bot.ports``: a method that is added to a port is a crash point from then on. Each call
has three: before it, after its effect (the other side has acted, nobody here has heard), and after its return. The
journal reports the points between the statements of its transactions by itself.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from bot.ports import Journal, Venue

#: Called with the label of each point that is passed.
Reach = Callable[[str], None]


def async_methods(port: type) -> list[str]:
    """Return the names of a port's asynchronous methods."""
    return [name for name, member in vars(port).items() if inspect.iscoroutinefunction(member)]


def watched(inner: Any, port: type, reach: Reach) -> Any:
    """Return a stand-in for ``inner`` that reports every point of every asynchronous call of ``port``."""
    members: dict[str, Any] = {
        name: _wrap(getattr(inner, name), f"{port.__name__}.{name}", reach) for name in async_methods(port)
    }

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return members[name] if name in members else getattr(inner, name)

    return Watched()


def _wrap(method: Any, label: str, reach: Reach) -> Any:
    async def call(*args: Any, **options: Any) -> Any:
        reach(f"{label}: before")
        # Every call yields, as it would on a wire: what can interleave, does.
        await asyncio.sleep(0)
        result = await method(*args, **options)
        reach(f"{label}: after its effect")
        await asyncio.sleep(0)
        reach(f"{label}: after its return")
        return result

    return call


def watched_venue(venue: Venue, reach: Reach) -> Venue:
    """Watch a venue."""
    stand_in: Venue = watched(venue, Venue, reach)
    return stand_in


def watched_journal(journal: Journal, reach: Reach) -> Journal:
    """Watch a journal."""
    stand_in: Journal = watched(journal, Journal, reach)
    return stand_in
