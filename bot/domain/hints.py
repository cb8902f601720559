"""What does a stream say? A reason to ask the venue now. Never a fact: what is true is what the venue answers."""

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.ids import Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceHint:
    """An index price, as it went by."""

    symbol: Symbol
    index_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHint:
    """Something in the account has changed, or may have while nobody listened."""

    #: In the venue's own words.
    why: str


Hint = PriceHint | AccountHint
