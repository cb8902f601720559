"""Can a request be caught on its way, and let go when its sender is gone?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from bot.adapters.ccxt.client import _replace_hosts
from bot.adapters.clock import SystemClock
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange
from bot.exchange.wire.gate import Trap
from bot.exchange.wire.server import API_KEY, API_SECRET, Address, WireServer

ORDER = ("ETH/USDT:USDT", "limit", "buy", 0.01, 1500)


@pytest.fixture
async def served() -> AsyncIterator[tuple[WireServer, Address]]:
    now = SystemClock().now
    server = WireServer(open_exchange(ExchangeConfig(market=MarketKind.STATIC, start=now()), None), now)
    address = await server.start("127.0.0.1", 0)
    yield server, address
    await server.stop()


@pytest.fixture
async def client(served: tuple[WireServer, Address]) -> AsyncIterator[Any]:
    one = ccxt.binanceusdm({"apiKey": API_KEY, "secret": API_SECRET, "enableRateLimit": False})
    one.has["fetchCurrencies"] = False
    _replace_hosts(one.urls["api"], served[1].rest_url)
    await one.load_markets()
    yield one
    await one.close()


async def _sent(address: Address) -> int:
    async with aiohttp.ClientSession() as session, session.get(f"{address.admin_url}/standing") as reply:
        return int((await reply.json())["sent"])


async def test_an_order_arrives_when_the_one_who_sent_it_is_gone(
    served: tuple[WireServer, Address], client: Any
) -> None:
    server, address = served
    server.app.gate.arm(Trap(method="POST", path="/fapi/v1/order"))
    sending = asyncio.ensure_future(client.create_order(*ORDER))
    assert await server.app.gate.arrival(20) == "POST /fapi/v1/order"
    assert await _sent(address) == 0
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    server.app.gate.open()
    async with asyncio.timeout(20):
        while not await _sent(address):
            pass


async def test_an_order_is_executed_and_its_answer_held(served: tuple[WireServer, Address], client: Any) -> None:
    _, address = served
    async with aiohttp.ClientSession() as session:
        trap = {"method": "POST", "path": "/fapi/v1/order", "executed": True, "skip": 1}
        await session.post(f"{address.admin_url}/gate", json=trap)
        await client.create_order(*ORDER)
        sending = asyncio.ensure_future(client.create_order(*ORDER))
        async with session.get(f"{address.admin_url}/gate?wait=20") as reply:
            assert (await reply.json())["held"] == "POST /fapi/v1/order"
        async with session.get(f"{address.admin_url}/standing") as reply:
            assert len((await reply.json())["orders"]) == 2
        assert not sending.done()
        await session.post(f"{address.admin_url}/gate", json={})
        assert (await sending)["status"] == "open"
        await client.create_order(*ORDER)


async def test_nothing_is_held_where_nothing_fits(served: tuple[WireServer, Address], client: Any) -> None:
    server, _ = served
    server.app.gate.arm(Trap(method="DELETE"))
    await client.create_order(*ORDER)
    assert await server.app.gate.arrival(0) is None
