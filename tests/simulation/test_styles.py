"""What does the whole bot do while a leg is being worked, and with a profit target beside its stop?"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.bootstrap import Bot
from bot.domain.events import CancelRequested, CeilingSet, LookTaken, OrderIntended, TrancheTaken
from bot.domain.ids import Currency, Symbol
from bot.domain.orders import OrderType, Purpose, Side, TimeInForce
from bot.domain.policy import (
    CadencePolicy,
    DcaPolicy,
    ExecutionPolicy,
    ExecutionStyle,
    StopPolicy,
    TradingState,
    VolatilityPolicy,
)
from bot.domain.portfolio import WalletKind
from bot.exchange.faults import Effect, FailRead, LoseReply, LoseRequest
from bot.exchange.orders import OrderRequest
from bot.exchange.records import Trade
from tests.simulation.test_scenarios import BTC_PERP, EVERY_FEW_MINUTES, HOUR, Owner

pytestmark = pytest.mark.seconds(35)

ETH_PERP = Symbol("ETH/USDT:USDT")
CHASE = ExecutionPolicy(style=ExecutionStyle.CHASE)
TWAP = ExecutionPolicy(style=ExecutionStyle.TWAP)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def hedges(owner: Owner) -> list[Any]:
    """The hedge orders in BTC, as they were meant."""
    intents = [fact.intent for fact in owner.facts(OrderIntended)]
    return [one for one in intents if one.purpose is Purpose.HEDGE and one.symbol == BTC_PERP]


def test_a_chase_that_nobody_meets_takes_what_is_there_at_its_deadline() -> None:
    owner = Owner(execution=CHASE)
    owner.run(HOUR)
    first, last = hedges(owner)
    assert (first.time_in_force, last.time_in_force) == (TimeInForce.POST_ONLY, TimeInForce.IOC)
    assert last.intended_at - first.intended_at == timedelta(minutes=2)
    assert owner.held() == Decimal("-0.018")
    owner.is_well()


def test_a_chase_that_the_market_comes_to_pays_the_maker_fee() -> None:
    owner = Owner(execution=CHASE, script=[(30 * SECOND, "50020")])
    owner.run(HOUR)
    assert owner.held() == Decimal("-0.018")
    assert all(trade.is_maker for trade in owner.exchange.floor.trades if trade.symbol == BTC_PERP)
    assert owner.checker.unprotected_seconds_max <= 6, "whoever works it makes the stop fit, not the next watch"
    owner.is_well()


def test_a_chase_follows_a_touch_that_moves_away_and_never_with_two_orders() -> None:
    owner = Owner(execution=CHASE, script=[(30 * SECOND, "49970"), (60 * SECOND, "49950"), (90 * SECOND, "49920")])
    owner.run(HOUR)
    prices = [intent.price for intent in hedges(owner)]
    assert len(prices) >= 3
    assert prices == sorted(prices, reverse=True)
    ours = {intent.client_order_id for intent in hedges(owner)}
    assert sum(fact.client_order_id in ours for fact in owner.facts(CancelRequested)) == len(prices) - 1
    assert owner.held() in (Decimal("-0.018"), Decimal("-0.017"))
    owner.is_well()


def test_a_price_that_runs_away_is_not_waited_for() -> None:
    owner = Owner(execution=CHASE, script=[(20 * SECOND, "49900")])
    owner.run(HOUR)
    last = hedges(owner)[-1]
    assert last.time_in_force is TimeInForce.IOC
    assert last.intended_at - hedges(owner)[0].intended_at <= timedelta(seconds=30)
    owner.is_well()


def test_while_prices_move_a_leg_is_measured_again() -> None:
    """BTC falls from 50,000 to 30,000 while its hedge rests: 67 % of 70 % are nothing to sell any more."""
    owner = Owner(execution=CHASE, script=[(30 * SECOND, "30000")])
    owner.run(30 * timedelta(minutes=1))
    assert owner.held() == 0
    assert {fact.reason for fact in owner.facts(CancelRequested)} >= {"less is needed now"}
    owner.is_well()


def test_slices_never_go_past_where_the_look_was_going() -> None:
    owner = Owner(execution=TWAP, script=[(10 * timedelta(minutes=1), "48500"), (30 * timedelta(minutes=1), "50500")])
    owner.run(50 * timedelta(minutes=1))
    assert owner.checker.violated == []
    assert hedges(owner)


def test_a_twap_comes_in_slices_each_with_its_stop() -> None:
    owner = Owner(execution=TWAP)
    owner.run(HOUR)
    sizes = [intent.contracts for intent in hedges(owner)]
    assert len(sizes) == 10
    assert sum(sizes) == Decimal("0.018")
    assert owner.held() == Decimal("-0.018")
    assert owner.checker.unprotected_seconds_max < 1
    owner.is_well()


@pytest.mark.parametrize("style", [CHASE, TWAP])
def test_a_halt_ends_what_is_being_worked(style: ExecutionPolicy) -> None:
    owner = Owner(execution=style)

    halting: list[asyncio.Future[Any]] = []

    def halt(bot: Bot) -> None:
        halting.append(asyncio.ensure_future(bot.control.halt("owner", why="a look at it")))

    owner.run(HOUR, halt)
    assert owner.journal.books.trading_state is TradingState.HALTED
    assert abs(owner.held()) < Decimal("0.018")
    working = owner.journal.books.working_orders()
    assert all(order.intent.purpose is Purpose.STOP for order in working)
    owner.is_well()


@pytest.mark.parametrize("style", [CHASE, TWAP])
@pytest.mark.parametrize(
    ("call", "effect"),
    [
        ("submit", LoseRequest()),
        ("submit", LoseReply()),
        ("cancel", LoseRequest()),
        ("cancel", LoseReply()),
        ("fetch_account", FailRead()),
        ("fetch_quotes", FailRead()),
        ("fetch_fills", FailRead()),
    ],
)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_whatever_is_lost_on_the_way_the_hedge_comes_about_once(
    style: ExecutionPolicy, call: str, effect: Any, after: int
) -> None:
    owner = Owner(execution=style, script=[(40 * SECOND, "49970")])

    owner.exchange.faults.on(call, effect, times=2, after=after + (8 if call.startswith("fetch") else 0))
    owner.run(2 * HOUR)
    assert abs(owner.held() - Decimal("-0.018")) <= Decimal("0.001")
    owner.is_well()


def test_a_fill_gets_its_stop_although_the_account_cannot_be_read_right_after_it() -> None:
    owner = Owner()
    misses = 3

    def happens(call: str, _request: OrderRequest | None) -> FailRead | None:
        nonlocal misses
        if call != "fetch_account" or not owner.exchange.floor.trades or misses == 0:
            return None
        misses -= 1
        return FailRead()

    owner.exchange.faults.standing = happens
    owner.run(HOUR)
    assert misses == 0
    assert owner.checker.unprotected_seconds_max <= owner.policy.stops.deadline.total_seconds()
    owner.is_well()


def test_tranches_go_on_after_a_restart() -> None:
    owner = Owner(dca=DcaPolicy(tranches=3, interval=timedelta(hours=2)))
    owner.run(HOUR)
    assert owner.held() == Decimal("-0.006")
    owner.run(HOUR)
    assert owner.held() == Decimal("-0.006")
    owner.run(4 * HOUR)
    assert owner.held() == Decimal("-0.018")
    assert [fact.left for fact in owner.facts(TrancheTaken) if fact.asset == "BTC"] == [2, 1, 1]
    owner.is_well()


def profit(**changes: Any) -> StopPolicy:
    return StopPolicy(take_profit_frac=Decimal("0.1"), **changes)


def resting(owner: Owner) -> dict[OrderType, Decimal]:
    return {one.type: one.remaining for one in owner.exchange.floor.open_orders.values() if one.symbol == BTC_PERP}


def test_a_take_profit_rests_beside_the_stop() -> None:
    owner = Owner(stops=profit())
    owner.run(HOUR)
    assert resting(owner) == {OrderType.STOP_MARKET: Decimal("0.018"), OrderType.LIMIT: Decimal("0.018")}
    owner.is_well()


@pytest.mark.parametrize(("price", "purpose"), [("44000", Purpose.TAKE_PROFIT), ("80000", Purpose.STOP)])
def test_one_cancels_the_other_and_the_next_look_does_not_undo_it(price: str, purpose: Purpose) -> None:
    owner = Owner(stops=profit(), script=[(90 * timedelta(minutes=1), price)])
    owner.run(5 * HOUR)
    traded = {
        owner.journal.books.orders[trade.client_order_id].intent.purpose
        for trade in owner.exchange.floor.trades
        if trade.client_order_id
    }
    assert traded == {Purpose.HEDGE, purpose}
    assert owner.held() == 0
    assert resting(owner) == {}
    assert any(fact.asset == "BTC" for fact in owner.facts(CeilingSet))
    owner.is_well()


_PROTECTIVE = (Purpose.STOP, Purpose.TAKE_PROFIT)
_jumps = st.lists(
    st.tuples(st.integers(1, 170), st.integers(30_000, 90_000)), min_size=1, max_size=8, unique_by=lambda jump: jump[0]
)


@settings(max_examples=15, deadline=None)
@given(
    moves=st.lists(st.integers(-80, 80), min_size=1, max_size=12),
    lost=st.lists(st.tuples(st.sampled_from(("submit", "cancel")), st.booleans(), st.integers(0, 6)), max_size=3),
)
# A touch that runs ahead step by step while the cancel of a peg and the next peg are lost.
@example(moves=[-30, -30, -30, -30], lost=[("cancel", True, 0), ("submit", False, 1)])
@example(moves=[-30, -30, 60, -60], lost=[("cancel", False, 0), ("cancel", False, 1), ("submit", True, 2)])
def test_at_the_venue_a_chase_never_has_two_live_orders_for_one_need(
    moves: list[int], lost: list[tuple[str, bool, int]]
) -> None:
    """Whatever prices do and whatever is lost on the way: as the exchange sees it, not as the bot believes it."""
    script, price = [], 50_000
    for place, move in enumerate(moves, 1):
        price += move
        script.append((place * 15 * SECOND, str(price)))
    owner = Owner(execution=CHASE, script=script)
    for call, arrives, after in lost:
        owner.exchange.faults.on(call, LoseReply() if arrives else LoseRequest(), times=1, after=after)
    most = 0

    def see(*_: Any) -> None:
        nonlocal most
        live = [
            one
            for one in owner.exchange.floor.open_orders.values()
            if one.symbol == BTC_PERP and one.type is OrderType.LIMIT
        ]
        most = max(most, len(live))

    owner.exchange.floor.observers.append(see)
    owner.run(HOUR)
    assert most == 1
    assert owner.checker.violated == []


@settings(max_examples=25, deadline=None)
@given(jumps=_jumps, style=st.sampled_from((ExecutionPolicy(), CHASE)))
# Through both triggers within a minute, there and back.
@example(jumps=[(61, 44_000), (62, 80_000), (63, 40_000)], style=CHASE)
@example(jumps=[(61, 80_000), (62, 40_000), (63, 80_000)], style=ExecutionPolicy())
def test_stop_and_take_profit_never_both_fill_nor_trade_more_than_the_position(
    jumps: list[tuple[int, int]], style: ExecutionPolicy
) -> None:
    script = [(minute * timedelta(minutes=1), str(price)) for minute, price in sorted(jumps)]
    owner = Owner(stops=profit(), execution=style, script=script)
    owner.run(3 * HOUR)
    held: dict[str, Decimal] = {}
    #: What either has traded of a position since it was last opened or closed whole.
    filled: dict[Purpose, Decimal] = {}
    for trade in owner.exchange.floor.trades:
        before = held.get(trade.symbol, Decimal(0))
        after = before + trade.contracts * trade.side.sign
        order = owner.journal.books.orders.get(trade.client_order_id) if trade.client_order_id else None
        if order is not None and order.intent.purpose in _PROTECTIVE:
            assert before * trade.side.sign < 0, "it closes"
            assert after == 0 or (after > 0) == (before > 0), "and never turns the position round"
            filled[order.intent.purpose] = filled.get(order.intent.purpose, Decimal(0)) + trade.contracts
            assert set(filled) < set(_PROTECTIVE) or after != 0 or before == trade.contracts
            are_whole = [purpose for purpose, size in filled.items() if size >= order.intent.contracts]
            assert len(are_whole) <= 1, "both have filled"
        if after == 0:
            filled.clear()
        held[trade.symbol] = after
    assert owner.checker.violated == []


def test_volatility_alone_says_when_to_look() -> None:
    volatility = VolatilityPolicy(reference_annual=Decimal("0.5"), base_interval=timedelta(hours=8))
    owner = Owner(volatility=volatility, watch=EVERY_FEW_MINUTES)
    owner.policy = replace(owner.policy, cadence=CadencePolicy(cron=None, move_sigmas=None))
    owner.run(timedelta(days=7))
    looks = [(fact.at, fact.trigger) for fact in owner.facts(LookTaken)]
    assert looks[0][1] == "start"
    assert {trigger for _, trigger in looks[1:]} == {"volatility"}
    # Prices stand still, so the looks are as far apart as they may be.
    assert {second[0] - first[0] for first, second in pairwise(looks)} == {timedelta(days=3)}
    owner.is_well()


def test_a_tranche_is_taken_at_its_own_time_between_two_looks_of_the_calendar() -> None:
    owner = Owner(dca=DcaPolicy(tranches=2, interval=timedelta(minutes=20)))
    owner.run(timedelta(minutes=50))
    assert [fact.trigger for fact in owner.facts(LookTaken)][-1] == "tranche"
    assert owner.held() == Decimal("-0.018")
    owner.is_well()


def test_what_the_owner_buys_while_a_look_acts_is_not_bought_again() -> None:
    """The look sells BTC and buys 0.36 ETH; the owner buys 0.2 of them while the first is on its way."""
    owner = Owner()
    by_hand = OrderRequest(symbol=ETH_PERP, side=Side.BUY, type=OrderType.MARKET, contracts=Decimal("0.2"))

    def see(_at: datetime, _kind: str, record: Any) -> None:
        if isinstance(record, Trade) and record.symbol == BTC_PERP:
            owner.exchange.submit(by_hand)

    owner.exchange.floor.observers.append(see)
    owner.run(HOUR)
    assert owner.exchange.floor.accounts.contracts_of(ETH_PERP) == Decimal("0.36")
    owner.is_well()


def test_what_the_owner_takes_while_a_leg_is_worked_ends_it() -> None:
    """The look sells 0.018 BTC in slices; after the first the owner sends 0.05 of 0.2 BTC away."""
    owner = Owner(execution=TWAP)
    owner.run(
        50 * timedelta(minutes=1),
        during=lambda _: owner.exchange.deposit(WalletKind.SPOT, Currency("BTC"), Decimal("-0.05")),
    )
    assert len(hedges(owner)) == 1
    owner.is_well()


def test_what_turns_a_position_round_is_not_opened_while_the_order_that_closes_it_may_still_work() -> None:
    """The venue goes away while the closing order rests, and the leg is given up with a cancel that nobody heard."""
    owner = Owner(execution=CHASE)
    owner.run(10 * MINUTE)
    assert owner.held() < 0
    targets = {asset: Decimal("0.8") if asset == "BTC" else Decimal("0.2") for asset in owner.policy.targets}
    owner.policy = replace(owner.policy, targets=targets)
    gone_at = owner.exchange.now + 20 * SECOND

    def happens(call: str, _: OrderRequest | None) -> Effect | None:
        gone_for = owner.exchange.now - gone_at
        if call == "cancel" and gone_for < 3 * MINUTE:
            return LoseRequest()
        return FailRead() if call.startswith("fetch") and timedelta(0) < gone_for < 40 * SECOND else None

    owner.exchange.faults.add(happens, times=10_000)
    owner.run(30 * MINUTE)

    ours = {intent.client_order_id for intent in hedges(owner)}
    orders = [order for order in owner.exchange.floor.orders.values() if order.client_order_id in ours]
    lives = sorted((order.created_at, order.updated_at) for order in orders)
    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(lives)), "two at once"
    assert max(ended - begun for begun, ended in lives if begun < gone_at) > 40 * SECOND
    assert owner.held() > 0
