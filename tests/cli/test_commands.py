"""Every command: what it asks, what it shows, what it exits with."""

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from bot.adapters.journal.journal import open_journal
from bot.adapters.web.folder import PROOF_HEADER, create_token, write_address
from bot.adapters.web.server import WebServer
from bot.cli.plan_tables import show_plan
from bot.domain import errors
from bot.domain.findings import Finding
from tests.adapters.web.fakes import FakeControl, plan_document, status_document
from tests.cli.conftest import Trimtab

Bootstrap = Callable[..., None]
COMMANDS = [
    "run",
    "plan",
    "check",
    "config",
    "status",
    "halt",
    "reduce-only",
    "flatten",
    "resume",
    "backtest",
    "settle",
    "adopt",
    "confirm-flow",
    "journal",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches(trimtab: Trimtab, command: str) -> None:
    ended = trimtab(command, "--help")
    assert ended.code == 0
    assert len(ended.out.splitlines()) >= 6


def test_help_names_every_command(trimtab: Trimtab) -> None:
    out = trimtab("--help").out
    assert [command for command in COMMANDS if f"  {command} " not in out] == []


@pytest.mark.parametrize(
    "words",
    [
        ("nothing",),
        ("plan", "--nothing"),
        ("settle",),
        ("settle", "much"),
        ("settle", "NaN"),
        ("settle", "1e999999"),
        ("settle", "1e-999999"),
        ("settle", "--nothing"),
        ("settle", "-x"),
        ("adopt",),
        ("backtest",),
        ("backtest", "--data", "x", "--from", "soon", "--to", "2021-01-01"),
        ("backtest", "--data", "x", "--from", "2021-01-02", "--to", "2021-01-02"),
        ("resume", "--json"),
        ("resume",),
        ("flatten", "--json"),
        ("flatten",),
        ("flatten", "--yes", "--timeout", "0"),
        ("journal", "nothing"),
    ],
)
def test_wrong_usage_exits_2_with_a_sentence(trimtab: Trimtab, words: tuple[str, ...]) -> None:
    ended = trimtab(*words)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert ended.err


def test_plan_asks_the_running_daemon(trimtab: Trimtab, daemon: WebServer, control: FakeControl) -> None:
    ended = trimtab("plan", "--json")
    assert (ended.code, json.loads(ended.out)) == (0, plan_document())
    assert control.asked == [("plan",)]


def test_plan_looks_itself_where_no_daemon_runs(trimtab: Trimtab, bootstrap: Bootstrap) -> None:
    async def look_once(settings: Any) -> dict[str, Any]:
        return plan_document()

    bootstrap(look_once=look_once)
    assert json.loads(trimtab("plan", "--json").out) == plan_document()


def test_plan_looks_itself_where_the_daemon_has_died(trimtab: Trimtab, bootstrap: Bootstrap, folder: Path) -> None:
    async def look_once(settings: Any) -> dict[str, Any]:
        return plan_document()

    create_token(folder)
    write_address(folder, "127.0.0.1", 1)
    bootstrap(look_once=look_once)
    assert trimtab("plan", "--json").code == 0


def test_the_token_is_never_sent_to_whoever_listens_where_a_killed_daemon_did(trimtab: Trimtab, folder: Path) -> None:
    asked: list[str] = []

    class Somebody(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path}\n{self.headers}")
            self.send_response(200)
            self.send_header(PROOF_HEADER, "0" * 64)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 - its name

        def log_message(self, *_words: Any) -> None:
            pass

    token = create_token(folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), Somebody) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        write_address(folder, "127.0.0.1", server.server_port)
        ended = trimtab("status"), trimtab("halt")
        server.shutdown()
        thread.join(5)
    assert [one.code for one in ended] == [4, 4]
    assert "is not the daemon of this data folder, so the token was not sent" in ended[0].err
    assert ended[0].err.count("\n") == 1
    assert len(asked) == 2
    assert all("/healthz" in one and token not in one for one in asked)


def test_a_daemon_that_cannot_decide_is_not_passed_over(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl
) -> None:
    control.fail_with(errors.VenueUnavailable("the venue is down"))
    ended = trimtab("plan")
    assert ended.code == 4
    assert ended.err == "trimtab: the daemon refused: the venue is down\n"


def test_the_plan_is_readable_at_100_columns(trimtab: Trimtab, daemon: WebServer) -> None:
    out = trimtab("plan").out
    assert max(map(len, out.splitlines())) <= 100
    for piece in (
        "Portfolio value 10,000.00 USD",
        "48.20 %",
        "+9.10 %",
        "inside its band",
        "ETH/USDT:USDT",
        "909.75",
        "62,500",
        "capacity",
        "USDT is at 0.985",
        "Outside the portfolio: DOGE",
    ):
        assert piece in out


