"""How is a ccxt client made safe? Nothing sent twice, numbers as they are written, no ids but ours."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from bot.adapters.ccxt.client import RECV_WINDOW_MS, open_client, prove_no_replay, reads_only, secure_session
from bot.domain.errors import InvariantViolated
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import BTC, CANCEL, FIND, OURS, PLACE, hedge, stop
from tests.adapters.ccxt.wire import KEY, SECRET, Scene, drops, failure_of, play, says
from tests.adapters.ccxt.wire import refuses as wire_refuses


class StillClock:
    """One moment."""

    def now(self) -> Any:
        return payloads.NOW

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, duration: Any) -> None:
        await asyncio.sleep(0)


def a_client(**changes: Any) -> Any:
    terms: dict[str, Any] = {"api_key": KEY, "api_secret": SECRET, "rest_url": None, "is_testnet": False}
    return open_client(**(terms | changes), clock=StillClock())


# --- the silent replay ---------------------------------------------------------------------------


async def test_a_plain_session_sends_a_dropped_request_again_and_the_proof_sees_it() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(InvariantViolated, match="sent 2 times"):
            await prove_no_replay(session)


async def test_a_start_fails_where_replay_could_not_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it would be with an aiohttp that calls its private switch by another name."""
    client = a_client()
    monkeypatch.setattr("bot.adapters.ccxt.client._forbid_replay", lambda _session: None)
    try:
        with pytest.raises(InvariantViolated, match="no order is safe"):
            await secure_session(client)
    finally:
        await client.close()


async def test_a_proof_that_is_answered_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with aiohttp.ClientSession() as session:
        session._retry_connection = False
        # Whatever should come to answer for the socket that drops: it was never seen to drop.
        monkeypatch.setattr(session, "delete", lambda url: session.get(url.replace("/second", "/first")))
        with pytest.raises(InvariantViolated, match="sent 0 times"):
            await prove_no_replay(session)


async def test_every_session_of_a_client_is_safe_also_one_that_is_opened_later() -> None:
    client = a_client()
    try:
        await secure_session(client)
        assert client.session._retry_connection is False
        await client.session.close()
        client.session = None
        client.open()
        assert client.session._retry_connection is False
    finally:
        await client.close()


@pytest.mark.parametrize("route", [CANCEL, FIND])
def test_what_aiohttp_would_repeat_is_sent_once_on_a_connection_that_drops(route: str) -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(FIND, payloads.order(OURS, status="CANCELED"))
        at.wire.answer(route, drops)
        call = (
            at.venue.fetch_order(BTC, OURS)
            if route == FIND
            else at.venue.calls.write(
                "fapiPrivateDeleteOrder", {"symbol": "BTCUSDT", "origClientOrderId": OURS}, lane=_lane()
            )
        )
        await failure_of(call)
        assert len(at.wire.sent(route)) == 1

    play(scene)


def _lane() -> Any:
    from bot.adapters.ccxt.limiter import Lane

    return Lane.PROTECT


def test_ccxt_is_never_told_to_try_again() -> None:
    client = a_client()
    assert client.options.get("maxRetriesOnFailure", 0) == 0
    assert client.enableRateLimit is False, "its limiter would hold an order back for 200 ms"


# --- numbers -------------------------------------------------------------------------------------


def test_numbers_come_as_they_are_written() -> None:
    client = a_client()
    written = '{"cum": 1300.10, "ratio": 0.0065, "amount": 123456789.123456789123, "time": 1764334800000, "ok": true}'
    seen = client.parse_json(written)
    assert seen == {
        "cum": "1300.10",
        "ratio": "0.0065",
        "amount": "123456789.123456789123",
        "time": 1764334800000,
        "ok": True,
    }
    assert Decimal(seen["amount"]) == Decimal("123456789.123456789123")


def test_what_is_no_document_is_none() -> None:
    client = a_client()
    assert [client.parse_json(text) for text in ("", "<html>", '{"half":')] == [None, None, None]


# --- errors and headers --------------------------------------------------------------------------


def test_the_weight_that_the_venue_counts_reaches_the_limiter() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, says(payloads.order(OURS), X_MBX_USED_WEIGHT_1M="2399"))
        await at.venue.fetch_order(BTC, OURS)
        failure = await failure_of(at.venue.fetch_account())
        assert "rate limit leaves no room" in str(failure)

    play(scene)


def test_the_weight_of_another_host_is_not_the_futures_weight() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer("GET /api/v3/account", says(payloads.SPOT_ACCOUNT, X_MBX_USED_WEIGHT_1M="5999"))
        await at.venue.fetch_account()
        await at.venue.fetch_account()

    play(scene)


