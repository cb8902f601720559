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


def state_of(admin_url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{admin_url}/state", timeout=30) as reply:  # noqa: S310 - loopback
        document: dict[str, Any] = json.load(reply)
        return document


@pytest.mark.slow
def test_a_dry_run_looks_at_a_served_account_and_ends_in_good_order_having_sent_nothing(start: Start) -> None:
    exchange = start(
        "exchange",
        "serve",
        "--port",
        "0",
        TRIMTAB_PAPER__MARKET="static",
        TRIMTAB_PAPER__HOLDINGS="BTC=0.12,ETH=1,SOL=15",
    )
    assert exchange.stdout is not None
    address = json.loads(exchange.stdout.readline())
    daemon = start(
        "run",
        TRIMTAB_MODE="dry-run",
        TRIMTAB_TARGETS="BTC=50%,ETH=30%,SOL=20%",
        TRIMTAB_HTTP__PORT="0",
        TRIMTAB_LOG_FORMAT="json",
        TRIMTAB_VENUES__BINANCEUSDM__API_KEY="trimtab-key",
        TRIMTAB_VENUES__BINANCEUSDM__API_SECRET=SECRET,
        TRIMTAB_VENUES__BINANCEUSDM__REST_URL=address["rest_url"],
    )
    said = lines_until(daemon, "look")
    daemon.send_signal(signal.SIGTERM)
    rest, _ = daemon.communicate(timeout=120)
    text = "".join(said) + rest
    assert daemon.returncode == 0, text
    assert "Traceback" not in text
    assert SECRET not in text
    state = state_of(address["admin_url"])
    assert state["orders"] == []
    assert {route for route in state["requests"] if not route.startswith("GET ")} <= READS_BY_POST
    assert state["requests"]["GET /fapi/v3/account"] > 0
    exchange.send_signal(signal.SIGTERM)
    exchange.communicate(timeout=120)
    assert exchange.returncode == 0
