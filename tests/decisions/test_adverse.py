"""Coins that count as margin: what a move costs, worked out a second time in fractions, price by price."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.decisions.adverse import adverse_cost
from bot.decisions.liquidation import joint_liquidation_frac, own_liquidation_frac
from bot.decisions.margin_ladder import measure_wallet, missing_cash, plan_cuts, surplus_after
from bot.decisions.stress import stress_surplus
from bot.decisions.wallets import Holding, Wallet, wallets_of
from bot.domain.ids import Asset, Currency
from bot.domain.policy import MarginPolicy, MarginRung, RiskLimits
from bot.domain.portfolio import MarginAccount, PledgedCoin, WalletKind
from tests.builders import VENUE, dec, make_account, make_instrument
from tests.decisions.test_margin import history

BTC, ETH = make_instrument(), make_instrument("ETH")
#: The tests' contracts need 0.5 % to maintain, whatever their size.
RATE = Fraction(5, 1000)
LIMITS = RiskLimits()
POLICY = MarginPolicy()


def wallet(balance, *legs, **pledged):
    """Return a unified wallet: a margin balance, (instrument, contracts, mark), and what coins count for."""
    return Wallet(
        venue=VENUE,
        kind=WalletKind.UNIFIED,
        currency=Currency("USDT"),
        margin_balance=dec(balance),
        maintenance_margin=dec(0),
        holdings=tuple(
            Holding(instrument=one, contracts=dec(contracts), mark_price=dec(mark)) for one, contracts, mark in legs
        ),
        pledged={Asset(coin): dec(worth) for coin, worth in pledged.items()},
    )


def cost_by_hand(legs, pledged, move):
    """Each coin goes up or down by the move, whichever costs more; coins without legs, too."""
    total = Fraction(0)
    for coin in {*legs, *pledged}:
        ways = []
        for way in (move, -min(move, Fraction(1))):
            # Nothing falls below nothing.
            cost = -Fraction(pledged.get(coin, 0)) * way
            for worth in legs.get(coin, ()):
                cost += -worth * way + abs(worth) * (1 + way) * RATE
            ways.append(cost)
        total += max(ways)
    return total


def test_a_short_of_pledged_coins_costs_only_what_they_do_not_cover():
    covered = wallet(47_500, (BTC, "-0.5", 50_000), BTC=47_500)
    # Falling by a tenth the coins lose 4,750, and the short brings 2,500.
    assert adverse_cost(covered, dec("0.1")) == dec("2250") + dec("22500") * dec("0.005")
    assert surplus_after(covered, dec("0.1")) == dec("47500") - dec("2362.5")


def test_without_pledged_coins_near_and_far_of_a_roll_move_apart():
    far = make_instrument(symbol="BTC/USDT:USDT-240628")
    pair = wallet(1000, (BTC, "-1", 50_000), (far, "1", 50_000))
    assert adverse_cost(pair, dec("0.1")) == 10_000 + dec("0.005") * (55_000 + 45_000)
    assert adverse_cost(replace(pair, pledged={Asset("ETH"): dec(100)}), dec("0.1")) == 10_010 + dec("0.005") * 100_000


def test_no_price_falls_below_nothing():
    coins = wallet(100, BTC=100)
    assert adverse_cost(coins, dec(3)) == 100


WORTH = st.integers(-60_000, 60_000).filter(lambda worth: abs(worth) >= 100)


@given(
    st.dictionaries(st.sampled_from(("BTC", "ETH")), WORTH, min_size=1),
    st.dictionaries(st.sampled_from(("BTC", "ETH", "SOL")), st.integers(1, 90_000), min_size=1),
    st.integers(1, 50_000),
)
def test_the_move_that_liquidates_is_the_one_that_costs_all_there_is(worths, pledged, cash):
    legs = {coin: (Fraction(worth),) for coin, worth in worths.items()}
    balance = cash + sum(pledged.values())
    instruments = {"BTC": BTC, "ETH": ETH}
    one = wallet(balance, *((instruments[coin], worth, 1) for coin, worth in worths.items()), **pledged)
    found = joint_liquidation_frac(one)
    if found is None:
        assert cost_by_hand(legs, pledged, Fraction(10)) < balance
        return
    assume(found > 0)
    fine = Fraction(1, 500_000)
    assert cost_by_hand(legs, pledged, Fraction(found)) <= balance
    assert cost_by_hand(legs, pledged, Fraction(found) + fine) >= balance


@pytest.mark.parametrize(
    ("contracts", "pledged", "liquidated"),
    [
        # A short that the coins more than cover, and one that they cover to the hair of its maintenance.
        ("-0.5", 40_000, None),
        ("-0.5", 25_125, None),
        # 5,000 less 125 of maintenance; each 1 % costs 250 of the short and 1.25 to maintain, and the coins bring 100.
        ("-0.5", 10_000, dec("4875") / (dec("25000") + dec("125") - dec("10000"))),
        # A long falls with the coins.
        ("0.5", 10_000, dec("4875") / (dec("25000") - dec("125") + dec("10000"))),
    ],
)
def test_one_leg_moves_with_the_coins_of_its_own_asset(contracts, pledged, liquidated):
    found = own_liquidation_frac(wallet(5000, (BTC, contracts, 50_000), BTC=pledged, ETH=1000), BTC.symbol)
    assert found == liquidated


def test_what_is_due_already_is_due():
    assert joint_liquidation_frac(wallet(100, (BTC, "-1", 50_000), ETH=100)) == 0


def test_a_cut_that_would_uncover_coins_is_left_out():
    short_of_coins = (BTC, "-0.9", 50_000)
    long = (ETH, "60", 2_500)
    one = wallet(48_000, short_of_coins, long, BTC=47_500)
    assert measure_wallet(one, MarginRung.CALM, POLICY, has_borrowed=True).rung is not MarginRung.CALM
    strict = replace(POLICY, reduce=replace(POLICY.reduce, distance_frac=dec("0.5")))
    cuts = plan_cuts(one, {}, strict, untouchable=frozenset())
    assert [cut.holding.instrument.symbol for cut in cuts] == [ETH.symbol]
    assert missing_cash(one, MarginRung.REDUCE, strict) > 0


def test_coins_that_only_their_short_stands_for_are_never_cut_for_the_short():
    one = wallet(47_500, (BTC, "-0.9", 50_000), BTC=47_500)
    strict = replace(POLICY, reduce=replace(POLICY.reduce, usage_frac=dec(1), distance_frac=dec("12")))
    assert plan_cuts(one, {}, strict, untouchable=frozenset()) == ()


@given(
    st.dictionaries(st.sampled_from(("BTC", "ETH")), WORTH, min_size=1),
    st.dictionaries(st.sampled_from(("BTC", "SOL")), st.integers(1, 90_000), min_size=1),
    st.lists(st.integers(50, 200), min_size=6, max_size=12),
)
def test_the_stress_rule_survives_every_window_with_the_coins_in_it(worths, pledged, closes):
    instruments = {"BTC": BTC, "ETH": ETH}
    one = wallet(100_000, *((instruments[coin], worth, 1) for coin, worth in worths.items()), **pledged)
    histories = {Asset(coin): history(coin, *closes[place:]) for place, coin in enumerate(("BTC", "ETH"))}
    worst = stress_surplus(one, histories, LIMITS)
    assert worst <= 100_000 - adverse_cost(one, LIMITS.stress_frac, LIMITS.stress_maintenance_multiple)
    for before, after in pairwise(closes):
        left = Fraction(100_000)
        for coin in {*worths, *pledged} - {"ETH"}:
            move = Fraction(after, before) - 1 if coin == "BTC" else -Fraction(LIMITS.stress_frac)
            worth = worths.get(coin, 0)
            left += worth * move + pledged.get(coin, 0) * move
            left -= abs(worth) * (1 + move) * RATE * Fraction(LIMITS.stress_maintenance_multiple)
        if "ETH" not in worths:
            assert Fraction(worst) <= left + Fraction(1, 10**12)


def test_the_joint_move_of_the_covariance_takes_coins_with_it():
    closes = [100, 130, 90, 140, 80, 150, 70, 160, 60, 150, 70, 140, 80, 130, 90, 120] * 3
    histories = {Asset("BTC"): history("BTC", *closes), Asset("ETH"): history("ETH", *closes)}
    legs = ((BTC, "-1", 50_000),)
    covered = stress_surplus(wallet(100_000, *legs, BTC=50_000), histories, LIMITS)
    naked = stress_surplus(wallet(100_000, *legs, SOL=1), histories, LIMITS)
    assert covered > naked
    bare = stress_surplus(wallet(100_000, BTC=50_000), histories, LIMITS)
    assert bare < 100_000 - 50_000 * LIMITS.stress_frac


def test_the_venue_says_what_coins_count_for():
    coin = PledgedCoin(currency=Currency("BTC"), amount=dec("0.5"), index_price=dec(50_000), counted_frac=dec("0.95"))
    margin = MarginAccount(
        venue=VENUE,
        wallet=WalletKind.UNIFIED,
        currency=Currency("USDT"),
        margin_balance=dec(24_000),
        maintenance_margin=dec(0),
        initial_margin=dec(0),
        pledged=(coin,),
    )
    (one,) = wallets_of(replace(make_account(), margins=(margin,)), {}, {})
    assert one.pledged == {Asset("BTC"): Decimal(23_750)}
