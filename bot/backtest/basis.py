"""How far did contracts stray from the spot price, and for how long? Folded once more from the journal's facts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.adapters.journal.journal import SqlJournal
from bot.domain.basis import SAMPLED_EVERY
from bot.domain.books import Leg
from bot.domain.events import BasisNoted
from bot.domain.units import ZERO, edge_text


@dataclass(slots=True)
class _Course:
    """One contract's facts, added up so far."""

    newest: BasisNoted
    #: What was not heard of for longer was not watched: the contract has expired, or its venue did not answer.
    at_most: timedelta
    noted: int = 0
    furthest: Decimal = ZERO
    wide: timedelta = timedelta(0)
    blocked: timedelta = timedelta(0)

    def see(self, fact: BasisNoted) -> None:
        self._pass(fact.at)
        self.newest = fact
        self.noted += 1
        self.furthest = max(self.furthest, fact.basis, key=abs)

    def _pass(self, until: datetime) -> None:
        """Count the time since the newest fact: it has been as that one said."""
        lasted = min(until - self.newest.at, self.at_most)
        self.wide += lasted if self.newest.is_wide else timedelta(0)
        self.blocked += lasted if self.newest.is_blocked else timedelta(0)

    def entry(self, until: datetime) -> dict[str, Any]:
        self._pass(until)
        return {
            "venue": self.newest.venue,
            "symbol": self.newest.symbol,
            "noted": self.noted,
            "furthest_frac": edge_text(self.furthest),
            "wide_seconds": _seconds(self.wide),
            "blocked_seconds": _seconds(self.blocked),
        }


def basis_of(journal: SqlJournal, watched_every: timedelta, until: datetime) -> dict[str, Any]:
    """Return, per contract and over all, how far mark was from index: a signed fraction, + above.

    As it was noted: hourly, and whenever a bound was passed. Seconds are those outside the alert band, and those in
    which nothing was added.
    """
    at_most = SAMPLED_EVERY + 2 * watched_every
    courses: dict[Leg, _Course] = {}
    for _, fact in journal.facts(kind=BasisNoted.__name__):
        if isinstance(fact, BasisNoted):
            courses.setdefault((fact.venue, fact.symbol), _Course(fact, at_most)).see(fact)
    entries = [courses[leg].entry(until) for leg in sorted(courses)]
    return {
        "max_abs_frac": edge_text(max((abs(one.furthest) for one in courses.values()), default=ZERO)),
        "wide_seconds": _seconds(sum((one.wide for one in courses.values()), timedelta(0))),
        "blocked_seconds": _seconds(sum((one.blocked for one in courses.values()), timedelta(0))),
        "contracts": entries,
    }


def _seconds(lasted: timedelta) -> str:
    return edge_text(Decimal(int(lasted.total_seconds())))
