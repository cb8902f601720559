"""When is a look due?"""

import re
from collections.abc import Iterator, Mapping
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

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: As in every crontab: 0 is Sunday. Some schedulers count from Monday, so names leave here.
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: Longest month of each number.
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("", *_MONTHS)),
    # 7 is Sunday, too.
    ("day of the week", 0, 7, _WEEKDAYS),
)
_ITEM = re.compile(r"(?:\*|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/(?P<step>[0-9]+))?")

#: σ grows with the root of time; within minutes of a look it would be so small that noise fires.
_LEAST_ELAPSED = timedelta(hours=1)
_DAY = timedelta(days=1)


def crontab_for(text: str) -> str:
    """Return the crontab text of a calendar's name, or crontab text with its weekdays by name.

    Raises:
        BadPayload: neither a known name nor five crontab fields that can come about.
    """
    known = CALENDARS.get(text.strip().lower())
    if known is not None:
        return known
    try:
        return _normalised(text.lower().split())
    except ValueError as err:
        names = ", ".join(CALENDARS)
        raise BadPayload(f"{text!r} is neither one of {names} nor a crontab expression of five fields: {err}") from None


def _normalised(fields: list[str]) -> str:
    if len(fields) != len(_FIELDS):
        raise ValueError(f"{len(fields)} were given")
    values = [
        _values_of(field, name, least, most, names)
        for field, (name, least, most, names) in zip(fields, _FIELDS, strict=True)
    ]
    if min(values[2]) > max(_MONTH_DAYS[month - 1] for month in values[3]):
        raise ValueError(f"day {min(values[2])} never comes in these months")
    months = fields[3] if fields[3] == "*" else ",".join(str(month) for month in sorted(set(values[3])))
    weekdays = sorted({number % 7 for number in values[4]})
    names = "*" if fields[4] == "*" else ",".join(_WEEKDAYS[day] for day in weekdays)
    return " ".join((*fields[:3], months, names))


def _values_of(field: str, name: str, least: int, most: int, names: tuple[str, ...]) -> list[int]:
    values: list[int] = []
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{name} {item!r} cannot be read")
        values.extend(_item_values(match, name, least, most, names))
    return values


def _item_values(match: re.Match[str], name: str, least: int, most: int, names: tuple[str, ...]) -> Iterator[int]:
    first, last, step = match["first"], match["last"], match["step"]
    low = least if first is None else _number(first, name, least, most, names)
    if last is not None:
        high = _number(last, name, least, most, names)
    else:
        high = most if first is None or step is not None else low
    if high < low or (step is not None and not 0 < int(step) <= high - low):
        raise ValueError(f"{name} {match[0]!r} names nothing")
    return iter(range(low, high + 1, int(step or 1)))


def _number(text: str, name: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text)
    if not text.isdecimal():
        raise ValueError(f"{name} {text!r} cannot be read")
    if not least <= int(text) <= most:
        raise ValueError(f"{name} {text} is not within {least} to {most}")
    return int(text)


def large_moves(
    last_look_prices: Mapping[Asset, Decimal],
    prices: Mapping[Asset, Decimal],
    *,
    daily_sigmas: Mapping[Asset, Decimal | None],
    elapsed: timedelta,
    move_sigmas: Decimal,
) -> tuple[Asset, ...]:
    """Return the assets that have moved by more than ``move_sigmas`` × σ since the last look.

    σ is scaled to the time since, at least an hour and at most a day: on a slow calendar it is the large day that
    counts. Assets without a σ never fire.
    """
    seconds = max(_LEAST_ELAPSED, min(elapsed, _DAY)) // timedelta(seconds=1)
    root = (Decimal(seconds) / Decimal(86_400)).sqrt()
    moved = []
    for asset, price in prices.items():
        before, sigma = last_look_prices.get(asset), daily_sigmas.get(asset)
        if before is not None and sigma and abs(price / before - 1) > move_sigmas * sigma * root:
            moved.append(asset)
    return tuple(moved)


def periods_per_year(interval: timedelta) -> Decimal:
    """Return how often an interval fits into 365 days."""
    return DAYS_PER_YEAR * Decimal(86_400) / Decimal(interval // timedelta(seconds=1))
