"""How far has a price leapt?"""

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.leaps import largest_leap
from tests.builders import dec


def test_a_leap_is_measured_from_the_farthest_price_of_the_last_minutes():
    assert largest_leap([dec(100), dec(120), dec(118)], dec(120)) == dec("0.2")
    assert largest_leap([dec(200), dec(100)], dec(100)) == dec("0.5")


def test_what_nobody_has_read_before_has_not_leapt():
    assert largest_leap([], dec(100)) == 0


@given(st.lists(st.decimals("0.01", "1e6", places=2), max_size=20), st.decimals("0.01", "1e6", places=2))
def test_a_leap_has_no_sign_and_is_nothing_only_where_nothing_has_moved(earlier, price):
    leap = largest_leap(earlier, price)
    assert leap >= 0
    assert (leap == 0) is all(one == price for one in earlier)
