"""Numbers enter, are rounded and leave in one way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadPayload
from bot.domain.units import (
    ceil_to_step,
    clamp,
    decimal_text,
    edge_text,
    floor_to_step,
    is_plausible,
    sign,
    to_decimal,
)
from tests.builders import dec

amounts = st.decimals(min_value=-(10**9), max_value=10**9, places=8)
steps = st.decimals(min_value=Decimal("0.00000001"), max_value=1000, places=8).filter(lambda step: step > 0)


@pytest.mark.parametrize("text", ["1.5", "-0.1", "1e-8", 7, Decimal("2.5")])
def test_decimal_text_becomes_the_number_it_spells(text):
    assert to_decimal(text) == Decimal(text)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "-inf", None, 1.5, True, [1]])
def test_what_is_not_a_finite_decimal_is_refused(text):
    with pytest.raises(BadPayload):
        to_decimal(text)


@given(amounts, steps)
def test_rounding_to_a_step_never_grows_a_size_and_loses_less_than_a_step(value, step):
    floored = floor_to_step(value, step)

    assert abs(floored) <= abs(value)
    assert abs(value - floored) < step
    assert floored % step == 0
    assert floored * value >= 0


@given(amounts, steps)
def test_rounding_away_from_zero_never_shrinks_a_size(value, step):
    ceiled = ceil_to_step(value, step)

    assert abs(ceiled) >= abs(value)
    assert abs(ceiled - value) < step


@pytest.mark.parametrize(("value", "held"), [(-1, 0), (0, 0), (3, 3), (5, 5), (6, 5)])
def test_clamp_holds_a_value_within_its_bounds(value, held):
    assert clamp(dec(value), dec(0), dec(5)) == held


@pytest.mark.parametrize(("value", "expected"), [("-0.1", -1), ("0", 0), ("-0", 0), ("2", 1)])
def test_sign(value, expected):
    assert sign(dec(value)) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [("-0", "0"), ("0.000", "0"), ("1E+3", "1000"), ("1.500", "1.5"), ("100", "100"), ("1E-9", "0.000000001")],
)
def test_numbers_leave_as_exact_text_without_exponent(value, text):
    assert decimal_text(dec(value)) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.3333333333333333", "0.333333333333"),
        ("0.0000000000005", "0"),
        ("0.0000000000015", "0.000000000002"),
        ("-0.0000000000001", "0"),
    ],
)
def test_money_is_quantised_half_even_to_twelve_places_at_the_edge(value, text):
    assert edge_text(dec(value)) == text


@pytest.mark.parametrize(
    ("text", "is_one"), [("0", True), ("-1e15", True), ("1e-12", True), ("1.1e15", False), ("-1e-13", False)]
)
def test_numbers_that_nobody_means_are_told_from_those_that_somebody_may(text, is_one):
    assert is_plausible(dec(text)) is is_one
