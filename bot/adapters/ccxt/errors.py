"""What does a failure prove? Refused with a code of the venue's, not sent, or not known.

The class that ccxt raises cannot decide: a truncated reply and a refusal are the same class to it. So: *refused* only
with a parsed code on the venue's allow-list, *not sent* only when no connection was made, everything else on a write
is *not known*.
"""

import socket
from collections.abc import Mapping

import aiohttp

from bot.domain.errors import VenueError, VenueOutcomeUnknown, VenueRefused, VenueUnavailable

#: Code of a write that has not left this machine.
NOT_SENT = "not_sent"
#: Code of an order that the venue had no room for.
OVERLOADED = "overloaded"


class Answered(Exception):
    """The venue has answered with an error of its own, or whoever stands before it: then with no code, which is 0."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{code or f'HTTP {status}'} {message}")
        self.status = status
        self.code = code
        self.message = message


class TurnedAway(Answered):
    """The venue itself has said that its service is not there: by its documentation nothing was done."""


class Banned(Exception):
    """The venue answers nobody from here for a while: 429 or 418."""

    def __init__(self, status: int, retry_after: float | None) -> None:
        super().__init__(f"{status}, for {retry_after if retry_after is not None else 'an unknown number of'} seconds")
        self.status = status
        self.retry_after = retry_after


class KeyNotTaken(VenueUnavailable):
    """The venue answers, and not to this key from here. That is mended there."""


def of_read(failure: Exception, what: str) -> VenueError:
    """Return what a failed read is: no answer, whatever went wrong."""
    return VenueUnavailable(f"{what}: {tell(failure)}")


def of_write(failure: Exception, what: str, refusals: Mapping[int, str]) -> VenueError:
    """Return what a failed write proves. ``refusals``: the codes that prove a refusal, and our name for each."""
    told = f"{what}: {tell(failure)}"
    if isinstance(failure, Answered) and failure.code in refusals:
        return VenueRefused(told, code=refusals[failure.code])
    if isinstance(failure, TurnedAway):
        return VenueRefused(told, code=OVERLOADED)
    if isinstance(failure, Banned):
        return VenueRefused(told, code="rate_limited")
    if was_not_sent(failure):
        return VenueRefused(told, code=NOT_SENT)
    return VenueOutcomeUnknown(told)


def was_not_sent(failure: BaseException) -> bool:
    """Return True when no connection was made, so that nothing can have arrived."""
    cause = failure.__cause__
    return isinstance(cause, aiohttp.ClientConnectorError | socket.gaierror)


def tell(failure: BaseException) -> str:
    """Return a failure in words, without addresses: they carry signatures."""
    if isinstance(failure, Answered | Banned):
        return str(failure)
    cause = failure.__cause__
    named = type(failure).__name__
    return named if cause is None else f"{named} ({type(cause).__name__})"
