"""How does the bot trade on Binance USDⓈ-M? The ``Venue`` port over its routes.

What every method rests on:

- One-way mode and single-asset mode are verified at the start; anything else is refused.
- An account is read from five routes, and is complete or not there.
- There is no client id for transfers: one whose reply was lost is found in the history by what it is, and is sent again
  only after it has been given up there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import structlog

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.codes import REFUSALS, UNKNOWN_SYMBOL
from bot.adapters.ccxt.binance.examination import NOT_TOLD, examine_key, of_clock, of_margin_mode, of_units, of_wallets
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.records import Records
from bot.adapters.ccxt.binance.streams import Heed, Streams, Wanted
from bot.adapters.ccxt.binance.trading import Trading
from bot.adapters.ccxt.binance.translate import VENUE, Row
from bot.adapters.ccxt.calls import Calls, Params
from bot.adapters.ccxt.client import BinanceClient, secure_session
from bot.adapters.ccxt.limiter import Lane, Limiter
from bot.domain.errors import (
    BadPayload,
    ConfigError,
    VenueOutcomeUnknown,
    VenueRefused,
    VenueUnavailable,
)
from bot.domain.events import FundingSettled
from bot.domain.findings import Finding
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import CurrencyRate, FundingRate, PriceHistory, Quote, SpreadQuote
from bot.domain.orders import Fill, OrderIntent, VenueOrder
from bot.domain.portfolio import AccountState, WalletBalance
from bot.domain.transfers import TransferIntent, TransferState, VenueTransfer
from bot.domain.units import ONE, ZERO, decimal_text
from bot.ports import Clock

log = structlog.get_logger()

#: With more contracts than this, prices of all are asked for at once.
_FEW = 3
#: What is to be done about a key that is refused at the start.
_OF_KEYS = {
    "bad_signature": "TRIMTAB_VENUES__BINANCEUSDM__API_SECRET is not the secret of this key; copy it again",
    "not_permitted": "copy TRIMTAB_VENUES__BINANCEUSDM__API_KEY again, and look whether the key may trade futures and"
    " may be used from this machine's address",
}
_CLOCK_CHECKED = timedelta(minutes=15)
#: What besides futures is asked for is not waited for any longer: stops do not depend on it.
_BESIDES_SECONDS = 4.0
#: A host that has failed is asked again after this.
_LEFT_IN_PEACE = timedelta(seconds=30)
#: Orders of contracts that were never traded here are looked for this often.
_ALL_LISTED = timedelta(minutes=1)
#: With more contracts than this, open orders of all are asked for at once.
_FEW_WITH_ORDERS = 20
#: Wallets that are read; what lies in others is not known.
_READ_WALLETS = ("Spot", "Funding", "USDⓈ-M Futures")

Answer = TypeVar("Answer")


class BinanceUsdm:
    """One account at Binance USDⓈ-M."""

    def __init__(self, client: BinanceClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.calls = Calls(client, Limiter(clock), REFUSALS)
        self.listing = Listing(self.calls, clock)
        self._records = Records(self.calls, self.listing, clock, self._venue_now)
        self._trading = Trading(self.calls, self.listing, self._records)
        self._streams = Streams(client, self.calls, self.listing, clock)
        self._clock_read_at: float | None = None
        #: When what besides futures is asked for was last not answered, by route.
        self._besides_failed_at: dict[str, datetime] = {}
        #: When the open orders of the whole account were listed last, by route.
        self._all_listed_at: dict[str, datetime] = {}

    @property
    def id(self) -> VenueId:
        """Name the venue."""
        return VENUE

    async def start(self) -> None:
        """Connect, prove that nothing is sent twice, and refuse an account that cannot be traded as it is set up.

        Raises:
            ConfigError: a key that the venue does not take, hedge mode, or multi-assets mode.
            VenueUnavailable: it does not answer.
        """
        await secure_session(self._client)
        try:
            await self._read_clock()
            await self.listing.read(Lane.PROTECT)
        except VenueUnavailable as failure:
            mend = _OF_KEYS.get(self.calls.code_of(failure) or "")
            if mend is None:
                raise
            raise ConfigError(f"binanceusdm: the venue does not take the key ({failure}): {mend}") from failure
        modes: Row = await self.calls.read("fapiPrivateGetPositionSideDual", weight=30, lane=Lane.PROTECT)
        if translate.is_set(modes, "dualSidePosition"):
            raise ConfigError(
                "binanceusdm: the account is in hedge mode; switch it to one-way mode (Preferences, Position Mode)"
            )
        assets: Row = await self.calls.read("fapiPrivateGetMultiAssetsMargin", weight=30, lane=Lane.PROTECT)
        if translate.is_set(assets, "multiAssetsMargin"):
            raise ConfigError(
                "binanceusdm: the account is in multi-assets mode; switch it to single-asset mode"
                " (Preferences, Asset Mode)"
            )
        self.calls.limiter.hurry()

    async def examine(self, assets: Sequence[Asset]) -> tuple[Finding, ...]:
        """Return what is to be said of key, clock, account and units."""
        return await self._understood(self._examine(assets))

    async def _examine(self, assets: Sequence[Asset]) -> tuple[Finding, ...]:
        listed = [one for one in await self.listing.read() if one.asset in assets]
        perpetuals = [one for one in listed if one.is_perpetual]
        quotes = await self._fetch_quotes([one.symbol for one in perpetuals])
        isolated = [one.symbol for one in listed if self.listing.names[one.symbol] in self.listing.isolated]
        wallets = await self._read_wallet("sapiGetAssetWalletBalance", {"quoteAsset": "USDT"})
        return (
            *(await examine_key(self.calls) if self._client.has_wallets else [NOT_TOLD]),
            of_clock(self._client.ahead_ms),
            of_margin_mode(isolated),
            *of_wallets(_not_read(wallets)),
            *of_units(perpetuals, quotes, await self._spot_prices(perpetuals)),
        )

    async def _spot_prices(self, instruments: Sequence[Instrument]) -> dict[Symbol, Decimal]:
        """Return what one coin costs on the spot market, which knows nothing of contracts."""
        found = {}
        for one in instruments:
            params: Params = {"symbol": f"{one.asset}{one.quote}"}
            row = await self.calls.find("publicGetTickerPrice", params, UNKNOWN_SYMBOL, weight=0)
            if row is not None:
                found[one.symbol] = translate.number(row, "price")
        return found

    def streams(self, wanted: Wanted, heed: Heed) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Return what listens to market and account."""
        return self._streams.all(wanted, heed)

    async def stop(self) -> None:
        """Disconnect. Nothing at the venue is changed."""
        await self._client.close()

    async def _read_clock(self) -> None:
        """Measure how far the machine's clock is from the venue's, now and then, and when the venue finds it wrong."""
        now = self._clock.monotonic()
        is_old = self._clock_read_at is None or now - self._clock_read_at >= _CLOCK_CHECKED.total_seconds()
        if not is_old and not self.calls.is_clock_doubted:
            return
        row: Row = await self.calls.read("fapiPublicGetTime", lane=Lane.PROTECT)
        ahead = self._clock.now() - translate.moment(row, "serverTime")
        self._client.ahead_ms = int(ahead.total_seconds() * 1000)
        self._clock_read_at, self.calls.is_clock_doubted = now, False

    @property
    def _ahead(self) -> timedelta:
        return timedelta(milliseconds=self._client.ahead_ms)

    def _venue_now(self) -> datetime:
        return self._clock.now() - self._ahead

    def _by_venue(self, since: datetime) -> datetime:
        """Return from when on history is asked for: where our clock is ahead, what is young there is younger here."""
        return since - max(self._ahead, timedelta(0))

    # --- reads

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        """Return every contract that trades."""
        return await self._understood(self.listing.read())

    async def fetch_account(self) -> AccountState:
        """Return balances, positions, margin and open orders, read completely."""
        return await self._understood(self._fetch_account())

    async def _fetch_account(self) -> AccountState:
        await self._read_clock()
        as_of = self._clock.now()
        read, lane = self.calls.read, Lane.PROTECT
        spot, funding, wallets, account, positions, plain, conditional = await asyncio.gather(
            self._besides(
                "privateGetAccount", {"omitZeroBalances": "true"}, lambda row: [*translate.spot_balances(row)]
            ),
            self._besides("sapiPostAssetGetFundingAsset", {}, lambda rows: [*translate.funding_balances(rows)]),
            self._besides("sapiGetAssetWalletBalance", {"quoteAsset": "USDT"}, _not_read),
            read("fapiPrivateV3GetAccount", weight=5, lane=lane),
            read("fapiPrivateV3GetPositionRisk", weight=5, lane=lane),
            self._open_orders("fapiPrivateGetOpenOrders"),
            self._open_conditional(),
        )
        symbols = self.listing.symbols
        held = [translate.position(row, symbols) for row in translate.rows_of(positions)]
        orders = [self._trading.learn_plain(row) for row in plain]
        orders += [self._trading.learn_conditional(row, None) for row in conditional or ()]
        found = tuple(one for one in held if one is not None)
        self._records.traded.update(one.symbol for one in found)
        return AccountState(
            venue=VENUE,
            balances=_added_up(
                [
                    *(spot or ()),
                    *(funding or ()),
                    *translate.futures_balances(account),
                ]
            ),
            positions=found,
            margins=tuple(translate.margins(account)),
            open_orders=tuple(orders),
            unreadable_wallets=(
                *(() if spot is not None else ("Spot",)),
                *(() if funding is not None else ("Funding",)),
                *(("the list of wallets",) if wallets is None else wallets),
            ),
            has_stops_listed=conditional is not None,
            as_of=as_of,
        )

    async def _besides(self, method: str, params: Params, understood: Callable[[Any], Answer]) -> Answer | None:
        """Return what another host of the venue says of the wallets besides; None while it does not.

        Stops and margin do not depend on it. One that has failed is left in peace for a while: where it hangs, every
        account would take as long.
        """
        now = self._clock.now()
        failed_at = self._besides_failed_at.get(method)
        if failed_at is not None and now - failed_at < _LEFT_IN_PEACE:
            return None
        try:
            async with asyncio.timeout(_BESIDES_SECONDS):
                answer = understood(await self._read_wallet(method, params))
        except (VenueUnavailable, BadPayload, TimeoutError) as failure:
            self._besides_failed_at[method] = self._clock.now()
            log.warning("A wallet cannot be read", code="wallet_unreadable", venue=VENUE, reason=str(failure))
            return None
        self._besides_failed_at.pop(method, None)
        return answer

    async def _open_orders(self, method: str) -> list[Row]:
        """Return open orders: once a minute of the whole account, which weighs as much as forty contracts.

        In between, of the contracts that have traded or had an order. While a stop is missing the account is read every
        few seconds, and must not use up what the stop needs.
        """
        now, asked = self._clock.now(), sorted(self._records.traded & self.listing.trading)
        listed_at = self._all_listed_at.get(method)
        if listed_at is None or now - listed_at >= _ALL_LISTED or len(asked) > _FEW_WITH_ORDERS:
            rows = translate.rows_of(await self.calls.read(method, weight=40, lane=Lane.PROTECT))
            self._all_listed_at[method] = now
            return rows
        names = [self.listing.names[symbol] for symbol in asked]
        found = await asyncio.gather(*(self.calls.read(method, {"symbol": name}, lane=Lane.PROTECT) for name in names))
        return [row for document in found for row in translate.rows_of(document)]

    async def _open_conditional(self) -> list[Row] | None:
        """Return the stops that rest; None where that route alone fails, as overnight when a venue moves it."""
        try:
            return await self._open_orders("fapiPrivateGetOpenAlgoOrders")
        except (VenueUnavailable, BadPayload) as failure:
            log.warning("The stops cannot be listed", code="stops_unlisted", venue=VENUE, reason=str(failure))
            return None

    async def _read_wallet(self, method: str, params: Params) -> Any:
        """Read a wallet besides that of futures; the test network has the spot wallet alone."""
        if method.startswith("sapi") and not self._client.has_wallets:
            return []
        return await self.calls.read(method, params, weight=0, lane=Lane.PROTECT)

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return one quote per symbol that can be traded."""
        return await self._understood(self._fetch_quotes(symbols))

    async def _fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        books, premiums, lasts = await asyncio.gather(
            self._by_name("fapiPublicGetTickerBookTicker", symbols, weights=(2, 5)),
            self._by_name("fapiPublicGetPremiumIndex", symbols, weights=(1, 10)),
            self._by_name("fapiPublicV2GetTickerPrice", symbols, weights=(1, 2)),
        )
        names = {symbol: self.listing.names[symbol] for symbol in symbols if symbol in self.listing.names}
        return tuple(
            translate.quote(symbol, books[name], premiums[name], lasts[name], ahead=self._ahead)
            for symbol, name in names.items()
            if name in books and name in premiums and name in lasts
        )

    async def _by_name(self, method: str, symbols: Sequence[Symbol], weights: tuple[int, int]) -> dict[str, Row]:
        """Ask one by one for a few contracts, and for all at once for more."""
        names = [self.listing.names[symbol] for symbol in symbols if symbol in self.listing.names]
        if len(names) > _FEW:
            rows = translate.rows_of(await self.calls.read(method, weight=weights[1], lane=Lane.PROTECT))
        else:
            # One that is quoted no more must not hide the others.
            asked = (self.calls.find(method, {"symbol": name}, UNKNOWN_SYMBOL, weight=weights[0]) for name in names)
            rows = [row for row in await asyncio.gather(*asked) if row is not None]
        return {translate.text(row, "symbol"): row for row in rows}

    async def fetch_funding_rates(self, symbols: Sequence[Symbol]) -> tuple[FundingRate, ...]:
        """Return the forecast of each perpetual."""
        return await self._understood(self._fetch_funding_rates(symbols))

    async def _fetch_funding_rates(self, symbols: Sequence[Symbol]) -> tuple[FundingRate, ...]:
        premiums = await self._by_name("fapiPublicGetPremiumIndex", symbols, weights=(1, 10))
        info = translate.rows_of(await self.calls.read("fapiPublicGetFundingInfo"))
        hours = {translate.text(row, "symbol"): translate.number(row, "fundingIntervalHours") for row in info}
        return tuple(
            translate.funding_rate(self.listing.symbols[name], row, hours.get(name))
            for name, row in premiums.items()
            # A dated contract has none.
            if self.listing.symbols.get(name) in symbols and row.get("lastFundingRate") not in (None, "")
        )

    async def fetch_currency_rates(self, currencies: Sequence[Currency]) -> tuple[CurrencyRate, ...]:
        """Return what cash is worth in USD, by the index that the venue values collateral with."""
        return await self._understood(self._fetch_currency_rates(currencies))

    async def _fetch_currency_rates(self, currencies: Sequence[Currency]) -> tuple[CurrencyRate, ...]:
        rows = translate.rows_of(await self.calls.read("fapiPublicGetAssetIndex", weight=10))
        by_name = {translate.text(row, "symbol"): row for row in rows}
        found = [(one, by_name.get(f"{one}USD")) for one in currencies]
        return tuple(translate.currency_rate(one, row) for one, row in found if row is not None)

    async def fetch_history(self, asset: Asset, days: int) -> PriceHistory:
        """Return daily closes of the index, of days that have ended."""
        return await self._understood(self._fetch_history(asset, days))

    async def _fetch_history(self, asset: Asset, days: int) -> PriceHistory:
        pair, coins = self.listing.pairs.get(asset, (f"{asset}USDT", ONE))
        params: Params = {"pair": pair, "interval": "1d", "limit": days + 1}
        bars = await self.calls.read("fapiPublicGetIndexPriceKlines", params, weight=2)
        return translate.history(asset, bars, self._clock.now(), coins)

    async def fetch_spread(self, near: Symbol, far: Symbol) -> SpreadQuote | None:  # noqa: ARG002 - there is none
        """Return None: the venue has no book for calendar spreads."""
        return None

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        """Return every trade of the account at or after ``since``, oldest first."""
        return await self._understood(self._records.fills(self._by_venue(since)))

    async def fetch_funding(self, since: datetime) -> tuple[FundingSettled, ...]:
        """Return every funding payment at or after ``since``, oldest first."""
        return await self._understood(self._records.funding(self._by_venue(since)))

    async def fetch_transfers(self, since: datetime) -> tuple[VenueTransfer, ...]:
        """Return every transfer between spot and futures wallet at or after ``since``, oldest first."""
        if not self._client.has_wallets:
            return ()
        return await self._understood(self._records.transfers(self._by_venue(since)))

    @staticmethod
    async def _understood(call: Awaitable[Answer]) -> Answer:
        """Await a read; what cannot be understood is as good as unanswered.

        Raises:
            VenueUnavailable: so it was.
        """
        try:
            return await call
        except BadPayload as failure:
            raise VenueUnavailable(str(failure)) from failure

    # --- orders

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Send one order with the intent's client order id, once."""
        return await self._trading.submit(intent)

    async def submit_spread(
        self, near: OrderIntent, far: OrderIntent, *, limit_spread_price: Decimal
    ) -> tuple[VenueOrder, VenueOrder]:
        """Refuse: the venue has no book for calendar spreads."""
        raise VenueRefused(f"no book for {near.symbol} against {far.symbol} at {limit_spread_price}", code="no_spread")

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Cancel one order and return its last state, which may be FILLED."""
        return await self._trading.cancel(symbol, client_order_id)

    async def fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Return one order of any age that the venue still knows, None when it says that it knows none."""
        return await self._understood(self._trading.find(symbol, client_order_id))

    # --- transfers

    async def transfer(self, intent: TransferIntent) -> VenueTransfer:
        """Move collateral between the spot and the futures wallet, once."""
        if not self._client.has_wallets:
            raise VenueRefused("the test network moves nothing between wallets", code="not_permitted")
        ends = (intent.source, intent.target)
        kind = translate.TRANSFER_KINDS.get(ends)
        if kind is None:
            raise VenueRefused(f"there is no way from {intent.source} to {intent.target}", code="bad_request")
        params = {"type": kind, "asset": intent.currency, "amount": decimal_text(intent.amount)}
        row = await self.calls.write("sapiPostAssetTransfer", params, lane=Lane.PROTECT)
        try:
            number = translate.text(row, "tranId")
        except BadPayload as failure:
            raise VenueOutcomeUnknown(f"the reply to the transfer: {failure}") from failure
        return VenueTransfer(
            venue=VENUE,
            transfer_id=intent.transfer_id,
            venue_transfer_id=number,
            currency=intent.currency,
            source=intent.source,
            target=intent.target,
            amount=intent.amount,
            # Whether it has arrived, the history says.
            state=TransferState.PENDING,
            at=self._clock.now(),
        )


def _added_up(lines: list[WalletBalance]) -> tuple[WalletBalance, ...]:
    """Return one line per wallet and currency: spot and funding wallet are one to us."""
    merged: dict[tuple[str, Currency], WalletBalance] = {}
    for line in lines:
        key = (line.wallet, line.currency)
        before = merged.get(key)
        merged[key] = (
            line
            if before is None
            else WalletBalance(
                venue=line.venue,
                wallet=line.wallet,
                currency=line.currency,
                balance=before.balance + line.balance,
                unrealised=before.unrealised + line.unrealised,
                pending=before.pending + line.pending,
            )
        )
    return tuple(merged.values())


def _not_read(wallets: Any) -> tuple[str, ...]:
    """Return the wallets that hold something and are not read."""
    return tuple(
        name
        for row in translate.rows_of(wallets)
        if (name := translate.text(row, "walletName")) not in _READ_WALLETS and translate.number(row, "balance") != ZERO
    )
