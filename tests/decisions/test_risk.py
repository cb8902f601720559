"""The gate: what increases must pass every rule, what reduces passes all of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.exposure import measure_exposure
from bot.decisions.margin import load_wallets
from bot.decisions.risk import GateInputs, judge_legs
from bot.domain.books import Books, LegLedger, SuspectedFlow
from bot.domain.events import ContractTermsNoted
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, VenueId
from bot.domain.instruments import ContractKind, MarginTier, Tenor
from bot.domain.market import CurrencyRate
from bot.domain.orders import OrderState, Purpose, Side
from bot.domain.plan import Rule
from bot.domain.policy import MarginRung, RiskLimits, TradingState
from bot.domain.portfolio import Alias, ExternalHolding
from tests.builders import (
    NOW,
    VENUE,
    dec,
    make_account,
    make_balance,
    make_funding,
    make_instrument,
    make_margin,
    make_order,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)
from tests.decisions.market import (
    BTC,
    ETH,
    LINEAR,
    PRICES,
    SOL,
    TARGETS,
    coins_worth,
    decide_now,
    line_of,
    linear_market,
    orders_of,
    rules_of,
    snapshot_worth,
    three_assets,
    to_target,
)
from tests.decisions.test_ceilings import books_with, ceiling

WORTH = {"BTC": 6000, "ETH": 2500, "SOL": 1500}
#: What the plan does with ``WORTH`` when nothing is in its way.
WHOLE = {"BTC": ("sell", 1000), "ETH": ("buy", 500), "SOL": ("buy", 500)}
LEG = (BTC.venue, BTC.symbol)
#: Another contract of the same asset.
OTHER = make_instrument(symbol=Symbol("BTC/USDT:USDT-240628"))
OTHER_LEG = (OTHER.venue, OTHER.symbol)
OTHER_TERMS = ContractTermsNoted(
    at=NOW,
    venue=OTHER.venue,
    symbol=OTHER.symbol,
    asset=OTHER.asset,
    is_linear=True,
    contract_size=dec(1),
    quote=OTHER.quote,
    settle=OTHER.settle,
)


def _decided(*, books=None, limits=None, worth=WORTH, positions=(), policy=None, **changes):
    snapshot = snapshot_worth(worth, positions, books=books, **changes)
    return decide_now(snapshot, policy or three_assets(limits=RiskLimits(**(limits or {}))))


def _refused(decision, asset="BTC"):
    return rules_of(decision, asset)


def test_a_plan_that_nothing_is_held_against_passes_whole():
    decision = _decided()

    assert orders_of(decision) == WHOLE
    assert decision.refusals == ()


# --- contracts that expire, and thin books ----------------------------------------------------


@pytest.mark.parametrize(("premium", "passes"), [("0.05", True), ("0.11", False)])
def test_a_contract_that_expires_may_be_off_the_index_by_its_basis(premium, passes):
    """Three per cent, and thirty a year: 10.5 % for a quarter of one."""
    dated = make_instrument("BTC", symbol=Symbol("BTC/USDT:USDT-X"), expires_at=NOW + timedelta(days=91, hours=6))
    quote = make_quote(dated, PRICES["BTC"], mark_price=PRICES["BTC"] * (1 + dec(premium)))
    policy = three_assets(tenors=(Tenor.DATED, Tenor.PERPETUAL))

    market = [(dated, quote), *linear_market("ETH", "SOL")]
    decision = decide_now(snapshot_worth(WORTH, market=market), policy)

    assert ("BTC" in orders_of(decision)) is passes
    assert (Rule.PRICE_SANITY in _refused(decision)) is not passes


def test_nothing_is_added_in_a_wallet_that_the_ladder_holds_back():
    books = Books(margin_rungs={(VENUE, BTC.settle): (MarginRung.CANCEL, NOW)})

    decision = _decided(books=books)

    assert orders_of(decision) == {}
    assert Rule.MARGIN_LADDER in _refused(decision)


def test_an_order_is_no_larger_than_the_book_can_bear():
    thin = make_quote(BTC, PRICES["BTC"], bid_contracts=dec("0.0001"))
    decision = decide_now(snapshot_worth(WORTH, market=[(BTC, thin), *linear_market("ETH", "SOL")]))

    assert orders_of(decision)["BTC"] == ("sell", 500)
    assert Rule.DEPTH in _refused(decision)


# --- trading state -----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [TradingState.REDUCE_ONLY, TradingState.HALTED])
def test_nothing_is_increased_unless_trading_is_normal(state):
    decision = _decided(books=Books(trading_state=state))

    assert not decision.legs
    assert decision.trading_state is state
    assert _refused(decision) == {Rule.TRADING_STATE}
    assert line_of(decision, "BTC").hedge_need_quote == -1000


@pytest.mark.parametrize(
    ("state", "passes"),
    [(TradingState.NORMAL, True), (TradingState.REDUCE_ONLY, True), (TradingState.HALTED, False)],
)
def test_a_halt_stops_rebalancing_reductions_and_reduce_only_does_not(state, passes):
    decision = _decided(
        worth={"BTC": 6000, "ETH": 2500, "SOL": 1500},
        positions=[make_position(BTC, "0.02", 50_000)],
        books=Books(trading_state=state),
    )

    assert any(leg.reduce_only for leg in decision.legs) is passes
    assert (Rule.TRADING_STATE in _refused(decision)) is (state is not TradingState.NORMAL)


# --- data --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("age", "refused"), [(60, False), (61, True)])
def test_an_old_price_refuses_its_leg_and_no_other(age, refused):
    old = NOW - timedelta(seconds=age)
    market = [(BTC, make_quote(BTC, 50_000, as_of=old)), *linear_market("ETH", "SOL")]

    decision = _decided(market=market)

    assert (Rule.STALE_DATA in _refused(decision)) is refused
    assert "ETH" in orders_of(decision)


@pytest.mark.parametrize(("age", "refused"), [(60, False), (61, True)])
def test_an_old_account_refuses_what_is_traded_there(age, refused):
    account = make_account(coins_worth(WORTH), as_of=NOW - timedelta(seconds=age))

    assert (Rule.STALE_DATA in _refused(_decided(account=account))) is refused


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"mark_price": "51500"}, False),
        ({"mark_price": "51501", "last_price": dec(51_501)}, True),
        ({"mark_price": "48499", "last_price": dec(48_499)}, True),
        ({"last_price": dec(51_500)}, False),
        ({"last_price": dec(51_501)}, True),
        ({"last_price": dec(48_499)}, True),
    ],
)
def test_prices_that_disagree_refuse_an_increase(changes, refused):
    market = [(BTC, make_quote(BTC, 50_000, **changes)), *linear_market("ETH", "SOL")]

    assert (Rule.PRICE_SANITY in _refused(_decided(market=market))) is refused


@given(mark=st.decimals(min_value="0.5", max_value=2, places=3))
def test_a_mark_off_its_index_refuses_no_reduction(mark):
    """A long of 0.02 BTC, where a thousand dollars of it are too many."""
    market = [(BTC, make_quote(BTC, 50_000, mark_price=50_000 * mark)), *linear_market("ETH", "SOL")]

    decision = _decided(market=market, positions=[make_position(BTC, "0.02", 50_000)])

    (leg,) = [one for one in decision.legs if one.instrument.asset == "BTC" and one.reduce_only]
    assert (leg.side, leg.contracts) == (Side.SELL, dec("0.02"))


@pytest.mark.parametrize(("here", "refused"), [("51000", False), ("51001", True)])
def test_an_index_off_the_median_of_the_venues_refuses_an_increase(here, refused):
    others = [make_instrument("BTC", venue=VenueId(name)) for name in "xyz"]
    market = [(BTC, make_quote(BTC, here)), *((one, make_quote(one, 50_000)) for one in others)]

    decision = _decided(market=[*market, *linear_market("ETH", "SOL")])

    assert (Rule.PRICE_SANITY in _refused(decision)) is refused


def test_indices_are_compared_in_one_currency():
    """USDT is worth 0.98: an index of 51,020.41 USDT is 50,000 dollars, as everywhere else."""
    others = [
        make_instrument("BTC", venue=VenueId(name), quote=Currency("USD"), settle=Currency("USD")) for name in "xyz"
    ]
    here = make_quote(BTC, "51020.41")
    market = [(BTC, here), *((one, make_quote(one, 50_000)) for one in others), *linear_market("ETH", "SOL")]

    assert Rule.PRICE_SANITY not in _refused(_decided(market=market, rates={"USDT": "0.98"}))


# --- the leg -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("books", "rule"),
    [
        (Books(locks={LEG: (NOW, "a fill is missing")}), Rule.LOCKED),
        (Books(locks={OTHER_LEG: (NOW, "not listed")}, terms={OTHER_LEG: OTHER_TERMS}), Rule.LOCKED),
        (Books(orders={ClientOrderId("1"): make_order(OTHER, state=OrderState.UNKNOWN)}), Rule.UNKNOWN_ORDER),
        (Books(unprotected={LEG: (NOW, "no stop")}), Rule.UNPROTECTED),
        (Books(orders={ClientOrderId("1"): make_order(state=OrderState.UNKNOWN)}), Rule.UNKNOWN_ORDER),
        (Books(orders={ClientOrderId("1"): make_order(purpose=Purpose.STOP)}), Rule.UNKNOWN_ORDER),
    ],
)
def test_a_leg_in_doubt_is_not_increased_and_the_others_are(books, rule):
    decision = _decided(books=books)

    assert _refused(decision) == {rule}
    assert set(orders_of(decision)) == {"ETH", "SOL"}


@pytest.mark.parametrize(
    "order",
    [make_order(state=OrderState.OPEN), make_order(make_instrument("DOGE"), state=OrderState.UNKNOWN)],
)
def test_an_order_that_is_known_or_elsewhere_is_in_nobody_s_way(order):
    order = replace(order, intent=replace(order.intent, intended_at=NOW - timedelta(hours=1)))

    assert orders_of(_decided(books=Books(orders={ClientOrderId("1"): order}))) == WHOLE


@pytest.mark.parametrize(("days", "refused"), [(60, False), (61, True)])
def test_declared_coins_that_are_too_old_refuse_increases_in_their_asset(days, refused):
    policy = three_assets(aliases=(Alias(coin=Currency("WBTC"), asset=Asset("BTC")),))
    old = ExternalHolding(asset=Asset("WBTC"), amount_base=dec("0.02"), as_of=NOW - timedelta(days=days))

    decision = _decided(worth={"BTC": 5000, "ETH": 2500, "SOL": 1500}, external=[old], policy=policy)

    assert (Rule.EXTERNAL_AGE in _refused(decision)) is refused
    assert Rule.EXTERNAL_AGE not in rules_of(decision, "ETH")


@pytest.mark.parametrize(("days", "warned"), [(30, False), (31, True)])
def test_declared_coins_that_grow_old_are_told(days, warned):
    old = ExternalHolding(asset=Asset("BTC"), amount_base=dec("0.02"), as_of=NOW - timedelta(days=days))

    assert any("declare it again" in sentence for sentence in _decided(external=[old]).warnings) is warned


# --- money -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "refused"), [("0.97", False), ("1.03", False), ("0.969", True), ("1.031", True)])
def test_beyond_three_percent_off_its_peg_nothing_is_added_in_a_stablecoin(rate, refused):
    decision = _decided(rates={"USDT": rate})

    assert (Rule.DEPEG in _refused(decision)) is refused
    assert any("off its peg" in sentence for sentence in decision.warnings)


def test_coin_settled_contracts_do_not_care_for_a_stablecoin():
    inverse = make_instrument("BTC", inverse=True)
    account = make_account(coins_worth({"BTC": 6000}), margins=[make_margin("BTC", 1)])
    policy = make_policy({"BTC": "0.5"}, bands=to_target(), contract_kinds=(ContractKind.INVERSE,))
    snapshot = make_snapshot(account, [(inverse, make_quote(inverse, 50_000))], rates={"USDT": "0.5"})

    assert orders_of(decide_now(snapshot, policy)) == {"BTC": ("sell", 3000)}


def test_a_settlement_currency_of_unknown_worth_is_not_added_to():
    odd = make_instrument("BTC", settle=Currency("USDX"), quote=Currency("USD"))
    account = make_account(coins_worth({"BTC": 6000}), margins=[make_margin("USDX", 1000)])
    snapshot = make_snapshot(account, [(odd, make_quote(odd, 50_000))])

    decision = decide_now(snapshot, make_policy({"BTC": "0.5"}, bands=to_target()))

    assert _refused(decision) == {Rule.DEPEG}
    assert decision.capacity_short_quote == 0


@pytest.mark.parametrize(
    ("rate", "hours", "asset", "refused"),
    [
        # 60 % a year are 0.000547945… per eight hours; shorts pay when it is negative.
        ("-0.00054794", 8, BTC, False),
        ("-0.00054795", 8, BTC, True),
        ("0.01", 8, BTC, False),
        ("0.00054795", 8, ETH, True),
        ("-0.01", 8, ETH, False),
        ("-0.00007", 1, BTC, True),
    ],
)
def test_funding_is_capped_on_the_side_that_pays(rate, hours, asset, refused):
    funding = [make_funding(one, rate, hours) if one is asset else make_funding(one) for one in (BTC, ETH, SOL)]

    decision = _decided(funding=funding)

    assert (Rule.FUNDING in _refused(decision, asset.asset)) is refused


def test_funding_that_is_not_known_is_not_zero():
    decision = _decided(funding=[make_funding(ETH), make_funding(SOL)])

    assert _refused(decision) == {Rule.FUNDING}
    assert set(orders_of(decision)) == {"ETH", "SOL"}


# --- how much ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("bound", "sold"), [("0.02", 1000), ("0.0104", 520), ("0", None)])
def test_a_ceiling_is_never_exceeded(bound, sold):
    decision = _decided(books=books_with(ceiling(bound)))

    assert orders_of(decision).get("BTC") == (None if sold is None else ("sell", sold))
    assert (Rule.CEILING in _refused(decision)) is (sold != 1000)


def test_a_ceiling_counts_from_the_delta_that_the_reducing_leg_leaves():
    """Long 0.02 on 6,000 of BTC wants to be short 0.02; half of that is the ceiling."""
    decision = _decided(books=books_with(ceiling("0.01")), positions=[make_position(BTC, "0.02", 50_000)])

    legs = [(leg.contracts, leg.reduce_only) for leg in decision.legs if leg.instrument is BTC]
    assert legs == [(dec("0.02"), True), (dec("0.01"), False)]


@pytest.mark.parametrize(("frac", "sold"), [("0.1", 1000), ("0.05", 500)])
def test_an_order_may_be_a_share_of_the_portfolio_at_most(frac, sold):
    decision = _decided(limits={"max_order_frac": dec(frac)})

    assert orders_of(decision)["BTC"] == ("sell", sold)
    assert (Rule.ORDER_SIZE in _refused(decision)) is (sold != 1000)


def test_the_turnover_of_a_day_is_shared_in_the_order_of_the_legs():
    """0.14 × 10,000 are 1,400 dollars: 1,000 for BTC, 400 for ETH, nothing for SOL."""
    decision = _decided(limits={"max_turnover_frac": dec("0.14")})

    assert orders_of(decision) == {"BTC": ("sell", 1000), "ETH": ("buy", 400)}
    assert Rule.TURNOVER in _refused(decision, "ETH") & _refused(decision, "SOL")


def test_a_trimmed_leg_spends_what_is_left_of_it():
    """Of 1,000 dollars of turnover BTC takes 400, as much as one order may be; 400 remain for ETH, 200 for SOL."""
    limits = {"max_turnover_frac": dec("0.1"), "max_order_frac": dec("0.04")}

    assert orders_of(_decided(limits=limits)) == {"BTC": ("sell", 400), "ETH": ("buy", 400), "SOL": ("buy", 200)}


def test_what_was_added_within_a_day_counts_as_turnover():
    """1,400 less 300 sold an hour ago and 100 dollars of inverse contracts; what is a day old is free again."""
    inverse = make_instrument("BTC", inverse=True)
    inverse_leg = (inverse.venue, inverse.symbol)
    books = Books(
        recent_increases=[
            (NOW - timedelta(hours=1), dec(300), LEG),
            (NOW - timedelta(hours=1), dec(50_000), inverse_leg),
            (NOW - timedelta(hours=24), dec(9000), LEG),
            (NOW - timedelta(hours=1), dec(9000), (VENUE, Symbol("gone"))),
        ]
    )
    market = [*linear_market(), (inverse, make_quote(inverse, 50_000))]

    decision = _decided(books=books, limits={"max_turnover_frac": dec("0.14")}, market=market)

    assert orders_of(decision) == {"BTC": ("sell", 1000)}


def test_turnover_that_is_used_up_leaves_nothing():
    books = Books(recent_increases=[(NOW, dec(90_000), LEG)])

    assert not _decided(books=books).legs


def _orders(count, *, reduce_only, at=NOW, purpose=Purpose.HEDGE):
    return Books(
        orders={
            ClientOrderId(str(number)): make_order(
                SOL, state=OrderState.FILLED, reduce_only=reduce_only, intended_at=at, purpose=purpose
            )
            for number in range(count)
        }
    )


@pytest.mark.parametrize(
    ("books", "count"),
    [
        (_orders(18, reduce_only=False), 2),
        (_orders(20, reduce_only=False), 0),
        (_orders(30, reduce_only=False, at=NOW - timedelta(minutes=1)), 3),
        (_orders(30, reduce_only=False, purpose=Purpose.STOP), 3),
        (_orders(70, reduce_only=True), 3),
    ],
)
def test_increasing_orders_have_a_budget_a_minute(books, count):
    decision = _decided(books=books)

    assert len(decision.legs) == count
    assert (Rule.ORDER_RATE in _refused(decision, "SOL")) is (count < 3)


@pytest.mark.parametrize(("spent", "passes"), [(59, True), (60, False)])
def test_reducing_orders_have_a_budget_of_their_own(spent, passes):
    decision = _decided(books=_orders(spent, reduce_only=True), positions=[make_position(BTC, "0.02", 50_000)])

    assert any(leg.reduce_only for leg in decision.legs) is passes
    assert (Rule.ORDER_RATE in _refused(decision)) is not passes


def test_several_reductions_share_the_budget():
    decision = _decided(
        books=_orders(59, reduce_only=True),
        positions=[make_position(BTC, "0.02", 50_000), make_position(ETH, "-0.2", 2500)],
    )

    assert sum(leg.reduce_only for leg in decision.legs) == 1


@pytest.mark.parametrize(("cap", "sold"), [("1", 1000), ("0.4", 400)])
def test_leverage_trims_every_increase_of_the_wallet(cap, sold):
    account = make_account(coins_worth(WORTH), margins=[make_margin("USDT", 2000)])

    decision = _decided(account=account, limits={"max_leverage": dec(cap)})

    assert orders_of(decision) == {"BTC": ("sell", sold), "ETH": ("buy", sold / 2), "SOL": ("buy", sold / 2)}
    assert (_refused(decision) == {Rule.LEVERAGE}) is (sold != 1000)


def _tiered(*tops, cap=600):
    return make_instrument(
        "BTC",
        margin_tiers=tuple(
            MarginTier(
                notional_cap_quote=dec(cap) * (number + 1),
                maintenance_frac=dec("0.005"),
                maintenance_amount_quote=dec(0),
                max_leverage=dec(top),
            )
            for number, top in enumerate(tops)
        ),
    )


@pytest.mark.parametrize(
    ("tops", "balance", "sold"),
    [
        # 2,000 of notional on 1,000 use a leverage of 2, which the second tier allows …
        ((10, 2), 1000, 1000),
        # … or does not: the first tier ends at 600.
        ((10, 1), 1000, 600),
        ((1, 1), 1000, None),
        # With more margin the same tier allows it.
        ((10, 1), 2000, 1000),
    ],
)
def test_a_margin_tier_that_allows_too_little_leverage_is_not_entered(tops, balance, sold):
    tiered = _tiered(*tops)
    account = make_account(coins_worth(WORTH), margins=[make_margin("USDT", balance)])
    market = [(tiered, make_quote(tiered, 50_000)), *linear_market("ETH", "SOL")]

    decision = _decided(account=account, market=market)

    assert orders_of(decision).get("BTC") == (None if sold is None else ("sell", sold))
    assert (Rule.MARGIN_TIER in _refused(decision)) is (sold != 1000)


def test_what_the_gate_trims_below_the_smallest_order_is_not_sent():
    decision = _decided(books=books_with(ceiling("0.00009")))

    assert "BTC" not in orders_of(decision)
    assert line_of(decision, "BTC").residual_quote == -1000


def test_a_trimmed_leg_carries_its_share_and_the_rest_is_residual():
    decision = _decided(books=books_with(ceiling("0.01")))
    (leg,) = (leg for leg in decision.legs if leg.instrument is BTC)

    assert (leg.contracts, leg.amount_base, leg.notional_quote) == (dec("0.01"), dec("0.01"), 500)
    assert line_of(decision, "BTC").residual_quote == -500
    assert line_of(decision, "BTC").reason == "sell 0.01 BTC/USDT:USDT (a ceiling is in force (stop_out))"


def test_a_share_that_does_not_end_leaves_no_dust_in_the_sums():
    """4.3743 ETH are trimmed to 1.0617, a share of 0.2427…; 2,654.25 USD are bought, to the last digit."""
    account = make_account(
        [make_balance("BTC", "0.39004"), make_balance("SOL", "169.51")], margins=[make_margin("USDT", 1633)]
    )
    market = [
        (one, make_quote(one, PRICES[asset], mark_price=PRICES[asset] * dec("0.98"))) for asset, one in LINEAR.items()
    ]

    decision = decide_now(make_snapshot(account, market), make_policy(TARGETS))

    (leg,) = (leg for leg in decision.legs if leg.instrument is ETH)
    assert leg.notional_quote == leg.amount_base * 2500
    line = line_of(decision, "ETH")
    assert line.residual_quote == line.hedge_need_quote - leg.contracts * 2500


# --- reductions pass ---------------------------------------------------------------------------


@given(
    st.sampled_from([TradingState.NORMAL, TradingState.REDUCE_ONLY]),
    st.booleans(),
    st.integers(0, 300),
    st.decimals(min_value="0.5", max_value=2, places=2),
    st.decimals(min_value="0.6", max_value="1.4", places=2),
    st.decimals(min_value=0, max_value=100, places=0),
    st.sampled_from(MarginRung),
)
def test_the_gate_passes_every_reduction(state, is_in_doubt, age, last, usdt, balance, rung):
    """A short of 0.02 that is not needed is bought back, whatever else is the matter."""
    books = Books(
        trading_state=state,
        locks={LEG: (NOW, "")} if is_in_doubt else {},
        unprotected={LEG: (NOW, "")} if is_in_doubt else {},
        orders={ClientOrderId("1"): make_order(state=OrderState.UNKNOWN)} if is_in_doubt else {},
        flows={Asset("BTC"): SuspectedFlow(asset=Asset("BTC"), from_base=dec(1), to_base=dec(2), since=NOW)},
        accepted_holdings={Asset("BTC"): dec(9)},
        ceilings={} if not is_in_doubt else books_with(ceiling("0")).ceilings,
        recent_increases=[(NOW, dec(10**9), LEG)],
        margin_rungs={(VENUE, BTC.settle): (rung, NOW)},
    )
    old = NOW - timedelta(seconds=age)
    quote = make_quote(BTC, 50_000, last_price=50_000 * last, as_of=old)
    account = make_account(
        coins_worth({"BTC": 5000}),
        [make_position(BTC, "-0.02", 50_000, liquidation_price=dec(500_000))],
        [make_margin("USDT", balance + 1000)],
        as_of=old,
    )
    snapshot = make_snapshot(account, [(BTC, quote)], books=books, funding=[], rates={"USDT": "1"})
    snapshot = replace(
        snapshot,
        currency_rates={Currency("USDT"): CurrencyRate(currency=Currency("USDT"), usd=usdt, as_of=old)},
    )

    decision = decide_now(snapshot, make_policy({"BTC": "1"}, bands=to_target()))

    assert [(leg.side.value, leg.contracts, leg.reduce_only) for leg in decision.legs] == [("buy", dec("0.02"), True)]


@pytest.mark.parametrize(
    ("pending", "bought"),
    [
        (make_order(state=OrderState.UNKNOWN, side=Side.BUY, contracts="0.02"), []),
        (make_order(state=OrderState.INTENDED, side=Side.BUY, contracts="0.02"), []),
        (make_order(state=OrderState.UNKNOWN, side=Side.BUY, contracts="0.015"), [dec("0.005")]),
        (make_order(state=OrderState.UNKNOWN, side=Side.BUY, contracts=1), []),
        (make_order(state=OrderState.ABSENT, side=Side.BUY, contracts="0.02"), [dec("0.02")]),
        (make_order(state=OrderState.UNKNOWN, side=Side.SELL, contracts="0.02"), [dec("0.02")]),
        (
            make_order(state=OrderState.UNKNOWN, side=Side.BUY, contracts="0.02", purpose=Purpose.STOP),
            [dec("0.02")],
        ),
        (
            make_order(make_instrument("ETH"), state=OrderState.UNKNOWN, side=Side.BUY, contracts="0.02"),
            [dec("0.02")],
        ),
    ],
)
def test_a_reduction_that_may_be_on_its_way_is_not_sent_twice(pending, bought):
    decision = _decided(
        worth={"BTC": 5000},
        positions=[make_position(BTC, "-0.02", 50_000)],
        books=Books(orders={ClientOrderId("1"): pending}),
        market=linear_market("BTC"),
        policy=make_policy({"BTC": "1"}, bands=to_target()),
    )

    assert [leg.contracts for leg in decision.legs] == bought
    assert (Rule.UNKNOWN_ORDER in _refused(decision)) is (bought != [dec("0.02")])


@pytest.mark.parametrize(
    ("traded", "ledger", "ago", "bought"),
    [
        ("0.015", "-0.005", 1, [dec("0.005")]),
        ("0.02", "0", 1, []),
        # The list is right.
        ("0.015", "-0.02", 1, [dec("0.02")]),
        # What the list lacks was traded by others, or long ago.
        ("0", "-0.005", 1, [dec("0.02")]),
        ("0.015", "-0.005", 61, [dec("0.02")]),
    ],
)
def test_a_reduction_that_the_list_of_positions_does_not_show_yet_is_not_done_twice(traded, ledger, ago, bought):
    done = make_order(
        state=OrderState.FILLED, side=Side.BUY, contracts="0.02", intended_at=NOW - timedelta(minutes=ago)
    )
    done.filled_contracts = dec(traded)
    leg = (BTC.venue, BTC.symbol)
    at_cost = LegLedger(contracts=dec(ledger), cash_contract_value=-dec(ledger) * 50_000)
    books = Books(orders={ClientOrderId("1"): done}, ledgers={leg: at_cost})
    if dec(ledger) != dec("-0.02"):
        books.locks[leg] = (NOW, "it does not add up")
    decision = _decided(
        worth={"BTC": 5000},
        positions=[make_position(BTC, "-0.02", 50_000)],
        books=books,
        market=linear_market("BTC"),
        policy=make_policy({"BTC": "1"}, bands=to_target()),
    )

    assert [leg.contracts for leg in decision.legs] == bought


def test_funding_of_a_contract_that_expires_is_not_asked_for():
    """A dated contract is never chosen yet; where one is already there, the rule has nothing to say of it."""
    decision = _decided()
    leg = next(leg for leg in decision.legs if leg.instrument is BTC)
    dated = make_instrument("BTC", expires_at=NOW + timedelta(days=30))
    leg = replace(leg, instrument=dated)
    snapshot = snapshot_worth(
        WORTH, market=[(dated, make_quote(dated, 50_000)), *linear_market("ETH", "SOL")], funding=[]
    )
    policy = three_assets()
    inputs = GateInputs(
        snapshot=snapshot,
        policy=policy,
        exposures=measure_exposure(snapshot, policy),
        state=TradingState.NORMAL,
        ceilings={},
        flows=frozenset(),
        loads=load_wallets(snapshot, [leg], policy.limits),
        now=NOW,
    )

    ((_, verdict),) = judge_legs([leg], inputs)

    assert verdict.approved_contracts == leg.contracts
