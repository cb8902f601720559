"""Is the bot alive, and does the owner still know what is wrong? Repeats open alerts, and says once in a while how it
stands."""

from datetime import datetime, timedelta

import structlog

from bot.engine.desk import Desk
from bot.engine.scheduler import LookSchedule

log = structlog.get_logger()


class Heartbeat:
    """Reminds of what is open, and beats."""

    def __init__(self, desk: Desk, schedule: LookSchedule) -> None:
        self._desk = desk
        self._schedule = schedule
        self._beaten_at: datetime | None = None

    async def check(self, now: datetime) -> None:
        """Repeat the alerts that are due; beat when it is time."""
        self._desk.alerts.remind()
        interval = self._desk.policy.heartbeat
        if interval is None:
            return
        if self._beaten_at is None:
            # The start has just been told.
            self._beaten_at = now
        elif now - self._beaten_at >= interval:
            self._beaten_at = now
            self._beat(now)

    def _beat(self, now: datetime) -> None:
        books = self._desk.journal.books
        next_at = self._schedule.next_look_at
        open_alerts = len(self._desk.alerts.open_alerts)
        looked = "has not looked yet" if books.last_look_at is None else f"looked {_ago(now - books.last_look_at)} ago"
        sentence = (
            f"Alive: trading is {books.trading_state}; {looked}; {open_alerts} alerts are open;"
            f" {len(books.unprotected)} positions are without a stop"
        )
        log.info(
            sentence,
            code="heartbeat",
            trading_state=books.trading_state.value,
            next_look_at=next_at,
            open_alerts=open_alerts,
            unprotected=len(books.unprotected),
        )


def _ago(elapsed: timedelta) -> str:
    return str(timedelta(seconds=int(elapsed.total_seconds())))
