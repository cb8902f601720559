"""In which weeks has nothing happened? Remembered for hours, so that history is not read from its beginning each time.

History is asked for from the last trade on, a week at a time. Where the last trade was months ago, that would be
dozens of requests at every reading of the account, and more than the deadline of one call lets through.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

#: What is younger may still be written down late.
_WRITTEN_DOWN = timedelta(days=1)
#: An empty answer is believed for so long: a venue in trouble gives them, too.
_BELIEVED = timedelta(hours=6)


@dataclass(slots=True)
class _Span:
    """Nothing happened from ``since`` to just before ``until``."""

    since: datetime
    until: datetime
    noted_at: datetime


class Quiet:
    """Weeks without a single row, one span per history."""

    def __init__(self, venue_now: Callable[[], datetime]) -> None:
        self._venue_now = venue_now
        self._spans: dict[str, _Span] = {}

    def skip(self, history: str, start: datetime) -> datetime:
        """Return from when on a history is to be asked for that was to be asked for from ``start`` on."""
        span = self._spans.get(history)
        if span is None or not span.since <= start <= span.until:
            return start
        if self._venue_now() - span.noted_at >= _BELIEVED:
            del self._spans[history]
            return start
        return span.until

    def note(self, history: str, start: datetime, until: datetime) -> None:
        """Take in that nothing happened from ``start`` to just before ``until``."""
        now = self._venue_now()
        if now - until < _WRITTEN_DOWN:
            return
        span = self._spans.get(history)
        if span is not None and span.since <= start <= span.until:
            span.until = max(span.until, until)
        else:
            self._spans[history] = _Span(start, until, now)
