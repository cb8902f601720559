"""How is an order sent, cancelled and found? What leaves, and what is made of what comes back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from bot.domain.errors import VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from bot.domain.ids import Symbol
from bot.domain.orders import OrderState, OrderType, Purpose, TimeInForce
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import (
    BTC,
    CANCEL,
    CANCEL_STOP,
    FIND,
    FIND_STOP,
    OURS,
    PEPE,
    PLACE,
    PLACE_STOP,
    hedge,
    stop,
)
from tests.adapters.ccxt.wire import Scene, failure_of, play, refuses, says, shows_page, usual
from tests.builders import dec

GONE = refuses(-2013, message="Order does not exist.")
NOTHING_TO_CANCEL = refuses(-2011, message="Unknown order sent.")


def sent(at: Scene, route: str) -> dict[str, str]:
    """Return what of an order left, without what every request has."""
    (asked,) = at.wire.sent(route)
    return {key: value for key, value in asked.params.items() if key not in ("timestamp", "recvWindow", "signature")}


# --- sending -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_force", "said"),
    [
        (TimeInForce.GTC, "GTC"),
        (TimeInForce.IOC, "IOC"),
        (TimeInForce.FOK, "FOK"),
        (TimeInForce.POST_ONLY, "GTX"),
    ],
)
def test_a_limit_order_leaves_as_it_was_meant(in_force: TimeInForce, said: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS))
        await at.venue.submit(hedge(time_in_force=in_force))
        assert sent(at, PLACE) == {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "type": "LIMIT",
            "quantity": "0.02",
            "price": "51000",
            "timeInForce": said,
            "newClientOrderId": OURS,
            "newOrderRespType": "RESULT",
            "reduceOnly": "false",
        }

    play(scene)


def test_an_order_that_has_waited_is_valid_from_when_it_was_meant() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS))
        at.venue.calls.limiter.note_ban(429, 3.0, is_order=True)
        begun = at.clock.now()
        await at.venue.submit(hedge(intended_at=begun))
        (asked,) = at.wire.sent(PLACE)
        window = int(asked.params["timestamp"]) + int(asked.params["recvWindow"]) - begun.timestamp() * 1000
        assert 4990 <= window <= 5000, "the venue takes it until five seconds after it was meant"
        assert int(asked.params["recvWindow"]) <= 2000

    play(scene)


@pytest.mark.parametrize(("waits", "meant_ago", "code"), [(6.0, 0, "rate_limited"), (0.0, 5, "too_late")])
def test_an_order_that_cannot_leave_in_time_is_proved_not_to_have_been_sent(
    waits: float, meant_ago: float, code: str
) -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS))
        at.venue.calls.limiter.note_ban(429, waits, is_order=True)
        begun = at.clock.now()
        failure = await failure_of(
            at.venue.submit(hedge(intended_at=begun - timedelta(seconds=meant_ago))), VenueRefused
        )
        assert failure.code == code
        assert at.wire.sent(PLACE) == []
        assert at.clock.now() - begun < timedelta(seconds=1), "it is told at once"

    play(scene)


def test_a_market_order_that_reduces_says_so() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS, type="MARKET", price="0", reduceOnly=True))
        await at.venue.submit(hedge(price=None, type=OrderType.MARKET, reduce_only=True, purpose=Purpose.FLATTEN))
        left = sent(at, PLACE)
        assert (left["type"], left["reduceOnly"]) == ("MARKET", "true")
        assert "price" not in left
        assert "timeInForce" not in left

    play(scene)


def test_prices_leave_in_the_unit_of_the_venue() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS, symbol="1000PEPEUSDT", price="0.0123400"))
        at.wire.say(PLACE_STOP, payloads.conditional(OURS, symbol="1000PEPEUSDT", triggerPrice="0.0150"))
        seen = await at.venue.submit(hedge(symbol=PEPE, price=dec("0.00001234"), contracts=dec(500)))
        await at.venue.submit(stop(symbol=PEPE, trigger_price=dec("0.000015"), contracts=dec(500)))
        assert (sent(at, PLACE)["price"], sent(at, PLACE)["quantity"]) == ("0.01234", "500")
        assert sent(at, PLACE_STOP)["triggerPrice"] == "0.015"
        assert seen.price == dec("0.00001234")

    play(scene)


def test_a_stop_without_a_trigger_never_leaves() -> None:
    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.submit(stop(trigger_price=None)), VenueRefused)
        assert failure.code == "bad_request"
        assert at.wire.asked == []

    play(scene)


@pytest.mark.parametrize(("order", "route"), [(hedge, PLACE), (stop, PLACE_STOP)])
def test_an_order_in_what_is_listed_no_more_bears_the_regular_name_and_the_venue_decides(
    order: Any, route: str
) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(route, refuses(-1121))
        failure = await failure_of(at.venue.submit(order(symbol=Symbol("OLD/USDT:USDT-260925"))), VenueRefused)
        assert failure.code == "unknown_symbol"
        assert sent(at, route)["symbol"] == "OLDUSDT_260925"

    play(scene)


def test_nothing_is_opened_where_margin_is_isolated_and_what_is_there_is_closed() -> None:
    wire = usual()
    wire.say("GET /fapi/v1/symbolConfig", [payloads.symbol_config("BTCUSDT", "ISOLATED")])
    wire.say(PLACE, payloads.order(OURS, reduceOnly=True))

    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.submit(hedge()), VenueRefused)
        assert failure.code == "margin_mode"
        assert at.wire.asked == []
        await at.venue.submit(hedge(reduce_only=True))

    play(scene, wire=wire)


def test_there_is_no_book_for_calendar_spreads() -> None:
    async def scene(at: Scene) -> None:
        far = hedge(symbol=Symbol("BTC/USDT:USDT-261225"))
        failure = await failure_of(at.venue.submit_spread(hedge(), far, limit_spread_price=dec(1)), VenueRefused)
        assert failure.code == "no_spread"
        assert await at.venue.fetch_spread(BTC, far.symbol) is None
        assert at.wire.asked == []

    play(scene)


# --- finding -------------------------------------------------------------------------------------


def test_an_order_of_an_earlier_life_is_looked_for_in_both_houses() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, GONE)
        at.wire.say(FIND_STOP, payloads.conditional(OURS))
        seen = await at.venue.fetch_order(BTC, OURS)
        assert seen is not None
        assert seen.type is OrderType.STOP_MARKET
        # Now it is known where it lives.
        await at.venue.fetch_order(BTC, OURS)
        assert (len(at.wire.sent(FIND)), len(at.wire.sent(FIND_STOP))) == (1, 2)

    play(scene)


def test_an_order_that_neither_house_knows_is_none() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, GONE)
        at.wire.answer(FIND_STOP, GONE)
        assert await at.venue.fetch_order(BTC, OURS) is None

    play(scene)


@pytest.mark.parametrize(("order", "place", "find"), [(hedge, PLACE, FIND), (stop, PLACE_STOP, FIND_STOP)])
def test_an_order_of_ours_that_its_own_house_denies_is_none(order: Any, place: str, find: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(place, shows_page(502))
        at.wire.answer(find, GONE)
        await failure_of(at.venue.submit(order()), VenueOutcomeUnknown)
        assert await at.venue.fetch_order(BTC, OURS) is None
        assert [asked.route for asked in at.wire.asked] == [place, find], "the other house is not asked"

    play(scene)


@pytest.mark.parametrize("broken", [FIND, FIND_STOP])
def test_a_house_that_does_not_answer_is_no_house_that_knows_nothing(broken: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, GONE)
        at.wire.answer(FIND_STOP, GONE)
        at.wire.answer(broken, shows_page(502))
        await failure_of(at.venue.fetch_order(BTC, OURS), VenueUnavailable)

    play(scene)


def test_a_list_where_one_order_was_asked_for_is_no_answer() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(FIND, [payloads.order(OURS)])
        failure = await failure_of(at.venue.fetch_order(BTC, OURS), VenueUnavailable)
        assert "is no document" in str(failure)

    play(scene)


def test_an_order_in_what_is_listed_no_more_can_be_asked_for() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(FIND, payloads.order(OURS, symbol="OLDUSDT", status="FILLED"))
        seen = await at.venue.fetch_order(Symbol("OLD/USDT:USDT"), OURS)
        assert seen is not None
        assert (seen.symbol, seen.state) == ("OLD/USDT:USDT", OrderState.FILLED)
        assert at.wire.sent(FIND)[0].params["symbol"] == "OLDUSDT"

    play(scene)


def test_the_order_that_a_stop_became_may_not_be_shown_yet() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, GONE)
        at.wire.say(FIND_STOP, payloads.conditional(OURS, algoStatus="TRIGGERED", actualOrderId="4711"))
        seen = await at.venue.fetch_order(BTC, OURS)
        assert seen is not None
        assert (seen.state, seen.filled_contracts) == (OrderState.OPEN, dec(0))
        assert at.wire.sent(FIND)[-1].params["orderId"] == "4711"

    play(scene)


@pytest.mark.parametrize(("fired_days_ago", "state"), [(2, OrderState.OPEN), (3, OrderState.EXPIRED)])
def test_a_stop_that_fired_days_ago_and_became_nothing_rests_no_more(fired_days_ago: int, state: OrderState) -> None:
    """What it became is denied by then unless it has traded; as an open stop it would stand for the protection."""

    async def scene(at: Scene) -> None:
        fired_ms = payloads.NOW_MS - fired_days_ago * payloads.DAY_MS
        times = {"createTime": fired_ms, "updateTime": fired_ms, "triggerTime": fired_ms}
        row = payloads.conditional(OURS, algoStatus="FINISHED", actualOrderId="4711", **times)
        at.wire.answer(FIND, GONE)
        at.wire.say(FIND_STOP, row)
        seen = await at.venue.fetch_order(BTC, OURS)
        assert seen is not None
        assert (seen.state, seen.filled_contracts) == (state, dec(0))

    play(scene)


# --- cancelling ----------------------------------------------------------------------------------


def test_a_cancel_is_confirmed_by_what_the_order_has_ended_as() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS))
        at.wire.say(CANCEL, payloads.order(OURS, status="CANCELED"))
        at.wire.say(FIND, payloads.order(OURS, status="FILLED", executedQty="0.020"))
        await at.venue.submit(hedge())
        seen = await at.venue.cancel(BTC, OURS)
        assert (seen.state, seen.filled_contracts) == (OrderState.FILLED, dec("0.020"))
        assert at.wire.sent(CANCEL_STOP) == []

    play(scene)


def test_a_stop_is_cancelled_in_its_own_house() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE_STOP, payloads.conditional(OURS))
        at.wire.say(CANCEL_STOP, {"algoId": 2146760, "clientAlgoId": OURS, "code": "200", "msg": "success"})
        at.wire.say(FIND_STOP, payloads.conditional(OURS, algoStatus="CANCELED"))
        await at.venue.submit(stop())
        assert (await at.venue.cancel(BTC, OURS)).state is OrderState.CANCELLED
        assert sent(at, CANCEL_STOP) == {"clientAlgoId": OURS}
        assert at.wire.sent(CANCEL) == []

    play(scene)


def test_the_cancel_of_an_earlier_lifes_order_that_has_ended_sends_nothing() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(FIND, payloads.order(OURS, status="FILLED", executedQty="0.020"))
        assert (await at.venue.cancel(BTC, OURS)).state is OrderState.FILLED
        assert at.wire.sent(CANCEL) == []

    play(scene)


def test_the_cancel_of_an_earlier_lifes_order_that_works_goes_to_its_house() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, GONE)
        at.wire.say(FIND_STOP, payloads.conditional(OURS), payloads.conditional(OURS, algoStatus="CANCELED"))
        at.wire.say(CANCEL_STOP, {"code": "200", "msg": "success"})
        assert (await at.venue.cancel(BTC, OURS)).state is OrderState.CANCELLED
        assert at.wire.sent(CANCEL) == []

    play(scene)


def test_an_order_that_no_list_shows_is_cancelled_in_both_houses_all_the_same() -> None:
    async def scene(at: Scene) -> None:
        for route in (FIND, FIND_STOP):
            at.wire.answer(route, GONE)
        for route in (CANCEL, CANCEL_STOP):
            at.wire.answer(route, NOTHING_TO_CANCEL)
        failure = await failure_of(at.venue.cancel(BTC, OURS), VenueRefused)
        assert failure.code == "order_not_found"
        assert (len(at.wire.sent(CANCEL)), len(at.wire.sent(CANCEL_STOP))) == (1, 1)

    play(scene)


def test_an_order_that_was_cancelled_and_is_not_shown_is_unknown() -> None:
    async def scene(at: Scene) -> None:
        for route in (FIND, FIND_STOP):
            at.wire.answer(route, GONE)
        at.wire.say(CANCEL, payloads.order(OURS, status="CANCELED"))
        at.wire.answer(CANCEL_STOP, NOTHING_TO_CANCEL)
        await failure_of(at.venue.cancel(BTC, OURS), VenueOutcomeUnknown)

    play(scene)


@pytest.mark.parametrize("rested_days", [2, 3])
def test_a_stop_that_has_rested_for_days_is_denied_as_soon_as_it_is_cancelled(rested_days: int) -> None:
    """The venue counts the days that it tells of a cancelled order from when it was made, not from its end."""

    async def scene(at: Scene) -> None:
        made_ms = payloads.NOW_MS - rested_days * 24 * payloads.HOUR_MS
        at.wire.say("GET /fapi/v1/openAlgoOrders", [payloads.conditional(OURS, createTime=made_ms)])
        await at.venue.fetch_account()
        at.wire.say(CANCEL_STOP, {"algoId": 2146760, "clientAlgoId": OURS, "code": "200", "msg": "success"})
        at.wire.answer(FIND_STOP, GONE)
        if rested_days < 3:
            await failure_of(at.venue.cancel(BTC, OURS), VenueOutcomeUnknown)
            return
        seen = await at.venue.cancel(BTC, OURS)
        assert (seen.state, seen.contracts, seen.filled_contracts) == (OrderState.CANCELLED, dec("0.020"), dec(0))
        assert len(at.wire.sent(CANCEL_STOP)) == 1

    play(scene)


@pytest.mark.parametrize(
    ("route", "answer", "verdict"),
    [
        (CANCEL, shows_page(502), VenueOutcomeUnknown),
        (CANCEL, refuses(-2015, 401), VenueRefused),
        (FIND, shows_page(502), VenueOutcomeUnknown),
        (FIND, says(payloads.order(OURS, status="A_NEW_ONE")), VenueOutcomeUnknown),
    ],
)
def test_a_cancel_whose_outcome_is_not_known_is_unknown(route: str, answer: Any, verdict: type[Exception]) -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS))
        at.wire.say(CANCEL, payloads.order(OURS, status="CANCELED"))
        at.wire.say(FIND, payloads.order(OURS, status="CANCELED"))
        await at.venue.submit(hedge())
        at.wire.answer(route, answer)
        assert type(await failure_of(at.venue.cancel(BTC, OURS))) is verdict

    play(scene)


# --- out of time ---------------------------------------------------------------------------------


@pytest.mark.parametrize("jump_hours", [1, -1])
def test_a_clock_that_was_set_is_measured_again_as_soon_as_the_venue_refuses_its_time(jump_hours: int) -> None:
    async def scene(at: Scene) -> None:
        await at.venue.fetch_account()
        at.wire.asked.clear()
        served_ms = payloads.NOW_MS + jump_hours * payloads.HOUR_MS
        at.wire.say("GET /fapi/v1/time", {"serverTime": served_ms})
        at.wire.answer(PLACE, refuses(-1021), says(payloads.order(OURS)))
        assert (await failure_of(at.venue.submit(hedge()), VenueRefused)).code == "request_expired"
        await at.venue.fetch_account()
        assert len(at.wire.sent("GET /fapi/v1/time")) == 1
        await at.venue.submit(hedge())
        stamped = int(at.wire.sent(PLACE)[-1].params["timestamp"])
        assert abs(stamped - served_ms) < 5_000

    play(scene)


def test_the_clock_is_measured_every_quarter_of_an_hour() -> None:
    async def scene(at: Scene) -> None:
        await at.venue.fetch_account()
        assert at.wire.sent("GET /fapi/v1/time") == []
        await asyncio.sleep(900)
        await at.venue.fetch_account()
        await at.venue.fetch_account()
        assert len(at.wire.sent("GET /fapi/v1/time")) == 1

    play(scene)


def test_a_slow_answer_about_the_time_does_not_make_the_clock_wrong() -> None:
    async def scene(at: Scene) -> None:
        async def slow(http: web.Request) -> web.StreamResponse:
            now_ms = int(at.clock.now().timestamp() * 1000)
            await asyncio.sleep(6)
            return await says({"serverTime": now_ms})(http)

        await asyncio.sleep(900)
        at.wire.answer("GET /fapi/v1/time", slow)
        at.wire.say(PLACE, payloads.order(OURS))
        await at.venue.fetch_account()
        await at.venue.submit(hedge(intended_at=at.clock.now()))
        stamped = int(at.wire.sent(PLACE)[-1].params["timestamp"])
        assert abs(stamped - at.clock.now().timestamp() * 1000) < 5_000

    play(scene)
