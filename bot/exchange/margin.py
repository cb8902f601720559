"""How much margin is there, how much is needed, and where does it end?

Cross margin: all positions of a wallet stand for each other. A wallet is liquidated when balance with
unrealised profit has come
down to the sum of the maintenance margins.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from bot.domain.ids import Symbol
from bot.domain.orders import Side
from bot.exchange.accounts import Accounts, WalletKey
from bot.exchange.contracts import Contract
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import MarginSummary

_ZERO = Decimal(0)
_PRICE_STEP = Decimal("1e-8")
#: Reported for a short that no price liquidates: as far as a price can be written.
UNREACHABLE_FACTOR = Decimal(1000)

MarkOf = Callable[[Contract], Decimal]


class Margin:
    """Margin of all wallets, from the accounts and the marks it is asked with."""

    def __init__(self, accounts: Accounts, contracts: Mapping[Symbol, Contract], leverage: Decimal) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._leverage = leverage

    def positions_in(self, key: WalletKey) -> list[Contract]:
        """Return the contracts held from a wallet, in the order they were opened."""
        return [
            contract
            for contract in (self._contracts[symbol] for symbol in self._accounts.positions)
            if contract.wallet == key
        ]

    def keys_at_risk(self) -> set[WalletKey]:
        """Return the wallets that carry positions."""
        return {self._contracts[symbol].wallet for symbol in self._accounts.positions}

    def surplus(self, key: WalletKey, mark_of: MarkOf) -> Decimal:
        """Return margin balance − maintenance; zero or less is liquidation."""
        left = self._accounts.wallets.get(key, _ZERO)
        for contract in self.positions_in(key):
            mark = mark_of(contract)
            left += self._accounts.unrealised(contract, mark)
            left -= contract.maintenance(self._accounts.contracts_of(contract.symbol), mark)
        return left

    def summary(self, key: WalletKey, mark_of: MarkOf) -> MarginSummary:
        """Return the margin of a wallet."""
        unrealised = maintenance = initial = _ZERO
        for contract in self.positions_in(key):
            mark = mark_of(contract)
            held = self._accounts.contracts_of(contract.symbol)
            unrealised += self._accounts.unrealised(contract, mark)
            maintenance += contract.maintenance(held, mark)
            initial += contract.initial(held, mark, self._leverage)
        return MarginSummary(
            wallet=key[0],
            currency=key[1],
            balance=self._accounts.wallets.get(key, _ZERO),
            unrealised=unrealised,
            maintenance=maintenance,
            initial=initial,
        )

    def free(self, key: WalletKey, mark_of: MarkOf, open_orders: Iterable[ExchangeOrder]) -> Decimal:
        """Return what a wallet can still put up for new positions or give away."""
        summary = self.summary(key, mark_of)
        free = summary.margin_balance - summary.initial
        for order in open_orders:
            contract = self._contracts[order.symbol]
            if contract.wallet == key and not order.reduce_only:
                price = order.price or order.trigger_price or mark_of(contract)
                free -= contract.initial(order.remaining, price, self._leverage)
        return free

    def needed(self, contract: Contract, side: Side, contracts: Decimal, price: Decimal) -> Decimal:
        """Return the initial margin that an order asks for: of the part that does not close."""
        held = self._accounts.contracts_of(contract.symbol) * side.sign
        after = held + contracts
        growth = contracts if held >= 0 else max(_ZERO, after)
        if growth == 0:
            return _ZERO
        before = contract.initial(max(held, _ZERO), price, self._leverage) if held > 0 else _ZERO
        return contract.initial(max(held, _ZERO) + growth, price, self._leverage) - before

    def liquidation_price(self, contract: Contract, mark_of: MarkOf) -> Decimal:
        """Return the mark of this contract at which its wallet is liquidated, all other marks as they are.

        Zero for a long, and ``UNREACHABLE_FACTOR`` times the mark for a short, that no price liquidates.
        """
        return self._liquidation_price(contract, mark_of(contract), self.surplus(contract.wallet, mark_of))

    def liquidation_prices(self, mark_of: MarkOf) -> dict[Symbol, Decimal]:
        """Return the same for every open position; each wallet is added up once."""
        surpluses = {key: self.surplus(key, mark_of) for key in self.keys_at_risk()}
        contracts = (self._contracts[symbol] for symbol in self._accounts.positions)
        return {
            contract.symbol: self._liquidation_price(contract, mark_of(contract), surpluses[contract.wallet])
            for contract in contracts
        }

    def _liquidation_price(self, contract: Contract, mark: Decimal, surplus: Decimal) -> Decimal:
        held = self._accounts.contracts_of(contract.symbol)
        # What the wallet has without this contract's worth and maintenance.
        rest = surplus - contract.value(held, mark) + contract.maintenance(held, mark)
        price = self._solve(contract, held, rest)
        farthest = mark * UNREACHABLE_FACTOR
        if price is None or price <= 0:
            return _ZERO if held > 0 else farthest
        return min(price, farthest).quantize(_PRICE_STEP)

    @staticmethod
    def _solve(contract: Contract, held: Decimal, rest: Decimal) -> Decimal | None:
        """Solve rest + value(p) = maintenance(p) for p, in each bracket, and take the one that lies in its own."""
        amount = held * contract.size
        for tier in contract.tiers:
            rate, deduction = tier.maintenance_frac, tier.deduction_quote
            if contract.is_linear:
                price = -(rest + deduction) / (amount - abs(amount) * rate)
            elif rest == 0:
                return None
            else:
                price = (amount + abs(amount) * rate - deduction) / rest
            if contract.notional_quote(held, price) <= tier.cap_quote:
                return price
        return None
