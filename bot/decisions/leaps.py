"""Has a price just leapt? A feed that glitches looks like a market that leaps, and only time tells them apart."""

from collections.abc import Iterable
from decimal import Decimal

from bot.domain.units import ONE, ZERO


def largest_leap(earlier_prices: Iterable[Decimal], price: Decimal) -> Decimal:
    """Return the largest distance of a price from those read shortly before, as a share of them; unsigned."""
    return max((abs(price / earlier - ONE) for earlier in earlier_prices), default=ZERO)
