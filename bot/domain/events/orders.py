"""What became of orders and positions?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, VenueId, VenueOrderId
from bot.domain.orders import Fill, OrderEvent, OrderIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderIntended(Fact):
    """An order is about to be sent."""

    intent: OrderIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged(Fact):
    """Something was learned about an order."""

    client_order_id: ClientOrderId
    event: OrderEvent
    venue_order_id: VenueOrderId | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRequested(Fact):
    """A cancel is about to be sent."""

    client_order_id: ClientOrderId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFilled(Fact):
    """A trade of the account was booked. ``at`` is when it was booked, ``fill.filled_at`` when it happened."""

    fill: Fill

    @property
    def dedup_key(self) -> str | None:
        """Venue, symbol and trade id."""
        return f"fill/{self.fill.venue}/{self.fill.symbol}/{self.fill.trade_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTermsNoted(Fact):
    """The terms of a contract as they were when it was traded: accounting must not need the venue."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    is_linear: bool
    #: Base units (linear) or quote units (inverse) of one contract.
    contract_size: Decimal
    quote: Currency
    settle: Currency

    @property
    def dedup_key(self) -> str | None:
        """The terms themselves: the same ones are noted once."""
        return f"terms/{self.venue}/{self.symbol}/{self.is_linear}/{self.contract_size}/{self.quote}/{self.settle}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAdopted(Fact):
    """A position that existed before became ours, at its mark."""

    venue: VenueId
    symbol: Symbol
    contracts: Decimal
    mark_price: Decimal
    #: Of when the account was that showed it; None in journals of earlier versions.
    as_of: datetime | None = None

    @property
    def includes_until(self) -> datetime:
        """Trades up to then are in the position, also those that are told later."""
        return self.as_of or self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolLocked(Fact):
    """Journal and venue do not add up on this symbol: reduce only until they do."""

    venue: VenueId
    symbol: Symbol
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolUnlocked(Fact):
    """They add up again."""

    venue: VenueId
    symbol: Symbol
