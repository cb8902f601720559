"""The exchange in one process, the daemon in another: what does a dry run send in real time, and how does it end?"""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import open_journal
from bot.exchange.static_market import DEFAULT_START

Start = Callable[..., "subprocess.Popen[str]"]
READS_BY_POST = {"POST /sapi/v1/asset/get-funding-asset"}
SECRET = "trimtab-secret"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command in a process of its own, with a data folder of its own."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: str, **settings: str) -> "subprocess.Popen[str]":
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
        folder = {"TRIMTAB_DATA_DIR": str(tmp_path / words[0])}
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *words],
            env=own | folder | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def lines_until(process: "subprocess.Popen[str]", event: str) -> list[str]:
    """Return what a daemon has logged up to a line of this event."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("{") and json.loads(line).get("event") == event:
            return lines
    raise AssertionError("".join(lines))


def of_admin(address: dict[str, Any], what: str, **document: Any) -> dict[str, Any]:
    """Steer the served exchange, or ask it when there is nothing to tell it."""
    body = json.dumps(document).encode() if document or what == "calm" else None
    with urllib.request.urlopen(f"{address['admin_url']}/{what}", body, timeout=90) as reply:  # noqa: S310 - loopback
        told: dict[str, Any] = json.load(reply)
        return told


def serve(start: Start) -> dict[str, Any]:
    """Serve an exchange; return where it is, and its process."""
    process = start(
        "exchange",
        "serve",
        "--port",
        "0",
        TRIMTAB_PAPER__MARKET="static",
        TRIMTAB_PAPER__HOLDINGS="BTC=0.12,ETH=1,SOL=15",
    )
    assert process.stdout is not None
    return json.loads(process.stdout.readline()) | {"process": process}


def run_dry(start: Start, address: dict[str, Any]) -> "subprocess.Popen[str]":
    """Start a daemon in a dry run on it."""
    return start(
        "run",
        TRIMTAB_MODE="dry-run",
        TRIMTAB_TARGETS="BTC=50%,ETH=30%,SOL=20%",
        TRIMTAB_HTTP__PORT="0",
        TRIMTAB_LOG_FORMAT="json",
        TRIMTAB_VENUES__BINANCEUSDM__API_KEY="trimtab-key",
        TRIMTAB_VENUES__BINANCEUSDM__API_SECRET=SECRET,
        TRIMTAB_VENUES__BINANCEUSDM__REST_URL=address["rest_url"],
    )


@pytest.mark.slow
def test_a_dry_run_looks_at_a_served_account_and_ends_in_good_order_having_sent_nothing(start: Start) -> None:
    address = serve(start)
    daemon = run_dry(start, address)
    said = lines_until(daemon, "look")
    daemon.send_signal(signal.SIGTERM)
    rest, _ = daemon.communicate(timeout=120)
    text = "".join(said) + rest
    assert daemon.returncode == 0, text
    assert "Traceback" not in text
    assert SECRET not in text
    state = of_admin(address, "state")
    assert state["orders"] == []
    assert {route for route in state["requests"] if not route.startswith("GET ")} <= READS_BY_POST
    assert state["requests"]["GET /fapi/v3/account"] > 0
    exchange = address["process"]
    exchange.send_signal(signal.SIGTERM)
    exchange.communicate(timeout=120)
    assert exchange.returncode == 0


@pytest.mark.slow
def test_a_start_that_the_venue_keeps_waiting_ends_when_it_is_asked_to_and_counts_as_no_crash(
    start: Start, tmp_path: Path
) -> None:
    address = serve(start)
    for asked in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        of_admin(address, "gate", method="GET", path="/fapi/v1/exchangeInfo")
        daemon = run_dry(start, address)
        assert of_admin(address, "gate?wait=60") == {"held": "GET /fapi/v1/exchangeInfo"}
        daemon.send_signal(asked)
        text, _ = daemon.communicate(timeout=120)
        # Whoever waited for the answer would end with 4, for there is none.
        assert daemon.returncode == 0, text
        assert "Traceback" not in text
    of_admin(address, "calm")
    daemon = run_dry(start, address)
    lines_until(daemon, "look")
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=120)
    journal = open_journal(tmp_path / "run" / JOURNAL_FILE, now=DEFAULT_START, epoch_tail=lambda: "END", read_only=True)
    ends = [(fact.reason, fact.is_orderly) for _, fact in journal.facts(kind="BotStopped")]  # type: ignore[attr-defined]
    assert ends == [("asked to stop before it had started", True)] * 3 + [("asked to stop", True)]
    assert journal.books.abnormal_ends == []
    journal.connection.close()
