"""What can be asked of the embedded exchange? The facade: time, orders, transfers, reads.

Rules of this file: time moves only in ``advance``, and stands still while nobody calls; a write is committed before
it is acknowledged.
"""

import dataclasses
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, TransferId
from bot.domain.orders import OrderState, Side
from bot.domain.portfolio import WalletKind
from bot.exchange import faults as fault
from bot.exchange.accounts import WalletKey
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.contracts import Contract
from bot.exchange.deleveraging import deleverage
from bot.exchange.faults import Effect, Faults, ReadFailed, ReplyLost, RequestLost
from bot.exchange.floor import Floor
from bot.exchange.keeping import Keeper
from bot.exchange.liquidation import liquidate_position
from bot.exchange.market import Market
from bot.exchange.matching import Matching
from bot.exchange.moments import HOUR_US, from_us, to_us
from bot.exchange.opening import deposit_opening
from bot.exchange.orders import ExchangeOrder, OrderRequest, Refused
from bot.exchange.passing import FeignedCancel, Passing
from bot.exchange.records import BookTop, MarginSummary, MovementKind, Trade
from bot.exchange.rehearsal import Rehearsal
from bot.exchange.settlement import Delivery
from bot.exchange.spread import SpreadBook, SpreadRequest
from bot.exchange.static_market import StaticMarket
from bot.exchange.store import FileStore, NoStore, Store
from bot.exchange.transfers import ExchangeTransfer, Transfers

STATE_FILE = "paper.db"
_ZERO = Decimal(0)
_USDT = Currency("USDT")


