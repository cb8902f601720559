"""How does a request become a reply? Weighed, let in, answered, and on the way back whatever is to go wrong."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

from bot.exchange.orders import Refused
from bot.exchange.wire.binance.errors import WireError, of_refusal
from bot.exchange.wire.binance.request import Doorkeeper, Request
from bot.exchange.wire.binance.routes import ROUTES, Route, Security
from bot.exchange.wire.binance.state import Served
from bot.exchange.wire.binance.streams import LISTEN_KEY, AccountEvents, market_event
from bot.exchange.wire.binance.weights import Weights
from bot.exchange.wire.faults import WireEffect, WireFaults, WireRule
from bot.exchange.wire.gate import Gate

_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
#: How long a connection that hears nothing is kept.
_HANG_SECONDS = 120.0
_BODY_BYTES = 64 * 1024


class BinanceApp:
    """The routes and sockets of one account."""

    def __init__(self, served: Served, doorkeeper: Doorkeeper, faults: WireFaults) -> None:
        self.served = served
        self.faults = faults
        self.gate = Gate()
        #: Each host counts by itself.
        self.weights = {house: Weights() for house in ("fapi", "api", "sapi")}
        #: True while nothing is told to anyone who listens.
        self.is_silent = False
        self._doorkeeper = doorkeeper
        self._events = AccountEvents(served)
        #: What each socket listens to.
        self.sockets: dict[web.WebSocketResponse, set[str]] = {}
        #: How often each route was asked.
        self.requests: Counter[str] = Counter()

    # --- requests

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.requests[f"{http.method} {http.path}"] += 1
        route = ROUTES.get((http.method, http.path))
        if route is None:
            return web.Response(status=404, text=_PAGE, content_type="text/html")
        request = Request(
            method=http.method,
            path=http.path,
            query=http.rel_url.raw_query_string,
            body=(await http.read()).decode("utf-8", "replace"),
            api_key=http.headers.get("X-MBX-APIKEY"),
        )
        trap = self.gate.catch(http.method, http.path)
        if trap is not None and not trap.executed:
            await self.gate.hold(f"{http.method} {http.path}")
        rule = self.faults.meet(http.method, http.path)
        if rule is not None:
            return await self._go_wrong(http, request, route, rule)
        status, body, headers = self._answer(request, route)
        await self._tell_account()
        if trap is not None and trap.executed:
            await self.gate.hold(f"{http.method} {http.path}")
        return web.json_response(body, status=status, headers=headers)

    def _answer(self, request: Request, route: Route) -> tuple[int, Any, dict[str, str]]:
        """Do what is asked; return status, document and headers."""
        served = self.served
        served.reach()
        weights = self.weights[request.path.split("/")[1]]
        try:
            weights.take(
                route.weight_of(request.params),
                is_order=route.is_order,
                now_ms=served.now_ms,
                limit=served.weight_limit,
            )
            if route.security is Security.SIGNED:
                self._doorkeeper.check_signature(request, served.now_ms)
            elif route.security is Security.KEY:
                self._doorkeeper.check_key(request)
            body = route.answer(served, request.params)
        except WireError as error:
            headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
            return error.status, error.body(), weights.headers | headers
        except Refused as refusal:
            said = of_refusal(refusal)
            return said.status, said.body(), weights.headers
        return 200, body, weights.headers

    async def _go_wrong(self, http: web.Request, request: Request, route: Route, rule: WireRule) -> web.StreamResponse:
        body: Any = {}
        if rule.executed:
            _, body, _ = self._answer(request, route)
            await self._tell_account()
        if rule.effect is WireEffect.BAN:
            for weights in self.weights.values():
                weights.ban(self.served.now_ms + int(rule.seconds * 1000))
            _, body, headers = self._answer(request, route)
            return web.json_response(body, status=418, headers=headers)
        return await _REPLIES[rule.effect](http, rule, body)

    # --- sockets

    async def listen(self, http: web.Request) -> web.StreamResponse:
        """Serve one socket: combined or single streams, and the account's."""
        socket = web.WebSocketResponse(heartbeat=30, max_msg_size=_BODY_BYTES)
        await socket.prepare(http)
        streams = {name for name in http.query.get("streams", "").split("/") if name}
        asked = http.query.get("listenKey") or http.match_info.get("tail", "").rpartition("/")[2]
        if asked and not asked.isdigit() and asked not in ("ws", "stream"):
            streams.add(asked)
        self.sockets[socket] = streams
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._subscribe(socket, message.data)
        finally:
            self.sockets.pop(socket, None)
        return socket

    async def _subscribe(self, socket: web.WebSocketResponse, text: str) -> None:
        try:
            asked = json.loads(text)
            method, names = asked["method"], [str(name) for name in asked.get("params", [])]
        except (ValueError, KeyError, TypeError):
            await socket.send_json({"error": {"code": 3, "msg": "Invalid JSON"}})
            return
        if method == "SUBSCRIBE":
            self.sockets[socket].update(names)
        elif method == "UNSUBSCRIBE":
            self.sockets[socket].difference_update(names)
        result = sorted(self.sockets[socket]) if method == "LIST_SUBSCRIPTIONS" else None
        await socket.send_json({"result": result, "id": asked.get("id")})

    async def beat(self) -> None:
        """Let time pass, and tell everyone who listens."""
        self.served.reach()
        await self._tell_account()
        for socket, streams in list(self.sockets.items()):
            for stream in sorted(streams):
                if "@" in stream and not self.is_silent:
                    await _send(socket, self._market_event(stream))

    def _market_event(self, stream: str) -> dict[str, Any]:
        try:
            return market_event(self.served, stream)
        except WireError as error:
            return {"error": error.body()}

    async def _tell_account(self) -> None:
        for event in self._events.take():
            for socket, streams in list(self.sockets.items()):
                if LISTEN_KEY in streams and not self.is_silent:
                    await _send(socket, event)

    async def drop_sockets(self) -> None:
        """Close every socket, as venues do once a day and whenever they please."""
        for socket in list(self.sockets):
            transport = socket._req.transport if socket._req is not None else None
            if transport is not None:
                transport.abort()


