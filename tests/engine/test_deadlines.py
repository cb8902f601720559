"""What is told of a call that was not answered in time?"""

import asyncio

import pytest

from bot.adapters.paper.venue import PaperVenue
from bot.domain.events import OrderChanged
from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderEvent, OrderIntent, VenueOrder
from tests.engine.rig import MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")


class NeverAnswers(PaperVenue):
    """A venue that takes orders and says nothing, for ever."""

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Wait for an answer that does not come."""
        await asyncio.Event().wait()
        return await super().submit(intent)

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Wait for an answer that does not come."""
        await asyncio.Event().wait()
        return await super().cancel(symbol, client_order_id)


def test_an_order_that_was_not_answered_in_time_says_so() -> None:
    rig = Rig()
    rig.venue_kind = NeverAnswers
    rig.run(3 * MINUTE)
    lost = [fact for fact in rig.facts(OrderChanged) if fact.event is OrderEvent.OUTCOME_LOST]
    assert lost
    assert {fact.reason for fact in lost} == {"no answer in time"}
