"""At which settlements was a position held, and no payment is booked?

Known from what the venue has announced (its interval changes, in a crisis within hours) and from the position's
history. A settlement around which the position was opened, closed or turned over proves nothing: venues take the
position of some moment within a minute of it.
"""

from datetime import datetime, timedelta

from bot.domain.funding import STAMP_TOLERANCE, LegFunding, Settlement
from bot.domain.units import sign

#: Venues settle within so much of the announced moment.
_MOMENT = timedelta(minutes=1)


def open_gaps(record: LegFunding, now: datetime) -> tuple[Settlement, ...]:
    """Return the settlements whose payment is missing, oldest first; a payment has some minutes to be listed."""
    return tuple(
        one
        for one in record.settlements
        if not one.is_booked and one.due_at + STAMP_TOLERANCE <= now and side_at(record, one.due_at) != 0
    )


def side_at(record: LegFunding, due_at: datetime) -> int:
    """Return the side that was held at a settlement, +1 or −1; 0 where that is not beyond doubt."""
    before = sign(record.contracts_at(due_at - _MOMENT))
    return before if before == sign(record.contracts_at(due_at + _MOMENT)) else 0
