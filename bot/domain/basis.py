"""What do the books keep of each contract's basis? A week of hourly samples, folded from facts alone."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

#: How long samples are kept, and how far they are apart at least.
HISTORY = timedelta(days=7)
SAMPLED_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisSample:
    """Mark over index at one moment: a fraction, + above the index."""

    at: datetime
    basis: Decimal


@dataclass(slots=True, kw_only=True)
class BasisRecord:
    """What is known of one contract's basis."""

    #: Oldest first.
    samples: tuple[BasisSample, ...] = ()
    #: True from the moment it left its alert band until it is well inside again.
    is_wide: bool = False
    #: True while it was too far from the index for anything to be added.
    is_blocked: bool = False

    def take(self, sample: BasisSample, *, is_wide: bool, is_blocked: bool) -> None:
        """Add a sample where one is due, and forget what is too old."""
        if self.is_due(sample.at):
            self.samples = (*(one for one in self.samples if one.at > sample.at - HISTORY), sample)
        self.is_wide = is_wide
        self.is_blocked = is_blocked

    def is_due(self, now: datetime) -> bool:
        """Return True when the newest sample is old enough for another."""
        return not self.samples or now - self.samples[-1].at >= SAMPLED_EVERY
