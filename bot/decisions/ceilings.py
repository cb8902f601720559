"""Which ceilings has protection left, and which have run out?"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from bot.domain.books import Books, Ceiling
from bot.domain.events import CeilingReleased, CeilingSet
from bot.domain.ids import Asset
from bot.domain.units import ZERO


def is_released(ceiling: Ceiling, now: datetime) -> bool:
    """Return True from the moment of release on; one without a time is released by another condition."""
    return ceiling.release_at is not None and now >= ceiling.release_at


def released_ceilings(books: Books, now: datetime) -> tuple[CeilingReleased, ...]:
    """Return the facts that end what has run out."""
    return tuple(
        CeilingReleased(at=now, asset=ceiling.asset, cause=ceiling.cause, why="its time is over")
        for ceiling in books.ceilings.values()
        if is_released(ceiling, now)
    )


def ceilings_in_force(books: Books, pending: Iterable[CeilingSet], now: datetime) -> dict[Asset, Ceiling]:
    """Return the lowest ceiling of each asset that has one, with those that protection is about to set."""
    lowest: dict[Asset, Ceiling] = {}
    standing = [one for one in books.ceilings.values() if not is_released(one, now)]
    for ceiling in (*standing, *(Ceiling.of(fact) for fact in pending)):
        known = lowest.get(ceiling.asset)
        if known is None or ceiling.max_delta_base < known.max_delta_base:
            lowest[ceiling.asset] = ceiling
    return lowest


def room_below(ceiling: Ceiling, delta_base: Decimal, *, direction: int) -> Decimal:
    """Return how many coins delta may still move in ``direction`` (+1 buy, −1 sell) and stay below a ceiling."""
    return max(ZERO, ceiling.max_delta_base - delta_base * direction)
