"""How does the bot trade on Binance USDⓈ-M? The ``Venue`` port over its routes.

What every method rests on:

- One-way mode and single-asset mode are verified at the start; anything else is refused.
- There is no client id for transfers: one whose reply was lost is found in the history by what it is, and is sent again
  only after it has been given up there.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.account import Account
from bot.adapters.ccxt.binance.codes import REFUSALS
from bot.adapters.ccxt.binance.examination import NOT_TOLD, examine_key, of_clock, of_margin_mode, of_units, of_wallets
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.market import Market
from bot.adapters.ccxt.binance.records import Records
from bot.adapters.ccxt.binance.streams import Heed, Streams, Wanted
from bot.adapters.ccxt.binance.timing import VenueTime
from bot.adapters.ccxt.binance.trading import Trading
from bot.adapters.ccxt.binance.translate import VENUE, Row
from bot.adapters.ccxt.calls import Calls
from bot.adapters.ccxt.client import BinanceClient, secure_session
from bot.adapters.ccxt.errors import OVERLOADED, KeyNotTaken
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
from bot.domain.market import CoinPrice, CurrencyRate, FundingRate, PriceHistory, Quote, SpreadQuote
from bot.domain.orders import Fill, OrderIntent, VenueOrder
from bot.domain.portfolio import AccountState
from bot.domain.transfers import TransferIntent, TransferState, VenueTransfer
from bot.domain.units import decimal_text
from bot.ports import Clock

#: What is to be done about a key that is refused at the start. Form and signature are ours. Whether it is known and may
#: be used from here, is the venue's: that is mended there, and a daemon that is started again finds it mended.
_OF_KEYS: dict[str, tuple[type[ConfigError | KeyNotTaken], str]] = {
    "bad_key": (ConfigError, "TRIMTAB_VENUES__BINANCEUSDM__API_KEY is no key of this venue; copy it again"),
    "bad_signature": (
        ConfigError,
        "TRIMTAB_VENUES__BINANCEUSDM__API_SECRET is not the secret of this key; copy it again",
    ),
    "not_permitted": (
        KeyNotTaken,
        "look at the venue whether TRIMTAB_VENUES__BINANCEUSDM__API_KEY is there, may trade futures, and may be used"
        " from this machine's address",
    ),
}

Answer = TypeVar("Answer")


class BinanceUsdm:
    """One account at Binance USDⓈ-M."""

    def __init__(self, client: BinanceClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.calls = Calls(client, Limiter(clock), REFUSALS)
        self.listing = Listing(self.calls, clock)
        self._time = VenueTime(client, self.calls, clock)
        self._records = Records(self.calls, self.listing, clock, self._time.now)
        self._trading = Trading(self.calls, self.listing, self._records, self._time.now)
        self._market = Market(self.calls, self.listing, self._time, clock)
        self._account = Account(client, self.calls, self.listing, self._records, self._trading, clock, self._time)
        self._streams = Streams(client, self.calls, self.listing, clock)

    @property
    def id(self) -> VenueId:
        """Name the venue."""
        return VENUE

    async def start(self) -> None:
        """Connect, prove that nothing is sent twice, and refuse an account that cannot be traded as it is set up.

        Raises:
            ConfigError: no key, or not its secret; hedge mode, or multi-assets mode.
            KeyNotTaken: it does not answer to this key from here.
            VenueUnavailable: it does not answer.
        """
        await secure_session(self._client)
        with self._asking_for("its clock"):
            await self._time.compare()
        with self._asking_for("its contracts and their terms"):
            await self.listing.read(Lane.PROTECT)
        with self._asking_for("how the account is set up"):
            modes: Row = await self.calls.read("fapiPrivateGetPositionSideDual", weight=30, lane=Lane.PROTECT)
            assets: Row = await self.calls.read("fapiPrivateGetMultiAssetsMargin", weight=30, lane=Lane.PROTECT)
        if translate.is_set(modes, "dualSidePosition"):
            raise ConfigError(
                "binanceusdm: the account is in hedge mode; switch it to one-way mode (Preferences, Position Mode)"
            )
        if translate.is_set(assets, "multiAssetsMargin"):
            raise ConfigError(
                "binanceusdm: the account is in multi-assets mode; switch it to single-asset mode"
                " (Preferences, Asset Mode)"
            )
        self.calls.limiter.hurry()

    @contextmanager
    def _asking_for(self, what: str) -> Iterator[None]:
        """Say in words what was not answered at a start.

        Raises:
            ConfigError, KeyNotTaken: because of the key.
            VenueUnavailable: for any other reason.
        """
        try:
            yield
        except VenueUnavailable as failure:
            of_key = _OF_KEYS.get(self.calls.code_of(failure) or "")
            if of_key is None:
                raise VenueUnavailable(f"{what} could not be read ({failure})") from failure
            kind, mend = of_key
            raise kind(f"binanceusdm: the venue does not take the key ({failure}): {mend}") from failure

    async def examine(self, assets: Sequence[Asset]) -> tuple[Finding, ...]:
        """Return what is to be said of key, clock, account and units."""
        return await self._understood(self._examine(assets))

    async def _examine(self, assets: Sequence[Asset]) -> tuple[Finding, ...]:
        listed = [one for one in await self.listing.read() if one.asset in assets]
        perpetuals = [one for one in listed if one.is_perpetual]
        quotes = await self._market.quotes([one.symbol for one in perpetuals])
        isolated = [one.symbol for one in listed if self.listing.names[one.symbol] in self.listing.isolated]
        return (
            *(await examine_key(self.calls) if self._client.has_wallets else [NOT_TOLD]),
            of_clock(self._client.ahead_ms),
            of_margin_mode(isolated),
            *of_wallets(await self._account.unread_wallets()),
            *of_units(perpetuals, quotes, await self._market.spot_prices(perpetuals)),
        )

    def streams(self, wanted: Wanted, heed: Heed) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Return what listens to market and account."""
        return self._streams.all(wanted, heed)

    async def stop(self) -> None:
        """Disconnect. Nothing at the venue is changed."""
        await self._client.close()

    # --- reads

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        """Return every contract that trades."""
        return await self._understood(self.listing.read())

    async def fetch_account(self) -> AccountState:
        """Return balances, positions, margin and open orders, read completely."""
        return await self._understood(self._account.read())

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return one quote per symbol that can be traded."""
        return await self._understood(self._market.quotes(symbols))

    async def fetch_funding_rates(self, symbols: Sequence[Symbol]) -> tuple[FundingRate, ...]:
        """Return the forecast of each perpetual."""
        return await self._understood(self._market.funding_rates(symbols))

    async def fetch_currency_rates(self, currencies: Sequence[Currency]) -> tuple[CurrencyRate, ...]:
        """Return what cash is worth in USD, by the index that the venue values collateral with."""
        return await self._understood(self._market.currency_rates(currencies))

    async def fetch_coin_prices(self, assets: Sequence[Asset]) -> tuple[CoinPrice, ...]:
        """Return what coins cost on the spot market."""
        return await self._understood(self._market.coin_prices(assets))

    async def fetch_history(self, asset: Asset, days: int) -> PriceHistory:
        """Return daily closes of the index, of days that have ended."""
        return await self._understood(self._market.history(asset, days))

    async def fetch_spread(self, near: Symbol, far: Symbol) -> SpreadQuote | None:  # noqa: ARG002 - there is none
        """Return None: the venue has no book for calendar spreads."""
        return None

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        """Return every trade of the account at or after ``since``, oldest first."""
        return await self._understood(self._records.fills(self._time.reach_back(since)))

    async def fetch_funding(self, since: datetime) -> tuple[FundingSettled, ...]:
        """Return every funding payment at or after ``since``, oldest first."""
        return await self._understood(self._records.funding(self._time.reach_back(since)))

    async def fetch_transfers(self, since: datetime) -> tuple[VenueTransfer, ...]:
        """Return every transfer between spot and futures wallet at or after ``since``, oldest first."""
        if not self._client.has_wallets:
            return ()
        return await self._understood(self._records.transfers(self._time.reach_back(since)))

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
        try:
            row = await self.calls.write(
                "sapiPostAssetTransfer", params, lane=Lane.PROTECT, intended_at=intent.intended_at
            )
        except VenueRefused as refusal:
            if refusal.code == OVERLOADED:
                # Of orders the venue says that nothing was done; of transfers it does not.
                raise VenueOutcomeUnknown(str(refusal)) from refusal
            raise
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
