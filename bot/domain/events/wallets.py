"""What happened in the futures wallets? Margin, transfers, and what the ledger is measured from."""

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Currency, TransferId, VenueId
from bot.domain.policy import MarginRung
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferIntent, TransferState


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletAnchored(Fact):
    """The ledger and a futures wallet were made to agree; later differences are measured from here."""

    venue: VenueId
    wallet: WalletKind
    currency: Currency
    #: Margin balance − our ledger's profit in this currency, at this moment.
    baseline: Decimal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRungChanged(Fact):
    """A wallet's margin asks for something else than before."""

    venue: VenueId
    #: Settlement currency of the wallet.
    currency: Currency
    rung: MarginRung
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferIntended(Fact):
    """A transfer is about to be sent."""

    intent: TransferIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferChanged(Fact):
    """Something was learned about a transfer."""

    transfer_id: TransferId
    state: TransferState
    reason: str = ""
    #: The venue's own name for it, where it has told one.
    venue_transfer_id: str = ""
