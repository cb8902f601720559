"""What must never happen? Watched from outside, on the exchange's truth; shares no rule with engine or decisions.

The checker sees every change at the exchange as it happens, and the journal only through the facts it has committed.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.backtest.bookings import Bookings
from bot.backtest.hedge_aims import HedgeAims
from bot.backtest.leg_gaps import LegGaps
from bot.backtest.restraints import Restraints
from bot.backtest.stop_timing import StopTiming
from bot.domain.books import Books
from bot.domain.ids import Asset, ClientOrderId, Symbol, carries_marker
from bot.domain.orders import OrderState, OrderType, Purpose
from bot.domain.policy import Policy, TradingState
from bot.exchange.exchange import Exchange
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import Liquidation, Movement, Trade
from bot.ports import Journal

_ZERO = Decimal(0)
_LISTED = 50


class InvariantChecker:
    """Looks for broken promises."""

    def __init__(self, exchange: Exchange, journal: Journal, policy: Policy) -> None:
        self._exchange = exchange
        self._journal = journal
        self._policy = policy
        self.checked = 0
        self.violated: list[str] = []
        self._seen_ids: dict[ClientOrderId, int] = {}
        self._contracts: dict[Symbol, Decimal] = {}
        #: Whether the bot has said that it cannot see what it protects.
        self.is_blind: Callable[[], bool] = lambda: False
        self._leg_gaps = LegGaps(exchange, policy)
        self._restraints = Restraints(exchange, journal, policy)
        self._aims = HedgeAims(exchange, policy, self._restraints)
        self._stops = StopTiming(exchange, policy, self._is_told)
        self._bookings = Bookings(exchange)
        exchange.floor.observers.append(self._see)

    def follow(self, journal: Journal) -> None:
        """Go on with the journal of a bot that was started again; while it was down it could tell nobody anything."""
        self._journal = journal
        self._restraints.follow(journal)
        self._stops.begin_anew()
        self._leg_gaps.pause()

    @property
    def is_unprotected(self) -> bool:
        """True while a position has no stop of its size."""
        return self._stops.is_unprotected

    @property
    def unprotected_seconds_max(self) -> float:
        """Longest time that a position was without a stop of its size."""
        return self._stops.unprotected_seconds_max

    def _expect(self, holds: bool, sentence: str, at: datetime) -> None:
        self.checked += 1
        if not holds and len(self.violated) < _LISTED:
            self.violated.append(f"{at.isoformat()} {sentence}")

    def _expect_all(self, judged: Iterable[tuple[bool, str]], at: datetime) -> None:
        for holds, sentence in judged:
            self._expect(holds, sentence, at)

    def _see(self, at: datetime, _kind: str, record: Any) -> None:
        self._judge_rolls(at)
        if isinstance(record, ExchangeOrder):
            self._see_order(at, record)
        elif isinstance(record, Trade):
            self._see_trade(at, record)
        elif isinstance(record, Movement):
            self._expect_all(self._restraints.see_movement(record), at)
        elif isinstance(record, Liquidation):
            self._expect(False, f"liquidated: {record.currency} wallet, balance {record.margin_balance}", at)
        self._judge_stops(at)

    def _see_order(self, at: datetime, order: ExchangeOrder) -> None:
        mark = order.client_order_id
        if mark is None or not carries_marker(mark):
            return
        is_new = mark not in self._seen_ids
        first = self._seen_ids.setdefault(mark, order.id)
        is_one = first == order.id or mark in self._exchange.deceived
        self._expect(is_one, f"two orders for one intent: {mark}", at)
        if is_new:
            self._aims.see_arrival(at, ClientOrderId(mark))
            self._see_new_order(at, order, self._journal.books)
        if order.type is OrderType.STOP_MARKET and order.state is OrderState.CANCELLED:
            self._expect_all(self._stops.see_cancelled(at, order), at)

    def _see_new_order(self, at: datetime, order: ExchangeOrder, books: Books) -> None:
        mark = ClientOrderId(order.client_order_id or "")
        intended = books.orders.get(mark)
        if intended is None and mark in self._exchange.deceived:
            # Somebody else's, under our mark.
            return
        self._expect(intended is not None, f"order {mark} has no intent in the journal", at)
        if intended is None:
            return
        intent = intended.intent
        self._expect(
            (intent.symbol, intent.side, intent.contracts, intent.reduce_only)
            == (order.symbol, order.side, order.contracts, order.reduce_only),
            f"order {mark} is not what was intended",
            at,
        )
        if not order.reduce_only:
            # Passing a position on adds to the one contract what is taken out of the other.
            strictest = TradingState.REDUCE_ONLY if intent.purpose is Purpose.ROLL_OPEN else TradingState.NORMAL
            since = books.trading_state_since
            was_on_its_way = since is not None and intent.intended_at < since
            self._expect(
                books.trading_state.strictness <= strictest.strictness or was_on_its_way,
                f"exposure was increased while {books.trading_state}: {mark}",
                at,
            )
            twins = [
                one
                for one in books.working_orders()
                if one.intent.symbol == order.symbol
                and one.intent.client_order_id != mark
                and not one.intent.reduce_only
                and one.state.is_unproved
                and one.intent.intended_at < intent.intended_at
            ]
            self._expect(not twins, f"{mark} increases while the outcome of another order is unknown", at)
            if intent.purpose is Purpose.HEDGE:
                self._expect_all(self._restraints.judge_increase(at, order, intent), at)
        if intent.purpose is Purpose.HEDGE:
            self._aims.see_sent(order, books)
            live = [
                one.client_order_id
                for one in self._exchange.floor.open_orders.values()
                if one.symbol == order.symbol
                and one.id != order.id
                and self._is_hedge(one)
                and one.client_order_id not in self._exchange.deceived
            ]
            self._expect(not live, f"{mark} and {live} are live at once for one need", at)

    def _was_called_ended(self, trade: Trade) -> bool:
        """Return True for a trade of an order whose cancel the venue had confirmed."""
        order = self._journal.books.orders.get(ClientOrderId(trade.client_order_id or ""))
        return trade.client_order_id in self._exchange.deceived and order is not None and order.state.is_final

    def _see_trade(self, at: datetime, trade: Trade) -> None:
        before = self._contracts.get(trade.symbol, _ZERO)
        after = before + trade.contracts * trade.side.sign
        self._contracts[trade.symbol] = after
        is_ours = trade.client_order_id is not None and carries_marker(trade.client_order_id)
        self._restraints.see_trade(at, trade, is_ours=is_ours)
        if abs(after) > abs(before):
            self._stops.see_grown(trade, is_ours=is_ours and not self._was_called_ended(trade))
        if trade.forced is Purpose.SETTLEMENT:
            books = self._journal.books
            is_excused = not books.is_running or books.trading_state is TradingState.HALTED
            is_excused |= not self._exchange.floor.has_expired(self._exchange.floor.contracts[trade.symbol])
            self._expect(is_excused, f"{trade.symbol} was held into its expiry", at)
        held = self._exchange.floor.accounts.contracts_of(trade.symbol)
        self._expect(held == after, f"{trade.symbol}: position {held} is not the sum of its trades {after}", at)
        order = None if trade.order_id is None else self._exchange.floor.orders[trade.order_id]
        if order is not None and order.reduce_only:
            shrinks = abs(after) < abs(before) and before * after >= 0
            self._expect(shrinks, f"a reduce-only order took {trade.symbol} from {before} to {after}", at)
        intended = self._journal.books.orders.get(ClientOrderId(trade.client_order_id or ""))
        if intended is not None and intended.intent.purpose is Purpose.HEDGE:
            self._expect_all(self._aims.judge(at, trade, self._journal.books), at)
        if intended is not None:
            self._leg_gaps.see(at, trade, intended.intent.purpose, self._journal.books)
            self._judge_rolls(at)

    def others_have_traded(self, asset: Asset, since: datetime) -> bool:
        """Return whether somebody else has traded contracts of an asset since a moment."""
        return self._restraints.others_have_traded(asset, since)

    def portfolio(self) -> tuple[Decimal, dict[Asset, Decimal]]:
        """Return what the portfolio is worth and the exposure in coins, by the exchange's own numbers."""
        return self._aims.portfolio()

    def _judge_rolls(self, now: datetime) -> None:
        self._expect_all(self._leg_gaps.judge(now, self._journal.books), now)

    def watch(self, now: datetime) -> None:
        """Look in between, so that what lasts is seen while it lasts."""
        if self.is_blind():
            self._leg_gaps.pause()
        self._judge_rolls(now)
        self._judge_stops(now)
        self._expect_all(self._bookings.judge_fills(self._journal.books), now)

    def _is_told(self, symbol: Symbol) -> bool:
        """Return whether the owner is told that a position has no stop."""
        return self.is_blind() or any(name == symbol for _, name in self._journal.books.unprotected)

    def _judge_stops(self, now: datetime) -> None:
        self._expect_all(self._stops.judge(now), now)

    def check_at_rest(self, now: datetime) -> None:
        """Check what must hold whenever nothing is going on."""
        self._judge_rolls(now)
        self._judge_stops(now)
        floor = self._exchange.floor
        for order in floor.open_orders.values():
            is_stop = order.type is OrderType.STOP_MARKET
            is_profit = self._is_take_profit(order)
            self._expect(is_stop or is_profit, f"order {order.client_order_id} works although nothing goes on", now)
            self._expect(
                order.symbol in floor.accounts.positions,
                f"{order.type} {order.client_order_id} rests without a position",
                now,
            )
            if is_profit:
                held = abs(floor.accounts.contracts_of(order.symbol))
                is_fitting = order.reduce_only and order.remaining <= held
                self._expect(is_fitting, f"take-profit {order.client_order_id} is beyond its position", now)
        self._expect_all(self._bookings.judge_ledger(self._journal.books), now)

    def _is_hedge(self, order: ExchangeOrder) -> bool:
        intended = self._journal.books.orders.get(ClientOrderId(order.client_order_id or ""))
        return intended is not None and intended.intent.purpose is Purpose.HEDGE

    def _is_take_profit(self, order: ExchangeOrder) -> bool:
        intended = self._journal.books.orders.get(ClientOrderId(order.client_order_id or ""))
        return intended is not None and intended.intent.purpose is Purpose.TAKE_PROFIT
