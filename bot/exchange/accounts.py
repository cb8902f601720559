"""Who has what? Wallets, positions, and the ledger that explains every wallet to the last digit.

Rules of this file: a wallet changes only by ``move``, which writes a movement; a position changes only by
``trade``. A position
keeps what it cost, not an average price: profit of closed contracts is what they brought minus their share of
the cost, rounded
once, and the rest of the cost takes up the rounding. So wallet − cost is exact whatever the order of the trades.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.domain.ids import Currency, Symbol
from bot.domain.portfolio import WalletKind
from bot.exchange.contracts import Contract
from bot.exchange.records import Movement, MovementKind

WalletKey = tuple[WalletKind, Currency]

_ZERO = Decimal(0)
_ENTRY_STEP = Decimal("1e-8")


@dataclass(slots=True)
class Position:
    """An open position."""

    #: Signed.
    contracts: Decimal
    #: ``Contract.value`` of the contracts when they were opened, in the settlement currency.
    cost: Decimal


class Accounts:
    """The account's wallets and positions."""

    def __init__(self) -> None:
        self.wallets: dict[WalletKey, Decimal] = {}
        self.positions: dict[Symbol, Position] = {}
        #: What is on its way to a wallet.
        self.in_transit: dict[WalletKey, Decimal] = {}
        self.movements: list[Movement] = []
        self._next_id = 1

    def move(
        self,
        at: datetime,
        key: WalletKey,
        amount: Decimal,
        kind: MovementKind,
        *,
        symbol: Symbol | None = None,
        trade_id: int | None = None,
    ) -> Movement:
        """Change a wallet and write down why."""
        movement = Movement(
            id=self._next_id,
            at=at,
            wallet=key[0],
            currency=key[1],
            amount=amount,
            kind=kind,
            symbol=symbol,
            trade_id=trade_id,
        )
        self._next_id += 1
        self.wallets[key] = self.wallets.get(key, _ZERO) + amount
        self.movements.append(movement)
        return movement

    def contracts_of(self, symbol: Symbol) -> Decimal:
        """Return the signed position; zero when flat."""
        position = self.positions.get(symbol)
        return _ZERO if position is None else position.contracts

    def trade(self, contract: Contract, change: Decimal, price: Decimal) -> Decimal:
        """Change a position by a signed number of contracts and return the profit that this realised."""
        held = self.contracts_of(contract.symbol)
        closing = _ZERO if held * change >= 0 else min(abs(change), abs(held)).copy_sign(change)
        realised = self._close(contract, closing, price) if closing else _ZERO
        opening = change - closing
        if opening:
            self._open(contract, opening, price)
        return realised

    def _open(self, contract: Contract, change: Decimal, price: Decimal) -> None:
        position = self.positions.setdefault(contract.symbol, Position(_ZERO, _ZERO))
        position.contracts += change
        position.cost += contract.settled(contract.value(change, price))

    def _close(self, contract: Contract, change: Decimal, price: Decimal) -> Decimal:
        position = self.positions[contract.symbol]
        brought = -contract.settled(contract.value(change, price))
        if change == -position.contracts:
            del self.positions[contract.symbol]
            return brought - position.cost
        cost = contract.settled(position.cost * -change / position.contracts)
        position.contracts += change
        position.cost -= cost
        return brought - cost

    def unrealised(self, contract: Contract, mark: Decimal) -> Decimal:
        """Return the profit of an open position at a mark, in the settlement currency."""
        position = self.positions[contract.symbol]
        return contract.value(position.contracts, mark) - position.cost

    def entry_price(self, contract: Contract) -> Decimal:
        """Return the average price at which an open position was opened."""
        position = self.positions[contract.symbol]
        amount = position.contracts * contract.size
        price = position.cost / amount if contract.is_linear else -amount / position.cost
        return price.quantize(_ENTRY_STEP)

    def to_document(self) -> dict[str, Any]:
        """Return wallets and positions; movements are kept by themselves."""
        return {
            "wallets": [[kind.value, currency, str(amount)] for (kind, currency), amount in self.wallets.items()],
            "positions": [
                [symbol, str(position.contracts), str(position.cost)] for symbol, position in self.positions.items()
            ],
            "next_id": self._next_id,
        }

    def load(self, document: dict[str, Any], movements: list[Movement]) -> None:
        """Take up what ``to_document`` gave."""
        self.wallets = {
            (WalletKind(kind), Currency(currency)): Decimal(amount) for kind, currency, amount in document["wallets"]
        }
        self.positions = {
            Symbol(symbol): Position(Decimal(contracts), Decimal(cost))
            for symbol, contracts, cost in document["positions"]
        }
        self.movements = movements
        self._next_id = document["next_id"]