def test_the_plan_tells_how_often_an_entry_stop_would_have_fired() -> None:
    record = {"asset": "SOL", "distance_frac": "0.3125", "long_fired": 2, "short_fired": 1, "history_days": 90}
    console = Console(file=StringIO(), width=100)
    show_plan(console, {**plan_document(), "entry_stops": [record]})
    assert isinstance(console.file, StringIO)
    told = " ".join(console.file.getvalue().split())
    assert "A stop 31.25 % from entry would have fired on SOL: 2 × on a long, 1 × on a short, in 90 days." in told


def test_the_status_is_readable_at_100_columns(trimtab: Trimtab, daemon: WebServer) -> None:
    out = trimtab("status").out
    assert max(map(len, out.splitlines())) <= 100
    for piece in ("normal", "1,240.50 USD more", "UNPROTECTED", "62,500", "318,000", "0.71 %", "ready"):
        assert piece in out
    whole = " ".join(out.split())
    for piece in (
        "next 2026-03-02 09:00:00 UTC (calendar) · 2026-03-02 12:00:00 UTC (tranche)",
        "paper USDT wallet: liquidation 24.10 % against every leg away · warn since 2026-03-02 07:00:00 UTC",
        "Volatility 55.12 % a year · 1.42 effective bets",
        "ETH is on its way back; it began +10.20 % off; 2 tranches are left, the next from 2026-03-02 12:00:00 UTC",
    ):
        assert piece in whole


def test_the_status_tells_what_is_well_too(trimtab: Trimtab, daemon: WebServer, control: FakeControl) -> None:
    control.document |= {"alerts": [], "capacity_short_quote": "0"}
    out = trimtab("status").out
    for piece in ("No open alerts", "collateral carries the whole plan", "Net USD", "5,000.00"):
        assert piece in out, out


def test_a_halt_tells_of_orders_that_may_still_work(trimtab: Trimtab, daemon: WebServer, control: FakeControl) -> None:
    assert "may still work" not in trimtab("halt").out
    control.doubtful_orders = 2
    assert "Orders that may still work, as the venue has not said that they are gone: 2" in trimtab("halt").out


def test_status_shows_who_stands_in_the_way(trimtab: Trimtab, daemon: WebServer, control: FakeControl) -> None:
    control.document |= {"trading_state": "halted", "trading_state_why": "tax", "is_hard_halt": True}
    assert "hard halted (tax); 'trimtab resume' ends it" in trimtab("status").out
    control.flatten_takes = 2
    control.document |= {"trading_state_why": "flatten", "is_hard_halt": False, "is_flattening": True}
    assert "Closing all futures; goes on until it is done" in trimtab("status").out


def test_status_before_the_first_look_shows_what_is_known(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl
) -> None:
    control.document |= {
        "last_look_at": None,
        "portfolio_value_quote": None,
        "capacity_short_quote": None,
        "next_looks": {},
        "risk": None,
        **{key: [] for key in ("assets", "margin", "refusals", "positions", "alerts", "corrections")},
    }
    ended = trimtab("status")
    assert ended.code == 0
    assert "No look has been taken yet." in ended.out


def test_status_shows_everything_that_waits(trimtab: Trimtab, daemon: WebServer, control: FakeControl) -> None:
    since = "2026-03-02T01:00:00Z"
    control.document |= {
        "ceilings": [
            {
                "asset": "BTC",
                "cause": "stop_out",
                "max_delta_base": "0.1",
                "release_at": since,
                "why": "a stop fired",
            }
        ],
        "flows": [{"asset": "ETH", "from_base": "1", "to_base": "3", "since": since}],
        "locks": [{"venue": "paper", "symbol": "SOL/USDT:USDT", "since": since, "why": "5 contracts too many"}],
        "working_orders": [
            {
                "client_order_id": "TT7KQ1",
                "symbol": "BTC/USDT:USDT",
                "side": "buy",
                "purpose": "hedge",
                "amount_contracts": "1",
                "filled_contracts": "0",
                "state": "unknown",
            }
        ],
    }
    out = trimtab("status").out
    for piece in ("a stop fired", "trimtab confirm-flow ETH", "5 contracts too many", "TT7KQ1"):
        assert piece in out


def test_status_as_json_is_one_document(trimtab: Trimtab, daemon: WebServer) -> None:
    assert json.loads(trimtab("status", "--json").out) == status_document()


