"""Has the overlay lost more than the owner allows? Measures, and lets the bot only reduce once it has.

What cannot be measured trips nothing and clears nothing: it is measured again at the next check.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from bot.decisions.breaker import judge_overlay, measure_overlay
from bot.domain.errors import DataError, VenueError
from bot.domain.events import BreakerTripped, Fact, TradingStateSet
from bot.domain.policy import LossMeasure, TradingState
from bot.engine.desk import Desk
from bot.engine.snapshot import SnapshotGatherer

log = structlog.get_logger()


async def _nothing() -> None:
    """Do nothing."""


class Breaker:
    """Trips on losses that coins alone would not have had."""

    def __init__(self, desk: Desk, gatherer: SnapshotGatherer) -> None:
        self._desk = desk
        self._gatherer = gatherer
        #: Called when it has tripped, once the desk is free: takes away what would still increase.
        self.on_trip: Callable[[], Awaitable[object]] = _nothing

    async def check(self, now: datetime) -> None:
        """Measure, and trip where it is due; a trip is told until the owner resumes, after a restart, too."""
        async with self._desk.lock:
            has_tripped = await self._measure(now)
            self.tell()
        if has_tripped:
            await self.on_trip()

    async def _measure(self, now: datetime) -> bool:
        journal = self._desk.journal
        try:
            measured = measure_overlay(await self._gatherer.gather(), self._desk.policy, now)
        except (DataError, VenueError) as failure:
            log.warning("The overlay could not be measured", code="overlay_unknown", reason=str(failure))
            return False
        if measured is None:
            return False
        await journal.record(measured)
        tripped = judge_overlay(journal.books.overlay, self._desk.policy.breaker, now)
        if tripped is None:
            return False
        await journal.record(tripped, *self._restraint(tripped))
        return True

    def _restraint(self, tripped: BreakerTripped) -> list[Fact]:
        """Return what lets the bot only reduce; nothing where it may not even do that."""
        if self._desk.journal.books.trading_state is not TradingState.NORMAL:
            return []
        return [TradingStateSet(at=tripped.at, state=TradingState.REDUCE_ONLY, caller="bot", why=tripped.why)]

    def tell(self) -> None:
        """Alert while it has tripped, and close the alert once it no longer has."""
        tripped, alerts = self._desk.journal.books.overlay.tripped, self._desk.alerts
        for measure in LossMeasure:
            if tripped is None or tripped.measure is not measure:
                alerts.close_alert("breaker", cause=measure)
        if tripped is not None:
            alerts.raise_alert(
                "breaker",
                f"The breaker has tripped: {tripped.why}. Positions may only get smaller until 'trimtab resume'",
                severity="critical",
                cause=tripped.measure,
            )