async def _send(socket: web.WebSocketResponse, document: dict[str, Any]) -> None:
    # Whoever has gone hears nothing.
    with contextlib.suppress(ConnectionError, RuntimeError):
        await socket.send_json(document)


# --- replies that go wrong -----------------------------------------------------------------------


async def _drop(http: web.Request, _rule: WireRule, _body: Any) -> web.StreamResponse:
    if http.transport is not None:
        http.transport.abort()
    raise asyncio.CancelledError


async def _hang(http: web.Request, rule: WireRule, body: Any) -> web.StreamResponse:
    await asyncio.sleep(rule.seconds or _HANG_SECONDS)  # noqa: TID251 - a socket lives in the time of the machine
    return await _drop(http, rule, body)


async def _delay(_http: web.Request, rule: WireRule, body: Any) -> web.StreamResponse:
    await asyncio.sleep(rule.seconds)  # noqa: TID251 - as above
    return web.json_response(body)


async def _html(_http: web.Request, _rule: WireRule, _body: Any) -> web.StreamResponse:
    return web.Response(text=_PAGE, content_type="text/html")


async def _empty(_http: web.Request, _rule: WireRule, _body: Any) -> web.StreamResponse:
    return web.Response(text="", content_type="application/json")


async def _half_right(_http: web.Request, _rule: WireRule, _body: Any) -> web.StreamResponse:
    return web.json_response({"success": True, "data": []})


async def _truncated(http: web.Request, _rule: WireRule, body: Any) -> web.StreamResponse:
    whole = json.dumps(body).encode()
    reply = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
    # Whoever has gone hears nothing.
    with contextlib.suppress(ConnectionError):
        await reply.prepare(http)
        await reply.write(whole[: len(whole) // 2])
    return await _drop(http, _rule, body)


async def _status(_http: web.Request, rule: WireRule, _body: Any) -> web.StreamResponse:
    return web.Response(status=rule.status, text=_PAGE, content_type="text/html")


async def _code(_http: web.Request, rule: WireRule, _body: Any) -> web.StreamResponse:
    return web.json_response({"code": rule.code, "msg": "as was asked for"}, status=400)


_REPLIES: dict[WireEffect, Callable[[web.Request, WireRule, Any], Awaitable[web.StreamResponse]]] = {
    WireEffect.DROP: _drop,
    WireEffect.HANG: _hang,
    WireEffect.DELAY: _delay,
    WireEffect.HTML: _html,
    WireEffect.EMPTY: _empty,
    WireEffect.HALF_RIGHT: _half_right,
    WireEffect.TRUNCATED: _truncated,
    WireEffect.STATUS: _status,
    WireEffect.CODE: _code,
}