@pytest.mark.parametrize(
    ("words", "asked", "said"),
    [
        (
            ("halt",),
            ("halt", "cli 127.0.0.1", "the owner asked"),
            "Halted. Working hedge orders cancelled: 2.",
        ),
        (("halt", "--why", "tax"), ("halt", "cli 127.0.0.1", "tax"), "Halted."),
        (("halt", "--hard"), ("halt", "cli 127.0.0.1", "the owner asked", "hard"), "Stops stay as they are."),
        (("reduce-only",), ("reduce-only", "cli 127.0.0.1", "the owner asked"), "Reduce only."),
        (("reduce-only", "--why", "tax"), ("reduce-only", "cli 127.0.0.1", "tax"), "cancelled: 1. Stops stay."),
        (("resume", "--yes"), ("resume", "cli 127.0.0.1"), "Back to normal"),
        (("settle", "125.50"), ("settle", "cli 127.0.0.1", Decimal("125.5")), "In all so far: 125.5 USD"),
        (("settle", "-3"), ("settle", "cli 127.0.0.1", Decimal(-3)), "Settled."),
        (("settle", "--", "-3"), ("settle", "cli 127.0.0.1", Decimal(-3)), "Settled."),
        (("adopt", "X"), ("adopt", "cli 127.0.0.1", None, "X"), "Adopted X: -3 contracts"),
        (("adopt", "X", "--gone"), ("adopt", "cli 127.0.0.1", None, "X", "gone"), "Adopted X"),
        (("adopt", "X", "--venue", "paper"), ("adopt", "cli 127.0.0.1", "paper", "X"), "Adopted X"),
        (("confirm-flow",), ("confirm-flow", "cli 127.0.0.1", None), "Accepted as meant: BTC 0.12."),
        (("confirm-flow", "BTC"), ("confirm-flow", "cli 127.0.0.1", "BTC"), "Accepted"),
        (("confirm-flow", "--gone"), ("confirm-flow", "cli 127.0.0.1", None, "gone"), "Accepted"),
    ],
)
def test_a_command_reaches_the_daemon(
    trimtab: Trimtab,
    daemon: WebServer,
    control: FakeControl,
    words: tuple[str, ...],
    asked: tuple[Any, ...],
    said: str,
) -> None:
    ended = trimtab(*words)
    assert ended.code == 0
    assert control.asked == [asked]
    assert said in ended.out


