"""Which ways can the bot fail, and whose failure is it?

The class says what the engine does next; the docstring is the default message.
"""


def tell(failure: BaseException) -> str:
    """Say what went wrong; a deadline that has passed has no words of its own."""
    return str(failure) or "no answer in time"


class BotError(Exception):
    """Something went wrong in the bot."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class ConfigError(BotError):
    """The configuration cannot be used; refuse to start."""


class DataError(BotError):
    """An input cannot be decided on; skip this look."""


class StaleData(DataError):
    """An input is older than its bound."""


class IncompleteData(DataError):
    """An input is missing. Missing is never zero."""


class BadPayload(DataError):
    """A value could not be understood."""


class VenueError(BotError):
    """A venue did not do what was asked."""


class VenueRefused(VenueError):
    """The venue proved that it did not take the order.

    ``code`` is the venue's own reason, from the adapter's allow-list.
    """

    def __init__(self, message: str | None = None, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class VenueOutcomeUnknown(VenueError):
    """The request may or may not have been executed."""


class VenueUnavailable(VenueError):
    """A read could not be answered; nothing was changed."""


class JournalError(BotError):
    """The journal cannot be used; an unrecorded trade is worse than none."""


class JournalTooNew(JournalError):
    """The journal was written by a newer version of Trimtab; refuse to start."""


class DataFolderInUse(BotError):
    """Another process owns the data folder; refuse to start."""


class CommandRefused(BotError):
    """The command does not go with the state that the bot is in; nothing was changed."""


class InvariantViolated(BotError):
    """A rule that must always hold was broken: a bug of ours, so halt."""
