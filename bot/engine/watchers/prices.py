"""Has an asset moved so much since the last look that the calendar should not be waited for?"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from statistics import median

import structlog

from bot.decisions.cadence import large_moves
from bot.domain.errors import DataError, VenueError
from bot.domain.ids import Asset
from bot.engine.desk import Desk
from bot.engine.reference import Reference
from bot.engine.scheduler import LookSignal
from bot.engine.snapshot import SnapshotGatherer
from bot.ports import patiently

log = structlog.get_logger()


class PriceWatcher:
    """Sets the look signal on large moves."""

    def __init__(self, desk: Desk, gatherer: SnapshotGatherer, reference: Reference, signal: LookSignal) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._reference = reference
        self._signal = signal

    async def check(self, now: datetime) -> None:
        """Compare index prices with those of the last look."""
        if self._looked_at() is None:
            return
        try:
            prices = await self._index_prices()
        except (DataError, VenueError) as failure:
            log.warning("Prices could not be read", code="prices_unknown", reason=str(failure))
            return
        moved = self.have_moved(prices, now)
        if moved:
            log.info("A large move makes a look due", code="large_move", assets=list(moved))
            self._signal.set("move")

    def have_moved(self, prices: Mapping[Asset, Decimal], now: datetime) -> tuple[Asset, ...]:
        """Return the assets whose index has moved so much that a look is due; none before the first look."""
        watched = self._looked_at()
        if watched is None:
            return ()
        looked_at, move_sigmas = watched
        return large_moves(
            self._desk.journal.books.last_look_index_prices,
            prices,
            daily_sigmas=self._reference.daily_sigmas,
            elapsed=now - looked_at,
            move_sigmas=move_sigmas,
        )

    def _looked_at(self) -> tuple[datetime, Decimal] | None:
        """Return since when moves are counted, and how many σ are a large one; None where none makes a look due."""
        move_sigmas, looked_at = self._desk.policy.cadence.move_sigmas, self._desk.journal.books.last_look_at
        return None if move_sigmas is None or looked_at is None else (looked_at, move_sigmas)

    async def _index_prices(self) -> dict[Asset, Decimal]:
        found: dict[Asset, list[Decimal]] = {}
        for venue_id in self._desk.venues:
            await self._reference.refresh_terms(venue_id)
            candidates = {
                (venue_id, instrument.symbol): instrument
                for instrument in self._reference.instruments_of(venue_id)
                if self._reference.is_candidate(instrument) and not instrument.has_expired(self._desk.clock.now())
            }
            with patiently():
                quotes = await self._gatherer.read_quotes(venue_id, candidates)
            for leg, quote in quotes.items():
                found.setdefault(candidates[leg].asset, []).append(quote.index_price)
        return {asset: median(prices) for asset, prices in found.items()}
