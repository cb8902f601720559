"""The ladder of a wallet: where it stands, what gets it off, and which legs are cut."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.decisions.liquidation import joint_liquidation_frac
from bot.decisions.margin_ladder import (
    close_all,
    liquidation_doubts,
    measure_wallet,
    missing_cash,
    plan_cuts,
    rank,
    surplus_after,
)
from bot.decisions.wallets import Holding, Wallet
from bot.domain.ids import Asset, Currency
from bot.domain.policy import MarginPolicy, MarginRung
from bot.domain.portfolio import WalletKind
from tests.builders import VENUE, dec, make_instrument, make_position

POLICY = MarginPolicy()
BTC, ETH = make_instrument(), make_instrument("ETH")
INVERSE = make_instrument(inverse=True)


def _holding(instrument, contracts, mark):
    return Holding(instrument=instrument, contracts=Decimal(contracts), mark_price=Decimal(mark))


def _wallet(balance, *holdings, maintenance="0", currency="USDT"):
    return Wallet(
        venue=VENUE,
        kind=WalletKind.LINEAR_FUTURES if currency == "USDT" else WalletKind.INVERSE_FUTURES,
        currency=Currency(currency),
        margin_balance=Decimal(balance),
        maintenance_margin=Decimal(maintenance),
        holdings=holdings,
    )


def _rung(wallet, before=MarginRung.CALM, *, has_borrowed=False):
    return measure_wallet(wallet, before, POLICY, has_borrowed=has_borrowed).rung


SHORT = _holding(BTC, "-1", 50_000)


@pytest.mark.parametrize(
    ("balance", "rung"),
    [
        (20_000, MarginRung.CALM),
        (12_000, MarginRung.WARN),
        (10_000, MarginRung.TRANSFER),
        (7_000, MarginRung.CANCEL),
        (6_000, MarginRung.REDUCE),
        (2_000, MarginRung.FLATTEN),
        (0, MarginRung.FLATTEN),
        (-100, MarginRung.FLATTEN),
    ],
)
def test_the_nearer_liquidation_the_higher_the_rung(balance, rung):
    assert _rung(_wallet(balance, SHORT)) is rung


def test_what_the_venue_asks_for_counts_as_well_as_what_we_work_out():
    assert _rung(_wallet(30_000, SHORT, maintenance="18500")) is MarginRung.REDUCE


def test_an_empty_wallet_is_calm_and_one_that_has_borrowed_is_warned_of():
    empty = measure_wallet(_wallet(0), MarginRung.CALM, POLICY, has_borrowed=False)
    assert (empty.rung, empty.usage_frac, empty.distance_frac) == (MarginRung.CALM, 0, None)
    assert _rung(_wallet(-5), has_borrowed=True) is MarginRung.WARN
    assert _rung(_wallet(6_000, SHORT), has_borrowed=True) is MarginRung.REDUCE
    assert measure_wallet(_wallet(0, SHORT), MarginRung.CALM, POLICY, has_borrowed=False).usage_frac is None


def test_a_rung_is_left_only_when_things_are_better_by_the_hysteresis():
    # 0.25 is where it warns: it goes on up to 0.30.
    balances = [dec(12_500), dec(14_000), dec(15_000)]
    distances = [joint_liquidation_frac(_wallet(balance, SHORT)) for balance in balances]
    assert distances[0] < dec("0.25") < distances[1] < dec("0.30")
    assert [_rung(_wallet(balance, SHORT)) for balance in balances[:2]] == [MarginRung.WARN, MarginRung.CALM]
    assert _rung(_wallet(14_000, SHORT), MarginRung.WARN) is MarginRung.WARN
    assert _rung(_wallet(14_000, SHORT), MarginRung.FLATTEN) is MarginRung.WARN, "and no further up than it reaches"
    assert _rung(_wallet(16_000, SHORT), MarginRung.WARN) is MarginRung.CALM


_balances = st.integers(-5_000, 60_000).map(Decimal)
_rungs = st.sampled_from(list(MarginRung))


@given(balance=_balances, more=st.integers(0, 20_000), before=_rungs)
def test_more_money_never_leads_up_the_ladder(balance, more, before):
    assert rank(_rung(_wallet(balance + more, SHORT), before)) <= rank(_rung(_wallet(balance, SHORT), before))


@given(balance=_balances, before=_rungs)
def test_a_rung_is_never_lower_than_what_is_reached_nor_higher_than_it_was(balance, before):
    reached, rung = _rung(_wallet(balance, SHORT)), _rung(_wallet(balance, SHORT), before)
    assert rank(reached) <= rank(rung) <= max(rank(reached), rank(before))


_contracts = st.integers(-40, 40).filter(bool).map(lambda tenths: Decimal(tenths) / 10)


@st.composite
def _wallets(draw):
    holdings = [_holding(BTC, draw(_contracts), 50_000), _holding(ETH, draw(_contracts) * 10, 2_500)]
    kept = draw(st.sampled_from((holdings, holdings[:1])))
    return _wallet(draw(st.integers(0, 120_000)), *kept)


@given(wallet=_wallets(), below=st.sampled_from((MarginRung.WARN, MarginRung.REDUCE)))
def test_with_the_cash_that_is_missing_it_leaves_the_rung(wallet, below):
    missing = missing_cash(wallet, below, POLICY)
    richer = replace(wallet, margin_balance=wallet.margin_balance + missing)
    assert rank(_rung(richer, MarginRung.FLATTEN)) < rank(below)
    assert missing == 0 or rank(_rung(wallet, MarginRung.FLATTEN)) >= rank(below)


@given(wallet=_wallets(), gaps=st.dictionaries(st.sampled_from((Asset("BTC"), Asset("ETH"))), st.integers(-100, 100)))
@example(wallet=_wallet(5_900, SHORT), gaps={})
def test_cuts_shrink_legs_never_turn_them_and_get_the_wallet_off_the_rung(wallet, gaps):
    cuts = plan_cuts(wallet, {asset: Decimal(gap) for asset, gap in gaps.items()}, POLICY, untouchable=frozenset())
    left = replace(wallet, maintenance_margin=dec(0))
    for cut in cuts:
        assert 0 < cut.contracts <= abs(cut.holding.contracts)
        assert cut.contracts % cut.holding.instrument.lot_size == 0
        way = -1 if cut.holding.contracts > 0 else 1
        change = replace(cut.holding, contracts=way * cut.contracts)
        left = left.with_contracts({cut.holding.instrument.symbol: change})
    assert len({cut.holding.instrument.symbol for cut in cuts}) == len(cuts)
    assert not left.holdings or missing_cash(left, MarginRung.REDUCE, POLICY) == 0
    assert bool(cuts) == (missing_cash(wallet, MarginRung.REDUCE, POLICY) > 0)


def test_a_cut_is_no_larger_than_it_has_to_be():
    wallet = _wallet(5_900, SHORT)
    (cut,) = plan_cuts(wallet, {}, POLICY, untouchable=frozenset())
    assert cut.contracts < dec("0.3")
    smaller = replace(SHORT, contracts=SHORT.contracts + cut.contracts * dec("0.97"))
    assert missing_cash(_wallet(5_900, smaller), MarginRung.REDUCE, POLICY) > 0


def test_the_leg_whose_cut_costs_no_drift_is_first():
    wallet = _wallet(9_000, _holding(BTC, "-1", 50_000), _holding(ETH, "-8", 2_500))
    # ETH is under its target: closing its short brings it nearer.
    first, *_ = plan_cuts(wallet, {Asset("ETH"): dec(-500)}, POLICY, untouchable=frozenset())
    assert first.holding.instrument is ETH
    first, *_ = plan_cuts(wallet, {Asset("BTC"): dec(-500), Asset("ETH"): dec(500)}, POLICY, untouchable=frozenset())
    assert first.holding.instrument is BTC


def test_a_short_that_pledged_coins_stand_for_is_not_cut():
    """To close it would make the wallet worse: the coins are its counterpart. The long of the other coin goes."""
    wallet = replace(
        _wallet(800, SHORT, _holding(ETH, "4", 2_500)), kind=WalletKind.UNIFIED, pledged={Asset("BTC"): dec(50_000)}
    )

    assert missing_cash(wallet, MarginRung.REDUCE, POLICY) > 0
    assert {cut.holding.instrument for cut in plan_cuts(wallet, {}, POLICY, untouchable=frozenset())} == {ETH}
    assert plan_cuts(wallet, {Asset("BTC"): dec(-500)}, POLICY, untouchable=frozenset({ETH.symbol})) == ()


def test_reserved_symbols_are_not_cut():
    wallet = _wallet(1_000, SHORT, _holding(ETH, "2", 2_500))
    assert [cut.holding.instrument for cut in plan_cuts(wallet, {}, POLICY, untouchable=frozenset({BTC.symbol}))] == [
        ETH
    ]
    closed = close_all(wallet, untouchable=frozenset())
    assert [(cut.holding.instrument.symbol, cut.contracts) for cut in closed] == [(BTC.symbol, 1), (ETH.symbol, 2)]
    assert [cut.holding.instrument for cut in close_all(wallet, untouchable=frozenset({BTC.symbol}))] == [ETH]


def test_in_coins_a_short_covered_by_its_coin_is_never_near():
    covered = _wallet("0.2", _holding(INVERSE, "-90", 50_000), currency="BTC")
    assert _rung(covered) is MarginRung.CALM
    assert surplus_after(covered, dec("0.3")) > 0
    long = _wallet("0.02", _holding(INVERSE, "90", 50_000), currency="BTC")
    assert rank(_rung(long)) >= rank(MarginRung.REDUCE)


# --- the venue's word --------------------------------------------------------------------------


def _doubt(liquidation, balance=10_000, holding=SHORT):
    wallet = _wallet(balance, holding)
    price = None if liquidation is None else Decimal(liquidation)
    position = make_position(BTC, holding.contracts, 50_000, liquidation_price=price)
    return liquidation_doubts(wallet, (position,)).get(BTC.symbol, "")


def test_a_venue_that_agrees_raises_no_doubt():
    assert _doubt("59760") == ""
    assert _doubt("58500") == "", "within a tenth and two points"


def test_a_difference_is_a_doubt_and_so_is_a_price_that_is_not_given():
    assert "the venue says 6.0% away, by our account it is 19" in _doubt("53000")
    assert "the venue gives no liquidation price" in _doubt(None)


def test_where_nothing_liquidates_silence_is_agreement():
    long = _holding(BTC, "0.1", 50_000)
    assert _doubt(None, balance=100_000, holding=long) == ""
    assert _doubt("0", balance=100_000, holding=long) == ""
    assert "by our account nothing liquidates it" in _doubt("30000", balance=100_000, holding=long)


def test_positions_of_other_wallets_say_nothing_here():
    assert liquidation_doubts(_wallet(10_000, SHORT), (make_position(ETH, "1", 2_500),)) == {}
