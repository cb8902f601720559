"""Do reductions go on while only the history of trades is late?

The order itself has said how it ended, and the position is listed as it is.
"""

import asyncio
from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.errors import VenueRefused
from bot.domain.orders import OrderIntent, Purpose, VenueOrder
from bot.exchange.faults import FillOnly, LagPositions, LagTrades
from tests.engine.rig import BTC_PERP, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")


def test_a_flatten_goes_on_while_only_the_history_of_trades_is_late() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    left: list[Decimal] = []

    async def flatten(bot: Bot) -> None:
        rig.exchange.faults.on("fetch_fills", LagTrades(12 * MINUTE), times=10_000)
        rig.exchange.faults.on("submit", FillOnly(Decimal("0.005")), times=1)
        await bot.control.flatten("owner")
        await asyncio.sleep(240)
        left.append(rig.held())

    rig.run(20 * MINUTE, flatten)
    assert left == [0]
    assert not rig.journal.books.is_flattening
    assert rig.stops() == []


class RefusesStops(PaperVenue):
    """From a moment on."""

    refuses = False

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        if type(self).refuses and intent.purpose is Purpose.STOP and intent.symbol == BTC_PERP:
            raise VenueRefused("no", code="rejected")
        return await super().submit(intent)


def lose_the_stop(rig: Rig) -> None:
    (stop,) = [one for one in rig.stops() if one.symbol == BTC_PERP]
    assert stop.client_order_id is not None
    rig.exchange.cancel(BTC_PERP, stop.client_order_id)


def test_a_leg_without_a_stop_is_closed_in_time_while_only_the_history_of_trades_is_late() -> None:
    class Venue(RefusesStops):
        pass

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)
    left: list[Decimal] = []

    async def lose(_: Bot) -> None:
        Venue.refuses = True
        rig.exchange.faults.on("fetch_fills", LagTrades(12 * MINUTE), times=10_000)
        lose_the_stop(rig)
        # Ten deadlines and some more.
        await asyncio.sleep(400)
        left.append(rig.held())

    rig.run(12 * MINUTE, lose)
    assert left == [0]


def test_a_leg_is_not_made_smaller_again_while_its_list_is_late_like_the_history() -> None:
    class Venue(RefusesStops):
        pass

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)
    left: list[Decimal] = []

    async def lose(_: Bot) -> None:
        Venue.refuses = True
        lose_the_stop(rig)
        rig.exchange.faults.on("fetch_fills", LagTrades(12 * MINUTE), times=10_000)
        rig.exchange.faults.on("fetch_account", LagPositions(12 * MINUTE), times=10_000)
        await asyncio.sleep(600)
        left.append(rig.held())
        rig.exchange.faults.clear()

    rig.run(20 * MINUTE, lose)
    assert left == [Decimal("-0.009")]
    assert rig.held() == 0
