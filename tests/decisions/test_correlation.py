"""How the assets move together."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions import correlation
from bot.decisions.correlation import (
    Covariance,
    covariance,
    effective_bets,
    measure_risk,
    pairs_above,
    portfolio_sigma_annual,
    recorded_covariance,
    risk_shares,
)
from bot.decisions.volatility import daily_sigma
from bot.domain.ids import Asset
from bot.domain.market import PriceHistory
from bot.domain.plan import RiskView
from bot.domain.policy import CASH
from tests.builders import NOW, dec, make_history

TODAY = NOW.replace(hour=0)
BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")


def history_of(asset, closes, days=None):
    """Return closes on consecutive days up to yesterday, or on the given days back."""
    backs = days or range(len(closes), 0, -1)
    return PriceHistory(
        asset=Asset(asset),
        days=tuple(TODAY - timedelta(days=back) for back in backs),
        closes=tuple(Decimal(close) for close in closes),
        as_of=NOW,
    )


def moves_of(*rows):
    """Return Σ of BTC, ETH and SOL, as many as there are rows."""
    return Covariance(
        assets=(BTC, ETH, SOL)[: len(rows)],
        annual=tuple(tuple(dec(entry) for entry in row) for row in rows),
        until=TODAY,
    )


def weights_of(*weights):
    return {asset: dec(weight) for asset, weight in zip((BTC, ETH, SOL), weights, strict=False)}


def _is_close(value, expected, places="1e-20"):
    return abs(value - Decimal(expected)) < dec(places)


#: BTC at 40 %, ETH at 60 %, uncorrelated.
APART = moves_of(["0.16", "0"], ["0", "0.36"])
#: The same, fully correlated.
TOGETHER = moves_of(["0.16", "0.24"], ["0.24", "0.36"])


# --- Σ -----------------------------------------------------------------------------------------


def test_an_asset_and_its_square_move_as_one():
    """What squares every price doubles every log return."""
    closes = [Decimal(100), Decimal(110), Decimal(105)] * 5
    moves = covariance((history_of("BTC", closes), history_of("ETH", [close**2 for close in closes])), NOW)

    (own, joint), (same, other) = moves.annual
    assert joint == same
    assert _is_close(joint, 2 * own)
    assert _is_close(other, 4 * own)


def test_weights_fall_by_six_percent_a_day():
    """Ten still days and one on which one rose and the other fell by 10 %, four days ago."""
    rising = history_of("BTC", [100] * 8 + [110] * 4)
    falling = history_of("ETH", [100] * 8 + [90] * 4)
    weights = sum(dec("0.94") ** place for place in range(11))

    moves = covariance((rising, falling), NOW)

    joint = dec("0.94") ** 3 * dec("1.1").ln() * dec("0.9").ln() * 365 / weights
    assert _is_close(moves.annual[0][1], joint)


def test_a_hole_of_days_is_one_return_over_its_days():
    closes = [Decimal(100) * (dec("1.1") ** step) for step in range(12)]
    days = [4 * back for back in range(12, 0, -1)]

    moves = covariance((history_of("BTC", closes, days), history_of("ETH", closes, days)), NOW)

    assert _is_close(moves.annual[0][1], dec("1.1").ln() ** 2 / 4 * 365)


def test_only_days_that_all_have_count():
    """ETH has no close of the day on which BTC stood at 150: to the two, that day is not there."""
    btc = history_of("BTC", [100] * 6 + [150] + [100] * 6)
    eth = history_of("ETH", [100] * 12, days=[*range(13, 7, -1), *range(6, 0, -1)])

    assert covariance((btc, eth), NOW).sigmas_annual == (0, 0)
    assert covariance((btc,), NOW).sigmas_annual[0] > 0


def test_what_is_too_short_or_too_old_is_left_out_and_named():
    short = history_of("ETH", [100] * 10)
    old = history_of("SOL", [100] * 20, days=range(28, 8, -1))

    moves = covariance((make_history(), short, old), NOW)

    assert (moves.assets, moves.missing) == ((BTC,), (ETH, SOL))
    assert covariance((make_history(),), NOW).missing == ()


def test_what_was_recorded_is_never_too_old():
    short = history_of("ETH", [100] * 10)
    old = history_of("SOL", [100] * 20, days=range(28, 8, -1))

    moves = recorded_covariance((old, short))

    assert (moves.assets, moves.missing, moves.until) == ((SOL,), (ETH,), TODAY - timedelta(days=9))


def test_without_days_in_common_there_is_none():
    odd = history_of("BTC", [100] * 20, days=range(39, 0, -2))
    even = history_of("ETH", [100] * 20, days=range(40, 1, -2))

    assert covariance((odd, even), NOW) is None
    assert covariance((), NOW) is None


def test_days_in_common_that_ended_a_week_ago_describe_another_market():
    """Each history is young, and what they share is not."""
    one = history_of("BTC", [100] * 13, days=[*range(20, 8, -1), 1])
    other = history_of("ETH", [100] * 13, days=[*range(20, 8, -1), 2])

    assert covariance((one, other), NOW) is None
    assert recorded_covariance((one, other)).until == TODAY - timedelta(days=9)


prices = st.lists(st.decimals(min_value=10, max_value=1000, places=1), min_size=12, max_size=20)
weightings = st.tuples(*[st.decimals(min_value=-2, max_value=2, places=2)] * 3)


def _three(one, two, three):
    length = min(len(one), len(two), len(three))
    histories = zip(("BTC", "ETH", "SOL"), (one, two, three), strict=True)
    return tuple(history_of(asset, closes[-length:]) for asset, closes in histories)


@given(prices, prices, prices)
def test_the_diagonal_is_the_sigma_of_each_asset(one, two, three):
    histories = _three(one, two, three)

    sigmas = covariance(histories, NOW).sigmas_annual

    for history, sigma in zip(histories, sigmas, strict=True):
        assert _is_close(sigma, daily_sigma(history, NOW) * Decimal(365).sqrt())


@given(prices, prices, prices, weightings)
def test_no_portfolio_has_a_negative_variance(one, two, three, weights):
    moves = covariance(_three(one, two, three), NOW)

    variance = sum(
        w * v * entry
        for w, row in zip(weights, moves.annual, strict=True)
        for v, entry in zip(weights, row, strict=True)
    )

    assert variance > dec("-1e-20")


# --- what it makes of a portfolio --------------------------------------------------------------


@pytest.mark.parametrize(
    ("moves", "weights", "sigma"),
    [
        (APART, ("1", "0"), "0.4"),
        # 24 % and 18 % at a right angle.
        (APART, ("0.6", "0.3"), "0.3"),
        (TOGETHER, ("0.5", "0.5"), "0.5"),
        # 0.6 × 40 % against 0.4 × 60 %.
        (TOGETHER, ("0.6", "-0.4"), "0"),
        (APART, ("0", "0"), "0"),
    ],
)
def test_sigma_of_a_portfolio(moves, weights, sigma):
    assert portfolio_sigma_annual(weights_of(*weights), moves) == dec(sigma)


def test_risk_is_shared_by_variance_and_not_by_weight():
    """Three fifths at 40 % a year carry as much as two fifths at 60 %; 36 % and 12 % together are 48 %."""
    assert risk_shares(weights_of("0.6", "0.4"), APART) == {BTC: dec("0.5"), ETH: dec("0.5")}
    assert risk_shares(weights_of("0.9", "0.2"), TOGETHER) == {BTC: dec("0.75"), ETH: dec("0.25")}


def test_what_offsets_has_a_negative_share():
    """36 % long and 12 % short leave 24 %."""
    assert risk_shares(weights_of("0.9", "-0.2"), TOGETHER) == {BTC: dec("1.5"), ETH: dec("-0.5")}


@pytest.mark.parametrize(("moves", "bets"), [(APART, 2), (TOGETHER, 1)])
def test_bets_are_as_many_as_move_on_their_own(moves, bets):
    assert _is_close(effective_bets(weights_of("0.6", "0.4"), moves), bets)


def test_one_of_several_assets_is_one_bet():
    assert effective_bets(weights_of("0.7"), APART) == 1


@pytest.mark.parametrize("weights", [("0", "0"), ("0.6", "-0.4")])
def test_without_variance_there_is_nothing_to_share(weights):
    assert risk_shares(weights_of(*weights), TOGETHER) is None
    assert effective_bets(weights_of(*weights), TOGETHER) is None


def test_what_rounding_leaves_of_a_perfect_hedge_is_no_variance():
    third = moves_of([Decimal(1) / 3, Decimal(2) / 3], [Decimal(2) / 3, Decimal(4) / 3])

    assert portfolio_sigma_annual(weights_of("1", "-0.5"), third) == 0


def test_an_asset_that_weighs_and_is_missing_makes_the_rest_unknown():
    weights = weights_of("0.6", "0.3", "0.1")

    assert portfolio_sigma_annual(weights, APART) is None
    assert risk_shares(weights, APART) is None
    assert effective_bets(weights, APART) is None


def test_cash_and_what_weighs_nothing_need_no_history():
    weights = {**weights_of("0.5", "0", "0"), CASH: dec("0.5")}

    assert portfolio_sigma_annual(weights, APART) == dec("0.2")


def test_pairs_are_above_their_threshold_and_not_on_it():
    moves = moves_of(["0.16", "0.216", "0"], ["0.216", "0.36", "-0.36"], ["0", "-0.36", "0.36"])

    assert pairs_above(moves, dec("0.9")) == ()
    assert pairs_above(moves, dec("0.89")) == ((BTC, ETH, dec("0.9")),)


def test_an_asset_that_stands_still_is_in_no_pair():
    assert pairs_above(moves_of([0, 0], [0, "0.36"]), dec("-0.5")) == ()


@given(prices, prices, prices, weightings)
def test_shares_sum_to_one_and_bets_are_one_or_more(one, two, three, weights):
    moves = covariance(_three(one, two, three), NOW)
    held = dict(zip((BTC, ETH, SOL), weights, strict=True))

    shares, bets = risk_shares(held, moves), effective_bets(held, moves)

    assert (shares is None) == (bets is None) == (portfolio_sigma_annual(held, moves) == 0)
    if shares is not None:
        assert _is_close(sum(shares.values()), 1, "1e-15")
        assert bets > 1 - dec("1e-15")


# --- view --------------------------------------------------------------------------------------


def test_a_view_tells_of_the_portfolio_as_it_is_and_as_it_should_be():
    histories = (make_history("BTC"), make_history("ETH", daily_move="0.04"))

    view = measure_risk(weights_of("1", "0"), {**weights_of("0.5", "0.25"), CASH: dec("0.25")}, histories, NOW)

    # Both go up and down in turn, ETH about twice as far: one bet.
    assert _is_close(view.sigma_annual, dec("0.02") * Decimal(365).sqrt(), "0.001")
    assert _is_close(view.sigma_target_annual, view.sigma_annual, "0.001")
    assert view.shares_actual == {BTC: 1, ETH: 0}
    assert _is_close(view.shares_target[ETH], "0.5", "0.001")
    assert (view.effective_bets_actual, round(view.effective_bets_target, 3)) == (1, 1)
    ((one, other, rho),) = view.correlated_pairs
    assert (one, other) == (BTC, ETH)
    assert dec("0.999") < rho <= 1
    assert view.missing == ()


def test_a_view_names_what_is_missing():
    view = measure_risk(weights_of("0.5", "0.5"), weights_of("1", "0"), (make_history("BTC"),), NOW)

    assert (view.sigma_annual, view.shares_actual, view.effective_bets_actual) == (None, None, None)
    assert view.shares_target == {BTC: 1}
    assert view.missing == (ETH,)


def test_a_view_without_histories_names_all():
    view = measure_risk(weights_of("0.5"), {**weights_of("0.5", "0.3"), CASH: dec("0.2")}, (), NOW)

    assert view == RiskView(missing=(BTC, ETH))


def test_log_returns_that_no_sums_need_any_more_are_let_go():
    """A day more each time: what is known stays below twice what the newest sums ask for."""
    closes = [Decimal(100) + Decimal(day * day % 37) / 7 + Decimal(day) / 1000 for day in range(400)]
    for day in range(300):
        found = recorded_covariance((history_of("BTC", closes[day : day + 31]),))
        assert found is not None
        assert len(correlation._known_changes) <= 2 * 30
    assert found.annual == _annual_of(closes[299:330])


def _annual_of(closes):
    correlation._known_changes.clear()
    return recorded_covariance((history_of("BTC", closes),)).annual
