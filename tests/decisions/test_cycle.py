"""The whole decision: its story, its facts, and what must hold of every plan."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decisions.cycle import decide
from bot.domain.books import Books, Correction
from bot.domain.events import CeilingReleased, CorrectionEnded, CorrectionStarted, HoldingsAccepted, WalletAnchored
from bot.domain.ids import Asset
from bot.domain.plan import Rule
from bot.domain.policy import BandPolicy, Destination, TradingState
from bot.domain.portfolio import WalletKind
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
from tests.decisions.market import (
    BTC,
    LINEAR,
    PRICES,
    TARGETS,
    coins_worth,
    decide_now,
    line_of,
    linear_market,
    orders_of,
    rules_of,
    signed,
    snapshot_worth,
    three_assets,
    to_target,
)
from tests.decisions.test_ceilings import books_with, ceiling

HALF = BandPolicy(total_frac=None)


def _facts(decision, kind):
    return [fact for fact in decision.facts if isinstance(fact, kind)]


# --- the story ---------------------------------------------------------------------------------


def test_an_asset_inside_its_band_is_told_so():
    decision = decide_now(snapshot_worth({"BTC": 5000, "ETH": 3000, "SOL": 2000}))

    assert {line.reason for line in decision.lines} == {"inside its band"}
    assert not decision.legs
    assert not decision.refusals


def test_every_line_tells_what_is_done_or_why_not():
    books = Books(trading_state=TradingState.REDUCE_ONLY)
    done = decide_now(snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}))
    denied = decide_now(snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}, books=books))

    assert line_of(done, "BTC").reason == "sell 0.02 BTC/USDT:USDT"
    assert line_of(denied, "BTC").reason == "reduce_only: exposure is not increased"


def test_positions_have_their_stops_in_the_decision():
    decision = decide_now(
        snapshot_worth({"BTC": 6000, "ETH": 3000, "SOL": 2000}, [make_position(BTC, "-0.02", 50_000)])
    )

    assert [(stop.symbol, stop.trigger_price) for stop in decision.stops] == [(BTC.symbol, 62_500)]


def test_an_account_without_positions_asks_for_no_stops():
    assert decide_now(snapshot_worth({"BTC": 5000, "ETH": 3000, "SOL": 2000})).stops == ()


def test_the_first_look_anchors_holdings_and_wallets():
    account = make_account(
        [
            *coins_worth({"BTC": 5000, "ETH": 3000, "SOL": 2000}),
            make_balance("USDT", 6000, wallet=WalletKind.LINEAR_FUTURES),
        ]
    )

    decision = decide_now(snapshot_worth({}, account=account))

    assert [fact.how for fact in _facts(decision, HoldingsAccepted)] == ["start"]
    assert [fact.baseline for fact in _facts(decision, WalletAnchored)] == [6000]
    assert not decision.questions


def test_a_ceiling_that_has_run_out_is_released_and_not_obeyed():
    books = books_with(ceiling("0", release_at=NOW))

    decision = decide_now(snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}, books=books))

    assert [fact.asset for fact in _facts(decision, CeilingReleased)] == ["BTC"]
    assert orders_of(decision)["BTC"] == ("sell", 1000)


# --- corrections -------------------------------------------------------------------------------


def _corrected(btc, *, corrections=None, bands=HALF, state=TradingState.NORMAL):
    begun = {asset: Correction(first_gap=gap) for asset, gap in (corrections or {}).items()}
    books = Books(corrections=begun, trading_state=state)
    policy = make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=bands)
    return decide_now(snapshot_worth({"BTC": btc, "ETH": 10_000 - btc}, books=books), policy)


def _told(decision):
    return [
        (fact.asset, fact.gap if isinstance(fact, CorrectionStarted) else fact.why)
        for fact in decision.facts
        if isinstance(fact, CorrectionStarted | CorrectionEnded)
    ]


def test_leaving_the_band_starts_a_correction():
    assert _told(_corrected(5600)) == [("BTC", dec("0.06")), ("ETH", dec("-0.06"))]


def test_a_correction_goes_on_inside_the_band_until_it_is_there():
    open_ones = {Asset("BTC"): dec("0.06"), Asset("ETH"): dec("-0.06")}

    decision = _corrected(5400, corrections=open_ones)
    assert orders_of(decision) == {"BTC": ("sell", 150), "ETH": ("buy", 150)}
    assert _told(decision) == []

    assert _told(_corrected(5250, corrections=open_ones)) == [("BTC", "arrived"), ("ETH", "arrived")]


def test_a_correction_ends_when_less_than_the_smallest_order_is_left():
    """254 over with 250 as the destination: 4 dollars, where 5 are the least."""
    open_ones = {Asset("BTC"): dec("0.06")}

    decision = _corrected(5254, corrections=open_ones)

    assert ("BTC", "arrived") in _told(decision)
    assert rules_of(decision, "BTC") == {Rule.BELOW_MINIMUM}


def test_a_correction_ends_when_the_gap_changes_sides():
    decision = _corrected(4600, corrections={Asset("BTC"): dec("0.06")})

    assert ("BTC", "the gap changed sides") in _told(decision)
    assert not decision.legs


def test_an_asset_without_a_contract_starts_no_correction():
    market = [(make_instrument("BTC", expires_at=NOW), make_quote(BTC, 50_000)), *linear_market("ETH")]
    policy = make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=HALF)

    decision = decide_now(snapshot_worth({"BTC": 6000, "ETH": 4000}, market=market), policy)

    assert [asset for asset, _ in _told(decision)] == ["ETH"]


def test_a_speck_of_an_asset_without_a_target_starts_nothing():
    policy = make_policy({"BTC": "1", "SOL": "0"}, bands=HALF)

    decision = decide_now(snapshot_worth({"BTC": 9999, "SOL": 1}), policy)

    assert line_of(decision, "SOL").is_outside_band
    assert _told(decision) == []


# --- what must hold of every plan --------------------------------------------------------------

worths = st.integers(0, 20_000).map(Decimal)
sizes = st.decimals(min_value=-2, max_value=2, places=2)


@st.composite
def snapshots(draw):
    """Draw coins, positions, collateral, ceilings and histories."""
    worth = {asset: draw(worths) for asset in PRICES}
    worth["BTC"] += 500
    positions = [
        make_position(
            instrument, signed_worth * 500 / PRICES[asset] // instrument.lot_size * instrument.lot_size, PRICES[asset]
        )
        for asset, instrument in LINEAR.items()
        if (signed_worth := draw(sizes)) and abs(signed_worth) > Decimal("0.1")
    ]
    collateral = draw(st.integers(0, 20_000))
    books = Books(
        corrections={
            Asset(asset): Correction(first_gap=draw(st.sampled_from([dec("0.06"), dec("-0.06")])))
            for asset in draw(st.sets(st.sampled_from(list(PRICES))))
        },
        ceilings=books_with(ceiling(draw(st.decimals(min_value=0, max_value=1, places=3)))).ceilings
        if draw(st.booleans())
        else {},
        trading_state=draw(st.sampled_from(list(TradingState))),
    )
    mark = draw(st.decimals(min_value="0.98", max_value="1.02", places=3))
    market = [(one, make_quote(one, PRICES[asset], mark_price=PRICES[asset] * mark)) for asset, one in LINEAR.items()]
    histories = [make_history("BTC", "0.04")] if draw(st.booleans()) else []
    account = make_account(coins_worth(worth), positions, [make_margin("USDT", collateral)])
    return make_snapshot(account, market, books=books, histories=histories)


policies = st.builds(
    lambda destination, total: three_assets(
        bands=BandPolicy(destination=destination, total_frac=None if total is None else dec(total))
    ),
    st.sampled_from(list(Destination)),
    st.sampled_from([None, "0.02", "0.001"]),
)


@settings(max_examples=120)
@given(snapshots(), policies)
def test_a_plan_never_increases_a_gap_never_flips_and_never_exceeds_a_ceiling(snapshot, policy):
    decision = decide(snapshot, policy, NOW)
    value = decision.valuation.portfolio_value_quote

    for line in decision.lines:
        legs = [leg for leg in decision.legs if leg.instrument.asset == line.asset]
        change = signed(legs) * line.index_price / value
        # Never further from the target, on either side.
        assert abs(line.gap + change) <= abs(line.gap) + dec("1e-20")
        # What is done and what is carried make up the need.
        # (A trimmed leg's amount is a quotient, good to 28 digits.)
        carried = line.hedge_need_quote - signed(legs) * line.index_price
        assert abs(line.residual_quote - carried) < dec("1e-15")
        for leg in legs:
            position = snapshot.position(VENUE, leg.instrument.symbol)
            held = dec(0) if position is None else position.contracts
            assert leg.contracts % leg.instrument.lot_size == 0 or leg.contracts == abs(held)
            if leg.reduce_only:
                assert held * leg.side.sign < 0
                assert leg.contracts <= abs(held)
        bound = snapshot.books.ceilings.get((line.asset, "stop_out"))
        if bound is not None and any(not leg.reduce_only for leg in legs):
            assert abs(line.futures_delta_base + signed(legs)) <= bound.max_delta_base
    assert [leg.reduce_only for leg in decision.legs] == sorted(
        (leg.reduce_only for leg in decision.legs), reverse=True
    )
    if decision.trading_state is TradingState.HALTED:
        assert not decision.legs
    if decision.trading_state is TradingState.REDUCE_ONLY:
        assert all(leg.reduce_only for leg in decision.legs)


@settings(max_examples=40)
@given(snapshots(), policies)
def test_the_same_inputs_make_the_same_decision(snapshot, policy):
    assert decide(snapshot, policy, NOW) == decide(replace(snapshot), replace(policy), NOW)


@settings(max_examples=60)
@given(snapshots())
def test_more_collateral_never_carries_less(snapshot):
    account = snapshot.accounts[VENUE]
    richer = replace(account, margins=(make_margin("USDT", account.margins[0].margin_balance + 5000),))
    policy = three_assets()

    poor = decide(snapshot, policy, NOW)
    rich = decide(replace(snapshot, accounts={VENUE: richer}), policy, NOW)

    if not poor.reductions:
        assert rich.capacity_short_quote <= poor.capacity_short_quote
        opened = [
            sum((leg.notional_quote for leg in one.legs if not leg.reduce_only), Decimal(0)) for one in (poor, rich)
        ]
        assert opened[0] <= opened[1]


@settings(max_examples=60)
@given(snapshots())
def test_total_exposure_ends_within_its_band_where_nothing_is_in_the_way(snapshot):
    snapshot = replace(
        snapshot,
        books=Books(),
        accounts={VENUE: replace(snapshot.accounts[VENUE], margins=(make_margin("USDT", 10**7),))},
    )
    policy = make_policy(
        {asset: "0" if asset == "SOL" else weight for asset, weight in TARGETS.items()},
        bands=to_target(absolute_frac=dec("0.05"), total_frac=dec("0.02")),
    )

    decision = decide(snapshot, policy, NOW)

    if not decision.refusals:
        value = decision.valuation.portfolio_value_quote
        total = sum(line.gap + (line.hedge_need_quote - line.residual_quote) / value for line in decision.lines)
        largest_lot = dec(5) / value
        assert abs(total) <= dec("0.02") + 3 * largest_lot


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=8)])
def test_a_look_without_a_fresh_history_still_protects(age):
    history = make_history("BTC")
    snapshot = snapshot_worth({"BTC": 6000}, [make_position(BTC, "-0.02", 50_000)], histories=[history])

    decision = decide(snapshot, make_policy({"BTC": "1"}, bands=to_target()), NOW + age)

    assert len(decision.stops) == 1
