"""How is the owner told that something is wrong, and that it is over?

An alert is a log line with ``alert=true``, a severity, its code and a cause key. It is said when it opens, when it
gets worse, again at a limited rate for as long as it is raised, and once when it closes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.alerts import CATALOGUE
from bot.ports import Clock

log = structlog.get_logger()

#: How long an alert that stays open is silent before it is said again.
REPEAT_AFTER: Mapping[str, timedelta] = {"warning": timedelta(hours=6), "critical": timedelta(hours=1)}

#: Fields of the line itself, which an alert's own fields may not replace.
_RESERVED = frozenset({"event", "code", "alert", "alert_state", "severity", "cause", "level", "message", "exc_info"})


@dataclass(slots=True)
class _OpenAlert:
    severity: str
    sentence: str
    fields: Mapping[str, Any]
    since: datetime
    opened_monotonic: float
    said_monotonic: float
    repeats: int = 0
    #: When it was last said as critical.
    critical_monotonic: float | None = None


class LogAlerts:
    """``AlertSink`` that writes log lines."""

    def __init__(self, clock: Clock, repeat_after: Mapping[str, timedelta] = REPEAT_AFTER) -> None:
        self._clock = clock
        self._repeat_after = repeat_after
        self._open: dict[tuple[str, str], _OpenAlert] = {}

    def raise_alert(
        self, code: str, sentence: str, *, severity: str, cause: str, fields: Mapping[str, Any] | None = None
    ) -> None:
        """Open or repeat the alert ``(code, cause)``.

        Raises:
            ValueError: the severity is neither ``warning`` nor ``critical``, or the code is not in the catalogue.
        """
        if code not in CATALOGUE:
            raise ValueError(f"alert {code!r} is not in bot/domain/alerts.py")
        if severity not in self._repeat_after:
            raise ValueError(f"unknown severity {severity!r}")
        instant = self._clock.monotonic()
        known = self._open.get((code, cause))
        if known is None:
            fresh = _OpenAlert(severity, sentence, dict(fields or {}), self._clock.now(), instant, instant)
            self._open[code, cause] = fresh
            self._say(code, cause, fresh, "opened")
            return
        is_worse = severity == "critical" and known.severity == "warning" and self._is_news(known, instant)
        known.severity, known.sentence, known.fields = severity, sentence, dict(fields or {})
        if is_worse or self._is_due(known, instant):
            self._repeat(code, cause, known, instant)

    def close_alert(self, code: str, *, cause: str) -> None:
        """Say that it is over, once; nothing when it was not open."""
        known = self._open.pop((code, cause), None)
        if known is not None:
            self._say(code, cause, known, "closed")

    def remind(self) -> None:
        """Repeat what is open and due, also when nobody raises it again."""
        instant = self._clock.monotonic()
        for (code, cause), known in self._open.items():
            if self._is_due(known, instant):
                self._repeat(code, cause, known, instant)

    @property
    def open_alerts(self) -> tuple[Mapping[str, Any], ...]:
        """What is open, critical first, then oldest first."""
        ordered = sorted(self._open.items(), key=lambda item: (item[1].severity != "critical", item[1].since))
        return tuple(
            {
                "code": code,
                "cause": cause,
                "severity": alert.severity,
                "sentence": alert.sentence,
                "since": alert.since,
            }
            for (code, cause), alert in ordered
        )

    def _is_news(self, alert: _OpenAlert, instant: float) -> bool:
        """Return whether to say out of turn that it is critical: not each time that it goes up and down."""
        before = alert.critical_monotonic
        return before is None or instant - before >= self._repeat_after["critical"].total_seconds()

    def _is_due(self, alert: _OpenAlert, instant: float) -> bool:
        return instant - alert.said_monotonic >= self._repeat_after[alert.severity].total_seconds()

    def _repeat(self, code: str, cause: str, alert: _OpenAlert, instant: float) -> None:
        alert.said_monotonic = instant
        alert.repeats += 1
        self._say(code, cause, alert, "repeated")

    def _say(self, code: str, cause: str, alert: _OpenAlert, state: str) -> None:
        line: dict[str, Any] = {
            **{key: value for key, value in alert.fields.items() if key not in _RESERVED},
            "code": code,
            "alert": True,
            "alert_state": state,
            "severity": alert.severity,
            "cause": cause,
        }
        if state != "opened":
            line["since"] = alert.since
            line["open_for"] = timedelta(seconds=round(self._clock.monotonic() - alert.opened_monotonic))
        if state == "closed":
            log.info(f"Over: {alert.sentence}", **line)  # noqa: G004 - the sentence is the alert's own
        elif alert.severity == "critical":
            alert.critical_monotonic = self._clock.monotonic()
            log.error(alert.sentence, **line)
        else:
            log.warning(alert.sentence, **line)
