"""What is a fact? Something that happened, with the time at which it did."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that happened."""

    at: datetime

    @property
    def dedup_key(self) -> str | None:
        """A key that the journal keeps unique: the same fact offered twice is kept once."""
        return None
