"""Until when is an order told as lost?"""

import asyncio
from decimal import Decimal

import pytest

from bot.bootstrap import Bot
from bot.domain.orders import OrderType
from bot.domain.policy import ExecutionPolicy, ExecutionStyle
from bot.exchange.faults import HideOrders, Refuse
from tests.engine.rig import BTC, ETH, MINUTE, Rig, a_policy

pytestmark = pytest.mark.usefixtures("quiet")


def test_the_alert_of_a_lost_order_ends_when_its_trade_is_told() -> None:
    rig = Rig(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))
    hidden = HideOrders(frozenset({OrderType.LIMIT}))
    rig.exchange.faults.on("fetch_account", hidden, times=10_000)
    rig.exchange.faults.on("fetch_order", hidden, times=10_000)
    rig.exchange.faults.on("cancel", Refuse(code="order_not_found"), times=10_000)
    told: list[set[str]] = []

    async def trade(bot: Bot) -> None:
        told.append(rig.alerts())
        # What rests is met, and its trades are told.
        rig.exchange.set_price(BTC, Decimal(50_400))
        rig.exchange.set_price(ETH, Decimal(2_480))
        await asyncio.sleep(60)
        rig.exchange.faults.clear()

    rig.run(50 * MINUTE, trade, after=20 * MINUTE)
    assert "order_lost" in told[0]
    assert not [one for one in rig.journal.books.working_orders() if one.may_work_unseen]
    assert "order_lost" not in rig.alerts()
