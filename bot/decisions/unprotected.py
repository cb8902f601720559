"""What is done about a position that has been without its stop for too long?

The rungs go one way with time: keep trying to rest a stop, watch the trigger ourselves, make the leg smaller, close
it. Each later rung includes the earlier ones.
"""

from datetime import timedelta
from enum import StrEnum

from bot.domain.policy import StopPolicy

#: The leg is halved after this many deadlines, and closed after that many.
_REDUCE_AFTER = 4
_FLATTEN_AFTER = 10


class Rung(StrEnum):
    """How far the ladder has been climbed."""

    #: Try to rest the stop.
    RETRY = "retry"
    #: Besides, watch the trigger here and close at market when mark reaches it.
    BOT_STOP = "bot_stop"
    #: Besides, halve the leg.
    REDUCE = "reduce"
    #: Close the leg.
    FLATTEN = "flatten"


def rung_after(unprotected_for: timedelta, policy: StopPolicy) -> Rung:
    """Return the rung that a leg has reached; exactly at a bound counts as past it."""
    if unprotected_for >= policy.deadline * _FLATTEN_AFTER:
        return Rung.FLATTEN
    if unprotected_for >= policy.deadline * _REDUCE_AFTER:
        return Rung.REDUCE
    if unprotected_for >= policy.deadline:
        return Rung.BOT_STOP
    return Rung.RETRY
