"""When a look is due."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.cadence import CALENDARS, crontab_for, large_moves, periods_per_year
from bot.domain.errors import BadPayload
from bot.domain.ids import Asset
from tests.builders import dec

A, B = Asset("BTC"), Asset("ETH")


@pytest.mark.parametrize(
    ("text", "crontab"),
    [
        ("hourly", "0 * * * *"),
        (" Daily ", "0 0 * * *"),
        ("weekly", "0 0 * * mon"),
        ("monthly", "0 0 1 * *"),
        ("quarterly", "0 0 1 1,4,7,10 *"),
        ("yearly", "0 0 1 1 *"),
        ("*/15  *  * * *", "*/15 * * * *"),
        ("5,35 8-18/2 1-15 * *", "5,35 8-18/2 1-15 * *"),
        ("0/20 0 * * *", "0/20 0 * * *"),
        ("0 0 29 2 *", "0 0 29 2 *"),
        # Some of it comes about: that is enough.
        ("0 0 30 2,4 *", "0 0 30 2,4 *"),
        ("0 0 30,31 4 *", "0 0 30,31 4 *"),
        ("10-20/10 * * * *", "10-20/10 * * * *"),
        ("0 0 * JAN-mar *", "0 0 * 1,2,3 *"),
        # Weekdays leave by name: some schedulers count from Monday.
        ("0 0 * * 0", "0 0 * * sun"),
        ("0 0 * * 7", "0 0 * * sun"),
        ("0 0 * * 1-5", "0 0 * * mon,tue,wed,thu,fri"),
        ("0 0 * * mon,5", "0 0 * * mon,fri"),
        ("0 0 * * */3", "0 0 * * sun,wed,sat"),
    ],
)
def test_names_and_expressions_become_crontab_text(text, crontab):
    assert crontab_for(text) == crontab


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 were given"),
        ("fortnightly", "1 were given"),
        ("0 0 * *", "4 were given"),
        ("0 0 * * * *", "6 were given"),
        ("60 * * * *", "minute 60 is not within 0 to 59"),
        ("0 24 * * *", "hour 24 is not within 0 to 23"),
        ("0 0 0 * *", "day of the month 0 is not within 1 to 31"),
        ("0 0 * 13 *", "month 13 is not within 1 to 12"),
        ("0 0 * * 8", "day of the week 8 is not within 0 to 7"),
        ("0 0 * foo *", "month 'foo' cannot be read"),
        ("0 mon * * *", "hour 'mon' cannot be read"),
        ("0,, * * * *", "minute '' cannot be read"),
        ("-5 * * * *", "minute '-5' cannot be read"),
        ("*/0 * * * *", "minute '*/0' names nothing"),
        ("*/60 * * * *", "minute '*/60' names nothing"),
        ("10-20/11 * * * *", "minute '10-20/11' names nothing"),
        ("30-10 * * * *", "minute '30-10' names nothing"),
        ("0 0 31 4,6 *", "day 31 never comes in these months"),
        ("0 0 30 2 *", "day 30 never comes in these months"),
    ],
)
def test_what_can_never_come_about_is_refused(text, why):
    with pytest.raises(BadPayload) as refusal:
        crontab_for(text)

    assert str(refusal.value) == (
        f"{text!r} is neither one of {', '.join(CALENDARS)} nor a crontab expression of five fields: {why}"
    )


def _moved(price, *, elapsed=timedelta(days=1), sigma="0.02", before="100"):
    return large_moves(
        {A: dec(before)},
        {A: dec(price), B: dec(1)},
        daily_sigmas={A: None if sigma is None else dec(sigma), B: dec("0.02")},
        elapsed=elapsed,
        move_sigmas=dec(4),
    )


@pytest.mark.parametrize(
    ("price", "fires"), [("108", False), ("108.01", True), ("92", False), ("91.99", True), ("100", False)]
)
def test_a_move_of_more_than_four_sigmas_fires_in_either_direction(price, fires):
    assert bool(_moved(price)) is fires


@pytest.mark.parametrize(
    ("elapsed", "price", "fires"),
    [
        # √(6/24) of 8 %.
        (timedelta(hours=6), "104", False),
        (timedelta(hours=6), "104.01", True),
        # Within the first hour, as after an hour: √(1/24) of 8 % is 1.63 %.
        (timedelta(minutes=1), "101.6", False),
        (timedelta(minutes=1), "101.7", True),
        # After days, as after a day.
        (timedelta(days=30), "108.01", True),
    ],
)
def test_sigma_is_scaled_to_the_time_since_the_last_look(elapsed, price, fires):
    assert bool(_moved(price, elapsed=elapsed)) is fires


@pytest.mark.parametrize("sigma", [None, "0"])
def test_without_a_sigma_nothing_fires(sigma):
    assert _moved("200", sigma=sigma) == ()


def test_periods_per_year():
    assert periods_per_year(timedelta(hours=8)) == 1095


@given(
    near=st.decimals(min_value=0, max_value="0.9", places=4),
    more=st.decimals(min_value=0, max_value="0.9", places=4),
    hours=st.integers(1, 24 * 30),
    sigma=st.decimals(min_value="0.001", max_value="0.2", places=4),
    direction=st.sampled_from((1, -1)),
)
def test_a_move_that_fires_still_fires_when_it_is_larger_or_the_market_calmer(near, more, hours, sigma, direction):
    elapsed = timedelta(hours=hours)
    far = min(near + more, dec("0.95"))
    fires = bool(_moved(100 * (1 + direction * near), elapsed=elapsed, sigma=sigma))
    assert not fires or _moved(100 * (1 + direction * far), elapsed=elapsed, sigma=sigma)
    assert not fires or _moved(100 * (1 + direction * near), elapsed=elapsed, sigma=sigma / 2)
    assert not fires or _moved(100 * (1 + direction * near), elapsed=elapsed / 2, sigma=sigma)
