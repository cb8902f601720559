"""What does the market say? Prices are of one coin, whatever the venue tells them of."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bot.adapters.ccxt.binance.translate.contracts import coins_in
from bot.adapters.ccxt.binance.translate.fields import VENUE, Row, moment, number
from bot.domain.errors import BadPayload
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.market import CurrencyRate, FundingRate, PriceHistory, Quote

_INTERVAL = timedelta(hours=8)
#: Up to the end of the bar.
_BAR_FIELDS = 7


def quote(symbol: Symbol, book: Row, premium: Row, last: Row, *, ahead: timedelta) -> Quote:
    """Return a quote from ``bookTicker``, ``premiumIndex`` and ``ticker/price``, as old as the first two.

    ``ahead``: how far our clock is ahead of the venue's. By ours it is judged how old a price is.
    """
    coins = coins_in(symbol)
    return Quote(
        venue=VENUE,
        symbol=symbol,
        bid_price=number(book, "bidPrice") / coins,
        ask_price=number(book, "askPrice") / coins,
        mark_price=number(premium, "markPrice") / coins,
        index_price=number(premium, "indexPrice") / coins,
        last_price=number(last, "price") / coins,
        bid_contracts=number(book, "bidQty"),
        ask_contracts=number(book, "askQty"),
        as_of=min(moment(book, "time"), moment(premium, "time")) + ahead,
    )


def funding_rate(symbol: Symbol, premium: Row, interval_hours: Decimal | None) -> FundingRate:
    """Return the forecast; the interval is eight hours where ``fundingInfo`` names no other."""
    return FundingRate(
        venue=VENUE,
        symbol=symbol,
        rate=number(premium, "lastFundingRate"),
        interval=_INTERVAL if interval_hours is None else timedelta(hours=int(interval_hours)),
        next_at=moment(premium, "nextFundingTime"),
        as_of=moment(premium, "time"),
    )


def currency_rate(currency: Currency, row: Row) -> CurrencyRate:
    """Return what a cash currency is worth, from ``assetIndex``."""
    return CurrencyRate(currency=currency, usd=number(row, "index"), as_of=moment(row, "time"))


def history(asset: Asset, bars: Any, now: datetime, coins: Decimal) -> PriceHistory:
    """Return daily closes from ``indexPriceKlines``, of days that have ended; ``coins``: what the pair is priced by."""
    if not isinstance(bars, list) or not all(isinstance(bar, list) and len(bar) >= _BAR_FIELDS for bar in bars):
        raise BadPayload("binanceusdm: bars were asked for, and something else was told")
    days, closes = [], []
    for bar in bars:
        row = {"open": bar[0], "close": bar[4], "end": bar[6]}
        if moment(row, "end") < now:
            days.append(moment(row, "open"))
            closes.append(number(row, "close") / coins)
    if any(later <= earlier for earlier, later in pairwise(days)) or any(close <= 0 for close in closes):
        raise BadPayload(f"binanceusdm: the daily closes of {asset} are out of order, or none")
    return PriceHistory(asset=asset, days=tuple(days), closes=tuple(closes), as_of=now)
