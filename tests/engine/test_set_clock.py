"""What does a bot do when the clock of its machine is set?"""

from datetime import datetime, timedelta
from decimal import Decimal

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot, build
from tests.engine.rig import BTC, HOUR, MINUTE, Rig


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
