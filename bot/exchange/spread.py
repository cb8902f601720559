"""What is a calendar spread, and how does an order for one trade? Both legs in the same instant, or neither.

Rules of this file:

- The price is far − near, so it may be negative; the side is that of the far leg, the near leg has the other.
- The book stands around the difference of the two contracts' last prices, with a spread of its own. It is deep: an
  order trades whole or not at all, but for what ``reduce_only_near`` cuts off of both legs.
- The near leg trades at its last price, the far leg at that plus the price of the spread. Each pays half the taker fee.
- Margin is asked for what both legs together bind more than before: a roll asks for about nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderState, OrderType, Side, TimeInForce
from bot.exchange.acceptance import check_amount, check_arrival, check_expiry, check_notional, check_reduces
from bot.exchange.contracts import Contract
from bot.exchange.floor import Floor
from bot.exchange.matching import Matching
from bot.exchange.orders import ExchangeOrder, OrderRequest, RefusalCode, Refused

_ZERO = Decimal(0)
_BPS = Decimal(10_000)
_FEE_SHARE = Decimal("0.5")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRequest:
    """An immediate-or-cancel order for a calendar spread, as it arrives."""

    near: Symbol
    far: Symbol
    #: Of the far leg. Rolling a short position on: sell the spread.
    side: Side
    #: Of each leg; unsigned.
    contracts: Decimal
    #: Far − near, in quote currency per coin: a buyer pays no more, a seller takes no less.
    limit_spread_price: Decimal
    near_client_order_id: ClientOrderId
    far_client_order_id: ClientOrderId
    #: Neither leg trades more than the near position holds.
    reduce_only_near: bool = False
    #: The venue refuses the request after this; None never.
    valid_until: datetime | None = None


class SpreadBook:
    """The other side of every spread."""

    def __init__(self, floor: Floor, matching: Matching) -> None:
        self._floor = floor
        self._matching = matching

    def legs(self, near: Symbol, far: Symbol) -> tuple[Contract, Contract]:
        """Return the contracts of a spread.

        Raises:
            Refused: one is not listed, or they are no calendar spread.
        """
        known = self._floor.contracts
        if self._floor.config.spread_book_bps is None:
            raise Refused(RefusalCode.BAD_REQUEST, "there are no books for spreads")
        for symbol in (near, far):
            if symbol not in known:
                raise Refused(RefusalCode.UNKNOWN_SYMBOL, f"{symbol} is not listed")
        first, second = known[near], known[far]
        if first.expires_us is None or second.expires_us is None or first.expires_us >= second.expires_us:
            raise Refused(RefusalCode.BAD_REQUEST, f"{near} does not expire before {far}")
        if (first.asset, first.settle) != (second.asset, second.settle):
            raise Refused(RefusalCode.BAD_REQUEST, f"{near} and {far} are not of a kind")
        return first, second

    def price(self, near: Contract, far: Contract, side: Side) -> Decimal:
        """Return far − near, on the tick, at which the spread is bought or sold now."""
        floor = self._floor
        middle = floor.last_of(far) - floor.last_of(near)
        width_bps = floor.config.spread_book_bps or _ZERO
        half = floor.index_of(far.asset) * width_bps / _BPS / 2 * floor.book.width_factor
        return far.tick_up(middle + half) if side is Side.BUY else far.tick_down(middle - half)

    def place(self, request: SpreadRequest) -> tuple[ExchangeOrder, ExchangeOrder]:
        """Take an order for a spread, and return its near and its far leg as they ended.

        Raises:
            Refused: it is not taken; nothing has changed.
        """
        near, far = self._accept(request)
        orders = [self._order(leg) for leg in _legs(request)]
        price = self.price(near, far, request.side)
        if (price - request.limit_spread_price) * request.side.sign > 0:
            wanted, why = _ZERO, f"the spread is at {price}, beyond the limit {request.limit_spread_price}"
        else:
            wanted, why = self._tradable(request, near), "there was nothing more to reduce"
        if wanted:
            near_price = near.tick_near(self._floor.last_of(near))
            prices = (near_price, near_price + price)
            fee_frac = self._floor.config.taker_fee_frac * _FEE_SHARE
            for order, contract, at in zip(orders, (near, far), prices, strict=True):
                self._matching.fill(contract, order.side, wanted, at, order=order, fee_frac=fee_frac)
        for order in orders:
            if order.is_open:
                self._matching.end(order, OrderState.EXPIRED, why)
        self._matching.expire_idle(near)
        self._matching.expire_idle(far)
        return orders[0], orders[1]

    def _order(self, leg: OrderRequest) -> ExchangeOrder:
        floor = self._floor
        order = ExchangeOrder.of(leg, number=floor.next_number("order"), at=floor.now)
        floor.add_order(order)
        return order

    def _tradable(self, request: SpreadRequest, near: Contract) -> Decimal:
        if not request.reduce_only_near:
            return request.contracts
        return min(request.contracts, abs(self._floor.accounts.contracts_of(near.symbol)))

    def _accept(self, request: SpreadRequest) -> tuple[Contract, Contract]:
        floor = self._floor
        near, far = self.legs(request.near, request.far)
        if request.near_client_order_id == request.far_client_order_id:
            raise Refused(RefusalCode.DUPLICATE, f"both legs have the id {request.near_client_order_id}")
        near_leg, far_leg = _legs(request)
        for leg, contract in ((near_leg, near), (far_leg, far)):
            check_arrival(leg, floor)
            check_expiry(contract, floor, reduce_only=leg.reduce_only)
            check_amount(leg, contract)
            if leg.reduce_only:
                check_reduces(leg, contract, floor)
            else:
                check_notional(leg, contract, floor)
        self._check_margin(self._tradable(request, near), near_leg, near, far)
        return near, far

    def _check_margin(self, contracts: Decimal, near_leg: OrderRequest, near: Contract, far: Contract) -> None:
        floor = self._floor
        near_sign = near_leg.side.sign
        more = self._more_margin(near, contracts * near_sign) + self._more_margin(far, -contracts * near_sign)
        if more <= 0:
            return
        for contract in (near, far):
            price = floor.last_of(contract)
            fee = contract.notional_quote(contracts, price) * floor.config.taker_fee_frac * _FEE_SHARE
            more += contract.to_settle(fee, price)
        free = floor.margin.free(near.wallet, floor, floor.open_orders.values())
        if more > free:
            raise Refused(RefusalCode.NO_MARGIN, f"{more:.8f} {near.settle} of margin needed, {free:.8f} free")

    def _more_margin(self, contract: Contract, change: Decimal) -> Decimal:
        """Return by how much the initial margin of a position grows with a signed change."""
        floor = self._floor
        held, mark, leverage = (
            floor.accounts.contracts_of(contract.symbol),
            floor.mark_of(contract),
            floor.config.leverage,
        )
        return contract.initial(held + change, mark, leverage) - contract.initial(held, mark, leverage)


def _legs(request: SpreadRequest) -> tuple[OrderRequest, OrderRequest]:
    """Return the orders that a spread is made of: near, far."""
    near, far = (
        OrderRequest(
            symbol=symbol,
            side=side,
            type=OrderType.MARKET,
            contracts=request.contracts,
            time_in_force=TimeInForce.IOC,
            reduce_only=reduce_only,
            client_order_id=client_order_id,
            valid_until=request.valid_until,
        )
        for symbol, side, reduce_only, client_order_id in (
            (request.near, request.side.opposite, request.reduce_only_near, request.near_client_order_id),
            (request.far, request.side, False, request.far_client_order_id),
        )
    )
    return near, far
