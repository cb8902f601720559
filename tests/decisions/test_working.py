"""How a leg is worked: what its next step is, and what ends it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.decisions.working import (
    Aim,
    Progress,
    StepKind,
    choose_style,
    interruption,
    is_off_index,
    nearest_lots,
    needed_base,
    next_step,
    slice_contracts,
    smallest_slice,
    styled_legs,
    take_back,
    tradable_contracts,
)
from bot.domain.books import Books, Ceiling, SuspectedFlow
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import OrderState, Side
from bot.domain.plan import HedgeLeg
from bot.domain.policy import ExecutionPolicy, ExecutionStyle, MarginRung, RiskLimits, TradingState
from bot.domain.rolls import RollStage
from tests.builders import NOW, VENUE, dec, make_fill, make_instrument, make_order, make_quote
from tests.decisions.rolling import FAR, NEAR, make_roll

ONE = make_instrument(
    tick_size=dec("0.1"), lot_size=dec("0.001"), min_contracts=dec("0.001"), min_notional_quote=dec(100)
)
EXECUTION = ExecutionPolicy(style=ExecutionStyle.AUTO)
SECOND = timedelta(seconds=1)


def _leg(side=Side.BUY, contracts="0.1", *, reduces=False, limit=None):
    limit = limit or ("50150" if side is Side.BUY else "49850")
    return HedgeLeg(
        instrument=ONE,
        side=side,
        contracts=Decimal(contracts),
        amount_base=Decimal(contracts),
        notional_quote=Decimal(contracts) * 50_000,
        reduce_only=reduces,
        expected_cost_bps=dec(5),
        limit_price=Decimal(limit),
        index_price=dec(50_000),
        reason="",
    )


def _quote(bid="49999", ask="50001", **changes):
    return make_quote(ONE, 50_000, bid_price=Decimal(bid), ask_price=Decimal(ask), **changes)


def _progress(leg=None, *, remaining="0.1", resting=None, sent=0, lasted=SECOND):
    return Progress(
        leg=leg or _leg(),
        remaining_contracts=Decimal(remaining),
        reference_price=dec(50_000),
        lasted=lasted,
        resting_price=None if resting is None else Decimal(resting),
        slices_sent=sent,
    )


def _step(progress, quote=None, *, style=ExecutionStyle.CHASE, after=SECOND):
    return next_step(replace(progress, lasted=after), quote, style, EXECUTION)


# --- style ---------------------------------------------------------------------------------------


def test_a_style_that_is_told_is_taken():
    told = replace(EXECUTION, style=ExecutionStyle.IOC)
    assert choose_style(dec(1000), Side.BUY, _quote(), told) is ExecutionStyle.IOC


@pytest.mark.parametrize(
    ("side", "contracts", "style"),
    [
        (Side.BUY, "10", ExecutionStyle.CHASE),
        (Side.BUY, "10.001", ExecutionStyle.TWAP),
        (Side.SELL, "5", ExecutionStyle.CHASE),
        (Side.SELL, "5.001", ExecutionStyle.TWAP),
    ],
)
def test_auto_slices_what_is_large_against_the_depth_that_it_takes(side, contracts, style):
    quote = _quote(ask_contracts=dec(2), bid_contracts=dec(1))
    assert choose_style(Decimal(contracts), side, quote, EXECUTION) is style
    (styled,) = styled_legs((_leg(side, contracts),), {(VENUE, ONE.symbol): quote}, EXECUTION)
    assert styled.style is style


@given(
    lots=st.integers(1, 10**6),
    more=st.integers(0, 10**6),
    depth=st.decimals(min_value="0.001", max_value=1000, places=3),
    side=st.sampled_from(list(Side)),
)
def test_what_is_sliced_would_be_sliced_if_it_were_larger_or_the_book_thinner(lots, more, depth, side):
    def style(size, deep):
        return choose_style(size * ONE.lot_size, side, _quote(ask_contracts=deep, bid_contracts=deep), EXECUTION)

    if style(lots, depth) is ExecutionStyle.TWAP:
        assert style(lots + more, depth) is ExecutionStyle.TWAP
        assert style(lots, depth / 2) is ExecutionStyle.TWAP


# --- chase ---------------------------------------------------------------------------------------


def test_a_chase_rests_at_the_touch_of_its_own_side():
    step = _step(_progress(), _quote())
    assert (step.kind, step.contracts, step.price) == (StepKind.POST, dec("0.1"), dec(49_999))
    step = _step(_progress(_leg(Side.SELL)), _quote())
    assert (step.kind, step.price) == (StepKind.POST, dec(50_001))


def test_a_chase_never_rests_beyond_the_limit_of_its_leg():
    step = _step(_progress(_leg(limit="49990")), _quote())
    assert step.price == dec(49_990)
    assert _step(_progress(_leg(Side.SELL, limit="50010")), _quote()).price == dec(50_010)


def test_at_the_touch_it_waits_and_behind_it_is_taken_away_first():
    assert _step(_progress(resting="49999"), _quote()).kind is StepKind.WAIT
    # Two basis points of 49,900 are 9.98.
    assert _step(_progress(resting="49989.1"), _quote()).kind is StepKind.WAIT
    assert _step(_progress(resting="49988"), _quote()).kind is StepKind.CANCEL
    assert _step(_progress(_leg(Side.SELL), resting="50012"), _quote()).kind is StepKind.CANCEL
    # Better than the touch: the market has come to it.
    assert _step(_progress(resting="50010"), _quote()).kind is StepKind.WAIT


@pytest.mark.parametrize(
    ("quote", "after", "why"),
    [
        (_quote(), timedelta(minutes=2), "the deadline has passed"),
        (None, SECOND, "the book cannot be read"),
        (_quote("50079", "50081"), SECOND, "the price is running away"),
    ],
)
def test_a_chase_escalates_once_and_takes_its_resting_order_away_before(quote, after, why):
    step = _step(_progress(resting="49999"), quote, after=after)
    assert (step.kind, step.why) == (StepKind.CANCEL, why)
    step = _step(_progress(), quote, after=after)
    assert (step.kind, step.price, step.is_last, step.why) == (StepKind.TAKE, dec(50_150), True, why)


def test_a_price_that_comes_towards_the_leg_is_no_reason_to_hurry():
    assert _step(_progress(), _quote("49000", "49002")).kind is StepKind.POST
    assert _step(_progress(_leg(Side.SELL)), _quote("50900", "50902")).kind is StepKind.POST
    assert _step(_progress(_leg(Side.SELL)), _quote("49900", "49902")).kind is StepKind.TAKE


def test_what_the_venue_would_not_take_ends_the_work():
    assert _step(_progress(remaining="0.0019"), _quote()).kind is StepKind.DONE
    assert _step(_progress(remaining="0.0019", resting="49999"), _quote()).kind is StepKind.CANCEL
    assert _step(_progress(remaining="-1"), _quote()).kind is StepKind.DONE
    assert tradable_contracts(dec("0.0019"), _leg(reduces=True)) == dec("0.001")


# --- twap ----------------------------------------------------------------------------------------


def test_slices_come_at_even_times():
    def at(seconds, sent, remaining="0.1"):
        return _step(
            _progress(sent=sent, remaining=remaining),
            _quote(),
            style=ExecutionStyle.TWAP,
            after=timedelta(seconds=seconds),
        )

    first = at(0, 0)
    assert (first.kind, first.contracts, first.is_last) == (StepKind.TAKE, dec("0.01"), False)
    assert first.why == "slice 1 of 10"
    assert at(179, 1, "0.09").kind is StepKind.WAIT
    assert at(180, 1, "0.09").contracts == dec("0.01")
    last = at(1800, 5, "0.05")
    assert (last.kind, last.contracts, last.is_last, last.why) == (StepKind.TAKE, dec("0.05"), True, "the time is up")


def test_slices_are_no_smaller_than_the_venue_takes():
    leg = _leg(contracts="0.007")
    assert smallest_slice(leg) == dec("0.002")
    step = _step(_progress(leg, remaining="0.007"), _quote(), style=ExecutionStyle.TWAP, after=timedelta(0))
    assert (step.contracts, step.why) == (dec("0.002"), "slice 1 of 3")
    # 0.0015 would stay, which nobody could trade.
    assert slice_contracts(dec("0.0035"), 2, leg) == dec("0.0035")
    assert smallest_slice(_leg(reduces=True)) == dec("0.001")


@given(lots=st.integers(2, 40), slices_left=st.integers(1, 12), reduces=st.booleans())
@example(lots=3, slices_left=2, reduces=False)
def test_a_slice_leaves_nothing_that_could_not_be_traded(lots, slices_left, reduces):
    leg = _leg(contracts="5", reduces=reduces)
    remaining = lots * ONE.lot_size
    left = remaining - slice_contracts(remaining, slices_left, leg)
    assert left == 0 or left >= smallest_slice(leg)


def test_a_slice_stands_through_the_touch_and_within_the_drift():
    def price(leg, quote):
        return _step(_progress(leg), quote, style=ExecutionStyle.TWAP, after=timedelta(0)).price

    assert price(_leg(), _quote()) == dec("50151")
    assert price(_leg(reduces=True), _quote()) == dec("50500")
    assert price(_leg(), _quote("50899", "50901")) == dec(50_500)
    assert price(_leg(Side.SELL), _quote()) == dec("49849.1")
    assert price(_leg(Side.SELL), _quote("49000", "49002")) == dec(49_500)


def test_without_a_book_slices_wait_and_the_end_ends():
    assert _step(_progress(), None, style=ExecutionStyle.TWAP).kind is StepKind.WAIT
    step = _step(_progress(), None, style=ExecutionStyle.TWAP, after=timedelta(hours=1))
    assert (step.kind, step.is_last) == (StepKind.DONE, True)


@given(
    bid=st.decimals(min_value=1_000, max_value=200_000, places=1),
    side=st.sampled_from(list(Side)),
    reduces=st.booleans(),
    minutes=st.integers(0, 90),
)
def test_no_slice_stands_further_from_the_touch_or_the_first_price_than_it_may(bid, side, reduces, minutes):
    quote = _quote(bid, bid + 2)
    progress = _progress(_leg(side, reduces=reduces))
    step = _step(progress, quote, style=ExecutionStyle.TWAP, after=timedelta(minutes=minutes))
    assert step.kind is StepKind.TAKE
    slip = EXECUTION.max_reduce_slippage_frac if reduces else EXECUTION.max_slippage_frac
    touch = quote.ask_price if side is Side.BUY else quote.bid_price
    assert (step.price - touch * (1 + side.sign * slip)) * side.sign <= 0
    assert (step.price - 50_000 * (1 + side.sign * EXECUTION.twap_drift_frac)) * side.sign <= 0
    assert step.price % ONE.tick_size == 0


@given(
    contracts=st.integers(2, 5000),
    fills=st.lists(st.decimals(min_value=0, max_value=1, places=2), min_size=1, max_size=40),
    reduces=st.booleans(),
)
def test_slices_never_add_up_to_more_than_the_leg(contracts, fills, reduces):
    leg = _leg(contracts=Decimal(contracts) / 1000, reduces=reduces)
    remaining, sent = leg.contracts, 0
    for place, share in enumerate(fills):
        step = _step(
            _progress(leg, remaining=remaining, sent=sent),
            _quote(),
            style=ExecutionStyle.TWAP,
            after=timedelta(minutes=place),
        )
        if step.kind is StepKind.TAKE:
            assert 0 < step.contracts <= remaining
            assert step.contracts % ONE.lot_size == 0
            remaining -= ONE.floor_contracts(step.contracts * share)
            sent += 1
            assert sent <= EXECUTION.twap_slices + 1 or step.is_last
    assert remaining >= 0


@given(
    data=st.data(),
    side=st.sampled_from(list(Side)),
    moves=st.lists(st.decimals(min_value="-0.002", max_value="0.002", places=5), min_size=1, max_size=60),
)
def test_a_chase_never_has_two_live_orders_for_one_need(data, side, moves):
    """A market that moves, fills and fails at random: an order goes out only when none rests, and never too much."""
    leg = _leg(side)
    position, resting, middle = dec(0), None, dec(50_000)
    for place, move in enumerate(moves):
        middle *= 1 + move
        quote = data.draw(st.sampled_from([_quote(middle - 1, middle + 1), None]))
        remaining = leg.contracts - position
        step = next_step(
            _progress(leg, remaining=remaining, resting=resting, lasted=place * 5 * SECOND),
            quote,
            ExecutionStyle.CHASE,
            EXECUTION,
        )
        if step.kind in (StepKind.POST, StepKind.TAKE):
            assert resting is None
            assert step.contracts <= remaining
            assert (leg.limit_price - step.price) * side.sign >= 0
        if step.kind is StepKind.POST:
            resting = step.price
        elif step.kind is StepKind.CANCEL and data.draw(st.booleans()):
            resting = None
        elif step.kind in (StepKind.TAKE, StepKind.DONE):
            break
        if resting is not None and data.draw(st.booleans()):
            position += ONE.floor_contracts(remaining * data.draw(st.sampled_from([dec("0.3"), dec(1)])))
            resting = None if position == leg.contracts else resting


# --- what ends the work --------------------------------------------------------------------------


def _ceiling(set_at):
    return Ceiling(asset=Asset("BTC"), cause="stop_out", max_delta_base=dec(0), set_at=set_at, release_at=None, why="")


@pytest.mark.parametrize(
    ("books", "opening", "reducing"),
    [
        (Books(), "", ""),
        (Books(trading_state=TradingState.HALTED), "trading is halted", "trading is halted"),
        (Books(trading_state=TradingState.REDUCE_ONLY), "trading is reduce_only", ""),
        (
            Books(ceilings={(Asset("BTC"), "stop_out"): _ceiling(NOW)}),
            "protection has made the leg smaller since",
            "",
        ),
        (Books(ceilings={(Asset("BTC"), "stop_out"): _ceiling(NOW - SECOND)}), "", ""),
        (Books(ceilings={(Asset("ETH"), "stop_out"): _ceiling(NOW)}), "", ""),
        (Books(locks={(VENUE, ONE.symbol): (NOW, "")}), "the symbol is locked", ""),
        (
            Books(flows={Asset("BTC"): SuspectedFlow(asset=Asset("BTC"), from_base=dec(1), to_base=dec(2), since=NOW)}),
            "holdings have changed since",
            "",
        ),
    ],
)
def test_what_happens_meanwhile_ends_what_opens_and_seldom_what_reduces(books, opening, reducing):
    assert interruption(_leg(), books, NOW) == opening
    assert interruption(_leg(reduces=True), books, NOW) == reducing


def test_a_roll_of_the_asset_and_a_wallet_that_is_held_back_end_it():
    rolling = Books(rolls={(VENUE, Symbol("BTC/USDT:USDT-A")): make_roll()})
    assert interruption(_leg(reduces=True), rolling, NOW) == "its contract is being passed on"
    passive = Books(rolls={(VENUE, Symbol("BTC/USDT:USDT-A")): make_roll(RollStage.PASSIVE)})
    assert interruption(_leg(), passive, NOW) == ""

    short = Books(margin_rungs={(VENUE, ONE.settle): (MarginRung.CANCEL, NOW)})
    assert interruption(_leg(), short, NOW) == "the margin of its wallet is short"
    assert interruption(_leg(reduces=True), short, NOW) == ""


@given(mark=st.decimals(min_value=1, max_value=200_000, places=2))
def test_a_mark_that_leaves_the_index_ends_what_opens_and_never_what_reduces(mark):
    quote = make_quote(ONE, 50_000, mark_price=mark)
    assert is_off_index(_leg(), quote, RiskLimits(), NOW) is (abs(mark / 50_000 - 1) > dec("0.03"))
    assert not is_off_index(_leg(reduces=True), quote, RiskLimits(), NOW)
    assert not is_off_index(_leg(), None, RiskLimits(), NOW)


def test_an_unknown_order_on_the_symbol_ends_everything():
    order = make_order(ONE)
    order.state = OrderState.UNKNOWN
    books = Books(orders={order.intent.client_order_id: order})
    assert interruption(_leg(reduces=True), books, NOW) == "the outcome of an order is not known"
    order.state = OrderState.OPEN
    assert interruption(_leg(), books, NOW) == ""


@given(lots=st.decimals(0, 50, places=4))
def test_a_reduction_never_ends_further_away_than_it_began(lots):
    needed = lots * ONE.lot_size

    taken = nearest_lots(needed, ONE)

    assert taken % ONE.lot_size == 0
    assert taken == 0 or abs(needed - taken) < needed
    assert abs(needed - taken) <= ONE.lot_size / 2


AIM = Aim(
    value_quote=dec(10_000),
    index_prices={Asset("BTC"): dec(50_000), Asset("ETH"): dec(2_500)},
    exposures_quote={Asset("BTC"): dec(6_000), Asset("ETH"): dec(4_000)},
    weights={Asset("BTC"): dec("0.5"), Asset("ETH"): dec("0.5")},
)


def test_what_is_needed_is_measured_again_as_prices_move_and_trades_come_in():
    assert needed_base(AIM, Asset("BTC"), dec(0), {}) == dec("-0.02")
    assert needed_base(AIM, Asset("BTC"), dec("-0.01"), {}) == dec("-0.01")
    # BTC at 40,000: V is 8,800, of which 4,400 are wanted and 4,800 are held.
    assert needed_base(AIM, Asset("BTC"), dec(0), {Asset("BTC"): dec(40_000)}) == dec("-0.01")
    assert needed_base(AIM, Asset("ETH"), dec(0), {Asset("BTC"): dec(40_000)}) == dec("0.16")


@given(
    moves=st.tuples(*[st.decimals(min_value="0.5", max_value=2, places=3)] * 2),
    traded=st.decimals(min_value="-0.1", max_value="0.1", places=4),
)
def test_trading_what_is_needed_arrives_whatever_prices_did(moves, traded):
    prices = {asset: price * move for (asset, price), move in zip(AIM.index_prices.items(), moves, strict=True)}
    needed = needed_base(AIM, Asset("BTC"), traded, prices)
    assert abs(needed_base(AIM, Asset("BTC"), traded + needed, prices)) < dec("1e-20")


def test_an_order_that_rests_with_more_than_is_needed_is_taken_away():
    progress = replace(_progress(remaining="0.05", resting="49999"), resting_contracts=dec("0.06"))
    step = _step(progress, _quote())
    assert (step.kind, step.why) == (StepKind.CANCEL, "less is needed now")
    assert _step(replace(progress, resting_contracts=dec("0.05")), _quote()).kind is StepKind.WAIT


CEILING = Ceiling(
    asset=NEAR.asset,
    cause="stop_out",
    max_delta_base=dec(0),
    set_at=NOW,
    release_at=None,
    why="it was closed without a look",
)


@pytest.mark.parametrize(
    ("books", "why"),
    [
        (Books(trading_state=TradingState.REDUCE_ONLY), "trading is reduce_only"),
        (Books(ceilings={(NEAR.asset, CEILING.cause): CEILING}), "protection has made the leg smaller since"),
    ],
)
def test_what_looks_have_asked_for_is_given_up_once_it_must_not_be_opened_any_more(books, why):
    """Near was closed by 0.3, which the far leg has a right to; of the 0.5 asked for, 0.1 has been opened before."""
    asked = make_roll(opened=dec("0.1"), folded=dec("0.1")).with_folded(dec("0.5"), NOW - SECOND)
    roll = asked.with_closed(make_fill(side=Side.SELL, contracts=dec("0.3"), filled_at=NOW))

    less, told = take_back(roll, FAR, books, NOW)

    assert (less.folded, told) == (dec("0.1"), why)
    left = roll.with_folded(less.folded, NOW)
    assert left.missing == dec("0.3")
    assert take_back(left, FAR, books, NOW) is None


def test_what_looks_have_asked_for_is_opened_while_it_may_be():
    earlier = replace(CEILING, set_at=NOW - 2 * SECOND)
    roll = make_roll().with_folded(dec("0.5"), NOW - SECOND)

    assert take_back(roll, FAR, Books(ceilings={(NEAR.asset, CEILING.cause): earlier}), NOW) is None
