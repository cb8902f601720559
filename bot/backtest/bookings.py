"""Do the books say what has happened at the exchange? Each trade once, and every coin of the wallets explained."""

from collections.abc import Iterator
from decimal import Decimal

from bot.backtest.restraints import Judgement
from bot.domain.books import Books
from bot.domain.ids import Symbol
from bot.exchange.exchange import Exchange
from bot.exchange.records import MovementKind

_ZERO = Decimal(0)
#: Ledger and wallet are kept to eight places; this much may be lost to rounding per trade.
_ROUNDING = Decimal("0.0000001")
#: What a wallet loses or gains that no trade of ours explains.
_NOT_OURS = (MovementKind.LIQUIDATION_FEE, MovementKind.INSURANCE)


class Bookings:
    """Compares books and exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._opening = _wallet_total(exchange)
        #: Number of the last fact when fills were last looked at.
        self._fills_until = 0

    def judge_fills(self, books: Books) -> Iterator[Judgement]:
        """Yield the orders that are booked with more than they were for: a trade is booked once."""
        if books.sequence == self._fills_until:
            return
        self._fills_until = books.sequence
        for mark, order in books.orders.items():
            if order.filled_contracts > order.intent.contracts and mark not in self._exchange.deceived:
                told = f"{order.filled_contracts} of {order.intent.contracts} contracts"
                yield False, f"order {mark} is booked with {told}: a trade was booked twice"

    def judge_ledger(self, books: Books) -> Iterator[Judgement]:
        """Yield whether the ledger has the positions that the venue has, and explains what wallets have gained."""
        floor = self._exchange.floor
        for symbol in floor.contracts:
            booked = sum((led.contracts for (_, name), led in books.ledgers.items() if name == symbol), _ZERO)
            held = floor.accounts.contracts_of(symbol)
            yield booked == held, f"{symbol}: the ledger has {booked}, the venue {held}"
        moved = _wallet_total(self._exchange) - self._opening - _owner_moves(self._exchange)
        explained = _ZERO
        for (_, symbol), ledger in books.ledgers.items():
            contract = floor.contracts[Symbol(symbol)]
            if contract.is_linear:
                cost = floor.accounts.positions[symbol].cost if symbol in floor.accounts.positions else _ZERO
                explained += ledger.cash_contract_value * contract.size + cost
                explained += ledger.funding - ledger.fees_paid.get(contract.settle, _ZERO)
        for payment in floor.funding:
            # What was settled after the last reading is not booked yet, and need not be.
            until = max(books.funding_until.values(), default=None)
            if floor.contracts[payment.symbol].is_linear and (until is None or payment.at > until):
                explained += payment.amount
        lost = sum((m.amount for m in floor.accounts.movements if m.kind in _NOT_OURS), _ZERO)
        apart = abs(moved - explained - lost)
        allowed = _ROUNDING * (1 + len(floor.trades) + len(floor.funding))
        yield apart <= allowed, f"ledger and wallets are {apart} apart"


def _wallet_total(exchange: Exchange) -> Decimal:
    accounts = exchange.floor.accounts
    lines = (*accounts.wallets.items(), *accounts.in_transit.items())
    return sum((held for (_, currency), held in lines if currency == "USDT"), _ZERO)


def _owner_moves(exchange: Exchange) -> Decimal:
    """Return what the owner has paid in and out since the beginning; the first deposits are the opening."""
    return sum(
        (
            movement.amount
            for movement in exchange.floor.accounts.movements
            if movement.kind in (MovementKind.DEPOSIT, MovementKind.WITHDRAWAL)
            and movement.currency == "USDT"
            and movement.at > exchange.floor.accounts.movements[0].at
        ),
        _ZERO,
    )
