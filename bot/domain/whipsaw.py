"""What has turning back cost? Counts where a price went over the same ground twice, and what futures made of that.

A price goes up with one position and comes down with another: what the second way lost more than the first one won is
gone, and no coin has gained it. While it only rises or only falls nothing is counted, whatever the futures lose: coins
beside them gain it. A position that does not change loses nothing by turning back, either.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from bot.domain.units import ZERO, sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Ground that a price has gone over and not come back on."""

    until: datetime
    from_price: Decimal
    to_price: Decimal
    #: Signed coins of futures that were held on it.
    held_base: Decimal

    @property
    def way(self) -> Decimal:
        """Signed; + upwards."""
        return self.to_price - self.from_price


def turn_back(path: list[Stretch], step: Stretch) -> Decimal:
    """Add a step to a path, which ends where it begins; return what was lost on ground gone over again, − if won."""
    lost = ZERO
    while step.way and path and sign(path[-1].way) == -sign(step.way):
        before = path.pop()
        again = min(abs(before.way), abs(step.way)) * sign(step.way)
        lost += again * (before.held_base - step.held_base)
        if abs(before.way) > abs(step.way):
            path.append(replace(before, to_price=step.to_price))
            return lost
        step = replace(step, from_price=before.from_price)
    if step.way:
        path.append(step)
        _join(path)
    return lost


def _join(path: list[Stretch]) -> None:
    """Make one of the last two stretches where they are of one day and one position."""
    if len(path) < 2:
        return
    before, last = path[-2:]
    is_one = (before.until.date(), before.held_base) == (last.until.date(), last.held_base)
    if is_one and sign(before.way) == sign(last.way):
        path[-2:] = [replace(last, from_price=before.from_price)]


def forget(path: list[Stretch], horizon: datetime) -> None:
    """Leave out what was gone over before the horizon."""
    while path and path[0].until <= horizon:
        del path[0]
