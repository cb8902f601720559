"""What changes seldom? Contract terms and daily price histories, read when they are due and kept.

Terms are read again every hour of market time and whenever a symbol turns up that is not known: ticks, lots and
margin tiers
do change while a bot runs. Histories are read once per UTC day.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.decisions.volatility import daily_sigma
from bot.domain.books import Leg
from bot.domain.errors import IncompleteData, VenueError
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import PriceHistory
from bot.engine.desk import Desk

log = structlog.get_logger()

_TERMS_KEPT = timedelta(hours=1)
#: Where the listing could not be read it is asked for again after this.
_TERMS_AGAIN = timedelta(minutes=1)
_HISTORY_DAYS = 90


class Reference:
    """Slow data, kept."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._instruments: dict[Leg, Instrument] = {}
        #: Assets that have a contract which may hold a hedge.
        self._hedgeable: set[Asset] = set()
        #: What each venue listed when it was read last, by symbol.
        self._listed: dict[VenueId, list[Instrument]] = {}
        self._read_at: dict[VenueId, datetime] = {}
        #: When they are asked for again, where they could not be read.
        self._again_at: dict[VenueId, datetime] = {}
        #: What was asked for and is not listed, and when that was found.
        self._unlisted: dict[Leg, datetime] = {}
        self._histories: dict[Asset, PriceHistory] = {}
        self._sigmas: dict[Asset, Decimal | None] = {}

    async def refresh_terms(self, venue_id: VenueId, symbols: tuple[Symbol, ...] = ()) -> None:
        """Read contract terms when they are old, or when one of ``symbols`` is not known."""
        now = self._desk.clock.now()
        read_at = self._read_at.get(venue_id)
        is_known = not any(self._is_news((venue_id, symbol), now) for symbol in symbols)
        if is_known and read_at is not None and now - read_at < _TERMS_KEPT:
            return
        if is_known and now < self._again_at.get(venue_id, now):
            return
        try:
            found = await self._desk.read(self._desk.venues[venue_id].fetch_instruments())
        except VenueError as failure:
            if not is_known or venue_id not in self._listed:
                raise
            # Old terms will do for what is held: stops and margin must not wait for the listing.
            self._again_at[venue_id] = self._desk.clock.now() + _TERMS_AGAIN
            log.warning("The terms of contracts are old", code="terms_old", venue=venue_id, reason=str(failure))
            return
        listed = {one.symbol: one for one in found}
        # The terms of what vanishes from the listing are kept: a position in it may still be open.
        self._instruments.update({(venue_id, symbol): one for symbol, one in listed.items()})
        self._listed[venue_id] = [listed[symbol] for symbol in sorted(listed)]
        self._read_at[venue_id] = now
        self._unlisted.update({(venue_id, one): now for one in symbols if (venue_id, one) not in self._instruments})
        policy = self._desk.policy
        self._hedgeable = {
            one.asset for instruments in self._listed.values() for one in instruments if policy.may_hold(one)
        }

    def _is_news(self, leg: Leg, now: datetime) -> bool:
        """Return True for a contract that is not known, unless the venue has just been found not to list it."""
        if leg in self._instruments:
            return False
        return leg not in self._unlisted or now - self._unlisted[leg] >= _TERMS_AGAIN

    def doubt_terms(self, venue_id: VenueId) -> None:
        """Let the terms be read again at the next occasion: the venue does not price what it is known to list."""
        self._read_at.pop(venue_id, None)

    async def refresh_histories(self) -> None:
        """Read the daily closes when a UTC day has ended since they were read.

        A venue that does not answer leaves the old ones in place; decisions see how old they are.
        """
        now = self._desk.clock.now()
        for asset in self._desk.policy.assets:
            kept = self._histories.get(asset)
            if kept is not None and kept.as_of.date() == now.date():
                continue
            history = await self._fetch_history(asset)
            if history is not None:
                self._histories[asset] = history
                self._sigmas[asset] = daily_sigma(history, now)

    async def _fetch_history(self, asset: Asset) -> PriceHistory | None:
        for venue in self._desk.venues.values():
            try:
                return await self._desk.read(venue.fetch_history(asset, _HISTORY_DAYS))
            except VenueError:
                continue
        return None

    def instrument(self, venue_id: VenueId, symbol: Symbol) -> Instrument:
        """Return a contract's terms.

        Raises:
            IncompleteData: the venue has never listed it.
        """
        try:
            return self._instruments[venue_id, symbol]
        except KeyError:
            raise IncompleteData(f"{venue_id} has never listed {symbol}") from None

    def known(self, venue_id: VenueId, symbols: Iterable[Symbol]) -> dict[Leg, Instrument]:
        """Return the terms of those contracts that the venue has ever listed: what it has not hides no other."""
        legs = [(venue_id, symbol) for symbol in symbols]
        return {leg: self._instruments[leg] for leg in legs if leg in self._instruments}

    def instruments_of(self, venue_id: VenueId) -> list[Instrument]:
        """Return every contract that a venue lists."""
        return list(self._listed.get(venue_id, ()))

    def is_candidate(self, instrument: Instrument) -> bool:
        """Return True for a contract that may hold a hedge, and for a perpetual: it gives its asset an index."""
        policy = self._desk.policy
        asset = instrument.asset
        if not policy.is_target(asset) or instrument.symbol in policy.foreign_symbols:
            return False
        if policy.may_hold(instrument):
            return True
        return instrument.is_perpetual and asset not in self._hedgeable

    @property
    def histories(self) -> dict[Asset, PriceHistory]:
        """Daily closes per asset, as far as they could be read."""
        return dict(self._histories)

    @property
    def daily_sigmas(self) -> dict[Asset, Decimal | None]:
        """Daily σ per asset; None or absent where the history is too short."""
        return dict(self._sigmas)
