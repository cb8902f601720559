"""May a request leave now? A budget of weight per minute, and a lane that is kept free for protection.

Venues count by the minute of their clock and tell what was used in a header. Ordinary reads, those for a look among
them, use no more than a share of the budget, orders a larger one; what protects may use all of it. After a 429 whatever
weighs something waits, in every lane: going on regardless is what a ban is given for. Orders weigh nothing and go on,
unless the 429 was the answer to an order: then those that increase wait, too. After a 418 nothing leaves until the ban
is over: every further request makes it longer.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from bot.domain.errors import VenueUnavailable
from bot.ports import Clock

_MINUTE = 60.0
#: A call has ten seconds.
_LONGEST_WAIT = 8.0
#: Clocks differ.
_SLACK = 0.05
#: What a ban lasts that names no end.
_BAN_SECONDS = 120.0


class Lane(Enum):
    """What a request is for, and the share of the budget that it may use up."""

    #: Reads that can wait for the next minute.
    READ = 0.70
    #: Orders that increase, and what belongs to them.
    TRADE = 0.85
    #: Stops, reductions, cancels, and the account and the prices that they are measured by.
    PROTECT = 1.0


@dataclass(slots=True)
class _Used:
    """What has been used in the minute that runs."""

    minute: int = 0
    weight: int = 0


class Limiter:
    """Lets requests leave in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: What the venue lets through; nothing is held back before that is known.
        self._limit: int | None = None
        #: A wait longer than this, in seconds, is no answer. A start may wait for the next minute.
        self.patience = _MINUTE + _SLACK
        self._used = _Used()
        self._all_from = self._weighty_from = self._trades_from = float("-inf")

    def set_limit(self, weight_per_minute: int) -> None:
        """Take in what the venue lets through in a minute."""
        self._limit = weight_per_minute

    def hurry(self) -> None:
        """From now on whoever asks has a deadline."""
        self.patience = _LONGEST_WAIT

    async def admit(self, weight: int, lane: Lane, within: timedelta | None = None) -> int:
        """Return the minute in which a request may leave, when it may, and count it.

        ``within``: it is good for nothing later than that.

        Raises:
            VenueUnavailable: not within seconds; nothing was sent.
        """
        waited = 0.0
        patience = self.patience if within is None else min(self.patience, within.total_seconds())
        while (wait := self._wait_of(weight, lane)) > 0:
            if waited + wait > patience:
                raise VenueUnavailable(f"the venue's rate limit leaves no room for {wait:.0f} s")
            await self._clock.sleep(timedelta(seconds=wait))
            waited += wait
        used = self._minute()
        used.weight += weight
        return used.minute

    def _wait_of(self, weight: int, lane: Lane) -> float:
        now = self._clock.monotonic()
        until = self._all_from
        if weight or lane is Lane.READ:
            until = max(until, self._weighty_from)
        if lane is Lane.TRADE:
            until = max(until, self._trades_from)
        if now < until:
            return until - now
        if self._limit is not None and weight and self._minute().weight + weight > self._limit * lane.value:
            return _MINUTE - self._clock.now().timestamp() % _MINUTE + _SLACK
        return 0.0

    def _minute(self) -> _Used:
        minute = int(self._clock.now().timestamp() // _MINUTE)
        if minute != self._used.minute:
            self._used = _Used(minute)
        return self._used

    def note_used(self, weight: int, minute: int) -> None:
        """Take in what the venue says was used in a minute, by whomever; one that is over does not count."""
        used = self._minute()
        if used.minute == minute:
            used.weight = max(used.weight, weight)

    def note_ban(self, status: int, retry_after: float | None, *, is_order: bool = False) -> None:
        """Take in a 429 or a 418; ``is_order``: it was the answer to an order."""
        until = self._clock.monotonic() + (_BAN_SECONDS if retry_after is None else retry_after)
        if status == 418:
            self._all_from = max(self._all_from, until)
        if is_order:
            self._trades_from = max(self._trades_from, until)
        self._weighty_from = max(self._weighty_from, until)
