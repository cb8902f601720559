"""When is the next thing that happens by itself? Exactly, because prices move in straight lines until the next
boundary.

That the ends of a line are enough to know whether a wallet is liquidated on it: a cash wallet's balance is
linear in time, with or without coins that count for it, and its
maintenance convex, so the surplus is concave and never below both ends; a coin wallet's surplus is monotone in
the one price, from which its contracts' prices differ by factors that stay the same along a line but for a hair.
"""

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.ids import Asset
from bot.domain.orders import OrderType, Side
from bot.exchange.accounts import WalletKey
from bot.exchange.contracts import Contract
from bot.exchange.floor import Floor
from bot.exchange.market import Series
from bot.exchange.matching import Matching
from bot.exchange.orders import ExchangeOrder


def next_crossing_us(floor: Floor, matching: Matching, until_us: int) -> int:
    """Return the first moment from now to ``until_us`` at which an order or a liquidation is due, else ``until_us``."""
    first_us = until_us
    for order in floor.open_orders.values():
        crossing_us = _order_crossing_us(order, floor, matching)
        if crossing_us is not None and crossing_us < first_us:
            first_us = crossing_us
    for key in floor.margin.keys_at_risk():
        if _surplus_at(floor, key, floor.now_us) <= 0:
            return floor.now_us
        if _surplus_at(floor, key, first_us) <= 0:
            first_us = _find_liquidation_us(floor, key, first_us)
    return first_us


def due_orders(floor: Floor, matching: Matching) -> list[ExchangeOrder]:
    """Return the orders whose price is met now: stops first, then by age."""
    met = [order for order in floor.open_orders.values() if _order_crossing_us(order, floor, matching) == floor.now_us]
    return sorted(met, key=lambda order: (order.type is not OrderType.STOP_MARKET, order.id))


def _order_crossing_us(order: ExchangeOrder, floor: Floor, matching: Matching) -> int | None:
    leg = floor.leg_of(floor.contracts[order.symbol])
    is_buy = order.side is Side.BUY
    if order.trigger_price is not None:
        return leg.crossing_us(Series.MARK, order.trigger_price, is_rising=is_buy, from_us=floor.now_us)
    price = matching.meeting_price(order)
    return leg.crossing_us(Series.LAST, price, is_rising=not is_buy, from_us=floor.now_us)


@dataclass(frozen=True, slots=True)
class _PricesAt:
    """Prices further along the lines that they are on."""

    floor: Floor
    at_us: int

    def mark_of(self, contract: Contract) -> Decimal:
        return self.floor.leg_of(contract).price(Series.MARK, self.at_us)

    def index_of(self, asset: Asset) -> Decimal:
        return self.floor.feed.legs[asset].price(Series.INDEX, self.at_us)


def _surplus_at(floor: Floor, key: WalletKey, at_us: int) -> Decimal:
    return floor.margin.surplus(key, _PricesAt(floor, at_us))


def _find_liquidation_us(floor: Floor, key: WalletKey, until_us: int) -> int:
    """Find the crossing by halving; the surplus is above zero now and not at ``until_us``."""
    safe_us, due_us = floor.now_us, until_us
    while due_us - safe_us > 1:
        middle_us = (safe_us + due_us) // 2
        if _surplus_at(floor, key, middle_us) <= 0:
            due_us = middle_us
        else:
            safe_us = middle_us
    return due_us
