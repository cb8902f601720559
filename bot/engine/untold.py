"""Which trades does the venue owe? It has said of their orders that they filled, and its history is behind."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.ids import ClientOrderId, VenueId
from bot.domain.orders import Order, VenueOrder
from bot.domain.units import ZERO

#: A history that lags behind has told a trade after this; what it has not is waited for no more.
TRADES_TOLD_WITHIN = timedelta(minutes=15)
#: It is asked for all the same, for so long.
_ASKED_FOR = timedelta(days=1)
#: A stop may have rested for months, and its trade is young once noticed. Within a week histories are one request.
_BEFORE_NOTICED = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class _Owed:
    #: The newest that the venue has said of the order.
    seen: VenueOrder
    #: When it was noticed, and from when on the trades are asked for.
    noticed_at: timedelta
    asked_from: datetime


class Untold:
    """Orders of which fewer trades are told than the venue says were filled."""

    def __init__(self) -> None:
        self._owed: dict[ClientOrderId, _Owed] = {}

    def note(self, order: Order, seen: VenueOrder, now: datetime, elapsed: timedelta) -> None:
        """Take note of what the venue says of an order, once the trades that there are have been booked."""
        number = order.intent.client_order_id
        if seen.filled_contracts <= order.filled_contracts:
            self._owed.pop(number, None)
            return
        before = self._owed.get(number)
        noticed_at = elapsed if before is None else before.noticed_at
        asked_from = max(order.intent.intended_at, now - _BEFORE_NOTICED) if before is None else before.asked_from
        self._owed[number] = _Owed(seen, noticed_at, asked_from)

    def is_waited_for(self, order: Order, now: timedelta) -> bool:
        """Return True while trades of an order are missing that may still be told."""
        owed = self._owed.get(order.intent.client_order_id)
        return owed is not None and now - owed.noticed_at < TRADES_TOLD_WITHIN

    def asked_from(self, venue_id: VenueId, now: timedelta) -> datetime | None:
        """Return from when on a venue owes trades; None where it owes none."""
        self._owed = {number: one for number, one in self._owed.items() if now - one.noticed_at < _ASKED_FOR}
        return min((one.asked_from for one in self._owed.values() if one.seen.venue == venue_id), default=None)

    def has_ended(self, order: Order) -> bool:
        """Return True for an order that trades no more by the venue's own word, though its trades are owed."""
        owed = self._owed.get(order.intent.client_order_id)
        return owed is not None and owed.seen.state.is_final

    def contracts(self, order: Order) -> Decimal:
        """Return how much of an order is filled by the venue's word and not by its trades, signed."""
        owed = self._owed.get(order.intent.client_order_id)
        untold = ZERO if owed is None else max(ZERO, owed.seen.filled_contracts - order.filled_contracts)
        return untold * order.intent.side.sign
