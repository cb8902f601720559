"""How much an asset moves, by time and not by rows."""

import gc
from datetime import datetime, timedelta
from decimal import Decimal
from weakref import ref

import pytest

from bot.decisions.volatility import daily_sigma, joint_windows
from bot.domain.ids import Asset
from bot.domain.market import PriceHistory
from tests.builders import NOW, dec, make_history

TODAY = NOW.replace(hour=0)


def history_of(closes, *, asset="BTC", days=None):
    """Return closes on consecutive days up to yesterday, or on the given days back."""
    backs = days or range(len(closes), 0, -1)
    return PriceHistory(
        asset=Asset(asset),
        days=tuple(TODAY - timedelta(days=back) for back in backs),
        closes=tuple(Decimal(close) for close in closes),
        as_of=NOW,
    )


def _close_to(value, expected, places="1e-6"):
    return abs(value - dec(expected)) < dec(places)


def test_moves_of_one_size_have_that_size_as_their_sigma():
    up = [Decimal(100) * (dec("1.02") ** day) for day in range(30)]

    assert _close_to(daily_sigma(history_of(up), NOW), dec("1.02").ln(), "1e-12")


def test_recent_days_weigh_more():
    calm_then_wild = daily_sigma(history_of(["100", "101"] * 15 + ["100", "110"] * 3), NOW)
    wild_then_calm = daily_sigma(history_of(["100", "110"] * 3 + ["100", "101"] * 15), NOW)

    assert calm_then_wild > 2 * wild_then_calm


def test_weights_fall_by_six_percent_a_day():
    """Ten still days and one of 10 %, by hand: √(0.94^k × r² ÷ Σ 0.94^i) with the move k days back."""
    closes = ["100"] * 8 + ["110"] * 4
    weights = sum(dec("0.94") ** place for place in range(11))
    expected = (dec("0.94") ** 3 * dec("1.1").ln() ** 2 / weights).sqrt()

    assert _close_to(daily_sigma(history_of(closes), NOW), expected, "1e-20")


def test_a_hole_of_days_is_one_return_over_its_days():
    """A tenth over four days is a twentieth a day, in the sense of a root mean square."""
    closes = [Decimal(100) * (dec("1.1") ** step) for step in range(12)]

    sigma = daily_sigma(history_of(closes, days=[4 * back for back in range(12, 0, -1)]), NOW)

    assert sigma is not None
    assert _close_to(sigma, dec("1.1").ln() / 2, "1e-12")


def test_a_hole_ages_what_is_before_it_by_all_of_its_days():
    closes = ["100", "110", *["110"] * 10]
    whole = daily_sigma(history_of(closes), NOW)
    with_hole = daily_sigma(history_of(closes, days=[20, 19, *range(10, 0, -1)]), NOW)

    assert with_hole < whole


@pytest.mark.parametrize(("count", "is_known"), [(0, False), (1, False), (10, False), (11, True)])
def test_fewer_than_ten_returns_say_nothing(count, is_known):
    assert (daily_sigma(history_of(["100"] * count), NOW) is not None) is is_known


@pytest.mark.parametrize(("old", "is_known"), [(timedelta(days=7), True), (timedelta(days=7, seconds=1), False)])
def test_a_history_that_ended_a_week_ago_describes_another_market(old, is_known):
    history = make_history()
    now: datetime = history.days[-1] + old

    assert (daily_sigma(history, now) is not None) is is_known


def test_windows_are_of_one_three_and_seven_days():
    windows = joint_windows((history_of([str(100 + step) for step in range(9)]),))

    # Eight windows of a day, six of three, two of seven.
    assert len(windows) == 8 + 6 + 2
    assert (dec("107") / 100 - 1,) in windows
    assert (dec("108") / 105 - 1,) in windows


def test_windows_are_joint_and_say_what_is_missing():
    one = history_of(["100", "110"])
    other = history_of(["50", "40"], asset="ETH", days=[2, 1])
    third = history_of(["9"], asset="SOL")

    assert joint_windows((one, other, third)) == ((dec("0.1"), dec("-0.2"), None),)


def test_without_a_history_there_are_no_windows():
    assert joint_windows(()) == ()


def test_a_history_that_nobody_keeps_any_more_is_not_kept_for_its_sigma():
    history = history_of(["100", "101"] * 15)
    daily_sigma(history, NOW)
    gone = ref(history)
    del history
    gc.collect()
    assert gone() is None
