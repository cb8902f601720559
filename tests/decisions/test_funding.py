"""What does funding cost, and what is not known of it?"""

from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.funding import FundingLine, FundingState, funding_lines, holding_annual, paid_annual, settled_annual
from bot.decisions.funding_gaps import open_gaps
from bot.domain.books import Books
from bot.domain.events import Fact, FundingDue, FundingSettled, PositionAdopted, TradeFilled
from bot.domain.folding import apply
from bot.domain.funding import LegFunding
from bot.domain.ids import Currency, TradeId
from bot.domain.orders import Side
from tests.builders import NOW, dec, make_fill, make_funding, make_instrument, make_position, make_quote

BTC = make_instrument()
LEG = (BTC.venue, BTC.symbol)
HOUR = timedelta(hours=1)
#: Midnight of the builders' day; settlements are counted from there.
T0 = NOW.replace(hour=0)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def sold(hours: float, contracts: str, side: Side = Side.SELL) -> TradeFilled:
    moment = at(hours)
    fill = make_fill(
        BTC, side=side, contracts=dec(contracts), filled_at=moment, client_order_id=None, trade_id=TradeId(str(hours))
    )
    return TradeFilled(at=moment, fill=fill)


def bought(hours: float, contracts: str) -> TradeFilled:
    return sold(hours, contracts, Side.BUY)


def paid(hours: float, rate: str, notional: str = "-50000", booked: float | None = None) -> FundingSettled:
    return FundingSettled(
        at=at(hours if booked is None else booked),
        venue=BTC.venue,
        symbol=BTC.symbol,
        transaction_id=str(hours),
        currency=Currency("USDT"),
        amount=-dec(rate) * dec(notional),
        rate=dec(rate),
        notional_quote=dec(notional),
        settled_at=at(hours),
    )


def due(read: float, hours: float, every: int, rate: str = "0") -> FundingDue:
    return FundingDue(
        at=at(read),
        venue=BTC.venue,
        symbol=BTC.symbol,
        due_at=at(hours),
        interval=every * HOUR,
        rate=dec(rate),
    )


def books_of(*facts: Fact) -> Books:
    books = Books()
    for fact in facts:
        apply(books, fact)
    return books


def record_of(*facts: Fact) -> LegFunding:
    return books_of(*facts).funding[LEG]


def gaps(record: LegFunding, hours: float) -> list[float]:
    return [(one.due_at - T0) / HOUR for one in open_gaps(record, at(hours))]


def line(books: Books, hours: float, *, rate: str | None = "-0.001", contracts: str = "-1") -> FundingLine:
    (found,) = funding_lines(
        [make_position(BTC, contracts, 50_000)],
        instruments={LEG: BTC},
        quotes={LEG: make_quote(BTC, 50_000)},
        rates={} if rate is None else {LEG: make_funding(BTC, rate)},
        books=books,
        now=at(hours),
    )
    return found


# --- cost --------------------------------------------------------------------------------------


def test_cost_is_what_was_paid_on_the_mean_notional_over_the_time_it_is_for() -> None:
    # A short pays when the rate is negative: 2 % for eight hours, then 1 % for four, on 50,000.
    record = record_of(
        sold(1, "1"), due(1, 8, 8), paid(8, "-0.02"), due(8.1, 12, 4), paid(12, "-0.01"), due(12.1, 16, 4)
    )
    annual = holding_annual(record, (), at(-11), at(13))
    # 0.03 in 12 hours is 21.9 a year, on 365 days of 24 hours.
    assert annual == Decimal("0.03") / 12 * 8760
    assert settled_annual(record, -1) == annual
    assert record.since_open.paid_quote == 1500
    assert record.earned_quote == 0


def test_what_is_received_is_a_negative_cost_and_carry_earned() -> None:
    books = books_of(sold(1, "1"), due(1, 8, 8), paid(8, "0.0001"))
    found = line(books, 9, rate="0.0002")
    assert found.day_annual == found.since_open_annual == -Decimal("0.0001") / 8 * 8760
    assert found.earned_quote == 5
    assert found.forecast_quote == 10
    assert found.state is FundingState.SETTLED


def test_before_the_first_settlement_there_is_the_forecast_alone() -> None:
    found = line(books_of(sold(1, "1"), due(1, 8, 8)), 2)
    assert (found.day_annual, found.week_annual, found.since_open_annual) == (None, None, None)
    assert found.earned_quote is None
    assert found.state is FundingState.ESTIMATED
    assert found.forecast_quote == -50


def test_without_forecast_and_payment_nothing_is_known() -> None:
    found = line(books_of(sold(1, "1")), 2, rate=None)
    assert found.state is FundingState.UNKNOWN
    assert found.forecast_quote is None
    assert found.paid_annual is None


