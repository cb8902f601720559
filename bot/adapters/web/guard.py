"""Who may ask what?

Rules of this file: whatever is not named as public wants the token, also a path that does not exist; a check that
compares with the token takes the same time whatever is sent; nothing that was sent is repeated in an answer or a log
line, except the path.

``/healthz`` and ``/readyz`` answer anyone, under any name: probes of a container platform ask by address.
"""

import asyncio
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web

from bot.adapters.web.folder import CHALLENGE_HEADER, MAX_CHALLENGE, PROOF_HEADER, proof_of
from bot.adapters.web.replies import RequestRefused, error_reply, refusal_of
from bot.domain.errors import BotError

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PUBLIC_PROBES = frozenset({"/healthz", "/readyz"})
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_WILDCARDS = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound

_HOST = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::\d{1,5})?\Z")
_TOKEN_NAMES = frozenset({"token", "access_token", "auth", "authorization", "bearer", "api_key", "apikey", "key"})
_LOG_REFUSALS_EVERY_S = 60.0

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Server": "trimtab",
}


class Guard:
    """The checks that stand before every handler."""

    def __init__(
        self,
        *,
        token: str,
        host: str,
        allowed_hosts: frozenset[str],
        public_paths: frozenset[str],
        redact: Callable[[str], str],
    ) -> None:
        if not token:
            raise ValueError("an empty token would let everybody in")
        self._token = token
        self._token_digest = hashlib.sha256(token.encode()).digest()
        own = {host.lower()} - _WILDCARDS
        self._hosts = LOOPBACK_NAMES | own | {name.lower() for name in allowed_hosts}
        self._public_paths = public_paths
        self._redact = redact
        self._silent_until = 0.0

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check, serve, and dress the answer."""
        response = await self._answer(request, handler)
        for name, value in _HEADERS.items():
            response.headers[name] = value
        response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
        challenge = request.headers.get(CHALLENGE_HEADER)
        if challenge and len(challenge) <= MAX_CHALLENGE and request.path in PUBLIC_PROBES:
            # Whoever asks learns that this is the daemon of its data folder, before it sends the token.
            response.headers[PROOF_HEADER] = proof_of(self._token, challenge)
        return response

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            self._check(request)
            return await handler(request)
        except RequestRefused as refusal:
            self._note(request, refusal)
            response = error_reply(refusal.status, refusal.code, str(refusal))
            response.headers.update(refusal.headers)
            return response
        except web.HTTPException as refusal:
            # aiohttp's own: no such path, wrong method, body too large.
            response = error_reply(refusal.status, _code_of(refusal), _sentence_of(refusal))
            if hdrs.ALLOW in refusal.headers:
                response.headers[hdrs.ALLOW] = refusal.headers[hdrs.ALLOW]
            return response
        except BotError as failure:
            status, code = refusal_of(failure)
            return error_reply(status, code, self._redact(str(failure)))
        except Exception:  # the caller must not see it, the log must
            log.exception("A request failed", code="http_failed", path=request.path)
            return error_reply(500, "internal_error", "something failed inside; the log says what")

    def _check(self, request: web.Request) -> None:
        if request.path in PUBLIC_PROBES:
            return
        self._check_host(request)
        self._check_query(request)
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            self._check_origin(request)
        if request.path not in self._public_paths:
            self._check_token(request)

    def _check_host(self, request: web.Request) -> None:
        """Stop a foreign page that made its own name point here."""
        match = _HOST.match(request.headers.get(hdrs.HOST, ""))
        name = (match["six"] or match["name"]).lower() if match else ""
        if name not in self._hosts:
            raise RequestRefused(
                403,
                "host_not_allowed",
                "this name is not served here: use 127.0.0.1, or add the name to TRIMTAB_HTTP__ALLOWED_HOSTS",
            )

    def _check_query(self, request: web.Request) -> None:
        names = {name.lower() for name in request.query}
        if names & _TOKEN_NAMES or self._token in request.query_string:
            raise RequestRefused(
                400, "token_in_query", "send the token as 'Authorization: Bearer …', never in the address"
            )

    def _check_origin(self, request: web.Request) -> None:
        """Stop a foreign page that makes a browser send commands."""
        origin = request.headers.get(hdrs.ORIGIN)
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if site not in {"same-origin", "none"} or (origin is not None and not _is_same(origin, request)):
            raise RequestRefused(403, "foreign_origin", "commands are taken from this page or a program, nowhere else")

    def _check_token(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        digest = hashlib.sha256(given.strip().encode("utf-8", "surrogateescape")).digest()
        is_right = hmac.compare_digest(digest, self._token_digest)
        if scheme.lower() != "bearer" or not is_right:
            raise RequestRefused(
                401,
                "token_needed",
                "send 'Authorization: Bearer …' with the token: TRIMTAB_HTTP__TOKEN, or the file 'token' of the"
                " data folder",
                {hdrs.WWW_AUTHENTICATE: "Bearer"},
            )

    def _note(self, request: web.Request, refusal: RequestRefused) -> None:
        """Log refused strangers, at a rate that they cannot drive."""
        instant = asyncio.get_running_loop().time()
        if refusal.status in {401, 403} and instant >= self._silent_until:
            self._silent_until = instant + _LOG_REFUSALS_EVERY_S
            log.warning(
                "A request was refused",
                code="http_refused",
                reason=refusal.code,
                remote=request.remote,
                path=self._redact(request.path)[:100],
            )


def _is_same(origin: str, request: web.Request) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == request.headers.get(hdrs.HOST, "").lower()


def _code_of(refusal: web.HTTPException) -> str:
    known = {404: "no_such_path", 405: "wrong_method", 413: "body_too_large"}
    return known.get(refusal.status, "bad_request" if refusal.status < 500 else "internal_error")


def _sentence_of(refusal: web.HTTPException) -> str:
    known = {
        404: "there is nothing at this path",
        405: "this path does not take this method",
        413: "the body is larger than 64 KiB",
    }
    return known.get(refusal.status, refusal.reason)
