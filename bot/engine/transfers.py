"""How is collateral moved, once? Intent in the journal, one call, and an outcome that is looked up, never guessed."""

import asyncio
from datetime import datetime, timedelta

import structlog

from bot.domain.errors import VenueError, VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from bot.domain.events import TransferChanged
from bot.domain.ids import VenueId
from bot.domain.transfers import Transfer, TransferDraft, TransferState, VenueTransfer
from bot.domain.units import decimal_text
from bot.engine.desk import Desk

log = structlog.get_logger()

#: Venues stamp a transfer with a clock of their own.
_CLOCK_SLACK = timedelta(minutes=1)


class Transfers:
    """Sends transfers and follows them. The caller holds the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def send(self, draft: TransferDraft) -> Transfer:
        """Journal a transfer, send it once, and return what became of it."""
        desk = self._desk
        intent = await desk.journal.record_transfer(draft, desk.clock.now())
        try:
            async with asyncio.timeout(desk.policy.execution.call_timeout.total_seconds()):
                seen = await desk.venues[intent.venue].transfer(intent)
        except VenueRefused as refusal:
            state, why = TransferState.REFUSED, str(refusal)
        except (VenueOutcomeUnknown, VenueUnavailable, TimeoutError) as failure:
            state, why = TransferState.UNKNOWN, str(failure)
        else:
            state, why = seen.state, ""
        return await self._learn(desk.journal.books.transfers[intent.transfer_id], state, why)

    async def follow(self, venue_id: VenueId) -> None:
        """Look up every open transfer of a venue.

        One without a trace is closed as absent only after the validity window and the settle delay have passed.
        """
        desk = self._desk
        mine = [one for one in desk.journal.books.open_transfers() if one.intent.venue == venue_id]
        if not mine:
            return
        since = min(one.intent.intended_at for one in mine) - _CLOCK_SLACK
        try:
            seen = await desk.read(desk.venues[venue_id].fetch_transfers(since))
        except VenueError as failure:
            log.warning("Transfers could not be looked up", code="look_up_failed", venue=venue_id, reason=str(failure))
            return
        claimed: set[str] = set()
        for transfer in mine:
            found = next(
                (one for one in seen if _is_same(one, transfer) and one.venue_transfer_id not in claimed), None
            )
            if found is not None:
                claimed.add(found.venue_transfer_id)
                await self._learn(transfer, found.state, "")
            elif self._is_given_up(transfer, desk.clock.now()):
                await self._learn(transfer, TransferState.ABSENT, "it never arrived")

    def _is_given_up(self, transfer: Transfer, now: datetime) -> bool:
        policy = self._desk.policy.execution
        is_unseen = transfer.state in (TransferState.INTENDED, TransferState.UNKNOWN)
        return is_unseen and now >= transfer.intent.intended_at + policy.validity + policy.settle_delay

    async def _learn(self, transfer: Transfer, state: TransferState, reason: str) -> Transfer:
        desk, intent = self._desk, transfer.intent
        if state is not transfer.state:
            fact = TransferChanged(at=desk.clock.now(), transfer_id=intent.transfer_id, state=state, reason=reason)
            await desk.journal.record(fact)
            what = f"{decimal_text(intent.amount)} {intent.currency} to the {intent.target.replace('_', ' ')} wallet"
            told = f"The transfer of {what} is {state}"
            tell = log.warning if state in _NOT_GOOD else log.info
            tell(told, code=f"transfer_{state}", transfer_id=intent.transfer_id, why=intent.why, reason=reason)
        return desk.journal.books.transfers[intent.transfer_id]


_NOT_GOOD = (TransferState.REFUSED, TransferState.UNKNOWN, TransferState.ABSENT)


def _is_same(seen: VenueTransfer, transfer: Transfer) -> bool:
    """Return True when a transfer at the venue is ours; by what it is where the venue takes no id of ours."""
    intent = transfer.intent
    if seen.transfer_id is not None:
        return seen.transfer_id == intent.transfer_id
    return (
        (seen.currency, seen.source, seen.target, seen.amount)
        == (intent.currency, intent.source, intent.target, intent.amount)
    ) and seen.at >= intent.intended_at - _CLOCK_SLACK