def test_a_gap_makes_the_cost_of_its_time_unknown_and_leaves_the_rest() -> None:
    facts = [sold(-40, "1"), due(-40, -32, 8), paid(-32, "0.0001"), due(-31, -24, 8), due(-23, -16, 8)]
    facts += [paid(-16, "0.0001"), due(-15, -8, 8), paid(-8, "0.0001"), due(-7, 0, 8)]
    found = line(books_of(*facts), -6)
    assert found.gaps == (at(-24),)
    assert found.state is FundingState.UNKNOWN
    assert found.since_open_annual is None
    assert found.week_annual is None
    assert found.day_annual is None
    later = line(books_of(*facts, paid(0, "0.0001"), due(1, 8, 8)), 1)
    assert later.day_annual == -Decimal("0.0001") / 8 * 8760
    assert later.week_annual is None


def test_a_payment_of_unknown_time_has_no_rate() -> None:
    record = record_of(sold(1, "1"), paid(8, "-0.01"))
    assert holding_annual(record, (), at(0), at(9)) is None
    assert settled_annual(record, -1) is None
    # The next one follows within eight hours.
    after = record_of(sold(1, "1"), paid(8, "-0.01"), paid(12, "-0.01"))
    assert [one.span for one in after.payments] == [None, 4 * HOUR]
    # And one after a day does not.
    assert record_of(sold(1, "1"), paid(8, "-0.01"), paid(32, "-0.01")).payments[-1].span is None


def test_the_worse_of_payments_and_forecast_counts() -> None:
    record = record_of(sold(1, "1"), due(1, 8, 8), paid(8, "-0.001"))
    settled = Decimal("0.001") * 3 * 365
    assert paid_annual(record, -1, make_funding(BTC, "-0.0001")) == settled
    assert paid_annual(record, -1, make_funding(BTC, "-0.002")) == settled * 2
    assert paid_annual(record, -1, None) == settled
    assert paid_annual(None, -1, None) is None
    # What was paid on the other side says nothing of this one.
    assert paid_annual(record, 1, None) is None


def test_only_payments_of_the_present_position_are_its_cost() -> None:
    books = books_of(sold(1, "1"), due(1, 8, 8), paid(8, "-0.01"), bought(9, "1"))
    assert settled_annual(books.funding[LEG], -1) is None
    for fact in (bought(10, "2"), due(10, 16, 8), paid(16, "-0.01", "100000")):
        apply(books, fact)
    record = books.funding[LEG]
    assert record.since_open.paid_quote == -1000
    assert record.earned_quote == 1000
    # A payment of the position before that is booked late is not the new one's.
    apply(books, paid(7, "-0.01"))
    assert record.since_open.payments == 1


def test_a_contract_that_nobody_knows_or_that_expires_has_no_line() -> None:
    position = make_position(BTC, 1, 50_000)
    books = books_of(sold(1, "1"))
    dated = make_instrument(expires_at=NOW + 90 * 24 * HOUR)
    for instruments, known in (({}, books), ({LEG: dated}, books), ({LEG: BTC}, Books())):
        assert funding_lines([position], instruments=instruments, quotes={}, rates={}, books=known, now=NOW) == ()


def test_an_adopted_position_is_held_from_its_adoption_on() -> None:
    adopted = PositionAdopted(
        at=at(1),
        venue=BTC.venue,
        symbol=BTC.symbol,
        contracts=dec(2),
        mark_price=dec(50_000),
    )
    record = record_of(adopted, due(1, 8, 8), due(8.5, 16, 8))
    assert record.opened_at == at(1)
    assert gaps(record, 9) == [8]


# --- gaps --------------------------------------------------------------------------------------


def test_a_settlement_without_a_payment_is_named_and_forgotten_when_it_is_found() -> None:
    facts = [sold(1, "1"), due(1, 8, 8), due(8.1, 16, 8), paid(16, "0.0001"), due(16.1, 24, 8)]
    assert gaps(record_of(*facts), 17) == [8]
    assert gaps(record_of(*facts, paid(8, "0.0001", booked=17)), 17) == []


def test_a_payment_has_some_minutes_to_be_listed_and_may_be_stamped_late() -> None:
    facts = [sold(1, "1"), due(1, 8, 8)]
    assert gaps(record_of(*facts), 8.05) == []
    assert gaps(record_of(*facts), 8.1) == [8]
    assert gaps(record_of(*facts, paid(8.03, "0.0001")), 9) == []


