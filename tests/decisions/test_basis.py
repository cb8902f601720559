"""How far a contract is from the spot price, and whether that is unusual."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.basis import basis_lines, grown
from bot.domain.basis import BasisRecord, BasisSample
from bot.domain.books import Books, apply
from bot.domain.events import BasisNoted
from bot.domain.ids import Symbol
from bot.domain.policy import BasisPolicy, RiskLimits
from tests.builders import NOW, VENUE, dec, make_quote
from tests.decisions.rolling import FAR, NEAR, PERPETUAL, expiring_in

HOUR = timedelta(hours=1)


def line_of(instrument=PERPETUAL, mark="50000", record=None, **quote):
    leg = (VENUE, instrument.symbol)
    quotes = {leg: make_quote(instrument, 50_000, mark_price=dec(mark), **quote)}
    records = {} if record is None else {leg: record}
    lines = basis_lines({leg: instrument}, quotes, records, BasisPolicy(), RiskLimits(), NOW)
    return lines[0] if lines else None


@given(mark=st.decimals(1, 200_000, places=2))
def test_the_basis_has_the_sign_of_the_premium_and_its_bound_decides(mark):
    line = line_of(mark=mark)

    assert (line.basis > 0) is (mark > 50_000)
    assert line.is_wide is (abs(line.basis) > dec("0.01"))
    assert line.is_blocked is (abs(line.basis) > dec("0.03"))
    assert line.annual is None


def test_what_expires_is_told_a_year_and_may_be_further_off():
    """2 % for 91 days: 8 % a year; told from 1 % + 20 % a year, blocked from 3 % + 30 % a year."""
    line = line_of(FAR, "51000")

    assert line.annual == dec("0.02") * 365 / 91
    assert line.alert_frac == dec("0.01") + dec("0.20") * 91 / 365
    assert line.block_frac == dec("0.03") + dec("0.30") * 91 / 365
    assert not line.is_wide


@given(hours=st.integers(1, 5_000), more=st.integers(1, 5_000))
def test_a_bound_grows_with_the_time_that_is_left(hours, more):
    bounds = [grown(dec("0.01"), dec("0.2"), expiring_in(left), NOW) for left in (hours, hours + more)]
    assert dec("0.01") < bounds[0] < bounds[1]
    assert grown(dec("0.01"), dec("0.2"), PERPETUAL, NOW) == dec("0.01")


def test_what_has_expired_or_has_no_price_has_no_basis():
    assert line_of(expiring_in(0)) is None
    leg = (VENUE, NEAR.symbol)
    assert basis_lines({leg: NEAR}, {}, {}, BasisPolicy(), RiskLimits(), NOW) == ()


def record_of(*basis, is_wide=False):
    samples = [BasisSample(at=NOW - HOUR * (len(basis) - place), basis=dec(one)) for place, one in enumerate(basis)]
    return BasisRecord(samples=samples, is_wide=is_wide)


def test_it_is_unusual_beside_its_own_week_once_there_are_enough_samples():
    few = line_of(mark="50500", record=record_of(*["0.001", "-0.001"] * 11))
    assert (few.mean, few.z_score) == (None, None)

    enough = line_of(mark="50500", record=record_of(*["0.001", "-0.001"] * 12))
    assert (enough.mean, enough.z_score) == (0, pytest.approx(10))

    still = line_of(mark="50500", record=record_of(*["0.001"] * 24))
    assert (still.mean, still.z_score) == (dec("0.001"), None)


@pytest.mark.parametrize(
    ("mark", "was_wide", "is_wide"),
    [("50500", False, False), ("50501", False, True), ("50401", True, True), ("50400", True, False)],
)
def test_once_told_it_is_told_until_it_is_well_inside(mark, was_wide, is_wide):
    assert line_of(mark=mark, record=record_of(is_wide=was_wide)).is_wide is is_wide


def test_the_books_keep_a_week_and_forget_contracts_that_nobody_asks_for():
    books, other = Books(), Symbol("ETH/USDT:USDT")
    apply(books, BasisNoted(at=NOW, venue=VENUE, symbol=other, basis=dec(0), is_wide=False))
    for hour in range(24 * 8):
        now = NOW + HOUR * hour
        apply(books, BasisNoted(at=now, venue=VENUE, symbol=FAR.symbol, basis=Decimal(hour), is_wide=hour % 2 == 0))

    assert set(books.basis) == {(VENUE, FAR.symbol)}
    record = books.basis[VENUE, FAR.symbol]
    assert len(record.samples) == 24 * 7
    assert record.samples[-1].basis == 24 * 8 - 1
    assert not record.is_wide
