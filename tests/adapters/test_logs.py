"""The form of a log line is relied on by others; secrets are in none."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import structlog

from bot.adapters.logs import configure_logging, forget_secrets, redact
from bot.domain.policy import TradingState

NOW = datetime(2026, 3, 2, 8, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
CANARY = 'can"ary/sécret 77'


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions, sys.excepthook)
    with warnings.catch_warnings():
        yield io.StringIO()
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level, logging.raiseExceptions, sys.excepthook = before
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    forget_secrets()


def configure(stream: io.StringIO, form: str = "json", level: str = "info") -> None:
    configure_logging(form, level, stream, lambda: NOW, secrets=[CANARY])


def only_line(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    content: dict[str, Any] = json.loads(line)
    return content


def test_the_json_of_a_line(stream: io.StringIO) -> None:
    configure(stream)
    with structlog.contextvars.bound_contextvars(cycle_id="c1"):
        structlog.get_logger().warning(
            "Order outcome unknown",
            code="order_unknown",
            client_order_id="TT7KQ1",
            size=Decimal("1E-7"),
            until=NOW,
            wait=timedelta(minutes=2),
            state=TradingState.REDUCE_ONLY,
            legs={("paper", "BTC"): (Decimal(1), None, True)},
        )
    assert stream.getvalue() == (
        '{"at": "2026-03-02T06:00:00.123Z", "level": "warning", "event": "order_unknown", '
        '"message": "Order outcome unknown", "cycle_id": "c1", "client_order_id": "TT7KQ1", '
        '"size": "0.0000001", "until": "2026-03-02T06:00:00.123Z", "wait": "120s", '
        '"state": "reduce_only", "legs": {"paper/BTC": ["1", null, true]}}\n'
    )


class Full(io.StringIO):
    """A stream on a disk that is full for a while."""

    is_full = True

    def flush(self) -> None:
        if self.is_full:
            self.truncate(0)
            self.seek(0)
            raise OSError(28, "No space left on device")


def test_lines_that_cannot_be_written_are_counted_and_told_of_later() -> None:
    full = Full()
    configure(full)
    log = structlog.get_logger()
    log.info("One", code="one")
    log.info("Two", code="two")
    full.is_full = False
    log.info("Three", code="three")
    log.info("Four", code="four")
    lines = [json.loads(line) for line in full.getvalue().splitlines()]
    assert [(one["event"], one.get("lines")) for one in lines] == [("three", None), ("log_lost", 2), ("four", None)]


def test_a_line_for_the_eye(stream: io.StringIO) -> None:
    configure(stream, "text")
    structlog.get_logger().info("A look was taken", code="look_taken", asset="BTC", why="in band\x1b[2J")
    assert stream.getvalue() == (
        '2026-03-02T06:00:00.123Z info     A look was taken  [look_taken] asset=BTC why="in band?[2J"\n'
    )


def test_auto_is_json_where_nobody_looks_and_coloured_text_on_a_terminal(stream: io.StringIO) -> None:
    configure(stream, "auto")
    structlog.get_logger().info("Hello")
    assert only_line(stream)["event"] == "unnamed"

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    configure(terminal, "auto")
    structlog.get_logger().info("Hello")
    assert "\x1b[32minfo" in terminal.getvalue()


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure(stream, level="warning")
    structlog.get_logger().info("Quiet")
    assert stream.getvalue() == ""


def test_standard_logging_comes_the_same_way_from_warning_up(stream: io.StringIO) -> None:
    configure(stream)
    logging.getLogger("aiohttp.access").info("GET /")
    logging.getLogger("apscheduler.scheduler").warning("Run time of %s was missed", "job")
    line = only_line(stream)
    assert (line["event"], line["logger"]) == ("library", "apscheduler.scheduler")
    assert line["message"] == "Run time of job was missed"


def test_warnings_of_the_interpreter_come_the_same_way(stream: io.StringIO) -> None:
    configure(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", UserWarning, stacklevel=1)
    assert "UserWarning: old" in only_line(stream)["message"]


def fail_with_locals() -> None:
    hidden = "a-local-value-4711"
    raise ValueError(f"length {len(hidden)}, but {CANARY}")


@pytest.mark.parametrize("form", ["json", "text"])
def test_tracebacks_show_neither_locals_nor_secrets(stream: io.StringIO, form: str) -> None:
    configure(stream, form)
    try:
        fail_with_locals()
    except ValueError:
        structlog.get_logger().exception("It failed", code="failed")
        logging.getLogger("aiohttp.server").exception("Error handling request")
    written = stream.getvalue()
    assert "a-local-value-4711" not in written.replace("hidden = ", "")
    assert "fail_with_locals" in written
    assert "length 18" in written
    assert "can" + '"' not in written
    assert 'can\\"ary' not in written


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize(
    "hiding_place",
    [
        {"key": CANARY},
        {"deep": {"list": [{"x": f"around {CANARY} it"}]}},
        {CANARY.replace(" ", "_") + " " + CANARY: "as a name"},
        {"thing": Exception(CANARY)},
        {"url": "https://x/?k=can%22ary%2Fs%C3%A9cret%2077"},
        {"nested_json": json.dumps({"inner": CANARY})},
    ],
)
def test_a_secret_is_struck_out_wherever_it_hides(stream: io.StringIO, form: str, hiding_place: dict[str, Any]) -> None:
    configure(stream, form)
    structlog.get_logger().info(f"Said {CANARY}", code="said", **hiding_place)
    written = stream.getvalue()
    assert "cret 77" not in written
    assert "%A9cret%2077" not in written
    assert written.count("***") >= 2


def test_short_texts_are_not_struck_out(stream: io.StringIO) -> None:
    configure_logging("json", "info", stream, lambda: NOW, secrets=["", "abc"])
    assert redact("abcdef") == "abcdef"


def test_what_nobody_expected_is_a_line_too(stream: io.StringIO) -> None:
    configure(stream)
    try:
        fail_with_locals()
    except ValueError as failure:
        sys.excepthook(ValueError, failure, failure.__traceback__)
    line = only_line(stream)
    assert (line["event"], line["level"]) == ("unexpected_failure", "critical")
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert len(stream.getvalue().splitlines()) == 1


def test_time_is_the_injected_clock(stream: io.StringIO) -> None:
    moments = iter([datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)])
    configure_logging("json", "info", stream, lambda: next(moments))
    log = structlog.get_logger()
    log.info("One")
    log.info("Two")
    assert [json.loads(line)["at"][:4] for line in stream.getvalue().splitlines()] == ["2020", "2030"]
