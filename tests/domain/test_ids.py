"""An order id says which journal and which intent made it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BadPayload
from bot.domain.ids import (
    ALPHABET,
    ID_LENGTH,
    carries_marker,
    client_order_id,
    decode_base32,
    encode_base32,
    epoch_of,
)


@given(st.integers(min_value=0, max_value=32**9 - 1))
def test_base_32_reads_back_what_it_wrote(number):
    text = encode_base32(number, 9)

    assert len(text) == 9
    assert decode_base32(text) == number


@pytest.mark.parametrize("number", [-1, 32**2])
def test_a_number_that_does_not_fit_is_refused(number):
    with pytest.raises(ValueError, match="does not fit"):
        encode_base32(number, 2)


def test_a_character_outside_the_alphabet_is_refused():
    with pytest.raises(BadPayload):
        decode_base32("0U")


@given(st.tuples(st.integers(0, 10**6), st.integers(0, 31)), st.tuples(st.integers(0, 10**6), st.integers(0, 31)))
def test_two_intents_or_attempts_never_share_an_id(one, other):
    assert (client_order_id("TT0A1", *one) == client_order_id("TT0A1", *other)) == (one == other)


def test_an_id_is_letters_and_digits_of_a_length_that_every_venue_takes():
    made = client_order_id("TT0A1", 42, 1)

    assert len(made) == ID_LENGTH <= 32
    assert set(made) <= set(ALPHABET)
    assert carries_marker(made)


@pytest.mark.parametrize("text", ["", "TT0A1", "XX0A100000000AB0", "TT0A1000000000-0", "TT0A100000000AB000"])
def test_ids_of_others_do_not_carry_the_marker(text):
    assert not carries_marker(text)


@pytest.mark.parametrize("tail", ["", "AB", "ABCD", "SIM", "abc", "A B"])
def test_an_epoch_whose_orders_would_not_be_known_again_is_refused(tail):
    with pytest.raises(ValueError, match="base 32"):
        epoch_of(tail)


def test_orders_of_an_epoch_carry_the_marker():
    assert carries_marker(client_order_id(epoch_of("7KQ"), 12))
