"""What does a bot do when the clock of its machine is set?"""

from datetime import datetime, timedelta
from decimal import Decimal

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot, build
from bot.domain.events import LegUnprotected, OrderIntended
from bot.domain.orders import OrderType, Purpose
from bot.domain.policy import ExecutionPolicy, ExecutionStyle
from bot.exchange.faults import ForgetOrder, Refuse
from tests.engine.rig import BTC, BTC_PERP, HOUR, MINUTE, Rig, a_policy

SECOND = timedelta(seconds=1)


class SetClock:
    """The clock of a machine, which may be wrong; the time that passes is right."""

    def __init__(self, true: LoopClock, is_off_by: timedelta) -> None:
        self._true = true
        self.is_off_by = is_off_by

    def now(self) -> datetime:
        return self._true.now() + self.is_off_by

    def monotonic(self) -> float:
        return self._true.monotonic()

    async def sleep(self, duration: timedelta) -> None:
        await self._true.sleep(duration)


class OnAWrongClock(Rig):
    """The venue has the right time, the bot what its machine says."""

    is_off_by = timedelta(0)

    def build(self, clock: LoopClock) -> Bot:
        self.clock = SetClock(clock, self.is_off_by)
        return build(
            policy=self.policy,
            mode="paper",
            clock=self.clock,
            venues={PAPER: PaperVenue(self.exchange, clock)},
            journal=self.journal,
            alerts=LogAlerts(self.clock),
            holdings=DeclaredHoldings(),
        )


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

    async def sets_the_clock(_: Bot) -> None:
        one.clock.is_off_by = timedelta(0)

    one.run(HOUR / 2, sets_the_clock, after=10 * MINUTE)
    lost = [order for order in one.journal.books.orders.values() if order.may_work_unseen]
    assert len(lost) == 2, "they may still work, and nothing is sent beside them"
    assert one.alerts() >= {"order_lost"}
    assert len(one.journal.books.orders) == 2


def test_what_has_no_stop_is_told_and_made_smaller_in_time_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock()
    one.exchange.faults.add(
        lambda call, request: (
            Refuse(code="rejected")
            if call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
            else None
        ),
        times=10_000,
    )

    async def sets_the_clock(_: Bot) -> None:
        one.clock.is_off_by = -HOUR

    one.run(20 * MINUTE, sets_the_clock, after=40 * SECOND)
    told = next(fact for fact in one.facts(LegUnprotected) if fact.symbol == BTC_PERP)
    reduced = next(one for one in one.facts(OrderIntended) if one.intent.purpose is Purpose.DELEVERAGE)
    assert reduced.at - told.at < -HOUR + 5 * MINUTE
    assert one.held() == 0


def test_a_chase_ends_in_time_although_the_clock_was_put_back() -> None:
    one = OnAWrongClock(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))

    async def sets_the_clock(_: Bot) -> None:
        one.clock.is_off_by = -HOUR

    one.run(5 * MINUTE, sets_the_clock)
    assert one.held() == Decimal("-0.018")
    one.is_well()
