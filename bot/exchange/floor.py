"""What do all parts of the exchange stand on? The present state of everything, and the one place that tells
about changes."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

from bot.domain.ids import Asset, ClientOrderId, Symbol
from bot.domain.orders import OrderState
from bot.exchange.accounts import Accounts
from bot.exchange.book import Book
from bot.exchange.config import ExchangeConfig, ExtremeOrder
from bot.exchange.contracts import Contract, list_contracts
from bot.exchange.dated import DatedPrices
from bot.exchange.feed import Feed
from bot.exchange.margin import Margin
from bot.exchange.market import Leg, Market, Prices, Series
from bot.exchange.moments import from_us
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import FundingPayment, Liquidation, Movement, Trade

#: What observers are told about.
Record = ExchangeOrder | Trade | Movement | FundingPayment | Liquidation
#: (time, kind, record); kinds: ``order``, ``trade``, ``movement``, ``funding``, ``liquidation``.
Observer = Callable[[datetime, str, Record], None]


class Floor:
    """The state that matching, margin, funding and liquidation share."""

    def __init__(
        self, config: ExchangeConfig, market: Market, listing_prices: dict[Asset, Decimal] | None = None
    ) -> None:
        self.config = config
        self.market = market
        self.feed = Feed(market, config.assets)
        self.feed.begin(market.start_us, {})
        self.dated = DatedPrices(config, self.feed)
        #: What each asset cost when its contracts were listed: their terms follow from it, for good.
        self.listing_prices = {asset: self.feed.prices(asset, market.start_us)[0] for asset in config.assets} | (
            listing_prices or {}
        )
        #: The perpetuals, and every dated contract that was listed since the market began, expired or not.
        self.contracts: dict[Symbol, Contract] = list_contracts(self.listing_prices, is_unified=bool(config.unified))
        self.accounts = Accounts()
        self.margin = Margin(self.accounts, self.contracts, config.leverage, config.unified)
        self.book = Book(config)
        self.orders: dict[int, ExchangeOrder] = {}
        self.open_orders: dict[int, ExchangeOrder] = {}
        self.trades: list[Trade] = []
        #: Every symbol that was ever traded.
        self.traded: set[Symbol] = set()
        self.funding: list[FundingPayment] = []
        self.liquidations: list[Liquidation] = []
        self.observers: list[Observer] = []
        #: Counts every change of state; equal numbers mean that nothing happened in between.
        self.version = 0
        #: Numbers of the orders that were changed since the last commit.
        self.changed_orders: set[int] = set()
        #: Kind and number of the records that were let go since the last commit.
        self.forgotten: set[tuple[str, int]] = set()
        #: The newest number of each kind of record that is numbered by itself.
        self.numbers = {"order": 0, "trade": 0, "liquidation": 0}
        #: Contracts that the venue has taken off, and lists no more.
        self.delisted: set[Symbol] = set()
        self._by_client: dict[ClientOrderId, list[ExchangeOrder]] = {}
        self._now_us = market.start_us
        self._now = from_us(market.start_us)

    @property
    def now_us(self) -> int:
        """The market time."""
        return self._now_us

    @now_us.setter
    def now_us(self, moment_us: int) -> None:
        if moment_us != self._now_us:
            self._now_us = moment_us
            self._now = from_us(moment_us)

    @property
    def now(self) -> datetime:
        """The market time."""
        return self._now

    @property
    def has_ended(self) -> bool:
        """True when the data is at its end."""
        return self.market.end_us is not None and self._now_us >= self.market.end_us

    def index_of(self, asset: Asset) -> Decimal:
        """Return the index price now."""
        return self.feed.prices(asset, self._now_us)[0]

    def mark_of(self, contract: Contract) -> Decimal:
        """Return a contract's mark price now."""
        if contract.expires_us is None:
            return self.feed.prices(contract.asset, self._now_us)[Series.MARK]
        return self.dated.leg_of(contract, self._now_us).price(Series.MARK, self._now_us)

    def last_of(self, contract: Contract) -> Decimal:
        """Return a contract's last price now."""
        if contract.expires_us is None:
            return self.feed.prices(contract.asset, self._now_us)[Series.LAST]
        return self.dated.leg_of(contract, self._now_us).price(Series.LAST, self._now_us)

    def prices_of(self, contract: Contract) -> Prices:
        """Return index, and a contract's mark and last price now."""
        if contract.expires_us is None:
            return self.feed.prices(contract.asset, self._now_us)
        return self.dated.leg_of(contract, self._now_us).prices(self._now_us)

    def leg_of(self, contract: Contract) -> Leg:
        """Return the straight line that a contract's price is on now."""
        if contract.expires_us is None:
            return self.feed.legs[contract.asset]
        return self.dated.leg_of(contract, self._now_us)

    def perpetual_mark_of(self, asset: Asset) -> Decimal:
        """Return the mark price that an asset's perpetuals have now."""
        return self.feed.prices(asset, self._now_us)[Series.MARK]

    def has_expired(self, contract: Contract) -> bool:
        """Return whether a contract's last moment has come."""
        if contract.symbol in self.delisted:
            return True
        return contract.expires_us is not None and contract.expires_us <= self._now_us

    def leans(self) -> dict[Asset, int]:
        """Return which way each asset's next bar goes: +1 low first, −1 high first, 0 where nothing is held.

        That is the sign of the account's futures in coins, unless the favourable extreme is to come first.
        """
        coins: dict[Asset, Decimal] = {}
        for symbol, position in self.accounts.positions.items():
            contract = self.contracts[symbol]
            amount = position.contracts * contract.size
            if not contract.is_linear:
                amount /= self.mark_of(contract)
            coins[contract.asset] = coins.get(contract.asset, Decimal(0)) + amount
        way = 1 if self.config.extremes is ExtremeOrder.ADVERSE_FIRST else -1
        return {asset: way * ((amount > 0) - (amount < 0)) for asset, amount in coins.items()}

    def next_number(self, kind: str) -> int:
        """Return the number of a new record. None is given twice, whatever was forgotten."""
        self.numbers[kind] += 1
        return self.numbers[kind]

    def add_order(self, order: ExchangeOrder) -> None:
        """Take an order in."""
        self.orders[order.id] = order
        if order.is_open:
            self.open_orders[order.id] = order
        if order.client_order_id is not None:
            self._by_client.setdefault(order.client_order_id, []).append(order)

    def order_changed(self, order: ExchangeOrder) -> None:
        """Note that an order is not what it was, and tell."""
        order.updated_at = self._now
        if not order.is_open:
            self.open_orders.pop(order.id, None)
        self.changed_orders.add(order.id)
        self.tell("order", order)

    def forget(self, order: ExchangeOrder) -> None:
        """Lose an order that rests: nobody will ever find it."""
        order.state, order.reason = OrderState.CANCELLED, "forgotten"
        self._by_client[order.client_order_id or ClientOrderId("")].remove(order)
        self.order_changed(order)

    def drop_order(self, order: ExchangeOrder) -> None:
        """Let go of an order that has ended long ago."""
        del self.orders[order.id]
        self.changed_orders.discard(order.id)
        self.forgotten.add(("order", order.id))
        key = order.client_order_id
        if key is not None and key in self._by_client:
            left = [one for one in self._by_client[key] if one is not order]
            if left:
                self._by_client[key] = left
            else:
                del self._by_client[key]

    def orders_named(self, symbol: Symbol, client_order_id: ClientOrderId) -> Iterator[ExchangeOrder]:
        """Yield the orders that carry an id, newest first."""
        for order in reversed(self._by_client.get(client_order_id, ())):
            if order.symbol == symbol:
                yield order

    def has_open_order_named(self, client_order_id: ClientOrderId) -> bool:
        """Return whether an order with this id works or rests."""
        return any(order.is_open for order in self._by_client.get(client_order_id, ()))

    def tell(self, kind: str, record: Record) -> None:
        """Count a change and tell those who watch."""
        self.version += 1
        for observer in self.observers:
            observer(self._now, kind, record)
