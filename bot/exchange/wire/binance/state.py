"""What do all routes stand on? The exchange, the time, and what an account has besides."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bot.domain.ids import Asset, Symbol
from bot.exchange.contracts import Contract
from bot.exchange.exchange import Exchange
from bot.exchange.moments import to_us
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import Trade
from bot.exchange.wire.binance.errors import WireError
from bot.exchange.wire.binance.names import own_order_id, wire_symbol
from bot.exchange.wire.binance.weights import WEIGHT_LIMIT


@dataclass(slots=True)
class Served:
    """The exchange as it is served: cash-settled contracts, and the spot wallet."""

    exchange: Exchange
    now: Callable[[], datetime]
    has_hedge_mode: bool = False
    has_multi_assets: bool = False
    may_trade: bool = True
    may_withdraw: bool = False
    may_transfer: bool = True
    is_bound_to_address: bool = True
    #: Contracts, by the venue's names, whose margin is isolated.
    isolated: set[str] = field(default_factory=set)
    #: Weight in a minute, of each host.
    weight_limit: int = WEIGHT_LIMIT
    #: Wallets that this server has no routes for, and what lies there in USDT.
    other_wallets: dict[str, Decimal] = field(default_factory=dict)
    _symbols: dict[str, Symbol] = field(default_factory=dict)
    _trades: dict[int, list[Trade]] = field(default_factory=dict)
    #: The number of the newest trade that is in there.
    _trades_read: int = 0

    def reach(self) -> None:
        """Let market time pass to the present."""
        self.exchange.advance(self.now())

    @property
    def now_ms(self) -> int:
        """The server's time."""
        return to_us(self.now()) // 1000

    def listing(self) -> list[Contract]:
        """Return the contracts that can be traded, and those that were."""
        return [contract for contract in self.exchange.listing() if contract.is_linear]

    def contract(self, name: str) -> Contract:
        """Return the contract of a name.

        Raises:
            WireError: there is none.
        """
        floor = self.exchange.floor
        symbol = self._symbols.get(name)
        if symbol is None:
            self._symbols = {wire_symbol(one.symbol): one.symbol for one in floor.contracts.values() if one.is_linear}
            symbol = self._symbols.get(name)
        if symbol is None:
            raise WireError(-1121, "Invalid symbol.")
        return floor.contracts[symbol]

    def held(self) -> list[Contract]:
        """Return the contracts with a position or an open order."""
        floor = self.exchange.floor
        symbols = dict.fromkeys([*floor.accounts.positions, *(one.symbol for one in floor.open_orders.values())])
        return [floor.contracts[symbol] for symbol in symbols if floor.contracts[symbol].is_linear]

    def index_of(self, currency: str) -> Decimal:
        """Return what a coin costs; nothing where it has no market here."""
        floor = self.exchange.floor
        return floor.index_of(Asset(currency)) if Asset(currency) in floor.config.assets else Decimal(0)

    def liquidation_price(self, contract: Contract) -> Decimal:
        """Return a position's liquidation price as the venue tells it: zero where no price liquidates it."""
        floor = self.exchange.floor
        price = floor.margin.liquidation_price(contract, floor)
        return price if price < floor.mark_of(contract) * 100 else Decimal(0)

    def trades_of(self, order: ExchangeOrder) -> list[Trade]:
        """Return the trades of an order."""
        floor = self.exchange.floor
        if floor.numbers["trade"] != self._trades_read:
            self._trades = {number: trades for number, trades in self._trades.items() if number in floor.orders}
            for trade in floor.trades[bisect_right(floor.trades, self._trades_read, key=lambda one: one.id) :]:
                if trade.order_id is not None:
                    self._trades.setdefault(trade.order_id, []).append(trade)
            self._trades_read = floor.numbers["trade"]
        return self._trades.get(order.id, [])

    @staticmethod
    def order_number_of(trade: Trade) -> int:
        """Return the id of the order that a trade belongs to; the venue's own trades have one, too."""
        return own_order_id(trade.id) if trade.order_id is None else trade.order_id
