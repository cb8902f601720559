"""What the next step of a roll is, and that steps lead there without doubling or losing anything."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.roll_steps import RollStepKind, next_roll_step
from bot.domain.books import Books, Ceiling
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderState, Purpose, Side
from bot.domain.policy import MarginRung, TradingState
from bot.domain.rolls import RollCause, RollStage
from tests.builders import NOW, VENUE, dec, make_instrument, make_margin, make_order
from tests.decisions.rolling import (
    FAR,
    NEAR,
    PERPETUAL,
    expiring_in,
    make_roll,
    make_spread,
    quote_of,
    view_of,
)

OUTRIGHT = make_roll(RollStage.OUTRIGHT)
HALTED = Books(trading_state=TradingState.HALTED)
THIN = replace(make_margin(), margin_balance=dec(100))


def step_of(*arguments, **changes):
    return next_roll_step(view_of(*arguments, **changes))


# --- as one order ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "side", "price"),
    [("1", Side.BUY, "1050"), ("-1", Side.SELL, "950")],
)
def test_where_there_is_a_book_for_the_spread_all_of_it_goes_at_once(held, side, price):
    """At most ten basis points worse than the difference of the marks, 1,000."""
    step = step_of(held=held, spread=make_spread(995, 1005))

    assert (step.kind, step.side, step.contracts, step.price) == (RollStepKind.SPREAD, side, 1, dec(price))


def test_a_dear_spread_is_waited_for_until_time_presses():
    dear = make_spread(1055, 1060)

    waiting = step_of(spread=dear)
    assert (waiting.kind, waiting.why) == (RollStepKind.WAIT, "the spread costs 12.0 bp more than the marks say")
    assert step_of(held=-1, spread=dear).kind is RollStepKind.SPREAD
    pressing = step_of(OUTRIGHT, spread=dear)
    assert (pressing.kind, pressing.price) == (RollStepKind.SPREAD, dec(1110))


def test_no_order_is_larger_than_the_venue_takes():
    near = replace(NEAR, max_contracts=dec("0.4"))

    assert step_of(near=near, spread=make_spread(995, 1005)).contracts == dec("0.4")


# --- leg by leg --------------------------------------------------------------------------------


def test_far_is_opened_first_in_a_bounded_part():
    step = step_of()

    assert (step.kind, step.side, step.contracts, step.reduce_only) == (RollStepKind.FAR, Side.BUY, dec("0.25"), False)


def test_then_near_is_closed_by_as_much():
    step = step_of(make_roll(opened=dec("0.25")), far_held="0.25")

    assert (step.kind, step.side, step.contracts, step.reduce_only) == (RollStepKind.NEAR, Side.SELL, dec("0.25"), True)


def test_the_last_part_takes_what_could_not_be_traded_alone():
    done = make_roll(opened=dec("0.7499"), closed=dec("0.7499"))

    assert step_of(done, held="0.2501", far_held="0.7499").contracts == dec("0.2501")


def test_a_part_is_what_the_free_margin_carries():
    """The venue asks 5 % of notional for what there is; of 2,000 free, four fifths are used, and fees are paid."""
    margin = replace(make_margin(), margin_balance=dec(4_500), initial_margin=dec(2_500))

    step = step_of(margin=margin)

    assert step.kind is RollStepKind.FAR
    assert step.contracts == dec("0.25")
    less = replace(margin, margin_balance=dec(3_000))
    carried = dec(500) * dec("0.8") / (dec(51_000) * dec("0.0505"))
    assert step_of(margin=less).contracts == carried.quantize(dec("0.0001"), rounding="ROUND_DOWN")


def test_near_is_closed_first_where_the_margin_carries_nothing():
    step = step_of(margin=replace(make_margin(), margin_balance=dec(1)))

    assert (step.kind, step.contracts, step.reduce_only) == (RollStepKind.NEAR, dec("0.25"), True)
    assert "free margin" in step.why
    after = step_of(make_roll(closed=dec("0.25")), held="0.75", margin=THIN)
    assert (after.kind, after.side, after.contracts) == (RollStepKind.FAR, Side.BUY, dec("0.25"))


# --- what the venue refuses --------------------------------------------------------------------


def refused(times, *before, contract=FAR):
    """The books of a roll whose far leg was refused so often, after these orders."""
    orders = [
        *before,
        *(make_order(contract, state=OrderState.REJECTED, purpose=Purpose.ROLL_OPEN) for _ in range(times)),
    ]
    return Books(orders={ClientOrderId(f"{place}"): order for place, order in enumerate(orders)})


QUARTER_CLOSED = make_roll(closed=dec("0.25"))


def test_what_is_refused_is_halved_and_halved_again_down_to_the_smallest_order():
    sizes = [step_of(QUARTER_CLOSED, held="0.75", books=refused(times)).contracts for times in (0, 1, 2, 3, 4, 9)]

    assert sizes == [dec("0.25"), dec("0.125"), dec("0.0625"), dec("0.0312"), dec("0.0156"), dec("0.0039")]
    small = make_roll(closed=dec(1), opened=dec("0.9997"))
    assert step_of(small, held=0, far_held="0.9997", books=refused(6)).contracts == dec("0.0001")


def test_near_goes_on_ahead_as_far_as_the_legs_may_be_apart_when_far_is_refused():
    tenth = make_roll(closed=dec("0.1"))

    step = step_of(tenth, held="0.9", books=refused(1))

    assert (step.kind, step.contracts, step.why) == (
        RollStepKind.NEAR,
        dec("0.15"),
        "the far leg is refused; this frees margin",
    )


def test_a_trade_of_either_leg_ends_the_count_of_refusals():
    traded = make_order(NEAR, state=OrderState.FILLED, purpose=Purpose.ROLL_CLOSE)
    traded.filled_contracts = dec("0.25")

    assert step_of(QUARTER_CLOSED, held="0.75", books=refused(1, traded)).contracts == dec("0.125")
    books = refused(1)
    books.orders[ClientOrderId("later")] = traded
    assert step_of(QUARTER_CLOSED, held="0.75", books=books).contracts == dec("0.25")


@pytest.mark.parametrize(
    "order",
    [
        make_order(FAR, state=OrderState.REJECTED, purpose=Purpose.HEDGE),
        make_order(PERPETUAL, state=OrderState.REJECTED, purpose=Purpose.ROLL_OPEN),
        make_order(FAR, state=OrderState.EXPIRED, purpose=Purpose.ROLL_OPEN),
        make_order(FAR, state=OrderState.REJECTED, purpose=Purpose.ROLL_OPEN, intended_at=NOW - timedelta(hours=2)),
    ],
    ids=["a hedge", "of another contract", "no price", "before the roll"],
)
def test_what_says_nothing_of_the_far_leg_is_no_refusal(order):
    books = Books(orders={ClientOrderId("a"): order})

    assert step_of(QUARTER_CLOSED, held="0.75", books=books).contracts == dec("0.25")


def test_near_is_closed_whole_when_it_is_about_to_expire_and_far_is_refused():
    late = expiring_in(0.5)
    roll = make_roll(RollStage.OUTRIGHT, closed=dec("0.25"))

    step = step_of(roll, near=late, held="0.75", books=refused(1))

    assert (step.kind, step.contracts, step.reduce_only) == (RollStepKind.NEAR, dec("0.75"), True)
    assert step_of(roll, near=late, held="0.75").kind is RollStepKind.FAR
    assert step_of(roll, near=late, held="0.75", books=refused(1), without=(late,)).kind is RollStepKind.FAR


def test_near_goes_first_once_far_was_refused_twice():
    assert step_of(books=refused(1)).kind is RollStepKind.FAR
    step = step_of(books=refused(2))
    assert (step.kind, step.contracts, step.why) == (RollStepKind.NEAR, dec("0.25"), "the far leg is refused")


def test_with_near_flat_what_is_refused_to_the_last_is_left_to_the_next_look():
    flat = make_roll(closed=dec(1), opened=dec("0.9"))

    assert step_of(flat, held=0, far_held="0.9", books=refused(6)).kind is RollStepKind.FAR
    ended = step_of(flat, held=0, far_held="0.9", books=refused(7))
    assert (ended.kind, ended.why[:22]) == (RollStepKind.DONE, "the venue refuses what")
    assert step_of(flat, held=0, far_held="0.9", far=None, books=refused(7)).kind is RollStepKind.WAIT


@pytest.mark.parametrize("rung", [MarginRung.CANCEL, MarginRung.REDUCE, MarginRung.FLATTEN])
def test_near_is_closed_first_while_the_ladder_holds_back(rung):
    books = Books(margin_rungs={(VENUE, NEAR.settle): (rung, NOW)})

    assert step_of(books=books).kind is RollStepKind.NEAR


def test_a_wallet_that_is_not_told_carries_nothing():
    other = replace(make_margin(), currency="USDC")

    assert step_of(margin=other).kind is RollStepKind.NEAR


def test_coin_settled_contracts_are_measured_in_their_coin():
    near = make_instrument("BTC", inverse=True, symbol=NEAR.symbol, expires_at=NEAR.expires_at)
    far = make_instrument("BTC", inverse=True, symbol=FAR.symbol, expires_at=FAR.expires_at)
    roll = make_roll(near_size=dec(100), far_size=dec(100))
    # 0.08 coins of initial margin for 400 contracts at 50,000, which are 0.8 coins.
    margin = replace(make_margin("BTC", "0.086"), initial_margin=dec("0.08"))

    step = step_of(roll, near=near, far=far, held=400, margin=margin)

    carried = dec("0.006") * dec("0.8") / (dec(100) / dec(51_000) * dec("0.1005"))
    assert (step.kind, step.contracts) == (RollStepKind.FAR, carried.quantize(dec(1), rounding="ROUND_DOWN"))


def test_wide_books_are_waited_for_until_time_presses():
    wide = quote_of(FAR, 51_000, spread_bps="30")

    assert step_of(far_quote=wide).why == "the books ask for more than the marks say"
    assert step_of(OUTRIGHT, far_quote=wide).kind is RollStepKind.FAR


def test_at_the_last_call_near_goes_first_and_whole():
    step = step_of(OUTRIGHT, near=expiring_in(0.5), spread=make_spread(995, 1005))

    assert (step.kind, step.contracts, step.reduce_only) == (RollStepKind.NEAR, 1, True)


# --- what holds it back ------------------------------------------------------------------------


def test_nothing_is_sent_while_an_outcome_is_not_known():
    order = make_order(NEAR, state=OrderState.UNKNOWN, purpose=Purpose.ROLL_CLOSE)
    stop = make_order(NEAR, state=OrderState.UNKNOWN, purpose=Purpose.STOP)

    assert step_of(books=Books(orders={ClientOrderId("a"): order})).kind is RollStepKind.WAIT
    assert step_of(far=None, books=Books(orders={ClientOrderId("a"): order})).kind is RollStepKind.WAIT
    assert step_of(books=Books(orders={ClientOrderId("a"): stop})).kind is RollStepKind.FAR


def test_without_books_nothing_is_sent():
    assert step_of(without=(FAR,)).why == "the books cannot be read"
    assert step_of(without=(NEAR,)).why == "the books cannot be read"
    assert step_of(far=None).why == "there is no contract to go to"
    stale = replace(quote_of(FAR, 51_000), as_of=NOW - timedelta(minutes=5))
    assert step_of(far_quote=stale).kind is RollStepKind.WAIT
    late = expiring_in(0.5)
    assert step_of(OUTRIGHT, near=late, without=(late,)).why == "the near book cannot be read"


def test_what_is_missing_waits_for_a_book():
    half = make_roll(closed=dec("0.5"))

    assert step_of(half, held="0.5", without=(FAR,)).why == "the far book cannot be read"
    assert step_of(half, held="0.5", far=None).why == "there is no contract to go to"


def test_halted_only_what_reduces_is_sent():
    ahead = make_roll(opened=dec("0.25"))

    assert step_of(books=HALTED).why == "trading is halted"
    assert step_of(ahead, far_held="0.25", books=HALTED).kind is RollStepKind.NEAR
    assert step_of(make_roll(closed=dec("0.25")), held="0.75", books=HALTED).why == "trading is halted"
    given_up = step_of(make_roll(closed=dec(1)), held=0, books=HALTED)
    assert (given_up.kind, given_up.why[:17]) == (RollStepKind.DONE, "trading is halted")


def test_in_reduce_only_a_pair_goes_on():
    assert step_of(books=Books(trading_state=TradingState.REDUCE_ONLY)).kind is RollStepKind.FAR


def test_a_locked_contract_is_not_added_to():
    locked = Books(locks={(VENUE, FAR.symbol): (NOW, "why")})

    assert step_of(make_roll(closed=dec("0.25")), held="0.75", books=locked).why == f"{FAR.symbol} is locked"


def test_a_move_for_cost_is_called_off_when_the_books_never_give_it():
    wide = quote_of(FAR, 51_000, spread_bps="30")
    old = make_roll(near=PERPETUAL.symbol, cause=RollCause.COST, begun_at=NOW - timedelta(hours=7))

    ended = step_of(old, near=PERPETUAL, far_quote=wide)

    assert (ended.kind, ended.why) == (RollStepKind.DONE, "called off: the books ask for more than the marks say")
    young = replace(old, begun_at=NOW - timedelta(hours=5))
    assert step_of(young, near=PERPETUAL, far_quote=wide).kind is RollStepKind.WAIT
    assert step_of(old, near=PERPETUAL).kind is RollStepKind.FAR


# --- stops, folds, and ends --------------------------------------------------------------------


def test_what_a_stop_has_closed_is_not_put_back():
    """Far is ahead by a part, and the stop has taken the near leg: the part is all that is left to take away."""
    step = step_of(make_roll(opened=dec("0.25")), held=0, far_held="0.25")

    assert (step.kind, step.side, step.contracts, step.reduce_only) == (RollStepKind.FAR, Side.SELL, dec("0.25"), True)
    smaller = step_of(make_roll(opened=dec("0.25")), held=0, far_held="0.1")
    assert smaller.contracts == dec("0.1")


def test_a_folded_need_goes_into_the_far_leg_or_out_of_the_near_one():
    more = step_of(make_roll(folded=dec("0.3")))
    assert (more.kind, more.side, more.contracts) == (RollStepKind.FAR, Side.BUY, dec("0.3"))

    less = step_of(make_roll(folded=dec("-0.3")))
    assert (less.kind, less.side, less.contracts) == (RollStepKind.NEAR, Side.SELL, dec("0.3"))


def test_it_is_done_when_near_is_flat_and_far_is_even():
    assert step_of(make_roll(), held=0).why == "nothing was left to pass on"
    done = step_of(make_roll(opened=dec(1), closed=dec(1)), held=0, far_held=1)
    assert (done.kind, done.why) == (RollStepKind.DONE, "the position is in the far contract")


def test_a_rest_too_small_to_be_traded_does_not_keep_it_open():
    dust = make_roll(opened=dec("0.99995"), closed=dec(1))
    assert step_of(dust, held=0, far_held="0.99995").kind is RollStepKind.DONE
    small = make_roll(opened=dec("0.9999"), closed=dec(1))
    far = replace(FAR, min_notional_quote=dec(100))
    assert step_of(small, far=far, held=0, far_held="0.9999").kind is RollStepKind.DONE
    # Too much is taken away all the same: venues waive the least notional for what reduces.
    surplus = make_roll(opened=dec("1.0001"), closed=dec(1))
    assert step_of(surplus, far=far, held=0, far_held="1.0001").reduce_only


def test_a_near_rest_below_a_lot_of_the_far_contract_is_closed():
    far = replace(FAR, lot_size=dec("0.1"), min_contracts=dec("0.1"))

    step = step_of(make_roll(opened=dec("0.9"), closed=dec("0.9")), held="0.05", far=far, far_held="0.9")

    assert (step.kind, step.contracts) == (RollStepKind.NEAR, dec("0.05"))


@given(
    begun=st.decimals("0.01", 3, places=4),
    side=st.sampled_from([1, -1]),
    fills=st.lists(st.decimals(0, 1, places=2), min_size=40, max_size=40),
    balance=st.sampled_from([5, 500, 2_000, 100_000]),
    folds=st.dictionaries(st.integers(0, 20), st.decimals("-0.3", "0.3", places=4), max_size=3),
)
def test_any_fills_lead_to_the_far_contract_without_doubling(begun, side, fills, balance, folds):
    """However little each order fills: the legs stay within a part of each other, and all of it arrives."""
    roll, near, far = make_roll(RollStage.OUTRIGHT, near_size=dec(1)), begun * side, Decimal(0)
    # A rest that could not be traded by itself goes with the last part.
    bound = max(begun * dec("0.25"), dec("0.0002")) + dec("0.0002")
    for number, share in enumerate([*fills, *[Decimal(1)] * 400]):
        if number in folds and abs(folds[number]) < abs(near):
            roll = roll.with_folded(roll.folded + folds[number], NOW)
        margin = replace(make_margin(), margin_balance=Decimal(balance))
        step = step_of(roll, held=near, far_held=far, margin=margin)
        if step.kind is RollStepKind.DONE:
            break
        done = (step.contracts * share).quantize(dec("0.0001"), rounding="ROUND_DOWN") * step.side.sign
        if step.kind is RollStepKind.FAR:
            far += done
            roll = replace(roll, opened=roll.opened + done)
        elif step.kind is RollStepKind.NEAR:
            assert step.reduce_only
            assert abs(near + done) <= abs(near)
            near += done
            roll = replace(roll, closed=roll.closed - done)
        assert abs(roll.missing) <= bound + sum(abs(one) for one in folds.values())
    assert near == 0
    # What is left is less than the far contract's least order of five dollars.
    assert abs(far - begun * side - roll.folded) < dec("0.0002")


def test_what_the_far_leg_had_too_much_and_holds_no_more_is_not_opened_the_other_way_round():
    ahead = make_roll(opened=dec("0.25"))

    assert step_of(ahead, held=0).why == "what the far contract had too much is closed"
    assert step_of(ahead, held=0).kind is RollStepKind.DONE
    some = step_of(ahead, held=0, far_held="0.1")
    assert (some.kind, some.side, some.contracts, some.reduce_only) == (RollStepKind.FAR, Side.SELL, dec("0.1"), True)
    turned = step_of(ahead.with_folded(dec("-0.5"), NOW), held=0)
    assert (turned.kind, turned.side, turned.reduce_only) == (RollStepKind.FAR, Side.SELL, False)


def test_what_far_lacks_is_left_to_the_next_look_once_protection_has_closed_the_rest_of_near():
    behind = make_roll(closed=dec("0.25"), uneven_since=NOW - timedelta(minutes=5))
    closed = Ceiling(asset=NEAR.asset, cause="margin", max_delta_base=dec(0), set_at=NOW, release_at=None, why="")

    def after(ceiling):
        return step_of(behind, held=0, books=Books(ceilings={(ceiling.asset, ceiling.cause): ceiling}))

    assert (after(closed).kind, after(closed).why[:25]) == (RollStepKind.DONE, "protection has closed the")
    assert after(replace(closed, asset="ETH")).kind is RollStepKind.FAR
    assert after(replace(closed, set_at=NOW - timedelta(hours=1))).kind is RollStepKind.FAR
