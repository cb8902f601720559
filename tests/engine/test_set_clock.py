"""What does a bot do when the clock of its machine is set?"""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from bot.adapters.clock import LoopClock
from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.events import CeilingSet, LegUnprotected, OrderIntended
from bot.domain.orders import OrderType, Purpose
from bot.domain.policy import ExecutionPolicy, ExecutionStyle
from bot.domain.portfolio import AccountState
from bot.exchange.faults import (
    Effect,
    ForgetOrder,
    HideOrders,
    LagPositions,
    LagTrades,
    LoseReply,
    LoseRequest,
    Refuse,
)
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, HOUR, MINUTE, Act, Rig, a_policy
from tests.simulation.seeds.transport import MachineClock

SECOND = timedelta(seconds=1)


class OnAWrongClock(Rig):
    """The venue has the right time, the bot what its machine says."""

    is_off_by = timedelta(0)

    def machine(self, clock: LoopClock) -> LoopClock:
        self.clock = MachineClock(asyncio.get_running_loop(), clock.now())
        self.clock.is_off_by = self.is_off_by
        return self.clock

    def set_to(self, is_off_by: timedelta) -> Act:
        """Return what sets the machine's clock while the bot runs."""

        async def sets_the_clock(_: Bot) -> None:
            self.clock.is_off_by = is_off_by

        return sets_the_clock


class OnTheMachinesClock(OnAWrongClock):
    """Accounts bear the time of the machine that has read them, as those of a venue do that dates none itself."""

    def machine(self, clock: LoopClock) -> LoopClock:
        machine = super().machine(clock)

        class Dated(PaperVenue):
            async def fetch_account(self) -> AccountState:
                return replace(await super().fetch_account(), as_of=machine.now())

        self.venue_kind = Dated
        return machine


def _refuses_stops(call: str, request: OrderRequest | None) -> Effect | None:
    is_stop = call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
    return Refuse(code="rejected") if is_stop else None


def test_a_price_that_has_leapt_does_not_stand_for_longer_because_the_clock_was_put_forward() -> None:
    one = OnAWrongClock()
    one.run(HOUR / 2)
    before = one.held()
    one.is_off_by = timedelta(minutes=-30)
    looks = []

    async def leaps_and_sets_the_clock(bot: Bot) -> None:
        one.exchange.set_price(BTC, Decimal(42_500))
        await one.clock.sleep(2 * MINUTE)
        one.clock.is_off_by = timedelta(0)
        for _ in range(2):
            looks.append(await bot.rebalance.look("a test"))
            await one.clock.sleep(5 * MINUTE)

    one.run(10 * MINUTE, leaps_and_sets_the_clock)
    at_once, later = looks
    assert at_once is None, "it is skipped"
    assert later is not None, "it has stood"
    assert one.held() == before != 0
    one.is_well()


def test_an_order_that_the_venue_has_lost_is_not_given_up_because_the_clock_was_put_forward() -> None:
    one = OnAWrongClock(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))
    one.exchange.faults.on("submit", ForgetOrder(), times=2)
    one.is_off_by = -HOUR

    one.run(HOUR / 2, one.set_to(timedelta(0)), after=10 * MINUTE)
    lost = [order for order in one.journal.books.orders.values() if order.may_work_unseen]
    assert len(lost) == 2, "they may still work, and nothing is sent beside them"
    assert one.alerts() >= {"order_lost"}
    assert len(one.journal.books.orders) == 2


def test_what_has_no_stop_is_told_and_made_smaller_in_time_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock()
    one.exchange.faults.add(_refuses_stops, times=10_000)

    one.run(20 * MINUTE, one.set_to(-HOUR), after=40 * SECOND)
    told = next(fact for fact in one.facts(LegUnprotected) if fact.symbol == BTC_PERP)
    reduced = next(one for one in one.facts(OrderIntended) if one.intent.purpose is Purpose.DELEVERAGE)
    assert reduced.at - told.at < -HOUR + 5 * MINUTE
    assert one.held() == 0


def test_a_chase_ends_in_time_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))

    one.run(5 * MINUTE, one.set_to(-HOUR))
    assert one.held() == Decimal("-0.018")
    one.is_well()


def test_a_position_without_a_stop_is_halved_once_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock()
    one.exchange.faults.add(_refuses_stops, times=10_000)

    one.run(4 * MINUTE, one.set_to(-HOUR), after=40 * SECOND)
    intents = [fact.intent for fact in one.facts(OrderIntended) if fact.intent.purpose is Purpose.DELEVERAGE]
    assert len([intent for intent in intents if intent.symbol == BTC_PERP]) == 1


def test_an_order_that_is_not_listed_yet_is_not_sent_again_because_the_clock_was_put_forward() -> None:
    """Everything is told 40 seconds late, and an order that increases is given more than a minute."""
    one = OnAWrongClock()
    begun = one.exchange.now

    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        since = one.exchange.now - begun
        late = {"fetch_account": LagPositions(since + SECOND), "fetch_fills": LagTrades(since + SECOND)}
        if since > 40 * SECOND:
            return None
        if request is not None and request.symbol == BTC_PERP:
            return LoseReply()
        return HideOrders() if call == "fetch_order" else late.get(call)

    one.exchange.faults.add(happens, times=100_000)
    one.is_off_by = -HOUR

    one.run(10 * MINUTE, one.set_to(timedelta(0)), after=3 * SECOND)
    assert (one.held(), one.held(ETH_PERP)) == (Decimal("-0.018"), Decimal("0.36"))
    one.is_well()


def test_a_hedge_that_never_arrived_is_sent_again_although_the_clock_was_put_back() -> None:
    one = OnTheMachinesClock()
    one.exchange.faults.add(
        lambda call, request: LoseRequest() if call == "submit" and request and request.symbol == BTC_PERP else None,
        times=1,
    )
    told: list[bool] = []

    async def sets_the_clock(_: Bot) -> None:
        one.clock.is_off_by = -HOUR
        for _ in range(100):
            await one.clock.sleep(5 * SECOND)
            told.append("unprotected" in one.alerts())

    one.run(20 * MINUTE, sets_the_clock, after=3 * SECOND)
    assert one.held() == Decimal("-0.018")
    assert not any(told), "an account that was read since tells that nothing was opened"


def test_a_chase_ends_at_a_ceiling_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))

    async def sets_the_clock(bot: Bot) -> None:
        one.clock.is_off_by = -HOUR
        await bot.desk.journal.record(
            CeilingSet(
                at=bot.desk.clock.now(),
                asset=BTC,
                cause="unprotected",
                max_delta_base=Decimal(0),
                release_at=None,
                why="a test",
            )
        )

    one.run(5 * MINUTE, sets_the_clock, after=10 * SECOND)
    assert one.held() == 0


def test_flatten_goes_to_the_market_in_time_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock()
    one.run(HOUR / 2)
    one.exchange.faults.add(
        lambda call, request: (
            Refuse(code="rejected") if call == "submit" and request and request.type is OrderType.LIMIT else None
        ),
        times=10_000,
    )

    async def flattens_and_sets_the_clock(bot: Bot) -> None:
        flattening = asyncio.ensure_future(bot.flatten.start("owner"))
        await one.clock.sleep(10 * SECOND)
        one.clock.is_off_by = -HOUR
        await flattening

    one.run(6 * MINUTE, flattens_and_sets_the_clock)
    assert one.held() == 0
