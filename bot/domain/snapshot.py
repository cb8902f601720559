"""What was known when a decision was made? Gathered by ``engine/snapshot.py``, which refuses what is not complete.

A ``Snapshot`` holds the inputs of one look: nothing in it was fetched for another. It is read, never written.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.books import Books, Leg
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import CoinPrice, CurrencyRate, FundingRate, PriceHistory, Quote
from bot.domain.portfolio import AccountState, ExternalHolding, FuturesPosition


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All inputs of one decision."""

    at: datetime
    #: Every venue in scope; a venue that could not be read completely makes the snapshot impossible.
    accounts: Mapping[VenueId, AccountState]
    #: The contracts of targeted assets, and those of open positions.
    instruments: Mapping[Leg, Instrument]
    #: One quote for every instrument here.
    quotes: Mapping[Leg, Quote]
    #: Perpetuals only; a venue that did not answer leaves its legs out, which is unknown and not zero.
    funding_rates: Mapping[Leg, FundingRate]
    #: Measured rates of the cash currencies that are held or settled in.
    currency_rates: Mapping[Currency, CurrencyRate]
    #: Daily closes per targeted asset.
    histories: Mapping[Asset, PriceHistory]
    external_holdings: tuple[ExternalHolding, ...]
    books: Books
    #: What targeted assets cost that no contract here gives an index for.
    coin_prices: Mapping[Asset, CoinPrice] = field(default_factory=dict)
    #: Why a look would wait; nothing but a preview is decided while there is any.
    doubts: tuple[str, ...] = ()

    def positions(self) -> Iterator[FuturesPosition]:
        """Yield every open futures position of the account, foreign ones too."""
        for account in self.accounts.values():
            yield from account.positions

    def position(self, venue: VenueId, symbol: Symbol) -> FuturesPosition | None:
        """Return the position in a contract; None when flat."""
        for position in self.accounts[venue].positions:
            if position.symbol == symbol:
                return position
        return None
