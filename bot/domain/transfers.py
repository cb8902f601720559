"""What is a transfer of collateral from wallet to wallet?

A transfer is a write like an order: durable in the journal before it is sent, sent once, and accepted, refused or
unknown.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Currency, TransferId, VenueId
from bot.domain.portfolio import WalletKind

#: Until when a transfer is counted on as coming: one whose outcome is not known, and one that the venue has taken.
_SHOWS_WITHIN = timedelta(seconds=10)
_ARRIVES_WITHIN = timedelta(minutes=30)


class TransferState(StrEnum):
    """Where a transfer stands."""

    #: Durable, not known to have been sent.
    INTENDED = "intended"
    #: The outcome of sending it is not known.
    UNKNOWN = "unknown"
    #: The venue has taken it and not credited it yet.
    PENDING = "pending"
    DONE = "done"
    #: The venue proved that it did not take it, or gave it back.
    REFUSED = "refused"
    #: Proved never to have left.
    ABSENT = "absent"

    @property
    def is_final(self) -> bool:
        """True when nothing more is to come."""
        return self in (TransferState.DONE, TransferState.REFUSED, TransferState.ABSENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferDraft:
    """A transfer as decided, before the journal gave it an id."""

    venue: VenueId
    currency: Currency
    source: WalletKind
    target: WalletKind
    #: Positive.
    amount: Decimal
    #: In a few words, for the owner.
    why: str
    #: What the wallet that it leaves held before; None where that was not noted.
    source_balance: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIntent(TransferDraft):
    """A transfer that is durable in the journal and may be sent, once."""

    transfer_id: TransferId
    intended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTransfer:
    """A transfer as the venue reports it."""

    venue: VenueId
    #: Ours, where the venue takes one; None for transfers of somebody else.
    transfer_id: TransferId | None
    venue_transfer_id: str
    currency: Currency
    source: WalletKind
    target: WalletKind
    amount: Decimal
    #: PENDING, DONE or REFUSED.
    state: TransferState
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """The journal's view of one of our transfers."""

    intent: TransferIntent
    state: TransferState = TransferState.INTENDED
    #: When the state was learned.
    changed_at: datetime
    reason: str = ""
    #: The venue's own name for it; empty while none is known.
    venue_transfer_id: str = ""

    def moved_to(self, state: TransferState, at: datetime, reason: str, venue_transfer_id: str = "") -> "Transfer":
        """Return the transfer in its next state."""
        return replace(
            self,
            state=state,
            changed_at=at,
            reason=reason or self.reason,
            venue_transfer_id=venue_transfer_id or self.venue_transfer_id,
        )

    def is_overdue(self, now: datetime) -> bool:
        """Return True for an open one that should have been seen by now: it is no longer counted on."""
        wait = _ARRIVES_WITHIN if self.state is TransferState.PENDING else _SHOWS_WITHIN
        return not self.state.is_final and now - self.intent.intended_at >= wait
