"""What is more than the largest order of the venue is taken off by several."""

from dataclasses import replace
from decimal import Decimal

from bot.adapters.paper import PaperVenue
from bot.domain.errors import VenueRefused
from bot.domain.instruments import Instrument
from bot.domain.orders import OrderIntent, VenueOrder
from tests.engine.rig import BTC_PERP, HOUR, MINUTE, Rig

LARGEST = Decimal("0.004")


class SmallOrders(PaperVenue):
    """A venue that has come to take small orders only."""

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        """Return what is listed."""
        listed = await super().fetch_instruments()
        return tuple(replace(one, max_contracts=LARGEST) if one.symbol == BTC_PERP else one for one in listed)

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Refuse what is larger."""
        if intent.symbol == BTC_PERP and intent.contracts > LARGEST:
            raise VenueRefused("quantity greater than max quantity", code="bad_amount")
        return await super().submit(intent)


def test_a_position_that_no_one_stop_can_close_is_made_smaller_by_several_orders() -> None:
    rig = Rig()
    rig.run(10 * MINUTE)
    assert abs(rig.held()) > LARGEST
    for stop in [one for one in rig.stops() if one.symbol == BTC_PERP]:
        del rig.exchange.floor.open_orders[stop.id]
    rig.venue_kind = SmallOrders
    rig.run(HOUR)
    assert abs(rig.held()) <= LARGEST
    assert [one.contracts for one in rig.stops() if one.symbol == BTC_PERP] == [abs(rig.held())] * bool(rig.held())
