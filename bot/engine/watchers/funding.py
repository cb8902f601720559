"""Is every funding payment booked, and does a leg pay more than the owner allows? Books, looks for what is missing,
and reduces what has cost too much for too long.

A venue that does not answer makes funding unknown, not zero: nothing is counted, and the forecast is forgotten.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.decisions.funding import paid_annual
from bot.decisions.funding_cap import (
    CAUSE,
    is_step_due,
    judge_settlements,
    reduce_to_ceiling,
    release_ceiling,
    step_down,
)
from bot.decisions.funding_gaps import open_gaps
from bot.domain.books import Leg
from bot.domain.errors import DataError, VenueError
from bot.domain.events import FundingDue
from bot.domain.funding import LegFunding
from bot.domain.ids import VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import FundingRate, Quote
from bot.domain.portfolio import FuturesPosition
from bot.domain.units import sign
from bot.engine.bookkeeping import Bookkeeping
from bot.engine.desk import Desk
from bot.engine.protection import Protection
from bot.engine.reference import Reference
from bot.engine.snapshot import SnapshotGatherer

log = structlog.get_logger()

#: Missing payments are looked for from so long before the first of them.
_BEFORE_THE_GAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """The positions of one venue, and what is needed to make one smaller."""

    positions: tuple[FuturesPosition, ...]
    instruments: dict[Leg, Instrument]
    quotes: dict[Leg, Quote]


class FundingWatcher:
    """Keeps the ledger of funding whole and the cap kept."""

    def __init__(
        self,
        desk: Desk,
        gatherer: SnapshotGatherer,
        reference: Reference,
        bookkeeping: Bookkeeping,
        protection: Protection,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._reference = reference
        self._bookkeeping = bookkeeping
        self._protection = protection
        #: What was forecast at the last check, of contracts that were not held then, too.
        self._before: dict[Leg, FundingRate] = {}

    async def check(self, now: datetime) -> None:
        """Watch every venue; one that cannot be read does not keep the others waiting."""
        async with self._desk.lock:
            for venue_id in self._desk.venues:
                rates: Mapping[Leg, FundingRate] = {}
                try:
                    rates = await self._read(venue_id, now)
                    await self._seek(venue_id, now)
                    await self._keep_cap(venue_id, rates, now)
                except (DataError, VenueError) as failure:
                    log.warning("Funding is unknown", code="funding_unknown", venue=venue_id, reason=str(failure))
                self._tell_gaps(venue_id, now)
                self._tell_high(venue_id, rates)

    # --- the ledger

    async def _read(self, venue_id: VenueId, now: datetime) -> dict[Leg, FundingRate]:
        """Book what was paid, and note when the next settlements are."""
        await self._reference.refresh_terms(venue_id)
        perpetuals = self._perpetuals(venue_id)
        rates = await self._gatherer.read_funding_rates(venue_id, [symbol for _, symbol in perpetuals])
        await self._bookkeeping.book_funding(venue_id)
        facts = []
        for leg, rate in rates.items():
            if self._is_watched(leg):
                facts += self._due(leg, self._before.get(leg), now) + self._due(leg, rate, now)
        # A position that was opened since then was perhaps there at the settlement that was forecast before it.
        self._before.update(rates)
        if facts:
            await self._desk.journal.record(*facts)
        return rates

    def _perpetuals(self, venue_id: VenueId) -> dict[Leg, Instrument]:
        """Return the perpetuals that may be held, and those that ever were."""
        known = self._desk.journal.books.funding
        return {
            (venue_id, one.symbol): one
            for one in self._reference.instruments_of(venue_id)
            if one.is_perpetual and (self._reference.is_candidate(one) or (venue_id, one.symbol) in known)
        }

    def _is_watched(self, leg: Leg) -> bool:
        """Return True for what is held, and for what a ceiling waits for."""
        record = self._desk.journal.books.funding.get(leg)
        return record is not None and (record.contracts != 0 or (record.judged_side != 0 and self._is_capped(leg)))

    def _is_capped(self, leg: Leg) -> bool:
        books = self._desk.journal.books
        # One that was delisted while the process was down is known by what was traded of it.
        terms = self._reference.known(leg[0], [leg[1]]).get(leg) or books.terms.get(leg)
        return terms is not None and (terms.asset, CAUSE) in books.ceilings

    def _due(self, leg: Leg, rate: FundingRate | None, now: datetime) -> list[FundingDue]:
        """Return what is news of the venue's settlements."""
        if rate is None:
            return []
        settlements = self._desk.journal.books.funding[leg].settlements
        newest = settlements[-1] if settlements else None
        if newest is not None and (
            (newest.due_at, newest.interval) == (rate.next_at, rate.interval)
            or (rate.next_at <= now and rate.next_at <= newest.due_at)
        ):
            return []
        return [
            FundingDue(at=now, venue=leg[0], symbol=leg[1], due_at=rate.next_at, interval=rate.interval, rate=rate.rate)
        ]

    async def _seek(self, venue_id: VenueId, now: datetime) -> None:
        """Read the venue's history again from before the first payment that is missing."""
        missing = [one.due_at for _, record in self._records(venue_id) for one in open_gaps(record, now)]
        if not missing:
            return
        await self._bookkeeping.book_funding(venue_id, since=min(missing) - _BEFORE_THE_GAP)
        left = [one.due_at for _, record in self._records(venue_id) for one in open_gaps(record, now)]
        if len(left) < len(missing):
            found = len(missing) - len(left)
            log.info("Missing funding payments were found", code="funding_found", venue=venue_id, found=found)

    def _records(self, venue_id: VenueId) -> list[tuple[Leg, LegFunding]]:
        return [(leg, one) for leg, one in self._desk.journal.books.funding.items() if leg[0] == venue_id]

    def _tell_gaps(self, venue_id: VenueId, now: datetime) -> None:
        for (_, symbol), record in self._records(venue_id):
            cause = f"{venue_id}/{symbol}"
            gaps = open_gaps(record, now)
            if not gaps:
                self._desk.alerts.close_alert("funding_gap", cause=cause)
            elif now - gaps[0].due_at >= self._desk.policy.funding.gap_alert:
                self._desk.alerts.raise_alert(
                    "funding_gap",
                    f"{symbol} was held at {len(gaps)} settlements for which {venue_id} lists no funding payment,"
                    f" the first at {gaps[0].due_at:%Y-%m-%d %H:%M} UTC",
                    severity="warning",
                    cause=cause,
                )

    # --- the cap

    async def _keep_cap(self, venue_id: VenueId, rates: Mapping[Leg, FundingRate], now: datetime) -> None:
        """Count the settlements, and make smaller what has cost too much for too long."""
        policy, journal = self._desk.policy, self._desk.journal
        judged = [
            fact
            for leg, record in self._records(venue_id)
            for fact in judge_settlements(leg, record, rates.get(leg), policy, is_capped=self._is_capped(leg), now=now)
        ]
        if judged:
            await journal.record(*judged)
        await self._release(now)
        if journal.books.is_hard_halt or not any(
            record.contracts and (is_step_due(record, policy) or self._is_capped(leg))
            for leg, record in self._records(venue_id)
        ):
            return
        await self._step(await self._view(venue_id), now)

    async def _release(self, now: datetime) -> None:
        assets = {leg: one.asset for venue in self._desk.venues for leg, one in self._perpetuals(venue).items()}
        for asset in sorted(set(assets.values())):
            released = release_ceiling(asset, self._desk.journal.books, assets, self._desk.policy, now)
            if released is not None:
                await self._desk.journal.record(released)
                log.info("The funding ceiling ends", code="ceiling_released", asset=asset, why=released.why)
                for venue_id, symbol in (leg for leg, one in assets.items() if one == asset):
                    self._desk.alerts.close_alert("leg_reduced", cause=f"{venue_id}/{symbol}")

    async def _view(self, venue_id: VenueId) -> _View:
        account = await self._gatherer.read_account(venue_id)
        foreign = self._desk.policy.foreign_symbols
        held = (one.symbol for one in account.positions if one.symbol not in foreign)
        instruments = self._reference.known(venue_id, held)
        ours = tuple(one for one in account.positions if (venue_id, one.symbol) in instruments)
        quotes = await self._gatherer.read_quotes(venue_id, instruments)
        return _View(positions=ours, instruments=instruments, quotes=quotes)

    async def _step(self, view: _View, now: datetime) -> None:
        """Journal the ceilings that are due, then take off what is over one."""
        journal, policy = self._desk.journal, self._desk.policy
        #: As they are with what was taken off so far.
        positions = {(one.venue, one.symbol): one for one in view.positions}
        has_reduced = set()
        for position in view.positions:
            leg = (position.venue, position.symbol)
            record = journal.books.funding.get(leg)
            if record is None or not view.instruments[leg].is_perpetual:
                continue
            ceiling_set = step_down(
                position,
                record,
                positions=positions.values(),
                instruments=view.instruments,
                quotes=view.quotes,
                policy=policy,
                now=now,
            )
            if ceiling_set is not None:
                await journal.record(ceiling_set)
            ceiling = journal.books.ceilings.get((view.instruments[leg].asset, CAUSE))
            if ceiling is None or sign(position.contracts) != record.judged_side:
                continue
            reduction = reduce_to_ceiling(
                position,
                ceiling,
                positions=positions.values(),
                instruments=view.instruments,
                quotes=view.quotes,
                policy=policy,
            )
            if reduction is not None:
                await self._protection.reduce_leg(reduction)
                left = position.contracts + reduction.contracts * reduction.side.sign
                positions[leg] = replace(position, contracts=left)
                has_reduced.add(position.venue)
        for venue_id in has_reduced:
            await self._protection.protect_safely(venue_id)

    def _tell_high(self, venue_id: VenueId, rates: Mapping[Leg, FundingRate]) -> None:
        """Alert what a leg pays; what is not known closes nothing."""
        cap, policy = self._desk.policy.limits.max_funding_annual, self._desk.policy.funding
        for leg, record in self._records(venue_id):
            symbol, cause = leg[1], f"{leg[0]}/{leg[1]}"
            paid = paid_annual(record, sign(record.contracts), rates.get(leg))
            if record.contracts == 0 or (paid is not None and paid <= cap and record.above == 0):
                self._desk.alerts.close_alert("funding_high", cause=cause)
            elif paid is not None and paid > cap:
                so_far = f"; so far {record.above}" if record.above else ""
                self._desk.alerts.raise_alert(
                    "funding_high",
                    f"Holding {symbol} costs {paid:.0%} a year in funding, more than the {cap:.0%} that are allowed:"
                    f" nothing is added. {policy.settlements} settlements in a row above {policy.reduce_annual:.0%}"
                    f" halve it{so_far}",
                    severity="warning",
                    cause=cause,
                )
