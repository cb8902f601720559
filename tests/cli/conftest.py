"""A data folder, settings that point to it, and a bot that answers on loopback."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import structlog

from bot.adapters.logs import forget_secrets
from bot.adapters.web.folder import create_token, write_address
from bot.adapters.web.server import WebServer
from bot.cli.app import run_command_line
from tests.adapters.web.fakes import FakeControl


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Trimtab = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    settings = SimpleNamespace(data_dir=tmp_path, http=SimpleNamespace(token=None), log_format="auto", log_level="info")
    monkeypatch.setattr("bot.cli.context.open_settings", lambda: settings)
    monkeypatch.setattr("bot.cli.context.quiet_logs", lambda _: None)
    yield tmp_path
    structlog.reset_defaults()
    forget_secrets()


@pytest.fixture
def trimtab(folder: Path, capsys: pytest.CaptureFixture[str]) -> Trimtab:
    def run(*words: str) -> Ended:
        code = run_command_line(words)
        out, err = capsys.readouterr()
        return Ended(int(code), out, err)

    return run


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
def daemon(folder: Path, control: FakeControl) -> Iterator[WebServer]:
    """Serve the fake bot from a thread, as another process would."""
    loop = asyncio.new_event_loop()
    server = WebServer(control, "127.0.0.1", 0, create_token(folder))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
    write_address(folder, "127.0.0.1", server.port)
    yield server
    asyncio.run_coroutine_threadsafe(server.stop(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def bootstrap(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put functions in the place of the composition root."""

    def put(**functions: Any) -> None:
        module = ModuleType("bot.daemon")
        module.__dict__.update(functions)
        monkeypatch.setitem(sys.modules, "bot.daemon", module)

    return put
