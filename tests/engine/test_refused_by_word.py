"""What becomes of an order that the venue says it has refused, and has taken?"""

from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.domain.errors import VenueRefused
from bot.domain.orders import OrderIntent, OrderState, OrderType, VenueOrder
from bot.domain.policy import ExecutionPolicy, ExecutionStyle, TradingState
from tests.engine.rig import MINUTE, Rig, a_policy

pytestmark = pytest.mark.usefixtures("quiet")


class DeniesWhatItTakes(PaperVenue):
    """Takes an order, and says that it has refused it."""

    type: OrderType
    left: int

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        seen = await super().submit(intent)
        kind = type(self)
        if kind.left and intent.type is kind.type:
            kind.left -= 1
            raise VenueRefused("refused by word", code="rejected")
        return seen


@pytest.mark.parametrize("what", [OrderType.STOP_MARKET, OrderType.LIMIT])
def test_what_is_refused_by_word_and_rests_in_deed_halts_nobody(what: OrderType) -> None:
    class Venue(DeniesWhatItTakes):
        type = what
        left = 1

    rig = Rig(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)
    assert rig.journal.books.trading_state is TradingState.NORMAL
    assert Decimal("0.018") in [one.contracts for one in rig.stops()]
    # Nothing rests that the books take for refused.
    orders, resting = rig.journal.books.orders, rig.exchange.floor.open_orders.values()
    mine = [orders[one.client_order_id] for one in resting if one.client_order_id is not None]
    assert [one.state for one in mine] == [OrderState.OPEN] * len(mine)
