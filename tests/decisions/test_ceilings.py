"""What protection has left behind."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.ceilings import ceilings_in_force, is_released, released_ceilings, room_below
from bot.domain.books import Books, Ceiling
from bot.domain.events import CeilingReleased, CeilingSet
from bot.domain.ids import Asset
from tests.builders import NOW, dec

BTC, ETH = Asset("BTC"), Asset("ETH")


def ceiling(bound, *, asset=BTC, cause="stop_out", release_at=NOW + timedelta(hours=1)):
    """Return a ceiling that is in force for another hour."""
    return Ceiling(
        asset=asset, cause=cause, max_delta_base=dec(bound), set_at=NOW, release_at=release_at, why="a stop traded"
    )


def books_with(*ceilings):
    """Return books with these ceilings."""
    return Books(ceilings={(one.asset, one.cause): one for one in ceilings})


@pytest.mark.parametrize(
    ("release_at", "released"),
    [(NOW + timedelta(seconds=1), False), (NOW, True), (NOW - timedelta(days=1), True), (None, False)],
)
def test_a_ceiling_is_released_from_its_moment_on(release_at, released):
    one = ceiling("0.1", release_at=release_at)

    assert is_released(one, NOW) is released
    assert bool(released_ceilings(books_with(one), NOW)) is released
    assert bool(ceilings_in_force(books_with(one), [], NOW)) is not released


def test_the_release_is_a_fact():
    (fact,) = released_ceilings(books_with(ceiling("0.1", release_at=NOW)), NOW)

    assert fact == CeilingReleased(at=NOW, asset=BTC, cause="stop_out", why="its time is over")


def test_the_lowest_of_several_wins_also_of_those_about_to_be_set():
    books = books_with(
        ceiling("0.3"),
        ceiling("0.2", cause="margin"),
        ceiling("0.4", cause="funding"),
        ceiling("5", asset=ETH),
    )
    pending = CeilingSet(at=NOW, asset=BTC, cause="stop_floor", max_delta_base=dec("0.1"), release_at=None, why="near")

    assert ceilings_in_force(books, [], NOW)[BTC].cause == "margin"
    assert ceilings_in_force(books, [pending], NOW)[BTC].cause == "stop_floor"
    assert ceilings_in_force(books, [pending], NOW)[ETH].max_delta_base == 5


@pytest.mark.parametrize(
    ("delta", "direction", "room"),
    [("0", 1, "0.5"), ("0.3", 1, "0.2"), ("0.3", -1, "0.8"), ("-0.3", -1, "0.2"), ("0.9", 1, "0"), ("-0.9", -1, "0")],
)
def test_room_below_a_ceiling_is_counted_in_the_direction_of_the_trade(delta, direction, room):
    assert room_below(ceiling("0.5"), dec(delta), direction=direction) == dec(room)


numbers = st.decimals(min_value=-2, max_value=2, places=3)


@given(numbers, st.decimals(min_value=0, max_value=2, places=3), st.sampled_from([1, -1]))
def test_using_all_room_never_ends_above_the_ceiling(delta, bound, direction):
    room = room_below(ceiling(bound), delta, direction=direction)

    if room > 0:
        assert (delta + room * direction) * direction <= bound
