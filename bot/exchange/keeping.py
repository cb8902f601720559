"""What of the exchange outlives a restart? Everything that is so, and everything that happened."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from bot.domain.ids import Symbol
from bot.exchange.documents import from_document, to_document
from bot.exchange.floor import Floor
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import FundingPayment, Liquidation, Movement, Trade
from bot.exchange.rehearsal import Rehearsal
from bot.exchange.settlement import Delivery
from bot.exchange.store import NoStore, Store
from bot.exchange.transfers import ExchangeTransfer, Transfers

#: The present state, and by kind the records; as a store gives them back.
Kept = tuple[Any, dict[str, list[Any]]]


class Keeper:
    """Writes the state of a floor to its store, and takes it up again."""

    def __init__(
        self, store: Store, floor: Floor, rehearsal: Rehearsal, delivery: Delivery, transfers: Transfers
    ) -> None:
        self._store = store
        self._floor = floor
        self._rehearsal = rehearsal
        self._delivery = delivery
        self._transfers = transfers
        #: How many records of each kind are kept already.
        self._saved = {"trade": 0, "movement": 0, "funding": 0, "liquidation": 0}

    def keep(self) -> None:
        """Keep everything that has changed."""
        floor = self._floor
        if isinstance(self._store, NoStore):
            floor.changed_orders.clear()
            self._transfers.changed.clear()
            return
        lists: dict[str, Sequence[Trade | Movement | FundingPayment | Liquidation]] = {
            "trade": floor.trades,
            "movement": floor.accounts.movements,
            "funding": floor.funding,
            "liquidation": floor.liquidations,
        }
        records = {
            kind: {one.id: to_document(one) for one in rows[self._saved[kind] :]} for kind, rows in lists.items()
        }
        records["order"] = {number: to_document(floor.orders[number]) for number in floor.changed_orders}
        moved = self._transfers
        records["transfer"] = {number: to_document(moved.all[number - 1]) for number in moved.changed}
        self._store.commit(self._state(), records)
        self._saved = {kind: len(rows) for kind, rows in lists.items()}
        floor.changed_orders.clear()
        moved.changed.clear()

    def _state(self) -> dict[str, Any]:
        floor = self._floor
        state = {
            "now_us": floor.now_us,
            "accounts": floor.accounts.to_document(),
            "book": floor.book.to_document(),
            "leans": floor.feed.to_document()["leans"],
            "market": floor.market.to_document(),
            "listing": {asset: str(price) for asset, price in floor.listing_prices.items()},
        }
        if floor.margin.leverages:
            state["leverages"] = {symbol: str(leverage) for symbol, leverage in floor.margin.leverages.items()}
        if self._rehearsal.planned:
            state["calls"] = self._rehearsal.calls
        delivery = self._delivery.to_document()
        if delivery is not None:
            state["delivery"] = delivery
        return state

    def take_up(self, kept: Kept) -> None:
        """Take up what was kept."""
        state, records = kept
        floor = self._floor
        floor.now_us = int(state["now_us"])
        self._rehearsal.calls = int(state.get("calls", 0))
        kept_leverages: dict[str, str] = state.get("leverages", {})
        floor.margin.leverages = {Symbol(symbol): Decimal(text) for symbol, text in kept_leverages.items()}
        floor.book.load(state["book"])
        floor.feed.load({"leans": state["leans"], "market": state["market"]}, floor.now_us)
        movements = [from_document(Movement, one) for one in records.get("movement", ())]
        floor.accounts.load(state["accounts"], movements)
        floor.trades = [from_document(Trade, one) for one in records.get("trade", ())]
        floor.traded = {trade.symbol for trade in floor.trades}
        floor.funding = [from_document(FundingPayment, one) for one in records.get("funding", ())]
        floor.liquidations = [from_document(Liquidation, one) for one in records.get("liquidation", ())]
        for one in sorted((from_document(ExchangeOrder, one) for one in records.get("order", ())), key=lambda o: o.id):
            floor.add_order(one)
        self._transfers.load(from_document(ExchangeTransfer, one) for one in records.get("transfer", ()))
        self._saved = {
            "trade": len(floor.trades),
            "movement": len(movements),
            "funding": len(floor.funding),
            "liquidation": len(floor.liquidations),
        }
        self._delivery.begin(state.get("delivery"), sorted(_symbols(floor)))


def _symbols(floor: Floor) -> set[Symbol]:
    """Return every symbol that something was kept of."""
    return floor.traded | set(floor.accounts.positions) | {order.symbol for order in floor.orders.values()}