def test_a_429_is_waited_out_as_long_as_it_says() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, wire_refuses(-1003, 429, Retry_After="30"), says(payloads.order(OURS)))
        await failure_of(at.venue.fetch_order(BTC, OURS))
        failure = await failure_of(at.venue.fetch_order(BTC, OURS))
        assert "leaves no room for 30 s" in str(failure)
        assert len(at.wire.sent(FIND)) == 1, "nothing is read meanwhile"
        at.wire.say(PLACE, payloads.order(OURS))
        await at.venue.submit(hedge())
        await asyncio.sleep(30)
        await at.venue.fetch_order(BTC, OURS)

    play(scene)


def test_after_a_418_not_even_a_stop_leaves_and_that_is_a_proved_refusal() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(FIND, wire_refuses(-1003, 418, Retry_After="120"))
        await failure_of(at.venue.fetch_order(BTC, OURS))
        before = len(at.wire.asked)
        failure = await failure_of(at.venue.submit(stop()))
        assert failure.code == "rate_limited"
        assert len(at.wire.asked) == before

    play(scene)


@pytest.mark.parametrize("said", [None, "soon", "-1", "1e3"])
def test_a_ban_whose_end_cannot_be_read_lasts_as_long_as_one_that_names_none(said: str | None) -> None:
    async def scene(at: Scene) -> None:
        headers = {} if said is None else {"Retry_After": said}
        at.wire.answer(FIND, wire_refuses(-1003, 418, **headers))
        await failure_of(at.venue.fetch_order(BTC, OURS))
        assert "leaves no room for 120 s" in str(await failure_of(at.venue.fetch_order(BTC, OURS)))

    play(scene)


def test_a_document_with_a_code_of_success_is_no_error() -> None:
    client = a_client()
    for body in ({"code": 200, "msg": "success"}, {"code": "200"}, {"code": "success"}, [], None):
        client.handle_errors(200, "OK", "https://fapi.binance.com/fapi/v1/x", "GET", {}, json.dumps(body), body, {}, "")


# --- hosts, keys, time ---------------------------------------------------------------------------


def test_another_host_takes_the_place_of_every_host_and_paths_stay() -> None:
    client = a_client(rest_url="http://127.0.0.1:8090")
    urls = client.urls["api"]
    assert urls["fapiPrivateV3"] == "http://127.0.0.1:8090/fapi/v3"
    assert urls["sapi"] == "http://127.0.0.1:8090/sapi/v1"
    assert all(url.startswith("http://127.0.0.1:8090/") for url in urls.values() if isinstance(url, str))
    assert client.has_wallets


def test_the_test_network_is_the_venues_own_and_has_no_wallets() -> None:
    client = a_client(is_testnet=True)
    assert client.urls["api"]["fapiPrivate"] == "https://demo-fapi.binance.com/fapi/v1"
    assert not client.has_wallets


@pytest.mark.parametrize(
    ("terms", "origin"),
    [
        ({}, "wss://fstream.binance.com"),
        ({"is_testnet": True}, "wss://fstream.binancefuture.com"),
        # Another host's account is not to be listened to.
        ({"rest_url": "http://127.0.0.1:8090"}, None),
        ({"rest_url": "http://127.0.0.1:8090", "ws_url": "ws://127.0.0.1:8090"}, "ws://127.0.0.1:8090"),
    ],
)
def test_sockets_are_where_the_account_is(terms: dict[str, Any], origin: str | None) -> None:
    assert a_client(**terms).ws_origin == origin


def test_where_there_are_no_sockets_nothing_listens() -> None:
    async def scene(at: Scene) -> None:
        assert at.venue.streams(lambda: (), lambda hint: None) == ()

    play(scene)


def test_a_request_is_signed_within_the_venues_window_and_bears_the_key() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(FIND, payloads.order(OURS))
        await at.venue.fetch_order(BTC, OURS)
        (asked,) = at.wire.sent(FIND)
        assert asked.headers["X-MBX-APIKEY"] == KEY
        assert (asked.params["recvWindow"], RECV_WINDOW_MS) == ("5000", 5000)
        assert len(asked.params["signature"]) == 64
        assert SECRET not in str(asked)

    play(scene)


@pytest.mark.parametrize(
    ("method", "path", "may"),
    [
        ("GET", "/fapi/v3/account", True),
        ("POST", "/sapi/v1/asset/get-funding-asset", True),
        ("POST", "/fapi/v1/order", False),
        ("DELETE", "/fapi/v1/order", False),
        ("PUT", "/fapi/v1/order", False),
        ("POST", "/fapi/v1/algoOrder", False),
        ("POST", "/sapi/v1/asset/transfer", False),
        ("POST", "/fapi/v1/leverage", False),
    ],
)
def test_a_dry_run_may_send_what_changes_nothing(method: str, path: str, may: bool) -> None:
    assert reads_only(method, path) is may
