"""Which trades and payments have happened? Books them once, and what follows from them in the same commit.

A trade of a stop order is a stop-out: the exposure that the leg hedged is open again, so a ceiling is written with
the very commit that books the trade. A crash cannot come between the two.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import structlog

from bot.decisions.stops import ceiling_after_stop_out, tell_stop_out
from bot.domain.books import Leg
from bot.domain.errors import IncompleteData
from bot.domain.events import ContractTermsNoted, Fact, StopFired, TradeFilled
from bot.domain.ids import Asset, VenueId
from bot.domain.orders import Fill, Purpose, Side
from bot.domain.units import decimal_text
from bot.engine.desk import Desk
from bot.engine.reference import Reference
from bot.engine.untold import TRADES_TOLD_WITHIN, Untold

log = structlog.get_logger()

Known = TypeVar("Known", bound=Fact)

#: Venues stamp trades and list them in slightly different orders: read this much twice.
_OVERLAP = timedelta(minutes=1)
#: Trades of the venue that the next look must not undo. A settlement is none: what comes after it is a new contract.
_FORCED = (Purpose.LIQUIDATION, Purpose.DELEVERAGE)
_RESTING = (Purpose.STOP, Purpose.TAKE_PROFIT)


class Bookkeeping:
    """Reads trades and funding from the venues into the journal."""

    def __init__(self, desk: Desk, reference: Reference) -> None:
        self._desk = desk
        self._reference = reference
        #: Keys of what the last reading gave, which the next one gives again: spares the journal the question.
        self._read_before: dict[tuple[str, VenueId], frozenset[str | None]] = {}
        #: Trades that the venue owes.
        self.untold = Untold()
        #: Contract sizes that this process has noted.
        self._noted: dict[Leg, Decimal] = {}
        #: When a trade was booked last that no order of ours has made.
        self._others_traded_at: dict[Asset, datetime] = {}

    async def book_trades(self, venue_id: VenueId) -> tuple[Fill, ...]:
        """Book every trade that is not booked yet and return the new ones, oldest first.

        Raises:
            VenueUnavailable: the venue did not tell its trades, or has never told the terms of its contracts: without
                them what a trade leaves behind cannot be worked out.
        """
        desk = self._desk
        await self._reference.refresh_terms(venue_id)
        since = self._trades_since(venue_id)
        fills = await desk.read(desk.venues[venue_id].fetch_fills(since))
        now = desk.clock.now()
        booked_now = [
            TradeFilled(at=now, fill=fill) for fill in fills if fill.symbol not in desk.policy.foreign_symbols
        ]
        fresh = self._fresh("fills", venue_id, booked_now)
        booked: list[Fill] = []
        facts: list[Fact] = []
        for trade in fresh:
            if self._leaves_a_ceiling(trade):
                # What it has left is counted from books that know of every trade before it.
                booked += await self._commit(facts)
                facts = []
            facts += (*self._new_terms(trade), *self._facts_of(trade))
        booked += await self._commit(facts)
        self._remember("fills", venue_id, booked_now)
        return tuple(booked)

    async def _commit(self, facts: Sequence[Fact]) -> list[Fill]:
        """Record what was learned of trades, tell of those that are new, and return them."""
        desk = self._desk
        new = await desk.journal.record(*facts) if facts else ()
        booked = [fact.fill for fact in new if isinstance(fact, TradeFilled)]
        for fill in booked:
            self._tell(fill)
            terms = desk.journal.books.terms.get((fill.venue, fill.symbol))
            if terms is not None and desk.journal.books.order_of(fill) is None:
                self._others_traded_at[terms.asset] = desk.clock.now()
        return booked

    def others_have_traded(self, asset: Asset, since: datetime) -> bool:
        """Return whether a trade of an asset's contracts was booked since then that is not ours: what was sized
        before is of the wrong size."""
        at = self._others_traded_at.get(asset)
        return at is not None and at > since

    async def book_funding(self, venue_id: VenueId, *, since: datetime | None = None) -> None:
        """Book every funding payment that is not booked yet; those before the newest only with ``since``.

        Raises:
            VenueUnavailable: the venue did not answer, which says nothing of what was paid.
        """
        desk = self._desk
        since = since or self._since(desk.journal.books.funding_until.get(venue_id))
        payments = await desk.read(desk.venues[venue_id].fetch_funding(since))
        ours = [payment for payment in payments if payment.symbol not in desk.policy.foreign_symbols]
        fresh = self._fresh("funding", venue_id, ours)
        for fact in await desk.journal.record(*fresh) if fresh else ():
            log.debug("Funding was settled", code="funding_settled", fact=fact)
        self._remember("funding", venue_id, ours)

    def _fresh(self, what: str, venue_id: VenueId, facts: Sequence[Known]) -> list[Known]:
        before = self._read_before.get((what, venue_id), frozenset())
        return [fact for fact in facts if fact.dedup_key not in before]

    def _remember(self, what: str, venue_id: VenueId, facts: Sequence[Fact]) -> None:
        """Note what was read, once it is safely booked."""
        self._read_before[what, venue_id] = frozenset(fact.dedup_key for fact in facts)

    def _trades_since(self, venue_id: VenueId) -> datetime:
        """Return from when on trades are read: a history may be late for one contract alone."""
        since = self._since(self._desk.journal.books.fills_until.get(venue_id), TRADES_TOLD_WITHIN)
        owed_from = self.untold.asked_from(venue_id, self._desk.elapsed)
        return since if owed_from is None else min(since, self._since(owed_from))

    def _since(self, until: datetime | None, overlap: timedelta = _OVERLAP) -> datetime:
        opened_at = self._desk.journal.books.opened_at or self._desk.clock.now()
        return max(opened_at, until - overlap) if until else opened_at

    def _new_terms(self, booked: TradeFilled) -> list[Fact]:
        """Return the terms of the contract that was traded, where this process has not noted them yet."""
        leg = (booked.fill.venue, booked.fill.symbol)
        try:
            one = self._reference.instrument(*leg)
        except IncompleteData:
            # Delisted, or never listed: the trade counts all the same.
            return []
        if self._noted.get(leg) == one.contract_size:
            return []
        self._noted[leg] = one.contract_size
        return [
            ContractTermsNoted(
                at=booked.at,
                venue=one.venue,
                symbol=one.symbol,
                asset=one.asset,
                is_linear=one.is_linear,
                contract_size=one.contract_size,
                quote=one.quote,
                settle=one.settle,
            )
        ]

    def _leaves_a_ceiling(self, booked: TradeFilled) -> bool:
        """Return True for what has closed something without a look."""
        order = self._desk.journal.books.order_of(booked.fill)
        return booked.fill.forced in _FORCED or (order is not None and order.intent.purpose in _RESTING)

    def _facts_of(self, booked: TradeFilled) -> list[Fact]:
        if not self._leaves_a_ceiling(booked):
            return [booked]
        fill, now = booked.fill, booked.at
        order = self._desk.journal.books.order_of(fill)
        is_stop = order is not None and order.intent.purpose is Purpose.STOP
        is_profit = order is not None and order.intent.purpose is Purpose.TAKE_PROFIT
        try:
            instrument = self._reference.instrument(fill.venue, fill.symbol)
        except IncompleteData:
            # Delisted since: no look will put it back.
            return [booked]
        source = booked.dedup_key or ""
        after = self._desk.journal.books.ledger(fill.venue, fill.symbol).contracts_after(fill)
        facts: list[Fact] = [booked]
        if order is not None and is_stop:
            facts.append(
                StopFired(
                    at=now,
                    venue=fill.venue,
                    symbol=fill.symbol,
                    asset=instrument.asset,
                    client_order_id=order.intent.client_order_id,
                    contracts=fill.contracts,
                    source=source,
                )
            )
        facts.append(
            ceiling_after_stop_out(
                instrument=instrument,
                remaining_contracts=after,
                mark_price=fill.price,
                policy=self._desk.policy,
                now=now,
                closed_at=fill.filled_at,
                cause="stop_out" if is_stop else "take_profit" if is_profit else "forced",
                source=source,
            )
        )
        return facts

    def _story_of_stop(self, fill: Fill) -> str:
        try:
            instrument = self._reference.instrument(fill.venue, fill.symbol)
        except IncompleteData:
            return f"The stop of {fill.symbol}, which is no longer listed, was met at {decimal_text(fill.price)}"
        return tell_stop_out(instrument, fill.contracts * fill.side.sign, fill.price)

    def _tell(self, fill: Fill) -> None:
        order = self._desk.journal.books.order_of(fill)
        fields = {
            "venue": fill.venue,
            "symbol": fill.symbol,
            "side": fill.side,
            "contracts": fill.contracts,
            "price": fill.price,
            "client_order_id": fill.client_order_id,
        }
        verb = "Bought" if fill.side is Side.BUY else "Sold"
        told = f"{verb} {decimal_text(fill.contracts)} {fill.symbol} at {decimal_text(fill.price)}"
        log.info(told, code="trade_booked", **fields)
        if order is not None and order.intent.purpose is Purpose.STOP:
            self._desk.alerts.raise_alert(
                "stop_out",
                self._story_of_stop(fill),
                severity="critical",
                cause=f"{fill.venue}/{fill.symbol}",
                fields=fields,
            )
        elif fill.forced is Purpose.SETTLEMENT:
            self._desk.alerts.raise_alert(
                "expiry_missed",
                f"{fill.symbol} expired with {decimal_text(fill.contracts)} contracts open and was settled at"
                f" {decimal_text(fill.price)}; the next look hedges afresh",
                severity="critical",
                cause=f"{fill.venue}/{fill.symbol}",
                fields=fields,
            )
        elif fill.forced is not None:
            self._desk.alerts.raise_alert(
                "forced_trade",
                f"The venue itself traded {fill.symbol} ({fill.forced}) at {fill.price}",
                severity="critical",
                cause=f"{fill.venue}/{fill.symbol}",
                fields=fields,
            )
        elif order is None:
            self._desk.alerts.raise_alert(
                "foreign_trade",
                f"Somebody else traded {fill.symbol}; it was booked as part of the hedge."
                f" Reserve the symbol with TRIMTAB_FOREIGN={fill.symbol}:ignore to trade it by hand",
                severity="warning",
                cause=f"{fill.venue}/{fill.symbol}",
                fields=fields,
            )
