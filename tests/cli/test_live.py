"""``status --live`` stays, shows it anew, and leaves when asked."""

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.adapters.web.server import WebServer
from bot.domain.errors import VenueUnavailable
from tests.adapters.web.fakes import FakeControl
from tests.cli.conftest import Trimtab

_PATIENCE_SECONDS = 30


class Terminal:
    """A process that believes somebody is looking."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._here, there = pty.openpty()
        termios.tcsetwinsize(there, (60, 100))
        own = {"TRIMTAB_DATA_DIR": str(folder), "TERM": "xterm"}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TRIMTAB_")} | own
        command = [sys.executable, "-m", "bot", *words]
        # Tests that run in the background may have been told to ignore the interrupt, and would hand that down.
        was = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(
                command, stdin=there, stdout=there, stderr=there, env=environment, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, was)
        os.close(there)
        self.shown = ""

    def wait_for(self, text: str, times: int = 1) -> None:
        """Read until a text was shown so often."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while self.shown.count(text) < times:
            assert time.monotonic() < until, self.shown
            readable, _, _ = select.select([self._here], [], [], 0.2)
            if readable:
                self.shown += os.read(self._here, 65536).decode(errors="replace")

    def end(self) -> int:
        """Wait for the end and return the exit code."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < until, self.shown
            self._drain()
        self._drain()
        return self.process.returncode

    def _drain(self) -> None:
        # At the end of the other side reading fails.
        with suppress(OSError):
            if select.select([self._here], [], [], 0.2)[0]:
                self.shown += os.read(self._here, 65536).decode(errors="replace")

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        os.close(self._here)


@pytest.fixture
def terminal(folder: Path, daemon: WebServer) -> Iterator[Terminal]:
    opened = Terminal(folder, "status", "--live", "--every", "0.2")
    yield opened
    opened.close()


def test_it_shows_what_has_changed_until_it_is_interrupted(terminal: Terminal, control: FakeControl) -> None:
    terminal.wait_for("Portfolio value 10,000.00 USD")
    control.document |= {"portfolio_value_quote": "12345"}
    terminal.wait_for("Portfolio value 12,345.00 USD", times=2)
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.shown


def test_when_the_daemon_does_not_answer_it_says_so(terminal: Terminal, control: FakeControl) -> None:
    terminal.wait_for("Portfolio value")
    control.fail_with(VenueUnavailable("the venue is down"))
    assert terminal.end() == 4
    assert "trimtab: the daemon refused: the venue is down" in terminal.shown
    assert "Traceback" not in terminal.shown


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_without_a_terminal_it_is_wrong_usage(trimtab: Trimtab, daemon: WebServer, more: tuple[str, ...]) -> None:
    ended = trimtab("status", "--live", *more)
    assert (ended.code, ended.out) == (2, "")
    assert "for somebody at a terminal" in ended.err
