"""How is one request made? Admitted by the limiter, sent once, and its failure named for what it proves."""

from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.ccxt.client import BinanceClient
from bot.adapters.ccxt.errors import Answered, Banned, of_read, of_write
from bot.adapters.ccxt.limiter import Lane, Limiter
from bot.domain.errors import BotError, VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from bot.domain.policy import VALIDITY_SENT
from bot.ports import IS_PATIENT

#: What a request is refused with whose time is not the venue's.
REQUEST_EXPIRED = "request_expired"
#: The minute in which the request of this task has left: its answer may come in the next one.
_LEFT_IN: ContextVar[int | None] = ContextVar("left_in", default=None)
#: What is valid for less than this does not arrive in time.
_SHORTEST = timedelta(milliseconds=100)

Params = Mapping[str, str | int]


class Calls:
    """Calls ccxt's implicit methods, by name."""

    def __init__(self, client: BinanceClient, limiter: Limiter, refusals: Mapping[int, str]) -> None:
        self._client = client
        self.limiter = limiter
        self._refusals = refusals
        #: True once the venue has refused a request for its time: the clocks have moved apart since they were compared.
        self.is_clock_doubted = False
        client.note_weight = self._note_weight

    async def read(self, method: str, params: Params | None = None, *, weight: int = 1, lane: Lane = Lane.READ) -> Any:
        """Ask, and return the document.

        Raises:
            VenueUnavailable: it was not answered, or not with a document.
        """
        if IS_PATIENT.get():
            lane = Lane.READ
        _LEFT_IN.set(await self.limiter.admit(weight, lane))
        try:
            document = await getattr(self._client, method)(dict(params or {}))
        except BotError:
            raise
        except Exception as failure:
            self._note(failure)
            raise of_read(failure, method) from failure
        if not isinstance(document, dict | list):
            raise VenueUnavailable(f"{method}: the answer is no document")
        return document

    async def find(self, method: str, params: Params, not_found: str, *, weight: int = 1) -> dict[str, Any] | None:
        """Ask for one thing; None when the venue says that it has none.

        Raises:
            VenueUnavailable: it was not answered, or not with a document.
        """
        try:
            document = await self.read(method, params, weight=weight, lane=Lane.PROTECT)
        except VenueUnavailable as failure:
            if self.code_of(failure) == not_found:
                return None
            raise
        if not isinstance(document, dict):
            raise VenueUnavailable(f"{method}: the answer is no document")
        return document

    def code_of(self, failure: VenueUnavailable) -> str | None:
        """Return what the venue itself said of a read that failed; None where it said nothing that is known."""
        cause = failure.__cause__
        return self._refusals.get(cause.code) if isinstance(cause, Answered) else None

    async def write(
        self, method: str, params: Params, *, lane: Lane, intended_at: datetime | None = None
    ) -> dict[str, Any]:
        """Send once, and return the document.

        What was ``intended_at`` some moment is valid for a while from then on, and not from when it leaves: whoever
        finds no trace of it later than that may say that it never arrived.

        Raises:
            VenueRefused: refused, or not sent; proved.
            VenueOutcomeUnknown: anything else.
        """
        try:
            _LEFT_IN.set(await self.limiter.admit(0, lane, self._valid_for(intended_at)))
        except VenueUnavailable as failure:
            raise VenueRefused(str(failure), code="rate_limited") from failure
        left = self._valid_for(intended_at)
        if left < _SHORTEST:
            raise VenueRefused(f"{method}: it was meant too long ago, and was not sent", code="too_late")
        try:
            document = await getattr(self._client, method)({**params, "recvWindow": left // timedelta(milliseconds=1)})
        except BotError:
            raise
        except Exception as failure:
            self._note(failure, is_order=True)
            raise of_write(failure, method, self._refusals) from failure
        if not isinstance(document, dict):
            raise VenueOutcomeUnknown(f"{method}: the answer is no document")
        return document

    def _note_weight(self, weight: int) -> None:
        """Take in the weight that came with the answer to the request of this task."""
        minute = _LEFT_IN.get()
        if minute is not None:
            self.limiter.note_used(weight, minute)

    def _valid_for(self, intended_at: datetime | None) -> timedelta:
        if intended_at is None:
            return VALIDITY_SENT
        return min(VALIDITY_SENT, intended_at + VALIDITY_SENT - self._client.clock.now())

    def _note(self, failure: Exception, *, is_order: bool = False) -> None:
        if isinstance(failure, Banned):
            self.limiter.note_ban(failure.status, failure.retry_after, is_order=is_order)
        if isinstance(failure, Answered) and self._refusals.get(failure.code) == REQUEST_EXPIRED:
            self.is_clock_doubted = True
