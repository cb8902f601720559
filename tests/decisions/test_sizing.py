"""How many contracts, and at what price."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.sizing import (
    contracts_for,
    cost_bps,
    limit_price,
    opening_contracts,
    reducing_contracts,
    smallest_order_quote,
)
from bot.domain.orders import Side
from bot.domain.policy import ExecutionPolicy
from tests.builders import dec, make_instrument, make_quote

INVERSE = make_instrument("BTC", inverse=True)
EXECUTION = ExecutionPolicy()
PRICE = dec(50_000)


def test_a_linear_contract_is_counted_at_the_index_and_an_inverse_one_at_mark():
    linear = make_instrument(contract_size=dec("0.001"))

    assert contracts_for(dec(1000), linear, index_price=dec(50_000), mark_price=dec(51_000)) == 20
    assert contracts_for(dec(1000), INVERSE, index_price=dec(50_000), mark_price=dec(51_000)) == dec("10.2")


@pytest.mark.parametrize(
    ("wanted", "changes", "expected"),
    [
        ("1.29", {"lot_size": dec("0.1")}, "1.2"),
        ("0.19", {"lot_size": dec("0.1"), "min_contracts": dec("0.2")}, "0"),
        ("0.2", {"lot_size": dec("0.1"), "min_contracts": dec("0.2")}, "0.2"),
        ("0.0001", {"min_notional_quote": dec("5")}, "0.0001"),
        ("0.0001", {"min_notional_quote": dec("5.01")}, "0"),
        ("7", {"max_contracts": dec(5)}, "5"),
        ("0.00001", {"min_contracts": dec(0), "min_notional_quote": dec(0)}, "0"),
    ],
)
def test_an_opening_order_is_floored_and_dropped_below_the_minimums(wanted, changes, expected):
    instrument = make_instrument(**changes)

    assert opening_contracts(dec(wanted), instrument, limit_price=PRICE) == dec(expected)


@pytest.mark.parametrize(
    ("wanted", "position", "changes", "expected"),
    [
        ("1.29", "-3", {"lot_size": dec("0.1")}, "1.2"),
        ("3", "3", {}, "3"),
        ("9", "3", {}, "3"),
        # What would stay, 0.05, is less than a lot: all of it goes.
        ("3.04", "3.05", {"lot_size": dec("0.1")}, "3.05"),
        # What would stay is worth less than the smallest order.
        ("2.9", "3", {"lot_size": dec("0.1"), "min_notional_quote": dec(6000)}, "3"),
        # The whole would take more than twice what is wanted.
        ("1.4", "3", {"lot_size": dec("0.1"), "min_notional_quote": dec(10**6)}, "1.4"),
        ("1.5", "3", {"lot_size": dec("0.1"), "min_notional_quote": dec(10**6)}, "3"),
        ("0.4", "1", {"lot_size": dec(1), "min_contracts": dec(1)}, "0"),
        ("0.9", "1", {"lot_size": dec(1), "min_contracts": dec(1)}, "0"),
        ("0.1", "5", {"lot_size": dec("0.1"), "min_contracts": dec(1)}, "0"),
        ("9", "9", {"max_contracts": dec(4)}, "4"),
        ("6", "9", {"max_contracts": dec(4)}, "4"),
    ],
)
def test_a_reducing_order_may_round_up_to_the_whole_position(wanted, position, changes, expected):
    instrument = make_instrument(**changes)

    assert reducing_contracts(dec(wanted), dec(position), instrument, limit_price=PRICE) == dec(expected)


sizes = st.decimals(min_value="0.0001", max_value=1000, places=6)


@given(sizes, st.sampled_from(["0.0001", "0.01", "1"]), st.sampled_from(["0.01", "5", "100"]))
def test_opening_never_grows_a_size_and_stays_on_the_lot(wanted, lot, least):
    instrument = make_instrument(lot_size=dec(lot), min_notional_quote=dec(least))

    contracts = opening_contracts(wanted, instrument, limit_price=PRICE)

    assert 0 <= contracts <= wanted
    assert contracts % instrument.lot_size == 0


@given(sizes, sizes, st.sampled_from(["0.0001", "0.01", "1"]), st.sampled_from(["0.01", "5", "90000"]))
def test_reducing_never_flips_and_grows_only_to_the_whole_position(wanted, size, lot, least):
    instrument = make_instrument(lot_size=dec(lot), min_notional_quote=dec(least))

    contracts = reducing_contracts(wanted, -size, instrument, limit_price=PRICE)

    assert 0 <= contracts <= size
    assert contracts <= wanted or contracts == size <= 2 * wanted


@pytest.mark.parametrize(
    ("side", "reduces", "expected"),
    [
        (Side.BUY, False, "50155.5"),
        (Side.SELL, False, "49850.5"),
        (Side.BUY, True, "50505.5"),
        (Side.SELL, True, "49500.5"),
    ],
)
def test_the_limit_never_goes_beyond_its_bound(side, reduces, expected):
    """Asked 50,005.5 and bid 50,000.3 with a tick of a half: 0.3 % to open, 1 % to reduce."""
    instrument = make_instrument(tick_size=dec("0.5"))
    quote = make_quote(instrument, 50_000, bid_price=dec("50000.3"), ask_price=dec("50005.5"))

    assert limit_price(side, quote, instrument, EXECUTION, reduces=reduces) == Decimal(expected)


def test_a_reduction_gets_through_where_prices_disagree():
    """Mark is 10 % over the last trade: 1 % becomes 11 %."""
    instrument = make_instrument()
    quote = make_quote(instrument, 50_000, mark_price=55_000, last_price=dec(50_000))

    bound = limit_price(Side.BUY, quote, instrument, EXECUTION, reduces=True)
    assert bound == dec("1.11") * 55_000
    assert limit_price(Side.BUY, quote, instrument, EXECUTION, reduces=False) == dec("1.003") * 55_000


@given(index=st.decimals(min_value=10_000, max_value=200_000, places=2))
def test_the_bound_of_a_reduction_does_not_know_the_index(index):
    """A venue refuses a limit far beyond mark, and with it a reduction that was to get through."""
    instrument = make_instrument()
    quote = make_quote(instrument, index, mark_price=55_000, last_price=dec(55_000))

    assert limit_price(Side.BUY, quote, instrument, EXECUTION, reduces=True) == dec("1.01") * 55_000
    assert limit_price(Side.SELL, quote, instrument, EXECUTION, reduces=True) == dec("0.99") * 55_000


def test_a_sale_is_never_offered_below_half_the_bid():
    instrument = make_instrument()
    quote = make_quote(instrument, 50_000, last_price=dec(10_000))

    assert limit_price(Side.SELL, quote, instrument, EXECUTION, reduces=True) == 25_000


def test_cost_is_the_taker_fee_and_half_the_spread():
    instrument = make_instrument(taker_fee_frac=dec("0.0005"))
    quote = make_quote(instrument, 100, bid_price=dec(99), ask_price=dec(101))

    assert cost_bps(quote, instrument) == 5 + 100


@pytest.mark.parametrize(
    ("changes", "worth"),
    [
        ({}, 5),
        ({"lot_size": dec("0.001")}, 50),
        ({"min_contracts": dec("0.002")}, 100),
        ({"min_notional_quote": dec(120)}, 120),
    ],
)
def test_the_smallest_order_obeys_lot_and_minimums(changes, worth):
    instrument = make_instrument(**changes)

    assert smallest_order_quote(instrument, make_quote(instrument, 50_000)) == worth
