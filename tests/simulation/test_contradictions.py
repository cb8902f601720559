"""What does the whole bot do when a venue contradicts itself? Each is a night that owners of other bots have had."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.bootstrap import Bot
from bot.domain.events import LookTaken, SymbolLocked
from bot.domain.orders import OrderState, OrderType, Purpose, Side
from bot.domain.plan import Decision, Rule
from bot.domain.policy import ExecutionPolicy, ExecutionStyle, WatchIntervals
from bot.exchange.faults import (
    DeliverTwice,
    Distortion,
    DistortQuotes,
    Effect,
    FailRead,
    FeignCancel,
    FillOnly,
    ForgetOrder,
    HideOrders,
    LagPositions,
    LagTrades,
    OmitBalances,
    OmitPosition,
    Refuse,
)
from bot.exchange.orders import OrderRequest
from tests.simulation.seeds.judgement import refused_reductions
from tests.simulation.test_scenarios import BTC, BTC_PERP, HOUR, Owner

MINUTE = timedelta(minutes=1)


def stops(one: Owner) -> list[Decimal]:
    """Sizes of the stops that rest."""
    orders = one.exchange.floor.open_orders.values()
    return [order.contracts for order in orders if order.type is OrderType.STOP_MARKET and order.symbol == BTC_PERP]


def hedges(one: Owner) -> int:
    """How many hedge orders were sent for BTC."""
    intents = [order.intent for order in one.journal.books.orders.values()]
    return sum(intent.purpose is Purpose.HEDGE and intent.symbol == BTC_PERP for intent in intents)


def hedged() -> Owner:
    """An owner with a short and its stop, an hour after the first look."""
    one = Owner()
    one.run(HOUR)
    assert (one.held(), stops(one), hedges(one)) == (Decimal("-0.018"), [Decimal("0.018")], 1)
    return one


def test_a_position_that_is_left_out_keeps_its_stop_and_is_not_hedged_again() -> None:
    one = hedged()
    one.exchange.faults.on("fetch_account", OmitPosition(), times=10_000)
    one.run(2 * HOUR)
    assert (one.held(), stops(one), hedges(one)) == (Decimal("-0.018"), [Decimal("0.018")], 1)
    assert one.facts(SymbolLocked), "what does not add up is locked"
    assert "symbol_locked" in one.alerts()
    one.exchange.faults.clear()
    one.run(HOUR)
    assert not one.journal.books.locks, "the lock lifts itself"
    one.is_well()


def test_a_position_that_is_listed_smaller_than_it_is_keeps_a_stop_of_its_size() -> None:
    one = Owner(script=[(1.5 * HOUR, "65000")])
    one.run(2.5 * HOUR)
    grown = -one.held()
    assert grown > Decimal("0.018")
    one.exchange.faults.on("fetch_account", LagPositions(HOUR), times=10_000)
    one.run(20 * MINUTE)
    assert (-one.held(), stops(one)) == (grown, [grown])
    one.exchange.faults.clear()
    one.run(HOUR)
    one.is_well()


def test_what_was_listed_a_moment_ago_keeps_its_stop_until_a_trade_tells_how_it_ended() -> None:
    one = Owner(target="0.76")
    one.run(10 * MINUTE)
    by_hand = OrderRequest(symbol=BTC_PERP, side=Side.SELL, type=OrderType.MARKET, contracts=Decimal("0.011"))

    def trade(_: Bot) -> None:
        one.exchange.faults.on("fetch_fills", LagTrades(HOUR), times=10_000)
        one.exchange.submit(by_hand)
        asyncio.get_running_loop().call_later(
            45, lambda: one.exchange.faults.on("fetch_account", OmitPosition(), times=10_000)
        )

    one.run(2 * MINUTE, trade)
    assert stops(one) == [Decimal("0.011")]
    one.exchange.faults.clear()
    one.run(HOUR)
    one.is_well()


def test_a_hedger_that_cannot_see_its_own_position_does_not_hedge_again() -> None:
    one = Owner()
    one.exchange.faults.on("fetch_account", LagPositions(timedelta(minutes=30)), times=10_000)
    one.run(20 * MINUTE)
    assert (one.held(), hedges(one)) == (Decimal("-0.018"), 1)
    one.exchange.faults.clear()
    one.run(HOUR)
    assert stops(one) == [Decimal("0.018")]
    one.is_well()


def test_a_partial_fill_that_lists_of_trades_and_positions_tell_late_is_not_sent_again() -> None:
    one = Owner()
    late = timedelta(minutes=3)
    one.exchange.faults.on("submit", FillOnly(Decimal("0.012")), times=1)
    one.exchange.faults.on("fetch_fills", LagTrades(late), times=10_000)
    one.exchange.faults.on("fetch_account", LagPositions(late), times=10_000)
    one.run(2.5 * MINUTE, during=lambda bot: bot.supervisor._signal.set("command"))
    assert hedges(one) == 1, "the order says itself that it has traded"
    one.exchange.faults.clear()
    one.run(HOUR)
    assert (one.held(), stops(one)) == (Decimal("-0.018"), [Decimal("0.018")])


def test_an_order_that_was_taken_and_is_not_found_for_half_an_hour_is_not_sent_again() -> None:
    one = Owner(execution=ExecutionPolicy(style=ExecutionStyle.CHASE))
    hidden = HideOrders(frozenset({OrderType.LIMIT}))
    one.exchange.faults.on("fetch_account", hidden, times=10_000)
    one.exchange.faults.on("fetch_order", hidden, times=10_000)
    one.exchange.faults.on("cancel", Refuse(code="order_not_found"), times=10_000)
    one.run(30 * MINUTE)
    assert hedges(one) == 1, "it may work, and be filled at any time"
    assert "order_lost" in one.alerts()
    one.exchange.faults.clear()
    one.run(2 * HOUR)
    assert one.held() == Decimal("-0.018")
    assert "order_lost" not in one.alerts()
    one.is_well()


def test_an_order_that_the_venue_has_lost_is_given_up_after_an_hour() -> None:
    one = Owner(execution=ExecutionPolicy(style=ExecutionStyle.CHASE))
    one.exchange.faults.on("submit", ForgetOrder())
    one.run(55 * MINUTE)
    assert (one.held(), hedges(one)) == (0, 1)
    one.run(2 * HOUR)
    assert one.held() == Decimal("-0.018")
    assert [order.state for order in one.journal.books.orders.values()].count(OrderState.ABSENT) == 1
    one.is_well()


def test_an_empty_list_of_balances_closes_no_hedge() -> None:
    one = hedged()
    one.exchange.faults.on("fetch_account", OmitBalances(), times=10_000)
    one.run(3 * HOUR)
    assert (one.held(), hedges(one)) == (Decimal("-0.018"), 1)
    assert "look_skipped" in one.alerts()
    one.is_well()


@pytest.mark.parametrize("how", list(Distortion))
def test_prices_that_are_none_are_not_traded_on_and_stops_stay(how: Distortion) -> None:
    one = hedged()
    one.exchange.faults.on("fetch_quotes", DistortQuotes(how), times=3)
    one.run(HOUR)
    assert (one.held(), hedges(one)) == (Decimal("-0.018"), 1)
    assert stops(one) == [Decimal("0.018")]
    one.is_well()


def test_an_index_that_leaps_is_looked_at_once_it_has_stood() -> None:
    one = Owner(script=((2 * HOUR - 30 * MINUTE / 60, "50000"), (2 * HOUR - 10 * MINUTE / 60, "58000")))
    one.run(4 * HOUR)
    looks = [fact for fact in one.facts(LookTaken) if fact.trigger in ("calendar", "retry", "move")]
    skipped = [fact for fact in looks if fact.outcome == "skipped"]
    assert skipped, "the look at the leap"
    assert "has leapt by 16.0%" in skipped[0].document
    after = next(fact for fact in looks if fact.at > skipped[0].at and fact.outcome != "skipped")
    assert timedelta(minutes=4) < after.at - skipped[0].at < timedelta(minutes=12)
    one.is_well()


@pytest.mark.parametrize("off", ["1.5", "0.5"])
def test_a_wrong_price_that_is_all_a_start_has_to_go_by_is_not_traded_on(off: str) -> None:
    one = Owner()
    one.exchange.advance(one.exchange.now + MINUTE)
    one.exchange.set_price(BTC, 50_000 * Decimal(off))
    one.run(2 * MINUTE)
    (first, *_) = one.facts(LookTaken)
    assert first.outcome == "skipped"
    assert "from its last daily close" in first.document
    assert one.held() == 0
    one.is_well()


def test_what_the_venue_leaves_out_is_no_reduction_that_was_refused() -> None:
    one = hedged()
    one.exchange.faults.on("fetch_account", OmitPosition(), times=10_000)
    one.exchange.set_price(BTC, Decimal(30_500))
    decision = one.run(2 * HOUR).rebalance.last_decision
    assert decision is not None
    assert [(no.asset, no.rule) for no in decision.refusals if no.asset == BTC] == [(BTC, Rule.LOCKED)]

    def refused(seen: Decision) -> list[str]:
        return list(refused_reductions(one.exchange, one.checker, one.journal.books, seen))

    assert refused(decision) == []
    seen = [replace(line, futures_delta_base=Decimal("-0.018")) for line in decision.lines]
    assert refused(replace(decision, lines=tuple(seen))) == ["a reduction of BTC was refused: locked"]


def test_a_wrong_price_that_meets_a_bot_started_again_is_not_traded_on() -> None:
    one = hedged()
    one.exchange.set_price(BTC, Decimal(42_500))
    one.run(4 * MINUTE)
    (skipped,) = {fact.document for fact in one.facts(LookTaken) if fact.outcome == "skipped"}
    assert "15.0% from what it was at the last look" in skipped
    assert (one.held(), hedges(one)) == (Decimal("-0.018"), 1)
    one.is_well()


def test_a_price_that_leapt_while_none_was_heard_is_not_traded_on_at_once() -> None:
    one = hedged()

    def fall_silent() -> None:
        one.exchange.faults.on("fetch_quotes", FailRead(), times=10_000)

    def begin(_: Bot) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(10 * 60, fall_silent)
        loop.call_later(50 * 60, one.exchange.set_price, BTC, Decimal(42_500))
        loop.call_later(57 * 60, one.exchange.faults.clear)
        loop.call_later(62 * 60, one.exchange.set_price, BTC, Decimal(50_000))

    one.run(2 * HOUR, begin)
    at_two = [fact for fact in one.facts(LookTaken) if (fact.at.hour, fact.at.minute) == (2, 0)]
    assert [fact.outcome for fact in at_two] == ["skipped"]
    assert "has leapt by 15.0%" in at_two[0].document
    assert (one.held(), hedges(one)) == (Decimal("-0.018"), 1)
    one.is_well()


def test_a_market_that_moved_that_far_overnight_is_traded_once_it_has_stood() -> None:
    one = Owner()
    one.exchange.advance(one.exchange.now + MINUTE)
    one.exchange.set_price(BTC, Decimal(75_000))
    one.run(HOUR)
    looks = one.facts(LookTaken)
    assert looks[0].outcome == "skipped"
    done = next(fact for fact in looks if fact.outcome != "skipped")
    assert timedelta(minutes=4) < done.at - looks[0].at < timedelta(minutes=12)
    assert one.held() < 0
    one.is_well()


def test_a_stop_that_was_confirmed_and_is_not_there_is_placed_again() -> None:
    one = Owner()
    one.exchange.faults.add(
        lambda call, request: (
            ForgetOrder()
            if call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
            else None
        )
    )
    one.run(10 * MINUTE)
    assert stops(one) == [Decimal("0.018")]
    one.is_well()


def test_a_hedge_whose_stops_are_not_listed_is_closed_and_leaves_no_orphan() -> None:
    one = hedged()
    hidden = HideOrders(frozenset({OrderType.STOP_MARKET}))
    for call in ("fetch_account", "fetch_order"):
        one.exchange.faults.on(call, hidden, times=10_000)
    one.run(2 * MINUTE)
    assert "unprotected" in one.alerts()
    one.run(HOUR / 2)
    # Alerted, tried again, made smaller and closed: what nobody can see is not relied upon.
    assert one.held() == 0
    one.exchange.faults.clear()
    one.run(HOUR)
    assert stops(one) == []
    one.is_well()


def test_a_cancel_that_was_confirmed_and_not_done_leaves_one_stop_in_the_end() -> None:
    one = Owner(script=((HOUR, "50000"), (4 * HOUR, "46000")))
    one.exchange.faults.on("cancel", FeignCancel(timedelta(minutes=3)), times=5)
    one.run(6 * HOUR)
    assert len(stops(one)) == 1
    assert any(
        order.state is OrderState.CANCELLED and order.intent.purpose is Purpose.STOP
        for order in one.journal.books.orders.values()
    )
    one.is_well()


def test_what_fills_after_its_cancel_was_confirmed_is_told_by_the_next_round_of_protection() -> None:
    """Nobody works that order any more, nothing says that it has filled, and an outage hides the position."""
    chase, second = ExecutionPolicy(style=ExecutionStyle.CHASE), timedelta(seconds=1)
    meets = ((66 * second, "50000"), (70 * second, "50020"), (30 * HOUR, "50020"))
    one = Owner(execution=chase, script=meets, watch=WatchIntervals(protection=MINUTE))
    begun = one.exchange.now

    def happens(call: str, _: OrderRequest | None) -> Effect | None:
        if call == "fetch_account" and 65 * second < one.exchange.now - begun < 150 * second:
            return FailRead()
        return FeignCancel(5 * MINUTE) if call == "cancel" else None

    halting: list[asyncio.Future[object]] = []

    def halts(bot: Bot) -> None:
        told = bot.desk.alerts
        one.checker.is_blind = lambda: any(alert["code"] == "protection_blind" for alert in told.open_alerts)
        one.exchange.faults.add(happens, times=1_000)
        asyncio.get_running_loop().call_later(50, lambda: one.checker.watch(bot.desk.clock.now()))
        halting.append(asyncio.ensure_future(bot.control.halt("owner", why="a look at it")))

    one.run(HOUR, halts)
    assert (one.held(), stops(one)) == (Decimal("-0.018"), [Decimal("0.018")])
    assert one.checker.unprotected_seconds_max > 35
    one.is_well()


def test_a_stop_that_the_owner_takes_away_is_back_by_the_next_round_although_he_adds_to_the_position() -> None:
    one = Owner(watch=WatchIntervals(protection=MINUTE))
    one.run(HOUR)
    exchange = one.exchange

    def by_hand(bot: Bot) -> None:
        def takes_the_stop() -> None:
            exchange.advance(bot.desk.clock.now())
            (stop,) = [order for order in exchange.floor.open_orders.values() if order.symbol == BTC_PERP]
            exchange.cancel_by_venue(stop.id, "cancelled by somebody else")

        def sells() -> None:
            exchange.advance(bot.desk.clock.now())
            exchange.submit(
                OrderRequest(symbol=BTC_PERP, side=Side.SELL, type=OrderType.MARKET, contracts=Decimal("0.004"))
            )

        asyncio.get_running_loop().call_later(5, takes_the_stop)
        asyncio.get_running_loop().call_later(47, sells)

    one.run(10 * MINUTE, by_hand)
    assert (one.held(), stops(one)) == (Decimal("-0.022"), [Decimal("0.022")])
    assert one.checker.unprotected_seconds_max > 42
    one.is_well()


def test_the_old_stop_goes_in_the_moment_in_which_the_owner_takes_the_new_one_away() -> None:
    """The new one had arrived twice, and rested once."""
    one = Owner(script=((HOUR, "50000"), (2 * HOUR, "46000")))
    taken: list[int] = []

    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        if request is not None and request.type is OrderType.STOP_MARKET:
            return DeliverTwice()
        if call == "cancel" and not taken:
            resting = [order for order in one.exchange.floor.open_orders.values() if order.symbol == BTC_PERP]
            if len(resting) > 1:
                taken.append(max(order.id for order in resting))
                one.exchange.cancel_by_venue(taken[0], "cancelled by somebody else")
        return None

    one.exchange.faults.add(happens, times=1000)
    one.run(4 * HOUR)
    assert taken
    assert len(stops(one)) == 1
    one.is_well()


def test_a_stop_that_was_to_be_cancelled_is_not_relied_upon_when_the_price_comes_back() -> None:
    """It is where it should be again, the venue goes on listing it, and then the cancel comes through."""
    there_and_back = ((HOUR, "50000"), (3 * HOUR, "44000"), (5 * HOUR, "50000"), (30 * HOUR, "50000"))
    one = Owner(script=there_and_back)
    one.exchange.faults.on("cancel", FeignCancel(timedelta(hours=6)), times=10_000)
    one.run(6 * HOUR)
    intents = [order.intent for order in one.journal.books.orders.values()]
    triggers = [one.trigger_price for one in intents if one.purpose is Purpose.STOP and one.symbol == BTC_PERP]
    assert triggers == [62_500, 58_750, 55_000, 58_750, 62_500], "each a stop of its own"
    one.exchange.faults.clear()
    one.run(7 * HOUR)
    assert len(stops(one)) == 1
    one.is_well()


def test_a_contract_that_is_taken_off_is_settled_and_the_others_go_on() -> None:
    one = hedged()
    one.exchange.delist(BTC_PERP)
    one.run(2 * HOUR)
    assert one.held() == 0
    assert one.journal.books.ledgers["paper", BTC_PERP].contracts == 0  # type: ignore[index]  # a name is a name
    assert stops(one) == []
    one.is_well()
