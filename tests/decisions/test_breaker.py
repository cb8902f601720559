"""What counts as a loss of the overlay, and what does not?"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.breaker import day_loss_frac, judge_overlay, loss_frac, measure_overlay, read_losses
from bot.domain.books import Books, LegLedger
from bot.domain.errors import IncompleteData
from bot.domain.events import ContractTermsNoted, OverlayMeasured
from bot.domain.folding import apply
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.overlay import OverlayPoint, OverlayRecord
from bot.domain.policy import BreakerPolicy, LossMeasure, Scope
from bot.domain.portfolio import Alias
from tests.builders import (
    NOW,
    VENUE,
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

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
USDT = Currency("USDT")
LINEAR, INVERSE = make_instrument("BTC"), make_instrument("BTC", inverse=True)
LEG = (VENUE, LINEAR.symbol)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POLICY = make_policy({"BTC": 1})
LIMITS = BreakerPolicy()
#: Chained quotients lose the last digits.
ROUNDING = dec("1e-20")


class Owner:
    """Coins, a futures position with its ledger, and measurements one hour after another."""

    def __init__(self, *, held="2", policy=POLICY, contract=LINEAR) -> None:
        self.held, self.policy, self.contract = dec(held), policy, contract
        self.books = Books()
        self.ledger = self.books.ledgers.setdefault((VENUE, contract.symbol), LegLedger())
        self.price, self.at = dec(50_000), NOW
        #: Beside BTC: balances in spot and futures wallets.
        self.more: list = []

    def trade(self, contracts, *, fee="0", currency="USDT", slippage="0") -> None:
        signed, ledger = dec(contracts), self.ledger
        ledger.contracts += signed
        ledger.cash_contract_value -= signed * self.price
        ledger.inverse_contract_value += signed / self.price
        ledger.slippage_contract_value += dec(slippage)
        ledger.inverse_slippage_contracts += dec(slippage)
        paid = ledger.fees_paid
        paid[Currency(currency)] = paid.get(Currency(currency), dec(0)) + dec(fee)

    def snapshot(self, **changes):
        positions = [make_position(self.contract, self.ledger.contracts, self.price)] if self.ledger.contracts else []
        quote = make_quote(self.contract, self.price, as_of=self.at)
        return make_snapshot(
            make_account([make_balance("BTC", self.held), *self.more], positions, [make_margin()]),
            [(self.contract, quote)],
            books=self.books,
            **changes,
        )

    def measure(self, price=None, *, after=HOUR, **changes) -> OverlayMeasured:
        self.price = self.price if price is None else dec(price)
        self.at += after
        fact = measure_overlay(self.snapshot(**changes), self.policy, self.at)
        assert fact is not None
        apply(self.books, fact)
        return fact

    def losses(self, **policy):
        return {one.measure.value: one.loss_frac for one in read_losses(self.books.overlay, BreakerPolicy(**policy))}


def point_of(overlay, never, **changes) -> OverlayPoint:
    """Return a point of a portfolio whose futures have made the difference, with nothing to cover it."""
    overlay, never = dec(overlay), dec(never)
    values = {
        "at": NOW,
        "overlay": overlay,
        "never": never,
        "value_quote": dec(100_000),
        "futures_quote": {BTC: (overlay - never) * 100_000},
        "coins_quote": {},
    }
    return OverlayPoint(**{**values, **changes})


# --- what is measured


def test_the_first_measurement_is_where_everything_begins():
    one = Owner()
    one.trade("-1", fee="25", slippage="10")
    fact = one.measure()
    assert (fact.overlay_index, fact.never_index, fact.cost_quote) == (1, 1, 0)
    assert (fact.holdings_base, fact.added_base) == ({BTC: 2}, {BTC: -1})
    assert (fact.value_quote, fact.profit_quote, fact.idle_quote) == (99_975, -25, 0)
    assert fact.spent == {USDT: 35}
    assert one.losses() == {"day": 0, "drawdown": 0, "cost": 0}


def test_a_short_loses_what_the_coins_gain_and_nothing_is_said():
    one = Owner()
    one.measure()
    one.trade("-1")
    for price in range(50_000, 100_001, 1_000):
        one.measure(price)
    # Two coins are worth twice as much; the short of one has lost half of that.
    assert one.books.overlay.last.never_index == pytest.approx(dec(2))
    assert one.books.overlay.last.overlay_index == pytest.approx(dec("1.5"))
    assert one.losses() == {"day": 0, "drawdown": 0, "cost": 0}
    assert judge_overlay(one.books.overlay, LIMITS, NOW) is None


def test_what_was_lost_at_the_top_counts_once_the_coins_are_back():
    one = Owner()
    one.measure()
    one.trade("-1")
    one.measure()
    one.measure(60_000)
    one.trade("1")
    one.measure(60_000)
    assert one.losses() == {"day": 0, "drawdown": 0, "cost": 0}
    one.measure(50_000)
    # 10,000 of 100,000, whichever way it is looked at; of V it is a little more.
    lost = one.losses()
    assert lost["day"] == lost["drawdown"] == pytest.approx(dec("0.1"), rel=ROUNDING)
    assert lost["cost"] == dec(10_000) / dec(90_000)


def test_a_long_that_falls_with_the_coins_has_lost_more_than_they_did():
    one = Owner()
    one.measure()
    one.trade("1")
    one.measure(40_000)
    # Coins −20 %, with futures −30 %.
    assert one.losses()["day"] == dec("0.1")
    assert one.losses()["drawdown"] == 1 - dec("0.7") / dec("0.8")


def test_a_loss_of_more_than_a_day_ago_is_no_loss_of_the_day():
    one = Owner()
    one.measure()
    one.trade("1")
    one.measure(40_000)
    for _ in range(25):
        one.measure(40_000)
    assert one.losses()["day"] == 0
    assert one.losses()["drawdown"] == 1 - dec("0.7") / dec("0.8")


def test_coins_that_come_or_go_are_no_result_of_futures():
    one = Owner()
    one.trade("-1")
    one.measure()
    one.held = dec(1)
    fact = one.measure()
    assert (fact.overlay_index, fact.never_index) == (1, 1)
    one.held = dec(20)
    one.measure()
    fact = one.measure(40_000)
    assert fact.never_index == dec("0.8")
    assert fact.overlay_index == (20 * dec(40_000) + 10_000) / (20 * dec(50_000))


def test_settled_profit_is_no_loss():
    one = Owner()
    one.trade("-1")
    one.measure()
    before = one.measure(40_000)
    one.books.settled_profit_quote = dec(10_000)
    after = one.measure(40_000)
    assert (after.overlay_index, after.never_index) == (before.overlay_index, before.never_index)
    assert after.value_quote == before.value_quote - 10_000
    # From here on it is no longer in what futures have to show for.
    assert one.measure(30_000).overlay_index / after.overlay_index == dec(70_000) / dec(80_000)


def test_with_scope_equity_the_cash_beside_the_coins_bears_losses_too():
    cash = make_balance("USDT", 100_000)
    one = Owner(policy=make_policy({"BTC": "0.5", "CASH": "0.5"}, scope=Scope.EQUITY))
    one.more = [cash]
    one.measure()
    one.trade("1")
    # The wallet has paid for it.
    one.more = [replace(cash, balance=dec(90_000))]
    fact = one.measure(40_000)
    assert (fact.idle_quote, fact.profit_quote, fact.value_quote) == (100_000, -10_000, 170_000)
    assert fact.never_index == dec("0.9")
    assert fact.overlay_index == dec("0.85")
    # Cash that comes is the owner's.
    one.more = [replace(cash, balance=dec(190_000))]
    assert one.measure(40_000).overlay_index == dec("0.85")


def test_a_coin_settled_short_changes_the_exposure_by_the_same_coins_at_every_price():
    one = Owner(contract=INVERSE)
    one.trade("-500")
    opened = one.measure()
    assert opened.added_base == {BTC: -1}
    # What it has brought is a balance in coins: here it is what the venue would book at this price.
    one.price = dec(40_000)
    one.held += dec(500) * 100 / one.price - 1
    moved = one.measure()
    assert moved.added_base == {BTC: -1}
    assert moved.holdings_base == {BTC: 2}
    assert (moved.never_index, moved.overlay_index) == (dec("0.8"), dec("0.9"))


def test_a_contract_that_has_expired_is_still_counted():
    one = Owner()
    dated = Symbol("BTC/USDT:USDT-240329")
    one.books.ledgers[VENUE, dated] = LegLedger(cash_contract_value=dec(-1_000), slippage_contract_value=dec(40))
    one.books.terms[VENUE, dated] = ContractTermsNoted(
        at=NOW,
        venue=VENUE,
        symbol=dated,
        asset=BTC,
        is_linear=True,
        contract_size=dec(1),
        quote=USDT,
        settle=USDT,
    )
    fact = one.measure()
    assert (fact.profit_quote, fact.spent) == (-1_000, {USDT: 40})


def test_a_contract_of_the_owners_is_none_of_ours():
    one = Owner(policy=replace(POLICY, foreign_symbols=frozenset({LINEAR.symbol})))
    one.trade("-1", fee="25")
    assert one.measure().spent == {}


def test_a_holding_that_cannot_be_read_is_not_measured():
    one = Owner()
    account = replace(one.snapshot().accounts[VENUE], unreadable_wallets=("earn",))
    with pytest.raises(IncompleteData):
        measure_overlay(replace(one.snapshot(), accounts={VENUE: account}), POLICY, NOW)


def test_without_coins_there_is_nothing_to_measure_against():
    one = Owner(held="0")
    one.trade("-1")
    one.price = dec(40_000)
    assert measure_overlay(one.snapshot(), POLICY, NOW) is None


def test_from_no_coins_nothing_grows():
    one = Owner()
    one.measure()
    one.trade("-1")
    before = one.measure(60_000)
    # All of the coins that were compared are gone from the targets.
    one.books.overlay.last = replace(before, holdings_base={ETH: dec(1)}, index_prices={ETH: dec(1)})
    assert one.measure(70_000).overlay_index == before.overlay_index


def test_within_a_day_a_short_is_covered_by_its_own_coins_whatever_the_others_do():
    since = point_of(1, 1)
    # The owner is 6 % poorer, as coins would not have been; SOL's short has lost half of that, and SOL has gained it.
    futures = {BTC: dec(-3_000), SOL: dec(-3_000)}
    coins = {BTC: dec(-4_000), SOL: dec(4_000)}
    after = point_of("0.94", 1, futures_quote=futures, coins_quote=coins)
    assert loss_frac(since, after) == dec("0.06")
    assert day_loss_frac(since, after) == dec("0.03")


# --- what it costs


def test_fees_slippage_and_funding_are_costs_of_thirty_days():
    one = Owner()
    one.measure()
    one.trade("-1", fee="500", slippage="300")
    one.ledger.funding += dec(-200)
    fact = one.measure()
    assert fact.cost_quote == 1_000
    assert one.losses()["cost"] == dec(1_000) / fact.value_quote
    one.ledger.funding += dec(1_500)
    assert one.measure().cost_quote == -500
    for _ in range(32):
        one.measure(after=DAY)
    assert one.losses()["cost"] == 0


def test_what_was_paid_in_a_coin_does_not_become_dearer_with_it():
    one = Owner(contract=INVERSE)
    one.measure()
    one.trade("-500", fee="0.01", currency="BTC", slippage="2")
    one.held -= dec("0.01")
    # 0.01 coins of 50,000, and two contracts of 100 dollars.
    assert one.measure().cost_quote == 700
    one.held += dec(500) * 100 / dec(100_000) - 1
    assert one.measure(100_000).cost_quote == 700
    one.ledger.funding += dec("0.01")
    one.held += dec("0.01")
    assert one.measure(100_000).cost_quote == -300


def test_a_fee_without_a_price_is_named_and_counted_once_it_has_one():
    one = Owner()
    one.measure()
    one.trade("-1", fee="2", currency="BNB")
    fact = one.measure()
    assert (fact.unpriced, fact.cost_quote) == ((Currency("BNB"),), 0)
    fact = one.measure(rates={"USDT": "1", "BNB": "600"})
    assert (fact.unpriced, fact.cost_quote) == ((), 1_200)


def test_a_coin_that_counts_as_another_is_worth_its_share_of_it():
    aliases = (
        Alias(coin=Currency("WBTC"), asset=BTC, ratio=dec("0.5")),
        Alias(coin=Currency("STETH"), asset=ETH),
    )
    one = Owner(policy=replace(POLICY, aliases=aliases))
    one.measure()
    one.trade("-1", fee="0.01", currency="WBTC")
    assert one.measure().cost_quote == 250


# --- what trips


def record_of(*points, cost=None):
    """Return a record of an hour apart; each point is (with futures, without)."""
    one = Owner()
    for overlay, never in points:
        fact = one.measure()
        record = one.books.overlay
        point = point_of(overlay, never, at=fact.at)
        record.points[-1] = point
        record.best = max(record.points, key=lambda known: known.relative)
    if cost is not None:
        record.last = replace(record.last, cost_quote=dec(cost))
    return record


def test_nothing_is_judged_before_it_is_measured():
    assert read_losses(OverlayRecord(), LIMITS) == ()
    assert judge_overlay(OverlayRecord(), LIMITS, NOW) is None


@pytest.mark.parametrize(
    ("record", "measure", "loss"),
    [
        (record_of(("1", "1"), ("0.949", "1")), LossMeasure.DAY, "0.051"),
        (record_of(("1", "1"), ("1", "1"), cost="3100"), LossMeasure.COST, "0.031"),
    ],
)
def test_more_than_a_limit_trips(record, measure, loss):
    tripped = judge_overlay(record, LIMITS, NOW)
    assert (tripped.measure, tripped.loss_frac) == (measure, dec(loss))
    assert f"{dec(loss):.1%} of the portfolio" in tripped.why


def test_a_slow_loss_trips_as_a_drawdown():
    one = Owner()
    one.measure()
    record = one.books.overlay
    newest = point_of("0.84", 1, at=NOW + 90 * DAY)
    record.points = [newest]
    tripped = judge_overlay(record, LIMITS, NOW)
    assert (tripped.measure, tripped.loss_frac, tripped.limit_frac) == (
        LossMeasure.DRAWDOWN,
        dec("0.16"),
        dec("0.15"),
    )


@pytest.mark.parametrize(
    "record", [record_of(("1", "1"), ("0.95", "1")), record_of(("1", "1"), ("1", "1"), cost="3000")]
)
def test_a_limit_itself_is_allowed(record):
    assert judge_overlay(record, LIMITS, NOW) is None


def test_it_trips_once():
    record = record_of(("1", "1"), ("0.9", "1"))
    record.tripped = judge_overlay(record, LIMITS, NOW)
    assert record.tripped is not None
    assert judge_overlay(record, LIMITS, NOW) is None


def test_coins_that_fall_by_themselves_trip_nothing():
    assert judge_overlay(record_of(("1", "1"), ("0.5", "0.5")), LIMITS, NOW) is None


# --- properties

prices_of = st.lists(st.integers(1_000, 200_000), min_size=1, max_size=12)


@given(prices_of, st.decimals("0", "2", places=4))
def test_a_short_of_no_more_than_the_coins_is_silent_while_prices_rise(prices, short):
    one = Owner()
    one.trade(-short)
    for price in sorted([50_000, *(50_000 + price for price in prices)]):
        one.measure(price)
        assert judge_overlay(one.books.overlay, LIMITS, one.at) is None
        assert one.losses()["cost"] == 0


@given(prices_of, st.lists(st.decimals("0.1", "5", places=3), min_size=12, max_size=12))
def test_without_futures_nothing_is_lost_whatever_prices_do_and_the_owner_moves(prices, held):
    one = Owner()
    for price, coins in zip(prices, held, strict=False):
        one.measure(price)
        one.held = coins
    assert all(loss < ROUNDING for loss in one.losses().values())
    last = one.books.overlay.last
    assert abs(last.overlay_index / last.never_index - 1) < ROUNDING


@given(st.decimals("0.1", "3", places=4), st.decimals("0.1", "3", places=4), st.decimals("0.1", "3", places=4))
def test_a_loss_is_never_more_than_the_owner_has_lost_nor_than_futures_have_cost_him(was, now, never):
    since, after = point_of(was, 1), point_of(now, never)
    loss = loss_frac(since, after)
    assert 0 <= loss <= 1
    assert loss <= max(0, 1 - now / was)
    assert loss <= max(0, 1 - after.relative / since.relative)
    assert (loss == 0) == (now >= was or after.relative >= since.relative)


@given(prices_of)
def test_the_indices_are_what_the_books_say_when_nothing_comes_or_goes(prices):
    one = Owner()
    one.trade("-1")
    one.measure()
    for price in prices:
        fact = one.measure(price)
    value = 2 * fact.index_prices[BTC] + fact.profit_quote
    if value > 0:
        assert fact.overlay_index == pytest.approx(value / 100_000, rel=ROUNDING)
    assert fact.never_index == pytest.approx(2 * fact.index_prices[BTC] / 100_000, rel=ROUNDING)
