"""What a wallet can carry."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.correlation import recorded_covariance
from bot.decisions.liquidation import joint_liquidation_frac, own_liquidation_frac
from bot.decisions.margin import load_wallet, load_wallets, margin_line
from bot.decisions.stress import stress_surplus
from bot.decisions.wallets import Holding, Wallet, leverage, wallets_of
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind, MarginTier
from bot.domain.market import PriceHistory
from bot.domain.plan import Rule
from bot.domain.policy import RiskLimits
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
    ETH,
    SOL,
    decide_now,
    linear_market,
    orders_of,
    rules_of,
    snapshot_worth,
    three_assets,
    to_target,
    with_margins,
)

LIMITS = RiskLimits()
INVERSE = make_instrument("BTC", inverse=True)
TIERED = make_instrument(
    "BTC",
    margin_tiers=tuple(
        MarginTier(
            notional_cap_quote=dec(cap),
            maintenance_frac=dec(frac),
            maintenance_amount_quote=dec(amount),
            max_leverage=dec(top),
        )
        for cap, frac, amount, top in ((10_000, "0.01", 0, 50), (50_000, "0.05", 400, 10), (10**9, "0.1", 2900, 5))
    ),
)


def wallet(balance, *legs, currency="USDT"):
    """Return a wallet with (instrument, contracts, mark)."""
    return Wallet(
        venue=VENUE,
        kind=WalletKind.LINEAR_FUTURES,
        currency=Currency(currency),
        margin_balance=dec(balance),
        maintenance_margin=dec(0),
        holdings=tuple(
            Holding(instrument=one, contracts=dec(contracts), mark_price=dec(mark)) for one, contracts, mark in legs
        ),
    )


def history(asset, *closes):
    """Return daily closes that end yesterday."""
    today = NOW.replace(hour=0)
    return PriceHistory(
        asset=Asset(asset),
        days=tuple(today - timedelta(days=back) for back in range(len(closes), 0, -1)),
        closes=tuple(dec(close) for close in closes),
        as_of=NOW,
    )


def _histories(*histories):
    return {one.asset: one for one in histories}


# --- stress ------------------------------------------------------------------------------------


def test_a_wallet_without_contracts_keeps_its_balance():
    assert stress_surplus(wallet(500), {}, LIMITS) == 500


@pytest.mark.parametrize(
    ("contracts", "surplus"),
    [
        # 30 % of 5,000 is lost; maintenance of 0.5 % on what it is then worth, times 1.5.
        ("0.1", Decimal(2000) - 1500 - dec("3500") * dec("0.005") * dec("1.5")),
        ("-0.1", Decimal(2000) - 1500 - dec("6500") * dec("0.005") * dec("1.5")),
    ],
)
def test_a_linear_leg_moves_against_us(contracts, surplus):
    assert stress_surplus(wallet(2000, (BTC, contracts, 50_000)), {}, LIMITS) == surplus


def test_every_leg_moves_against_us_at_once():
    both = wallet(5000, (BTC, "-0.1", 50_000), (ETH, "2", 2500))

    assert stress_surplus(both, {}, LIMITS) == 5000 - 1500 - 1500 - (6500 + 3500) * dec("0.0075")


def test_an_inverse_leg_is_stressed_in_its_coin():
    """A short of 5,000 dollars at 50,000 loses 0.1 × (1 − 1/1.3) coins when the price rises by 30 %."""
    lost = dec("0.1") * (1 - 1 / dec("1.3"))
    needed = 5000 * dec("0.005") / 65_000 * dec("1.5")

    surplus = stress_surplus(wallet("0.05", (INVERSE, -50, 50_000), currency="BTC"), {}, LIMITS)

    assert abs(surplus - (dec("0.05") - lost - needed)) < dec("1e-20")


def test_a_recorded_week_that_was_worse_counts():
    """Prices rose by 10 % a day: 77 % in a week of seven days are more than 30 %."""
    rising = history("BTC", *(Decimal(100) * dec("1.1") ** day for day in range(8)))

    surplus = stress_surplus(wallet(10_000, (BTC, "-0.1", 50_000)), _histories(rising), LIMITS)

    week = dec("1.1") ** 7 - 1
    assert abs(surplus - (10_000 - 5000 * week - 5000 * (1 + week) * dec("0.0075"))) < dec("1e-15")


def test_a_recorded_week_that_was_in_our_favour_does_not_count():
    falling = history("BTC", *(Decimal(100) * dec("0.9") ** day for day in range(8)))
    short = wallet(10_000, (BTC, "-0.1", 50_000))

    assert stress_surplus(short, _histories(falling), LIMITS) == stress_surplus(short, {}, LIMITS)


def test_the_windows_are_joint():
    """Both shorts: BTC rose fourfold on a day on which ETH halved; that pays for a part of it."""
    shorts = wallet(50_000, (BTC, "-0.1", 50_000), (ETH, "-2", 2500))
    histories = _histories(history("BTC", 100, 400), history("ETH", 100, 50))

    surplus = stress_surplus(shorts, histories, LIMITS)

    assert surplus == 50_000 - 15_000 + 2500 - (20_000 + 2500) * dec("0.0075")


def test_an_asset_without_a_close_in_a_window_moves_against_us():
    shorts = wallet(50_000, (BTC, "-0.1", 50_000), (ETH, "-2", 2500))

    surplus = stress_surplus(shorts, _histories(history("BTC", 100, 200)), LIMITS)

    assert surplus == 50_000 - 5000 - 1500 - (10_000 + 6500) * dec("0.0075")


closes = st.lists(st.decimals(min_value=1, max_value=400, places=1), min_size=2, max_size=9)


@given(closes, closes, st.integers(-3, 3), st.integers(-3, 3))
def test_leaving_out_harmless_windows_changes_nothing(one, other, btc, eth):
    """The same as looking at every window and both parallel moves, one by one."""
    histories = _histories(history("BTC", *one), history("ETH", *other[: len(one)], *one[len(other) :]))
    loaded = wallet(1000, *[leg for leg in ((BTC, btc, 100), (ETH, eth, 100)) if leg[1]])

    def after(moves):
        left = loaded.margin_balance
        for holding in loaded.holdings:
            move = moves[holding.instrument.asset]
            worth = abs(holding.contracts) * 100
            left += holding.contracts * 100 * move - worth * (1 + move) * dec("0.005") * dec("1.5")
        return left

    def moved(asset, day, length):
        kept = histories[asset].closes
        return kept[day] / kept[day - length] - 1

    scenarios = [dict.fromkeys(("BTC", "ETH"), x) for x in (dec("0.3"), dec("-0.3"))]
    scenarios.append({"BTC": dec("-0.3") * (1 if btc > 0 else -1), "ETH": dec("-0.3") * (1 if eth > 0 else -1)})
    for length in (1, 3, 7):
        for day in range(length, len(one)):
            scenarios += [{asset: moved(asset, day, length) for asset in histories}]
    expected = min(after(moves) for moves in scenarios)

    assert abs(stress_surplus(loaded, histories, LIMITS) - expected) < dec("1e-15")


# --- joint stress ------------------------------------------------------------------------------

#: No stress but windows and covariance.
JOINT_ALONE = RiskLimits(stress_frac=dec(0))


def _reach(*histories):
    """Return 4 σ over 3 days of each asset, and of each pair the covariance of that."""
    moves = recorded_covariance(histories)
    scale = dec(16) * 3 / 365
    return [sigma * scale.sqrt() for sigma in moves.sigmas_annual], [[v * scale for v in row] for row in moves.annual]


@pytest.mark.parametrize("contracts", ["0.1", "-0.1"])
def test_a_wild_market_moves_four_sigmas_over_three_days(contracts):
    """Moves of 8 % a day: 55 % in three days, as far up as down; maintenance is needed as for the higher price."""
    wild = make_history(daily_move="0.08")
    ((reach,), _) = _reach(wild)

    surplus = stress_surplus(wallet(5000, (BTC, contracts, 50_000)), _histories(wild), LIMITS)

    assert dec("0.55") < reach < dec("0.56")
    assert abs(surplus - (5000 - 5000 * reach - 5000 * (1 + reach) * dec("0.0075"))) < dec("1e-15")


def test_a_calm_market_adds_nothing_to_the_stress():
    short = wallet(5000, (BTC, "-0.1", 50_000))

    assert stress_surplus(short, _histories(make_history(daily_move="0.04")), LIMITS) == stress_surplus(
        short, {}, LIMITS
    )


def test_legs_that_offset_each_other_lose_what_is_left_of_them():
    """Both assets move as one: short 5,000 against long 3,000 loses as much as a short of 2,000."""
    btc, eth = make_history(daily_move="0.08"), make_history("ETH", daily_move="0.08")
    (reach, _), _ = _reach(btc, eth)
    hedged = wallet(5000, (BTC, "-0.1", 50_000), (ETH, "1.2", 2500))

    surplus = stress_surplus(hedged, _histories(btc, eth), JOINT_ALONE)

    assert abs(surplus - (5000 - 2000 * reach - 8000 * (1 + reach) * dec("0.0075"))) < dec("1e-15")


def test_legs_of_one_asset_that_cancel_lose_nothing():
    other = make_instrument("BTC", symbol=Symbol("BTC/X"))
    wild = make_history(daily_move="0.08")
    ((reach,), _) = _reach(wild)

    surplus = stress_surplus(wallet(500, (BTC, "-1", 100), (other, "1", 100)), _histories(wild), JOINT_ALONE)

    assert abs(surplus - (500 - 200 * (1 + reach) * dec("0.0075"))) < dec("1e-15")


def test_an_asset_without_a_covariance_moves_against_us_in_the_joint_move():
    wild = make_history(daily_move="0.08")
    ((reach,), _) = _reach(wild)
    shorts = wallet(5000, (BTC, "-0.1", 50_000), (ETH, "-1", 2500))

    surplus = stress_surplus(shorts, _histories(wild, history("ETH", 100, 100)), LIMITS)

    needed = (5000 * (1 + reach) + 2500 * dec("1.3")) * dec("0.0075")
    assert abs(surplus - (5000 - 5000 * reach - 750 - needed)) < dec("1e-15")


@pytest.mark.parametrize("contracts", [50, -50])
def test_the_joint_move_of_an_inverse_leg_is_told_in_its_coin(contracts):
    """A rise of 55 % costs a short less than its size in coins, a fall of 55 % costs a long more."""
    wild = make_history(daily_move="0.08")
    ((reach,), _) = _reach(wild)
    move = -reach if contracts > 0 else reach
    lost = dec("0.1") * abs(1 - 1 / (1 + move))

    held = wallet("0.3", (INVERSE, contracts, 50_000), currency="BTC")
    surplus = stress_surplus(held, _histories(wild), LIMITS)

    assert abs(surplus - (dec("0.3") - lost - dec("0.1") / (1 - reach) * dec("0.0075"))) < dec("1e-15")


def test_no_price_falls_by_more_than_95_percent_in_the_joint_move():
    mad = make_history(daily_move="0.3")
    assert _reach(mad)[0][0] > 2

    surplus = stress_surplus(wallet(5000, (BTC, "0.1", 50_000)), _histories(mad), LIMITS)

    assert abs(surplus - (5000 - 4750 - 5000 * dec("1.95") * dec("0.0075"))) < dec("1e-15")


def test_what_stands_still_does_not_move_with_the_others():
    wild, still = make_history(daily_move="0.08"), make_history("ETH", daily_move="0")
    shorts = wallet(5000, (BTC, "-0.1", 50_000), (ETH, "-2", 2500))
    (reach, _), _ = _reach(wild, still)

    surplus = stress_surplus(shorts, _histories(wild, still), JOINT_ALONE)

    assert abs(surplus - (5000 - 5000 * reach - (5000 * (1 + reach) + 5000) * dec("0.0075"))) < dec("1e-15")


#: Closes that stay so near to each other that no asset reaches the cap of 95 %.
near_closes = st.lists(st.decimals(min_value=90, max_value=110, places=1), min_size=15, max_size=15)
pair_sizes = st.tuples(*[st.integers(-9, 9).filter(bool)] * 2)
pair_directions = st.tuples(*[st.decimals(min_value=-1, max_value=1, places=2)] * 2)


@given(near_closes, near_closes, pair_sizes, pair_directions, st.decimals(min_value=0, max_value=1, places=2))
def test_every_joint_move_within_reach_leaves_at_least_what_is_told(one, other, sizes, direction, part):
    histories = history("BTC", *one), history("ETH", *other)
    held = wallet(1000, (TIERED, sizes[0], 5000), (ETH, sizes[1], 5000))
    _, shape = _reach(*histories)
    pulls = [sum((v * u for v, u in zip(row, direction, strict=True)), dec(0)) for row in shape]
    length = max(dec(0), sum((u * pull for u, pull in zip(direction, pulls, strict=True)), dec(0))).sqrt()
    moves = [part * pull / length if length else dec(0) for pull in pulls]

    left = held.margin_balance
    for holding, move in zip(held.holdings, moves, strict=True):
        left += holding.profit_after(move) - holding.maintenance_after(move) * dec("1.5")

    assert left >= stress_surplus(held, _histories(*histories), LIMITS) - dec("1e-12")


@given(near_closes, near_closes, pair_sizes, pair_directions, st.decimals(min_value=0, max_value=1, places=2))
def test_what_survives_is_concave_on_the_way_although_the_worst_move_turns(one, other, sizes, starts, part):
    histories = _histories(history("BTC", *one), history("ETH", *other))

    def surplus(way):
        begun = [size * abs(start) for size, start in zip(sizes, starts, strict=True)]
        btc, eth = (at + (size - at) * way for size, at in zip(sizes, begun, strict=True))
        return stress_surplus(wallet(1000, (TIERED, btc, 5000), (ETH, eth, 5000)), histories, JOINT_ALONE)

    assert surplus(part) >= surplus(0) * (1 - part) + surplus(1) * part - dec("1e-12")


@given(near_closes, near_closes, pair_sizes, st.decimals(min_value=0, max_value=60_000, places=0))
def test_the_fraction_survives_joint_moves_too(one, other, sizes, balance):
    histories = _histories(history("BTC", *one), history("ETH", *other))
    load = _load(balance, (TIERED, sizes[0], 5000), (ETH, sizes[1], 5000), histories=histories)

    part = [(leg, size * load.stress_capacity_frac, 5000) for leg, size in zip((TIERED, ETH), sizes, strict=True)]

    assert stress_surplus(wallet(balance, *part), histories, LIMITS) >= -dec("1e-12")


# --- capacity ----------------------------------------------------------------------------------


def _load(balance, *legs, before=(), limits=LIMITS, histories=None):
    return load_wallet(wallet(balance, *before), wallet(balance, *legs), histories or {}, limits)


#: What a short of one dollar needs under stress, in dollars.
SHORT_NEEDS = dec("0.3") + dec("1.3") * dec("0.0075")


def test_what_a_wallet_survives_whole_has_a_capacity_of_one():
    load = _load(5000, (BTC, "-0.1", 50_000))

    assert (load.stress_capacity_frac, load.leverage_capacity_frac, load.shortfall) == (1, 1, 0)


def test_the_largest_fraction_is_found_exactly_within_a_tier():
    """1,000 of 3,097.5 dollars that 10,000 of shorts need: 32.28 %."""
    load = _load(1000, (BTC, "-0.2", 50_000))

    assert abs(load.stress_capacity_frac - 1000 / (10_000 * SHORT_NEEDS)) < dec("1e-20")
    assert load.surplus_after == 1000 - 10_000 * SHORT_NEEDS
    assert load.shortfall == max(-load.surplus_after, Decimal(10_000) / 3 - 1000)


def test_the_fraction_counts_from_what_is_open_already():
    """3,000 of shorts are open and need 929.25; 70.75 carry 228.41 dollars of the other 7,000."""
    load = _load(1000, (BTC, "-0.2", 50_000), before=[(BTC, "-0.06", 50_000)])

    expected = (1000 - 3000 * SHORT_NEEDS) / (7000 * SHORT_NEEDS)
    assert abs(load.stress_capacity_frac - expected) < dec("1e-20")


def test_a_wallet_that_does_not_survive_what_it_has_carries_nothing_more():
    load = _load(100, (BTC, "-0.2", 50_000), before=[(BTC, "-0.1", 50_000)])

    assert load.stress_capacity_frac == 0
    assert load.leverage_capacity_frac == 0


@given(
    st.decimals(min_value=0, max_value=40_000, places=0),
    st.decimals(min_value="0.01", max_value=2, places=2),
    st.decimals(min_value=0, max_value=1, places=2),
)
def test_the_fraction_survives_and_more_of_it_would_not(balance, contracts, begun):
    """Over margin tiers too: the part survives, two percent more does not."""
    before = [(TIERED, -contracts * begun, 50_000)] if begun else []
    load = _load(balance, (TIERED, -contracts, 50_000), before=before)
    fraction = load.stress_capacity_frac

    def surplus(part):
        size = contracts * begun + contracts * (1 - begun) * part
        return stress_surplus(wallet(balance, (TIERED, -size, 50_000)), {}, LIMITS) if size else balance

    if fraction > 0:
        assert surplus(fraction) >= -dec("1e-15")
    if 0 < fraction < dec("0.98"):
        assert surplus(fraction + dec("0.02")) < 0


@given(
    st.decimals(min_value=0, max_value=20_000, places=0),
    st.decimals(min_value=0, max_value=5000, places=0),
)
def test_capacity_grows_with_collateral(balance, more):
    poor, rich = (_load(one, (TIERED, "-0.5", 50_000), (ETH, "-3", 2500)) for one in (balance, balance + more))

    assert rich.stress_capacity_frac >= poor.stress_capacity_frac - dec("1e-15")
    assert rich.shortfall <= poor.shortfall


def test_leverage_bounds_the_common_fraction():
    """1,000 × 3 less 1,000 that are open leave 2,000 for the 8,000 more."""
    load = _load(1000, (BTC, "-0.18", 50_000), before=[(BTC, "-0.02", 50_000)])

    assert load.leverage_capacity_frac == dec("0.25")


def test_leverage_counts_inverse_contracts_in_their_coin():
    coins = wallet("0.05", (INVERSE, -50, 50_000), currency="BTC")

    assert leverage(coins) == 2
    assert leverage(wallet(0, (BTC, 1, 100))) is None


def test_a_margin_line_tells_of_before_and_after():
    line = margin_line(_load(2000, (BTC, "-0.1", 50_000)))
    empty = margin_line(_load(0, (BTC, "-0.1", 50_000)))

    assert (line.leverage_after, line.usage_frac) == (dec("2.5"), 0)
    assert line.stress_surplus == 2000 - 5000 * SHORT_NEEDS
    assert (empty.leverage_after, empty.usage_frac) == (None, None)


def test_wallets_hold_the_positions_that_settle_in_them():
    account = make_account(
        positions=[
            make_position(BTC, 1, 50_000),
            make_position(INVERSE, -10, 50_000),
            make_position(make_instrument("SOL", symbol=Symbol("SOL/X")), 1, 100),
        ],
        margins=[make_margin(), make_margin("BTC", 1)],
    )
    instruments = {(VENUE, one.symbol): one for one in (BTC, INVERSE)}
    quotes = {leg: make_quote(one, 50_000) for leg, one in instruments.items()}

    cash, coin = wallets_of(account, instruments, quotes)

    assert [one.instrument for one in cash.holdings] == [BTC]
    assert [one.instrument for one in coin.holdings] == [INVERSE]


def test_a_wallet_that_a_leg_needs_and_that_is_not_there_is_empty():
    snapshot = snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500})
    account = with_margins(snapshot.accounts[VENUE], [])
    bare = snapshot_worth({}, account=account)

    decision = decide_now(bare)

    assert not decision.legs
    assert rules_of(decision, "BTC") == {Rule.CAPACITY, Rule.LEVERAGE}
    # 1,000 + 500 + 500 dollars: the stress on a short and on two longs, or a third of them, whichever is more.
    assert decision.capacity_short_quote == max(
        1000 * SHORT_NEEDS + 1000 * (dec("0.3") + dec("0.00525")), Decimal(2000) / 3
    )


def test_capacity_trims_all_increasing_legs_by_the_same_fraction():
    snapshot = snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500})
    account = with_margins(snapshot.accounts[VENUE], [make_margin("USDT", 300)])

    policy = three_assets(limits=RiskLimits(max_leverage=dec(9)))
    decision = decide_now(snapshot_worth({}, account=account), policy)

    legs = orders_of(decision)
    needed = 1000 * SHORT_NEEDS + 1000 * (dec("0.3") + dec("0.00525"))
    share = dec(300) / needed
    assert abs(legs["BTC"][1] - 1000 * share) < 5
    assert abs(legs["ETH"][1] - 500 * share) < 1
    assert rules_of(decision, "ETH") == {Rule.CAPACITY}
    assert decision.capacity_short_quote == needed - 300


def test_the_shortfall_of_a_coin_wallet_is_told_in_dollars():

    account = make_account([make_balance("BTC", "0.1")], margins=[make_margin("BTC", 0)])
    policy = make_policy({"BTC": "0.8"}, bands=to_target(), contract_kinds=(ContractKind.INVERSE,))

    decision = decide_now(make_snapshot(account, [(INVERSE, make_quote(INVERSE, 50_000))]), policy)

    coins = dec("0.02") * (1 - 1 / dec("1.3")) + 1000 * dec("0.0075") / 65_000
    assert abs(decision.capacity_short_quote - max(coins, dec("0.02") / 3) * 50_000) < dec("1e-15")


def test_wallets_of_reserved_contracts_alone_are_no_shortfall_of_ours():
    doge = make_instrument("DOGE")
    account = make_account(
        snapshot_worth({"BTC": 5000}).accounts[VENUE].balances,
        [make_position(doge, 1000, "0.1")],
        [make_margin("USDT", 0)],
    )

    snapshot = make_snapshot(account, [*linear_market("BTC"), (doge, make_quote(doge, "0.1"))])

    assert decide_now(snapshot, make_policy({"BTC": "1"})).capacity_short_quote == 0


def test_reducing_legs_make_room_before_increases_are_judged():
    snapshot = snapshot_worth(
        {"BTC": 6000, "ETH": 2500, "SOL": 1500}, [make_position(SOL, "-40", 100), make_position(BTC, "0.02", 50_000)]
    )
    loads = load_wallets(snapshot, decide_now(snapshot).legs, LIMITS)

    (load,) = loads.values()
    assert {one.instrument.asset for one in load.before.holdings} == set()
    assert {one.instrument.asset for one in load.after.holdings} == {"BTC", "ETH", "SOL"}


# --- liquidation -------------------------------------------------------------------------------


def test_without_contracts_there_is_no_liquidation():
    assert joint_liquidation_frac(wallet(100)) is None


@pytest.mark.parametrize(
    ("contracts", "price"),
    [
        # 1,000 on a short of 5,000: 1,000 − 0.1 × (P − 50,000) = 0.005 × 0.1 × P.
        ("-0.1", Decimal(6000) / (dec("0.1") * dec("1.005"))),
        # On a long: 1,000 + 0.1 × (P − 50,000) = 0.005 × 0.1 × P.
        ("0.1", Decimal(4000) / (dec("0.1") * dec("0.995"))),
    ],
)
def test_a_linear_leg_is_liquidated_where_balance_meets_maintenance(contracts, price):
    frac = joint_liquidation_frac(wallet(1000, (BTC, contracts, 50_000)))

    assert frac is not None
    assert abs(frac - abs(price / 50_000 - 1)) < dec("1e-20")


@pytest.mark.parametrize(
    ("contracts", "price"),
    [
        # 0.02 + 1000 × (1/50,000 − 1/P) × −1 = 0.005 × 1000 / P, for 10 contracts of 100 dollars.
        (-10, dec("0.995") / (dec("0.02") - dec("0.005")) * 1000),
        (10, dec("1.005") / (dec("0.02") + dec("0.005")) * 1000),
    ],
)
def test_an_inverse_leg_is_liquidated_where_balance_meets_maintenance(contracts, price):
    frac = joint_liquidation_frac(wallet("0.005", (INVERSE, contracts, 50_000), currency="BTC"))

    assert frac is not None
    assert abs(frac - abs(price / 50_000 - 1)) < dec("1e-20")


def test_a_short_that_is_covered_by_its_coin_is_never_liquidated():
    assert joint_liquidation_frac(wallet("0.02", (INVERSE, -10, 50_000), currency="BTC")) is None


def test_mixed_inverse_legs_are_taken_as_longs():
    mixed = wallet(
        "0.01",
        (INVERSE, -10, 50_000),
        (make_instrument("BTC", inverse=True, symbol=Symbol("B")), 5, 50_000),
        currency="BTC",
    )

    assert joint_liquidation_frac(mixed) == (dec("0.01") - dec("0.03") * dec("0.005")) / (dec("0.01") + dec("0.03"))


def test_a_wallet_of_debts_is_past_liquidation():
    assert joint_liquidation_frac(wallet(-1, (BTC, 1, 100))) < 0
    assert joint_liquidation_frac(wallet(-1, (INVERSE, 10, 50_000), currency="BTC")) == 0


def test_a_short_is_judged_at_the_tier_that_its_loss_carries_it_into():
    """9,000 of notional reach 50,000 dollars' tier at a rise: 0.05 × N − 400, not 0.01 × N."""
    frac = joint_liquidation_frac(wallet(3000, (TIERED, "-0.18", 50_000)))

    # 3,000 − 9,000 x = 0.05 × 9,000 (1 + x) − 400
    assert frac == (3000 - 450 + 400) / (9000 + dec(450))


