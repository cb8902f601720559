"""Secrets that reach an error, on their way through the web adapter, reach neither the caller nor the log."""

import io
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer

from bot.adapters.logs import configure_logging, forget_secrets, redact
from bot.adapters.web.server import WebServer
from bot.domain.errors import BotError, VenueUnavailable
from tests.adapters.web.conftest import BEARER, TOKEN
from tests.adapters.web.fakes import FakeControl

API_SECRET = "canary-api-secret-0815"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions, sys.excepthook)
    stream = io.StringIO()
    configure_logging("json", "debug", stream, lambda: datetime(2026, 1, 1, tzinfo=UTC), secrets=[API_SECRET, TOKEN])
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, logging.raiseExceptions, sys.excepthook = before
    structlog.reset_defaults()
    forget_secrets()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "failure",
    [
        VenueUnavailable(f"GET https://x/?signature={API_SECRET} failed"),
        BotError(f"sent {TOKEN}"),
        RuntimeError(f"{API_SECRET} {TOKEN}"),
    ],
)
async def test_no_secret_leaves(log: io.StringIO, failure: Exception) -> None:
    control = FakeControl()
    control.fail_with(failure)
    server = WebServer(control, "127.0.0.1", 0, TOKEN, redact=redact)
    seen = []
    async with TestClient(TestServer(server.build_app())) as client:
        for path in (
            "/api/v1/plan",
            "/api/v1/status",
            f"/api/v1/status?token={TOKEN}",
            f"/api/v1/{TOKEN}",
            "/",
        ):
            reply = await client.get(path, headers=BEARER)
            seen.append(await reply.text() + str(reply.headers))
        for path in ("/api/v1/halt", "/api/v1/settle", f"/api/v1/{API_SECRET}"):
            reply = await client.post(path, json={"why": TOKEN}, headers=BEARER)
            seen.append(await reply.text() + str(reply.headers))
        await client.get(f"/api/v1/{TOKEN}", headers={"Authorization": f"Basic {TOKEN}"})
    everything = log.getvalue() + "".join(seen)
    assert API_SECRET not in everything
    assert TOKEN not in everything


@pytest.mark.asyncio
async def test_strangers_are_logged_once_a_minute(log: io.StringIO) -> None:
    async with TestClient(TestServer(WebServer(FakeControl(), "127.0.0.1", 0, TOKEN).build_app())) as client:
        for _ in range(5):
            await client.get("/api/v1/status")
    (line,) = log.getvalue().splitlines()
    assert '"event": "http_refused"' in line
    assert '"reason": "token_needed"' in line


@pytest.mark.asyncio
async def test_a_long_path_is_cut_after_its_secrets_are_struck_out(log: io.StringIO) -> None:
    """Cut before, half of a token would have been in the log: not the text that is struck out any more."""
    server = WebServer(FakeControl(), "127.0.0.1", 0, TOKEN, redact=redact)
    path = "/" + "a" * (99 - len(TOKEN) // 2) + TOKEN
    async with TestClient(TestServer(server.build_app())) as client:
        await client.get(path)
    assert "http_refused" in log.getvalue()
    assert TOKEN[: len(TOKEN) // 2] not in log.getvalue()
