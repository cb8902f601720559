"""Has a price just leapt? A feed that glitches looks like a market that leaps, and only time tells them apart.

A price is believed while it is near the one that was believed before. What is far from that is believed once it has
stood for a while, however it was listened to in between.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.units import ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What is known of a price that is read again and again."""

    #: The newest price that was believed; None until one has stood.
    believed: Decimal | None
    #: From when on all prices were near this one.
    standing: Decimal
    since: datetime


def heard(
    before: Hearing | None, price: Decimal, now: datetime, *, max_leap_frac: Decimal, settle: timedelta
) -> Hearing:
    """Return what is known once a price has been read; ``before``: what was known until then."""
    if before is None or leap(before.standing, price) > max_leap_frac:
        standing, since = price, now
    else:
        standing, since = before.standing, before.since
    believed = None if before is None else before.believed
    if now - since >= settle or (believed is not None and leap(believed, price) <= max_leap_frac):
        return Hearing(believed=price, standing=price, since=now)
    return Hearing(believed=believed, standing=standing, since=since)


def leap(earlier_price: Decimal, price: Decimal) -> Decimal:
    """Return how far a price is from an earlier one, as a share of that; unsigned."""
    return abs(price / earlier_price - ONE)
