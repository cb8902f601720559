"""What does the market say, and when did it say so?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.ids import Asset, Currency, Symbol, VenueId


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The prices of one instrument at one moment, all in its quote currency."""

    venue: VenueId
    symbol: Symbol
    bid_price: Decimal
    ask_price: Decimal
    #: What margin, liquidation and our stops are computed from.
    mark_price: Decimal
    #: The spot reference of the asset.
    index_price: Decimal
    last_price: Decimal
    #: Contracts on offer within the venue's first levels of the book, per side.
    bid_contracts: Decimal
    ask_contracts: Decimal
    as_of: datetime

    @property
    def is_usable(self) -> bool:
        """False where a price is none: venues in trouble quote zero."""
        prices = (self.bid_price, self.ask_price, self.mark_price, self.index_price, self.last_price)
        return all(price > 0 for price in prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRate:
    """The forecast of the next funding of a perpetual. Positive: longs pay shorts."""

    venue: VenueId
    symbol: Symbol
    #: Fraction of notional per ``interval``.
    rate: Decimal
    #: Read from the venue each time: it changes.
    interval: timedelta
    next_at: datetime
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadQuote:
    """What a calendar spread trades at: the price of the far contract less that of the near one, per coin."""

    venue: VenueId
    near: Symbol
    far: Symbol
    #: At which the spread is bought (far bought, near sold), and sold.
    ask_price: Decimal
    bid_price: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CoinPrice:
    """What one coin costs on a spot market, where no contract tells its index."""

    asset: Asset
    quote: Currency
    price: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencyRate:
    """What one unit of a cash currency is worth in USD, as measured."""

    currency: Currency
    usd: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class PriceHistory:
    """Daily closes of one asset's index, oldest first, of days that had ended by ``as_of``.

    Compared by identity: what is derived from one is remembered as long as it is kept.
    """

    asset: Asset
    #: UTC days, one close each; days without data are left out, so times must be compared, not counted.
    days: tuple[datetime, ...]
    closes: tuple[Decimal, ...]
    as_of: datetime
