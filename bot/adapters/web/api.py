"""Which request becomes which word of the ``Control`` port? One short handler each."""

# ruff: noqa: ARG002 - aiohttp hands every handler its request

from aiohttp import web

from bot.adapters.web.bodies import flag_of, needed_number_of, needed_text_of, read_body, text_of
from bot.adapters.web.replies import document_reply
from bot.domain.ids import Asset, Symbol, VenueId
from bot.ports import Control

#: Header in which our own clients say who they are; it only names the caller in the journal.
CLIENT_HEADER = "X-Trimtab-Client"
_OWN_CLIENTS = frozenset({"cli", "page"})
_NO_REASON = "the owner asked"


class Api:
    """The handlers."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def routes(self) -> list[web.RouteDef]:
        """Return every path with its handler."""
        return [
            web.get("/healthz", self.health),
            web.get("/readyz", self.readiness),
            web.get("/api/v1/status", self.status),
            web.get("/api/v1/plan", self.plan),
            web.get("/api/v1/resume-plan", self.resume_plan),
            web.post("/api/v1/halt", self.halt),
            web.post("/api/v1/reduce-only", self.reduce_only),
            web.post("/api/v1/flatten", self.flatten),
            web.post("/api/v1/resume", self.resume),
            web.post("/api/v1/settle", self.settle),
            web.post("/api/v1/adopt", self.adopt),
            web.post("/api/v1/confirm-flow", self.confirm_flow),
        ]

    async def health(self, request: web.Request) -> web.Response:
        """Say one word: is the process alive?"""
        return _word(self._control.health())

    async def readiness(self, request: web.Request) -> web.Response:
        """Say one word: does it do its work?"""
        return _word(self._control.readiness())

    async def status(self, request: web.Request) -> web.Response:
        """Send the status."""
        return document_reply(self._control.status())

    async def plan(self, request: web.Request) -> web.Response:
        """Take a look and send what it would do."""
        return document_reply(await self._control.plan())

    async def halt(self, request: web.Request) -> web.Response:
        """Stop rebalancing."""
        body = await read_body(request, allowed=frozenset({"why", "is_hard"}))
        why = text_of(body, "why") or _NO_REASON
        is_hard = flag_of(body, "is_hard")
        return document_reply(await self._control.halt(_caller(request), why=why, is_hard=is_hard))

    async def reduce_only(self, request: web.Request) -> web.Response:
        """Allow only what shrinks a position."""
        body = await read_body(request, allowed=frozenset({"why"}))
        why = text_of(body, "why") or _NO_REASON
        return document_reply(await self._control.reduce_only(_caller(request), why=why))

    async def flatten(self, request: web.Request) -> web.Response:
        """Close all futures, and halt."""
        await read_body(request, allowed=frozenset())
        return document_reply(await self._control.flatten(_caller(request)))

    async def resume_plan(self, request: web.Request) -> web.Response:
        """Send what a resume would put aside, and what would follow."""
        return document_reply(await self._control.resume_plan())

    async def resume(self, request: web.Request) -> web.Response:
        """Go back to normal."""
        await read_body(request, allowed=frozenset())
        return document_reply(await self._control.resume(_caller(request)))

    async def settle(self, request: web.Request) -> web.Response:
        """Book money moved between hedge profit and holdings."""
        body = await read_body(request, allowed=frozenset({"amount_quote"}))
        amount = needed_number_of(body, "amount_quote")
        return document_reply(await self._control.settle(_caller(request), amount))

    async def adopt(self, request: web.Request) -> web.Response:
        """Make a position ours."""
        body = await read_body(request, allowed=frozenset({"symbol", "venue", "is_gone"}))
        name, is_gone = text_of(body, "venue"), flag_of(body, "is_gone")
        symbol = Symbol(needed_text_of(body, "symbol"))
        venue = None if name is None else VenueId(name)
        return document_reply(await self._control.adopt(_caller(request), venue, symbol, is_gone=is_gone))

    async def confirm_flow(self, request: web.Request) -> web.Response:
        """Accept holdings as they are."""
        body = await read_body(request, allowed=frozenset({"asset", "is_gone"}))
        name, is_gone = text_of(body, "asset"), flag_of(body, "is_gone")
        asset = None if name is None else Asset(name.upper())
        return document_reply(await self._control.confirm_flow(_caller(request), asset, is_gone=is_gone))


def _word(answer: tuple[bool, str]) -> web.Response:
    is_well, word = answer
    return web.Response(text=f"{word}\n", status=200 if is_well else 503)


def _caller(request: web.Request) -> str:
    """Name the caller for the journal."""
    client = request.headers.get(CLIENT_HEADER, "")
    return f"{client if client in _OWN_CLIENTS else 'api'} {request.remote or 'unknown'}"
