"""Which ceilings has protection left, and which have run out?"""

from datetime import datetime
from decimal import Decimal

from bot.domain.books import Books, Ceiling
from bot.domain.events import CeilingReleased
from bot.domain.ids import Asset


def is_released(ceiling: Ceiling, now: datetime) -> bool:
    """Return True from the moment of release on."""
    return ceiling.release_at is not None and now >= ceiling.release_at


def released_ceilings(books: Books, now: datetime) -> tuple[CeilingReleased, ...]:
    """Return the facts that end what has run out."""
    return tuple(
        CeilingReleased(at=now, asset=ceiling.asset, cause=ceiling.cause, why="its time is over")
        for ceiling in books.ceilings.values()
        if is_released(ceiling, now)
    )


def lowest_ceiling(asset: Asset, books: Books, now: datetime) -> Ceiling | None:
    """Return the ceiling in force that bounds |delta| of an asset most; None when none does."""
    in_force = [one for one in books.ceilings.values() if one.asset == asset and not is_released(one, now)]
    return min(in_force, key=lambda one: one.max_delta_base, default=None)


def room_below(ceiling: Ceiling, delta_base: Decimal, *, direction: int) -> Decimal:
    """Return how many coins |delta| may still grow by in ``direction`` (+1 buy, −1 sell) below a ceiling."""
    return max(Decimal(0), ceiling.max_delta_base - delta_base * direction)
