"""What of the journal may go when it is old, and what stays in its place?

Everything that money has moved by stays for ever: orders and what became of them, trades, fees, funding, transfers,
positions that were taken over, terms of contracts, the owner's commands, ceilings, locks, states. What only the
passing of time has written may go: how the overlay stood each hour, how far each contract was from the index, what it
would have cost to hold it, when funding was due; and the numbers of looks that have led to no order.

What such details add up to is kept: ``DetailsThinned`` carries it, so that the facts that are left still add up to
the same books.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.basis import BasisRecord
from bot.domain.events import BasisNoted, CarryNoted, Fact, FundingDue, OverlayMeasured
from bot.domain.funding import LegFunding
from bot.domain.ids import Symbol, VenueId
from bot.domain.overlay import OverlayRecord

#: No less is kept: the breaker measures over a month, and gaps in funding are looked for as long.
LEAST_KEPT = timedelta(days=40)

Leg = tuple[VenueId, Symbol]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsThinned(Fact):
    """Old details were taken out of the journal. What they had added up to is here."""

    #: Up to this number facts may be missing; everything after it is there.
    until_sequence: int
    #: How many are missing, all thinnings together.
    missing: int
    overlay: OverlayRecord
    basis: Mapping[Leg, BasisRecord]
    carries: Mapping[Leg, tuple[datetime, Decimal]]
    funding: Mapping[Leg, LegFunding]

    def carried(self) -> tuple[OverlayRecord, dict[Leg, BasisRecord], dict[Leg, LegFunding]]:
        """Return copies that may be written to."""
        return deepcopy(self.overlay), deepcopy(dict(self.basis)), deepcopy(dict(self.funding))


#: Facts that may go when they are old. An earlier thinning goes with the next one, which carries what it carried.
DETAILS: tuple[type[Fact], ...] = (OverlayMeasured, BasisNoted, CarryNoted, FundingDue)
