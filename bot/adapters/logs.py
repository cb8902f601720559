"""How does a log line look, and what may never be in one?

A line is a sentence plus a stable code and fields. structlog names its first argument ``event``; here it leaves as
``message``, and ``code`` leaves as ``event``. Lines of the standard library's loggers (aiohttp, apscheduler, asyncio,
warnings) come the same way, from ``warning`` up.

Rules of this file: time comes from the injected clock; every registered secret is struck out of the finished line,
whatever field, message or traceback it hid in; tracebacks show no locals, in either format.
"""

# ruff: noqa: ARG001, ARG002 - structlog calls every processor with a logger and a method name

import json
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, TextIO, cast
from urllib.parse import quote

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, WrappedLogger

from bot.domain.units import decimal_text

#: What stands where a secret stood.
MASK = "***"
#: Shorter secrets are not struck out: they would take innocent letters with them. None that short is accepted.
_SHORTEST_SECRET = 4

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_LEADING_KEYS = ("at", "level", "event", "message", "cycle_id")

#: Every spelling under which a registered secret could show up, longest first.
_spellings: list[str] = []


def register_secrets(secrets: Iterable[str]) -> None:
    """Strike these texts out of every line from now on."""
    known = set(_spellings)
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            known |= _spelled(secret)
    _spellings[:] = sorted(known, key=len, reverse=True)


def _spelled(secret: str) -> set[str]:
    """Return the secret as it stands in text, in ``repr``, in an address, in JSON and in JSON within JSON."""
    spellings = {secret, repr(secret)[1:-1], quote(secret), quote(secret, safe="")}
    for _ in range(2):
        spellings |= {
            json.dumps(spelling, ensure_ascii=is_ascii)[1:-1] for spelling in spellings for is_ascii in (True, False)
        }
    return spellings


def forget_secrets() -> None:
    """Strike out nothing any more; for tests."""
    _spellings.clear()


def redact(text: str) -> str:
    """Return ``text`` without any registered secret."""
    for spelling in _spellings:
        if spelling in text:
            text = text.replace(spelling, MASK)
    return text


def configure_logging(
    format: str,  # noqa: A002 - the name of the setting
    level: str,
    stream: TextIO,
    clock_now: Callable[[], datetime],
    *,
    secrets: Iterable[str] = (),
) -> None:
    """Send every log line of the process to ``stream``.

    ``auto`` is text on a terminal, JSON anywhere else.
    """
    register_secrets(secrets)
    is_terminal = stream.isatty()
    is_text = format == "text" or (format == "auto" and is_terminal)
    render = _TextLine(colour=is_terminal) if is_text else _json_line
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _Stamp(clock_now),
            _plain_values,
            _rename,
            _plain_traceback if is_text else _structured_traceback,
            _Redacted(render),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lossy(stream, clock_now, render))),
        cache_logger_on_first_use=False,
    )
    _adopt_standard_logging()


class _Lossy:
    """A stream that loses lines rather than the bot: a full disk keeps no stop from its place."""

    def __init__(self, stream: TextIO, clock_now: Callable[[], datetime], render: Callable[[EventDict], str]) -> None:
        self._stream = stream
        self._now = clock_now
        self._render = render
        self._lost = 0

    def write(self, text: str) -> None:
        """Write, or count what was lost."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            self._lost += 1

    def flush(self) -> None:
        """Flush, or count what was lost; say how much once lines are written again."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lost += 1
            return
        if self._lost:
            # Not through structlog: it holds its lock while it flushes.
            told: dict[str, Any] = {"at": _time_text(self._now()), "level": "warning", "event": "log_lost"}
            told |= {"message": "Lines of the log could not be written", "lines": self._lost}
            self._lost = 0
            self.write(self._render(told) + "\n")


class _Stamp:
    """Put the injected clock's time on a line."""

    def __init__(self, clock_now: Callable[[], datetime]) -> None:
        self._now = clock_now

    def __call__(self, logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        line["at"] = _time_text(self._now())
        return line


class _Redacted:
    """Render a line, then strike out the secrets."""

    def __init__(self, render: Callable[[EventDict], str]) -> None:
        self._render = render

    def __call__(self, logger: WrappedLogger, method: str, line: EventDict) -> str:
        return redact(self._render(line))


def _time_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    """Return what JSON can hold: numbers as exact text, times in UTC, durations in seconds."""
    match value:
        case Enum():
            return _plain(value.value)
        case Decimal():
            return decimal_text(value) if value.is_finite() else str(value)
        case datetime():
            return _time_text(value)
        case timedelta():
            return f"{value.total_seconds():g}s"
        case Mapping():
            return {_key(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(inner) for inner in value]
        case None | str() | int() | float():
            return value
        case _:
            return repr(value)


def _key(key: Any) -> str:
    return "/".join(str(_plain(part)) for part in key) if isinstance(key, tuple) else str(_plain(key))


def _plain_values(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    return {key: value if key in {"exc_info", "stack_info"} else _plain(value) for key, value in line.items()}


def _rename(logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
    line["message"] = line.pop("event", "")
    line["event"] = line.pop("code", "unnamed")
    leading = {key: line[key] for key in _LEADING_KEYS if key in line}
    return {**leading, **{key: value for key, value in line.items() if key not in leading}}


_structured_traceback = structlog.processors.ExceptionRenderer(
    ExceptionDictTransformer(show_locals=False, max_frames=30)
)
#: Its default writes the traceback as the interpreter does: source lines, no values.
_plain_traceback = structlog.processors.ExceptionRenderer()


def _json_line(line: EventDict) -> str:
    return json.dumps(line, ensure_ascii=False, default=repr)


_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}


class _TextLine:
    """Time, level, sentence, then what it is about; a traceback follows on lines of its own."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def __call__(self, line: EventDict) -> str:
        rest = dict(line)
        at, level = rest.pop("at"), rest.pop("level")
        event, message = rest.pop("event"), rest.pop("message")
        traceback = rest.pop("exception", None)
        fields = " ".join(f"{key}={self._paint(_short(value), '36')}" for key, value in rest.items())
        head = f"{self._paint(at, '2')} {self._paint(f'{level:<8}', _COLOURS.get(level, '0'))} {message}"
        text = f"{head}  {self._paint(f'[{event}]', '2')} {fields}".rstrip()
        return text if traceback is None else f"{text}\n{traceback}"

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Control characters could draw on the terminal of whoever reads along.
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f'"{text}"' if " " in text and isinstance(value, str) else text


class _Forward(logging.Handler):
    """Hand a line of the standard library's logging to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write(record.getMessage(), code="library", logger=record.name, exc_info=record.exc_info or None)


def _adopt_standard_logging() -> None:
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    # Its own last resort prints with the source line and no redaction.
    logging.raiseExceptions = False
    sys.excepthook = _last_words


def _last_words(kind: type[BaseException], failure: BaseException, traceback: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    structlog.get_logger().critical(
        "Something failed that nobody expected",
        code="unexpected_failure",
        exc_info=(kind, failure, traceback),
    )
