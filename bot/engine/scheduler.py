"""When is a look due? Says when, never does it.

APScheduler watches the calendar and sets a signal; a supervised task takes the look. Missed runs coalesce into one, and
however many causes come together, one look answers them all.
"""

import asyncio
from datetime import datetime, timedelta

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger

from bot.domain.policy import CadencePolicy
from bot.ports import Clock

log = structlog.get_logger()

#: Wall and monotonic time may drift apart by this much between two checks before the calendar is planned again.
_STEP = timedelta(seconds=2)
_CALENDAR = "calendar"
#: What was decided before a large move, or before the owner's word, is not worth finishing.
_PRESSING = frozenset({"move", "command"})
#: The outcome of an order is known that a look had to wait for.
SETTLED = "settled"
#: The crontab numbers days from Sunday; APScheduler from Monday. Names leave no doubt.
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


class LookSignal:
    """Causes for a look that have come up and were not answered yet."""

    def __init__(self) -> None:
        self._due = asyncio.Event()
        self._pressing = asyncio.Event()
        self._waking = asyncio.Event()
        self._triggers: list[str] = []

    def set(self, trigger: str) -> None:
        """Say that a look is due; the first cause of several names it."""
        self._triggers.append(trigger)
        self._due.set()
        if trigger in _PRESSING:
            self._pressing.set()
        if trigger in _PRESSING or trigger == SETTLED:
            self._waking.set()

    @property
    def is_pressing(self) -> bool:
        """True while a look is due that should not wait until the present one has worked all its legs."""
        return self._pressing.is_set()

    async def wait_waking(self) -> None:
        """Wait until a look is due that does not wait for a retry; it is not answered by that."""
        await self._waking.wait()

    async def wait(self) -> str:
        """Wait until a look is due and return its cause; from here on it counts as answered."""
        await self._due.wait()
        trigger, *_ = self._triggers
        self._triggers.clear()
        self._due.clear()
        self._pressing.clear()
        self._waking.clear()
        return trigger


def cron_trigger(cron: str, timezone: str) -> CronTrigger:
    """Turn the crontab text into a trigger, with days of the week as cron numbers them."""
    minute, hour, day, month, weekday = cron.split()
    named = "".join(
        _DAY_NAMES[int(c)] if c.isdigit() and not _is_step(weekday, i) else c for i, c in enumerate(weekday)
    )
    return CronTrigger(minute=minute, hour=hour, day=day, month=month, day_of_week=named, timezone=timezone)


def _is_step(text: str, place: int) -> bool:
    return place > 0 and text[place - 1] == "/"


class LookSchedule:
    """The calendar of looks, and the moments in between at which one is due."""

    def __init__(self, scheduler: AsyncIOScheduler, cadence: CadencePolicy, clock: Clock, signal: LookSignal) -> None:
        self._scheduler = scheduler
        self._cadence = cadence
        self._clock = clock
        self._signal = signal
        self._wall_ahead: timedelta | None = None

    def start(self) -> None:
        """Begin to watch the calendar."""
        if self._cadence.cron is not None:
            self._scheduler.add_job(
                self._signal.set,
                cron_trigger(self._cadence.cron, self._cadence.timezone),
                args=[_CALENDAR],
                id=_CALENDAR,
                coalesce=True,
                max_instances=1,
                misfire_grace_time=int(self._cadence.misfire_grace.total_seconds()),
            )
        self._scheduler.add_listener(_tell_trouble, EVENT_JOB_MISSED | EVENT_JOB_ERROR)
        self._scheduler.start()

    def stop(self) -> None:
        """Fire no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def plan(self, trigger: str, at: datetime | None) -> None:
        """Make a look due at a moment besides the calendar, in place of the moment planned before; None is never.

        However late it is when it comes to it, it is not dropped.
        """
        job = self._scheduler.get_job(trigger)
        if at is None:
            if job is not None:
                job.remove()
        elif job is None:
            self._scheduler.add_job(
                self._signal.set, DateTrigger(at), args=[trigger], id=trigger, misfire_grace_time=None
            )
        elif job.trigger.run_date != at:
            job.reschedule(DateTrigger(at))

    @property
    def next_looks(self) -> dict[str, datetime]:
        """What is due next, and when, soonest first."""
        planned = [(job.next_run_time, job.id) for job in self._scheduler.get_jobs() if job.next_run_time is not None]
        return {trigger: at for at, trigger in sorted(planned)}

    @property
    def next_look_at(self) -> datetime | None:
        """When the next look is due."""
        return next(iter(self.next_looks.values()), None)

    def interval(self, now: datetime) -> timedelta:
        """Return the time between the next two looks of the calendar; without one there is no end to it."""
        if self._cadence.cron is None:
            return timedelta.max
        trigger = cron_trigger(self._cadence.cron, self._cadence.timezone)
        first: datetime | None = trigger.get_next_fire_time(None, now)
        second: datetime | None = (
            None if first is None else trigger.get_next_fire_time(first, first + timedelta(microseconds=1))
        )
        if first is None or second is None:
            return timedelta.max
        return second - first

    def check_clock(self) -> None:
        """Notice a step of the wall clock and plan the calendar again."""
        ahead = timedelta(seconds=self._clock.now().timestamp() - self._clock.monotonic())
        before, self._wall_ahead = self._wall_ahead, ahead
        if before is not None and abs(ahead - before) > _STEP:
            log.warning("The wall clock was stepped", code="clock_stepped", seconds=(ahead - before).total_seconds())
            job = self._scheduler.get_job(_CALENDAR)
            if job is not None and self._cadence.cron is not None:
                job.reschedule(cron_trigger(self._cadence.cron, self._cadence.timezone))


def _tell_trouble(event: JobExecutionEvent) -> None:
    if event.code == EVENT_JOB_MISSED:
        log.warning(
            "A look of the calendar came too late and was dropped",
            code="look_missed",
            scheduled=event.scheduled_run_time.isoformat(),
        )
    else:
        log.error("The calendar failed", code="calendar_failed", reason=repr(event.exception))
