"""A venue whose lists leave something out: a position that it never shows, or stops that it knows and does not list."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.orders import OrderType
from bot.domain.portfolio import AccountState
from bot.exchange.faults import HideOrders, LagTrades
from tests.engine.rig import BTC_PERP, HOUR, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")

#: What one of the venues takes for a contract.
MOST_STOPS = 10


class NeverListsBtc(PaperVenue):
    """Takes orders in a contract, tells its trades, and never lists the position."""

    async def fetch_account(self) -> AccountState:
        told = await super().fetch_account()
        return replace(told, positions=tuple(one for one in told.positions if one.symbol != BTC_PERP))


def sizes(rig: Rig) -> list[Decimal]:
    """Return the sizes of the stops that rest for BTC."""
    return [one.contracts for one in rig.stops() if one.symbol == BTC_PERP]


def test_a_position_that_the_venue_never_lists_has_its_stop_by_the_trades_that_made_it() -> None:
    rig = Rig()
    rig.venue_kind = NeverListsBtc
    within: list[list[Decimal]] = []

    async def look_again(_: Bot) -> None:
        within.append(sizes(rig))

    rig.run(HOUR, look_again, after=rig.policy.stops.deadline)
    assert rig.held() == Decimal("-0.018")
    assert within == [[Decimal("0.018")]]
    assert sizes(rig) == [Decimal("0.018")]
    rig.is_well()
    rig.venue_kind = PaperVenue
    rig.run(HOUR)
    assert (rig.held(), sizes(rig)) == (Decimal("-0.018"), [Decimal("0.018")])
    assert not rig.journal.books.unprotected
    rig.is_well()


def test_stops_that_only_the_list_hides_do_not_pile_up() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    rig.exchange.faults.on("fetch_account", HideOrders(frozenset({OrderType.STOP_MARKET})), times=10_000)
    most: list[int] = []

    async def count(_: Bot) -> None:
        for _second in range(500):
            most.append(len(sizes(rig)))
            await asyncio.sleep(1)

    rig.run(10 * MINUTE, count)
    assert max(most) <= MOST_STOPS
    assert rig.held() == Decimal("-0.018")


def test_what_an_order_has_opened_keeps_its_stop_through_a_restart_though_no_list_shows_it() -> None:
    rig = Rig()
    late = LagTrades(12 * MINUTE)
    rig.exchange.faults.on("fetch_fills", late, times=10_000)
    rig.run(MINUTE, is_orderly=False)
    assert sizes(rig) == [Decimal("0.018")], "the position was listed, and its trade was not"
    rig.venue_kind = NeverListsBtc
    within: list[list[Decimal]] = []

    async def look_again(_: Bot) -> None:
        for _second in range(120):
            within.append(sizes(rig))
            await asyncio.sleep(1)

    rig.run(5 * MINUTE, look_again, after=timedelta(seconds=1))
    assert all(within)
