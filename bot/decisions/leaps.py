"""Has a price just leapt? A feed that glitches looks like a market that leaps, and only time tells them apart.

A price is believed while it is near the one that was believed before. What is far from that is believed once it has
stood for a while, however it was listened to in between.

Moments are told as the time that has passed since some beginning, by a clock that nobody sets.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from bot.domain.units import ONE

#: Since yesterday prices may have moved by so many times what a leap is.
OVERNIGHT = 3
#: So too since a price that was heard longer ago than this.
_LONG_AGO = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What is known of a price that is read again and again."""

    #: The newest price that was believed; None until one has stood.
    believed: Decimal | None
    believed_at: timedelta | None
    #: From when on all prices were near this one.
    standing: Decimal
    since: timedelta


def heard(
    before: Hearing | None, price: Decimal, now: timedelta, *, max_leap_frac: Decimal, settle: timedelta
) -> Hearing:
    """Return what is known once a price has been read; ``before``: what was known until then."""
    if before is None or leap(before.standing, price) > max_leap_frac:
        standing, since = price, now
    else:
        standing, since = before.standing, before.since
    if now - since >= settle or (before is not None and _is_near(before, price, now, max_leap_frac)):
        return Hearing(believed=price, believed_at=now, standing=price, since=now)
    if before is None:
        return Hearing(believed=None, believed_at=None, standing=standing, since=since)
    return replace(before, standing=standing, since=since)


def _is_near(before: Hearing, price: Decimal, now: timedelta, max_leap_frac: Decimal) -> bool:
    if before.believed is None or before.believed_at is None:
        return False
    times = OVERNIGHT if now - before.believed_at > _LONG_AGO else 1
    return leap(before.believed, price) <= max_leap_frac * times


def leap(earlier_price: Decimal, price: Decimal) -> Decimal:
    """Return how far a price is from an earlier one, as a share of that; unsigned."""
    return abs(price / earlier_price - ONE)