def test_a_leg_alone_is_further_from_liquidation_than_all_at_once():
    both = wallet(3000, (BTC, "-0.1", 50_000), (ETH, "4", 2500))

    alone = own_liquidation_frac(both, BTC.symbol)

    # ETH keeps needing its 50.
    assert alone == (3000 - 50 - 25) / (dec(5000) + 25)
    assert alone > joint_liquidation_frac(both)
    assert own_liquidation_frac(both, SOL.symbol) is None


@given(
    st.decimals(min_value=1, max_value=5000, places=0),
    st.decimals(min_value="0.01", max_value=3, places=2),
    st.booleans(),
    st.booleans(),
)
def test_at_the_liquidation_move_nothing_is_left_over_maintenance(balance, size, is_long, is_linear):
    contracts = size if is_long else -size
    one = BTC if is_linear else make_instrument("BTC", inverse=True, lot_size=dec("0.01"))
    held = wallet(
        balance / (1 if is_linear else 10**6), (one, contracts, 1000), currency="USDT" if is_linear else "BTC"
    )

    frac = joint_liquidation_frac(held)

    if frac is not None and 0 < frac < 1:
        move = -frac if is_long else frac
        holding = held.holdings[0]
        left = held.margin_balance + holding.profit_after(move) - holding.maintenance_after(move)
        assert abs(left) < dec("1e-15") * balance
