"""How far are contracts from the spot price of their assets? Samples it hourly, and says so where it is wide."""

from datetime import datetime

import structlog

from bot.decisions.basis import BasisLine, basis_lines
from bot.domain.basis import BasisRecord
from bot.domain.books import Leg
from bot.domain.errors import DataError, VenueError
from bot.domain.events import BasisNoted
from bot.domain.ids import VenueId
from bot.domain.instruments import Instrument
from bot.engine.desk import Desk
from bot.engine.reference import Reference

log = structlog.get_logger()


class BasisWatcher:
    """Keeps the history of the basis, and its alert band."""

    def __init__(self, desk: Desk, reference: Reference) -> None:
        self._desk = desk
        self._reference = reference
        #: As of the newest check, for ``status``.
        self.newest: tuple[BasisLine, ...] = ()

    async def check(self, now: datetime) -> None:
        """Measure every contract that may hold a hedge or holds one; a venue that does not answer tells nothing."""
        lines: list[BasisLine] = []
        for venue_id in self._desk.venues:
            try:
                lines.extend(await self._measure(venue_id, now))
                self._forget(venue_id, now)
            except (DataError, VenueError) as failure:
                log.warning("The basis could not be measured", code="basis_unknown", reason=str(failure))
        self.newest = tuple(lines)
        noted = [fact for line in lines for fact in self._news(line)]
        if noted:
            await self._desk.journal.record(*noted)
        for line in lines:
            self._tell(line)

    async def _measure(self, venue_id: VenueId, now: datetime) -> tuple[BasisLine, ...]:
        desk = self._desk
        await self._reference.refresh_terms(venue_id)
        concerned = self._concerned(venue_id, now)
        symbols = [symbol for _, symbol in concerned]
        quotes = await desk.read_quotes(venue_id, symbols) if symbols else ()
        found = {(venue_id, quote.symbol): quote for quote in quotes}
        policy = desk.policy
        return basis_lines(concerned, found, desk.journal.books.basis, policy.basis, policy.limits, now)

    def _concerned(self, venue_id: VenueId, now: datetime) -> dict[Leg, Instrument]:
        ledgers = self._desk.journal.books.ledgers
        return {
            (venue_id, one.symbol): one
            for one in self._reference.instruments_of(venue_id)
            if not one.has_expired(now)
            and (
                self._reference.is_candidate(one)
                or ((venue_id, one.symbol) in ledgers and ledgers[venue_id, one.symbol].contracts != 0)
            )
        }

    def _forget(self, venue_id: VenueId, now: datetime) -> None:
        """Close the alert of what has expired, or is neither held nor to be held any more."""
        concerned = self._concerned(venue_id, now)
        for leg in self._desk.journal.books.basis:
            if leg[0] == venue_id and leg not in concerned:
                self._desk.alerts.close_alert("basis_wide", cause=f"{leg[0]}/{leg[1]}")

    def _news(self, line: BasisLine) -> list[BasisNoted]:
        """Return a sample where one is due, or where a bound was passed."""
        record = self._desk.journal.books.basis.get((line.venue, line.symbol), BasisRecord())
        if not record.is_due(line.at) and (line.is_wide, line.is_blocked) == (record.is_wide, record.is_blocked):
            return []
        return [
            BasisNoted(
                at=line.at,
                venue=line.venue,
                symbol=line.symbol,
                basis=line.basis,
                is_wide=line.is_wide,
                is_blocked=line.is_blocked,
            )
        ]

    def _tell(self, line: BasisLine) -> None:
        cause = f"{line.venue}/{line.symbol}"
        if not line.is_wide:
            self._desk.alerts.close_alert("basis_wide", cause=cause)
            return
        blocked = "; nothing is added to it" if line.is_blocked else ""
        unusual = "" if line.z_score is None else f", {abs(line.z_score):.1f} standard deviations off its week"
        self._desk.alerts.raise_alert(
            "basis_wide",
            f"{line.symbol} stands {line.basis:+.2%} off the index{unusual}, more than {line.alert_frac:.2%}{blocked}",
            severity="warning",
            cause=cause,
        )
