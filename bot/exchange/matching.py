"""How does an order become trades?

Rules of this file: a reduce-only order trades no more than the position holds at that moment; a limit order
trades no worse than
its limit; a stop is triggered by mark and takes what the book around the last price offers; every trade goes
through ``fill``.
"""

from decimal import Decimal

from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderState, OrderType, Purpose, Side, TimeInForce
from bot.exchange.acceptance import accept
from bot.exchange.contracts import Contract
from bot.exchange.floor import Floor
from bot.exchange.orders import ExchangeOrder, OrderRequest, RefusalCode, Refused
from bot.exchange.records import MovementKind, Trade

#: Why an order ended that its owner has cancelled.
ON_REQUEST = "cancelled on request"
_ZERO = Decimal(0)


class Matching:
    """Places, trades and ends orders."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, request: OrderRequest, most: Decimal | None = None) -> ExchangeOrder:
        """Take an order, or refuse it.

        ``most`` bounds what trades at once; the order's time in force decides about the rest.

        Raises:
            Refused: it is not taken; nothing has changed.
        """
        floor = self._floor
        contract = accept(request, floor)
        order = ExchangeOrder.of(request, number=floor.next_number("order"), at=floor.now)
        floor.add_order(order)
        if order.type is not OrderType.STOP_MARKET:
            self._take(order, contract, self._bound(order, contract), most)
        if order.is_open and not self._may_rest(order):
            self.end(order, OrderState.EXPIRED, "what could not be traded at once has expired")
        elif order.is_open:
            floor.order_changed(order)
        self.expire_idle(contract)
        return order

    def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> ExchangeOrder:
        """Cancel an open order; one that has ended is returned as it ended.

        Raises:
            Refused: no order has this id.
        """
        order = self.named(symbol, client_order_id)
        if order.is_open:
            self.end(order, OrderState.CANCELLED, ON_REQUEST)
        return order

    def named(self, symbol: Symbol, client_order_id: ClientOrderId) -> ExchangeOrder:
        """Return the newest order of an id, open or ended.

        Raises:
            Refused: no order has this id.
        """
        order = next(self._floor.orders_named(symbol, client_order_id), None)
        if order is None:
            raise Refused(RefusalCode.NOT_FOUND, f"no order of {symbol} has the id {client_order_id}")
        return order

    def cancel_all(self, contract: Contract, why: str) -> None:
        """Cancel every open order of a contract."""
        for order in [one for one in self._floor.open_orders.values() if one.symbol == contract.symbol]:
            self.end(order, OrderState.CANCELLED, why)

    def trigger(self, order: ExchangeOrder) -> None:
        """Turn a stop into a market order."""
        floor = self._floor
        contract = floor.contracts[order.symbol]
        order.triggered_at = floor.now
        if not order.reduce_only and not self._can_carry(order, contract):
            self.end(order, OrderState.EXPIRED, "triggered without the margin for it")
            return
        self._take(order, contract, None, None)
        if order.is_open:
            self.end(order, OrderState.EXPIRED, "triggered with nothing left to reduce")
        self.expire_idle(contract)

    def meet(self, order: ExchangeOrder) -> None:
        """Trade what has come to a resting limit order: one level of it each time the price goes a step further."""
        floor = self._floor
        contract = floor.contracts[order.symbol]
        price = order.price
        if price is None:
            return
        order.levels_met += 1
        contracts = min(self._tradable(order), floor.book.first_level(contract, price))
        if contracts > 0:
            self.fill(contract, order.side, contracts, price, order=order, is_maker=True)
        if order.is_open:
            floor.order_changed(order)
        self.expire_idle(contract)

    def meeting_price(self, order: ExchangeOrder) -> Decimal:
        """Return the last price at which the next level reaches a resting limit order."""
        price = order.price or _ZERO
        step = self._floor.book.step(self._floor.contracts[order.symbol], price)
        return price - order.side.sign * order.levels_met * step

    def force(self, contract: Contract, purpose: Purpose) -> None:
        """Close a position for the venue, through the book, at any price."""
        floor = self._floor
        held = floor.accounts.contracts_of(contract.symbol)
        side = Side.SELL if held > 0 else Side.BUY
        last = floor.last_of(contract)
        for price, contracts in floor.book.walk(contract, side, abs(held), last, floor.now_us, None):
            self.fill(contract, side, contracts, price, forced=purpose)
        floor.book.take(contract, side, abs(held), floor.now_us)

    def _bound(self, order: ExchangeOrder, contract: Contract) -> Decimal | None:
        if order.type is OrderType.LIMIT:
            return order.price
        return self._floor.last_of(contract) * (1 + order.side.sign * contract.price_bound_frac)

    def _tradable(self, order: ExchangeOrder) -> Decimal:
        if not order.reduce_only:
            return order.remaining
        held = -self._floor.accounts.contracts_of(order.symbol) * order.side.sign
        return min(order.remaining, max(_ZERO, held))

    def _take(self, order: ExchangeOrder, contract: Contract, bound: Decimal | None, most: Decimal | None) -> None:
        floor = self._floor
        wanted = self._tradable(order)
        if most is not None:
            # A venue trades in lots, whatever goes wrong.
            wanted = min(wanted, most // contract.lot * contract.lot)
        last = floor.last_of(contract)
        trades = floor.book.walk(contract, order.side, wanted, last, floor.now_us, bound)
        met = sum((contracts for _, contracts in trades), _ZERO)
        if order.time_in_force is TimeInForce.FOK and met < order.contracts:
            return
        for price, contracts in trades:
            self.fill(contract, order.side, contracts, price, order=order)
        if met:
            floor.book.take(contract, order.side, met, floor.now_us)

    @staticmethod
    def _may_rest(order: ExchangeOrder) -> bool:
        if order.type is OrderType.STOP_MARKET:
            return True
        return order.type is OrderType.LIMIT and order.time_in_force in (
            TimeInForce.GTC,
            TimeInForce.POST_ONLY,
        )

    def _can_carry(self, order: ExchangeOrder, contract: Contract) -> bool:
        floor = self._floor
        last = floor.last_of(contract)
        needed = floor.margin.needed(contract, order.side, order.remaining, last)
        others = [one for one in floor.open_orders.values() if one.id != order.id]
        return needed == 0 or needed <= floor.margin.free(contract.wallet, floor, others)

    def fill(
        self,
        contract: Contract,
        side: Side,
        contracts: Decimal,
        price: Decimal,
        *,
        is_maker: bool = False,
        order: ExchangeOrder | None = None,
        forced: Purpose | None = None,
        fee_frac: Decimal | None = None,
    ) -> Trade:
        """Trade an unsigned number of contracts: position, wallet, order, record.

        ``fee_frac`` is of the notional; None: what makers or takers pay.
        """
        floor = self._floor
        realised = floor.accounts.trade(contract, contracts * side.sign, price)
        if fee_frac is None:
            fee_frac = floor.config.maker_fee_frac if is_maker else floor.config.taker_fee_frac
        fee = contract.settled(contract.to_settle(contract.notional_quote(contracts, price) * fee_frac, price))
        trade = Trade(
            id=floor.next_number("trade"),
            at=floor.now,
            symbol=contract.symbol,
            order_id=None if order is None else order.id,
            client_order_id=None if order is None else order.client_order_id,
            side=side,
            contracts=contracts,
            price=price,
            fee_paid=fee,
            realised=realised,
            currency=contract.settle,
            is_maker=is_maker,
            forced=forced,
        )
        floor.trades.append(trade)
        floor.traded.add(contract.symbol)
        self._book_money(contract, trade)
        if order is not None:
            order.filled += contracts
            order.state = OrderState.PARTIALLY_FILLED if order.remaining else OrderState.FILLED
            floor.order_changed(order)
        floor.tell("trade", trade)
        return trade

    def _book_money(self, contract: Contract, trade: Trade) -> None:
        floor = self._floor
        for amount, kind in (
            (trade.realised, MovementKind.REALISED),
            (-trade.fee_paid, MovementKind.FEE),
        ):
            if amount:
                movement = floor.accounts.move(
                    floor.now, contract.wallet, amount, kind, symbol=contract.symbol, trade_id=trade.id
                )
                floor.tell("movement", movement)

    def end(self, order: ExchangeOrder, state: OrderState, why: str) -> None:
        """End an order, and say why."""
        order.state, order.reason = state, why
        self._floor.order_changed(order)

    def expire_idle(self, contract: Contract) -> None:
        """End the reduce-only orders that have nothing left to reduce."""
        held = self._floor.accounts.contracts_of(contract.symbol)
        for order in [one for one in self._floor.open_orders.values() if one.symbol == contract.symbol]:
            if order.reduce_only and held * order.side.sign >= 0:
                self.end(order, OrderState.EXPIRED, "the position it would reduce is gone")
