"""How does the API answer, also when it refuses?

A refusal is one JSON document, ``trimtab.error/1``, with a stable code and a sentence that says how to mend it.
"""

import json
from typing import Any

from aiohttp import web

from bot.domain import errors

ERROR_SCHEMA = "trimtab.error/1"


class RequestRefused(Exception):
    """A request that is not served."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


def document_reply(document: dict[str, Any], status: int = 200) -> web.Response:
    """Send one JSON document."""
    return web.Response(text=json.dumps(document, ensure_ascii=False), status=status, content_type="application/json")


def error_reply(status: int, code: str, message: str) -> web.Response:
    """Send one refusal."""
    return document_reply({"schema": ERROR_SCHEMA, "code": code, "message": message}, status)


#: First match wins; what is not listed is a bug of ours and is not explained to the caller.
_STATUS_OF: tuple[tuple[type[errors.BotError], int, str], ...] = (
    (errors.BadPayload, 400, "bad_value"),
    (errors.ConfigError, 400, "bad_value"),
    (errors.DataError, 503, "data_unusable"),
    (errors.VenueRefused, 409, "venue_refused"),
    (errors.VenueError, 503, "venue_unavailable"),
    (errors.JournalError, 503, "journal_unusable"),
    (errors.InvariantViolated, 500, "invariant_violated"),
    (errors.BotError, 409, "refused"),
)


def refusal_of(failure: errors.BotError) -> tuple[int, str]:
    """Return the status and code that a failure of the bot is answered with."""
    for kind, status, code in _STATUS_OF:
        if isinstance(failure, kind):
            return status, code
    raise AssertionError("BotError is the last of the table")
