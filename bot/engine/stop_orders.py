"""Which of our stops rest, and how does one come to rest?

Rules of this file:

- A stop is proved to rest when it was read back from the venue.
- One whose outcome is unknown is looked up, and no second one is sent until it is settled.
- One whose cancel was asked for is relied upon no more, also while the venue goes on listing it.
- What should rest, and what is done where it does not, is not decided here.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.domain.ids import Symbol
from bot.domain.orders import Order, OrderDraft, OrderState, OrderType, Purpose, TimeInForce, VenueOrder
from bot.domain.plan import StopTarget
from bot.domain.portfolio import AccountState
from bot.domain.units import ZERO
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.reductions import protective_cycle


class StopOrders:
    """Finds, places and cancels stops."""

    def __init__(self, desk: Desk, execution: Execution) -> None:
        self._desk = desk
        self._execution = execution

    def resting(self, account: AccountState) -> dict[Symbol, list[VenueOrder]]:
        """Return our stops that rest at the venue, by contract."""
        found: dict[Symbol, list[VenueOrder]] = {}
        for order in account.open_orders:
            if order.type is OrderType.STOP_MARKET and order.client_order_id in self._desk.journal.books.orders:
                found.setdefault(order.symbol, []).append(order)
        return found

    def pending(self, account: AccountState) -> dict[Symbol, list[Order]]:
        """Return our stops that may rest at a venue although it does not list them, by contract, oldest first."""
        listed = {order.client_order_id for order in account.open_orders}
        found: dict[Symbol, list[Order]] = {}
        for order in self._desk.journal.books.working_orders():
            intent = order.intent
            if intent.purpose is not Purpose.STOP or intent.venue != account.venue:
                continue
            is_hidden = order.state is OrderState.OPEN and intent.client_order_id not in listed
            if order.state.is_unproved or (is_hidden and not order.is_doomed):
                found.setdefault(intent.symbol, []).append(order)
        return found

    def fitting(self, target: StopTarget, resting: Sequence[VenueOrder]) -> tuple[list[VenueOrder], list[Decimal]]:
        """Return the stops of a position that are as they should be, and the sizes that are missing."""
        return self.covering(target, [order for order in resting if _is_at(order, target)])

    def covering(self, target: StopTarget, resting: Sequence[VenueOrder]) -> tuple[list[VenueOrder], list[Decimal]]:
        """Return the stops that close a position at whichever trigger, and the sizes that are missing."""
        return _pair(target, [order for order in resting if self._may_stay(order)])

    async def place_all(
        self, target: StopTarget, sizes: Sequence[Decimal], pending: Sequence[Order]
    ) -> tuple[list[VenueOrder], Decimal]:
        """Place stops of these sizes; return those that rest, and how much is without one."""
        placed, bare, waiting = [], ZERO, list(pending)
        for size in sizes:
            order = await self._place(target, size, waiting)
            if order is None:
                bare += size
            else:
                placed.append(order)
        return placed, bare

    async def _place(self, target: StopTarget, size: Decimal, pending: list[Order]) -> VenueOrder | None:
        """Place a stop and return it as read back; None while it is not proved to rest.

        One that may have arrived stands for it, and is taken from ``pending``.
        """
        while pending:
            order = pending.pop(0)
            if order.state is OrderState.OPEN:
                if (seen := await self._read_back(order, target, size)) is not None:
                    return seen
            elif order.state.is_unproved and not (await self._execution.look_up(order)).state.is_final:
                return await self._read_back(order, target, size)
        draft = OrderDraft(
            venue=target.venue,
            symbol=target.symbol,
            asset=target.asset,
            side=target.side,
            type=OrderType.STOP_MARKET,
            contracts=size,
            price=None,
            trigger_price=target.trigger_price,
            time_in_force=TimeInForce.GTC,
            reduce_only=True,
            purpose=Purpose.STOP,
            decision_price=target.mark_price,
            cycle_id=protective_cycle(self._desk),
        )
        (order,) = await self._execution.place([draft])
        return await self._read_back(order, target, size)

    async def _read_back(self, order: Order, target: StopTarget, size: Decimal) -> VenueOrder | None:
        if order.state is not OrderState.OPEN:
            return None
        venue = self._desk.venues[target.venue]
        seen = await self._desk.read(venue.fetch_order(target.symbol, order.intent.client_order_id))
        return seen if seen is not None and _covers(seen, target, size) and _is_at(seen, target) else None

    async def drop(self, resting: VenueOrder, reason: str) -> None:
        """Cancel a stop that is ours; what only bears the id of one of ours is left to the owner."""
        orders = self._desk.journal.books.orders
        order = orders.get(resting.client_order_id) if resting.client_order_id else None
        if order is not None and resting.may_be_of(order.intent):
            await self._execution.cancel(order, reason)

    def _may_stay(self, resting: VenueOrder) -> bool:
        """Return False for a stop that may be gone at any moment: it has ended by our books, or was to be cancelled."""
        orders = self._desk.journal.books.orders
        order = None if resting.client_order_id is None else orders.get(resting.client_order_id)
        return order is not None and not order.state.is_final and not order.is_doomed


def _pair(target: StopTarget, resting: Sequence[VenueOrder]) -> tuple[list[VenueOrder], list[Decimal]]:
    """Find the stops that a position needs among those that rest; return them, and the sizes that are missing."""
    found: list[VenueOrder] = []
    missing: list[Decimal] = []
    for size in target.order_sizes:
        left = (order for order in resting if order not in found and _covers(order, target, size))
        order = next(left, None)
        if order is None:
            missing.append(size)
        else:
            found.append(order)
    return found, missing


def _covers(order: VenueOrder, target: StopTarget, size: Decimal) -> bool:
    """Return True when a resting order closes so much of the position, at whichever trigger."""
    is_alone = len(target.order_sizes) == 1
    return (
        order.state is OrderState.OPEN
        and order.type is OrderType.STOP_MARKET
        and order.side is target.side
        and order.reduce_only
        and (order.contracts == size or (is_alone and order.contracts == target.contracts))
    )


def _is_at(order: VenueOrder, target: StopTarget) -> bool:
    """Return True when a resting order's trigger is where it may be."""
    return order.trigger_price is not None and target.acceptable_low <= order.trigger_price <= target.acceptable_high
