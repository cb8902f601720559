"""When is a gap worth trading, and how far?"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Destination(StrEnum):
    """Where a correction stops once an asset has left its band."""

    TARGET = "target"
    #: Half-way between the target and the band's edge.
    HALF = "half"
    #: Just inside the edge.
    EDGE = "edge"


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPolicy:
    """When a gap is worth trading, and how far."""

    #: Half-width in weight: 0.05 is five points.
    absolute_frac: Decimal = Decimal("0.05")
    #: Half-width as a share of the target; the lesser of the two counts.
    relative_frac: Decimal = Decimal("0.25")
    #: |Σ weights − Σ targets| is held within this; None is off.
    total_frac: Decimal | None = Decimal("0.02")
    destination: Destination = Destination.HALF
    #: With ``EDGE``: how far inside, as a share of the half-width.
    edge_inset_frac: Decimal = Decimal("0.10")
