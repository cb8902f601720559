"""What do we know right now? Gathers all inputs of a decision, or refuses.

A snapshot is complete or it is not there: a venue that cannot be read, an index that is missing, a quote that is stale
make it impossible, and the look is skipped and said so. Nothing is filled in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.decisions.basis import is_apart
from bot.decisions.leaps import OVERNIGHT, Hearing, heard, leap
from bot.domain.books import Leg
from bot.domain.errors import IncompleteData, StaleData, VenueError, VenueUnavailable
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import CoinPrice, CurrencyRate, FundingRate, Quote
from bot.domain.portfolio import AccountState
from bot.domain.snapshot import Snapshot
from bot.domain.units import ZERO
from bot.engine.bookkeeping import Bookkeeping
from bot.engine.desk import Desk
from bot.engine.reference import Reference
from bot.ports import patiently

log = structlog.get_logger()

#: How often, and with which pause, an account is read again that does not show a trade yet.
_PATIENCE, _PAUSE = 3, timedelta(seconds=1)
_DAY = timedelta(days=1)


class SnapshotGatherer:
    """Reads everything a look needs."""

    def __init__(self, desk: Desk, reference: Reference, bookkeeping: Bookkeeping) -> None:
        self._desk = desk
        self._reference = reference
        self._bookkeeping = bookkeeping
        #: What was read last, for ``status``.
        self.newest_accounts: dict[VenueId, AccountState] = {}
        self.newest_quotes: dict[Leg, Quote] = {}
        self.newest_funding_rates: dict[Leg, FundingRate] = {}
        #: What is known of the index of each contract, and of the price of each coin that has none. Not by asset:
        #: the indices of two contracts may be apart for good.
        self._heard: dict[Leg | Asset, Hearing] = {}

    async def gather(self, *, may_be_empty: bool = False, is_preview: bool = False) -> Snapshot:
        """Return all inputs of one decision. ``may_be_empty``: the owner has said that the coins are gone.

        ``is_preview``: nothing is going to be sent, so that prices which have leapt are only told.

        Raises:
            DataError: an input is missing, stale or cannot be understood.
            VenueUnavailable: a venue did not answer.
        """
        with patiently():
            return await self._gather(may_be_empty=may_be_empty, is_preview=is_preview)

    async def _gather(self, *, may_be_empty: bool, is_preview: bool) -> Snapshot:
        desk = self._desk
        accounts = {venue_id: await self.read_account(venue_id) for venue_id in desk.venues}
        if not may_be_empty:
            self._refuse_vanished(accounts)
        await self._reference.refresh_histories()
        instruments: dict[Leg, Instrument] = {}
        quotes: dict[Leg, Quote] = {}
        funding_rates: dict[Leg, FundingRate] = {}
        for venue_id, account in accounts.items():
            self._refuse_contradiction(account)
            if account.unreadable_wallets:
                listed = ", ".join(account.unreadable_wallets)
                raise IncompleteData(f"{venue_id}: these wallets could not be read: {listed}")
            if not account.has_stops_listed:
                raise IncompleteData(f"{venue_id} does not list its stop orders: nothing new is hedged without them")
            await self._bookkeeping.book_funding(venue_id)
            here = self._instruments_in_play(account)
            instruments.update(here)
            quotes.update(await self.read_quotes(venue_id, here))
            self._refuse_stale(quotes)
            funding_rates.update(await self._read_funding_rates(venue_id, here))
        coin_prices = await self._read_coin_prices(instruments)
        doubts = self._doubts(quotes, instruments, coin_prices)
        if doubts and not is_preview:
            raise StaleData(doubts[0])
        return Snapshot(
            at=desk.clock.now(),
            accounts=accounts,
            instruments=instruments,
            quotes=quotes,
            funding_rates=funding_rates,
            currency_rates=await self._read_currency_rates(accounts, instruments),
            histories=self._reference.histories,
            external_holdings=desk.holdings.read(desk.clock.now()),
            books=desk.journal.books,
            coin_prices=coin_prices,
            doubts=doubts,
        )

    def _refuse_vanished(self, accounts: Mapping[VenueId, AccountState]) -> None:
        """Refuse a list of balances that is empty where coins were held: that is how a venue's trouble looks."""
        desk = self._desk
        if any(account.balances for account in accounts.values()):
            return
        declared = {one.asset: one.amount_base for one in desk.holdings.read(desk.clock.now())}
        for asset, held in desk.journal.books.accepted_holdings.items():
            if held > declared.get(asset, ZERO):
                raise IncompleteData(
                    f"{', '.join(accounts)} lists no balance at all, where {held} {asset} were held; nothing is decided"
                    " on that. If you have moved everything: trimtab confirm-flow --gone"
                )

    def _refuse_contradiction(self, account: AccountState) -> None:
        """Refuse positions that our trades do not add up to: one of the two lists is short, and not known which.

        Once that has been found to last, the symbol is locked, and the others go on.
        """
        books, venue_id = self._desk.journal.books, account.venue
        held = {position.symbol: position.contracts for position in account.positions}
        booked = {symbol: one.contracts for (venue, symbol), one in books.ledgers.items() if venue == venue_id}
        for symbol in sorted((held.keys() | booked.keys()) - self._desk.policy.foreign_symbols):
            at_venue, in_books = held.get(symbol, ZERO), booked.get(symbol, ZERO)
            if at_venue != in_books and (venue_id, symbol) not in books.locks:
                hint = "" if symbol in booked else f" (trimtab adopt {symbol} takes it over)"
                raise IncompleteData(
                    f"{venue_id} holds {at_venue} contracts of {symbol}, and our trades add up to {in_books}{hint}"
                )

    def _refuse_stale(self, quotes: Mapping[Leg, Quote]) -> None:
        """Refuse to measure with old prices: a hedge of the wrong size is worse than a look that is had later."""
        now, oldest = self._desk.clock.now(), self._desk.policy.limits.max_quote_age
        for quote in quotes.values():
            if now - quote.as_of > oldest:
                raise StaleData(f"the price of {quote.symbol} on {quote.venue} is of {quote.as_of:%Y-%m-%d %H:%M:%S}")

    async def read_account(self, venue_id: VenueId) -> AccountState:
        """Return the account of a venue together with all of its trades booked, so that the two agree.

        Raises:
            StaleData: the venue's answer is old.
            VenueUnavailable: the venue did not answer.
        """
        desk = self._desk
        account = await desk.read(desk.venues[venue_id].fetch_account())
        await self._reference.refresh_terms(venue_id, tuple(p.symbol for p in account.positions))
        if await self._bookkeeping.book_trades(venue_id) or not self.is_fresh(account):
            # Something traded about now: read again, so that position and ledger are of one moment. So too where this
            # machine has been slow: what is read at once is as old as the venue says.
            account = await desk.read(desk.venues[venue_id].fetch_account())
        if not self.is_fresh(account):
            raise StaleData(f"the account of {venue_id} is {self._age(account)} old")
        self.newest_accounts[venue_id] = account
        return account

    def is_fresh(self, account: AccountState) -> bool:
        """Return whether an account that was read a moment ago may still be acted on."""
        return self._age(account) <= self._desk.policy.limits.max_account_age

    def _age(self, account: AccountState) -> timedelta:
        return self._desk.clock.now() - account.as_of

    async def read_account_after_trade(self, instrument: Instrument) -> AccountState:
        """Return the account once it shows what has been traded of a contract, or as it is after some patience.

        Raises:
            StaleData, VenueUnavailable: as ``read_account``.
        """
        account = await self.read_account(instrument.venue)
        for _ in range(_PATIENCE):
            if self.adds_up(account, instrument):
                break
            await self._desk.clock.sleep(_PAUSE)
            account = await self.read_account(instrument.venue)
        return account

    def adds_up(self, account: AccountState, instrument: Instrument) -> bool:
        """Return whether the venue's position in a contract is what our trades add up to.

        Where it is not, what is still to be traded is not known: a list of positions may lag behind the trades.
        """
        held = account.contracts_of(instrument.symbol)
        return held == self._desk.journal.books.ledger(instrument.venue, instrument.symbol).contracts

    async def read_quotes(self, venue_id: VenueId, instruments: Mapping[Leg, Instrument]) -> dict[Leg, Quote]:
        """Return one quote per contract.

        Raises:
            IncompleteData: the venue left one out, or quoted what is no price.
        """
        symbols = [symbol for _, symbol in instruments]
        if not symbols:
            return {}
        quotes = {(venue_id, quote.symbol): quote for quote in await self._desk.read_quotes(venue_id, symbols)}
        self.newest_quotes.update(quotes)
        for leg, quote in quotes.items():
            self._note_index(leg, quote.index_price, quote.as_of)
        missing = [symbol for symbol in symbols if (venue_id, symbol) not in quotes]
        if missing:
            self._reference.doubt_terms(venue_id)
            raise IncompleteData(f"{venue_id} gave no price for {', '.join(missing)}")
        return quotes

    async def read_quotes_or_newest(self, venue_id: VenueId, instruments: Mapping[Leg, Instrument]) -> dict[Leg, Quote]:
        """Return quotes to protect by: where the venue quotes none, the newest that is known.

        A contract of which nothing is known is left out, and keeps no other from its stop.

        Raises:
            IncompleteData, VenueUnavailable: nothing is known of any.
        """
        try:
            return await self.read_quotes(venue_id, instruments)
        except (IncompleteData, VenueUnavailable):
            known = {leg: self.newest_quotes[leg] for leg in instruments if leg in self.newest_quotes}
            if not known:
                raise
            return known

    def _note_index(self, source: Leg | Asset, index_price: Decimal, as_of: datetime) -> None:
        """Take note of a price; one that is old has not been heard again, and does not stand any longer for it."""
        limits = self._desk.policy.limits
        if self._desk.clock.now() - as_of > limits.max_quote_age:
            return
        self._heard[source] = heard(
            self._heard.get(source),
            index_price,
            self._desk.elapsed,
            max_leap_frac=limits.max_leap_frac,
            settle=limits.leap_settle,
        )

    def _doubts(
        self,
        quotes: Mapping[Leg, Quote],
        instruments: Mapping[Leg, Instrument],
        coin_prices: Mapping[Asset, CoinPrice],
    ) -> tuple[str, ...]:
        """Return which prices of targets have just leapt: either they stand in some minutes, or they were none."""
        told: list[tuple[Leg | Asset, Asset, Decimal]] = [
            (leg, instruments[leg].asset, quote.index_price) for leg, quote in quotes.items()
        ]
        told.extend((asset, asset, one.price) for asset, one in coin_prices.items())
        why = [
            self._why_doubted(source, asset, price)
            for source, asset, price in told
            if asset in self._desk.policy.assets
        ]
        settle = self._desk.policy.limits.leap_settle
        return tuple(f"{one}; a look waits until it has stood for {settle}" for one in why if one)

    def _why_doubted(self, source: Leg | Asset, asset: Asset, index_price: Decimal) -> str:
        hearing = self._heard.get(source)
        believed = None if hearing is None else hearing.believed
        if believed is None:
            return self._why_unlikely(asset, index_price)
        if leap(believed, index_price) > self._desk.policy.limits.max_leap_frac:
            return f"the index of {asset} has leapt by {leap(believed, index_price):.1%}"
        return ""

    def _why_unlikely(self, asset: Asset, index_price: Decimal) -> str:
        """Doubt a price where none has stood in this process yet, and it is far from what was known before.

        That is the newer of the last look and the last daily close.
        """
        bound, books = self._desk.policy.limits.max_leap_frac, self._desk.journal.books
        looked_at, closed_at = books.last_prices_at, None
        history = self._reference.histories.get(asset)
        if history is not None and history.closes:
            closed_at = history.days[-1] + _DAY
        known = books.last_look_index_prices.get(asset)
        whence = "what it was at the last look"
        if (
            history is not None
            and closed_at is not None
            and (known is None or looked_at is None or looked_at < closed_at)
        ):
            known, whence, bound = history.closes[-1], "its last daily close", bound * OVERNIGHT
        if known is None or leap(known, index_price) <= bound:
            return ""
        return (
            f"the index of {asset} is {leap(known, index_price):.1%} from {whence}, and nothing else is known of it yet"
        )

    def is_believed(self, instrument: Instrument, quote: Quote) -> bool:
        """Return whether prices are near those that were believed before, and mark is where it may be beside its index.

        Where it is not, what protects goes by them all the same, and nothing is sold for one reading of them.
        """
        limits, leg = self._desk.policy.limits, (instrument.venue, instrument.symbol)
        known = self._heard[leg].believed if leg in self._heard else None
        known = known or self._desk.journal.books.last_look_index_prices.get(instrument.asset)
        return (
            known is not None
            and leap(known, quote.index_price) <= limits.max_leap_frac
            and not is_apart(quote, instrument, limits, self._desk.clock.now())
        )

    def _instruments_in_play(self, account: AccountState) -> dict[Leg, Instrument]:
        """Return the contracts that a look is about: those that may be opened, and those held or ever traded."""
        known = self._reference.instruments_of(account.venue)
        held = {position.symbol for position in account.positions}
        traded = {symbol for venue, symbol in self._desk.journal.books.ledgers if venue == account.venue}
        now = self._desk.clock.now()
        return {
            (account.venue, instrument.symbol): instrument
            for instrument in known
            if instrument.symbol in held
            # What has expired has no price any more.
            or (
                not instrument.has_expired(now)
                and (instrument.symbol in traded or self._reference.is_candidate(instrument))
            )
        }

    async def _read_funding_rates(
        self, venue_id: VenueId, instruments: dict[Leg, Instrument]
    ) -> dict[Leg, FundingRate]:
        symbols = [symbol for (_, symbol), terms in instruments.items() if terms.is_perpetual]
        try:
            return await self.read_funding_rates(venue_id, symbols)
        except VenueError as failure:
            log.warning("Funding rates are unknown", code="funding_unknown", venue=venue_id, reason=str(failure))
            return {}

    async def read_funding_rates(self, venue_id: VenueId, symbols: Sequence[Symbol]) -> dict[Leg, FundingRate]:
        """Return the forecasts of these perpetuals; what was known of the venue before holds no longer.

        Raises:
            VenueUnavailable: the venue did not answer.
        """
        for leg in [leg for leg in self.newest_funding_rates if leg[0] == venue_id]:
            del self.newest_funding_rates[leg]
        rates = await self._desk.read(self._desk.venues[venue_id].fetch_funding_rates(symbols))
        found = {(venue_id, rate.symbol): rate for rate in rates}
        self.newest_funding_rates.update(found)
        return found

    async def _read_coin_prices(self, instruments: Mapping[Leg, Instrument]) -> dict[Asset, CoinPrice]:
        """Return what targeted coins cost that have no contract: they count in what weights are of."""
        told = {one.asset for one in instruments.values()}
        missing = [asset for asset in self._desk.policy.assets if asset not in told]
        prices: dict[Asset, CoinPrice] = {}
        for venue in self._desk.venues.values() if missing else ():
            found = await self._desk.read(venue.fetch_coin_prices(missing))
            # A quote of zero is no price.
            prices.update({one.asset: one for one in found if one.asset not in prices and one.price > 0})
        for asset, one in prices.items():
            self._note_index(asset, one.price, one.as_of)
        return prices

    async def _read_currency_rates(
        self, accounts: dict[VenueId, AccountState], instruments: dict[Leg, Instrument]
    ) -> dict[Currency, CurrencyRate]:
        """Return the rate of every cash currency that is held, or that a contract is quoted in."""
        cash = self._desk.policy.cash_currencies
        rates: dict[Currency, CurrencyRate] = {}
        for venue_id, account in accounts.items():
            needed = {line.currency for line in account.balances} | {line.currency for line in account.margins}
            needed |= {terms.quote for (venue, _), terms in instruments.items() if venue == venue_id}
            wanted = [currency for currency in cash if currency in needed and currency not in rates]
            if wanted:
                found = await self._desk.read(self._desk.venues[venue_id].fetch_currency_rates(wanted))
                rates.update({rate.currency: rate for rate in found})
        return rates
