"""What becomes of an order whose id another one bears at the venue, as after an old journal was copied back?"""

from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderIntent, OrderState, OrderType, Purpose, Side, VenueOrder
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC_PERP, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")


def a_hedge_under(client_order_id: ClientOrderId) -> OrderRequest:
    """Rests far below the market."""
    return OrderRequest(
        symbol=BTC_PERP,
        side=Side.BUY,
        type=OrderType.LIMIT,
        contracts=Decimal("0.018"),
        price=Decimal(40_000),
        client_order_id=client_order_id,
    )


def test_a_hedge_that_bears_the_id_of_a_new_stop_is_not_taken_for_it() -> None:
    taken: list[ClientOrderId] = []

    class Venue(PaperVenue):
        async def submit(self, intent: OrderIntent) -> VenueOrder:
            if intent.purpose is Purpose.STOP and intent.symbol == BTC_PERP and not taken:
                taken.append(intent.client_order_id)
                self._exchange.submit(a_hedge_under(intent.client_order_id))
            return await super().submit(intent)

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(10 * MINUTE)
    assert rig.journal.books.orders[taken[0]].state is OrderState.REJECTED
    assert [one.contracts for one in rig.stops() if one.symbol == BTC_PERP] == [Decimal("0.018")]
    assert "second_writer" in rig.alerts()


def test_a_stop_whose_id_another_order_bears_by_now_is_not_believed_to_rest() -> None:
    rig = Rig()
    rig.run(10 * MINUTE)
    (stop,) = [one for one in rig.stops() if one.symbol == BTC_PERP]
    number = stop.client_order_id
    assert number is not None

    async def borrow(_: Bot) -> None:
        rig.exchange.cancel(BTC_PERP, number)
        rig.exchange.submit(a_hedge_under(number))

    rig.run(20 * MINUTE, borrow)
    assert rig.journal.books.orders[number].state is OrderState.ABSENT
    assert [one.contracts for one in rig.stops() if one.symbol == BTC_PERP] == [Decimal("0.018")]
    # What another writer has sent is left to the owner.
    assert number in [one.client_order_id for one in rig.exchange.floor.open_orders.values()]
