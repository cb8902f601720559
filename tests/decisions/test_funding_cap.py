"""When is a leg made smaller for its funding, by how much, and when may it come back?"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.funding_cap import (
    CAUSE,
    is_step_due,
    judge_settlements,
    reduce_to_ceiling,
    release_ceiling,
    step_down,
)
from bot.domain.books import Books, Ceiling
from bot.domain.events import CeilingReleased, CeilingSet, FundingJudged
from bot.domain.folding import apply
from bot.domain.funding import LegFunding
from bot.domain.instruments import Instrument
from bot.domain.orders import Side
from bot.domain.plan import HedgeLeg
from bot.domain.policy import FundingPolicy
from tests.builders import NOW, dec, make_funding, make_instrument, make_policy, make_position, make_quote
from tests.decisions.test_funding import BTC, LEG, at, books_of, bought, due, gaps, paid, sold

POLICY = make_policy({"BTC": "0.5"}, funding=FundingPolicy(reduce_annual=dec("0.6")))
#: What a short pays per eight hours: 109 % a year, 44 %, 11 %, and nothing.
HIGH, MIDDLE, LOW = "-0.001", "-0.0004", "-0.0001"


def history(rates: Iterable[str | None], contracts: str = "1") -> Books:
    """A short and its settlements every eight hours; None is a payment that nobody lists."""
    books = books_of(sold(1, contracts))
    for place, rate in enumerate(rates):
        hour = 8 * (place + 1)
        apply(books, due(hour - 7, hour, 8, rate or "0"))
        if rate is not None:
            apply(books, paid(hour, rate))
    return books


def judged(books: Books, hours: float, *, forecast: str | None = None, is_capped: bool = False) -> list[FundingJudged]:
    rate = None if forecast is None else make_funding(BTC, forecast)
    facts = judge_settlements(LEG, books.funding[LEG], rate, POLICY, is_capped=is_capped, now=at(hours))
    for fact in facts:
        apply(books, fact)
    return list(facts)


def levels(books: Books, hours: float, **more: object) -> list[str]:
    return [fact.level for fact in judged(books, hours, **more)]  # type: ignore[arg-type]


# --- counting ----------------------------------------------------------------------------------


def test_three_settlements_above_the_cap_are_counted_once_each() -> None:
    books = history([HIGH, HIGH, HIGH])
    first = judged(books, 9)
    assert [(fact.level, fact.basis, fact.side) for fact in first] == [("above", "settled", -1)]
    assert first[0].paid_annual == Decimal("0.001") * 3 * 365
    assert levels(books, 25) == ["above", "above"]
    assert levels(books, 25) == []
    assert books.funding[LEG].above == 3
    assert is_step_due(books.funding[LEG], POLICY)


def test_a_settlement_that_cost_little_ends_the_row_whatever_the_mean_is() -> None:
    books = history(["-0.01", LOW, LOW])
    assert levels(books, 25) == ["above", "below"]
    assert books.funding[LEG].above == 0


def test_a_payment_whose_rate_was_never_told_counts_for_nothing_and_a_rate_of_zero_for_little() -> None:
    books = history([HIGH, HIGH])
    assert levels(books, 17) == ["above", "above"]
    apply(books, due(17, 24, 8, HIGH))
    apply(books, replace(paid(24, "0", "0"), amount=dec(-50)))
    assert levels(books, 25) == []
    assert books.funding[LEG].above == 2
    assert gaps(books.funding[LEG], 25) == [], "it is booked"
    assert books.ledgers[LEG].funding == -150
    apply(books, due(25, 32, 8))
    apply(books, paid(32, "0", "0"))
    assert levels(books, 33) == ["below"]


def test_a_settlement_between_interrupts_both_counts() -> None:
    books = history([HIGH, "-0.0003", "-0.0003"])
    # The mean of the second is still above; at the third it is not any more.
    assert levels(books, 25) == ["above", "above", "between"]
    assert (books.funding[LEG].above, books.funding[LEG].below) == (0, 0)


def test_a_forecast_above_the_cap_counts_for_the_newest_settlement_alone() -> None:
    assert levels(history([MIDDLE, MIDDLE]), 17, forecast=HIGH) == ["above"]
    assert levels(history([MIDDLE, MIDDLE]), 17) == []


def test_what_is_not_known_counts_for_nothing() -> None:
    books = history([HIGH, None, HIGH])
    assert [fact.due_at for fact in judged(books, 25)] == [at(8), at(24)]
    # A payment of unknown time neither.
    assert levels(books_of(sold(1, "1"), paid(8, HIGH), due(8.5, 16, 8)), 9) == []


def test_cheap_settlements_without_a_ceiling_are_not_worth_a_fact() -> None:
    assert levels(history([LOW, LOW, "0.001"]), 25) == []


def test_settlements_of_days_ago_are_not_counted() -> None:
    assert levels(history([HIGH]), 8 + 25) == []


def test_under_a_ceiling_a_flat_contract_counts_by_the_forecast_for_the_side_it_had() -> None:
    books = history([HIGH])
    judged(books, 9)
    apply(books, bought(10, "1"))
    apply(books, due(10, 16, 8, LOW))
    assert levels(books, 17) == []
    fact = judged(books, 17, is_capped=True)[0]
    assert (fact.level, fact.basis, fact.side) == ("below", "estimated", -1)
    apply(books, due(17, 24, 8, HIGH))
    assert levels(books, 25, is_capped=True) == ["above"]
    # Nobody has asked for the next but one, so its rate is not known.
    apply(books, due(41, 48, 8, LOW))
    assert levels(books, 41, is_capped=True) == []


def test_a_contract_that_has_never_counted_is_not_estimated() -> None:
    books = books_of(sold(1, "1"), bought(2, "1"), due(2, 8, 8, HIGH))
    assert levels(books, 9, is_capped=True) == []


# --- stepping down -----------------------------------------------------------------------------


def counted(contracts: str, rounds: int = 3, instrument: Instrument = BTC) -> LegFunding:
    side = -1 if contracts.startswith("-") else 1
    return LegFunding(contracts=dec(contracts), above=rounds, judged_side=side, judged_until=NOW)


def stepped(contracts: str, rounds: int = 3, instrument: Instrument = BTC) -> CeilingSet | None:
    position = make_position(instrument, contracts, 50_000)
    leg = (instrument.venue, instrument.symbol)
    return step_down(
        position,
        counted(contracts, rounds),
        positions=[position],
        instruments={leg: instrument},
        quotes={leg: make_quote(instrument, 50_000)},
        policy=POLICY,
        now=NOW,
    )


def reduced(contracts: str, ceiling: str, instrument: Instrument = BTC, mark: int = 50_000) -> HedgeLeg | None:
    position = make_position(instrument, contracts, 50_000)
    leg = (instrument.venue, instrument.symbol)
    return reduce_to_ceiling(
        position,
        Ceiling(
            asset=instrument.asset, cause=CAUSE, max_delta_base=dec(ceiling), set_at=NOW, release_at=None, why="dear"
        ),
        positions=[position],
        instruments={leg: instrument},
        quotes={leg: make_quote(instrument, mark)},
        policy=POLICY,
    )


@pytest.mark.parametrize(("rounds", "is_due"), [(0, False), (1, False), (2, False), (3, True), (4, False), (6, True)])
def test_every_third_settlement_in_a_row_halves_the_leg(rounds: int, is_due: bool) -> None:
    ceiling = stepped("-1", rounds)
    assert (ceiling is not None) is is_due
    if ceiling is not None:
        assert ceiling.max_delta_base == Decimal("0.5")
        assert (ceiling.cause, ceiling.release_at) == ("funding", None)
        assert ceiling.dedup_key == f"ceiling/BTC/funding/paper/{BTC.symbol}/{NOW.isoformat()}"


def test_a_leg_that_half_an_order_cannot_halve_stays() -> None:
    assert stepped("-0.0001") is None
    # Ten dollars' worth: half of it is the smallest order.
    assert stepped("0.0002") is not None


def test_what_is_over_the_ceiling_is_taken_off_and_no_more() -> None:
    leg = reduced("-1", "0.5")
    assert leg is not None
    assert (leg.side, leg.contracts, leg.reduce_only) == (Side.BUY, Decimal("0.5"), True)
    assert reduced("-0.5", "0.5") is None
    assert reduced("-0.54", "0.5") is None
    assert reduced("0.3", "0.5") is None
    # What is over is less than an order can be.
    assert reduced("0.0002", "0.00015") is None


def test_an_inverse_leg_is_halved_to_the_contract_and_left_alone_when_its_mark_moves() -> None:
    inverse = make_instrument(inverse=True)
    ceiling = stepped("-70", instrument=inverse)
    assert ceiling is not None
    leg = reduced("-70", str(ceiling.max_delta_base), inverse)
    assert leg is not None
    assert leg.contracts == 35
    assert reduced("-35", str(ceiling.max_delta_base), inverse, mark=46_000) is None


def test_all_legs_of_a_side_count_and_the_other_side_does_not() -> None:
    other = make_instrument(symbol="BTC/USDC:USDC")
    positions = [make_position(BTC, -1, 50_000), make_position(other, "-0.4", 50_000)]
    positions.append(make_position(make_instrument("ETH"), -3, 50_000))
    legs = {(one.venue, one.symbol): one for one in (BTC, other, make_instrument("ETH"))}
    ceiling = step_down(
        positions[0],
        replace(counted("-1"), judged_until=None),
        positions=positions,
        instruments=legs,
        quotes={leg: make_quote(one, 50_000) for leg, one in legs.items()},
        policy=POLICY,
        now=NOW,
    )
    assert ceiling is not None
    assert ceiling.max_delta_base == Decimal("0.9")


@given(
    lots=st.integers(1, 10**6),
    side=st.sampled_from(["", "-"]),
    above=st.integers(1, 9),
)
def test_a_step_never_grows_flips_or_closes_a_leg(lots: int, side: str, above: int) -> None:
    contracts = f"{side}{lots * BTC.lot_size}"
    ceiling = stepped(contracts, above)
    if ceiling is None:
        return
    leg = reduced(contracts, str(ceiling.max_delta_base))
    assert leg is not None
    size = lots * BTC.lot_size
    assert 0 < leg.contracts <= size / 2
    assert size - leg.contracts == ceiling.max_delta_base
    assert reduced(f"{side}{size - leg.contracts}", str(ceiling.max_delta_base)) is None


# --- release -----------------------------------------------------------------------------------


def under_a_ceiling() -> Books:
    books = history([HIGH, HIGH, HIGH])
    judged(books, 25)
    ceiling = stepped("-1")
    assert ceiling is not None
    apply(books, ceiling)
    return books


def released(books: Books) -> CeilingReleased | None:
    return release_ceiling(BTC.asset, books, {LEG: BTC.asset}, POLICY, NOW)


def test_three_settlements_below_half_the_cap_end_the_ceiling() -> None:
    books = under_a_ceiling()
    for place in range(3):
        assert released(books) is None
        hour = 32 + 8 * place
        apply(books, due(hour - 7, hour, 8))
        apply(books, paid(hour, LOW))
        assert levels(books, hour + 1, is_capped=True) == ["below"]
    fact = released(books)
    assert fact is not None
    apply(books, fact)
    assert released(books) is None
    assert not books.ceilings


def test_one_settlement_between_begins_the_wait_anew() -> None:
    books = under_a_ceiling()
    for place, rate in enumerate([LOW, LOW, MIDDLE, LOW, LOW]):
        hour = 32 + 8 * place
        apply(books, due(hour - 7, hour, 8))
        apply(books, paid(hour, rate))
        judged(books, hour + 1, is_capped=True)
    assert books.funding[LEG].below == 2
    assert released(books) is None


def test_a_leg_that_was_closed_and_opened_again_counts_anew() -> None:
    books = history([HIGH, HIGH])
    judged(books, 17)
    apply(books, bought(18, "1"))
    assert books.funding[LEG].above == 0
    moment: datetime = at(18) + timedelta(hours=1)
    assert books.funding[LEG].contracts_at(moment) == 0
