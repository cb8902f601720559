"""Where stops stand, and when a leg must be smaller."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.liquidation import joint_liquidation_frac
from bot.decisions.stops import ceiling_after_stop_out, needed_room_frac, of_size, tell_stop_out, want_stops
from bot.decisions.wallets import wallets_of
from bot.domain.events import CeilingSet
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import Side
from bot.domain.plan import Rule
from bot.domain.policy import StopAnchor, StopPolicy
from tests.builders import (
    NOW,
    VENUE,
    dec,
    make_account,
    make_balance,
    make_history,
    make_instrument,
    make_margin,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)
from tests.decisions.market import BTC, ETH, decide_now, linear_market, rules_of, to_target

INVERSE = make_instrument("BTC", inverse=True)
LEG = (VENUE, BTC.symbol)
_OTHER = make_instrument("BTC", inverse=True, symbol=Symbol("BTC/USD:BTC-B"))
CALM = {Asset("BTC"): dec("0.02"), Asset("ETH"): dec("0.02")}


def plan_for(*positions, balance=100_000, sigmas=None, anchors=None, quotes=None, margins=None, btc=BTC, **stops):
    """Return the stop plan of an account with these positions at 50,000 (BTC) and 2,500 (ETH)."""
    instruments = {(VENUE, one.symbol): one for one in (btc, ETH, INVERSE, _OTHER)}
    prices = {"BTC": 50_000, "ETH": 2500}
    found = {leg: make_quote(one, prices[one.asset]) for leg, one in instruments.items()}
    account = make_account(positions=positions, margins=[make_margin("USDT", balance)] if margins is None else margins)
    return want_stops(
        account,
        instruments=instruments,
        quotes={**found, **(quotes or {})},
        daily_sigmas=CALM if sigmas is None else sigmas,
        anchors=anchors or {},
        policy=make_policy({"BTC": "1"}, stops=StopPolicy(**stops), foreign_symbols=frozenset({Symbol("MINE")})),
        now=NOW,
    )


def _short(contracts="-0.1", **changes):
    return make_position(BTC, contracts, changes.pop("entry", 50_000), **changes)


def _trigger(plan):
    return plan.stops[0].trigger_price


# --- where -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("contracts", "side", "trigger"), [("0.1", Side.SELL, 37_500), ("-0.1", Side.BUY, 62_500)])
def test_a_stop_stands_a_quarter_from_mark_against_the_position(contracts, side, trigger):
    (stop,) = plan_for(_short(contracts)).stops

    assert (stop.side, stop.contracts, stop.trigger_price) == (side, dec("0.1"), trigger)
    assert (stop.acceptable_low, stop.acceptable_high) == (trigger - 1000, trigger + 1000)
    assert (stop.mark_price, stop.liquidation_price) == (50_000, None)


def test_a_position_beyond_the_largest_order_has_several_stops_and_what_they_do_not_reach_is_known():
    (one,) = plan_for(_short("-0.1")).stops
    assert (one.order_sizes, one.beyond_contracts) == ((dec("0.1"),), 0)
    (several,) = plan_for(_short("-0.1"), btc=replace(BTC, max_contracts=dec("0.04"))).stops
    assert (several.order_sizes, several.beyond_contracts) == ((dec("0.04"), dec("0.04"), dec("0.02")), 0)
    (short,) = plan_for(_short("-0.1"), btc=replace(BTC, max_contracts=dec("0.018"))).stops
    assert (short.order_sizes, short.beyond_contracts) == ((dec("0.018"),) * 5, dec("0.01"))


def test_the_stop_of_a_position_of_another_size_stands_where_it_stood_in_orders_that_make_it_up():
    btc = replace(BTC, max_contracts=dec("0.04"))
    (stop,) = plan_for(_short("-0.1"), btc=btc).stops
    other = of_size(stop, dec("0.05"), btc)
    assert (other.contracts, other.order_sizes) == (dec("0.05"), (dec("0.04"), dec("0.01")))
    assert other == replace(stop, contracts=other.contracts, order_sizes=other.order_sizes)


@pytest.mark.parametrize(
    ("sigma", "trigger"),
    # 5 × 4 % is nearer than a quarter; 5 × 6 % is not; nothing known is 5 %; nothing moving is a quarter.
    [("0.04", 62_500), ("0.06", 65_000), (None, 62_500), ("0", 62_500)],
)
def test_five_daily_sigmas_count_where_they_are_more(sigma, trigger):
    sigmas = {} if sigma is None else {Asset("BTC"): dec(sigma)}

    assert _trigger(plan_for(_short(), sigmas=sigmas)) == trigger


def test_an_asset_that_moves_wildly_has_its_stop_nine_tenths_away_at_most():
    assert _trigger(plan_for(_short("0.1"), sigmas={Asset("BTC"): dec("0.3")})) == 5000


def test_distance_is_measured_from_the_price_of_the_last_look():
    assert _trigger(plan_for(_short(), anchors={Asset("BTC"): dec(48_000)})) == 60_000


def test_distance_is_measured_from_entry_where_the_owner_wants_a_stop_loss():
    plan = plan_for(_short(entry=44_000), anchors={Asset("BTC"): dec(48_000)}, anchor=StopAnchor.ENTRY)

    assert _trigger(plan) == 55_000


def test_a_stop_is_never_beyond_the_venue_s_buffered_liquidation_price():
    """Liquidation at 60,000 is 20 % away: the stop may stand at 16 %, and is placed a twentieth of that inside."""
    (stop,) = plan_for(_short(liquidation_price=dec(60_000))).stops

    assert stop.trigger_price == 57_600
    assert (stop.acceptable_low, stop.acceptable_high) == (56_600, 58_000)


@pytest.mark.parametrize("moved_frac", ["-0.03", "-0.01", "0.01"])
def test_a_stop_at_its_cap_stays_where_it_is_while_prices_move_a_little(moved_frac):
    """A long of which liquidation is at 40,000: as mark rises the cap comes nearer, and must not push the stop."""
    position = _short("0.1", liquidation_price=dec(40_000))
    resting = _trigger(plan_for(position))
    quote = make_quote(BTC, 50_000 * (1 - dec(moved_frac)))

    (stop,) = plan_for(position, quotes={LEG: quote}).stops

    assert resting == 42_400
    assert stop.acceptable_low <= resting <= stop.acceptable_high


def test_a_stop_is_never_beyond_our_own_buffered_liquidation_price():
    """1,000 on 5,000 short are liquidated 19.4 % up; a fifth of that is kept, and a twentieth of the rest."""
    plan = plan_for(_short(liquidation_price=dec(500_000)), balance=1000)

    liquidation = 50_000 * (1 + (1000 - dec(25)) / (5000 + 25))
    inside = 50_000 + (liquidation - 50_000) * dec("0.8") * dec("0.95")
    assert inside - dec("0.01") < _trigger(plan) <= inside


def test_the_trigger_is_on_the_tick_on_the_near_side():
    coarse = make_quote(BTC, dec("50000.033"))

    long = plan_for(_short("0.1"), quotes={LEG: coarse}).stops[0]
    short = plan_for(_short(), quotes={LEG: coarse}).stops[0]

    assert (long.trigger_price, short.trigger_price) == (dec("37500.03"), dec("62500.04"))


@given(
    st.decimals(min_value=-3, max_value=3, places=3).filter(bool),
    st.decimals(min_value=100, max_value=30_000, places=0),
    st.one_of(st.none(), st.decimals(min_value="0.01", max_value="0.9", places=3)),
    st.decimals(min_value="0.005", max_value="0.12", places=3),
    st.decimals(min_value="0.9", max_value="1.1", places=3),
)
def test_a_stop_is_never_beyond_liquidation_and_a_reduction_makes_it_fit(contracts, balance, venue_frac, sigma, anchor):
    direction = 1 if contracts > 0 else -1
    price = None if venue_frac is None else 50_000 * (1 - direction * venue_frac)
    position = make_position(BTC, contracts, 50_000, liquidation_price=price)

    plan = plan_for(position, balance=balance, sigmas={Asset("BTC"): sigma}, anchors={Asset("BTC"): 50_000 * anchor})

    own = _own_distance(contracts, balance)
    known = [frac for frac in (own, venue_frac) if frac is not None]
    (stop,) = plan.stops
    assert (stop.contracts, stop.side) == (abs(contracts), Side.SELL if contracts > 0 else Side.BUY)
    for bound in (stop.trigger_price, stop.acceptable_low if direction > 0 else stop.acceptable_high):
        away = (50_000 - bound) * direction / dec(50_000)
        assert away <= max(0, min(known)) * dec("0.8") + dec("1e-15")
    needed = min(dec("0.9"), 3 * sigma / dec("0.8"))
    assert bool(plan.reductions) is (min(known) < needed)
    for reduction in plan.reductions:
        gone = reduction.leg.contracts
        assert 0 < gone <= abs(contracts)
        assert reduction.leg.reduce_only
        assert reduction.ceiling.max_delta_base == abs(contracts) - gone
        if gone < abs(contracts):
            assert _own_distance(contracts + -direction * gone, balance) >= needed - dec("1e-15")


def _own_distance(contracts, balance):
    account = make_account(positions=[make_position(BTC, contracts, 50_000)], margins=[make_margin("USDT", balance)])
    (wallet,) = wallets_of(account, {LEG: BTC}, {LEG: make_quote(BTC, 50_000)})
    frac = joint_liquidation_frac(wallet)
    assert frac is not None
    return frac


# --- what is left out --------------------------------------------------------------------------


def test_reserved_symbols_have_no_stop_of_ours():
    foreign = make_position(make_instrument("BTC", symbol=Symbol("MINE")), 1, 50_000)

    assert plan_for(foreign).stops == ()


def test_a_position_without_terms_is_named_and_the_others_are_protected():
    unknown = make_position(make_instrument("SOL"), 1, 100)

    plan = plan_for(unknown, _short())

    assert [stop.symbol for stop in plan.stops] == [BTC.symbol]
    assert plan.unstoppable == (((VENUE, unknown.symbol), "SOL/USDT:USDT has no terms or no price"),)


def test_a_position_without_a_price_is_named():
    plan = plan_for(make_position(ETH, 1, 2500), quotes={(VENUE, ETH.symbol): None})

    assert plan.unstoppable == (((VENUE, ETH.symbol), "ETH/USDT:USDT has no terms or no price"),)


def test_a_position_without_a_margin_account_is_protected_by_the_venue_s_number():
    plan = plan_for(_short(liquidation_price=dec(60_000)), margins=[])

    assert _trigger(plan) == 57_600
    assert not plan.warnings


def test_a_position_of_which_nothing_is_known_is_protected_all_the_same_and_said():
    plan = plan_for(_short(), margins=[])

    assert _trigger(plan) == 62_500
    assert plan.warnings == ("paper gives no liquidation price for BTC/USDT:USDT; ours is used",)


# --- doubts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balance", "price", "warns"),
    [
        # 1,000 on a short of 5,000: 59,701.49 by our formula.
        (1000, "59701", False),
        (1000, "64000", False),
        (1000, "65000", True),
        (1000, "54000", True),
        (1000, None, True),
        # Far away for both.
        (100_000, None, False),
        (100_000, "1000000", False),
    ],
)
def test_a_venue_s_number_that_is_missing_or_contradicts_ours_is_told(balance, price, warns):
    plan = plan_for(_short(liquidation_price=None if price is None else dec(price)), balance=balance)

    assert bool(plan.warnings) is warns


def test_a_missing_number_is_told_only_of_legs_that_can_be_liquidated_alone():
    """5,000 carry 2,500 of BTC through a doubling and 5,000 of ETH not quite; together they do not get half as far."""
    plan = plan_for(_short("-0.05"), make_position(ETH, -2, 2500), balance=5000)

    assert plan.warnings == ("paper gives no liquidation price for ETH/USDT:USDT; ours is used",)


def test_a_covered_short_needs_no_liquidation_price():
    plan = plan_for(make_position(INVERSE, -10, 50_000), margins=[make_margin("BTC", "0.02")])

    assert not plan.warnings
    assert _trigger(plan) == 62_500


# --- reductions --------------------------------------------------------------------------------


def test_a_leg_whose_stop_would_stand_within_noise_is_made_smaller():
    """Liquidation 19.4 % away, buffered 15.5 %; three σ of 6 % are 18 %: it must be 22.5 % away, and a tenth more.

    At a rise of 24.75 % a short of N loses 0.2475 N and needs 0.005 × 1.2475 N: 1,000 carry N = 3,941.08, which is
    0.0788 BTC to the lot.
    """
    plan = plan_for(_short(), balance=1000, sigmas={Asset("BTC"): dec("0.06")})

    (reduction,) = plan.reductions
    leg, ceiling = reduction.leg, reduction.ceiling
    assert (leg.side, leg.contracts, leg.reduce_only) == (Side.BUY, dec("0.0212"), True)
    assert (leg.amount_base, leg.notional_quote) == (dec("0.0212"), 1060)
    assert (ceiling.cause, ceiling.max_delta_base) == ("stop_floor", dec("0.0788"))
    assert ceiling.release_at == NOW + timedelta(hours=24)
    assert plan.shrinking == {"BTC"}


def test_a_cut_is_not_followed_by_another_at_the_next_tick():
    position, sigmas = _short(), {Asset("BTC"): dec("0.06")}
    (reduction,) = plan_for(position, balance=1000, sigmas=sigmas).reductions
    left = position.contracts + reduction.leg.contracts
    risen = make_quote(BTC, 50_500)

    after = plan_for(_short(left), balance=1000 + 500 * left, sigmas=sigmas, quotes={LEG: risen})

    assert not after.reductions


def test_the_room_that_stops_need_is_that_of_the_wildest_leg_of_ours():
    """Three σ, buffered by a fifth; what is not known is 5 %, and a reserved symbol has no stop of ours."""
    legs = (make_position(BTC, 1, 50_000), make_position(ETH, 1, 2500))
    account = make_account(positions=legs, margins=[make_margin("USDT", 1000)])
    (wallet,) = wallets_of(
        account,
        {(VENUE, one.symbol): one for one in (BTC, ETH)},
        {(VENUE, one.symbol): make_quote(one, 2500) for one in (BTC, ETH)},
    )
    ours, reserved = (
        make_policy({"BTC": "1"}, foreign_symbols=foreign) for foreign in (frozenset(), frozenset({ETH.symbol}))
    )
    wild_eth = {Asset("BTC"): dec("0.02"), Asset("ETH"): dec("0.08")}

    assert needed_room_frac(wallet, wild_eth, ours) == dec("0.3")
    assert needed_room_frac(wallet, wild_eth, reserved) == dec("0.075")
    assert needed_room_frac(wallet, {Asset("BTC"): None}, ours) == dec("0.1875")
    assert needed_room_frac(wallet, {Asset("BTC"): dec(1)}, ours) == dec("0.9")


def test_without_a_margin_account_the_venue_s_number_says_how_much_must_go():
    """10 % away where 18.75 % are needed, and a tenth more: what stays is 10/20.625 of it."""
    plan = plan_for(_short(liquidation_price=dec(55_000)), margins=[], sigmas={Asset("BTC"): dec("0.05")})

    (reduction,) = plan.reductions
    assert reduction.leg.contracts == dec("0.0516")


@pytest.mark.parametrize(("liquidation", "balance"), [("50000", 100_000), ("49000", 100_000), (None, -5)])
def test_a_leg_at_or_past_liquidation_goes_whole(liquidation, balance):
    plan = plan_for(_short(liquidation_price=None if liquidation is None else dec(liquidation)), balance=balance)

    assert [one.leg.contracts for one in plan.reductions] == [dec("0.1")]


@pytest.mark.parametrize("liquidation", ["40000", "-70000"])
def test_a_liquidation_price_on_the_side_that_wins_is_none(liquidation):
    told = plan_for(_short(liquidation_price=dec(liquidation)), balance=100_000)
    none = plan_for(_short(liquidation_price=None), balance=100_000)

    assert told.reductions == ()
    assert [one.trigger_price for one in told.stops] == [one.trigger_price for one in none.stops]


def test_what_one_leg_gives_up_makes_room_for_the_others():
    """ETH needs liquidation further away than BTC: once ETH has shrunk enough, BTC may stay."""
    sigmas = {Asset("BTC"): dec("0.045"), Asset("ETH"): dec("0.08")}
    plan = plan_for(_short(), make_position(ETH, -4, 2500), balance=2400, sigmas=sigmas)

    assert [one.leg.instrument.asset for one in plan.reductions] == ["ETH"]


def test_each_leg_gives_up_what_is_still_needed():
    sigmas = {Asset("BTC"): dec("0.2"), Asset("ETH"): dec("0.21")}
    plan = plan_for(_short("-0.3"), make_position(ETH, "-0.4", 2500), balance=1000, sigmas=sigmas)

    assert [(one.leg.instrument.asset, one.leg.contracts < dec("0.3")) for one in plan.reductions] == [
        ("ETH", False),
        ("BTC", True),
    ]


def test_longs_and_shorts_of_a_coin_shrink_step_by_step():
    """Their formula is on the safe side, so the last steps are lots: what is not enough goes on at the next pass."""
    positions = [make_position(INVERSE, 100, 50_000), make_position(_OTHER, -100, 50_000)]

    plan = plan_for(*positions, margins=[make_margin("BTC", "0.03")])

    assert [one.leg.contracts for one in plan.reductions] == [31, 4]


def test_a_leg_that_protection_shrinks_is_not_rebalanced_in_the_same_look():
    account = make_account([make_balance("BTC", "0.2")], [_short("-0.1")], [make_margin("USDT", 800)])
    snapshot = make_snapshot(account, linear_market("BTC"), histories=[make_history("BTC", "0.06")])

    decision = decide_now(snapshot, make_policy({"BTC": "1"}, bands=to_target()))

    assert [one.leg.instrument for one in decision.reductions] == [BTC]
    assert not decision.legs
    assert rules_of(decision, "BTC") == {Rule.CEILING}
    assert decision.lines[0].residual_quote == 5000


# --- after a stop ------------------------------------------------------------------------------


def test_a_stop_out_leaves_a_ceiling_at_what_remains():
    ceiling = ceiling_after_stop_out(
        instrument=INVERSE,
        remaining_contracts=dec(-10),
        mark_price=dec(50_000),
        policy=make_policy({"BTC": "1"}),
        now=NOW,
        closed_at=NOW - timedelta(minutes=1),
        cause="stop_out",
        source="fill/paper/x/1",
    )

    assert ceiling == CeilingSet(
        at=NOW,
        asset=Asset("BTC"),
        cause="stop_out",
        max_delta_base=dec("0.02"),
        release_at=NOW + timedelta(hours=24),
        why="BTC/USD:BTC was closed at 50000 without a look",
        source="fill/paper/x/1",
    )


def test_a_ceiling_does_not_end_early_because_this_machines_clock_was_behind():
    ceiling = ceiling_after_stop_out(
        instrument=INVERSE,
        remaining_contracts=dec(0),
        mark_price=dec(50_000),
        policy=make_policy({"BTC": "1"}),
        now=NOW,
        closed_at=NOW + timedelta(hours=1),
        cause="forced",
        source="fill/paper/x/1",
    )
    assert (ceiling.at, ceiling.release_at) == (NOW, NOW + timedelta(hours=25))


@pytest.mark.parametrize(
    ("contracts", "words"),
    [("0.02", ("a short of 0.02 BTC", "larger")), ("-0.02", ("a long of 0.02 BTC", "smaller"))],
)
def test_a_stop_out_names_what_it_has_done_to_net_exposure(contracts, words):
    sentence = tell_stop_out(BTC, Decimal(contracts), dec(62_500))

    assert words[0] in sentence
    assert f"(1250 USDT) {words[1]}" in sentence
