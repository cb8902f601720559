"""What does a failure prove? Each way in which an order can go wrong on the wire, and what is made of it.

Against a server on loopback that really drops, hangs and cuts short; the verdict is the class of what the port raises.
"""

import socket
from collections.abc import Callable

import aiohttp
import pytest

from bot.adapters.ccxt.binance.codes import DUPLICATE, NOT_FOUND, REFUSALS
from bot.adapters.ccxt.errors import Answered, Banned, of_read, of_write, tell, was_not_sent
from bot.domain.errors import VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import BTC, FIND, OURS, PLACE, hedge
from tests.adapters.ccxt.wire import (
    SECRET,
    Answer,
    Scene,
    cuts_short,
    drops,
    failure_of,
    hangs,
    play,
    refuses,
    says,
    shows_page,
    usual,
    writes,
)

REFUSED, UNKNOWN = VenueRefused, VenueOutcomeUnknown
ACCEPTED = payloads.order(OURS)
TRUNCATED = cuts_short(ACCEPTED)

#: (what comes back to an order, what that proves, our name for it)
TABLE: dict[str, tuple[Answer, type[Exception], str]] = {
    "the connection is dropped": (drops, UNKNOWN, ""),
    "nothing is answered": (hangs, UNKNOWN, ""),
    "half of the reply": (TRUNCATED, UNKNOWN, ""),
    "200 and a page": (shows_page(), UNKNOWN, ""),
    "200 and nothing": (writes(""), UNKNOWN, ""),
    "200 and nothing, as text": (writes("", "text/plain"), UNKNOWN, ""),
    "200 and half of a document": (writes('{"orderId": 19'), UNKNOWN, ""),
    "200 and null": (writes("null"), UNKNOWN, ""),
    "200 and a list": (says([ACCEPTED]), UNKNOWN, ""),
    "200 and an empty document": (says({}), UNKNOWN, ""),
    "200 and a document of another kind": (says({"success": True, "data": []}), UNKNOWN, ""),
    "200 and another order": (says(payloads.order("TTXYZ00000000900")), UNKNOWN, ""),
    "200 and an order without a number": (says(ACCEPTED | {"orderId": None}), UNKNOWN, ""),
    "200 and an order without an id": (says(ACCEPTED | {"clientOrderId": ""}), UNKNOWN, ""),
    "200 and a status nobody knows": (says(ACCEPTED | {"status": "PENDING_SOMETHING"}), UNKNOWN, ""),
    "200 and a code that proves nothing": (refuses(-1000, 200), UNKNOWN, ""),
    "400 and a page": (shows_page(400), UNKNOWN, ""),
    "401 and a page": (shows_page(401), UNKNOWN, ""),
    "403 of the firewall": (shows_page(403), UNKNOWN, ""),
    "404 and a page": (shows_page(404), UNKNOWN, ""),
    "408 of the backend": (shows_page(408), UNKNOWN, ""),
    "500 and a page": (shows_page(500), UNKNOWN, ""),
    "502 and a page": (shows_page(502), UNKNOWN, ""),
    "503 and a page": (shows_page(503), UNKNOWN, ""),
    "504 and a page": (shows_page(504), UNKNOWN, ""),
    "503 unknown error": (refuses(-1000, 503, "Unknown error, please check your request"), UNKNOWN, ""),
    "-1001 disconnected": (refuses(-1001), UNKNOWN, ""),
    "-1006 unexpected response": (refuses(-1006), UNKNOWN, ""),
    "-1007 timeout": (refuses(-1007), UNKNOWN, ""),
    "503 internal error, under a code that proves nothing": (
        refuses(-1001, 503, "Internal error; unable to process your request. Please try again."),
        UNKNOWN,
        "",
    ),
    "503 unavailable, as a gateway says it": (says({"message": "Service Unavailable."}, 503), UNKNOWN, ""),
    "503 unavailable, in other words": (refuses(0, 503, "Service Unavailable"), UNKNOWN, ""),
    "500 unavailable": (refuses(0, 500, "Service Unavailable."), UNKNOWN, ""),
    "503 unavailable, under a code that proves nothing": (refuses(-1000, 503, "Service Unavailable."), UNKNOWN, ""),
    "a code that is not on the list": (refuses(-4999), UNKNOWN, ""),
    "a code that is no number": (says({"code": "ORDER_FAILED", "msg": "no"}, 400), UNKNOWN, ""),
    "429": (refuses(-1003, 429, Retry_After="17"), REFUSED, "rate_limited"),
    "429 and a page": (shows_page(429), REFUSED, "rate_limited"),
    "418": (refuses(-1003, 418, Retry_After="120"), REFUSED, "rate_limited"),
    "-1008 overloaded": (refuses(-1008, 503), REFUSED, "overloaded"),
    "503 unavailable, in the venue's words": (refuses(0, 503, "Service Unavailable."), REFUSED, "overloaded"),
    "503 unavailable, in the venue's words alone": (says({"msg": "Service Unavailable."}, 503), REFUSED, "overloaded"),
    "-1015 too many orders": (refuses(-1015, 429), REFUSED, "rate_limited"),
    "-1021 out of time": (refuses(-1021), REFUSED, "request_expired"),
    "-5028 out of time at the matching": (refuses(-5028), REFUSED, "request_expired"),
    "-1022 signature": (refuses(-1022), REFUSED, "bad_signature"),
    "-1102 parameter": (refuses(-1102), REFUSED, "bad_request"),
    "-1106 not required": (refuses(-1106), REFUSED, "bad_request"),
    "-1111 precision": (refuses(-1111), REFUSED, "bad_amount"),
    "-1121 symbol": (refuses(-1121), REFUSED, "unknown_symbol"),
    "-2010 rejected": (refuses(-2010), REFUSED, "rejected"),
    "-2014 key format": (refuses(-2014, 401), REFUSED, "bad_key"),
    "-2015 key, address or permission": (refuses(-2015, 401), REFUSED, "not_permitted"),
    "-2018 balance": (refuses(-2018), REFUSED, "insufficient_funds"),
    "-2019 margin": (refuses(-2019), REFUSED, "insufficient_margin"),
    "-2021 would trigger": (refuses(-2021), REFUSED, "would_trigger"),
    "-2022 reduce-only": (refuses(-2022), REFUSED, "reduce_only"),
    "-2025 open orders": (refuses(-2025), REFUSED, "max_open_orders"),
    "-2027 position": (refuses(-2027), REFUSED, "max_position"),
    "-4061 position mode": (refuses(-4061), REFUSED, "position_mode"),
    "-4116 our id is there": (refuses(-4116), REFUSED, DUPLICATE),
    "-4120 another route": (refuses(-4120), REFUSED, "wrong_endpoint"),
    "-4131 price bound": (refuses(-4131), REFUSED, "price_bound"),
    "-4142 stop would trigger": (refuses(-4142), REFUSED, "would_trigger"),
    "-4164 too small": (refuses(-4164), REFUSED, "min_notional"),
    "-4192 cooling off": (refuses(-4192), REFUSED, "cooling_off"),
    "-4210 stop too far": (refuses(-4210), REFUSED, "price_bound"),
    "-5022 would take": (refuses(-5022), REFUSED, "would_take"),
}


