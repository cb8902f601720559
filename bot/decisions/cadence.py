"""When is a look due?"""

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from bot.domain.errors import BadPayload
from bot.domain.ids import Asset
from bot.domain.units import DAYS_PER_YEAR

#: Names for the usual calendars. Hours are those of the configured time zone.
CALENDARS: Mapping[str, str] = {
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * mon",
    "monthly": "0 0 1 * *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "yearly": "0 0 1 1 *",
}

_FIELD = re.compile(r"[0-9a-z*,/\-]+", re.IGNORECASE)
_FIELDS = 5
#: σ grows with the root of time; within minutes of a look it would be so small that noise fires.
_LEAST_ELAPSED = timedelta(hours=1)
_DAY = timedelta(days=1)


def crontab_for(text: str) -> str:
    """Return the crontab text of a calendar's name, or crontab text as it is.

    Raises:
        BadPayload: neither a known name nor five crontab fields.
    """
    known = CALENDARS.get(text.strip().lower())
    if known is not None:
        return known
    fields = text.split()
    if len(fields) != _FIELDS or not all(_FIELD.fullmatch(field) for field in fields):
        names = ", ".join(CALENDARS)
        raise BadPayload(f"{text!r} is neither one of {names} nor a crontab expression of five fields")
    return " ".join(fields)


def large_moves(
    last_look_prices: Mapping[Asset, Decimal],
    prices: Mapping[Asset, Decimal],
    *,
    daily_sigmas: Mapping[Asset, Decimal | None],
    elapsed: timedelta,
    move_sigmas: Decimal,
) -> tuple[Asset, ...]:
    """Return the assets that have moved by more than ``move_sigmas`` × σ since the last look.

    σ is scaled to the time since, at least an hour and at most a day. Assets without a σ never fire.
    """
    days = Decimal(max(_LEAST_ELAPSED, min(elapsed, _DAY)) // timedelta(seconds=1)) / Decimal(86_400)
    root = days.sqrt()
    moved = []
    for asset, price in prices.items():
        before, sigma = last_look_prices.get(asset), daily_sigmas.get(asset)
        if before is not None and sigma and abs(price / before - 1) > move_sigmas * sigma * root:
            moved.append(asset)
    return tuple(moved)


def periods_per_year(interval: timedelta) -> Decimal:
    """Return how often an interval fits into 365 days."""
    return DAYS_PER_YEAR * Decimal(86_400) / Decimal(interval // timedelta(seconds=1))
