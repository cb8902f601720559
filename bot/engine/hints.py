"""What wakes the loops before their time? What a stream has said: a reason to ask the venue now, and nothing more.

A hint is never read as a fact: what follows from it is the same check that the loops make in their intervals. So a
stream that lies, doubles, lags or dies costs a check or the time until the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from bot.domain.errors import DataError
from bot.domain.hints import AccountHint, Hint, PriceHint
from bot.domain.ids import Symbol, VenueId
from bot.engine.desk import Desk
from bot.engine.reference import Reference
from bot.engine.watchers.prices import PriceWatcher
from bot.ports import Streaming

Check = Callable[[datetime], Awaitable[None]]

#: However much a stream has to say, the venue is not asked more often than this.
_BREATH = timedelta(seconds=5)


class Hints:
    """Heeds streams."""

    def __init__(self, desk: Desk, reference: Reference, prices: PriceWatcher, check_account: Check) -> None:
        self._desk = desk
        self._reference = reference
        self._prices = prices
        self._check_account = check_account
        self._has_account_news = asyncio.Event()
        self._has_moved = asyncio.Event()

    def loops(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what is to run beside the other loops: what listens, and what heeds it. Nothing where nobody tells."""
        streams = [
            stream
            for venue_id, venue in self._desk.venues.items()
            if isinstance(venue, Streaming)
            for stream in venue.streams(partial(self._wanted, venue_id), partial(self.heed, venue_id))
        ]
        if streams:
            yield from (stream() for stream in streams)
            yield self._follow(self._has_account_news, self._check_account)
            yield self._follow(self._has_moved, self._prices.check)

    def heed(self, venue_id: VenueId, hint: Hint) -> None:
        """Take in what a stream has said."""
        match hint:
            case AccountHint():
                self._has_account_news.set()
            case PriceHint():
                try:
                    asset = self._reference.instrument(venue_id, hint.symbol).asset
                except DataError:
                    # Not one of ours, or not known yet.
                    return
                if self._prices.have_moved({asset: hint.index_price}, self._desk.clock.now()):
                    self._has_moved.set()

    def _wanted(self, venue_id: VenueId) -> Sequence[Symbol]:
        """Return one contract of each target, one without an expiry where there is one: the index is the asset's."""
        candidates = [one for one in self._reference.instruments_of(venue_id) if self._reference.is_candidate(one)]
        candidates.sort(key=lambda one: one.is_perpetual)
        return list({one.asset: one.symbol for one in candidates}.values())

    async def _follow(self, news: asyncio.Event, check: Check) -> None:
        clock = self._desk.clock
        while True:
            await news.wait()
            news.clear()
            await check(clock.now())
            await clock.sleep(_BREATH)
