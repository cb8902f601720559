"""How is collateral moved, once? Intent in the journal, one call, and an outcome that is looked up, never guessed.

A venue's history may lag, so that a transfer is not in it proves nothing by itself. One of unknown outcome is given up,
and may be repeated, only when the wallet that it would have left still holds exactly what it held before, or when the
history has said nothing for a day. Until then the owner is told, and the ladder goes on without it.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import structlog

from bot.domain.errors import DataError, VenueError, VenueOutcomeUnknown, VenueRefused, VenueUnavailable, tell
from bot.domain.events import TransferChanged
from bot.domain.ids import VenueId
from bot.domain.portfolio import AccountState
from bot.domain.transfers import Transfer, TransferDraft, TransferState, VenueTransfer
from bot.domain.units import ZERO, decimal_text
from bot.engine.desk import Desk

log = structlog.get_logger()

#: Venues stamp a transfer with a clock of their own.
_CLOCK_SLACK = timedelta(minutes=1)
#: How long after it may still have been taken a balance shows whether it was.
_BALANCES_SHOW = timedelta(minutes=1)
#: No history lags by more than this.
_HISTORY_SHOWS = timedelta(days=1)


class Transfers:
    """Sends transfers and follows them. The caller holds the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def send(self, draft: TransferDraft, account: AccountState) -> Transfer:
        """Journal a transfer, send it once, and return what became of it. ``account`` is as it was before."""
        desk = self._desk
        noted = replace(draft, source_balance=_source_balance(draft, account))
        intent = await desk.journal.record_transfer(noted, desk.clock.now())
        number = ""
        try:
            async with asyncio.timeout(desk.policy.execution.call_timeout.total_seconds()):
                seen = await desk.venues[intent.venue].transfer(intent)
        except VenueRefused as refusal:
            state, why = TransferState.REFUSED, str(refusal)
        except (VenueOutcomeUnknown, VenueUnavailable, TimeoutError) as failure:
            state, why = TransferState.UNKNOWN, tell(failure)
        else:
            state, why, number = seen.state, "", seen.venue_transfer_id
        return await self._learn(desk.journal.books.transfers[intent.transfer_id], state, why, number)

    async def follow(self, venue_id: VenueId) -> None:
        """Look up every open transfer of a venue, and tell of those that should have been seen."""
        desk = self._desk
        mine = [one for one in desk.journal.books.open_transfers() if one.intent.venue == venue_id]
        if not mine:
            return
        since = min(one.intent.intended_at for one in mine) - _CLOCK_SLACK
        seen: tuple[VenueTransfer, ...] = ()
        account: AccountState | None = None
        try:
            seen = await desk.read(desk.venues[venue_id].fetch_transfers(since))
            account = await self._account_where_needed(venue_id, mine)
        except (DataError, VenueError) as failure:
            log.warning("Transfers could not be looked up", code="look_up_failed", venue=venue_id, reason=str(failure))
        claimed = {one.venue_transfer_id for one in desk.journal.books.transfers.values()}
        for transfer in mine:
            found = _found(transfer, seen, claimed)
            if found is not None:
                claimed.add(found.venue_transfer_id)
                await self._learn(transfer, found.state, "", found.venue_transfer_id)
            elif account is not None and self._is_absent(transfer, account):
                await self._learn(transfer, TransferState.ABSENT, "it never left", "")
            self._tell_overdue(desk.journal.books.transfers[transfer.intent.transfer_id])

    async def _account_where_needed(self, venue_id: VenueId, mine: Iterable[Transfer]) -> AccountState | None:
        """Return the account as it is now, where balances can prove something."""
        if any(self._may_be_judged(one) for one in mine):
            return await self._desk.read(self._desk.venues[venue_id].fetch_account())
        return None

    def _may_be_judged(self, transfer: Transfer) -> bool:
        is_unseen = transfer.state in (TransferState.INTENDED, TransferState.UNKNOWN)
        taken_until = transfer.intent.intended_at + self._desk.policy.execution.validity
        return is_unseen and self._desk.clock.now() >= taken_until + _BALANCES_SHOW

    def _is_absent(self, transfer: Transfer, account: AccountState) -> bool:
        """Return True when it is proved that a transfer which no history shows has not left."""
        intent = transfer.intent
        if not self._may_be_judged(transfer):
            return False
        is_silent = self._desk.clock.now() - intent.intended_at >= _HISTORY_SHOWS
        holds = _source_balance(intent, account)
        return is_silent or (holds is not None and holds == intent.source_balance)

    def _tell_overdue(self, transfer: Transfer) -> None:
        alerts, intent = self._desk.alerts, transfer.intent
        cause = f"{intent.venue}/{intent.transfer_id}"
        if transfer.is_overdue(self._desk.clock.now()):
            alerts.raise_alert(
                "transfer_unknown",
                f"It is not known whether {_what(transfer)} have arrived; until it is, nothing more is moved there",
                severity="warning",
                cause=cause,
            )
        else:
            alerts.close_alert("transfer_unknown", cause=cause)

    async def _learn(self, transfer: Transfer, state: TransferState, reason: str, number: str) -> Transfer:
        desk, intent = self._desk, transfer.intent
        if state is not transfer.state or (number and number != transfer.venue_transfer_id):
            fact = TransferChanged(
                at=desk.clock.now(),
                transfer_id=intent.transfer_id,
                state=state,
                reason=reason,
                venue_transfer_id=number,
            )
            await desk.journal.record(fact)
        if state is not transfer.state:
            told = f"The transfer of {_what(transfer)} is {state}"
            tell = log.warning if state in _NOT_GOOD else log.info
            tell(told, code=f"transfer_{state}", transfer_id=intent.transfer_id, why=intent.why, reason=reason)
        return desk.journal.books.transfers[intent.transfer_id]


_NOT_GOOD = (TransferState.REFUSED, TransferState.UNKNOWN, TransferState.ABSENT)


def _what(transfer: Transfer) -> str:
    intent = transfer.intent
    return f"{decimal_text(intent.amount)} {intent.currency} to the {intent.target.replace('_', ' ')} wallet"


def _source_balance(draft: TransferDraft, account: AccountState) -> Decimal | None:
    """Return what the wallet holds that a transfer leaves; None while a part of the account cannot be read."""
    if account.unreadable_wallets:
        return None
    lines = (line for line in account.balances if (line.wallet, line.currency) == (draft.source, draft.currency))
    return sum((line.balance for line in lines), ZERO)


def _found(transfer: Transfer, seen: Iterable[VenueTransfer], claimed: Iterable[str]) -> VenueTransfer | None:
    """Return what the venue knows of a transfer: by its number there, or the first like it that is no other's."""
    if transfer.venue_transfer_id:
        return next((one for one in seen if one.venue_transfer_id == transfer.venue_transfer_id), None)
    return next((one for one in seen if _is_same(one, transfer) and one.venue_transfer_id not in claimed), None)


def _is_same(seen: VenueTransfer, transfer: Transfer) -> bool:
    """Return True when a transfer at the venue is ours; by what it is where the venue takes no id of ours."""
    intent = transfer.intent
    if seen.transfer_id is not None:
        return seen.transfer_id == intent.transfer_id
    return (
        (seen.currency, seen.source, seen.target, seen.amount)
        == (intent.currency, intent.source, intent.target, intent.amount)
    ) and seen.at >= intent.intended_at - _CLOCK_SLACK
