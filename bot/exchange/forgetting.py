"""How long does the venue tell of what has ended?

Once a day, at midnight UTC, what is older than the configured spans goes from memory and from the store. What is so
(wallets, positions, open orders, transfers on their way) never goes, and nothing is counted anew: the next order has
the next number.
"""

from datetime import timedelta

from bot.exchange.config import Remembered
from bot.exchange.floor import Floor
from bot.exchange.market import next_multiple_us
from bot.exchange.moments import DAY_US, FAR_US
from bot.exchange.orders import ExchangeOrder
from bot.exchange.transfers import Transfers


class Forgetting:
    """Lets go of what is old."""

    def __init__(self, floor: Floor, transfers: Transfers) -> None:
        self._floor = floor
        self._transfers = transfers
        #: When the next midnight is; never where everything is remembered.
        self.due_us = FAR_US
        self._look_ahead()

    def _look_ahead(self) -> None:
        if self._floor.config.remembered is not None:
            self.due_us = next_multiple_us(self._floor.now_us, DAY_US)

    def do_due(self) -> None:
        """Forget what is too old at this moment."""
        spans = self._floor.config.remembered
        if spans is not None:
            self._forget_orders(spans)
            self._forget_money(spans)
        self._look_ahead()

    def _forget_orders(self, spans: Remembered) -> None:
        floor = self._floor
        for order in [one for one in floor.orders.values() if not one.is_open]:
            if order.updated_at < floor.now - _span_of(order, spans):
                floor.drop_order(order)

    def _forget_money(self, spans: Remembered) -> None:
        floor = self._floor
        now, accounts = floor.now, floor.accounts
        # An order tells what its trades have cost: they stay as long as it does.
        trades = [one for one in floor.trades if one.at >= now - spans.trades or one.order_id in floor.orders]
        floor.forgotten |= {("trade", one.id) for one in floor.trades} - {("trade", one.id) for one in trades}
        floor.trades = trades
        horizon = now - spans.income
        floor.forgotten |= {("movement", one.id) for one in accounts.movements if one.at < horizon}
        floor.forgotten |= {("funding", one.id) for one in floor.funding if one.at < horizon}
        accounts.movements = [one for one in accounts.movements if one.at >= horizon]
        floor.funding = [one for one in floor.funding if one.at >= horizon]
        floor.forgotten |= {("transfer", number) for number in self._transfers.forget(now - spans.transfers)}


def _span_of(order: ExchangeOrder, spans: Remembered) -> timedelta:
    return spans.orders if order.filled else spans.unfilled_orders
