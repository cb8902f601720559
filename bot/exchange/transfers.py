"""How does money get from one wallet to another? It leaves at once and arrives after a while.

An id of the sender's is taken once: the same id again is refused, so that nothing moves twice.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.ids import Currency, TransferId
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferState
from bot.exchange.accounts import WalletKey
from bot.exchange.floor import Floor
from bot.exchange.moments import to_us
from bot.exchange.orders import RefusalCode, Refused
from bot.exchange.records import MovementKind

_NEVER_US = 2**62


@dataclass(slots=True, kw_only=True)
class ExchangeTransfer:
    """One transfer between two wallets of the account."""

    id: int
    transfer_id: TransferId | None
    currency: Currency
    source: WalletKind
    target: WalletKind
    amount: Decimal
    #: PENDING until it has arrived, then DONE.
    state: TransferState
    at: datetime
    arrives_at: datetime


class Transfers:
    """Takes transfers and lets them arrive."""

    def __init__(self, floor: Floor, delay: timedelta) -> None:
        self._floor = floor
        self._delay = delay
        #: Those that are remembered, oldest first.
        self.all: list[ExchangeTransfer] = []
        #: The newest number.
        self.newest = 0
        #: Numbers of the transfers that were changed since the last commit.
        self.changed: set[int] = set()
        self._pending: list[ExchangeTransfer] = []

    @property
    def due_us(self) -> int:
        """When the next one arrives."""
        return to_us(self._pending[0].arrives_at) if self._pending else _NEVER_US

    def send(
        self, source: WalletKey, target: WalletKey, amount: Decimal, free: Decimal, transfer_id: TransferId | None
    ) -> ExchangeTransfer:
        """Move money, of which ``free`` is the most.

        Raises:
            Refused: the amount is not positive, the currencies differ, more than ``free`` is asked for, or the id was
                taken before.
        """
        if transfer_id is not None and any(one.transfer_id == transfer_id for one in self.all):
            raise Refused(RefusalCode.DUPLICATE_TRANSFER, f"transfer {transfer_id} was taken before")
        if amount <= 0 or source == target or source[1] != target[1]:
            raise Refused(RefusalCode.BAD_REQUEST, f"cannot transfer {amount} from {source} to {target}")
        if amount > free:
            raise Refused(RefusalCode.NO_FUNDS, f"{source[0]} has {free} {source[1]} free, {amount} were asked for")
        floor = self._floor
        transfer = ExchangeTransfer(
            id=self.newest + 1,
            transfer_id=transfer_id,
            currency=source[1],
            source=source[0],
            target=target[0],
            amount=amount,
            state=TransferState.PENDING,
            at=floor.now,
            arrives_at=floor.now + self._delay,
        )
        self.newest = transfer.id
        self.all.append(transfer)
        self.changed.add(transfer.id)
        floor.tell("movement", floor.accounts.move(floor.now, source, -amount, MovementKind.TRANSFER))
        floor.accounts.in_transit[target] = floor.accounts.in_transit.get(target, Decimal(0)) + amount
        self._pending.append(transfer)
        self.settle_due()
        return transfer

    def settle_due(self) -> None:
        """Credit what has arrived by now."""
        floor = self._floor
        while self._pending and self._pending[0].arrives_at <= floor.now:
            transfer = self._pending.pop(0)
            target = (transfer.target, transfer.currency)
            transfer.state = TransferState.DONE
            self.changed.add(transfer.id)
            floor.accounts.in_transit[target] -= transfer.amount
            floor.tell("movement", floor.accounts.move(floor.now, target, transfer.amount, MovementKind.TRANSFER))

    def since(self, moment: datetime) -> Iterator[ExchangeTransfer]:
        """Yield the transfers that were sent at or after a moment, oldest first."""
        return (one for one in self.all if one.at >= moment)

    def forget(self, horizon: datetime) -> set[int]:
        """Let go of those that arrived before a moment, and return their numbers."""
        old = {one.id for one in self.all if one.state is TransferState.DONE and one.arrives_at < horizon}
        self.all = [one for one in self.all if one.id not in old]
        self.changed -= old
        return old

    def load(self, transfers: Iterable[ExchangeTransfer], newest: int | None) -> None:
        """Take up what was kept; ``newest`` is the newest number, None where it follows from what there is."""
        self.all = sorted(transfers, key=lambda one: one.id)
        self.newest = newest if newest is not None else (self.all[-1].id if self.all else 0)
        self._pending = [one for one in self.all if one.state is TransferState.PENDING]
        for one in self._pending:
            target = (one.target, one.currency)
            in_transit = self._floor.accounts.in_transit
            in_transit[target] = in_transit.get(target, Decimal(0)) + one.amount
