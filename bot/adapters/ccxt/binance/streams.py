"""What does Binance tell without being asked? Two sockets, opened again for as long as the bot lives.

What they say is a reason to ask, never an answer: nothing is lost when one is down or silently dead but time, because
every loop goes on asking. A market socket that says nothing for half a minute is taken for dead; the account's, which
may have nothing to say for days, is pinged. After each connection the account is asked, for nobody knows what was
missed.
"""

import asyncio
import json
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import structlog

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls
from bot.adapters.ccxt.client import BinanceClient
from bot.domain.errors import BadPayload, VenueUnavailable
from bot.domain.hints import AccountHint, Hint, PriceHint
from bot.domain.ids import Symbol
from bot.ports import Clock

log = structlog.get_logger()

Heed = Callable[[Hint], None]
Wanted = Callable[[], Sequence[Symbol]]

#: As ccxt.pro 4.5.90 has it: what is public and what is the account's have paths of their own.
_MARKET_PATH, _ACCOUNT_PATH = "/market/ws/0", "/private/ws?listenKey="
#: Mark and index come every second; a socket that is silent for so long is dead.
_SILENT_SECONDS = 30.0
#: A socket whose other end does not answer a ping within this is dead.
_PING_SECONDS = 20.0
#: A listen key ends after an hour that nobody has asked for more.
_KEY_RENEWED = timedelta(minutes=25)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(minutes=1)
#: A connection that has lasted for this long was a good one.
_LASTING_SECONDS = 60.0
#: What ends a socket, one way or another.
_TROUBLE = (aiohttp.ClientError, OSError, TimeoutError, VenueUnavailable, BadPayload)
#: What our own requests have been answered with already.
_NO_NEWS = frozenset({"NEW", "AMENDMENT"})


@dataclass(slots=True)
class _Line:
    """How a connection fares: an outage is told once, and its end once."""

    name: str
    clock: Clock
    pause: timedelta = _FIRST_PAUSE
    lost_at: datetime | None = None
    #: Monotonic second of the newest connection.
    opened_at: float = 0.0

    def note_heard(self) -> None:
        """Take in that it works."""
        if self.lost_at is not None:
            was_lost_at, self.lost_at = self.lost_at.isoformat(), None
            log.info("A stream is back", code="stream_back", stream=self.name, lost_at=was_lost_at)

    def note_lost(self, failure: Exception, *, is_mistake: bool = False) -> None:
        """Take in that it does not. What is no trouble of a network is told each time, with where it happened."""
        if is_mistake:
            log.error(
                "A stream failed for no reason of the network's; it is opened again, and the venue is asked as usual",
                code="stream_failed",
                stream=self.name,
                reason=type(failure).__name__,
                where=_where(failure),
            )
        if self.lost_at is not None:
            return
        self.lost_at = self.clock.now()
        log.warning(
            "A stream is lost; the venue is asked in the usual intervals",
            code="stream_lost",
            stream=self.name,
            reason=_tell(failure),
        )

    def next_pause(self) -> timedelta:
        """Return how long to wait before the next connection: longer each time, until one has lasted.

        That something was heard is not enough: a venue that takes everybody in and throws them out again would be
        called every second, and answer with a ban.
        """
        if self.clock.monotonic() - self.opened_at >= _LASTING_SECONDS:
            self.pause = _FIRST_PAUSE
        pause, self.pause = self.pause, min(2 * self.pause, _LONGEST_PAUSE)
        return pause


Hear = Callable[[_Line], Coroutine[Any, Any, None]]


