"""What does the bot do when it does not know what became of an order?"""

from datetime import timedelta
from typing import Any

import pytest

from bot.domain.orders import OrderType, Purpose
from bot.exchange.faults import HideOrders, LagPositions, LagTrades, LoseReply
from tests.live.rig import LiveOwner
from tests.pains.scenes import HOUR, MINUTE, SHORT, sent, stops, taken
from tests.simulation.test_scenarios import Owner

pytestmark = pytest.mark.usefixtures("quiet")


#: Ways in which an order is executed and its sender does not get to know.
LOST: dict[str, dict[str, Any]] = {
    "dropped": {"effect": "drop"},
    "never answered": {"effect": "hang"},
    "answered too late": {"effect": "delay", "seconds": 30},
    "answered with a page": {"effect": "html"},
    "answered with nothing": {"effect": "empty"},
    "answered by half": {"effect": "truncated"},
    "answered with something else": {"effect": "half_right"},
    "answered with 503": {"effect": "status", "status": 503},
    "answered with -1007": {"effect": "code", "code": -1007},
}


@pytest.mark.parametrize("how", list(LOST))
def test_an_order_that_was_executed_and_timed_out_is_found_and_not_sent_again(how: str) -> None:
    owner = LiveOwner()
    lost = LOST[how] | {"method": "POST", "path": "/fapi/v1/order", "executed": True}
    owner.run(2 * MINUTE, before=lambda server: server.app.faults.add(**lost))
    assert (owner.held(), sent(owner), taken(owner)) == (SHORT, 1, 1)
    assert stops(owner) == [-SHORT]
    owner.is_well()


@pytest.mark.parametrize("how", ["dropped", "never answered", "answered with -1007"])
def test_a_stop_that_was_taken_and_timed_out_is_found_and_no_second_one_rests(how: str) -> None:
    owner = LiveOwner()
    lost = LOST[how] | {"method": "POST", "path": "/fapi/v1/algoOrder", "executed": True}
    owner.run(2 * MINUTE, before=lambda server: server.app.faults.add(**lost))
    assert (owner.held(), stops(owner), taken(owner, Purpose.STOP)) == (SHORT, [-SHORT], 1)
    owner.is_well()


def test_an_order_that_never_arrived_is_sent_once_more_under_another_id_and_not_before_that_is_known() -> None:
    owner = LiveOwner()
    lost = {"effect": "drop", "method": "POST", "path": "/fapi/v1/order"}
    owner.run(3 * MINUTE, before=lambda server: server.app.faults.add(**lost))
    assert (owner.held(), sent(owner), taken(owner)) == (SHORT, 2, 1)
    owner.is_well()


def test_an_order_that_the_venue_denies_by_code_while_it_has_traded_is_booked_by_its_trade() -> None:
    owner = LiveOwner()

    def before(server: Any) -> None:
        order = {"path": "/fapi/v1/order"}
        server.app.faults.add(effect="hang", method="POST", executed=True, **order)
        server.app.faults.add(effect="code", code=-2013, method="GET", times=40, **order)

    owner.run(5 * MINUTE, before=before)
    assert (owner.held(), taken(owner), stops(owner)) == (SHORT, 1, [-SHORT])
    owner.is_well()


@pytest.mark.parametrize("late", [timedelta(seconds=25), timedelta(seconds=55)])
def test_an_order_that_shows_nowhere_at_first_and_then_everywhere_is_not_hedged_twice(late: timedelta) -> None:
    """Its reply is lost, and order, trade and position are all listed late."""
    owner = Owner()
    faults = owner.exchange.faults
    faults.on("submit", LoseReply(), times=2)
    faults.on("fetch_order", HideOrders(frozenset({OrderType.LIMIT})), times=10_000)
    faults.on("fetch_fills", LagTrades(late), times=10_000)
    faults.on("fetch_account", LagPositions(late), times=10_000)
    owner.run(10 * MINUTE)
    assert (sent(owner), taken(owner)) == (1, 1)
    faults.clear()
    owner.run(HOUR)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    # Without a stop for as long as nobody could know of the position, and for nothing else.
    assert all("was without its stop" in one for one in owner.checker.violated)
    assert owner.checker.unprotected_seconds_max <= late.total_seconds() + 5
