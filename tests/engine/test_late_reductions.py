"""Do reductions go on while only the history of trades is late?

The order itself has said how it ended, and the position is listed as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.errors import VenueRefused
from bot.domain.events import CeilingSet
from bot.domain.orders import OrderIntent, Purpose, VenueOrder
from bot.exchange.faults import FillOnly, LagPositions, LagTrades
from tests.engine.rig import BTC, BTC_PERP, HOUR, MINUTE, Rig

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


#: What comes with the loss of a stop.
Trouble = Callable[[Rig, Bot], Awaitable[None]]


def without_its_stop(trouble: Trouble, *, seconds: float) -> tuple[Rig, list[Decimal]]:
    """Take the stop of a leg away, let no other one rest, and return what is held so much later."""

    class Venue(RefusesStops):
        pass

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)
    left: list[Decimal] = []

    async def lose(bot: Bot) -> None:
        Venue.refuses = True
        (stop,) = [one for one in rig.stops() if one.symbol == BTC_PERP]
        assert stop.client_order_id is not None
        rig.exchange.cancel(BTC_PERP, stop.client_order_id)
        await trouble(rig, bot)
        await asyncio.sleep(seconds)
        left.append(rig.held())
        rig.exchange.faults.clear()

    rig.run(20 * MINUTE, lose)
    return rig, left


async def late_history(rig: Rig, _: Bot) -> None:
    rig.exchange.faults.on("fetch_fills", LagTrades(12 * MINUTE), times=10_000)


async def late_lists_too(rig: Rig, bot: Bot) -> None:
    await late_history(rig, bot)
    rig.exchange.faults.on("fetch_account", LagPositions(12 * MINUTE), times=10_000)


async def an_earlier_trouble(_: Rig, bot: Bot) -> None:
    now = bot.desk.clock.now()
    ceiling = CeilingSet(
        at=now - 2 * HOUR,
        asset=BTC,
        cause="unprotected",
        max_delta_base=Decimal(1),
        release_at=now + HOUR,
        why="another contract could not be protected",
    )
    await bot.desk.journal.record(ceiling)


def test_a_leg_without_a_stop_is_closed_in_time_while_only_the_history_of_trades_is_late() -> None:
    # Ten deadlines and some more.
    _, left = without_its_stop(late_history, seconds=400)
    assert left == [0]


def test_a_leg_is_not_made_smaller_again_while_its_list_is_late_like_the_history() -> None:
    rig, left = without_its_stop(late_lists_too, seconds=600)
    assert left == [Decimal("-0.009")]
    assert rig.held() == 0


def test_a_leg_is_halved_though_a_leg_of_its_asset_was_made_smaller_hours_ago() -> None:
    # Four deadlines and some more.
    _, left = without_its_stop(an_earlier_trouble, seconds=200)
    assert left == [Decimal("-0.009")]
