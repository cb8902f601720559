"""How does the bot trade on Binance USDⓈ-M? The ``Venue`` port over its routes.

What every method rests on:

- One-way mode and single-asset mode are verified at the start; anything else is refused.
- Stops are conditional orders: other ids, other lists. Which house an order lives in is remembered from every document
  that names it, and asked of both where it is not known.
- An account is read from five routes, and is complete or not there.
- There is no client id for transfers: one whose reply was lost is found in the history by what it is, and is sent again
  only after it has been given up there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

import structlog

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.codes import NOT_FOUND, REFUSALS
from bot.adapters.ccxt.binance.examination import examine_key, of_clock, of_margin_mode, of_units
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.records import Records
from bot.adapters.ccxt.binance.streams import Heed, Streams, Wanted
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
from bot.domain.orders import Fill, OrderIntent, OrderType, Purpose, TimeInForce, VenueOrder
from bot.domain.portfolio import AccountState, WalletBalance
from bot.domain.transfers import TransferIntent, TransferState, VenueTransfer
from bot.domain.units import ZERO, decimal_text
from bot.ports import Clock

log = structlog.get_logger()

#: With more contracts than this, prices of all are asked for at once.
_FEW = 3
_CLOCK_CHECKED = timedelta(minutes=15)
#: What besides futures is asked for is not waited for any longer: stops do not depend on it.
_BESIDES_SECONDS = 4.0
#: A host that has failed is asked again after this.
_LEFT_IN_PEACE = timedelta(seconds=30)
#: Orders of contracts that were never traded here are looked for this often.
_ALL_LISTED = timedelta(minutes=1)
#: With more contracts than this, open orders of all are asked for at once.
_FEW_WITH_ORDERS = 20
_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "GTX",
}
#: Wallets that are read; what lies in others is not known.
_READ_WALLETS = ("Spot", "Funding", "USDⓈ-M Futures")
#: What purposes must never wait for.
_PROTECTIVE = (Purpose.STOP, Purpose.TAKE_PROFIT, Purpose.DELEVERAGE, Purpose.FLATTEN, Purpose.ROLL_CLOSE)


Answer = TypeVar("Answer")


class _House(Enum):
    """Where an order lives."""

    PLAIN = "plain"
    CONDITIONAL = "conditional"


class BinanceUsdm:
    """One account at Binance USDⓈ-M."""

    def __init__(self, client: BinanceClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self.calls = Calls(client, Limiter(clock), REFUSALS)
        self.listing = Listing(self.calls, clock)
        self._records = Records(self.calls, self.listing, clock, self._venue_now)
        self._streams = Streams(client, self.calls, self.listing, clock)
        self._houses: dict[ClientOrderId, _House] = {}
        self._clock_read_at: datetime | None = None
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
            ConfigError: hedge mode, or multi-assets mode.
            VenueUnavailable: it does not answer.
        """
        await secure_session(self._client)
        await self._read_clock()
        await self.listing.read(Lane.PROTECT)
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
        listed = [one for one in await self.listing.read() if one.asset in assets and one.is_perpetual]
        quotes = await self._fetch_quotes([one.symbol for one in listed])
        return (
            *await examine_key(self.calls),
            of_clock(self._client.ahead_ms),
            of_margin_mode(self.listing.isolated),
            *of_units(listed, quotes),
        )

    def streams(self, wanted: Wanted, heed: Heed) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Return what listens to market and account."""
        return self._streams.all(wanted, heed)

    async def stop(self) -> None:
        """Disconnect. Nothing at the venue is changed."""
        await self._client.close()

    async def _read_clock(self) -> None:
        """Measure how far the machine's clock is from the venue's, now and then, and when it refuses our time."""
        now = self._clock.now()
        is_fresh = self._clock_read_at is not None and now - self._clock_read_at < _CLOCK_CHECKED
        if is_fresh and not self.calls.is_clock_doubted:
            return
        row: Row = await self.calls.read("fapiPublicGetTime", lane=Lane.PROTECT)
        ahead = self._clock.now() - translate.moment(row, "serverTime")
        self._client.ahead_ms = int(ahead.total_seconds() * 1000)
        self._clock_read_at = now
        self.calls.is_clock_doubted = False

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
        orders = [self._learn_plain(row) for row in plain]
        orders += [self._learn_conditional(row, None) for row in conditional or ()]
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
                answer = understood(await self.calls.read(method, params, weight=0, lane=Lane.PROTECT))
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
        lane = Lane.PROTECT
        if len(names) > _FEW:
            rows = translate.rows_of(await self.calls.read(method, weight=weights[1], lane=lane))
        else:
            asked = (self.calls.read(method, {"symbol": name}, weight=weights[0], lane=lane) for name in names)
            rows = translate.rows_of(list(await asyncio.gather(*asked)))
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
        params: Params = {"pair": f"{asset}USDT", "interval": "1d", "limit": days + 1}
        bars = await self.calls.read("fapiPublicGetIndexPriceKlines", params, weight=2)
        return translate.history(asset, bars, self._clock.now())

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
        """Send one order with the intent's client order id, once. Nothing is opened where margin is isolated."""
        if not intent.reduce_only and self.listing.names.get(intent.symbol) in self.listing.isolated:
            raise VenueRefused(f"the margin of {intent.symbol} is isolated; set it to cross", code="margin_mode")
        is_stop = intent.type is OrderType.STOP_MARKET
        house = _House.CONDITIONAL if is_stop else _House.PLAIN
        self._houses[intent.client_order_id] = house
        self._records.traded.add(intent.symbol)
        lane = Lane.PROTECT if intent.reduce_only or intent.purpose in _PROTECTIVE else Lane.TRADE
        params = self._stop_params(intent) if is_stop else self._plain_params(intent)
        method = "fapiPrivatePostAlgoOrder" if is_stop else "fapiPrivatePostOrder"
        row = await self.calls.write(method, params, lane=lane)
        try:
            seen = self._learn_conditional(row, None) if is_stop else self._learn_plain(row)
        except BadPayload as failure:
            raise VenueOutcomeUnknown(f"the reply to {intent.client_order_id} is no order: {failure}") from failure
        if seen.client_order_id != intent.client_order_id:
            raise VenueOutcomeUnknown(f"the reply to {intent.client_order_id} is another order's")
        return seen

    def _plain_params(self, intent: OrderIntent) -> dict[str, str | int]:
        params: dict[str, str | int] = {
            "symbol": self._name(intent.symbol),
            "side": intent.side.value.upper(),
            "type": "MARKET" if intent.price is None else "LIMIT",
            "quantity": decimal_text(intent.contracts),
            "newClientOrderId": intent.client_order_id,
            "newOrderRespType": "RESULT",
            "reduceOnly": "true" if intent.reduce_only else "false",
        }
        if intent.price is not None:
            params["price"] = decimal_text(intent.price)
            params["timeInForce"] = _IN_FORCE[intent.time_in_force]
        return params

    def _stop_params(self, intent: OrderIntent) -> dict[str, str | int]:
        if intent.trigger_price is None:
            raise VenueRefused(f"{intent.client_order_id} is a stop without a trigger", code="bad_request")
        return {
            "algoType": "CONDITIONAL",
            "symbol": self._name(intent.symbol),
            "side": intent.side.value.upper(),
            "type": "STOP_MARKET",
            "quantity": decimal_text(intent.contracts),
            "triggerPrice": decimal_text(intent.trigger_price),
            "workingType": "MARK_PRICE",
            "reduceOnly": "true" if intent.reduce_only else "false",
            "clientAlgoId": intent.client_order_id,
        }

    def _name(self, symbol: Symbol) -> str:
        try:
            return self.listing.names[symbol]
        except KeyError:
            raise VenueRefused(f"{symbol} has never been listed", code="unknown_symbol") from None

    async def submit_spread(
        self, near: OrderIntent, far: OrderIntent, *, limit_spread_price: Decimal
    ) -> tuple[VenueOrder, VenueOrder]:
        """Refuse: the venue has no book for calendar spreads."""
        raise VenueRefused(f"no book for {near.symbol} against {far.symbol} at {limit_spread_price}", code="no_spread")

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Cancel one order and return its last state, which may be FILLED."""
        house = self._houses.get(client_order_id)
        if house is None:
            # Of an earlier life.
            seen = await self._look_up(symbol, client_order_id)
            if seen is not None and seen.state.is_final:
                return seen
            house = self._houses.get(client_order_id)
        # One that no list shows may be in either.
        houses = (_House.PLAIN, _House.CONDITIONAL) if house is None else (house,)
        was_there = [await self._delete(one, symbol, client_order_id) for one in houses]
        # A cancel is confirmed by what the order has ended as, not by its reply.
        seen = await self._look_up(symbol, client_order_id)
        if seen is not None:
            return seen
        if any(was_there):
            raise VenueOutcomeUnknown(f"{client_order_id} was cancelled and is not shown")
        raise VenueRefused(f"no order has the id {client_order_id}", code=NOT_FOUND)

    async def _delete(self, house: _House, symbol: Symbol, client_order_id: ClientOrderId) -> bool:
        """Ask for a cancel; return False when nothing of the kind is open: it may have traded."""
        try:
            if house is _House.PLAIN:
                params = {"symbol": self._name(symbol), "origClientOrderId": client_order_id}
                await self.calls.write("fapiPrivateDeleteOrder", params, lane=Lane.PROTECT)
            else:
                params = {"clientAlgoId": client_order_id}
                await self.calls.write("fapiPrivateDeleteAlgoOrder", params, lane=Lane.PROTECT)
        except VenueRefused as refusal:
            if refusal.code != NOT_FOUND:
                raise
            return False
        return True

    async def _look_up(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Find an order for a write.

        Raises:
            VenueOutcomeUnknown: the venue does not say.
        """
        try:
            return await self.fetch_order(symbol, client_order_id)
        except VenueUnavailable as failure:
            raise VenueOutcomeUnknown(str(failure)) from failure

    async def fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Return one order of any age that the venue still knows, None when it says that it knows none."""
        return await self._understood(self._fetch_order(symbol, client_order_id))

    async def _fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        house = self._houses.get(client_order_id)
        if house is not _House.CONDITIONAL:
            params = {"symbol": self.listing.names[symbol], "origClientOrderId": client_order_id}
            row = await self._found("fapiPrivateGetOrder", params)
            if row is not None:
                return self._learn_plain(row)
        if house is not _House.PLAIN:
            row = await self._found("fapiPrivateGetAlgoOrder", {"clientAlgoId": client_order_id})
            if row is not None:
                return self._learn_conditional(row, await self._actual(row))
        return None

    async def _found(self, method: str, params: Mapping[str, str | int]) -> Row | None:
        """Return an order's document, None when the venue says that there is none."""
        return await self.calls.find(method, params, NOT_FOUND)

    async def _actual(self, row: Row) -> Row | None:
        """Return the order that a triggered stop became."""
        number = str(row.get("actualOrderId") or "")
        if not translate.is_triggered(row) or not number:
            return None
        return await self._found("fapiPrivateGetOrder", {"symbol": translate.text(row, "symbol"), "orderId": number})

    def _learn_plain(self, row: Row) -> VenueOrder:
        seen = translate.order(row, self.listing.symbols)
        client_order_id = ClientOrderId(translate.text(row, "clientOrderId"))
        self._houses[client_order_id] = _House.PLAIN
        self._records.learn(row.get("orderId"), client_order_id)
        self._records.traded.add(seen.symbol)
        return seen

    def _learn_conditional(self, row: Row, actual: Row | None) -> VenueOrder:
        seen = translate.conditional(row, self.listing.symbols, actual)
        client_order_id = ClientOrderId(translate.text(row, "clientAlgoId"))
        self._houses[client_order_id] = _House.CONDITIONAL
        self._records.learn(row.get("actualOrderId"), client_order_id)
        self._records.traded.add(seen.symbol)
        return seen

    # --- transfers

    async def transfer(self, intent: TransferIntent) -> VenueTransfer:
        """Move collateral between the spot and the futures wallet, once."""
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
