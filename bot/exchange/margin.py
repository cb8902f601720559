"""How much margin is there, how much is needed, and where does it end?

Cross margin: all positions of a wallet stand for each other. A wallet is liquidated when balance with
unrealised profit has come
down to the sum of the maintenance margins. In a unified account every coin counts besides, at a share of its worth, and
the cash may be below zero: what is missing is borrowed.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.orders import Side
from bot.domain.portfolio import WalletKind
from bot.exchange.accounts import Accounts, WalletKey
from bot.exchange.contracts import Contract
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import MarginSummary

_ZERO = Decimal(0)
_PRICE_STEP = Decimal("1e-8")
#: Reported for a short that no price liquidates: as far as a price can be written.
UNREACHABLE_FACTOR = Decimal(1000)


class Prices(Protocol):
    """The prices of one moment."""

    def mark_of(self, contract: Contract) -> Decimal:
        """Return a contract's mark price."""
        ...

    def index_of(self, asset: Asset) -> Decimal:
        """Return an asset's index price."""
        ...


class Margin:
    """Margin of all wallets, from the accounts and the prices it is asked with."""

    def __init__(
        self,
        accounts: Accounts,
        contracts: Mapping[Symbol, Contract],
        leverage: Decimal,
        counted: Mapping[Asset, Decimal],
    ) -> None:
        self._accounts = accounts
        self._contracts = contracts
        self._leverage = leverage
        #: Where the owner has set another.
        self.leverages: dict[Symbol, Decimal] = {}
        #: What share of a coin's worth is margin in a unified account.
        self._counted = counted

    def leverage_of(self, contract: Contract) -> Decimal:
        """Return the leverage that a contract's initial margin goes by."""
        return self.leverages.get(contract.symbol, self._leverage)

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

    def pledged(self, key: WalletKey) -> dict[Asset, Decimal]:
        """Return the coins that stand for a wallet, each times the share that counts; none unless it is unified."""
        if key[0] is not WalletKind.UNIFIED:
            return {}
        held = {asset: self._accounts.wallets.get((key[0], Currency(asset)), _ZERO) for asset in self._counted}
        return {asset: amount * self._counted[asset] for asset, amount in held.items() if amount}

    def collateral(self, key: WalletKey, prices: Prices) -> Decimal:
        """Return what the coins of a unified account count for, in cash."""
        return sum((amount * prices.index_of(asset) for asset, amount in self.pledged(key).items()), _ZERO)

    def surplus(self, key: WalletKey, prices: Prices) -> Decimal:
        """Return margin balance − maintenance; zero or less is liquidation."""
        left = self._accounts.wallets.get(key, _ZERO) + self.collateral(key, prices)
        for contract in self.positions_in(key):
            mark = prices.mark_of(contract)
            left += self._accounts.unrealised(contract, mark)
            left -= contract.maintenance(self._accounts.contracts_of(contract.symbol), mark)
        return left

    def summary(self, key: WalletKey, prices: Prices) -> MarginSummary:
        """Return the margin of a wallet."""
        unrealised = maintenance = initial = _ZERO
        for contract in self.positions_in(key):
            mark = prices.mark_of(contract)
            held = self._accounts.contracts_of(contract.symbol)
            unrealised += self._accounts.unrealised(contract, mark)
            maintenance += contract.maintenance(held, mark)
            initial += contract.initial(held, mark, self.leverage_of(contract))
        return MarginSummary(
            wallet=key[0],
            currency=key[1],
            balance=self._accounts.wallets.get(key, _ZERO),
            unrealised=unrealised,
            collateral=self.collateral(key, prices),
            maintenance=maintenance,
            initial=initial,
        )

    def free(self, key: WalletKey, prices: Prices, open_orders: Iterable[ExchangeOrder]) -> Decimal:
        """Return what a wallet can still put up for new positions or give away."""
        summary = self.summary(key, prices)
        free = summary.margin_balance - summary.initial
        for order in open_orders:
            contract = self._contracts[order.symbol]
            if contract.wallet == key and not order.reduce_only:
                price = order.price or order.trigger_price or prices.mark_of(contract)
                free -= contract.initial(order.remaining, price, self.leverage_of(contract))
        return free

    def needed(self, contract: Contract, side: Side, contracts: Decimal, price: Decimal) -> Decimal:
        """Return the initial margin that an order asks for: of the part that does not close."""
        held = self._accounts.contracts_of(contract.symbol) * side.sign
        after = held + contracts
        growth = contracts if held >= 0 else max(_ZERO, after)
        if growth == 0:
            return _ZERO
        leverage = self.leverage_of(contract)
        before = contract.initial(max(held, _ZERO), price, leverage) if held > 0 else _ZERO
        return contract.initial(max(held, _ZERO) + growth, price, leverage) - before

    def liquidation_price(self, contract: Contract, prices: Prices) -> Decimal:
        """Return the mark of this contract at which its wallet is liquidated, all other marks as they are.

        Zero for a long, and ``UNREACHABLE_FACTOR`` times the mark for a short, that no price liquidates. Coins of the
        contract's asset that count as margin move with its mark.
        """
        return self._liquidation_price(contract, prices, self.surplus(contract.wallet, prices))

    def liquidation_prices(self, prices: Prices) -> dict[Symbol, Decimal]:
        """Return the same for every open position; each wallet is added up once."""
        surpluses = {key: self.surplus(key, prices) for key in self.keys_at_risk()}
        contracts = (self._contracts[symbol] for symbol in self._accounts.positions)
        return {
            contract.symbol: self._liquidation_price(contract, prices, surpluses[contract.wallet])
            for contract in contracts
        }

    def _liquidation_price(self, contract: Contract, prices: Prices, surplus: Decimal) -> Decimal:
        held, mark = self._accounts.contracts_of(contract.symbol), prices.mark_of(contract)
        coins = self.pledged(contract.wallet).get(contract.asset, _ZERO)
        # What one more of mark adds to the worth of the coins.
        moving = coins * prices.index_of(contract.asset) / mark if coins else _ZERO
        # What the wallet has without this contract's worth and maintenance, and without what moves with it.
        rest = surplus - contract.value(held, mark) - moving * mark + contract.maintenance(held, mark)
        price = self._solve(contract, held, rest, moving)
        farthest = mark * UNREACHABLE_FACTOR
        if price is None or price <= 0 or (coins and (price - mark) * held > 0):
            return _ZERO if held > 0 else farthest
        return min(price, farthest).quantize(_PRICE_STEP)

    @staticmethod
    def _solve(contract: Contract, held: Decimal, rest: Decimal, moving: Decimal) -> Decimal | None:
        """Solve rest + moving·p + value(p) = maintenance(p), in each bracket, and take the one that lies in its own."""
        amount = held * contract.size
        for tier in contract.tiers:
            rate, deduction = tier.maintenance_frac, tier.deduction_quote
            if contract.is_linear:
                slope = amount + moving - abs(amount) * rate
                if slope == 0:
                    return None
                price = -(rest + deduction) / slope
            elif rest == 0:
                return None
            else:
                price = (amount + abs(amount) * rate - deduction) / rest
            if contract.notional_quote(held, price) <= tier.cap_quote:
                return price
        return None