def test_resume_shows_the_plan_and_does_nothing_unless_confirmed(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.asking.is_interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ended = trimtab("resume")
    assert ended.code == 3
    assert "Resuming clears halted since 2026-03-02 01:00:00 UTC: tax" in ended.out
    assert "It keeps the ceiling on BTC: a stop fired" in ended.out
    assert "ETH/USDT:USDT" in ended.out
    assert control.asked == [("resume-plan",)]
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert trimtab("resume").code == 0
    assert control.asked[-1] == ("resume", "cli 127.0.0.1")


def test_flatten_names_what_it_closes_and_does_nothing_unless_confirmed(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    control.document["foreign_symbols"] = ["SOL/USDT:USDT"]
    monkeypatch.setattr("bot.cli.asking.is_interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ended = trimtab("flatten")
    assert ended.code == 3
    assert "BTC/USDT:USDT" in ended.out
    assert "Left alone, because they are reserved: SOL/USDT:USDT" in ended.out
    assert control.asked == [("status",)]


def test_flatten_waits_until_everything_is_closed(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.flatten._POLL", timedelta(0))
    control.flatten_takes = 3
    ended = trimtab("flatten", "--yes")
    assert ended.code == 0
    assert control.asked == [("flatten", "cli 127.0.0.1"), *[("status",)] * 3]
    assert ended.out.startswith("Flat.")
    assert ended.err.count("Still open: BTC/USDT:USDT") == 1


def test_flatten_as_json_is_one_document(trimtab: Trimtab, daemon: WebServer, control: FakeControl) -> None:
    control.document["positions"] = []
    document = json.loads(trimtab("flatten", "--yes", "--json").out)
    assert (document["schema"], document["is_flattening"], document["open_symbols"]) == ("trimtab.command/1", False, [])


def test_a_flatten_that_is_called_off_is_not_called_done(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl
) -> None:
    ended = trimtab("flatten", "--yes")
    assert (ended.code, ended.out) == (3, "")
    assert "called off" in ended.err


def test_flatten_does_not_wait_for_ever(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.cli.flatten._POLL", timedelta(milliseconds=50))
    control.flatten_takes = 10_000
    ended = trimtab("flatten", "--yes", "--timeout", "1")
    assert ended.code == 4
    assert "it goes on" in ended.err


@pytest.mark.parametrize("words", [("flatten",), ("resume",)])
def test_where_nobody_can_answer_nothing_is_asked(
    trimtab: Trimtab, daemon: WebServer, control: FakeControl, words: tuple[str, ...]
) -> None:
    ended = trimtab(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "add --yes" in ended.err
    assert control.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("halt",),
        ("reduce-only",),
        ("flatten", "--yes"),
        ("resume", "--yes"),
        ("settle", "1"),
        ("confirm-flow",),
    ],
)
def test_without_a_daemon_steering_exits_4(trimtab: Trimtab, words: tuple[str, ...]) -> None:
    ended = trimtab(*words)
    assert ended.code == 4
    assert "start one with 'trimtab run'" in ended.err


def test_a_stranger_on_the_port_is_not_the_daemon(trimtab: Trimtab, daemon: WebServer, folder: Path) -> None:
    (folder / "token").write_text("another-token\n")
    ended = trimtab("status")
    assert ended.code == 4
    assert "is not the daemon of this data folder" in ended.err
    assert "another-token" not in ended.err


def test_adopt_works_without_a_daemon(trimtab: Trimtab, bootstrap: Bootstrap) -> None:
    async def adopt_once(settings: Any, *, venue: str | None, symbol: str, is_gone: bool) -> dict[str, Any]:
        return {"symbol": symbol, "contracts": "5", "mark_price": "1"}

    bootstrap(adopt_once=adopt_once)
    assert "Adopted X: 5 contracts at a mark of 1." in trimtab("adopt", "X").out


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (errors.ConfigError("TRIMTAB_BAND=-1: must be above 0\nTRIMTAB_X: unknown"), 2),
        (errors.JournalTooNew(), 3),
        (errors.DataFolderInUse(), 3),
        (errors.IncompleteData("no index for ETH"), 3),
        (errors.VenueUnavailable("timed out"), 4),
    ],
)
def test_a_foreseen_failure_is_a_sentence_and_a_code(
    trimtab: Trimtab, bootstrap: Bootstrap, failure: errors.BotError, code: int
) -> None:
    def run(settings: Any) -> int:
        raise failure

    bootstrap(run=run)
    ended = trimtab("run")
    assert ended.code == code
    assert ended.err.splitlines() == [f"trimtab: {line}" for line in str(failure).splitlines()]
    assert ended.out == ""


def test_a_bug_exits_1_without_secrets(trimtab: Trimtab, bootstrap: Bootstrap) -> None:
    from bot.adapters.logs import register_secrets

    register_secrets(["canary-4711"])

    def run(settings: Any) -> int:
        raise RuntimeError("broken by canary-4711")

    bootstrap(run=run)
    ended = trimtab("run")
    assert ended.code == 1
    assert "broken by ***" in ended.err
    assert "canary-4711" not in ended.err


@pytest.mark.parametrize("code", [0, 3])
def test_run_ends_with_the_code_of_the_daemon(trimtab: Trimtab, bootstrap: Bootstrap, code: int) -> None:
    def run(settings: Any) -> int:
        return code

    bootstrap(run=run)
    assert trimtab("run").code == code


def test_ctrl_c_is_130(trimtab: Trimtab, bootstrap: Bootstrap) -> None:
    async def look_once(settings: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    bootstrap(look_once=look_once)
    assert trimtab("plan").code == 130


def test_check_exits_with_what_fails_first(trimtab: Trimtab, bootstrap: Bootstrap) -> None:
    findings = [
        Finding(level="ok", subject="configuration", sentence="complete"),
        Finding(level="warn", subject="clock", sentence="300 ms off", mend="run a time service"),
    ]

    async def check(settings: Any, *, is_probing: bool) -> list[Finding]:
        assert not is_probing
        return findings

    bootstrap(check=check)
    ended = trimtab("check")
    assert ended.code == 0
    assert "→ run a time service" in ended.out
    findings.append(Finding(level="fail", subject="venue", sentence="no answer", mend="wait", exit_code=4))
    ended = trimtab("check", "--json")
    assert ended.code == 4
    document = json.loads(ended.out)
    assert document["is_fine"] is False
    assert document["findings"][2] == {
        "level": "fail",
        "subject": "venue",
        "sentence": "no answer",
        "mend": "wait",
    }


def test_version(trimtab: Trimtab) -> None:
    ended = trimtab("--version")
    assert (ended.code, ended.out.split()[0]) == (0, "trimtab")


def test_backtest_hands_over_what_was_asked(trimtab: Trimtab, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked: dict[str, Any] = {}

    def run_backtest(settings: Any, **words: Any) -> dict[str, Any]:
        asked.update(words)
        return {"schema": "trimtab.backtest/1", "looks": 24, "orders": {"filled": 3}, "derived_spans": []}

    module = ModuleType("bot.backtest.run")
    module.__dict__["run_backtest"] = run_backtest
    monkeypatch.setitem(sys.modules, "bot.backtest.run", module)
    words = ("backtest", "--data", str(folder), "--from", "2021-01-01", "--to", "2021-01-02")
    assert json.loads(trimtab(*words, "--json").out)["looks"] == 24
    assert asked == {
        "data": folder,
        "start": datetime(2021, 1, 1, tzinfo=UTC),
        "end": datetime(2021, 1, 2, tzinfo=UTC),
        "out": None,
    }
    assert "orders.filled" in trimtab(*words).out


def test_the_journal_is_cared_for(trimtab: Trimtab, folder: Path) -> None:
    journal = open_journal(folder / "journal.db", now=datetime(2024, 1, 1, tzinfo=UTC), epoch_tail=lambda: "ABC")
    journal.connection.close()
    target = folder / "copy.db"
    assert "was copied" in trimtab("journal", "backup", str(target)).out
    assert trimtab("journal", "backup", str(target)).code == 2
    assert trimtab("journal", "backup", str(folder / "nowhere" / "copy.db")).code == 2
    assert "everything adds up" in trimtab("journal", "verify").out
    verified = json.loads(trimtab("journal", "verify", str(target), "--json").out)
    assert verified == {
        "schema": "trimtab.journal/1",
        "path": str(target),
        "facts": 1,
        "epoch": "TTABC",
        "working_orders": 0,
        "trading_state": "normal",
    }
    nobody = trimtab("journal", "restore", str(target))
    assert (nobody.code, "add --yes" in nobody.err) == (2, True)
    assert trimtab("journal", "restore", "--yes", str(folder / "nothing.db")).code == 2
    restored = json.loads(trimtab("journal", "restore", "--yes", "--json", str(target)).out)
    assert (restored["facts"], restored["trading_state"]) == (3, "reduce_only")
    assert verified["epoch"] != restored["epoch"]
    kept = trimtab("journal", "verify", restored["kept"])
    assert (kept.code, "epoch TTABC" in kept.out) == (0, True)


def test_a_restore_asks_and_takes_no_for_an_answer(
    trimtab: Trimtab, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = open_journal(folder / "journal.db", now=datetime(2024, 1, 1, tzinfo=UTC), epoch_tail=lambda: "ABC")
    journal.connection.close()
    trimtab("journal", "backup", str(folder / "copy.db"))
    monkeypatch.setattr("bot.cli.asking.is_interactive", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    ended = trimtab("journal", "restore", str(folder / "copy.db"))
    assert (ended.code, "Nothing was changed." in ended.err) == (3, True)
    assert "facts 1, epoch TTABC" in trimtab("journal", "verify").out


def test_a_reader_that_goes_away_is_no_failure(trimtab: Trimtab, daemon: WebServer, folder: Path) -> None:
    command = [sys.executable, "-m", "bot", "status"]
    environment = {"TRIMTAB_DATA_DIR": str(folder), "PATH": os.environ["PATH"]}
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment, check=False, timeout=60
    )  # fmt: skip
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("file", ["token", "http.json"])
def test_a_file_of_the_data_folder_that_cannot_be_read_is_a_sentence(trimtab: Trimtab, folder: Path, file: str) -> None:
    """As where the daemon runs as another user."""
    create_token(folder)
    write_address(folder, "127.0.0.1", 1)
    (folder / file).unlink()
    (folder / file).mkdir()
    ended = trimtab("status", "--json")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"trimtab: {folder / file} cannot be used: Is a directory\n"


def test_what_a_user_may_not_read_says_who_might(bootstrap: Bootstrap, trimtab: Trimtab) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "/data/lock")

    bootstrap(run=refuse)
    ended = trimtab("run")
    assert ended.code == 2
    assert ended.err == (
        f"trimtab: /data/lock cannot be used: Permission denied; this is user {os.getuid()}:"
        " run it as the user that the data folder belongs to\n"
    )


def test_output_for_which_there_is_no_room_is_a_sentence(bootstrap: Bootstrap, trimtab: Trimtab) -> None:
    def fill(*_: Any, **__: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    bootstrap(run=fill)
    ended = trimtab("run")
    assert (ended.code, ended.err) == (2, "trimtab: the output cannot be used: No space left on device\n")
