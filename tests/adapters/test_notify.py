"""Alerts that are sent elsewhere: whatever the service does, the bot goes on."""

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.adapters import notify
from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import FixedClock
from bot.adapters.notify import SentAlerts, apprise_sender
from bot.domain.errors import ConfigError
from tests.builders import NOW


def _sent(send: notify.Send, minimum: str = "warning") -> SentAlerts:
    return SentAlerts(LogAlerts(FixedClock(NOW)), send, minimum)


def _run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


def _raise(alerts: SentAlerts, severity: str = "critical", cause: str = "x", sentence: str = "it is bad") -> None:
    alerts.raise_alert("unprotected", sentence, severity=severity, cause=cause)


async def _settled(alerts: SentAlerts, task: "asyncio.Task[None]", seen: list[Any], count: int) -> None:
    for _ in range(200):
        if len(seen) >= count:
            break
        await asyncio.sleep(0.01)
    task.cancel()


def test_what_opens_gets_worse_and_ends_is_sent_once_each() -> None:
    seen: list[tuple[str, str]] = []

    async def scene() -> None:
        alerts = _sent(lambda title, body: seen.append((title, body)) is None)
        task = asyncio.create_task(alerts.run())
        _raise(alerts, "warning")
        _raise(alerts, "warning")
        _raise(alerts, "critical")
        alerts.close_alert("unprotected", cause="x")
        alerts.close_alert("unprotected", cause="x")
        await _settled(alerts, task, seen, 3)

    _run(scene)
    assert seen == [
        ("Trimtab warning: unprotected", "it is bad"),
        ("Trimtab critical: unprotected", "it is bad"),
        ("Trimtab: over: unprotected", "x"),
    ]


def test_below_the_least_severity_nothing_is_sent_and_everything_is_open() -> None:
    async def scene() -> None:
        alerts = _sent(lambda *_: True, "critical")
        _raise(alerts, "warning")
        assert len(alerts.open_alerts) == 1
        assert not alerts._queue
        alerts.close_alert("unprotected", cause="x")
        assert not alerts._queue

    _run(scene)


def test_a_service_that_hangs_or_breaks_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_SEND_SECONDS", 0.05)
    hanging, seen = threading.Event(), []

    def send(title: str, body: str) -> bool:
        seen.append(body)
        if body == "hangs":
            hanging.wait(1)
        if body == "breaks":
            raise RuntimeError("secret://address")
        return body != "is refused"

    async def scene() -> None:
        alerts = _sent(send)
        task = asyncio.create_task(alerts.run())
        for place, body in enumerate(("hangs", "breaks", "is refused", "arrives")):
            _raise(alerts, cause=str(place), sentence=body)
        await _settled(alerts, task, seen, 4)
        hanging.set()

    _run(scene)
    assert seen == ["hangs", "breaks", "is refused", "arrives"]


def test_what_is_raised_while_everything_ends_is_sent_before_it_has() -> None:
    """A bot that halts itself has cancelled the task that sends by the time it says so."""
    seen: list[str] = []

    async def scene() -> None:
        alerts = _sent(lambda title, body: seen.append(body) is None)
        task = asyncio.create_task(alerts.run())
        task.cancel()
        _raise(alerts, sentence="the last word")
        await alerts.finish()

    _run(scene)
    assert seen == ["the last word"]


def test_the_last_words_hold_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "_LAST_SECONDS", 0.05)
    hanging = threading.Event()

    async def scene() -> None:
        alerts = _sent(lambda *_: hanging.wait(5))
        _raise(alerts, cause="1")
        _raise(alerts, cause="2")
        await alerts.finish()
        hanging.set()

    _run(scene)


def test_what_does_not_fit_is_dropped_oldest_first_and_counted() -> None:
    async def scene() -> None:
        alerts = _sent(lambda *_: True)
        for place in range(103):
            _raise(alerts, cause=str(place), sentence=str(place))
        assert alerts.dropped == 3
        assert alerts._queue[0][1] == "3"

    _run(scene)


def test_without_apprise_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match=r"pip install 'trimtab\[alerts\]'"):
        apprise_sender(["json://localhost"])


def test_an_address_of_no_kind_is_named_by_its_place_alone() -> None:
    with pytest.raises(ConfigError, match="address 2 is not one that Apprise knows") as told:
        apprise_sender(["json://localhost", "nonsense://secret"])
    assert "secret" not in str(told.value)


def test_the_library_delivers_what_is_sent() -> None:
    received: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert apprise_sender([f"json://127.0.0.1:{server.server_port}/"])("Trimtab critical: unprotected", "no stop")
        thread.join(5)
    [alert] = received
    assert (alert["title"], alert["message"]) == ("Trimtab critical: unprotected", "no stop")


_HANGS_AND_ENDS = """
import asyncio, threading, time
from tests.adapters.test_notify import _raise, _sent
from bot.adapters import notify
notify._SEND_SECONDS = 0.05
async def scene():
    alerts = _sent(lambda *_: threading.Event().wait())
    task = asyncio.create_task(alerts.run())
    for place in range(8):
        _raise(alerts, cause=str(place))
    loop = asyncio.get_running_loop()
    while alerts._queue:
        await asyncio.sleep(0.01)
    await loop.getaddrinfo("127.0.0.1", 80)
    print(len(alerts._threads))
    task.cancel()
asyncio.run(scene())
"""


def test_a_service_that_never_answers_keeps_neither_names_from_being_looked_up_nor_the_process_from_ending() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _HANGS_AND_ENDS],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.stdout.split()[-1] == str(notify._MOST_HANGING)
