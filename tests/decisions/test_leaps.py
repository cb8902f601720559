"""Which price is believed?"""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.leaps import Hearing, heard, leap
from tests.builders import dec

SETTLE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


def listen(*prices, every=MINUTE) -> list[Hearing]:
    """Return what is known after each of these prices; None for one that was not heard."""
    known, found = None, []
    for place, price in enumerate(prices):
        if price is not None:
            known = heard(known, dec(price), place * every, max_leap_frac=dec("0.1"), settle=SETTLE)
        found.append(known)
    return found


def believed(*prices, every=MINUTE):
    return [one and one.believed for one in listen(*prices, every=every)]


def test_the_first_prices_are_believed_once_they_have_stood():
    assert believed(100, 101, 99, 100, 102, 103) == [None, None, None, None, None, 103]


def test_a_price_near_the_one_that_is_believed_is_believed_at_once():
    assert believed(100, 100, 100, 100, 100, 100, 109, 119)[-2:] == [109, 119]


def test_a_leap_is_believed_once_it_has_stood():
    after = believed(100, 100, 100, 100, 100, 100, 120, 121, 119, 120, 120, 122)
    assert after[6:] == [100, 100, 100, 100, 100, 122]


def test_a_price_that_comes_back_is_believed_at_once_and_the_leap_is_forgotten():
    after = believed(100, 100, 100, 100, 100, 100, 150, 150, 101, 150, 150, 150, 150)
    assert after[6:] == [100, 100, 101, 101, 101, 101, 101]


def test_a_leap_that_leaps_again_has_to_stand_anew():
    after = believed(100, 100, 100, 100, 100, 100, 80, 80, 80, 60, 60, 60, 60, 60, 61)
    assert after[6:] == [100] * 8 + [61]


def test_a_leap_while_nothing_was_heard_has_to_stand_too():
    after = believed(100, 100, 100, 100, 100, 100, *[None] * 20, 150, 150)
    assert after[-2:] == [100, 100]


def test_what_is_read_seldom_stands_from_one_reading_to_the_next():
    assert believed(100, 150, 151, every=timedelta(hours=1)) == [None, None, 151]
    assert believed(100, 104, 151, 150, every=timedelta(hours=1)) == [None, 104, 104, 150]


def test_since_a_price_of_long_ago_more_may_have_happened():
    assert believed(100, 104, 130, 125, every=timedelta(hours=2)) == [None, 104, 130, 125]
    assert believed(100, 104, 140, every=timedelta(hours=2)) == [None, 104, 104]


def test_a_leap_has_no_sign():
    assert leap(dec(100), dec(80)) == leap(dec(100), dec(120)) == dec("0.2")


@given(st.lists(st.one_of(st.none(), st.decimals("1", "1000", places=2)), max_size=40))
def test_what_is_believed_was_heard_and_either_stood_or_was_near_what_was_believed_before(prices):
    known = listen(*prices)
    for place, one in enumerate(known):
        before = known[place - 1] if place else None
        if one is None or prices[place] is None or one.believed is None or (before and one.believed == before.believed):
            continue
        assert one.believed == dec(prices[place])
        is_near = before.believed is not None and leap(before.believed, one.believed) <= dec("0.1")
        stood = [dec(price) for price in prices[: place + 1] if price is not None]
        # Without a break: some run of at least five minutes ends here, all of it near its first price.
        has_stood = any(
            place - start >= 5
            and prices[start] is not None
            and all(p is None or leap(dec(prices[start]), dec(p)) <= dec("0.1") for p in prices[start : place + 1])
            for start in range(place)
        )
        assert stood
        assert is_near or has_stood
