"""Which contract holds a hedge, and when it is worth another."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.exposure import measure_exposure
from bot.decisions.instrument_choice import choose_instruments
from bot.domain.books import Books
from bot.domain.events import CarryNoted, RollMoved
from bot.domain.instruments import ContractKind, Tenor
from bot.domain.policy import ChoicePolicy, TradingState
from bot.domain.rolls import RollCause, RollStage
from tests.builders import (
    NOW,
    VENUE,
    dec,
    make_account,
    make_balance,
    make_funding,
    make_instrument,
    make_policy,
    make_position,
    make_snapshot,
)
from tests.decisions.rolling import FAR, LATER, PERPETUAL, expiring_in, make_roll, quote_of

BOTH = (Tenor.PERPETUAL, Tenor.DATED)
INVERSE = make_instrument("BTC", inverse=True)
#: A year's basis of 8 % for 91 days.
FAR_MARK = 50_000 * (1 + dec("0.08") * 91 / 365)


def choose(
    *,
    held=None,
    contracts=-1,
    funding="0",
    far_mark=FAR_MARK,
    listed=None,
    books=None,
    unknown=False,
    coins="2",
    perpetual_bps="2",
    **policy,
):
    """Choose with one bitcoin too many, or with a position held."""
    market = listed or [(PERPETUAL, quote_of(PERPETUAL, 50_000, perpetual_bps)), (FAR, quote_of(FAR, far_mark))]
    ether = make_position(make_instrument("ETH"), 1, 2_500)
    positions = [ether] if held is None else [ether, make_position(held, contracts, 50_000)]
    snapshot = make_snapshot(
        make_account([make_balance("BTC", coins), make_balance("ETH", 10)], positions),
        [*market, (make_instrument("ETH"), quote_of(make_instrument("ETH"), 2_500, index_price=dec(2_500)))],
        funding=[] if unknown else [make_funding(PERPETUAL, funding), make_funding(INVERSE, funding)],
        books=books or Books(),
    )
    owner = make_policy({"BTC": "0.5", "ETH": "0.5"}, **{"tenors": BOTH, **policy})
    return choose_instruments(snapshot, owner, measure_exposure(snapshot, owner), NOW)


def test_with_one_contract_there_is_nothing_to_compare():
    choice = choose(tenors=(Tenor.PERPETUAL,))

    assert choice.chosen["BTC"] is PERPETUAL
    assert (choice.costs, choice.facts) == ((), ())
    assert choose(tenors=(Tenor.DATED,)).chosen == {"BTC": FAR}


@pytest.mark.parametrize(
    ("funding", "coins", "chosen"),
    [
        # Shorts receive 8 % in the dated contract: more than the perpetual's 5.5 %, less than its 11 %.
        ("0.00005", "2", FAR),
        ("0.0001", "2", PERPETUAL),
        # Longs pay.
        ("0.00005", "0.1", PERPETUAL),
        ("0.0001", "0.1", FAR),
    ],
)
def test_the_cheapest_on_the_side_that_is_needed_opens_the_hedge(funding, coins, chosen):
    choice = choose(funding=funding, coins=coins)

    assert choice.chosen["BTC"] is chosen
    assert {one.instrument.symbol: one.is_chosen for one in choice.costs} == {
        PERPETUAL.symbol: chosen is PERPETUAL,
        FAR.symbol: chosen is FAR,
    }


def test_the_table_names_each_cost():
    perpetual, dated = choose(funding="0.0001", held=PERPETUAL).costs

    assert perpetual.carry_annual == dec("-0.1095")
    assert (perpetual.upkeep_annual, perpetual.is_held, perpetual.is_chosen) == (0, True, True)
    assert dated.carry_annual == pytest.approx(dec("-0.08"))
    # Fee and half spread, four times a year.
    assert dated.entry_frac == pytest.approx(dec("0.0006"))
    assert dated.upkeep_annual == 4 * dated.entry_frac
    assert dated.total_annual == dated.carry_annual + dated.upkeep_annual


def test_what_is_alike_is_decided_by_the_owners_order():
    listed = [(one, quote_of(one, 50_000 * (1 + dec("0.001") * days / 365))) for one, days in ((LATER, 182), (FAR, 91))]

    assert choose(listed=listed, tenors=(Tenor.DATED,)).chosen["BTC"] is FAR
    kinds = (ContractKind.INVERSE, ContractKind.LINEAR)
    perpetuals = [
        (PERPETUAL, quote_of(PERPETUAL, 50_000)),
        (INVERSE, quote_of(INVERSE, 50_000, bid_contracts=dec(10**6))),
    ]
    assert choose(listed=perpetuals, contract_kinds=kinds).chosen["BTC"] is INVERSE
    assert choose(listed=perpetuals, contract_kinds=kinds[::-1]).chosen["BTC"] is PERPETUAL


def test_what_is_not_known_is_not_taken_for_free():
    choice = choose(unknown=True)

    assert choice.chosen["BTC"] is FAR
    assert choice.costs[0].carry_annual is None
    # Also where what is known is dear.
    assert choose(unknown=True, far_mark=50_000 * (1 - dec("0.08") * 91 / 365)).chosen["BTC"] is FAR
    # What is held is not left for it.
    assert choose(unknown=True, held=PERPETUAL).chosen["BTC"] is PERPETUAL
    only = [(PERPETUAL, quote_of(PERPETUAL, 50_000)), (INVERSE, quote_of(INVERSE, 50_000))]
    kinds = (ContractKind.LINEAR, ContractKind.INVERSE)
    assert choose(listed=only, unknown=True, contract_kinds=kinds).chosen["BTC"] is PERPETUAL


def test_a_contract_that_is_about_to_end_or_thin_opens_nothing():
    soon = expiring_in(20)
    thin = quote_of(FAR, FAR_MARK, bid_contracts=dec(1))

    assert choose(listed=[(soon, quote_of(soon, 50_000))], tenors=(Tenor.DATED,)).chosen == {}
    listed = [(FAR, thin), (LATER, quote_of(LATER, 52_000))]
    assert choose(listed=listed, tenors=(Tenor.DATED,)).chosen["BTC"] is LATER


# --- switching ---------------------------------------------------------------------------------


def test_a_position_moves_when_that_pays_for_the_switch_twice():
    """Over 30 days 2 × 12 basis points are to be saved: 2.92 % a year."""
    cheaper = choose(held=PERPETUAL, funding="-0.0001")
    assert cheaper.chosen["BTC"] is FAR
    (moved,) = [fact for fact in cheaper.facts if isinstance(fact, RollMoved)]
    assert (moved.near, moved.far, moved.cause, moved.stage) == (
        PERPETUAL.symbol,
        FAR.symbol,
        RollCause.COST,
        RollStage.SPREAD,
    )
    assert "saves 18.7% a year" in moved.why

    a_little = choose(held=PERPETUAL, funding="0.00005")
    assert a_little.chosen["BTC"] is PERPETUAL
    assert not [fact for fact in a_little.facts if isinstance(fact, RollMoved)]


@given(funding=st.decimals("-0.0005", "0.0005", places=6), mark=st.decimals(49_000, 52_000, places=0))
def test_what_has_just_moved_does_not_move_back(funding, mark):
    """For any prices: at the same prices nothing that is held is left twice."""
    first = choose(held=PERPETUAL, funding=str(funding), far_mark=mark)
    second = choose(held=first.chosen["BTC"], funding=str(funding), far_mark=mark)

    assert second.chosen["BTC"] is first.chosen["BTC"]
    assert not [fact for fact in second.facts if isinstance(fact, RollMoved)]


def test_costs_are_smoothed_over_days():
    before = Books(carries={(VENUE, PERPETUAL.symbol): (NOW - timedelta(days=3), dec("0.3"))})

    choice = choose(funding="-0.0001", books=before, choice=ChoicePolicy())

    (noted,) = [one for one in choice.facts if isinstance(one, CarryNoted) and one.symbol == PERPETUAL.symbol]
    assert noted.annual == pytest.approx((dec("0.3") - dec("0.1095")) / 2)


def test_nothing_moves_while_halted_or_on_its_way_or_where_it_cannot():
    halted = choose(held=PERPETUAL, funding="-0.0001", books=Books(trading_state=TradingState.HALTED))
    assert not [fact for fact in halted.facts if isinstance(fact, RollMoved)]

    moving = make_roll(near=PERPETUAL.symbol, far=FAR.symbol)
    on_its_way = choose(held=PERPETUAL, funding="0.01", books=Books(rolls={(VENUE, PERPETUAL.symbol): moving}))
    assert on_its_way.chosen["BTC"] is FAR
    assert on_its_way.facts == ()
    taken = choose(
        books=Books(rolls={(VENUE, PERPETUAL.symbol): moving}), foreign_symbols=frozenset({FAR.symbol}), held=PERPETUAL
    )
    assert taken.chosen["BTC"] is PERPETUAL, "where it goes to is the owner's by now"
    nowhere = replace(moving, far=None)
    assert choose(books=Books(rolls={(VENUE, PERPETUAL.symbol): nowhere})).chosen["BTC"] is not None
    undecided = Books(rolls={(VENUE, PERPETUAL.symbol): nowhere})
    waiting = choose(held=PERPETUAL, funding="-0.0001", books=undecided)
    assert not [fact for fact in waiting.facts if isinstance(fact, RollMoved)]

    reserved = choose(held=PERPETUAL, funding="-0.0001", foreign_symbols=frozenset({PERPETUAL.symbol}))
    assert reserved.facts == ()
    other_kind = choose(
        held=INVERSE,
        listed=[(INVERSE, quote_of(INVERSE, 50_000)), (FAR, quote_of(FAR, FAR_MARK)), (LATER, quote_of(LATER, 52_100))],
        funding="-0.001",
        contract_kinds=(ContractKind.LINEAR, ContractKind.INVERSE),
    )
    assert other_kind.chosen["BTC"] is not INVERSE
    assert not [fact for fact in other_kind.facts if isinstance(fact, RollMoved)]


def test_a_position_in_what_is_no_candidate_any_more_is_not_compared_but_moves():
    """Held in a perpetual that the owner no longer allows, with two dated ones to choose from."""
    listed = [(PERPETUAL, quote_of(PERPETUAL, 50_000)), (FAR, quote_of(FAR, 51_000)), (LATER, quote_of(LATER, 52_000))]

    choice = choose(held=PERPETUAL, listed=listed, tenors=(Tenor.DATED,))

    (moved,) = [fact for fact in choice.facts if isinstance(fact, RollMoved)]
    assert moved.near == PERPETUAL.symbol
    assert "saves" not in moved.why
