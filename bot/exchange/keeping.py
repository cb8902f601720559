"""What of the exchange outlives a restart? Everything that is so, and what is remembered of what happened."""

from bisect import bisect_right
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

_Event = Trade | Movement | FundingPayment | Liquidation


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
        #: The newest number of each kind that is kept already; what has a kind here never changes again.
        self._saved = {"trade": 0, "movement": 0, "funding": 0, "liquidation": 0}

    def keep(self) -> None:
        """Keep everything that has changed."""
        floor = self._floor
        if isinstance(self._store, NoStore):
            floor.changed_orders.clear()
            floor.forgotten.clear()
            self._transfers.changed.clear()
            return
        lists = self._lists()
        records = {
            kind: {one.id: to_document(one) for one in _beyond(rows, self._saved[kind])} for kind, rows in lists.items()
        }
        records["order"] = {number: to_document(floor.orders[number]) for number in floor.changed_orders}
        moved = self._transfers
        records["transfer"] = {one.id: to_document(one) for one in moved.all if one.id in moved.changed}
        self._store.commit(self._state(), records, floor.forgotten)
        self._note_saved()
        floor.changed_orders.clear()
        floor.forgotten.clear()
        moved.changed.clear()

    def _lists(self) -> dict[str, Sequence[_Event]]:
        floor = self._floor
        return {
            "trade": floor.trades,
            "movement": floor.accounts.movements,
            "funding": floor.funding,
            "liquidation": floor.liquidations,
        }

    def _note_saved(self) -> None:
        """Remember up to where everything is kept; where all was forgotten, it is as before."""
        self._saved |= {kind: rows[-1].id for kind, rows in self._lists().items() if rows}

    def _state(self) -> dict[str, Any]:
        floor = self._floor
        state = {
            "now_us": floor.now_us,
            "accounts": floor.accounts.to_document(),
            "book": floor.book.to_document(),
            "leans": floor.feed.to_document()["leans"],
            "market": floor.market.to_document(),
            "numbers": floor.numbers | {"transfer": self._transfers.newest},
            "traded": sorted(floor.traded),
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
        floor.traded = {trade.symbol for trade in floor.trades} | {Symbol(one) for one in state.get("traded", ())}
        floor.funding = [from_document(FundingPayment, one) for one in records.get("funding", ())]
        floor.liquidations = [from_document(Liquidation, one) for one in records.get("liquidation", ())]
        for one in sorted((from_document(ExchangeOrder, one) for one in records.get("order", ())), key=lambda o: o.id):
            floor.add_order(one)
        # A version that forgot nothing did not keep the newest numbers: they are those of the newest records.
        numbers = state.get("numbers") or {
            "order": max(floor.orders, default=0),
            "trade": len(floor.trades),
            "liquidation": len(floor.liquidations),
        }
        floor.numbers = {kind: int(numbers[kind]) for kind in floor.numbers}
        transfers = (from_document(ExchangeTransfer, one) for one in records.get("transfer", ()))
        self._transfers.load(transfers, numbers.get("transfer"))
        self._note_saved()
        self._delivery.begin(state.get("delivery"), sorted(_symbols(floor)))


def _symbols(floor: Floor) -> set[Symbol]:
    """Return every symbol that something was kept of."""
    return floor.traded | set(floor.accounts.positions) | {order.symbol for order in floor.orders.values()}


def _beyond(rows: Sequence[_Event], number: int) -> Sequence[_Event]:
    """Return the records after a number; they stand in the order of their numbers."""
    return rows[bisect_right(rows, number, key=lambda one: one.id) :]
