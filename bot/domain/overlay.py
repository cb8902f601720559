"""What do the books keep of the overlay's worth, so that its losses can be measured after a restart?

Folded from facts alone by ``books.apply``. Bounded: the points of a day, one cost a day for a month, the best point.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.events import BreakerTripped, OverlayMeasured

_DAY = timedelta(days=1)
#: Costs are measured over this long.
COST_WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayPoint:
    """Both indices at one moment."""

    at: datetime
    #: Coins with futures, and without.
    overlay: Decimal
    never: Decimal

    @property
    def relative(self) -> Decimal:
        """What the futures have made of a dollar that the coins alone would have been."""
        return self.overlay / self.never


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """What had been spent since the journal began, at the end of a day or now."""

    at: datetime
    cost_quote: Decimal


@dataclass(slots=True, kw_only=True)
class OverlayRecord:
    """What is known of the overlay's worth."""

    last: OverlayMeasured | None = None
    #: Of the last day, and the one before it.
    points: list[OverlayPoint] = field(default_factory=list)
    #: Where the overlay stood best against the coins alone.
    best: OverlayPoint | None = None
    #: The first of each UTC day of the last month.
    costs: list[CostPoint] = field(default_factory=list)
    #: None unless the breaker is open, which the owner's ``resume`` ends.
    tripped: BreakerTripped | None = None


def fold_measurement(record: OverlayRecord, fact: OverlayMeasured) -> None:
    """Take up a measurement."""
    point = OverlayPoint(at=fact.at, overlay=fact.overlay_index, never=fact.never_index)
    record.last = fact
    if record.best is None or point.relative >= record.best.relative:
        record.best = point
    record.points.append(point)
    while len(record.points) > 1 and record.points[1].at <= fact.at - _DAY:
        del record.points[0]
    if not record.costs or record.costs[-1].at.date() != fact.at.date():
        record.costs.append(CostPoint(at=fact.at, cost_quote=fact.cost_quote))
    while len(record.costs) > 1 and record.costs[1].at <= fact.at - COST_WINDOW:
        del record.costs[0]


def fold_trip(record: OverlayRecord, fact: BreakerTripped) -> None:
    """Remember why the breaker is open."""
    record.tripped = fact


def fold_resume(record: OverlayRecord) -> None:
    """Begin anew from where things are, once the owner has seen it: what is lost does not trip it twice."""
    if record.tripped is None:
        return
    record.tripped = None
    record.points = record.points[-1:]
    record.best = record.points[-1] if record.points else None
    if record.last is not None:
        record.costs = [CostPoint(at=record.last.at, cost_quote=record.last.cost_quote)]
