"""How does the real daemon end, and what does the next one make of it? Whole processes, killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import open_journal
from bot.domain.events import BotStopped
from bot.domain.policy import TradingState

pytestmark = pytest.mark.seconds(20)

Start = Callable[..., "subprocess.Popen[bytes]"]
_PATIENCE_SECONDS = 30


def _environment(folder: Path, **more: str) -> dict[str, str]:
    settings = {
        "TRIMTAB_TARGETS": "BTC=70%,ETH=30%",
        "TRIMTAB_PAPER__MARKET": "static",
        "TRIMTAB_PAPER__SPEED": "1",
        "TRIMTAB_DATA_DIR": str(folder),
        "TRIMTAB_HTTP__PORT": "0",
    }
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TRIMTAB_")}
    return inherited | settings | more


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def begin(**more: str) -> subprocess.Popen[bytes]:
        with _log_of(tmp_path).open("wb") as log:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "bot", "run"],
                    env=_environment(tmp_path, **more),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def _log_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.log")


def _steer(folder: Path, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        env=_environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_SECONDS,
    )


def _wait_until_it_looks(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while b"Looked:" not in (said := _log_of(folder).read_bytes()):
        assert process.poll() is None, said.decode()
        assert time.monotonic() < until, said.decode()
        time.sleep(0.05)


def _stops(folder: Path) -> list[BotStopped]:
    journal = open_journal(folder / JOURNAL_FILE, now=datetime.now(UTC), epoch_tail=lambda: "END", read_only=True)
    found = [fact for _, fact in journal.facts(kind="BotStopped") if isinstance(fact, BotStopped)]
    journal.connection.close()
    return found


def test_an_end_on_request_is_orderly(start: Start, tmp_path: Path) -> None:
    daemon = start()
    _wait_until_it_looks(daemon, tmp_path)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(_PATIENCE_SECONDS)
    assert daemon.returncode == 0
    assert [(end.reason, end.is_orderly) for end in _stops(tmp_path)] == [("asked to stop", True)]


def test_an_end_because_the_venue_is_away_is_orderly_so_that_a_container_may_try_until_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    for _ in range(3):
        daemon = start(TRIMTAB_PAPER__FAULTS="fail_read=100%")
        daemon.wait(_PATIENCE_SECONDS)
        assert daemon.returncode == 4
    assert [end.is_orderly for end in _stops(tmp_path)] == [True] * 3
    _wait_until_it_looks(start(), tmp_path)
    assert '"trading_state": "normal"' in _steer(tmp_path, "status", "--json").stdout


def test_an_end_by_a_broken_journal_is_not(start: Start, tmp_path: Path) -> None:
    daemon = start(TRIMTAB_PAPER__SPEED="3600", TRIMTAB_CADENCE="hourly")
    _wait_until_it_looks(daemon, tmp_path)
    with sqlite3.connect(tmp_path / JOURNAL_FILE) as other:
        refused = "WHEN NEW.kind = 'LookTaken' BEGIN SELECT RAISE(FAIL, 'no room'); END"
        other.execute(f"CREATE TRIGGER no_room BEFORE INSERT ON facts {refused}")
    daemon.wait(_PATIENCE_SECONDS)
    assert daemon.returncode == 3
    assert [end.is_orderly for end in _stops(tmp_path)] == [False]


def test_a_daemon_killed_three_times_only_reduces_until_it_is_resumed(start: Start, tmp_path: Path) -> None:
    for _ in range(3):
        daemon = start()
        _wait_until_it_looks(daemon, tmp_path)
        daemon.kill()
        daemon.wait()
    _wait_until_it_looks(start(), tmp_path)
    status = _steer(tmp_path, "status")
    assert "three abnormal ends within ten minutes" in status.stdout
    asked = _steer(tmp_path, "resume")
    assert (asked.returncode, asked.stdout) == (2, "")
    assert _steer(tmp_path, "resume", "--yes").returncode == 0
    assert TradingState.REDUCE_ONLY.value not in _steer(tmp_path, "status", "--json").stdout.partition("}")[0]
    closed = _steer(tmp_path, "flatten", "--yes")
    assert (closed.returncode, closed.stdout[:5]) == (0, "Flat.")


@pytest.mark.parametrize("words", [("run",), ("plan",)])
def test_a_journal_of_play_money_is_not_gone_on_with_on_a_real_account(
    start: Start, tmp_path: Path, words: tuple[str, ...]
) -> None:
    daemon = start()
    _wait_until_it_looks(daemon, tmp_path)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(_PATIENCE_SECONDS)
    account = "TRIMTAB_VENUES__BINANCEUSDM__"
    keys = {f"{account}API_KEY": "key", f"{account}API_SECRET": "secret", f"{account}REST_URL": "http://127.0.0.1:9"}
    done = _steer(tmp_path, *words, TRIMTAB_MODE="live", **keys)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "written in paper mode, and what is asked for is live mode" in line
