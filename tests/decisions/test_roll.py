"""When a position leaves its contract, where it goes, what looks do meanwhile, and what it cost."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.roll import (
    coming_rolls,
    end_of,
    far_contract,
    fold_needs,
    is_opened_in,
    judge_stage,
    next_stage_at,
    replacement,
    stage_at,
    tenor_between,
)
from bot.domain.books import Books
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import Side
from bot.domain.plan import HedgeLeg, Rule
from bot.domain.policy import RollPolicy
from bot.domain.rolls import RollCause, RollStage
from tests.builders import (
    NOW,
    VENUE,
    dec,
    make_account,
    make_fill,
    make_instrument,
    make_policy,
    make_position,
    make_snapshot,
)
from tests.decisions.rolling import FAR, LATER, NEAR, PERPETUAL, expiring_in, make_roll, quote_of

POLICY = RollPolicy()
OWNER = make_policy({"BTC": "1"})
HOUR = timedelta(hours=1)
EXPIRY = NOW + timedelta(days=3)


@pytest.mark.parametrize(
    ("left", "stage", "coming"),
    [
        ("100", RollStage.HOLD, (RollStage.PASSIVE, "24")),
        ("24", RollStage.PASSIVE, (RollStage.SPREAD, "8")),
        ("8.1", RollStage.PASSIVE, (RollStage.SPREAD, "8")),
        ("8", RollStage.SPREAD, (RollStage.OUTRIGHT, "2")),
        ("2", RollStage.OUTRIGHT, None),
        ("-1", RollStage.OUTRIGHT, None),
    ],
)
def test_the_stage_follows_from_the_time_that_is_left(left, stage, coming):
    now = EXPIRY - HOUR * float(left)

    assert stage_at(EXPIRY, now, POLICY) is stage
    expected = None if coming is None else (coming[0], EXPIRY - HOUR * float(coming[1]))
    assert next_stage_at(EXPIRY, now, POLICY) == expected


@given(first=st.integers(-10, 5000), second=st.integers(-10, 5000))
def test_stages_only_go_forward(first, second):
    order = list(RollStage)
    later, earlier = sorted((first, second))
    stages = [order.index(stage_at(EXPIRY, EXPIRY - timedelta(minutes=left), POLICY)) for left in (earlier, later)]
    assert stages[0] <= stages[1]


def test_nothing_is_opened_in_what_has_to_be_left_at_once():
    assert is_opened_in(PERPETUAL, NOW, POLICY)
    assert is_opened_in(expiring_in(24.1), NOW, POLICY)
    assert not is_opened_in(expiring_in(24), NOW, POLICY)


def test_the_far_contract_is_the_next_expiry_and_else_the_perpetual():
    listed = [LATER, PERPETUAL, NEAR, FAR]

    assert far_contract(NEAR, listed, OWNER, NOW, quotes={}) is FAR
    assert far_contract(NEAR, [NEAR, PERPETUAL], OWNER, NOW, quotes={}) is PERPETUAL
    assert far_contract(NEAR, [NEAR], OWNER, NOW, quotes={}) is None
    reserved = make_policy({"BTC": "1"}, foreign_symbols=frozenset({FAR.symbol}))
    assert far_contract(NEAR, listed, reserved, NOW, quotes={}) is LATER


def test_an_expiry_with_a_thin_book_is_passed_over_unless_it_has_been_taken():
    quotes = {(VENUE, one.symbol): quote_of(one, 50_000) for one in (FAR, LATER, PERPETUAL)}
    deep = quotes[VENUE, LATER.symbol].bid_contracts
    listed = [LATER, PERPETUAL, NEAR, FAR]
    least = OWNER.choice.min_depth_frac

    for share, found in ((dec("0.9"), LATER), (dec(1), FAR)):
        quotes[VENUE, FAR.symbol] = quote_of(FAR, 50_000, ask_contracts=deep * least * share)
        assert far_contract(NEAR, listed, OWNER, NOW, quotes=quotes) is found
    thin = quotes | {(VENUE, FAR.symbol): quote_of(FAR, 50_000, bid_contracts=dec("0.001"))}
    assert far_contract(NEAR, listed, OWNER, NOW, quotes=thin, taken=FAR.symbol) is FAR
    unknown = {leg: quote for leg, quote in quotes.items() if leg[1] != FAR.symbol}
    assert far_contract(NEAR, listed, OWNER, NOW, quotes=unknown) is FAR
    assert far_contract(NEAR, [NEAR, FAR, PERPETUAL], OWNER, NOW, quotes=thin) is FAR


def test_in_the_last_hour_the_perpetual_takes_it():
    listed = [PERPETUAL, FAR]

    assert far_contract(expiring_in(1), listed, OWNER, NOW, quotes={}) is PERPETUAL
    assert far_contract(expiring_in(1), [FAR], OWNER, NOW, quotes={}) is FAR
    assert far_contract(expiring_in(1.1), listed, OWNER, NOW, quotes={}) is FAR


@pytest.mark.parametrize(
    "other",
    [
        replace(FAR, asset=Asset("ETH")),
        make_instrument("BTC", inverse=True, expires_at=FAR.expires_at),
        expiring_in(20, symbol=Symbol("BTC/USDT:USDT-SOON")),
    ],
    ids=["asset", "kind", "expiry"],
)
def test_what_is_not_alike_takes_nothing(other):
    assert far_contract(NEAR, [other], OWNER, NOW, quotes={}) is None


def test_a_stage_is_told_once_and_never_taken_back():
    assert judge_stage(PERPETUAL, None, FAR, NOW, POLICY) is None
    assert judge_stage(expiring_in(30), None, FAR, NOW, POLICY) is None

    begun = judge_stage(expiring_in(20), None, FAR, NOW, POLICY)
    assert (begun.stage, begun.far, begun.far_size, begun.cause) == (RollStage.PASSIVE, FAR.symbol, 1, RollCause.EXPIRY)
    nowhere = judge_stage(expiring_in(20), None, None, NOW, POLICY)
    assert (nowhere.far, nowhere.far_size) == (None, 0)

    assert judge_stage(expiring_in(20), make_roll(RollStage.PASSIVE), FAR, NOW, POLICY) is None
    assert judge_stage(expiring_in(20), make_roll(RollStage.SPREAD), FAR, NOW, POLICY) is None
    pressing = judge_stage(expiring_in(1), make_roll(RollStage.SPREAD), LATER, NOW, POLICY)
    assert (pressing.stage, pressing.far) == (RollStage.OUTRIGHT, FAR.symbol)


def test_another_far_contract_takes_over_what_is_still_to_do():
    roll = make_roll(opened=dec("0.2"), closed=dec("0.5"), opened_value=dec(10_200), closed_value=dec(25_000))

    assert replacement(roll, NEAR, FAR, NOW) is None
    assert replacement(roll, NEAR, None, NOW) is None
    ended, begun = replacement(roll, NEAR, PERPETUAL, NOW)

    assert (ended.opened, ended.closed) == (dec("0.2"), dec("0.5"))
    assert (begun.far, begun.carried, begun.stage) == (PERPETUAL.symbol, dec("0.3"), RollStage.SPREAD)
    assert "could not take it" in begun.why
    _, found = replacement(make_roll(far=None), NEAR, FAR, NOW)
    assert "listed now" in found.why


# --- looks meanwhile ---------------------------------------------------------------------------


def leg_in(instrument, side, contracts, *, reduces=False):
    amount = dec(contracts)
    return HedgeLeg(
        instrument=instrument,
        side=side,
        contracts=amount,
        amount_base=amount,
        notional_quote=amount * 50_000,
        reduce_only=reduces,
        expected_cost_bps=dec(5),
        limit_price=dec(50_000),
        index_price=dec(50_000),
        reason="",
    )


@given(
    opened=st.decimals(-2, 2, places=3),
    closed=st.decimals(-2, 2, places=3),
    near=st.decimals(-2, 2, places=3),
    far=st.decimals(-2, 2, places=3),
    need=st.decimals("0.001", 2, places=3),
    side=st.sampled_from(Side),
)
def test_what_is_folded_in_ends_with_both_legs_holding_what_the_look_wanted(opened, closed, near, far, need, side):
    """Once near is flat and nothing is missing, far holds near + far + need of the look."""
    books = Books(rolls={(VENUE, NEAR.symbol): make_roll(opened=opened, closed=closed)})

    kept, (folded,), (told,) = fold_needs((leg_in(FAR, side, need),), books, NOW)

    roll = books.rolls[VENUE, NEAR.symbol].with_folded(folded.folded, NOW)
    still_to_open = roll.missing + near
    assert kept == ()
    assert far + still_to_open == near + far + need * side.sign
    assert told.rule is Rule.ROLLING
    assert "folded" in told.reason


def test_only_assets_that_move_are_locked():
    legs = (leg_in(FAR, Side.BUY, "1"), leg_in(make_instrument("ETH"), Side.BUY, "1"))
    moving = Books(rolls={(VENUE, NEAR.symbol): make_roll()})
    waiting = Books(rolls={(VENUE, NEAR.symbol): make_roll(RollStage.PASSIVE)})

    assert fold_needs(legs, waiting, NOW) == (legs, (), ())
    assert fold_needs(legs[1:], moving, NOW) == (legs[1:], (), ())
    kept, _, _ = fold_needs(legs, moving, NOW)
    assert kept == legs[1:]


def test_a_need_in_a_third_contract_waits():
    books = Books(rolls={(VENUE, NEAR.symbol): make_roll()})

    kept, folded, (told,) = fold_needs((leg_in(PERPETUAL, Side.BUY, "1"),), books, NOW)

    assert (kept, folded) == ((), ())
    assert "folded" not in told.reason


def test_a_need_of_an_asset_that_does_not_add_up_waits():
    """Taking out of near what may not be there any more would become an opening in the far leg."""
    near = (VENUE, NEAR.symbol)
    books = Books(rolls={near: make_roll()}, locks={near: (NOW, "the venue holds 1, our trades add up to 0")})

    kept, folded, (told,) = fold_needs((leg_in(NEAR, Side.SELL, "1", reduces=True),), books, NOW)

    assert (kept, folded) == ((), ())
    assert "does not add up" in told.reason


# --- what is coming ----------------------------------------------------------------------------


def snapshot_of(*positions, listed=((NEAR, 50_100), (FAR, 51_000), (PERPETUAL, 50_000)), books=None):
    account = make_account(positions=positions)
    market = [(one, quote_of(one, mark)) for one, mark in listed]
    return make_snapshot(account, market, books=books or Books())


def test_the_plan_tells_when_a_position_leaves_and_what_that_costs():
    (line,) = coming_rolls(snapshot_of(make_position(NEAR, 2, 50_000), make_position(PERPETUAL, 1, 1)), OWNER, NOW)

    premium = dec(51_000) / dec(50_100) - 1
    assert (line.near, line.far, line.contracts, line.stage) == (NEAR.symbol, FAR.symbol, 2, RollStage.HOLD)
    assert (line.next_stage, line.next_stage_at) == (RollStage.OUTRIGHT, NEAR.expires_at - POLICY.outright_before)
    # The premium, half a taker fee and half a half-spread for each of two legs.
    assert line.expected_cost_bps == pytest.approx(premium * 10_000 + 6, abs=dec("0.0001"))
    assert line.expected_cost_quote == pytest.approx(line.expected_cost_bps / 10_000 * 100_200)
    assert line.yield_annual == pytest.approx(-premium * 365 / dec("90.75"))


def test_a_short_earns_the_premium():
    (line,) = coming_rolls(snapshot_of(make_position(NEAR, -2, 50_000)), OWNER, NOW)

    assert line.expected_cost_bps < 0
    assert line.yield_annual > 0


def test_what_is_not_known_is_not_told():
    position = make_position(NEAR, 2, 50_000)

    (nowhere,) = coming_rolls(snapshot_of(position, listed=[(NEAR, 50_000)]), OWNER, NOW)
    assert (nowhere.far, nowhere.expected_cost_quote) == (None, None)
    (perpetual,) = coming_rolls(snapshot_of(position, listed=[(NEAR, 50_000), (PERPETUAL, 50_000)]), OWNER, NOW)
    assert perpetual.expected_cost_bps == pytest.approx(dec(6))
    assert perpetual.yield_annual is None
    assert coming_rolls(snapshot_of(position, listed=[(FAR, 50_000)]), OWNER, NOW) == ()
    reserved = make_policy({"BTC": "1"}, foreign_symbols=frozenset({NEAR.symbol}))
    assert coming_rolls(snapshot_of(position), reserved, NOW) == ()


def test_into_a_perpetual_a_premium_that_will_have_decayed_by_then_costs_nothing():
    """A quarter to go and 1.25 % of premium: eight hours before the end hardly anything of it is left."""
    early = replace(NEAR, expires_at=NOW + timedelta(days=90))
    position = make_position(early, -2, 50_000)

    (line,) = coming_rolls(snapshot_of(position, listed=[(early, 50_625), (PERPETUAL, 50_000)]), OWNER, NOW)

    left = dec(625) * (OWNER.roll.spread_before // timedelta(seconds=1)) / (90 * 86_400)
    assert line.expected_cost_bps == pytest.approx((1 - 50_000 / (50_000 + left)) * 10_000 + 6, abs=dec("0.001"))
    (late,) = coming_rolls(
        snapshot_of(make_position(NEAR, -2, 50_000), listed=[(NEAR, 50_050), (PERPETUAL, 50_000)]), OWNER, NOW
    )
    assert late.expected_cost_bps == pytest.approx((1 - dec(50_000) / 50_050) * 10_000 + 6, abs=dec("0.001"))
    over = NOW + timedelta(days=91)
    ended = snapshot_of(position, listed=[(early, 50_625), (PERPETUAL, 50_000)])
    assert coming_rolls(ended, OWNER, over)[0].expected_cost_bps > 100


def test_a_roll_under_way_is_told_with_its_own_contract():
    moving = make_roll(near=PERPETUAL.symbol, far=FAR.symbol, cause=RollCause.COST)
    books = Books(rolls={(VENUE, PERPETUAL.symbol): moving})

    (line,) = coming_rolls(snapshot_of(make_position(PERPETUAL, 2, 50_000), books=books), OWNER, NOW)

    assert (line.cause, line.stage, line.far) == (RollCause.COST, RollStage.SPREAD, FAR.symbol)
    assert (line.expires_at, line.next_stage) == (None, None)
    nowhere = Books(rolls={(VENUE, NEAR.symbol): make_roll(far=None)})
    (found,) = coming_rolls(snapshot_of(make_position(NEAR, 2, 50_000), books=nowhere), OWNER, NOW)
    assert found.far == FAR.symbol


# --- what it cost ------------------------------------------------------------------------------


def test_a_roll_costs_the_difference_and_the_fees_over_what_both_legs_have_in_common():
    roll = make_roll(
        closed=dec(2), closed_value=dec(100_000), opened=dec("1.5"), opened_value=dec(76_500), fees=dec(30)
    )

    tenor = tenor_between(NEAR, FAR)
    ended = end_of(roll, NOW, "done", is_linear=True, tenor=tenor)

    assert (ended.difference_quote, ended.fees_quote) == (1_500, 30)
    assert ended.cost_bps == pytest.approx(dec(204))
    assert ended.yield_annual == pytest.approx(-dec("0.02") * 365 / dec("90.75"))
    turned = replace(
        roll, closed=-roll.closed, closed_value=-roll.closed_value, opened=-roll.opened, opened_value=-roll.opened_value
    )
    short = end_of(turned, NOW, "done", is_linear=True, tenor=tenor)
    assert short.difference_quote == -1_500
    assert short.yield_annual > 0


def test_a_coin_settled_roll_is_told_in_dollars():
    # 200 contracts of 100 dollars each, at 50,000 and 51,000; amounts are dollars, their value dollars × price.
    roll = make_roll(
        closed=dec(20_000),
        closed_value=dec(20_000) * 50_000,
        opened=dec(20_000),
        opened_value=dec(20_000) * 51_000,
        fees=dec("0.0002"),
    )

    ended = end_of(roll, NOW, "done", is_linear=False)

    assert ended.difference_quote == 400
    assert ended.fees_quote == Decimal("10.2")
    assert ended.cost_bps == pytest.approx(dec("205.1"))


def test_what_was_not_passed_on_cost_nothing():
    ended = end_of(make_roll(), NOW, "gone", is_linear=True, is_missed=True)

    assert (ended.difference_quote, ended.cost_bps, ended.yield_annual, ended.is_missed) == (0, None, None, True)
    whole = make_roll(closed=dec(1), closed_value=dec(1), opened=dec(1), opened_value=dec(1))
    assert tenor_between(NEAR, PERPETUAL) is None
    assert end_of(whole, NOW, "", is_linear=True).yield_annual is None


def test_what_was_traded_there_and_back_counts_as_what_it_has_cost():
    """A venue that executed an order twice: 2 opened at 51,000, of which 1 was closed again at 50,900."""
    roll = make_roll()
    for side, near_side, price in ((Side.SELL, None, 51_000), (Side.SELL, Side.BUY, 51_000), (Side.BUY, None, 50_900)):
        roll = roll.with_opened(make_fill(FAR, side=side, contracts=dec(1), price=dec(price), fee_paid=dec(0)))
        if near_side is not None:
            roll = roll.with_closed(
                make_fill(NEAR, side=near_side, contracts=dec(1), price=dec(50_000), fee_paid=dec(0))
            )

    ended = end_of(roll, NOW, "done", is_linear=True)

    assert (roll.closed, roll.opened) == (-1, -1)
    assert ended.difference_quote == -1_100, "received 2 × 51,000 − 50,900 for it"
