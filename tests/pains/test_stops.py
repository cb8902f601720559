"""What does the bot do when a stop is missing, left over, or not where it should be?"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.bootstrap import Bot
from bot.domain.events import StopFired
from bot.domain.orders import OrderType, Purpose, Side, TimeInForce
from bot.exchange.faults import LoseReply, Refuse
from bot.exchange.orders import OrderRequest
from tests.live.rig import BTC_PERP
from tests.pains.scenes import HOUR, MINUTE, SHORT, sent, stop_orders, stops
from tests.simulation.test_contradictions import hedged
from tests.simulation.test_scenarios import Owner

pytestmark = pytest.mark.usefixtures("quiet")


def close_by_hand(owner: Owner) -> None:
    """Close the short as its owner would, on the venue's own page."""
    owner.exchange.submit(
        OrderRequest(
            symbol=BTC_PERP,
            side=Side.BUY,
            type=OrderType.MARKET,
            contracts=-SHORT,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
        )
    )


# --- missing ------------------------------------------------------------------------------------


def test_a_stop_that_the_venue_takes_away_without_a_word_is_back_within_the_deadline() -> None:
    owner = hedged()
    (stop,) = stop_orders(owner)
    owner.run(10 * MINUTE, lambda _: owner.exchange.cancel_by_venue(stop.id, "no reason given"))
    assert stops(owner) == [-SHORT]
    assert sent(owner, Purpose.STOP) == 2
    assert owner.checker.unprotected_seconds_max <= owner.policy.stops.deadline.total_seconds()
    owner.is_well()


def test_a_stop_that_vanished_while_the_bot_was_down_is_back_before_anything_else_is_done() -> None:
    owner = hedged()
    (stop,) = stop_orders(owner)
    owner.exchange.cancel_by_venue(stop.id, "no reason given")
    orders = len(owner.exchange.floor.orders)
    owner.run(timedelta(seconds=1))
    later = list(owner.exchange.floor.orders.values())[orders:]
    assert [order.type for order in later] == [OrderType.STOP_MARKET]
    assert stops(owner) == [-SHORT]


def test_a_stop_of_half_the_position_is_no_stop_and_is_replaced_whole() -> None:
    owner = hedged()
    (stop,) = stop_orders(owner)

    def halve(_: Bot) -> None:
        stop.contracts = -SHORT / 2
        owner.exchange.floor.version += 1

    owner.run(10 * MINUTE, halve)
    assert stops(owner) == [-SHORT]
    owner.is_well()


def test_where_the_price_is_beyond_the_trigger_and_no_stop_can_rest_the_position_is_closed_and_not_kept_naked() -> None:
    owner = hedged()
    (stop,) = stop_orders(owner)

    def lose_the_stop(_: Bot) -> None:
        owner.exchange.cancel_by_venue(stop.id, "no reason given")
        owner.exchange.faults.add(
            lambda call, request: (
                Refuse(code="would_trigger")
                if call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
                else None
            ),
            times=10_000,
        )

    owner.run(10 * MINUTE, lose_the_stop)
    assert owner.held() == 0
    owner.exchange.faults.clear()
    owner.run(HOUR)
    assert stops(owner) == []
    owner.is_well()


# --- orphans ------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_down", [False, True], ids=["while it runs", "while it is down"])
def test_a_position_closed_by_hand_leaves_no_stop_that_would_open_the_other_way(is_down: bool) -> None:
    owner = hedged()
    if is_down:
        close_by_hand(owner)
    owner.run(5 * MINUTE, None if is_down else lambda _: close_by_hand(owner))
    assert "foreign_trade" in owner.alerts()
    held = abs(owner.held())
    assert stops(owner) == ([held] if held else [])
    owner.is_well()


@pytest.mark.parametrize("fault", [LoseReply(), Refuse(code="order_not_found")], ids=["reply lost", "not found"])
def test_an_orphan_whose_cancel_fails_is_cancelled_until_it_is_gone(fault: LoseReply | Refuse) -> None:
    owner = hedged()
    owner.exchange.faults.on("cancel", fault, times=3)
    owner.run(5 * MINUTE, lambda _: close_by_hand(owner))
    held = abs(owner.held())
    assert stops(owner) == ([held] if held else [])
    owner.is_well()


def test_every_stop_says_that_it_only_reduces_so_that_an_orphan_could_open_nothing() -> None:
    owner = Owner(script=((HOUR, "50000"), (5 * HOUR, "44000")))
    owner.run(6 * HOUR)
    placed = [one for one in owner.exchange.floor.orders.values() if one.type is OrderType.STOP_MARKET]
    assert len(placed) > 1
    assert all(one.reduce_only for one in placed)


# --- on the way ---------------------------------------------------------------------------------


def spike(owner: Owner, price: int) -> Callable[..., None]:
    """Return what lets the price leap."""
    return lambda *_: owner.exchange.set_price(BTC_PERP.split("/")[0], Decimal(price))  # type: ignore[arg-type]  # a name


def test_a_stop_that_fires_between_two_reads_is_booked_once_and_not_taken_for_a_missing_position() -> None:
    owner = hedged()
    owner.run(10 * MINUTE, spike(owner, 70_000))
    assert owner.held() == 0
    assert len(owner.facts(StopFired)) == 1
    assert not owner.journal.books.locks
    assert stops(owner) == []
    owner.is_well()
