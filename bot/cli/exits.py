"""Which exit code does a failure end with?"""

from enum import IntEnum

from bot.domain import errors


class ExitCode(IntEnum):
    """What scripts can tell apart."""

    FINE = 0
    #: A bug of ours.
    BROKEN = 1
    #: Bad configuration or usage.
    USAGE = 2
    #: Refused for safety.
    REFUSED = 3
    #: A venue, or the daemon that was asked, did not answer.
    UNREACHABLE = 4


class DaemonUnreachable(errors.BotError):
    """No running daemon answers; start one with 'trimtab run'."""


class DaemonRefused(errors.BotError):
    """The daemon did not do what was asked."""

    def __init__(self, message: str, *, code: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


_UNREACHABLE_CODES = frozenset({"venue_unavailable"})
_USAGE_STATUSES = frozenset({400, 401, 403, 404, 405, 413, 415})


def exit_code_of(failure: errors.BotError) -> ExitCode:
    """Return the exit code of a failure that was foreseen."""
    match failure:
        case DaemonRefused():
            return _code_of_refusal(failure)
        case errors.ConfigError():
            return ExitCode.USAGE
        case errors.VenueUnavailable() | errors.VenueOutcomeUnknown() | DaemonUnreachable():
            return ExitCode.UNREACHABLE
        case errors.InvariantViolated():
            return ExitCode.BROKEN
        case _:
            return ExitCode.REFUSED


def _code_of_refusal(refusal: DaemonRefused) -> ExitCode:
    if refusal.code in _UNREACHABLE_CODES:
        return ExitCode.UNREACHABLE
    if refusal.status in _USAGE_STATUSES:
        return ExitCode.USAGE
    return ExitCode.BROKEN if refusal.status == 500 else ExitCode.REFUSED
