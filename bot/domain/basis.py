"""What do the books keep of each contract's basis? A week of hourly samples, folded from facts alone."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

#: How long samples are kept.
HISTORY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisSample:
    """Mark over index at one moment: a fraction, + above the index."""

    at: datetime
    basis: Decimal


@dataclass(slots=True, kw_only=True)
class BasisRecord:
    """What is known of one contract's basis."""

    samples: list[BasisSample] = field(default_factory=list)
    #: True from the moment it left its alert band until it is well inside again.
    is_wide: bool = False

    def take(self, sample: BasisSample, *, is_wide: bool) -> None:
        """Add a sample, and forget what is too old."""
        self.samples = [one for one in self.samples if one.at > sample.at - HISTORY]
        self.samples.append(sample)
        self.is_wide = is_wide