@pytest.mark.parametrize("case", TABLE)
def test_an_order_is_refused_only_where_that_is_proved(case: str) -> None:
    answer, verdict, code = TABLE[case]

    async def scene(at: Scene) -> None:
        at.wire.answer(PLACE, answer)
        failure = await failure_of(at.venue.submit(hedge()))
        assert type(failure) is verdict
        assert getattr(failure, "code", "") == code
        assert len(at.wire.sent(PLACE)) == 1, "sent once, whatever came back"

    play(scene)


@pytest.mark.parametrize(
    "case", [name for name, (_, verdict, _) in TABLE.items() if verdict is UNKNOWN and name != "200 and another order"]
)
def test_a_read_that_goes_wrong_is_unanswered_whatever_went_wrong(case: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, TABLE[case][0])
        assert type(await failure_of(at.venue.fetch_order(hedge().symbol, OURS))) is VenueUnavailable

    play(scene)


def test_an_order_that_found_no_connection_was_not_sent() -> None:
    async def scene(at: Scene) -> None:
        at.venue.listing.names[BTC] = "BTCUSDT"
        await at.wire.stop()
        failure = await failure_of(at.venue.submit(hedge()))
        assert type(failure) is VenueRefused
        assert failure.code == "not_sent"

    play(scene, is_started=False)


