"""A hedge in a contract that expires, through ccxt: opened, protected, and passed on before the venue settles it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.domain.events import RollEnded
from bot.domain.ids import Symbol
from bot.domain.instruments import Tenor
from bot.domain.orders import OrderType
from tests.live.rig import BTC, HOUR, LiveOwner

pytestmark = [pytest.mark.slow, pytest.mark.seconds(8), pytest.mark.usefixtures("quiet")]

EXPIRY = datetime(2024, 3, 29, 8, tzinfo=UTC)
NEAR, FAR = Symbol("BTC/USDT:USDT-240329"), Symbol("BTC/USDT:USDT-240628")


def test_a_dated_hedge_is_passed_on_leg_by_leg_and_its_stop_with_it() -> None:
    owner = LiveOwner(
        start=EXPIRY - 26 * HOUR,
        exchange={"dated_basis_annual": Decimal("0.08")},
        tenors=(Tenor.DATED,),
    )
    owner.run(HOUR / 2)
    begun = owner.held(NEAR)
    assert begun != 0
    # Nobody runs for the greater part of the day: the stop rests where it is.
    owner.exchange.advance(EXPIRY - 8.25 * HOUR)
    owner.run(HOUR)
    assert (owner.held(NEAR), owner.held(FAR)) == (0, begun)
    (stop,) = [one for one in owner.exchange.floor.open_orders.values() if one.symbol.startswith(BTC)]
    assert (stop.symbol, stop.type, stop.contracts) == (FAR, OrderType.STOP_MARKET, abs(begun))
    assert [fact.asset for fact in owner.facts(RollEnded) if fact.asset == BTC] == [BTC]
    assert not [trade for trade in owner.exchange.floor.trades if trade.forced]
    owner.is_well()