@pytest.mark.parametrize(
    ("trades", "expected"),
    [
        ([sold(1, "1")], [8]),
        ([sold(8.2, "1")], []),
        ([sold(1, "1"), bought(7, "1")], []),
        # Within a minute of the settlement nobody knows.
        ([sold(8.01, "1")], []),
        ([sold(1, "1"), bought(7.99, "1")], []),
        ([sold(1, "1"), bought(7.99, "2")], []),
        ([sold(1, "1"), bought(7.99, "0.4")], [8]),
    ],
)
def test_what_was_held_at_the_settlement_decides(trades: list[TradeFilled], expected: list[float]) -> None:
    early = [one for one in trades if one.at < at(8)]
    late = [one for one in trades if one not in early]
    assert gaps(record_of(*early, due(7.5, 8, 8), *late), 9) == expected


def test_settlements_nobody_asked_about_are_named_by_the_longer_interval() -> None:
    # Asked at 1 o'clock: every four hours. Asked again at 29 o'clock: every two, the next at 30.
    record = record_of(sold(1, "1"), due(1, 4, 4), due(29, 30, 2))
    assert gaps(record, 29) == [4, 8, 12, 16, 20, 24, 28]
    assert gaps(record_of(sold(1, "1"), due(1, 4, 4), paid(4, "0"), paid(12, "0"), due(29, 30, 2)), 29) == [
        8,
        16,
        20,
        24,
        28,
    ]


def test_what_the_venue_takes_back_is_not_expected() -> None:
    # First it announces 6 o'clock, then every eight hours: nothing is settled at six.
    assert gaps(record_of(sold(1, "1"), due(1, 6, 2), due(5, 8, 8)), 9) == [8]
    # And the other way round.
    assert gaps(record_of(sold(1, "1"), due(1, 8, 8), due(3, 4, 4), due(4.1, 8, 4)), 9) == [4, 8]


def test_an_interval_that_has_just_changed_began_with_the_settlement_before() -> None:
    # As recorded in November 2022: four-hourly until midnight, and at 04:00 the interval is called two hours.
    record = record_of(
        sold(1, "1"), due(1, 20, 4), paid(20, "-0.02"), due(20.1, 24, 4), paid(24, "-0.02"), due(24.1, 28, 2)
    )
    assert record.settlements[-1].span == 4 * HOUR


def test_old_gaps_and_old_changes_are_forgotten() -> None:
    books = books_of(sold(1, "1"), due(1, 8, 8))
    for day in range(1, 40):
        apply(books, due(24 * day, 24 * day + 8, 8))
        apply(books, sold(24 * day + 1, "0.1"))
    record = books.funding[LEG]
    hours = gaps(record, 24 * 39 + 1)
    assert hours[0] > 24 * 8
    assert len(hours) <= 30 * 3
    assert len(record.changes) <= 32


def test_settlements_at_which_nothing_was_held_are_forgotten_within_days() -> None:
    books = books_of(sold(1, "1"), due(1, 8, 8), paid(8, "0"), bought(9, "1"))
    for day in range(1, 10):
        apply(books, due(24 * day, 24 * day + 8, 8))
    assert len(books.funding[LEG].settlements) <= 8
    assert gaps(books.funding[LEG], 24 * 10) == []


# --- properties --------------------------------------------------------------------------------

_RATES = st.decimals(min_value=-1, max_value=1, places=4).map(lambda rate: rate / 50)


@given(rates=st.lists(_RATES, min_size=1, max_size=40), order=st.randoms(use_true_random=False))
def test_the_order_in_which_payments_are_booked_does_not_matter(rates: list[Decimal], order: Random) -> None:
    start = [sold(0.5, "1"), *(due(0.6 + 8 * one, 8 + 8 * one, 8) for one in range(len(rates)))]
    payments = [paid(8 + 8 * one, str(rate)) for one, rate in enumerate(rates)]
    shuffled = list(payments)
    order.shuffle(shuffled)
    straight, mixed = record_of(*start, *payments), record_of(*start, *shuffled)
    assert straight.since_open.paid_quote == mixed.since_open.paid_quote == sum(r * -50_000 for r in rates)
    assert straight.earned_quote == mixed.earned_quote
    assert [one.settled_at for one in straight.payments] == [one.settled_at for one in mixed.payments]
    assert gaps(straight, 8 * len(rates) + 1) == gaps(mixed, 8 * len(rates) + 1) == []


@given(hours=st.lists(st.integers(1, 400), min_size=1, max_size=60, unique=True).map(sorted))
def test_the_record_of_a_leg_is_bounded(hours: list[int]) -> None:
    books = books_of(sold(0.5, "1"))
    for hour in hours:
        apply(books, due(hour - 0.5, hour, 1))
        apply(books, paid(hour, "0.0001"))
    record = books.funding[LEG]
    newest = record.payments[-1].settled_at
    assert all(newest - one.settled_at < timedelta(days=8) for one in record.payments)
    assert record.since_open.payments == len(hours)
