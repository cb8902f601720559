"""Do journal and venue agree? At start (the same path as after a crash) and on a period.

The venue wins on facts, the journal on intent. A symbol that does not add up is locked: it may only be reduced until it
adds up again, which lifts the lock by itself. An order under our mark that this journal never intended means a second
bot on the account, and halts; one that it intended long ago is only cancelled.
"""

from datetime import datetime, timedelta

import structlog

from bot.domain.errors import BotError, DataError, VenueError
from bot.domain.events import SymbolLocked, SymbolUnlocked, TradingStateSet
from bot.domain.ids import ClientOrderId, Symbol, VenueId, carries_marker
from bot.domain.orders import Order, OrderIntent, OrderState, Purpose, VenueOrder
from bot.domain.policy import TradingState
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.domain.units import ZERO
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.snapshot import SnapshotGatherer

log = structlog.get_logger()

#: A lock that lasts this long wants the owner.
_LOCK_ALERT_AFTER = timedelta(hours=1)


class UnadoptedPositions(BotError):
    """The account has positions that this journal knows nothing of; refuse to start."""


class Reconcile:
    """Compares orders, trades, positions and stops with the journal."""

    def __init__(self, desk: Desk, gatherer: SnapshotGatherer, execution: Execution) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution
        self.last_done_at: datetime | None = None

    async def check(self, _now: datetime) -> None:
        """Reconcile every venue."""
        async with self._desk.lock:
            await self.reconcile_all()

    async def reconcile_all(self) -> None:
        """Reconcile every venue. The caller holds the desk."""
        is_complete = True
        for venue_id in self._desk.venues:
            try:
                await self.reconcile(venue_id)
            except (DataError, VenueError) as failure:
                is_complete = False
                self._desk.alerts.raise_alert(
                    "reconcile_failed",
                    f"{venue_id} could not be reconciled: {failure}",
                    severity="warning",
                    cause=venue_id,
                )
            else:
                self._desk.alerts.close_alert("reconcile_failed", cause=venue_id)
        if is_complete:
            self.last_done_at = self._desk.clock.now()

    async def start(self) -> None:
        """Reconcile before anything is done, and refuse positions that nobody has claimed.

        Raises:
            UnadoptedPositions: the journal is new and the account is not flat.
            DataError, VenueUnavailable: a venue could not be read.
        """
        async with self._desk.lock:
            for venue_id in self._desk.venues:
                account = await self._gatherer.read_account(venue_id)
                self._refuse_unadopted(account)
                await self.reconcile(venue_id, account)
            self.last_done_at = self._desk.clock.now()

    def _refuse_unadopted(self, account: AccountState) -> None:
        books = self._desk.journal.books
        if books.last_look_at is not None:
            return
        unknown = [
            position for position in self._ours(account) if (account.venue, position.symbol) not in books.ledgers
        ]
        if unknown:
            listed = ", ".join(f"{p.symbol} ({p.contracts} contracts)" for p in unknown)
            first = unknown[0].symbol
            raise UnadoptedPositions(
                f"{account.venue} has positions that this journal knows nothing of: {listed}."
                f" Take one over with 'trimtab adopt {first}', or reserve it for yourself with"
                f" TRIMTAB_FOREIGN={first}:ignore"
            )

    async def reconcile(self, venue_id: VenueId, account: AccountState | None = None) -> None:
        """Bring one venue and the journal together. The caller holds the desk."""
        account = account or await self._gatherer.read_account(venue_id)
        # As of the account: what is cancelled from here on is still in its list.
        back = self._ended_but_listed(account)
        await self._settle_orders(account)
        self._execution.forget_ended()
        await self._take_back(back)
        await self._find_strangers(account)
        await self._compare_positions(account)

    def _ours(self, account: AccountState) -> list[FuturesPosition]:
        return [p for p in account.positions if p.symbol not in self._desk.policy.foreign_symbols]

    async def _settle_orders(self, account: AccountState) -> None:
        """Learn what every order that is not final has become."""
        listed = {order.client_order_id: order for order in account.open_orders}
        for order in self._desk.journal.books.working_orders():
            if order.intent.venue != account.venue:
                continue
            seen = listed.get(order.intent.client_order_id)
            if seen is None or (order.venue_order_id is not None and not seen.may_be_of(order.intent)):
                await self._execution.look_up(order)
            elif _is_news(order, seen):
                await self._execution.learn(order, seen)
            if _is_left_over(order) and order.intent.client_order_id not in self._execution.attended:
                await self._execution.cancel(order, "left over from a look that has ended")

    def _ended_but_listed(self, account: AccountState) -> list[tuple[Order, VenueOrder]]:
        """Return what works at the venue although it was given up, or its cancel was confirmed."""
        orders = self._desk.journal.books.orders
        listed = [(orders.get(seen.client_order_id), seen) for seen in account.open_orders if seen.client_order_id]
        return [
            (order, seen)
            for order, seen in listed
            if order is not None and order.state.is_final and seen.may_be_of(order.intent)
        ]

    async def _take_back(self, back: list[tuple[Order, VenueOrder]]) -> None:
        """Look after what has come back."""
        for order, seen in back:
            log.warning(
                "An order that had ended works at the venue",
                code="order_back",
                client_order_id=seen.client_order_id,
                symbol=seen.symbol,
                state=order.state,
            )
            if order.state in (OrderState.ABSENT, OrderState.REJECTED):
                await self._execution.learn(order, seen)
            if order.intent.purpose not in (Purpose.STOP, Purpose.TAKE_PROFIT):
                await self._execution.cancel(order, "it works although it had ended")

    async def _find_strangers(self, account: AccountState) -> None:
        books = self._desk.journal.books
        for order in account.open_orders:
            mark = order.client_order_id
            if mark is None or not carries_marker(mark):
                continue
            if mark in books.orders and order.may_be_of(books.orders[mark].intent):
                continue
            if mark not in books.orders and await self._is_forgotten(mark, order):
                continue
            self._desk.alerts.raise_alert(
                "second_writer",
                f"Order {mark} on {order.symbol} carries our mark, but this journal never intended it."
                " Is a second Trimtab running on this account, or was an old journal restored?",
                severity="critical",
                cause=account.venue,
            )
            if books.trading_state is not TradingState.HALTED:
                why = f"order {mark} of another writer under our mark"
                await self._desk.journal.record(
                    TradingStateSet(at=self._desk.clock.now(), state=TradingState.HALTED, caller="bot", why=why)
                )
                # After a resume the alert is open already, and says nothing anew.
                log.error("Trading was halted", code="halted", venue=account.venue, why=why)
            return
        self._desk.alerts.close_alert("second_writer", cause=account.venue)

    async def _is_forgotten(self, mark: ClientOrderId, seen: VenueOrder) -> bool:
        """Return True for an order of ours that ended so long ago that the books hold it no more, and look after it.

        It is cancelled, unless it is the only stop of a position.
        """
        intent = self._desk.journal.intent_of(mark)
        if intent is None or not seen.may_be_of(intent):
            return False
        log.warning(
            "An order that had ended long ago works at the venue",
            code="order_back",
            client_order_id=mark,
            symbol=seen.symbol,
        )
        if not self._is_only_stop(intent):
            ended = Order(
                intent=intent,
                state=OrderState.CANCELLED,
                venue_order_id=seen.venue_order_id,
                filled_contracts=intent.contracts,
            )
            await self._execution.cancel(ended, "it works although it had ended long ago")
        return True

    def _is_only_stop(self, intent: OrderIntent) -> bool:
        books, leg = self._desk.journal.books, (intent.venue, intent.symbol)
        if intent.purpose is not Purpose.STOP or books.ledger(*leg).contracts == 0:
            return False
        return not any(
            one.intent.purpose is Purpose.STOP
            and one.state is OrderState.OPEN
            and (one.intent.venue, one.intent.symbol) == leg
            for one in books.working_orders()
        )

    async def _compare_positions(self, account: AccountState) -> None:
        """Lock what does not add up, unlock what does; what is reserved for the owner need not add up."""
        books, foreign = self._desk.journal.books, self._desk.policy.foreign_symbols
        held = {position.symbol: position.contracts for position in account.positions}
        booked = {symbol: books.ledgers[v, symbol].contracts for v, symbol in books.ledgers if v == account.venue}
        locked = {symbol for venue, symbol in books.locks if venue == account.venue}
        for symbol in sorted(held.keys() | booked.keys() | locked):
            at_venue, in_books = held.get(symbol, ZERO), booked.get(symbol, ZERO)
            if symbol in foreign or at_venue == in_books:
                await self._unlock(account.venue, symbol)
            else:
                await self._lock(
                    account.venue,
                    symbol,
                    f"the venue holds {at_venue} contracts, our trades add up to {in_books}",
                )

    async def _lock(self, venue_id: VenueId, symbol: Symbol, why: str) -> None:
        now = self._desk.clock.now()
        locks = self._desk.journal.books.locks
        if (venue_id, symbol) not in locks:
            await self._desk.journal.record(SymbolLocked(at=now, venue=venue_id, symbol=symbol, why=why))
            log.warning("A symbol was locked", code="symbol_locked", venue=venue_id, symbol=symbol, why=why)
        since, _ = locks[venue_id, symbol]
        if now - since >= _LOCK_ALERT_AFTER:
            self._desk.alerts.raise_alert(
                "symbol_locked",
                f"{symbol} has not added up for {now - since}: {why}. It may only be reduced."
                f" If the position is meant to be ours: trimtab adopt {symbol} (with --gone where there is none any"
                f" more); if it is yours: TRIMTAB_FOREIGN={symbol}:ignore",
                severity="critical",
                cause=f"{venue_id}/{symbol}",
            )

    async def _unlock(self, venue_id: VenueId, symbol: Symbol) -> None:
        if (venue_id, symbol) in self._desk.journal.books.locks:
            now = self._desk.clock.now()
            await self._desk.journal.record(SymbolUnlocked(at=now, venue=venue_id, symbol=symbol))
            self._desk.alerts.close_alert("symbol_locked", cause=f"{venue_id}/{symbol}")
            log.info("A symbol adds up again", code="symbol_unlocked", venue=venue_id, symbol=symbol)


def _is_news(order: Order, seen: VenueOrder) -> bool:
    return order.state.is_unproved or (seen.filled_contracts != order.filled_contracts or order.venue_order_id is None)


def _is_left_over(order: Order) -> bool:
    """Return True for a working order that is not protection: nothing else should rest that nobody looks after."""
    return order.intent.purpose not in (Purpose.STOP, Purpose.TAKE_PROFIT) and order.state in (
        OrderState.OPEN,
        OrderState.PARTIALLY_FILLED,
    )
