"""Whether a trade is worth what it costs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.cost_gate import TradeCost, benefit_quote, is_worth_it, trade_cost_quote
from bot.domain.orders import Side
from bot.domain.plan import HedgeLeg
from bot.domain.policy import CostGatePolicy
from tests.builders import NOW, dec, make_funding, make_instrument, make_quote
from tests.decisions.market import BTC

GATE = CostGatePolicy()
DAYS_30 = timedelta(days=30)
SIGMA = dec("0.02")


def leg_of(contracts: str = "1", side: Side = Side.SELL, **changes: Any) -> HedgeLeg:
    """Return a leg in BTC at 50,000."""
    values: dict[str, Any] = {
        "instrument": BTC,
        "side": side,
        "contracts": dec(contracts),
        "amount_base": dec(contracts),
        "notional_quote": dec(contracts) * 50_000,
        "reduce_only": False,
        "expected_cost_bps": dec(5),
        "limit_price": dec(50_000),
        "index_price": dec(50_000),
        "reason": "opens the hedge",
    }
    return HedgeLeg(**{**values, **changes})


def cost_of(leg: HedgeLeg, rate: str | None = "0", *, sigma: Decimal | None = SIGMA, **quote: Any) -> TradeCost:
    """Return what a leg costs at a quote around 50,000."""
    return trade_cost_quote(
        leg,
        make_quote(BTC, 50_000, **quote),
        None if rate is None else make_funding(BTC, rate),
        sigma_daily=sigma,
        horizon=DAYS_30,
    )


def costing(fee: Decimal | str | int, **changes: Any) -> TradeCost:
    """Return the cost of a leg that opens, all of it fee."""
    values: dict[str, Any] = {
        "fee": Decimal(fee),
        "half_spread": dec(0),
        "impact": dec(0),
        "carry": dec(0),
        "reduce_only": False,
    }
    return TradeCost(**{**values, **changes})


def judge(before: Decimal, after: Decimal, *costs: TradeCost, **changes: Any) -> tuple[bool, str]:
    """Judge a trade of 10,000 dollars at 60 % a year, in a band of five points."""
    values: dict[str, Any] = {
        "band": dec("0.05"),
        "costs": costs,
        "sigma_annual": dec("0.6"),
        "value_quote": dec(10_000),
        "gate": GATE,
    }
    return is_worth_it(before, after, **{**values, **changes})


# --- cost --------------------------------------------------------------------------------------


def test_a_leg_costs_the_takers_fee_and_half_the_spread():
    cost = cost_of(leg_of(), bid_price=dec(49_990), ask_price=dec(50_010))

    assert (cost.fee, cost.half_spread, cost.impact, cost.carry) == (25, 10, 0, 0)
    assert cost.total == 35


@pytest.mark.parametrize(("side", "carry"), [(Side.BUY, 450), (Side.SELL, -450)])
def test_funding_is_carried_over_the_horizon_on_the_side_of_the_leg(side, carry):
    """One basis point every eight hours on 50,000 dollars: 5 dollars, 90 times in 30 days."""
    assert cost_of(leg_of(side=side), "0.0001").carry == carry


def test_carry_that_is_received_counts_as_zero():
    assert cost_of(leg_of(), "0.0001").total == cost_of(leg_of(), "0").total == 25


def test_a_leg_that_shrinks_a_position_carries_nothing():
    assert cost_of(leg_of(side=Side.BUY, reduce_only=True), None).carry == 0


def test_funding_that_is_not_known_is_not_zero():
    cost = cost_of(leg_of(), None)

    assert (cost.carry, cost.total) == (None, None)


def test_the_carry_of_a_dated_contract_is_not_known():
    dated = make_instrument("BTC", expires_at=NOW + DAYS_30)

    assert cost_of(leg_of(instrument=dated)).carry is None


@pytest.mark.parametrize(
    ("side", "contracts", "impact_frac"),
    [
        # Of the bid's 10 and the ask's 20: nothing within them.
        (Side.SELL, "10", "0"),
        (Side.BUY, "20", "0"),
        # A hundredth of a day's volume (14,400 and 28,800) beyond them: a tenth of σ.
        (Side.SELL, "154", "0.002"),
        (Side.BUY, "308", "0.002"),
        # A day's volume and more: σ.
        (Side.SELL, "14410", "0.02"),
        (Side.SELL, "99999", "0.02"),
    ],
)
def test_impact_follows_the_square_root_of_what_the_book_does_not_hold(side, contracts, impact_frac):
    leg = leg_of(contracts, side)

    cost = cost_of(leg, bid_contracts=dec(10), ask_contracts=dec(20))

    assert cost.impact == leg.notional_quote * dec(impact_frac)


def test_impact_without_depth_is_a_days_move():
    assert cost_of(leg_of(), bid_contracts=dec(0)).impact == 1000


def test_impact_beyond_the_book_is_not_known_without_a_sigma():
    inside, beyond = (cost_of(leg_of(size), sigma=None, bid_contracts=dec(10)) for size in ("10", "11"))

    assert (inside.impact, beyond.impact, beyond.total) == (0, None, None)


sizes = st.decimals(min_value="0.01", max_value=50_000, places=2)


@given(sizes, sizes, st.decimals(min_value=0, max_value=100, places=1))
def test_impact_never_falls_with_size(one, other, depth):
    small, large = (cost_of(leg_of(str(size)), bid_contracts=depth).impact / size for size in sorted((one, other)))

    assert small <= large <= 50_000 * SIGMA


# --- benefit -----------------------------------------------------------------------------------


def test_a_gap_that_closes_brings_what_the_formula_says():
    """½ × 4 × 0.36 × 0.0064 × 10,000 × 30 ÷ 365."""
    brings = benefit_quote(dec("0.08"), dec(0), sigma_annual=dec("0.6"), value_quote=dec(10_000), gate=GATE)

    assert abs(brings - dec("46.08") * 30 / 365) < dec("1e-20")


# --- verdict -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("fee", "is_worth"), [("3.78", True), ("3.79", False)])
def test_a_trade_is_made_when_it_brings_more_than_it_costs(fee, is_worth):
    """46.08 × 30 ÷ 365 is 3.787."""
    verdict = judge(dec("0.08"), dec(0), costing(fee))

    assert verdict == (is_worth, f"brings 3.79 USD over 30 days and costs {fee}")


def test_the_costs_of_all_legs_count():
    assert judge(dec("0.08"), dec(0), costing(2), costing(2, reduce_only=True))[0] is False


def test_what_only_shrinks_positions_is_never_blocked():
    legs = [costing(1000, reduce_only=True), costing(1000, reduce_only=True)]

    assert judge(dec("0.06"), dec("0.06"), *legs) == (True, "only shrinks positions")


@pytest.mark.parametrize(
    ("costs", "sigma"),
    [
        ((costing(1000, carry=None),), dec("0.6")),
        ((costing(1000, impact=None),), dec("0.6")),
        ((costing(1000), costing(1, carry=None)), dec("0.6")),
        ((costing(1000),), None),
    ],
)
def test_what_is_not_known_blocks_nothing(costs, sigma):
    verdict = judge(dec("0.06"), dec(0), *costs, sigma_annual=sigma)

    assert verdict == (True, "what it brings or costs is not known")


def test_exactly_twice_the_band_may_still_be_blocked():
    assert judge(dec("0.10"), dec(0), costing(1000))[0] is False


gaps = st.decimals(min_value="-0.5", max_value="0.5", places=4)
fees = st.decimals(min_value=0, max_value=500, places=2)


@given(gaps, gaps, fees, fees)
def test_more_cost_never_turns_a_no_into_a_yes(before, after, fee, more):
    cheap, dear = (judge(before, after, costing(one))[0] for one in (fee, fee + more))

    assert cheap or not dear


@given(gaps, gaps, gaps, fees)
def test_a_larger_gap_never_turns_a_yes_into_a_no(one, other, after, fee):
    small, large = (judge(gap, after, costing(fee))[0] for gap in sorted((one, other), key=abs))

    assert large or not small


@given(gaps, gaps, fees, st.decimals(min_value=0, max_value="0.2", places=3))
def test_nothing_is_blocked_beyond_twice_the_band(before, after, fee, band):
    if abs(before) > 2 * band:
        assert judge(before, after, costing(fee), band=band)[0]


@given(gaps, gaps, fees, st.decimals(min_value=0, max_value=1000, places=2))
def test_carry_received_never_helps(before, after, fee, received):
    with_it = judge(before, after, costing(fee, carry=-received))

    assert with_it == judge(before, after, costing(fee))


@given(gaps, gaps, fees)
def test_over_and_under_weight_are_judged_alike(before, after, fee):
    assert judge(before, after, costing(fee)) == judge(-before, -after, costing(fee))


# --- in the whole decision -----------------------------------------------------------------------


def _whole(btc, *, gate=True, **policy):
    from bot.domain.policy import BandPolicy, Destination
    from tests.builders import make_funding, make_history, make_policy
    from tests.decisions.market import decide_now, linear_market, snapshot_worth

    bands = BandPolicy(destination=Destination.HALF, total_frac=None, absolute_frac=dec("0.03"))
    market = [*linear_market("BTC"), *linear_market("ETH")]
    funding = [make_funding(instrument, "0.0004") for instrument, _ in market]
    snapshot = snapshot_worth(
        {"BTC": btc, "ETH": 10_000 - btc},
        market=market,
        funding=funding,
        histories=[make_history("BTC", "0.03"), make_history("ETH", "0.03", last="2500")],
    )
    gated = {"cost_gate": CostGatePolicy()} if gate else {}
    return decide_now(snapshot, make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=bands, **gated, **policy))


def test_what_is_not_worth_its_cost_is_not_traded_and_said_so():
    from bot.domain.plan import Rule

    free, gated = _whole(5310, gate=False), _whole(5310)
    assert {leg.instrument.asset for leg in free.legs} == {"BTC", "ETH"}
    # Longs pay a tenth of a per cent every eight hours: nine per cent a month on what the ETH leg opens.
    assert {leg.instrument.asset for leg in gated.legs} == {"BTC"}
    (refusal,) = [one for one in gated.refusals if one.rule is Rule.COST]
    assert refusal.asset == "ETH"
    assert refusal.reason.startswith("not worth its cost: brings ")


def test_far_outside_the_band_cost_is_no_objection():
    assert {leg.instrument.asset for leg in _whole(5700).legs} == {"BTC", "ETH"}


def test_an_asset_that_moves_for_the_sake_of_total_exposure_is_not_judged():
    from bot.domain.policy import BandPolicy, Destination
    from tests.builders import make_history, make_policy
    from tests.decisions.market import decide_now, snapshot_worth

    bands = BandPolicy(destination=Destination.TARGET, absolute_frac=dec("0.03"), total_frac=dec("0.0001"))
    policy = make_policy({"BTC": "0.5", "ETH": "0.3", "SOL": "0.2"}, bands=bands, cost_gate=CostGatePolicy())
    histories = [make_history(asset, "0.03") for asset in ("BTC", "ETH", "SOL")]
    decision = decide_now(snapshot_worth({"BTC": 6500, "ETH": 2400, "SOL": 1100}, histories=histories), policy)
    inside = decide_now(snapshot_worth({"BTC": 5200, "ETH": 2600, "SOL": 2200}, histories=histories), policy)
    assert {leg.instrument.asset for leg in decision.legs} == {"BTC", "ETH", "SOL"}
    assert {line.asset for line in inside.lines if not line.is_outside_band} == {"BTC", "SOL"}
    assert {leg.instrument.asset for leg in inside.legs} >= {"BTC"}
