"""What becomes of an order that the venue says it has refused, and has taken?"""

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot
from bot.domain.errors import VenueRefused
from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderIntent, OrderState, OrderType, VenueOrder
from bot.domain.policy import ExecutionPolicy, ExecutionStyle, TradingState
from tests.engine.rig import BTC_PERP, MINUTE, Rig, a_policy

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


class RefusesWhenMet(PaperVenue):
    """Calls a stop that has rested refused, as Binance does where its order was refused once the trigger was met."""

    refused: VenueOrder | None = None

    async def fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        refused = type(self).refused
        if refused is not None and client_order_id == refused.client_order_id:
            return refused
        return await super().fetch_order(symbol, client_order_id)


def test_a_stop_that_is_refused_once_it_was_met_has_ended_and_is_placed_again() -> None:
    class Venue(RefusesWhenMet):
        pass

    rig = Rig()
    rig.venue_kind = Venue
    numbers: list[ClientOrderId | None] = []

    async def refuse(bot: Bot) -> None:
        (stop,) = [one for one in rig.stops() if one.symbol == BTC_PERP]
        assert stop.client_order_id is not None
        seen = await bot.desk.venues[PAPER].fetch_order(BTC_PERP, stop.client_order_id)
        assert seen is not None
        rig.exchange.cancel(BTC_PERP, stop.client_order_id)
        numbers.append(stop.client_order_id)
        Venue.refused = replace(seen, state=OrderState.REJECTED)

    rig.run(20 * MINUTE, refuse, after=10 * MINUTE)
    assert rig.journal.books.trading_state is TradingState.NORMAL
    (number,) = numbers
    assert number is not None
    assert rig.journal.books.orders[number].state is OrderState.EXPIRED
    (stop,) = [one for one in rig.stops() if one.symbol == BTC_PERP]
    assert stop.client_order_id != number
