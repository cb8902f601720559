"""How is a ccxt client made safe? No replay, no limiter or ids but ours, numbers and errors as the venue writes them.

aiohttp sends idempotent requests a second time when a peer drops the connection, without a word. That is switched off
here, by a private name, so it is proved at every start against a socket of our own that drops what it gets.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.adapters.ccxt.errors import Answered, Banned, TurnedAway
from bot.adapters.ccxt.lean import lean_exchange
from bot.domain.errors import InvariantViolated
from bot.domain.policy import VALIDITY_SENT
from bot.ports import Clock

_RETRY_AFTER = re.compile(r"^\d+(?:\.\d+)?$")
_TOO_MANY = (418, 429)
_FAILED = 400
#: How the venue says that nothing was done: with this status, in a document of its own, in these words.
_UNAVAILABLE, _UNAVAILABLE_WORDS = 503, "Service Unavailable."
_USED_WEIGHT = "X-MBX-USED-WEIGHT-1M"
_TIMEOUT_MS = 9_000
#: A venue's own window for a write: what arrives later is refused.
RECV_WINDOW_MS = VALIDITY_SENT // timedelta(milliseconds=1)
_PROOF_SECONDS = 5.0
#: What changes nothing and has to be posted or put all the same: a read, and leave to listen.
_READS_BY_POST = {
    ("POST", "/sapi/v1/asset/get-funding-asset"),
    ("POST", "/fapi/v1/listenKey"),
    ("PUT", "/fapi/v1/listenKey"),
}
#: Where streams are, as ccxt.pro has it.
_LIVE_STREAMS, _TESTNET_STREAMS = "wss://fstream.binance.com", "wss://fstream.binancefuture.com"


_BinanceUsdm: Any = lean_exchange("binanceusdm")


class BinanceClient(_BinanceUsdm):  # type: ignore[misc] # ccxt carries no types
    """ccxt's client for Binance USDⓈ-M, which says errors as the venue does."""

    #: What time requests are stamped with.
    clock: Clock
    #: How far the clock is ahead of the venue's.
    ahead_ms: int = 0
    #: Told the weight that the venue says was used.
    note_weight: Callable[[int], None] | None = None
    #: Where its sockets are; None: nowhere.
    ws_origin: str | None = None
    #: Requests that this client may send; None: any.
    allows: Callable[[str, str], bool] | None = None

    @property
    def has_wallets(self) -> bool:
        """False on the test network, which has no routes for wallets, keys and transfers."""
        return "sapi" in self.urls["api"]

    def open(self, lazy: bool = False) -> None:
        """Open a session that sends nothing twice, whenever one is opened."""
        super().open(lazy)
        _forbid_replay(self.session)

    def on_json_response(self, body: str) -> Any:
        """Parse a document and leave its numbers as they are written: a float has lost digits already."""
        return json.loads(body, parse_float=str)

    def nonce(self) -> int:
        """Return the venue's time, as far as it is known."""
        return int(self.clock.now().timestamp() * 1000) - self.ahead_ms

    def handle_errors(
        self,
        code: int,
        reason: str,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: str,
        response: Any,
        requestHeaders: Any,  # noqa: N803 - ccxt's name
        requestBody: Any,  # noqa: N803 - ccxt's name
    ) -> None:
        """Raise what the venue says, before ccxt makes a class of it."""
        del method, body, requestHeaders, requestBody
        # Each host counts by itself; the wallet's are not what runs short.
        used = None if "/fapi/" not in url else headers.get(_USED_WEIGHT) or headers.get(_USED_WEIGHT.lower())
        if self.note_weight is not None and used is not None and used.isdigit():
            self.note_weight(int(used))
        if code in _TOO_MANY:
            raise Banned(code, _seconds(headers.get("Retry-After")))
        said = response if isinstance(response, dict) else {}
        told = str(said.get("msg") or reason)[:200]
        if str(said.get("code")).lstrip("-").isdigit() and (number := int(said["code"])) < 0:
            raise Answered(code, number, told)
        if code == _UNAVAILABLE and said.get("msg") == _UNAVAILABLE_WORDS:
            raise TurnedAway(code, 0, told)
        if code >= _FAILED:
            # A firewall, a gateway, a country that is not served: it proves nothing, but the owner is told which.
            raise Answered(code, 0, told)

    async def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Send one request, unless this client may not."""
        if self.allows is not None and not self.allows(method, urlsplit(url).path):
            raise InvariantViolated(f"dry-run: {method} {urlsplit(url).path} must never leave")
        return await super().fetch(url, method, headers, body)


def reads_only(method: str, path: str) -> bool:
    """Return whether a request changes nothing: what a dry run may send."""
    return method == "GET" or (method, path.rstrip("/")) in _READS_BY_POST


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and _RETRY_AFTER.match(text) else None


def open_client(
    *, api_key: str, api_secret: str, rest_url: str | None, ws_url: str | None = None, is_testnet: bool, clock: Clock
) -> BinanceClient:
    """Return a client that sends nothing but what it is told, once. Call it on the loop that will use it.

    ``rest_url`` takes the place of the venue's hosts; paths stay. Without a ``ws_url`` beside it there are no streams:
    another host's account is not to be listened to.
    """
    client = BinanceClient(
        {
            "apiKey": api_key,
            "secret": api_secret,
            "enableRateLimit": False,
            "timeout": _TIMEOUT_MS,
            "options": {
                "recvWindow": RECV_WINDOW_MS,
                "warnOnFetchOpenOrdersWithoutSymbol": False,
                "broker": {"spot": "", "margin": "", "future": "", "swap": "", "delivery": "", "inverse": ""},
            },
        }
    )
    client.clock = clock
    client.has["fetchCurrencies"] = False
    if is_testnet:
        client.enable_demo_trading(True)
    client.ws_origin = _TESTNET_STREAMS if is_testnet else _LIVE_STREAMS
    if rest_url is not None:
        _replace_hosts(client.urls["api"], rest_url)
        client.ws_origin = None
    if ws_url is not None:
        client.ws_origin = ws_url
    return client


def _replace_hosts(urls: dict[str, Any], origin: str) -> None:
    for key, url in urls.items():
        if isinstance(url, str):
            urls[key] = origin + urlsplit(url).path


async def secure_session(client: BinanceClient) -> None:
    """Open the client's session, and see to it that nothing is ever sent twice.

    Raises:
        InvariantViolated: it is.
    """
    client.open()
    async with aiohttp.ClientSession() as probe:
        _forbid_replay(probe)
        await prove_no_replay(probe)


def _forbid_replay(session: aiohttp.ClientSession) -> None:
    # A private name: ``prove_no_replay`` says whether it still means what it did.
    session._retry_connection = False


async def prove_no_replay(session: aiohttp.ClientSession) -> None:
    """Prove with a socket that drops the second request on a connection that a request is sent once.

    Raises:
        InvariantViolated: it was sent again.
    """
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Whoever hangs up asks for nothing more.
        with closing(writer), suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                seen.append(head.split(b" ", 2)[1])
                if seen[-1] != b"/first":
                    return
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(_PROOF_SECONDS):
            async with session.get(f"http://127.0.0.1:{port}/first") as reply:
                await reply.read()
            try:
                async with session.delete(f"http://127.0.0.1:{port}/second") as reply:
                    await reply.read()
            except aiohttp.ClientError:
                pass_on = seen.count(b"/second")
            else:
                pass_on = 0
    finally:
        server.close()
    if pass_on != 1:
        raise InvariantViolated(
            f"a request that was dropped has been sent {pass_on} times: aiohttp sends again, so no order is safe"
        )