class Exchange:
    """One account at a venue in small."""

    def __init__(self, config: ExchangeConfig, market: Market, store: Store) -> None:
        self.config = config
        self.faults = Faults()
        self._store = store
        kept = store.load()
        listing = None
        if kept is not None:
            market.load(kept[0]["market"])
            listing = {Asset(name): Decimal(price) for name, price in kept[0]["listing"].items()}
        #: Everything that is so. Read it; the exchange alone writes it.
        self.floor = Floor(config, market, listing)
        self.rehearsal = Rehearsal(config.rehearsed, config.fault_seed, self.floor.contracts, lambda: self.floor.now_us)
        self.faults.standing = self.rehearsal.meet
        self._matching = Matching(self.floor)
        self.transfers = Transfers(self.floor, config.transfer_delay)
        self._spreads = SpreadBook(self.floor, self._matching)
        #: When a price was last told to leap.
        self.leapt_at: datetime | None = None
        #: Ids of orders about which a fault has deceived their sender: that arrived twice, or outlived their cancel.
        self.deceived: set[ClientOrderId | None] = set()
        self._committed_version = -1
        self._committed_us = self.floor.now_us
        self._delivery = Delivery(self.floor, self._matching)
        self._keeper = Keeper(store, self.floor, self.rehearsal, self._delivery, self.transfers)
        if kept is None:
            self._delivery.begin(None, ())
            deposit_opening(self.floor)
        else:
            self._keeper.take_up(kept)
        self._passing = Passing(
            self.floor,
            matching=self._matching,
            spreads=self._spreads,
            transfers=self.transfers,
            delivery=self._delivery,
            rehearsal=self.rehearsal,
        )
        self.commit()

    @property
    def now(self) -> datetime:
        """The market time."""
        return self.floor.now

    @property
    def has_ended(self) -> bool:
        """True when the data is at its end."""
        return self.floor.has_ended

    # --- time

    def advance(self, now: datetime) -> None:
        """Let market time pass until ``now``, with everything that happens by itself on the way."""
        floor = self.floor
        target_us = to_us(now)
        if floor.market.end_us is not None:
            target_us = min(target_us, floor.market.end_us)
        self._passing.until(target_us)
        if floor.now_us - self._committed_us >= HOUR_US or floor.version != self._committed_version:
            self.commit()

    def set_price(self, asset: Asset, price: Decimal) -> None:
        """Let the index of a static market jump now.

        Raises:
            TypeError: the market has a path of its own.
        """
        market = self.floor.market
        if not isinstance(market, StaticMarket):
            raise TypeError("only a static market can be told a price")
        market.set_price(asset, self.floor.now_us, price)
        self.leapt_at = self.now
        self.floor.feed.begin(self.floor.now_us, {})
        self.floor.version += 1
        self._passing.meet_prices()
        self.commit()

    def _fault_of(self, call: str, request: OrderRequest | None = None) -> Effect | None:
        effect = self.faults.meet(call, request)
        if effect is not None and self.rehearsal.planned:
            # What has happened by chance is kept, lest a restart meets it again.
            self.commit()
        return effect

    # --- writes

    def submit(self, request: OrderRequest) -> ExchangeOrder:
        """Take an order.

        Raises:
            Refused: it is not taken; nothing has changed.
            RequestLost, ReplyLost: a fault that was asked for.
        """
        effect = self._fault_of("submit", request)
        self._fail_on_the_way(effect, request)
        most = effect.contracts if isinstance(effect, fault.FillOnly) else None
        order = self._matching.place(request, most)
        if isinstance(effect, fault.DeliverTwice):
            self.deceived.add(request.client_order_id)
            self._passing.arrive(request)
        if isinstance(effect, fault.ForgetOrder) and order.is_open and not order.filled:
            seen = dataclasses.replace(order)
            self.floor.forget(order)
            order = seen
        self.commit()
        if isinstance(effect, fault.LoseReply):
            raise ReplyLost
        return order

    def submit_spread(self, request: SpreadRequest) -> tuple[ExchangeOrder, ExchangeOrder]:
        """Take an order for a calendar spread, and return its near and its far leg as they ended.

        Raises:
            Refused: it is not taken; nothing has changed.
            RequestLost, ReplyLost: a fault that was asked for.
        """
        effect = self._fault_of("submit_spread")
        self._fail_on_the_way(effect, request)
        orders = self._spreads.place(request)
        self.commit()
        if isinstance(effect, fault.LoseReply):
            raise ReplyLost
        return orders

    def _fail_on_the_way(self, effect: Effect | None, request: OrderRequest | SpreadRequest | None = None) -> None:
        if isinstance(effect, fault.Refuse):
            raise Refused(effect.code, effect.why)
        if isinstance(effect, fault.DelayRequest) and request is not None:
            self._passing.delay(effect.by, request)
            raise RequestLost
        if isinstance(effect, fault.LoseRequest):
            raise RequestLost

    def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> ExchangeOrder:
        """Cancel an open order; one that has ended is returned as it ended.

        Raises:
            Refused: no order has this id.
            RequestLost, ReplyLost: a fault that was asked for.
        """
        effect = self._fault_of("cancel")
        self._fail_on_the_way(effect)
        if isinstance(effect, fault.FeignCancel):
            order = self._matching.named(symbol, client_order_id)
            if order.is_open:
                self.deceived.add(client_order_id)
                self._passing.delay(effect.by, FeignedCancel(symbol, client_order_id))
                return dataclasses.replace(order, state=OrderState.CANCELLED)
        order = self._matching.cancel(symbol, client_order_id)
        self.commit()
        if isinstance(effect, fault.LoseReply):
            raise ReplyLost
        return order

    def cancel_by_venue(self, order_id: int, why: str) -> None:
        """End an open order that its owner has not asked to end."""
        order = self.floor.open_orders.get(order_id)
        if order is not None:
            self._matching.end(order, OrderState.CANCELLED, why)
            self.commit()

    def delist(self, symbol: Symbol) -> None:
        """Take a contract off: its orders are cancelled, and its position is settled at mark."""
        self._delivery.take_off(self.floor.contracts[symbol])
        self.floor.delisted.add(symbol)
        self.commit()

    def change_terms(self, symbol: Symbol, **terms: Any) -> None:
        """Change what a contract may be traded in: tick, lot, smallest notional, margin tiers."""
        self.floor.contracts[symbol] = dataclasses.replace(self.floor.contracts[symbol], **terms)
        self.floor.version += 1

    def set_leverage(self, symbol: Symbol, leverage: Decimal) -> None:
        """Set the leverage that a contract's initial margin goes by."""
        self.floor.margin.leverages[symbol] = leverage
        self.floor.version += 1
        self.commit()

    def deleverage(self, symbol: Symbol, contracts: Decimal) -> Trade:
        """Let the venue close so many contracts (unsigned) of the account's position, at mark.

        Raises:
            Refused: the position does not hold so much, or it is not on the lot.
        """
        trade = deleverage(symbol, contracts, self.floor, self._matching)
        self.commit()
        return trade

    def liquidate(self, symbol: Symbol) -> None:
        """Let the venue close a position of the account, and its orders, as it does at the end of a wallet.

        Raises:
            Refused: there is no such position.
        """
        liquidate_position(symbol, self.floor, self._matching)
        self.commit()

    def spread_price(self, near: Symbol, far: Symbol, side: Side) -> Decimal:
        """Return far − near, in quote currency per coin, at which the spread is bought or sold now.

        Raises:
            Refused: there is no such spread.
        """
        return self._spreads.price(*self._spreads.legs(near, far), side)

    def transfer(
        self, source: WalletKey, target: WalletKey, amount: Decimal, transfer_id: TransferId | None = None
    ) -> ExchangeTransfer:
        """Move money from wallet to wallet.

        Raises:
            Refused: more than is free, not positive, or an id that was taken before.
            RequestLost, ReplyLost: a fault that was asked for.
        """
        effect = self._fault_of("transfer")
        if isinstance(effect, fault.Refuse):
            raise Refused(effect.code, effect.why)
        if isinstance(effect, fault.LoseRequest):
            raise RequestLost
        floor = self.floor
        free = (
            floor.accounts.wallets.get(source, _ZERO)
            if source[0] is WalletKind.SPOT
            else floor.margin.free(source, floor, floor.open_orders.values())
        )
        transfer = self.transfers.send(source, target, amount, free, transfer_id)
        self.commit()
        if isinstance(effect, fault.LoseReply):
            raise ReplyLost
        return transfer

    def deposit(self, wallet: WalletKind, currency: Currency, amount: Decimal) -> None:
        """Let the owner put coins in (+) or take them out (−); a unified account is one wallet."""
        if self.floor.config.unified:
            wallet = WalletKind.UNIFIED
        kind = MovementKind.DEPOSIT if amount > 0 else MovementKind.WITHDRAWAL
        movement = self.floor.accounts.move(self.floor.now, (wallet, currency), amount, kind)
        self.floor.tell("movement", movement)
        self.commit()

    # --- reads

    def check_read(self, call: str) -> Effect | None:
        """Fail a read that was asked to fail, and return what is wrong with the answer to another.

        Raises:
            ReadFailed: it was.
        """
        effect = self._fault_of(call)
        if isinstance(effect, fault.FailRead):
            raise ReadFailed
        return effect

    def listing(self) -> list[Contract]:
        """Return the contracts that can be traded, and those that were traded and have expired."""
        floor = self.floor
        return [
            one
            for one in floor.contracts.values()
            if one.symbol not in floor.delisted and (not floor.has_expired(one) or one.symbol in floor.traded)
        ]

    def margins(self) -> list[MarginSummary]:
        """Return the margin of every futures wallet."""
        floor = self.floor
        if floor.config.unified:
            return [floor.margin.summary((WalletKind.UNIFIED, _USDT), floor)]
        keys = [key for key in floor.accounts.wallets if key[0] is not WalletKind.SPOT]
        return [floor.margin.summary(key, floor) for key in keys]

    def top(self, contract: Contract) -> BookTop:
        """Return what anyone can see of a contract."""
        floor = self.floor
        index, mark, last = floor.prices_of(contract)
        bid, bid_contracts = floor.book.top(contract, Side.SELL, last, floor.now_us)
        ask, ask_contracts = floor.book.top(contract, Side.BUY, last, floor.now_us)
        return BookTop(
            symbol=contract.symbol,
            bid_price=bid,
            ask_price=ask,
            bid_contracts=bid_contracts,
            ask_contracts=ask_contracts,
            mark_price=mark,
            index_price=index,
            last_price=last,
            as_of=from_us(floor.feed.known_until_us(contract.asset, floor.now_us)),
        )

    def closes(self, asset: Asset, days: int) -> list[tuple[datetime, Decimal]]:
        """Return daily index closes of days that have ended."""
        found = self.floor.market.closes(asset, self.floor.now_us, days)
        return [(from_us(day_us), close) for day_us, close in found]

    def next_funding(self, asset: Asset) -> tuple[datetime, int, Decimal]:
        """Return when the next settlement is, its interval in microseconds, and the rate as it stands."""
        coming = self.floor.market.next_settlement(asset, self.floor.now_us)
        return from_us(coming.at_us), coming.interval_us, coming.rate

    def cash_equity(self) -> Decimal:
        """Return all USDT of the account with unrealised profit."""
        floor = self.floor
        lines = (*floor.accounts.wallets.items(), *floor.accounts.in_transit.items())
        total = sum((held for (_, currency), held in lines if currency == _USDT), _ZERO)
        for symbol in floor.accounts.positions:
            contract = floor.contracts[symbol]
            if contract.settle == _USDT:
                total += floor.accounts.unrealised(contract, floor.mark_of(contract))
        return total

    # --- keeping

    def commit(self) -> None:
        """Keep everything that has changed."""
        self._committed_us = self.floor.now_us
        self._committed_version = self.floor.version
        self._keeper.keep()

    def close(self) -> None:
        """Keep everything and release the file."""
        self.commit()
        self._store.close()


def open_exchange(config: ExchangeConfig, folder: Path | None, *, read_only: bool = False) -> Exchange:
    """Open the exchange of a data folder, or one that keeps nothing.

    Raises:
        ConfigError: the market cannot be had as configured.
        DataError: a data file cannot be used.
    """
    store: Store = NoStore()
    if folder is not None and not (read_only and not (folder / STATE_FILE).exists()):
        store = FileStore(folder / STATE_FILE, read_only=read_only)
    return Exchange(config, _market_of(config), store)


def _market_of(config: ExchangeConfig) -> Market:
    match config.market:
        case MarketKind.STATIC:
            return StaticMarket(config)
        case MarketKind.MODEL:
            from bot.exchange.market_model import ModelMarket

            return ModelMarket(config)
        case MarketKind.HISTORY:
            from bot.exchange.history import HistoryMarket

            return HistoryMarket(config)
