"""May a request leave now? The budget of a minute, the lane that is kept free, bans; on a clock that is set by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.ccxt.limiter import Lane, Limiter
from bot.domain.errors import VenueUnavailable

#: Ten seconds into a minute.
START = datetime(2026, 11, 25, 12, 0, 10, tzinfo=UTC)
MINUTE = int(START.timestamp() // 60)


class HandClock:
    """Time that passes when somebody waits, and when it is told to."""

    def __init__(self) -> None:
        self.passed = timedelta(0)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return START + self.passed

    def monotonic(self) -> float:
        return self.passed.total_seconds()

    async def sleep(self, duration: timedelta) -> None:
        self.slept.append(round(duration.total_seconds(), 3))
        self.passed += duration

    def pass_by(self, seconds: float) -> None:
        self.passed += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def limiter(clock: HandClock) -> Limiter:
    """Return one that knows the limit, and whose callers have a deadline."""
    one = Limiter(clock)
    one.set_limit(1000)
    one.hurry()
    return one


async def leaves_at_once(limiter: Limiter, clock: HandClock, weight: int, lane: Lane) -> bool:
    before = len(clock.slept)
    try:
        await limiter.admit(weight, lane)
    except VenueUnavailable:
        return False
    return len(clock.slept) == before


async def test_nothing_is_held_back_before_the_limit_is_known(clock: HandClock) -> None:
    limiter = Limiter(clock)
    assert await leaves_at_once(limiter, clock, 10**6, Lane.READ)


async def test_reads_leave_room_for_orders_and_both_for_what_protects(limiter: Limiter, clock: HandClock) -> None:
    await limiter.admit(700, Lane.READ)
    assert not await leaves_at_once(limiter, clock, 1, Lane.READ)
    await limiter.admit(150, Lane.TRADE)
    assert not await leaves_at_once(limiter, clock, 1, Lane.TRADE)
    await limiter.admit(150, Lane.PROTECT)
    assert not await leaves_at_once(limiter, clock, 1, Lane.PROTECT)


async def test_what_weighs_nothing_always_leaves(limiter: Limiter, clock: HandClock) -> None:
    await limiter.admit(1000, Lane.PROTECT)
    assert await leaves_at_once(limiter, clock, 0, Lane.TRADE)
    assert await leaves_at_once(limiter, clock, 0, Lane.PROTECT)


async def test_a_read_that_can_wait_leaves_with_the_next_minute_of_the_venue(clock: HandClock) -> None:
    limiter = Limiter(clock)
    limiter.set_limit(1000)
    await limiter.admit(700, Lane.READ)
    await limiter.admit(700, Lane.READ)
    assert clock.slept == [50.05], "fifty seconds are left of the minute, and clocks differ"


async def test_whoever_has_a_deadline_is_told_at_once_that_there_is_no_room(limiter: Limiter, clock: HandClock) -> None:
    await limiter.admit(700, Lane.READ)
    with pytest.raises(VenueUnavailable, match="leaves no room for 50 s"):
        await limiter.admit(1, Lane.READ)
    assert clock.slept == []


async def test_a_short_wait_is_waited_for(limiter: Limiter, clock: HandClock) -> None:
    await limiter.admit(700, Lane.READ)
    clock.pass_by(45)
    await limiter.admit(1, Lane.READ)
    assert clock.slept == [5.05]


async def test_a_new_minute_begins_with_nothing_used(limiter: Limiter, clock: HandClock) -> None:
    await limiter.admit(700, Lane.READ)
    clock.pass_by(50)
    assert await leaves_at_once(limiter, clock, 700, Lane.READ)


async def test_what_the_venue_has_counted_is_what_was_used_by_whomever(limiter: Limiter, clock: HandClock) -> None:
    limiter.note_used(990, MINUTE)
    assert await leaves_at_once(limiter, clock, 10, Lane.PROTECT)
    assert not await leaves_at_once(limiter, clock, 1, Lane.PROTECT)


async def test_a_header_that_is_behind_takes_nothing_back(limiter: Limiter, clock: HandClock) -> None:
    await limiter.admit(700, Lane.READ)
    limiter.note_used(20, MINUTE)
    assert not await leaves_at_once(limiter, clock, 1, Lane.READ)


async def test_what_was_used_in_a_minute_that_is_over_is_not_charged_to_the_next(
    limiter: Limiter, clock: HandClock
) -> None:
    clock.pass_by(49.9)
    left_in = await limiter.admit(5, Lane.PROTECT)
    clock.pass_by(0.2)
    limiter.note_used(1000, left_in)
    assert await leaves_at_once(limiter, clock, 700, Lane.READ)
    limiter.note_used(1000, await limiter.admit(0, Lane.READ))
    assert not await leaves_at_once(limiter, clock, 1, Lane.PROTECT)


async def test_what_is_good_for_a_while_only_does_not_wait_longer(limiter: Limiter, clock: HandClock) -> None:
    limiter.note_ban(429, 6.0, is_order=True)
    with pytest.raises(VenueUnavailable, match="leaves no room for 6 s"):
        await limiter.admit(0, Lane.TRADE, timedelta(seconds=5))
    assert clock.slept == []


def pass_seventeen(limiter: Limiter, clock: HandClock) -> None:
    clock.pass_by(17)


def say_nothing(limiter: Limiter, clock: HandClock) -> None:
    return


@pytest.mark.parametrize(
    ("lane", "weight", "leaves"),
    [
        (Lane.READ, 1, False),
        (Lane.READ, 0, False),
        # The account that protection is measured by: going on reading is what a ban is given for.
        (Lane.PROTECT, 5, False),
        # Orders weigh nothing, and the stop must not wait.
        (Lane.TRADE, 0, True),
        (Lane.PROTECT, 0, True),
    ],
)
async def test_after_a_429_what_weighs_something_waits_and_orders_go_on(
    limiter: Limiter, clock: HandClock, lane: Lane, weight: int, leaves: bool
) -> None:
    limiter.note_ban(429, 17.0)
    assert await leaves_at_once(limiter, clock, weight, lane) is leaves
    clock.pass_by(17)
    assert await leaves_at_once(limiter, clock, weight, lane)


async def test_after_a_429_to_an_order_only_what_protects_is_still_sent(limiter: Limiter, clock: HandClock) -> None:
    limiter.note_ban(429, 10.0, is_order=True)
    assert not await leaves_at_once(limiter, clock, 0, Lane.TRADE)
    assert await leaves_at_once(limiter, clock, 0, Lane.PROTECT)
    clock.pass_by(10)
    assert await leaves_at_once(limiter, clock, 0, Lane.TRADE)


@pytest.mark.parametrize("lane", list(Lane))
async def test_after_a_418_nothing_leaves_until_the_ban_is_over(limiter: Limiter, clock: HandClock, lane: Lane) -> None:
    limiter.note_ban(418, 120.0)
    assert not await leaves_at_once(limiter, clock, 0, lane)
    clock.pass_by(119)
    await limiter.admit(0, lane)
    assert clock.slept == [1.0], "the last second is short enough to be waited for"


async def test_a_ban_that_names_no_end_lasts_two_minutes(limiter: Limiter, clock: HandClock) -> None:
    limiter.note_ban(418, None)
    clock.pass_by(119)
    assert not await leaves_at_once(limiter, clock, 0, Lane.PROTECT)
    clock.pass_by(1)
    assert await leaves_at_once(limiter, clock, 0, Lane.PROTECT)


@pytest.mark.parametrize("between", [say_nothing, pass_seventeen])
async def test_a_shorter_ban_never_ends_a_longer_one(
    limiter: Limiter, clock: HandClock, between: Callable[[Limiter, HandClock], None]
) -> None:
    limiter.note_ban(418, 120.0)
    between(limiter, clock)
    limiter.note_ban(429, 1.0)
    clock.pass_by(20)
    assert not await leaves_at_once(limiter, clock, 0, Lane.PROTECT)
