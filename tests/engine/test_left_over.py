"""What becomes of a hedge that was being worked when the process ended?"""

from datetime import timedelta
from decimal import Decimal

import pytest
import structlog
from structlog.testing import capture_logs

from bot.domain.events import CancelRequested
from bot.domain.orders import OrderType
from bot.domain.policy import ExecutionPolicy, ExecutionStyle
from bot.exchange.faults import LoseRequest
from tests.engine.rig import BTC_PERP, ETH_PERP, HOUR, MINUTE, Died, Rig, a_policy


def test_an_order_that_is_left_over_is_cancelled_once_and_not_taken_for_one_that_came_back() -> None:
    one = Rig(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))

    async def die(_: object) -> None:
        raise Died

    with pytest.raises(Died):
        one.run(HOUR, die, after=timedelta(seconds=2))
    left = [order for order in one.exchange.floor.open_orders.values() if order.type is OrderType.LIMIT]
    assert left
    structlog.reset_defaults()
    with capture_logs() as said:
        one.run(timedelta(seconds=2), after=timedelta(seconds=1))
    assert not [line for line in said if line.get("code") == "order_back"]
    for order in left:
        asked = [fact for fact in one.facts(CancelRequested) if fact.client_order_id == order.client_order_id]
        assert len(asked) == 1


def test_a_leg_that_waits_for_an_order_that_is_left_over_is_looked_at_again_soon() -> None:
    one = Rig(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))

    async def die(_: object) -> None:
        raise Died

    with pytest.raises(Died):
        one.run(HOUR, die, after=timedelta(seconds=2))
    one.exchange.faults.on("cancel", LoseRequest(), times=10_000)

    async def relent(_: object) -> None:
        one.exchange.faults.clear()

    # The next look of the calendar is an hour away.
    one.run(30 * MINUTE, relent, after=3 * MINUTE)
    assert (one.held(BTC_PERP), one.held(ETH_PERP)) == (Decimal("-0.018"), Decimal("0.36"))
