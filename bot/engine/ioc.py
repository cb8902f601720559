"""How is a leg worked at once? Limit orders with a bound, immediate or cancelled, a few rounds.

Each round is sized from the venue's position, never from what we believe we have done.
"""

from collections.abc import Callable
from decimal import Decimal

import structlog

from bot.decisions.working import tradable_contracts
from bot.domain.ids import CycleId
from bot.domain.instruments import Instrument
from bot.domain.orders import (
    OrderDraft,
    OrderState,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
)
from bot.domain.plan import HedgeLeg
from bot.domain.portfolio import AccountState
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.snapshot import SnapshotGatherer

log = structlog.get_logger()


class ImmediateStyle:
    """Works one leg with IOC orders."""

    def __init__(self, desk: Desk, gatherer: SnapshotGatherer, execution: Execution) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution

    async def work(
        self,
        leg: HedgeLeg,
        cycle_id: CycleId,
        account: AccountState,
        *,
        goal_contracts: Decimal,
        interruption: Callable[[], str],
    ) -> tuple[AccountState, bool]:
        """Trade a leg towards its goal as far as its bound and the book allow; return the account as it is afterwards.

        And False where the leg was left because of what has happened since it was decided: ``interruption`` is asked
        before each round. Or because the venue's list of positions does not show what was traded.
        """
        instrument = leg.instrument
        for _ in range(self._desk.policy.execution.max_rounds):
            remaining = (goal_contracts - contracts_held(account, instrument)) * leg.side.sign
            contracts = tradable_contracts(remaining, leg)
            if contracts == 0:
                break
            if why := interruption():
                log.info("A leg is no longer worked", code="work_ended", symbol=instrument.symbol, why=why)
                return account, False
            (order,) = await self._execution.place([_draft(leg, contracts, cycle_id)])
            account = await self._gatherer.read_account_after_trade(instrument)
            if not self._gatherer.adds_up(account, instrument):
                return account, False
            if order.state not in (OrderState.FILLED, OrderState.EXPIRED, OrderState.CANCELLED):
                # Refused, or not known: nothing more on this symbol until it is settled.
                break
            if order.filled_contracts == 0:
                break
        return account, True


def contracts_held(account: AccountState, instrument: Instrument) -> Decimal:
    """Return the signed position in a contract; zero when flat."""
    return account.contracts_of(instrument.symbol)


def _draft(leg: HedgeLeg, contracts: Decimal, cycle_id: CycleId) -> OrderDraft:
    return OrderDraft(
        venue=leg.instrument.venue,
        symbol=leg.instrument.symbol,
        asset=leg.instrument.asset,
        side=Side(leg.side),
        type=OrderType.LIMIT,
        contracts=leg.instrument.reducing_order(contracts) if leg.reduce_only else contracts,
        price=leg.limit_price,
        time_in_force=TimeInForce.IOC,
        reduce_only=leg.reduce_only,
        purpose=Purpose.HEDGE,
        decision_price=leg.index_price,
        cycle_id=cycle_id,
    )
