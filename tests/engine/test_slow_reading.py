"""What if a machine is so slow that an account has become old before it is looked at?"""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.paper import PaperVenue
from bot.domain.errors import StaleData
from bot.domain.portfolio import AccountState
from tests.engine.rig import HOUR, Rig

pytestmark = pytest.mark.usefixtures("quiet")


class SlowOnce(PaperVenue):
    """Its first answer is of twenty minutes ago by the time it is there."""

    slow = 1

    async def fetch_account(self) -> AccountState:
        account = await super().fetch_account()
        if self.slow:
            self.slow -= 1
            return replace(account, as_of=account.as_of - timedelta(minutes=20))
        return account


class SlowAlways(SlowOnce):
    """Its answers are never of now."""

    slow = 10**6


def test_a_bot_starts_on_a_machine_that_was_slow_once() -> None:
    one = Rig()
    one.venue_kind = SlowOnce
    one.run(HOUR)
    assert one.held() < 0
    one.is_well()


def test_a_venue_whose_answers_are_always_old_is_not_believed() -> None:
    one = Rig()
    one.venue_kind = SlowAlways
    with pytest.raises(StaleData):
        one.run(HOUR)
