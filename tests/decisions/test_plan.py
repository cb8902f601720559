"""Gaps become needs, needs become legs."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.drift import Drift
from bot.decisions.exposure import measure_exposure
from bot.decisions.instrument_choice import choose_instruments
from bot.decisions.plan import needs_quote, wanted_gaps
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import ContractKind
from bot.domain.plan import Rule
from bot.domain.policy import BandPolicy
from tests.builders import (
    dec,
    make_account,
    make_balance,
    make_instrument,
    make_margin,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)
from tests.decisions.market import (
    BTC,
    decide_now,
    line_of,
    linear_market,
    orders_of,
    rules_of,
    snapshot_worth,
    three_assets,
    to_target,
)

INVERSE = make_instrument("BTC", inverse=True)


def _drift(asset, gap, target="0.3", *, band="0.05", destination="0", is_hedgeable=True):
    gap, target = dec(gap), dec(target)
    return Drift(
        asset=Asset(asset),
        weight=target + gap,
        target_weight=target,
        band=dec(band),
        destination_gap=dec(destination),
        is_correcting=False,
        is_hedgeable=is_hedgeable,
        exposure_quote=(target + gap) * 10_000,
    )


def _wanted(*drifts, total="0.02"):
    bands = BandPolicy(total_frac=None if total is None else dec(total))
    return {str(asset): gap for asset, gap in wanted_gaps(drifts, bands).items()}


# --- total exposure ----------------------------------------------------------------------------


def test_without_the_rule_assets_inside_their_bands_stay():
    assert _wanted(_drift("A", "0.04"), _drift("B", "0.04"), total=None) == {"A": dec("0.04"), "B": dec("0.04")}


def test_exactly_on_the_total_band_nothing_is_done():
    assert _wanted(_drift("A", "0.01"), _drift("B", "0.01")) == {"A": dec("0.01"), "B": dec("0.01")}


def test_the_largest_relative_gap_moves_first_and_total_stops_a_tenth_inside():
    """0.03 + 0.04 are 0.07 over; 0.052 have to go: B is further off for its target, then A."""
    wanted = _wanted(_drift("A", "0.04", "0.5"), _drift("B", "0.03", "0.2"))

    assert wanted == {"A": dec("0.018"), "B": 0}
    assert sum(wanted.values()) == dec("0.02") * dec("0.9")


def test_assets_on_the_other_side_do_not_move():
    assert _wanted(_drift("A", "-0.04"), _drift("B", "-0.03"), _drift("C", "0.02")) == {
        "A": dec("-0.008"),
        "B": dec("-0.03"),
        "C": dec("0.02"),
    }


def test_an_asset_without_a_target_has_the_largest_relative_gap():
    assert _wanted(_drift("A", "0.04", "0.1"), _drift("B", "0.01", "0"))["B"] == 0


def test_what_cannot_be_traded_weighs_on_the_total_and_stays():
    """A is over-weight and out of reach; its 0.06 are offset by what B can give, no more."""
    wanted = _wanted(_drift("A", "0.06", is_hedgeable=False), _drift("B", "0.01"), _drift("C", "-0.01"))

    assert wanted == {"A": 0, "B": 0, "C": dec("-0.01")}


gaps = st.decimals(min_value="-0.2", max_value="0.2", places=4)


@given(st.lists(st.tuples(gaps, st.sampled_from(["0", "0.1", "0.5"]), st.booleans()), min_size=1, max_size=5))
def test_the_total_rule_moves_nothing_past_its_target_and_nothing_away_from_it(assets):
    drifts = [
        _drift(str(number), gap, target, is_hedgeable=is_hedgeable)
        for number, (gap, target, is_hedgeable) in enumerate(assets)
    ]

    alone, together = _wanted(*drifts, total=None), _wanted(*drifts)

    for asset, wanted in together.items():
        assert wanted * alone[asset] >= 0
        assert abs(wanted) <= abs(alone[asset])


def test_a_need_is_exact_where_a_weight_is_not():
    """6,000 of 9,300 is 64.5161… %; the need to a half is 1,350 all the same."""
    drift = Drift(
        asset=Asset("A"),
        weight=Decimal(6000) / 9300,
        target_weight=dec("0.5"),
        band=dec("0.05"),
        destination_gap=dec(0),
        is_correcting=False,
        is_hedgeable=True,
        exposure_quote=dec(6000),
    )

    assert needs_quote((drift,), {drift.asset: dec(0)}, dec(9300)) == {"A": -1350}
    assert needs_quote((drift,), {drift.asset: drift.gap}, dec(9300)) == {"A": 0}


# --- legs --------------------------------------------------------------------------------------


def _told(decision):
    return [(leg.instrument.symbol, leg.side.value, leg.contracts, leg.reduce_only) for leg in decision.legs]


def test_an_opposite_position_is_reduced_before_anything_is_opened():
    """0.16 BTC less a short of 0.02: 7,000 of 8,000 with a target of 7,400."""
    snapshot = snapshot_worth({"BTC": 8000}, [make_position(BTC, "-0.02", 50_000)], market=linear_market("BTC"))
    policy = make_policy({"BTC": "0.925"}, bands=to_target())

    decision = decide_now(snapshot, policy)

    assert _told(decision) == [(BTC.symbol, "buy", dec("0.008"), True)]


def test_a_flip_is_two_legs_and_the_reducing_one_comes_first():
    """Long 0.02 must become short 0.02: the leg of ETH, which opens, waits for the leg of BTC, which closes."""
    snapshot = snapshot_worth(
        {"ETH": 4000, "BTC": 6000}, [make_position(BTC, "0.02", 50_000)], market=linear_market("ETH", "BTC")
    )
    policy = make_policy({"ETH": "0.5", "BTC": "0.5"}, bands=to_target())

    decision = decide_now(snapshot, policy)

    assert [(side, contracts, reduces) for _, side, contracts, reduces in _told(decision)] == [
        ("sell", dec("0.02"), True),
        ("buy", dec("0.4"), False),
        ("sell", dec("0.02"), False),
    ]


def test_positions_in_contracts_that_would_not_be_chosen_are_reduced_too():
    old = make_instrument("BTC", inverse=True, symbol=Symbol("BTC/USD:BTC-old"))
    market = [*linear_market("BTC"), (old, make_quote(old, 50_000))]
    account = make_account(
        [make_balance("BTC", "0.1")],
        [make_position(old, 10, 50_000), make_position(BTC, "0.01", 50_000)],
        [make_margin(), make_margin("BTC", 1)],
    )
    policy = make_policy({"BTC": "0.9"}, bands=to_target())

    decision = decide_now(make_snapshot(account, market), policy)

    # 0.13 BTC net against 0.09: first what is in the older contract, 0.02; then 0.01 here, then 0.01 short.
    assert _told(decision) == [
        (old.symbol, "sell", dec(10), True),
        (BTC.symbol, "sell", dec("0.01"), True),
        (BTC.symbol, "sell", dec("0.01"), False),
    ]


def test_reserved_symbols_are_neither_reduced_nor_chosen():
    account = make_account([make_balance("BTC", "0.1")], [make_position(BTC, "0.05", 50_000)])
    policy = make_policy({"BTC": "0.5"}, bands=to_target(), foreign_symbols=frozenset({BTC.symbol}))

    decision = decide_now(make_snapshot(account, linear_market("BTC")), policy)

    assert not decision.legs
    assert rules_of(decision, "BTC") == {Rule.UNHEDGEABLE}
    assert not decision.stops


def test_a_need_that_ends_within_a_position_opens_nothing_against_it():
    """400 dollars of need against 500 of position whose largest order is 0.004: one reducing leg, no opening one."""
    small = make_instrument("BTC", max_contracts=dec("0.004"))
    account = make_account([make_balance("BTC", "0.1")], [make_position(small, "0.01", 50_000)])

    decision = decide_now(
        make_snapshot(account, [(small, make_quote(small, 50_000))]), make_policy({"BTC": "0.5"}, bands=to_target())
    )

    assert [(leg.contracts, leg.reduce_only) for leg in decision.legs] == [(dec("0.004"), True)]
    assert line_of(decision, "BTC").residual_quote == -2800


@pytest.mark.parametrize(
    ("held", "largest", "opened"),
    [
        ("-0.02", "0.03", ["0.01"]),
        ("-0.03", "0.03", []),
        ("-0.04", "0.03", []),
        ("-0.02", "0.05", ["0.03"]),
    ],
)
def test_a_position_does_not_grow_beyond_what_one_stop_can_close(held, largest, opened):
    small = make_instrument("BTC", max_contracts=dec(largest))
    account = make_account([make_balance("BTC", "0.1")], [make_position(small, held, 50_000)])

    decision = decide_now(
        make_snapshot(account, [(small, make_quote(small, 50_000))]), make_policy({"BTC": "0.5"}, bands=to_target())
    )

    assert [leg.contracts for leg in decision.legs if not leg.reduce_only] == [dec(one) for one in opened]
    assert (Rule.ORDER_SIZE in rules_of(decision, "BTC")) is (largest == "0.03")


def test_a_need_of_less_than_a_lot_reduces_nothing():
    coarse = make_instrument("BTC", lot_size=dec("0.02"), min_contracts=dec("0.02"))
    account = make_account([make_balance("BTC", "0.1")], [make_position(coarse, "0.1", 50_000)])

    decision = decide_now(
        make_snapshot(account, [(coarse, make_quote(coarse, 50_000))]), make_policy({"BTC": "1.9"}, bands=to_target())
    )

    assert not decision.legs
    assert rules_of(decision, "BTC") == {Rule.BELOW_MINIMUM}


def test_a_need_below_the_minimum_is_carried_and_said():
    coarse = make_instrument("BTC", min_notional_quote=dec(2000))
    market = [(coarse, make_quote(coarse, 50_000)), *linear_market("ETH", "SOL")]
    snapshot = snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}, market=market)

    decision = decide_now(snapshot)

    assert orders_of(decision) == {"ETH": ("buy", 500), "SOL": ("buy", 500)}
    assert rules_of(decision, "BTC") == {Rule.BELOW_MINIMUM}
    assert line_of(decision, "BTC").residual_quote == -1000


def test_an_asset_without_a_contract_is_unhedgeable_and_the_others_keep_their_targets():
    policy = three_assets(asset_contract_kinds={Asset("BTC"): (ContractKind.INVERSE,)})

    decision = decide_now(snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}), policy)

    assert orders_of(decision) == {"ETH": ("buy", 500), "SOL": ("buy", 500)}
    assert rules_of(decision, "BTC") == {Rule.UNHEDGEABLE}


def test_contracts_that_expire_are_not_chosen_and_kinds_and_names_decide():
    later = make_instrument("BTC", symbol=Symbol("BTC/USDT:USDT-X"))
    market = [(later, make_quote(later, 50_000)), (INVERSE, make_quote(INVERSE, 50_000)), *linear_market("BTC")]
    account = make_account([make_balance("BTC", "0.1")], margins=[make_margin(), make_margin("BTC", 1)])

    def chosen(kinds):
        policy = make_policy({"BTC": "0.5"}, bands=to_target(), contract_kinds=kinds)
        return decide_now(make_snapshot(account, market), policy).legs[0].instrument.symbol

    assert chosen((ContractKind.LINEAR, ContractKind.INVERSE)) == BTC.symbol
    assert chosen((ContractKind.INVERSE, ContractKind.LINEAR)) == INVERSE.symbol


@pytest.mark.parametrize("names", ["xy", "yx"])
def test_the_venue_that_is_configured_first_opens_the_hedge(names):
    """Its name plays no part, nor does the order in which the contracts are listed."""
    by_venue = {name: make_instrument("BTC", venue=VenueId(name)) for name in "xy"}
    snapshot = make_snapshot(
        make_account(venue=VenueId("x")), [(one, make_quote(one, 50_000)) for one in by_venue.values()]
    )
    coins = [make_balance("BTC", 1)]
    both = replace(snapshot, accounts={VenueId(name): make_account(coins, venue=VenueId(name)) for name in names})
    policy = make_policy({"BTC": "1"})

    choice = choose_instruments(both, policy, measure_exposure(both, policy), both.at)

    assert choice.chosen == {"BTC": by_venue[names[0]]}


@pytest.mark.parametrize("price", ["50000", "61234.56"])
def test_the_notional_of_a_leg_is_at_the_index(price):
    market = [(BTC, make_quote(BTC, price, mark_price=dec(price) * dec("1.01"))), *linear_market("ETH", "SOL")]

    decision = decide_now(snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}, market=market))

    leg = next(leg for leg in decision.legs if leg.instrument is BTC)
    assert leg.notional_quote == leg.contracts * dec(price)
