"""What does the bot do when the venue, or the way there, changes under it?"""

from datetime import timedelta

import pytest
import structlog

from bot.exchange.wire.server import WireServer
from tests.live.rig import BTC, BTC_PERP, LiveOwner
from tests.pains.scenes import HOUR, MINUTE, SHORT, listen, stops, taken

STOP_ROUTES = ("/fapi/v1/algoOrder", "/fapi/v1/openAlgoOrders", "/fapi/v1/allAlgoOrders")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def at_half_past() -> LiveOwner:
    """Return an account at half past midnight, so that no clock that is off is in another day."""
    owner = LiveOwner()
    owner.exchange.advance(owner.exchange.now + HOUR / 2)
    return owner


def hedged() -> LiveOwner:
    """Return an account with a short and its stop."""
    owner = at_half_past()
    owner.run(2 * MINUTE)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    return owner


# --- clock drift --------------------------------------------------------------------------------


def shift(server: WireServer, by: timedelta) -> None:
    """Let the venue's clock be off by so much against the machine's."""
    true = server.app.served.now
    server.app.served.now = lambda: true() + by


@pytest.mark.parametrize("seconds", [-20, 20])
def test_a_clock_that_is_off_from_the_start_keeps_no_order_from_the_venue(seconds: int) -> None:
    owner = at_half_past()
    owner.run(2 * MINUTE, before=lambda server: shift(server, timedelta(seconds=seconds)))
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    owner.is_well()


@pytest.mark.parametrize("seconds", [-20, 20])
def test_a_clock_that_jumps_is_compared_again_within_seconds_and_nobody_stays_blind(seconds: int) -> None:
    owner = hedged()
    owner.run(3 * MINUTE, lambda _, server: shift(server, timedelta(seconds=seconds)))
    assert not owner.alerts() & {"protection_blind", "margin_unknown", "reconcile_failed"}
    owner.is_well()


# --- delisting ----------------------------------------------------------------------------------


def test_a_contract_that_was_delisted_while_the_bot_was_down_is_settled_in_the_books_at_the_next_start() -> None:
    owner = hedged()
    owner.exchange.delist(BTC_PERP)
    owner.run(3 * MINUTE)
    assert (owner.held(), stops(owner)) == (0, [])
    assert owner.journal.books.ledgers["binanceusdm", BTC_PERP].contracts == 0  # type: ignore[index]  # a name
    assert not owner.journal.books.locks
    assert "protection_blind" not in owner.alerts()
    owner.is_well()


# --- the stop API changes overnight -------------------------------------------------------------


def lose_stop_routes(server: WireServer, *, status: int | None = None) -> None:
    """Take the house of conditional orders down: another page, or the venue's own refusal."""
    for path in STOP_ROUTES:
        if status is None:
            server.app.faults.add(effect="code", path=path, code=-4120, times=None)
        else:
            server.app.faults.add(effect="status", path=path, status=status, times=None)


def test_where_stops_are_refused_overnight_no_hedge_is_kept_without_one_nor_opened_again() -> None:
    owner = at_half_past()

    def refuse(server: WireServer) -> None:
        server.app.faults.add(effect="code", method="POST", path="/fapi/v1/algoOrder", code=-4120, times=None)

    owner.run(7 * MINUTE, before=refuse)
    assert owner.held() == 0
    assert (BTC, "unprotected") in owner.journal.books.ceilings
    assert owner.checker.unprotected_seconds_max <= 6 * 60
    owner.is_well()


@pytest.mark.parametrize("status", [None, 404], ids=["refused by code", "a page that is not there"])
def test_where_the_stop_routes_are_gone_the_rest_is_still_watched_and_booked_stops_are_believed(
    status: int | None,
) -> None:
    owner = hedged()
    owner.run(8 * MINUTE, lambda _, server: lose_stop_routes(server, status=status))
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    assert "stops_unlisted" in owner.alerts()
    assert not owner.alerts() & {"margin_unknown", "reconcile_failed", "protection_blind"}, "it is not blind"
    owner.run(2 * MINUTE)
    assert "stops_unlisted" not in owner.alerts()
    owner.is_well()


def test_where_the_stop_routes_are_gone_before_the_stop_rests_the_hedge_is_closed() -> None:
    owner = at_half_past()

    def before(server: WireServer) -> None:
        # The look is had, the hedge is sent, and then there is nowhere to place a stop.
        listen(server).once("POST", "/fapi/v1/order", lambda: lose_stop_routes(server))

    owner.run(8 * MINUTE, before=before)
    assert taken(owner) == 1
    assert owner.held() == 0
    assert (BTC, "unprotected") in owner.journal.books.ceilings
