"""What does the bot do about failures of its own? It halts, durably; after several bad ends it only reduces."""

from datetime import timedelta

import structlog

from bot.domain.errors import BotError, InvariantViolated, JournalError
from bot.domain.events import TradingStateSet
from bot.domain.policy import TradingState
from bot.engine.desk import Desk

log = structlog.get_logger()

WHY = "three abnormal ends within ten minutes"
#: What stands before the reason of a halt by a failure.
FAILED = "the bot has failed: "
_MANY = 3
_WITHIN = timedelta(minutes=10)


def counts_as_crash(failure: BaseException) -> bool:
    """Return whether something of the bot's own broke. Who was refused, or not answered, may begin again at once."""
    return not isinstance(failure, BotError) or isinstance(failure, (InvariantViolated, JournalError))


async def restrain(desk: Desk) -> None:
    """Look back on the ends that the journal knows of, once this start is in it. Loosens nothing that is stricter.

    What earlier processes have put in force is told again: nobody may have heard them.
    """
    books, now = desk.journal.books, desk.clock.now()
    are_many = sum(now - end <= _WITHIN for end in books.abnormal_ends) >= _MANY
    if are_many and books.trading_state is TradingState.NORMAL:
        await desk.journal.record(
            TradingStateSet(at=now, state=TradingState.REDUCE_ONLY, caller="bot", why=WHY),
        )
    if are_many or books.trading_state_why == WHY:
        desk.alerts.raise_alert(
            "abnormal_ends",
            "The bot has ended abnormally three times within ten minutes. Positions may only get smaller until you"
            " resume: find the cause in the log lines before each start, mend it, then 'trimtab resume'",
            severity="critical",
            cause="bot",
        )

    if books.trading_state is TradingState.HALTED and books.trading_state_why.startswith(FAILED):
        _tell_halt(desk, books.trading_state_why.removeprefix(FAILED))


def _tell_halt(desk: Desk, reason: str) -> None:
    desk.alerts.raise_alert(
        "halted_by_failure",
        f"The bot has halted itself: {reason}. Nothing is hedged until you resume; stops stay and are looked after."
        " Find the cause in the log, mend it, then 'trimtab resume'",
        severity="critical",
        cause="bot",
    )


async def halt_durably(desk: Desk, failure: BaseException) -> None:
    """Halt, and let the next process find it so."""
    _tell_halt(desk, str(failure))
    try:
        await desk.journal.record(
            TradingStateSet(
                at=desk.clock.now(),
                state=TradingState.HALTED,
                caller="bot",
                why=f"{FAILED}{failure}",
                is_hard=desk.journal.books.is_hard_halt,
            )
        )
    except JournalError:
        log.critical("The halt could not be journalled", code="halt_not_journalled")
