"""Is anybody told in time that what was opened has no stop, while the one who acts waits for slow calls?"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.domain.events import LegProtected, LegUnprotected
from bot.domain.ids import Symbol
from bot.domain.market import Quote
from bot.domain.orders import Fill, OrderIntent, Purpose, VenueOrder
from bot.domain.portfolio import AccountState
from bot.exchange.faults import LagPositions, LagTrades, LoseReply, LoseRequest
from tests.engine.rig import Died, Rig

pytestmark = pytest.mark.usefixtures("quiet")


class SlowAfterATrade(PaperVenue):
    """Answers everything, and says that an order was filled; the reads after that take nine seconds each."""

    left = 6

    async def _wait(self) -> None:
        if self.left and self._exchange.floor.trades:
            self.left -= 1
            await self._clock.sleep(timedelta(seconds=9))

    async def start(self) -> None:
        await self._wait()
        await super().start()

    async def fetch_account(self) -> AccountState:
        await self._wait()
        return await super().fetch_account()

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        await self._wait()
        return await super().fetch_fills(since)

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        await self._wait()
        return await super().fetch_quotes(symbols)


def test_it_is_told_by_the_deadline_and_over_once_the_stop_rests() -> None:
    one = Rig()
    one.venue_kind = SlowAfterATrade
    one.run(timedelta(minutes=5))
    (trade,) = [trade for trade in one.exchange.floor.trades if trade.symbol.startswith("BTC")]
    told = one.facts(LegUnprotected)
    assert told
    assert told[0].at - trade.at <= one.policy.stops.deadline + timedelta(seconds=5)
    assert one.facts(LegProtected)
    assert one.stops()
    assert "unprotected" not in one.alerts()
    one.is_well()


def test_it_is_told_of_an_order_too_whose_reply_was_never_heard() -> None:
    one = Rig()
    one.venue_kind = SlowAfterATrade
    one.exchange.faults.on("submit", LoseReply(), times=1)
    one.run(timedelta(minutes=5))
    (trade,) = [trade for trade in one.exchange.floor.trades if trade.symbol.startswith("BTC")]
    told = [fact for fact in one.facts(LegUnprotected) if fact.symbol == trade.symbol]
    assert told
    assert told[0].at - trade.at <= one.policy.stops.deadline + timedelta(seconds=5)
    assert "unprotected" not in one.alerts()
    one.is_well()


def test_nothing_is_told_of_an_order_that_never_arrived_where_the_account_is_read() -> None:
    one = Rig()
    one.exchange.faults.on("submit", LoseRequest(), times=1)
    one.run(timedelta(minutes=5))
    assert one.facts(LegUnprotected) == []
    assert one.held() == Decimal("-0.018")
    one.is_well()


def test_it_is_told_once_and_for_as_long_as_lists_and_trades_are_late_together() -> None:
    """The order alone says that something was opened, and says it again each time that it is looked up."""
    one = Rig()
    late = timedelta(minutes=12)
    one.exchange.faults.on("fetch_fills", LagTrades(late), times=10_000)
    one.exchange.faults.on("fetch_account", LagPositions(late), times=10_000)
    one.run(timedelta(minutes=8))
    (trade,) = [trade for trade in one.exchange.floor.trades if trade.symbol.startswith("BTC")]
    told = [fact for fact in one.facts(LegUnprotected) if fact.symbol == trade.symbol]
    assert len(told) == 1
    assert told[0].at - trade.at <= one.policy.stops.deadline + timedelta(seconds=10)
    assert one.facts(LegProtected) == []
    assert "unprotected" in one.alerts()
    one.exchange.faults.clear()
    one.run(timedelta(minutes=5))
    assert len(one.stops()) == 2
    one.is_well()


class DiesAfterAHedge(PaperVenue):
    """The machine goes off when a hedge has arrived, before its answer is heard."""

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        await super().submit(intent)
        raise Died


class DiesBeforeAStop(PaperVenue):
    """The machine goes off when a stop is about to be sent."""

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        if intent.purpose is Purpose.STOP:
            raise Died
        return await super().submit(intent)


@pytest.mark.parametrize("dies", [DiesAfterAHedge, DiesBeforeAStop])
def test_it_is_told_by_the_deadline_in_a_slow_start_too(dies: type[PaperVenue]) -> None:
    one = Rig()
    one.venue_kind = dies
    with pytest.raises(Died):
        one.run(timedelta(minutes=5))
    one.venue_kind = SlowAfterATrade
    began_at = one.exchange.now
    one.run(timedelta(minutes=5))
    trade = one.exchange.floor.trades[0]
    told = [fact for fact in one.facts(LegUnprotected) if fact.symbol == trade.symbol]
    assert told
    assert told[-1].at - began_at <= one.policy.stops.deadline + timedelta(seconds=5)
    assert one.stops()
    assert "unprotected" not in one.alerts()
    one.is_well()
