"""What is more than the largest order of the venue has several stops, and is taken off by several orders."""

from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from bot.domain.events import OrderIntended, StopFired
from bot.domain.orders import OrderType
from bot.exchange.faults import Effect, Refuse
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, BTC_PERP, HOUR, MINUTE, Rig

LARGEST, SHORT = Decimal("0.004"), Decimal("0.018")


def without_its_stop() -> Rig:
    """Return a market where the short is several times what an order takes by now, and lacks its stop."""
    rig = Rig()
    rig.run(10 * MINUTE)
    assert rig.held() == -SHORT
    for stop in [one for one in rig.stops() if one.symbol == BTC_PERP]:
        del rig.exchange.floor.open_orders[stop.id]
    rig.exchange.change_terms(BTC_PERP, max_contracts=LARGEST)
    return rig


def sizes(rig: Rig) -> list[Decimal]:
    """Return the sizes of the short's stops."""
    return [one.contracts for one in rig.stops() if one.symbol == BTC_PERP]


def test_a_position_that_no_one_stop_can_close_has_several_and_keeps_its_size() -> None:
    rig = without_its_stop()
    rig.run(HOUR)
    assert rig.held() == -SHORT
    assert sizes(rig) == [LARGEST, LARGEST, LARGEST, LARGEST, Decimal("0.002")]
    assert not rig.alerts()
    sent = len(rig.facts(OrderIntended))
    rig.run(2 * HOUR)
    assert len(rig.facts(OrderIntended)) == sent, "what rests is left where it is"
    rig.is_well()


def test_several_stops_are_moved_and_close_the_whole_position_when_they_are_met() -> None:
    rig = without_its_stop()
    rig.run(HOUR)
    rig.exchange.set_price(BTC, Decimal(52_000))
    rig.run(2 * HOUR)
    held = -rig.held()
    assert sum(sizes(rig)) == held > 0
    rig.exchange.set_price(BTC, Decimal(90_000))
    rig.run(5 * MINUTE)
    assert rig.held() == 0
    assert not sizes(rig)
    assert {fact.contracts for fact in rig.facts(StopFired)} <= {LARGEST, Decimal("0.002"), Decimal("0.003")}
    assert sum(fact.contracts for fact in rig.facts(StopFired)) == held


def test_what_no_stop_covers_is_told_and_taken_off_and_the_rest_stays() -> None:
    rig = without_its_stop()

    def one_stop(call: str, request: OrderRequest | None) -> Effect | None:
        is_stop = call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
        return Refuse(code="too_many_orders") if is_stop and sizes(rig) else None

    rig.exchange.faults.add(one_stop, times=10_000)
    with capture_logs() as said:
        rig.run(HOUR)
    assert sizes(rig) == [LARGEST]
    assert rig.held() == -LARGEST
    told = [line["event"] for line in said if line.get("code") == "unprotected"]
    assert any(line.startswith("0.014 of 0.018 contracts of BTC/USDT:USDT have had no stop") for line in told), told


@pytest.mark.parametrize("largest", ["0.003", "0.001"])
def test_what_several_stops_do_not_reach_is_taken_off(largest: str) -> None:
    rig = without_its_stop()
    rig.exchange.change_terms(BTC_PERP, max_contracts=Decimal(largest))
    rig.run(2 * HOUR)
    assert sizes(rig) == [Decimal(largest)] * 5
    assert rig.held() == -5 * Decimal(largest)
