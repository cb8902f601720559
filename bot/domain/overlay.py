"""What do the books keep of the overlay's worth, so that its losses can be measured after a restart?

Folded from facts alone by ``folding.apply``. Bounded: the points of a day, one cost a day for a month, the best point,
the ground that prices have gone over in a month.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.events import BreakerTripped, OverlayMeasured
from bot.domain.ids import Asset
from bot.domain.units import ZERO
from bot.domain.whipsaw import Stretch, forget, turn_back

_DAY = timedelta(days=1)
#: Points of a day are kept this far apart, apart from the newest.
_APART = timedelta(minutes=15)
#: Costs are measured over this long.
COST_WINDOW = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayPoint:
    """What there was at one moment."""

    at: datetime
    #: Growth of coins with futures, and without.
    overlay: Decimal
    never: Decimal
    #: V.
    value_quote: Decimal
    #: What futures and coins of each asset have brought so far; differences between two points mean something.
    futures_quote: Mapping[Asset, Decimal]
    coins_quote: Mapping[Asset, Decimal]
    #: What the futures have made of a dollar that the coins alone would have been.
    relative: Decimal = field(init=False)

    def __post_init__(self) -> None:
        """Work out what every later point is compared by."""
        object.__setattr__(self, "relative", self.overlay / self.never)

    def uncovered_quote(self, since: "OverlayPoint") -> Decimal:
        """Return what futures have lost since an earlier point, less what the very coins that they hedge have gained.

        Negative when they have won.
        """
        lost = ZERO
        for asset in sorted(self.futures_quote.keys() | since.futures_quote.keys()):
            one = since.futures_quote.get(asset, ZERO) - self.futures_quote.get(asset, ZERO)
            gained = self.coins_quote.get(asset, ZERO) - since.coins_quote.get(asset, ZERO)
            lost += one - min(max(ZERO, one), max(ZERO, gained))
        return lost


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPoint:
    """What had been lost for certain since the first measurement, in USD."""

    at: datetime
    #: Fees + slippage − funding received.
    spent_quote: Decimal
    #: By turning prices; negative when it was won.
    whipsaw_quote: Decimal

    def since(self, before: "CostPoint") -> Decimal:
        """Return the cost since an earlier point; what turning prices have brought does not pay for the rest."""
        return self.spent_quote - before.spent_quote + max(ZERO, self.whipsaw_quote - before.whipsaw_quote)


@dataclass(slots=True, kw_only=True)
class OverlayRecord:
    """What is known of the overlay's worth."""

    last: OverlayMeasured | None = None
    #: Of the last day, and the one before it.
    points: list[OverlayPoint] = field(default_factory=list)
    #: Where the overlay stood best against the coins alone.
    best: OverlayPoint | None = None
    #: The first of each UTC day of the last month, and the one before them.
    costs: list[CostPoint] = field(default_factory=list)
    #: What the owner's coins have gained or lost since the first measurement, free of what came or went.
    coins_quote: dict[Asset, Decimal] = field(default_factory=dict)
    #: What turning prices have cost since the first measurement, in USD; negative when they have brought more.
    whipsaw_quote: Decimal = ZERO
    #: Where each price has come from within a month, and with what position.
    paths: dict[Asset, list[Stretch]] = field(default_factory=dict)
    #: None unless the breaker is open, which the owner's ``resume`` ends.
    tripped: BreakerTripped | None = None

    @property
    def cost(self) -> CostPoint | None:
        """Fees, slippage, whipsaw and net funding so far; None before the first measurement."""
        if self.last is None:
            return None
        return CostPoint(at=self.last.at, spent_quote=self.last.cost_quote, whipsaw_quote=self.whipsaw_quote)


def fold_measurement(record: OverlayRecord, fact: OverlayMeasured) -> None:
    """Take up a measurement."""
    _follow_prices(record, fact)
    record.last = fact
    point = OverlayPoint(
        at=fact.at,
        overlay=fact.overlay_index,
        never=fact.never_index,
        value_quote=fact.value_quote,
        futures_quote=fact.profits_quote,
        coins_quote=dict(record.coins_quote),
    )
    if record.best is None or point.relative >= record.best.relative:
        record.best = point
    if len(record.points) > 1 and record.points[-1].at - record.points[-2].at < _APART:
        # The newest has been only that; where one measures every minute, a day is not kept minute by minute.
        record.points.pop()
    record.points.append(point)
    while len(record.points) > 1 and record.points[1].at <= fact.at - _DAY:
        del record.points[0]
    if record.cost is not None and (not record.costs or record.costs[-1].at.date() != fact.at.date()):
        record.costs.append(record.cost)
    while len(record.costs) > 1 and record.costs[1].at <= fact.at - COST_WINDOW:
        del record.costs[0]


def _follow_prices(record: OverlayRecord, fact: OverlayMeasured) -> None:
    """Count what moves have brought to the coins, and what turning prices have cost.

    A position that has changed since the last measurement counts as its mean.
    """
    before = record.last
    if before is None:
        return
    shared = [asset for asset in fact.index_prices if asset in before.index_prices]
    record.paths = {asset: record.paths.get(asset, []) for asset in shared}
    for asset, path in record.paths.items():
        step = Stretch(
            until=fact.at,
            from_price=before.index_prices[asset],
            to_price=fact.index_prices[asset],
            held_base=(before.added_base[asset] + fact.added_base[asset]) / 2,
        )
        gained = before.holdings_base[asset] * step.way
        record.coins_quote[asset] = record.coins_quote.get(asset, ZERO) + gained
        record.whipsaw_quote += turn_back(path, step)
        forget(path, fact.at - COST_WINDOW)


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
    record.costs = [record.cost] if record.cost is not None else []
    record.paths = {}
