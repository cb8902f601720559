"""What does a command's body say? Strictly: one JSON object, known keys, the right types, nothing else."""

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from bot.adapters.web.replies import RequestRefused
from bot.domain.errors import BadPayload
from bot.domain.units import is_plausible, to_decimal

MAX_BODY_BYTES = 64 * 1024
_MAX_TEXT = 200
_READ_DEADLINE_S = 10.0


async def read_body(request: web.Request, *, allowed: frozenset[str]) -> Mapping[str, Any]:
    """Return the object that was posted; an empty body counts as an empty object.

    Raises:
        RequestRefused: not JSON, not an object, or a key that the command does not know.
    """
    if request.content_type != "application/json":
        raise RequestRefused(415, "json_needed", "send the body as 'Content-Type: application/json'")
    try:
        async with asyncio.timeout(_READ_DEADLINE_S):
            raw = await request.read()
    except TimeoutError:
        raise RequestRefused(408, "body_too_slow", "the body did not arrive in time") from None
    content = _parse(raw) if raw.strip() else {}
    if not isinstance(content, dict):
        raise RequestRefused(400, "bad_body", "the body must be a JSON object")
    unknown = sorted(set(content) - allowed)
    if unknown:
        takes = ", ".join(sorted(allowed)) or "no keys"
        raise RequestRefused(400, "unknown_key", f"unknown key in the body; this command takes {takes}")
    return content


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise RequestRefused(400, "bad_json", "the body is not valid JSON") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def text_of(body: Mapping[str, Any], key: str) -> str | None:
    """Return a short printable text, None where the key is absent or null.

    Raises:
        RequestRefused: something else than such a text.
    """
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT or not value.isprintable():
        raise RequestRefused(400, "bad_value", f"{key} must be a text of 1 to {_MAX_TEXT} printable characters")
    return value.strip()


def flag_of(body: Mapping[str, Any], key: str) -> bool:
    """Return true or false; false where the key is absent or null.

    Raises:
        RequestRefused: something else.
    """
    value = body.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise RequestRefused(400, "bad_value", f"{key} must be true or false")
    return value


def needed_text_of(body: Mapping[str, Any], key: str) -> str:
    """Return a text that must be there.

    Raises:
        RequestRefused: it is not.
    """
    value = text_of(body, key)
    if not value:
        raise RequestRefused(400, "missing_key", f"{key} is missing")
    return value


def needed_number_of(body: Mapping[str, Any], key: str) -> Decimal:
    """Return an exact number, given as text or as a JSON number.

    Raises:
        RequestRefused: it is missing or not a number.
    """
    value = body.get(key)
    if value is None:
        raise RequestRefused(400, "missing_key", f"{key} is missing")
    try:
        number = to_decimal(value)
    except BadPayload:
        raise RequestRefused(400, "bad_value", f'{key} must be a number, such as "125.50"') from None
    if not is_plausible(number):
        raise RequestRefused(400, "bad_value", f"{key} must be neither smaller than 1e-12 nor larger than 1e15")
    return number
