"""What is done about a position without its stop."""

from datetime import timedelta

import pytest

from bot.decisions.unprotected import Rung, rung_after
from bot.domain.policy import StopPolicy


@pytest.mark.parametrize(
    ("seconds", "rung"),
    [
        (0, Rung.RETRY),
        (29.9, Rung.RETRY),
        (30, Rung.BOT_STOP),
        (119.9, Rung.BOT_STOP),
        (120, Rung.REDUCE),
        (299.9, Rung.REDUCE),
        (300, Rung.FLATTEN),
        (10_000, Rung.FLATTEN),
    ],
)
def test_the_ladder_is_climbed_with_time(seconds, rung):
    assert rung_after(timedelta(seconds=seconds), StopPolicy()) is rung
