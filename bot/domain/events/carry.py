"""What did holding a contract bring or cost? Funding and basis."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Currency, Symbol, VenueId


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingSettled(Fact):
    """A funding payment was settled by the venue."""

    venue: VenueId
    symbol: Symbol
    #: The venue's own number of the transaction.
    transaction_id: str
    currency: Currency
    #: + when received.
    amount: Decimal
    rate: Decimal
    #: Signed, long +, at the mark of the settlement.
    notional_quote: Decimal
    settled_at: datetime

    @property
    def dedup_key(self) -> str | None:
        """Venue, symbol and transaction."""
        return f"funding/{self.venue}/{self.symbol}/{self.transaction_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingDue(Fact):
    """The venue has said when it settles funding next, and how often."""

    venue: VenueId
    symbol: Symbol
    due_at: datetime
    interval: timedelta
    #: Its forecast for this settlement when it was first read: a fraction of notional, + when longs pay.
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingJudged(Fact):
    """A settlement has counted for or against the funding cap."""

    venue: VenueId
    symbol: Symbol
    due_at: datetime
    #: Side of the position: +1 long, −1 short; of the last one held where the contract is flat.
    side: int
    #: What it cost a year, as a fraction of notional; + when paid.
    paid_annual: Decimal
    #: ``above`` the cap, ``between``, or ``below`` half of it.
    level: str
    #: ``settled``: from the payment; ``estimated``: from the forecast, because nothing was held.
    basis: str

    @property
    def dedup_key(self) -> str | None:
        """Venue, symbol and settlement."""
        return f"funding_judged/{self.venue}/{self.symbol}/{self.due_at.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisNoted(Fact):
    """How far a contract stood from the index: a sample, or the moment at which it passed one of its bounds."""

    venue: VenueId
    symbol: Symbol
    #: Mark ÷ index − 1.
    basis: Decimal
    is_wide: bool
    #: Too far for anything to be added.
    is_blocked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryNoted(Fact):
    """What a long pays a year for holding a contract, smoothed: funding or basis, a fraction of notional."""

    venue: VenueId
    symbol: Symbol
    annual: Decimal
