"""Does every position have its take-profit? Makes what rests equal to what ``decisions.take_profit`` asks for.

Unlike a stop it is not protection: the old one is taken away before a new one is sent, so that two never rest.
"""

from collections.abc import Mapping

from bot.decisions.take_profit import ProfitTarget, want_take_profits
from bot.domain.books import Leg
from bot.domain.instruments import Instrument
from bot.domain.orders import Order, OrderDraft, OrderType, Purpose, TimeInForce
from bot.domain.portfolio import AccountState
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.reductions import protective_cycle


class TakeProfit:
    """Keeps one take-profit of the position's size resting for every position, where the owner wants it."""

    def __init__(self, desk: Desk, execution: Execution) -> None:
        self._desk = desk
        self._execution = execution

    async def keep(self, account: AccountState, instruments: Mapping[Leg, Instrument]) -> None:
        """Make what rests at one venue equal to what is wanted. The caller holds the desk."""
        wanted = {target.symbol: target for target in want_take_profits(account, instruments, self._desk.policy)}
        listed = {order.client_order_id: order for order in account.open_orders}
        met = set()
        for order in self._ours(account):
            target = wanted.get(order.intent.symbol)
            seen = listed.get(order.intent.client_order_id)
            is_met = target is not None and seen is not None and target.is_met_by(seen) and not order.is_doomed
            if is_met and order.intent.symbol not in met:
                met.add(order.intent.symbol)
            elif not await self._is_gone(order, is_listed=seen is not None):
                # It may still rest or trade: no second one until that is known.
                met.add(order.intent.symbol)
        for symbol, target in wanted.items():
            if symbol not in met:
                await self._execution.place([self._draft(target)])

    def _ours(self, account: AccountState) -> list[Order]:
        return [
            order
            for order in self._desk.journal.books.working_orders()
            if order.intent.purpose is Purpose.TAKE_PROFIT and order.intent.venue == account.venue
        ]

    async def _is_gone(self, order: Order, *, is_listed: bool) -> bool:
        if order.state.is_unproved and not is_listed:
            return (await self._execution.look_up(order)).state.is_final
        return (await self._execution.cancel(order, "the position has changed")).state.is_final

    def _draft(self, target: ProfitTarget) -> OrderDraft:
        return OrderDraft(
            venue=target.venue,
            symbol=target.symbol,
            asset=target.asset,
            side=target.side,
            type=OrderType.LIMIT,
            contracts=target.contracts,
            price=target.price,
            time_in_force=TimeInForce.GTC,
            reduce_only=True,
            purpose=Purpose.TAKE_PROFIT,
            decision_price=target.entry_price,
            cycle_id=protective_cycle(self._desk),
        )
