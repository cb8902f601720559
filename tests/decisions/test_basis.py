"""How far a contract is from the spot price, and whether that is unusual."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.basis import annual_basis, basis_lines, expected_basis_cost, grown
from bot.domain.basis import BasisRecord, BasisSample
from bot.domain.books import Books
from bot.domain.events import BasisNoted, LookTaken
from bot.domain.folding import apply
from bot.domain.ids import CycleId, Symbol
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
    assert line.days_to_expiry is None


def test_what_expires_is_told_a_year_and_may_be_further_off():
    """2 % for 91 days: 8 % a year; told from 1 % + 20 % a year, blocked from 3 % + 30 % a year."""
    line = line_of(FAR, "51000")

    assert line.annual == dec("0.02") * 365 / 91
    assert line.days_to_expiry == 91
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


def test_an_old_price_tells_no_basis():
    assert line_of(as_of=NOW - timedelta(seconds=60)) is not None
    assert line_of(as_of=NOW - timedelta(seconds=61)) is None


def test_the_basis_of_a_year():
    quote = make_quote(FAR, 50_000, mark_price=dec(51_000))
    assert annual_basis(quote, FAR.expires_at, NOW) == dec("0.02") * 365 / 91


@given(annual=st.decimals(-2, 2, places=4))
def test_what_one_side_pays_the_other_earns(annual):
    """A long pays a premium away as it decays; a short earns it."""
    assert expected_basis_cost(1, annual) == annual
    assert expected_basis_cost(1, annual) + expected_basis_cost(-1, annual) == 0


@given(first=st.decimals(1, 200_000, places=2), second=st.decimals(1, 200_000, places=2))
def test_a_higher_mark_is_a_higher_basis_and_costs_a_long_more(first, second):
    lower, higher = (line_of(FAR, mark) for mark in sorted((first, second)))
    assert lower.basis <= higher.basis
    assert lower.annual <= higher.annual
    assert expected_basis_cost(1, lower.annual) <= expected_basis_cost(1, higher.annual)


def record_of(*basis, is_wide=False):
    samples = [BasisSample(at=NOW - HOUR * (len(basis) - place), basis=dec(one)) for place, one in enumerate(basis)]
    return BasisRecord(samples=tuple(samples), is_wide=is_wide)


def test_it_is_unusual_beside_its_own_week_once_there_are_enough_samples():
    few = line_of(mark="50500", record=record_of(*["0.001", "-0.001"] * 11))
    assert (few.mean, few.z_score) == (None, None)

    enough = line_of(mark="50500", record=record_of(*["0.001", "-0.001"] * 12))
    assert (enough.mean, enough.z_score) == (0, pytest.approx(10))

    still = line_of(mark="50500", record=record_of(*["0.001"] * 24))
    assert (still.mean, still.z_score) == (dec("0.001"), None)


@given(count=st.integers(0, 23), basis=st.decimals("-0.5", "0.5", places=6))
def test_without_enough_samples_nothing_is_said_of_what_is_usual(count, basis):
    line = line_of(record=record_of(*[basis + hour for hour in range(count)]))
    assert (line.mean, line.z_score) == (None, None)


def decaying(annual, noise="0", instrument=FAR, count=100):
    """Return a record of what a dated contract's basis was at a rate a year, now above it and now below it."""
    samples = []
    for hours in range(count, 0, -1):
        at = NOW - HOUR * hours
        rate = dec(annual) + dec(noise) * (-1) ** hours
        samples.append(BasisSample(at=at, basis=rate * Decimal((instrument.expires_at - at) / HOUR) / 8760))
    return BasisRecord(samples=tuple(samples))


def test_a_basis_that_only_decays_is_as_usual():
    """8 % a year for four days: it was higher all the time, and is where it has to be."""
    mark = 50_000 * (1 + dec("0.08") * 91 / 365)

    still = line_of(FAR, mark, record=decaying("0.08"))
    noisy = line_of(FAR, mark, record=decaying("0.08", "0.001"))

    for line in (still, noisy):
        assert line.mean == pytest.approx(dec("0.08") * 91 / 365)
    assert still.z_score is None
    assert noisy.z_score == pytest.approx(0, abs=Decimal("1e-9"))


@given(off=st.decimals("-0.5", "0.5", places=4))
def test_the_z_score_has_the_sign_of_what_is_unusual(off):
    mark = 50_000 * (1 + (dec("0.08") + off) * 91 / 365)
    line = line_of(FAR, mark, record=decaying("0.08", "0.001"))
    assert line.z_score == pytest.approx(off / dec("0.001"), abs=Decimal("1e-6"))


def test_at_the_end_a_tick_is_not_a_great_deal_a_year():
    """An hour before it ends: compared as if a day were left."""
    last = expiring_in(1)
    line = line_of(last, dec(50_000) * dec("1.0001"), record=decaying("0.08", "0.01", instrument=last))
    assert line.annual == pytest.approx(dec("0.0001") * 8760)
    assert abs(line.z_score) < 10


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
    assert len(books.basis) == 2
    apply(books, LookTaken(at=now, cycle_id=CycleId("x"), trigger="start", outcome="in_band", index_prices={}))

    assert set(books.basis) == {(VENUE, FAR.symbol)}
    record = books.basis[VENUE, FAR.symbol]
    assert len(record.samples) == 24 * 7
    assert record.samples[-1].basis == 24 * 8 - 1
    assert not record.is_wide


def test_a_bound_that_is_passed_between_two_samples_is_noted_and_is_no_sample():
    books = Books()
    for minutes, basis, is_wide, is_blocked in ((0, "0", False, False), (5, "0.04", True, True)):
        apply(
            books,
            BasisNoted(
                at=NOW + timedelta(minutes=minutes),
                venue=VENUE,
                symbol=FAR.symbol,
                basis=dec(basis),
                is_wide=is_wide,
                is_blocked=is_blocked,
            ),
        )
    record = books.basis[VENUE, FAR.symbol]
    assert [one.basis for one in record.samples] == [0]
    assert (record.is_wide, record.is_blocked) == (True, True)
