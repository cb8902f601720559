"""A venue on loopback that says what it is told to say, breaks as it is told to break, and counts what it is asked."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from bot.adapters.ccxt.binance.venue import BinanceUsdm
from bot.adapters.ccxt.client import open_client
from bot.adapters.clock import LoopClock, SimulatedLoop
from tests.adapters.ccxt import payloads

KEY, SECRET = "canary-key-4711", "canary-secret-4711"
PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: str

    @property
    def route(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"


# --- what may come back --------------------------------------------------------------------------


def says(document: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with a document."""

    async def answer(_http: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(text=json.dumps(document), status=status, headers=named, content_type="application/json")

    return answer


def refuses(code: int, status: int = 400, message: str = "as was asked for", **headers: str) -> Answer:
    """Answer with an error of the venue's own."""
    return says({"code": code, "msg": message}, status, **headers)


def shows_page(status: int = 200, **headers: str) -> Answer:
    """Answer with a page, as whoever stands before the venue does."""

    async def answer(_http: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(text=PAGE, status=status, headers=named, content_type="text/html")

    return answer


def writes(text: str, kind: str = "application/json") -> Answer:
    """Answer with 200 and this text."""

    async def answer(_http: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=kind)

    return answer


async def drops(http: web.Request) -> web.StreamResponse:
    """Close the connection without a word."""
    assert http.transport is not None
    http.transport.abort()
    raise asyncio.CancelledError


async def hangs(http: web.Request) -> web.StreamResponse:
    """Answer after everybody has given up."""
    await asyncio.sleep(600)
    return await drops(http)


def cuts_short(document: Any) -> Answer:
    """Announce a document, and send half of it."""

    async def answer(http: web.Request) -> web.StreamResponse:
        whole = json.dumps(document).encode()
        reply = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
        await reply.prepare(http)
        await reply.write(whole[: len(whole) // 2])
        return await drops(http)

    return answer


# --- the venue -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Wire:
    """The routes, what each says next, and what was asked. The last answer of a route is given again and again."""

    asked: list[Asked] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    url: str = ""
    _runner: web.AppRunner | None = None

    def answer(self, route: str, *answers: Answer) -> None:
        """Let a route answer like this from now on."""
        self.answers[route] = list(answers)

    def say(self, route: str, *documents: Any) -> None:
        """Let a route answer with these documents, one after the other."""
        self.answer(route, *(says(document) for document in documents))

    def sent(self, route: str) -> list[Asked]:
        """Return what a route was asked."""
        return [one for one in self.asked if one.route == route]

    async def start(self) -> None:
        """Listen on a free port."""
        application = web.Application()
        application.add_routes([web.route("*", "/{tail:.*}", self._handle)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, http: web.Request) -> web.StreamResponse:
        body = await http.text()
        pairs = [*parse_qsl(http.rel_url.raw_query_string, keep_blank_values=True), *parse_qsl(body)]
        asked = Asked(http.method, http.path, dict(pairs), dict(http.headers), body)
        self.asked.append(asked)
        queue = self.answers.get(asked.route)
        if queue is None:
            return web.Response(status=404, text=PAGE, content_type="text/html")
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        return await answer(http)


def usual() -> Wire:
    """Return a venue with an account that is fit to be traded, and nothing open in it."""
    wire = Wire()
    for route, document in {
        "GET /fapi/v1/time": {"serverTime": payloads.NOW_MS},
        "GET /fapi/v1/exchangeInfo": payloads.EXCHANGE_INFO,
        "GET /fapi/v1/leverageBracket": payloads.LEVERAGE_BRACKET,
        "GET /fapi/v1/symbolConfig": payloads.SYMBOL_CONFIG,
        "GET /fapi/v1/commissionRate": payloads.COMMISSION_RATE,
        "GET /fapi/v1/positionSide/dual": {"dualSidePosition": False},
        "GET /fapi/v1/multiAssetsMargin": {"multiAssetsMargin": False},
        "GET /api/v3/account": payloads.SPOT_ACCOUNT,
        "POST /sapi/v1/asset/get-funding-asset": payloads.FUNDING_ASSET,
        "GET /sapi/v1/asset/wallet/balance": payloads.WALLETS,
        "GET /sapi/v1/account/apiRestrictions": payloads.KEY,
        "GET /fapi/v3/account": payloads.FUTURES_ACCOUNT,
        "GET /fapi/v3/positionRisk": [],
        "GET /fapi/v1/openOrders": [],
        "GET /fapi/v1/openAlgoOrders": [],
        "GET /fapi/v1/income": [],
        "GET /fapi/v1/userTrades": [],
        "GET /fapi/v1/fundingRate": [],
        "GET /fapi/v1/fundingInfo": [],
    }.items():
        wire.say(route, document)
    return wire


@dataclass(frozen=True, slots=True)
class Scene:
    """A venue, an adapter that is connected to it, and the clock that both live by."""

    wire: Wire
    venue: BinanceUsdm
    clock: LoopClock


Play = Callable[[Callable[[Scene], Awaitable[None]]], None]


def connect(wire: Wire, clock: Any, kind: type[BinanceUsdm] = BinanceUsdm, **changes: Any) -> BinanceUsdm:
    """Return an adapter that is pointed at a venue, not started."""
    terms: dict[str, Any] = {"api_key": KEY, "api_secret": SECRET, "rest_url": wire.url, "is_testnet": False}
    return kind(open_client(**(terms | changes), clock=clock), clock)


def play(
    scene: Callable[[Scene], Awaitable[None]],
    *,
    wire: Wire | None = None,
    kind: type[BinanceUsdm] = BinanceUsdm,
    is_started: bool = True,
    **changes: Any,
) -> None:
    """Run a scene on a loop whose time jumps while the wire is quiet, so that nobody waits for a timeout."""
    loop = SimulatedLoop(allow_io=True)

    async def act() -> None:
        served = wire or usual()
        await served.start()
        clock = LoopClock(loop, payloads.NOW)
        venue = connect(served, clock, kind, **changes)
        try:
            if is_started:
                await venue.start()
                served.asked.clear()
            await scene(Scene(served, venue, clock))
        finally:
            await venue.stop()
            await served.stop()

    try:
        loop.run_until_complete(act())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def failure_of(call: Awaitable[Any], kind: type[Exception] = Exception) -> Any:
    """Return what a call raises."""
    with pytest.raises(kind) as caught:
        await call
    return caught.value
