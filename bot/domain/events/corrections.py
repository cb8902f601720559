"""How far is an asset on its way back into its band?"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionStarted(Fact):
    """An asset left its band: the way back is walked at each look until it is there."""

    asset: Asset
    #: The gap at the start, signed.
    gap: Decimal
    #: In how many tranches it is walked; 0 is as the looks come.
    tranches: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrancheTaken(Fact):
    """A tranche of a correction was decided; it is journalled before its order is."""

    asset: Asset
    #: Tranches that are left; the last one is repeated until the correction has arrived.
    left: int
    next_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionEnded(Fact):
    """The asset is where its correction was going, or the correction was dropped."""

    asset: Asset
    why: str