def test_a_name_that_is_not_found_was_not_sent() -> None:
    failure = Exception("in vain")
    failure.__cause__ = socket.gaierror(-2, "Name or service not known")
    assert was_not_sent(failure)
    assert not was_not_sent(Exception("without a cause"))
    refused = of_write(failure, "order", REFUSALS)
    assert isinstance(refused, VenueRefused)
    assert refused.code == "not_sent"


def test_a_connection_that_breaks_after_it_was_made_proves_nothing() -> None:
    for cause in (aiohttp.ServerDisconnectedError(), aiohttp.ClientOSError(104, "reset"), TimeoutError()):
        failure = Exception("in vain")
        failure.__cause__ = cause
        assert not was_not_sent(failure)
        assert isinstance(of_write(failure, "order", REFUSALS), VenueOutcomeUnknown)


def test_a_refusal_is_told_with_code_and_words_of_the_venue() -> None:
    refused = of_write(Answered(400, -2019, "Margin is insufficient."), "fapiPrivatePostOrder", REFUSALS)
    assert str(refused) == "fapiPrivatePostOrder: -2019 Margin is insufficient."


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (Banned(429, 17.0), "what: 429, for 17.0 seconds"),
        (Banned(418, None), "what: 418, for an unknown number of seconds"),
        (ValueError("https://host/?signature=abc"), "what: ValueError"),
    ],
)
def test_a_failure_is_told_without_its_address(failure: Exception, told: str) -> None:
    assert str(of_read(failure, "what")) == told
    assert str(of_write(failure, "what", REFUSALS)) == told


@pytest.mark.parametrize("answer", [drops, hangs, shows_page(502), TRUNCATED], ids=["drop", "hang", "502", "cut"])
def test_no_secret_and_no_signature_is_in_an_error(answer: Answer) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(PLACE, answer)
        at.wire.answer("GET /fapi/v3/account", answer)
        told = str(await failure_of(at.venue.submit(hedge()))), str(await failure_of(at.venue.fetch_account()))
        (asked,) = at.wire.sent(PLACE)
        signature = asked.params["signature"]
        for sentence in told:
            assert not any(one in sentence for one in (SECRET, signature, "signature", "127.0.0.1", "timestamp"))

    play(scene)


def test_the_cause_is_told_by_its_kind() -> None:
    failure = Exception("GET https://fapi/?signature=abc")
    failure.__cause__ = aiohttp.ServerDisconnectedError()
    assert tell(failure) == "Exception (ServerDisconnectedError)"


def test_no_code_that_says_it_does_not_know_is_on_the_list() -> None:
    assert not {-1000, -1001, -1006, -1007, -1016} & set(REFUSALS)
    assert {code for code, name in REFUSALS.items() if name == DUPLICATE} == {-4116}
    assert {code for code, name in REFUSALS.items() if name == NOT_FOUND} == {-2011, -2013}


@pytest.mark.parametrize("call", ["submit", "fetch"])
def test_an_order_that_was_taken_is_told_as_it_stands(call: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(PLACE, payloads.order(OURS, status="FILLED", executedQty="0.020"))
        at.wire.say(FIND, payloads.order(OURS, status="FILLED", executedQty="0.020"))
        calls: dict[str, Callable] = {
            "submit": lambda: at.venue.submit(hedge()),
            "fetch": lambda: at.venue.fetch_order(hedge().symbol, OURS),
        }
        seen = await calls[call]()
        assert (seen.client_order_id, seen.filled_contracts) == (OURS, hedge().contracts)

    play(scene, wire=usual())
