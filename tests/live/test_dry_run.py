"""What does the daemon send in a dry run? Counted where it arrives: nothing that changes anything."""

from decimal import Decimal

import pytest

from bot.adapters.ccxt.binance.dry import DryBinanceUsdm
from bot.domain.events import LookTaken, OrderIntended
from bot.domain.orders import OrderState
from tests.live.rig import BTC, HOUR, LiveOwner

pytestmark = [pytest.mark.slow, pytest.mark.seconds(6), pytest.mark.usefixtures("quiet")]

READS_BY_POST = {"POST /sapi/v1/asset/get-funding-asset", "POST /fapi/v1/listenKey", "PUT /fapi/v1/listenKey"}


@pytest.mark.parametrize("is_listening", [False, True])
def test_a_daemon_in_a_dry_run_looks_plans_and_sends_nothing(is_listening: bool) -> None:
    owner = LiveOwner(script=[(HOUR / 2, "50000"), (HOUR / 2, "58000")])
    owner.run(HOUR + HOUR / 2, kind=DryBinanceUsdm, is_listening=is_listening)
    assert owner.server is not None
    changing = {route for route in owner.server.app.requests if not route.startswith("GET ")}
    assert changing <= READS_BY_POST
    assert owner.facts(LookTaken), "it has looked"
    intents = owner.facts(OrderIntended)
    assert intents, "and would have traded"
    states = {owner.journal.books.orders[fact.intent.client_order_id].state for fact in intents}
    assert states == {OrderState.REJECTED}, "every one of them is proved not sent"
    assert owner.held() == 0
    assert owner.exchange.floor.orders == {}
    assert owner.exchange.floor.index_of(BTC) == Decimal(58_000)
