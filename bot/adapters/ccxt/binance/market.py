"""What does the market say? Quotes, funding, what cash is worth, daily closes, and the price of a coin itself."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.codes import UNKNOWN_SYMBOL
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.timing import VenueTime
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls, Params
from bot.adapters.ccxt.limiter import Lane
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import Instrument
from bot.domain.market import CoinPrice, CurrencyRate, FundingRate, PriceHistory, Quote
from bot.domain.units import ONE
from bot.ports import Clock

#: What coins are priced in on the spot market.
_USDT = Currency("USDT")
#: With more contracts than this, prices of all are asked for at once.
_FEW = 3


class Market:
    """Reads what anyone can see."""

    def __init__(self, calls: Calls, listing: Listing, time: VenueTime, clock: Clock) -> None:
        self._calls = calls
        self._listing = listing
        self._time = time
        self._clock = clock

    async def quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return one quote per symbol that can be traded."""
        books, premiums, lasts = await asyncio.gather(
            self._by_name("fapiPublicGetTickerBookTicker", symbols, weights=(2, 5)),
            self._by_name("fapiPublicGetPremiumIndex", symbols, weights=(1, 10)),
            self._by_name("fapiPublicV2GetTickerPrice", symbols, weights=(1, 2)),
        )
        names = {symbol: self._listing.names[symbol] for symbol in symbols if symbol in self._listing.names}
        return tuple(
            translate.quote(symbol, books[name], premiums[name], lasts[name], ahead=self._time.ahead)
            for symbol, name in names.items()
            if name in books and name in premiums and name in lasts
        )

    async def _by_name(self, method: str, symbols: Sequence[Symbol], weights: tuple[int, int]) -> dict[str, Row]:
        """Ask one by one for a few contracts, and for all at once for more."""
        names = [self._listing.names[symbol] for symbol in symbols if symbol in self._listing.names]
        if len(names) > _FEW:
            rows = translate.rows_of(await self._calls.read(method, weight=weights[1], lane=Lane.PROTECT))
        else:
            # One that is quoted no more must not hide the others.
            asked = (self._calls.find(method, {"symbol": name}, UNKNOWN_SYMBOL, weight=weights[0]) for name in names)
            rows = [row for row in await asyncio.gather(*asked) if row is not None]
        return {translate.text(row, "symbol"): row for row in rows}

    async def funding_rates(self, symbols: Sequence[Symbol]) -> tuple[FundingRate, ...]:
        """Return the forecast of each perpetual."""
        premiums = await self._by_name("fapiPublicGetPremiumIndex", symbols, weights=(1, 10))
        info = translate.rows_of(await self._calls.read("fapiPublicGetFundingInfo"))
        hours = {translate.text(row, "symbol"): translate.number(row, "fundingIntervalHours") for row in info}
        return tuple(
            translate.funding_rate(self._listing.symbols[name], row, hours.get(name))
            for name, row in premiums.items()
            # A dated contract has none.
            if self._listing.symbols.get(name) in symbols and row.get("lastFundingRate") not in (None, "")
        )

    async def currency_rates(self, currencies: Sequence[Currency]) -> tuple[CurrencyRate, ...]:
        """Return what cash is worth in USD, by the index that the venue values collateral with."""
        rows = translate.rows_of(await self._calls.read("fapiPublicGetAssetIndex", weight=10))
        by_name = {translate.text(row, "symbol"): row for row in rows}
        found = [(one, by_name.get(f"{one}USD")) for one in currencies]
        return tuple(translate.currency_rate(one, row) for one, row in found if row is not None)

    async def history(self, asset: Asset, days: int) -> PriceHistory:
        """Return daily closes of the index, of days that have ended."""
        pair, coins = self._listing.pairs.get(asset, (f"{asset}USDT", ONE))
        params: Params = {"pair": pair, "interval": "1d", "limit": days + 1}
        bars = await self._calls.read("fapiPublicGetIndexPriceKlines", params, weight=2)
        return translate.history(asset, bars, self._clock.now(), coins)

    async def spot_prices(self, instruments: Sequence[Instrument]) -> dict[Symbol, Decimal]:
        """Return what one coin costs on the spot market, which knows nothing of contracts."""
        found = [(one.symbol, await self._spot_price(one.asset, one.quote)) for one in instruments]
        return {symbol: price for symbol, price in found if price is not None}

    async def coin_prices(self, assets: Sequence[Asset]) -> tuple[CoinPrice, ...]:
        """Return what coins cost on the spot market; those that are not traded there are left out."""
        as_of = self._clock.now()
        found = [(asset, await self._spot_price(asset, _USDT)) for asset in assets]
        return tuple(
            CoinPrice(asset=asset, quote=_USDT, price=price, as_of=as_of) for asset, price in found if price is not None
        )

    async def _spot_price(self, asset: Asset, quote: Currency) -> Decimal | None:
        row = await self._calls.find("publicGetTickerPrice", {"symbol": f"{asset}{quote}"}, UNKNOWN_SYMBOL, weight=0)
        return None if row is None else translate.number(row, "price")
