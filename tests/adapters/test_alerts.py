"""An alert is said when it opens, at a limited rate while it lasts, and once when it is over."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.adapters.alerts import LogAlerts

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


class ManualClock:
    """Stands until it is told to go on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, duration: timedelta) -> None:
        self.seconds += duration.total_seconds()


def raise_one(alerts: LogAlerts, severity: str = "warning", **fields: Any) -> None:
    alerts.raise_alert("capacity_short", "More is needed", severity=severity, cause="paper", fields=fields)


def test_an_alert_opens_repeats_at_its_rate_and_closes_once() -> None:
    clock = ManualClock()
    alerts = LogAlerts(clock)
    with capture_logs() as lines:
        for hour in range(13):
            clock.seconds = hour * 3600.0
            raise_one(alerts, missing="12")
        alerts.close_alert("capacity_short", cause="paper")
        alerts.close_alert("capacity_short", cause="paper")
    assert [line["alert_state"] for line in lines] == ["opened", "repeated", "repeated", "closed"]
    assert lines[0] == {
        "event": "More is needed",
        "code": "capacity_short",
        "alert": True,
        "alert_state": "opened",
        "severity": "warning",
        "cause": "paper",
        "missing": "12",
        "log_level": "warning",
    }
    assert lines[-1]["open_for"] == timedelta(hours=12)
    assert lines[-1]["log_level"] == "info"
    assert alerts.open_alerts == ()


def test_a_critical_alert_is_an_error_and_repeats_sooner() -> None:
    clock = ManualClock()
    alerts = LogAlerts(clock)
    with capture_logs() as lines:
        raise_one(alerts, "critical")
        clock.seconds = 3600.0
        raise_one(alerts, "critical")
    assert [line["log_level"] for line in lines] == ["error", "error"]


def test_getting_worse_is_said_at_once_and_getting_better_is_not() -> None:
    alerts = LogAlerts(ManualClock())
    with capture_logs() as lines:
        raise_one(alerts)
        raise_one(alerts, "critical")
        raise_one(alerts)
    assert [line["severity"] for line in lines] == ["warning", "critical"]
    assert alerts.open_alerts[0]["severity"] == "warning"


def test_causes_are_apart() -> None:
    clock = ManualClock()
    alerts = LogAlerts(clock)
    with capture_logs() as lines:
        alerts.raise_alert("unprotected", "A", severity="warning", cause="BTC")
        clock.seconds = 5
        alerts.raise_alert("unprotected", "B", severity="critical", cause="ETH")
        alerts.close_alert("unprotected", cause="SOL")
    assert len(lines) == 2
    assert [dict(alert) for alert in alerts.open_alerts] == [
        {
            "code": "unprotected",
            "cause": "ETH",
            "severity": "critical",
            "sentence": "B",
            "since": START + timedelta(seconds=5),
        },
        {"code": "unprotected", "cause": "BTC", "severity": "warning", "sentence": "A", "since": START},
    ]


def test_a_reminder_repeats_what_nobody_raises_again() -> None:
    clock = ManualClock()
    alerts = LogAlerts(clock)
    with capture_logs() as lines:
        raise_one(alerts)
        alerts.remind()
        clock.seconds = 6 * 3600.0
        alerts.remind()
    assert [line["alert_state"] for line in lines] == ["opened", "repeated"]


def test_fields_cannot_replace_what_the_line_is() -> None:
    alerts = LogAlerts(ManualClock())
    with capture_logs() as lines:
        raise_one(alerts, event="x", code="y", alert=False, level="z", size="1")
    assert (lines[0]["event"], lines[0]["code"], lines[0]["alert"]) == (
        "More is needed",
        "capacity_short",
        True,
    )
    assert lines[0]["size"] == "1"


def test_an_unknown_severity_is_a_bug() -> None:
    with pytest.raises(ValueError, match="severity"):
        raise_one(LogAlerts(ManualClock()), "mild")


@given(
    steps=st.lists(
        st.tuples(st.floats(0, 20_000), st.sampled_from(("raise", "worse", "remind", "close"))), min_size=1, max_size=60
    )
)
def test_whatever_happens_each_alert_opens_once_closes_once_and_repeats_at_its_rate(
    steps: list[tuple[float, str]],
) -> None:
    clock = ManualClock()
    alerts = LogAlerts(clock)
    said: list[tuple[float, str, str]] = []
    for wait, act in steps:
        clock.seconds += wait
        with capture_logs() as lines:
            if act == "remind":
                alerts.remind()
            elif act == "close":
                alerts.close_alert("capacity_short", cause="paper")
            else:
                raise_one(alerts, "critical" if act == "worse" else "warning")
        assert len(lines) <= 1
        said.extend((clock.seconds, line["alert_state"], line["severity"]) for line in lines)
    for (_, before, _), (_, state, _) in pairwise(said):
        assert (state == "opened") == (before == "closed")
    assert not said or said[0][1] == "opened"
    assert bool(alerts.open_alerts) == bool(said and said[-1][1] != "closed")
    for first, last in pairwise([place for place, (_, state, _) in enumerate(said) if state == "opened"] + [len(said)]):
        critical = [at for at, state, severity in said[first:last] if severity == "critical" and state != "closed"]
        warnings = [at for at, state, severity in said[first:last] if severity == "warning" and state != "closed"]
        assert all(after - before >= 3600 for before, after in pairwise(critical))
        assert all(after - before >= 6 * 3600 for before, after in pairwise(warnings))


def test_an_alert_that_goes_up_and_down_is_not_said_each_time() -> None:
    """Found by property: a line at every change of severity, however often it changed."""
    clock = ManualClock()
    alerts = LogAlerts(clock)
    with capture_logs() as lines:
        for minute in range(120):
            clock.seconds = minute * 60.0
            raise_one(alerts, ("warning", "critical")[minute % 2])
    assert [(line["alert_state"], line["severity"]) for line in lines] == [
        ("opened", "warning"),
        ("repeated", "critical"),
        ("repeated", "critical"),
    ]
