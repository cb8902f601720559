"""What do all parts of the engine share?

One desk, one hand: whoever reads the account in order to act on it holds ``lock`` while doing so. A look, a protection
check and a reconciliation can therefore never see each other's half-done work; every call they make has a deadline,
so none of them waits for long.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from bot.domain.errors import VenueUnavailable
from bot.domain.ids import Symbol, VenueId
from bot.domain.market import Quote
from bot.domain.policy import Policy
from bot.ports import AlertSink, Clock, HoldingsSource, Journal, Venue

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The ports and the policy of one bot."""

    clock: Clock
    journal: Journal
    venues: Mapping[VenueId, Venue]
    policy: Policy
    alerts: AlertSink
    holdings: HoldingsSource
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def elapsed(self) -> timedelta:
        """Return the time since some beginning, by a clock that nobody sets: for what this process waits for."""
        return timedelta(seconds=self.clock.monotonic())

    def date_of(self, moment: timedelta) -> datetime:
        """Return what the machine's clock, as it is set now, calls a moment of ``elapsed``."""
        return self.clock.now() - (self.elapsed - moment)

    async def read_quotes(self, venue_id: VenueId, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return the quotes of a venue that are prices; one that is none is as good as missing.

        Raises:
            VenueUnavailable: no answer in time.
        """
        quotes = await self.read(self.venues[venue_id].fetch_quotes(symbols))
        return tuple(quote for quote in quotes if quote.is_usable)

    async def read(self, call: Awaitable[Answer]) -> Answer:
        """Await a venue read within the deadline of one call.

        Raises:
            VenueUnavailable: no answer in time.
        """
        try:
            async with asyncio.timeout(self.policy.execution.call_timeout.total_seconds()):
                return await call
        except TimeoutError as err:
            raise VenueUnavailable("no answer within the deadline of one call") from err
