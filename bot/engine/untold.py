"""Which trades does the venue owe? It has said of their orders that they filled, and its history is behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.ids import ClientOrderId, VenueId
from bot.domain.orders import Order, VenueOrder

#: A history that lags behind has told a trade after this; what it has not is waited for no more.
TRADES_TOLD_WITHIN = timedelta(minutes=15)
#: It is asked for all the same, for so long.
_ASKED_FOR = timedelta(days=1)
#: A stop may have rested for months, and its trade is young once noticed. Within a week histories are one request.
_BEFORE_NOTICED = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class _Owed:
    venue: VenueId
    #: When it was noticed, and from when on the trades are asked for.
    noticed_at: datetime
    asked_from: datetime


class Untold:
    """Orders of which fewer trades are told than the venue says were filled."""

    def __init__(self) -> None:
        self._owed: dict[ClientOrderId, _Owed] = {}

    def is_waited_for(self, order: Order, seen: VenueOrder, now: datetime) -> bool:
        """Return True while trades of an order are missing that may still be told; takes note of it."""
        number = order.intent.client_order_id
        if seen.filled_contracts <= order.filled_contracts:
            self._owed.pop(number, None)
            return False
        asked_from = max(order.intent.intended_at, now - _BEFORE_NOTICED)
        owed = self._owed.setdefault(number, _Owed(order.intent.venue, now, asked_from))
        return now - owed.noticed_at < TRADES_TOLD_WITHIN

    def asked_from(self, venue_id: VenueId, now: datetime) -> datetime | None:
        """Return from when on a venue owes trades; None where it owes none."""
        self._owed = {number: one for number, one in self._owed.items() if now - one.noticed_at < _ASKED_FOR}
        return min((one.asked_from for one in self._owed.values() if one.venue == venue_id), default=None)