class Streams:
    """The sockets of one account."""

    def __init__(self, client: BinanceClient, calls: Calls, listing: Listing, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._listing = listing
        self._clock = clock

    def all(self, wanted: Wanted, heed: Heed) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
        """Return what listens; none where the venue's host was replaced and that of its sockets was not."""
        if self._client.ws_origin is None:
            return ()

        async def market() -> None:
            await self._keep(_Line("market", self._clock), heed, partial(self._hear_market, wanted, heed))

        async def account() -> None:
            await self._keep(_Line("account", self._clock), heed, partial(self._hear_account, heed))

        return market, account

    async def _keep(self, line: _Line, heed: Heed, hear: Hear) -> None:
        """Listen, and again after each end."""
        while True:
            line.opened_at = self._clock.monotonic()
            try:
                await hear(line)
            except _TROUBLE as failure:
                line.note_lost(failure)
            except Exception as failure:  # noqa: BLE001 - whatever it is, REST goes on
                # A mistake of ours, or what nobody thought of. A stream is a hint: nothing may end the bot for it.
                line.note_lost(failure, is_mistake=True)
            heed(AccountHint(why=f"the {line.name} stream was interrupted"))
            await self._clock.sleep(line.next_pause())

    async def _hear_market(self, wanted: Wanted, heed: Heed, line: _Line) -> None:
        names = [self._listing.names[symbol].lower() for symbol in wanted() if symbol in self._listing.names]
        if not names:
            raise VenueUnavailable("no contract to listen to is known yet")
        async with self._socket(_MARKET_PATH) as socket:
            await socket.send_json(
                {"method": "SUBSCRIBE", "params": [f"{name}@markPrice@1s" for name in names], "id": 1}
            )
            while True:
                row = _event(await _receive(socket, _SILENT_SECONDS))
                if row.get("e") != "markPriceUpdate":
                    continue
                line.note_heard()
                symbol = self._listing.symbols.get(translate.text(row, "s"))
                if symbol is not None:
                    heed(PriceHint(symbol=symbol, index_price=translate.number(row, "i") / translate.coins_in(symbol)))

    async def _hear_account(self, heed: Heed, line: _Line) -> None:
        key = translate.text(await self._calls.read("fapiPrivatePostListenKey"), "listenKey")
        renewed_at = self._clock.now()
        async with self._socket(_ACCOUNT_PATH + key) as socket:
            line.note_heard()
            heed(AccountHint(why="listening to the account"))
            while True:
                try:
                    message = await _receive(socket, self._renewal_due(renewed_at))
                except TimeoutError:
                    await self._calls.read("fapiPrivatePutListenKey")
                    renewed_at = self._clock.now()
                    continue
                row = _event(message)
                if row.get("e") == "listenKeyExpired":
                    raise VenueUnavailable("the listen key has expired")
                why = _news(row)
                if why is not None:
                    heed(AccountHint(why=why))

    def _renewal_due(self, renewed_at: datetime) -> float:
        return max(0.0, (renewed_at + _KEY_RENEWED - self._clock.now()).total_seconds())

    @asynccontextmanager
    async def _socket(self, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        session: aiohttp.ClientSession = self._client.session
        async with session.ws_connect(f"{self._client.ws_origin}{path}", heartbeat=_PING_SECONDS) as socket:
            yield socket


async def _receive(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> aiohttp.WSMessage:
    """Return the next message.

    Raises:
        TimeoutError: there was none in time. aiohttp's own timeout begins anew with every ping that is answered.
    """
    async with asyncio.timeout(seconds):
        return await socket.receive()


def _event(message: aiohttp.WSMessage) -> Row:
    """Return what a message says.

    Raises:
        VenueUnavailable: the socket has ended.
        BadPayload: it says nothing that can be understood.
    """
    if message.type is not aiohttp.WSMsgType.TEXT:
        raise VenueUnavailable("the socket was closed")
    try:
        row = json.loads(message.data)
    except ValueError as failure:
        raise BadPayload("binanceusdm: a stream says what is no JSON") from failure
    if not isinstance(row, dict):
        raise BadPayload("binanceusdm: a stream says what is no event")
    return row


def _news(row: Row) -> str | None:
    """Return what has happened in the account; None for what our own request was answered with."""
    match row:
        case {"e": "ORDER_TRADE_UPDATE", "o": {"x": execution}} if execution not in _NO_NEWS:
            return f"an order: {execution}"
        case {"e": "ALGO_UPDATE", "o": {"X": status}} if status not in _NO_NEWS:
            return f"a conditional order: {status}"
        case {"e": "ACCOUNT_UPDATE", "a": {"m": reason}} if reason != "ORDER":
            return f"the account: {reason}"
        case {"e": "MARGIN_CALL"}:
            return "a margin call"
        case _:
            return None


def _where(failure: Exception) -> str:
    """Return file and line of a failure, innermost last; its words may carry the listen key."""
    frames = traceback.extract_tb(failure.__traceback__)[-4:]
    return " > ".join(f"{Path(one.filename).name}:{one.lineno}" for one in frames)


def _tell(failure: BaseException) -> str:
    # Addresses carry the listen key.
    return str(failure) if isinstance(failure, VenueUnavailable | BadPayload) else type(failure).__name__
