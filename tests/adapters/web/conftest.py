"""A running server with a fake bot behind it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from bot.adapters.metrics import Metrics
from bot.adapters.web.server import WebServer
from tests.adapters.web.fakes import FakeControl

TOKEN = "canary-token-7f3a91c2"
Client = TestClient[Any, Any]
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest_asyncio.fixture
async def client(control: FakeControl) -> AsyncIterator[Client]:
    server = WebServer(control, "127.0.0.1", 0, TOKEN, ["bot.example"], metrics=Metrics(control).render)
    async with TestClient(TestServer(server.build_app())) as running:
        yield running
