"""What streams say is heeded and never believed; what they do not say is found out all the same."""

import asyncio
from collections.abc import Iterator, MutableMapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import structlog

from bot.bootstrap import Bot
from bot.domain.events import LookTaken, StopFired
from bot.domain.hints import AccountHint, PriceHint
from bot.domain.ids import Symbol
from bot.domain.policy import CadencePolicy, WatchIntervals
from bot.exchange.wire.binance import streams
from bot.exchange.wire.server import WireServer
from tests.live.rig import BTC, BTC_PERP, ETH, HOUR, MINUTE, LiveOwner

#: Nobody looks of their own accord within the time of these tests, but for what protects.
SELDOM = WatchIntervals(protection=HOUR, reconcile=HOUR, prices=HOUR, margin=HOUR)
ON_MOVES = CadencePolicy(cron="0 0 * * *", move_sigmas=Decimal(3))
VENUE = "binanceusdm"


@pytest.fixture
def said() -> Iterator[list[dict[str, Any]]]:
    """Collect what is logged."""
    lines: list[dict[str, Any]] = []

    def keep(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
        lines.append(dict(line))
        raise structlog.DropEvent

    structlog.configure(processors=[keep], wrapper_class=structlog.make_filtering_bound_logger(20))
    yield lines
    structlog.reset_defaults()


def _codes(lines: list[dict[str, Any]], *wanted: str) -> list[tuple[str, str]]:
    return [(line["code"], line["stream"]) for line in lines if line.get("code") in wanted]


def _looked_at(owner: LiveOwner, trigger: str) -> list[datetime]:
    return [fact.at for fact in owner.facts(LookTaken) if fact.trigger == trigger]


#: Days that went up and down by three in a hundred: what goes beyond is a large move.
PAST = tuple((-timedelta(days=day), "51500" if day % 2 else "50000") for day in range(60, 0, -1))
LEAP = ((10 * MINUTE, "50000"), (10 * MINUTE + timedelta(seconds=2), "58000"))
FALL_OF_A_SHORT = ((10 * MINUTE, "50000"), (10 * MINUTE + timedelta(seconds=2), "70000"))


def _owner(*moves: tuple[timedelta, str], **policy: Any) -> LiveOwner:
    return LiveOwner(script=(*PAST, *moves), **{"watch": SELDOM, "cadence": ON_MOVES} | policy)


def test_a_large_move_is_looked_at_within_seconds(said: list[dict[str, Any]]) -> None:
    owner = _owner(*LEAP)
    begun = owner.exchange.now
    owner.run(12 * MINUTE, is_listening=True)
    looked, *_ = _looked_at(owner, "move")
    assert timedelta(seconds=0) < looked - begun - 10 * MINUTE < timedelta(seconds=10)
    assert owner.held() < 0
    owner.is_well()


def test_without_streams_the_same_move_waits_for_the_interval(said: list[dict[str, Any]]) -> None:
    owner = _owner(*LEAP)
    owner.run(12 * MINUTE)
    assert _looked_at(owner, "move") == []


def test_a_stop_out_is_known_within_seconds(said: list[dict[str, Any]]) -> None:
    owner = _owner(*FALL_OF_A_SHORT, cadence=CadencePolicy(cron="0 0 * * *", move_sigmas=None))
    begun = owner.exchange.now
    owner.run(12 * MINUTE, is_listening=True)
    (fired,) = owner.facts(StopFired)
    assert fired.at - begun < 10 * MINUTE + timedelta(seconds=20)
    assert (BTC, "stop_out") in owner.journal.books.ceilings
    owner.is_well()


def test_a_socket_that_is_silently_dead_is_left_and_costs_nothing_but_time(said: list[dict[str, Any]]) -> None:
    owner = _owner(*LEAP, watch=WatchIntervals(prices=5 * MINUTE))
    begun = owner.exchange.now

    def fall_silent(_bot: Bot, server: WireServer) -> None:
        server.app.is_silent = True

    owner.run(20 * MINUTE, fall_silent, is_listening=True)
    assert _codes(said, "stream_lost", "stream_back") == [("stream_lost", "market")], "an outage is told once"
    assert timedelta(0) < _looked_at(owner, "move")[0] - begun - 10 * MINUTE < 6 * MINUTE
    assert owner.held() < 0
    owner.is_well()


def test_sockets_that_are_dropped_are_opened_again_and_the_account_is_asked(said: list[dict[str, Any]]) -> None:
    owner = _owner(*LEAP)

    async def drop(_bot: Bot, server: WireServer) -> None:
        await server.app.drop_sockets()
        await asyncio.sleep(5)
        # Both are there again.
        assert sorted(len(names) for names in server.app.sockets.values()) == [1, 2]

    owner.run(12 * MINUTE, drop, is_listening=True)
    heard = _codes(said, "stream_lost", "stream_back")
    assert sorted(heard) == [
        ("stream_back", "account"),
        ("stream_back", "market"),
        ("stream_lost", "account"),
        ("stream_lost", "market"),
    ]
    assert _looked_at(owner, "move")
    owner.is_well()


def test_a_venue_that_ends_every_socket_at_once_is_not_called_every_second(said: list[dict[str, Any]]) -> None:
    owner = _owner()

    async def end_each(_bot: Bot, server: WireServer) -> None:
        server.app.requests.clear()
        for _ in range(600):
            await server.app.drop_sockets()
            await asyncio.sleep(0.5)

    owner.run(7 * MINUTE, end_each, is_listening=True)
    assert owner.server is not None
    assert 5 <= owner.server.app.requests["POST /fapi/v1/listenKey"] <= 12
    assert len(_codes(said, "stream_lost")) <= 24


def test_a_listen_key_is_renewed_before_its_hour_is_over(said: list[dict[str, Any]]) -> None:
    owner = _owner()
    owner.run(HOUR + MINUTE, is_listening=True)
    assert owner.server is not None
    asked = owner.server.app.requests
    assert (asked["POST /fapi/v1/listenKey"], asked["PUT /fapi/v1/listenKey"]) == (1, 2)
    assert _codes(said, "stream_lost") == []


def test_a_listen_key_that_has_expired_is_asked_for_again(said: list[dict[str, Any]]) -> None:
    owner = _owner()

    async def expire(_bot: Bot, server: WireServer) -> None:
        for socket, names in list(server.app.sockets.items()):
            if streams.LISTEN_KEY in names:
                await socket.send_json({"e": "listenKeyExpired", "listenKey": streams.LISTEN_KEY})

    owner.run(4 * MINUTE, expire, is_listening=True)
    assert owner.server is not None
    assert owner.server.app.requests["POST /fapi/v1/listenKey"] == 2
    assert _codes(said, "stream_lost", "stream_back") == [("stream_lost", "account"), ("stream_back", "account")]


@pytest.mark.parametrize("garbage", ["<html>", "[1, 2]", '{"e": "markPriceUpdate", "s": "BTCUSDT"}'])
def test_what_makes_no_sense_ends_the_socket_and_not_the_bot(said: list[dict[str, Any]], garbage: str) -> None:
    owner = _owner()

    async def rave(_bot: Bot, server: WireServer) -> None:
        for socket, names in list(server.app.sockets.items()):
            if streams.LISTEN_KEY not in names:
                await socket.send_str(garbage)

    owner.run(4 * MINUTE, rave, is_listening=True)
    assert _codes(said, "stream_lost", "stream_back") == [("stream_lost", "market"), ("stream_back", "market")]


def test_a_stream_that_lies_causes_a_question_and_no_trade(said: list[dict[str, Any]]) -> None:
    owner = _owner()
    seen: list[int] = []

    async def lie(bot: Bot, server: WireServer) -> None:
        before = server.app.requests["GET /fapi/v1/premiumIndex"]
        bot.supervisor._hints.heed(
            bot.desk.venues[VENUE].id,  # type: ignore[index]  # by its plain name
            PriceHint(symbol=BTC_PERP, index_price=Decimal(5)),
        )
        await asyncio.sleep(1)
        seen.append(server.app.requests["GET /fapi/v1/premiumIndex"] - before)

    owner.run(4 * MINUTE, lie, is_listening=True)
    assert seen[0] > 0, "the venue is asked"
    assert _looked_at(owner, "move") == []
    owner.is_well()


def test_however_much_a_stream_says_the_venue_is_asked_seldom(said: list[dict[str, Any]]) -> None:
    owner = _owner()
    seen: list[int] = []

    async def chatter(bot: Bot, server: WireServer) -> None:
        venue_id = next(iter(bot.desk.venues))
        before = server.app.requests["GET /fapi/v3/account"]
        for _ in range(300):
            bot.supervisor._hints.heed(venue_id, AccountHint(why="chatter"))
            await asyncio.sleep(0.1)
        seen.append(server.app.requests["GET /fapi/v3/account"] - before)

    owner.run(4 * MINUTE, chatter, is_listening=True)
    assert 0 < seen[0] <= 14, "two reads every five seconds"


def test_a_price_of_a_contract_that_nobody_knows_is_passed_over(said: list[dict[str, Any]]) -> None:
    owner = _owner()

    def strange(bot: Bot, _server: WireServer) -> None:
        venue_id = next(iter(bot.desk.venues))
        bot.supervisor._hints.heed(venue_id, PriceHint(symbol=Symbol("XYZ/USDT:USDT"), index_price=Decimal(1)))

    owner.run(3 * MINUTE, strange, is_listening=True)
    assert owner.held(Symbol(f"{ETH}/USDT:USDT")) != 0
