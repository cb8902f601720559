"""What becomes of an order that a start had sent when it was asked to end?"""

import asyncio

import pytest

from bot.domain.events import BotStopped, OrderIntended
from bot.domain.orders import OrderState, Purpose
from bot.exchange.wire.gate import Trap
from bot.exchange.wire.server import WireServer
from tests.live.rig import HOUR, LiveOwner

pytestmark = [pytest.mark.slow, pytest.mark.seconds(15), pytest.mark.usefixtures("quiet")]


@pytest.mark.parametrize("executed", [True, False], ids=["arrived", "lost"])
def test_a_stop_on_its_way_when_a_start_is_abandoned_is_an_intent_that_the_next_start_looks_up(executed: bool) -> None:
    owner = LiveOwner()
    owner.run(HOUR)
    for stop in list(owner.exchange.floor.open_orders.values()):
        owner.exchange.cancel(stop.symbol, stop.client_order_id)
    owner.checker.violated.clear()  # it was the test's hand that took them away, which the checker has seen
    known = len(owner.facts(OrderIntended))

    async def stop_when_held(server: WireServer) -> None:
        assert await server.app.gate.arrival(60) == "POST /fapi/v1/algoOrder"
        assert owner.bot is not None
        owner.bot.supervisor.stop()

    def before(server: WireServer) -> None:
        server.app.gate.arm(Trap(method="POST", path="/fapi/v1/algoOrder", executed=executed))
        tasks.append(asyncio.ensure_future(stop_when_held(server)))

    tasks: list[asyncio.Future[None]] = []
    abandoned = owner.run(HOUR, before=before)
    assert tasks[0].done()
    assert not abandoned.supervisor.is_started
    (sent,) = [fact.intent for fact in owner.facts(OrderIntended)[known:]]
    assert sent.purpose is Purpose.STOP
    assert owner.journal.books.orders[sent.client_order_id].state is OrderState.INTENDED, "nothing is half recorded"
    assert owner.facts(BotStopped)[-1].is_orderly

    owner.run(HOUR)
    order = owner.journal.books.orders[sent.client_order_id]
    assert order.state is (OrderState.OPEN if executed else OrderState.ABSENT)
    resting = [(stop.symbol, stop.contracts) for stop in owner.exchange.floor.open_orders.values()]
    assert sorted(resting) == sorted(
        (one, abs(held.contracts)) for one, held in owner.exchange.floor.accounts.positions.items()
    )
    owner.is_well()
