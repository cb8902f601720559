"""Does the breaker trip on what is really lost, keep to itself otherwise, and outlive the process?"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.domain.books import Books
from bot.domain.events import BreakerTripped, OrderIntended, OverlayMeasured, TradingStateSet
from bot.domain.folding import apply
from bot.domain.ids import Currency
from bot.domain.policy import (
    BreakerPolicy,
    ExecutionPolicy,
    ExecutionStyle,
    LossMeasure,
    TradingState,
)
from bot.exchange.faults import FailRead
from bot.exchange.static_market import DEFAULT_START
from tests.engine.rig import BTC, ETH, HOUR, MINUTE, RARE, Rig, a_policy

pytestmark = [pytest.mark.slow, pytest.mark.seconds(25)]

DAY = timedelta(days=1)


def rig(knots: list[tuple[timedelta, int]], *, weight: str = "0.4", **more: Any) -> Rig:
    """Coins worth 13,000 and cash in plenty; BTC's price follows the knots."""
    policy = {"targets": {BTC: Decimal(weight), ETH: 1 - Decimal(weight)}, "watch": RARE, **more.pop("policy", {})}
    return Rig(
        policy=a_policy(**policy),
        collateral={Currency("USDT"): Decimal(60_000)},
        script={BTC: tuple((DEFAULT_START + after, Decimal(price)) for after, price in knots)},
        **more,
    )


def a_whipsaw(**limits: Decimal) -> Rig:
    """BTC goes up and down by a half twice a day, at a venue that is dear and thin."""
    knots = [(count * 6 * HOUR, 75_000 if count % 2 else 50_000) for count in range(1, 60)]
    return rig(
        knots,
        policy={"execution": ExecutionPolicy(style=ExecutionStyle.IOC), "breaker": BreakerPolicy(**limits)},
        taker_fee_frac=Decimal("0.005"),
        spread_bps=Decimal(50),
    )


#: Is lost within two days of the whipsaw, and not by opening the hedges.
SMALL = Decimal("0.01")


def increases(one: Rig, since: datetime) -> list[OrderIntended]:
    return [fact for fact in one.facts(OrderIntended) if fact.at > since and not fact.intent.reduce_only]


@pytest.mark.slow
def test_a_coin_that_doubles_in_a_month_against_a_short_hedge_trips_nothing() -> None:
    one = rig([(30 * DAY, 100_000)])
    one.run(30 * DAY)
    assert one.held() < 0
    last = one.facts(OverlayMeasured)[-1]
    assert last.profit_quote / last.value_quote < Decimal("-0.2")
    assert one.facts(BreakerTripped) == []
    assert one.journal.books.trading_state is TradingState.NORMAL
    assert "breaker" not in one.alerts()
    one.is_well()


@pytest.mark.slow
def test_a_whipsaw_that_burns_three_percent_in_fees_and_slippage_trips_it() -> None:
    one = a_whipsaw()
    one.run(10 * DAY)
    (tripped,) = one.facts(BreakerTripped)
    assert tripped.measure is LossMeasure.COST
    assert Decimal("0.03") < tripped.loss_frac < Decimal("0.04")
    assert one.journal.books.trading_state is TradingState.REDUCE_ONLY
    assert "breaker" in one.alerts()
    assert increases(one, tripped.at) == []
    one.is_well()


def test_a_trip_and_what_it_measures_by_outlive_the_process() -> None:
    one = a_whipsaw(max_cost_frac=SMALL)
    one.run(2 * DAY)
    (tripped,) = one.facts(BreakerTripped)
    kept = one.journal.books.overlay
    one.run(DAY)
    assert one.journal.books.trading_state is TradingState.REDUCE_ONLY
    assert "breaker" in one.alerts()
    assert one.journal.books.overlay.tripped == kept.tripped == tripped
    assert one.facts(BreakerTripped) == [tripped]
    assert increases(one, tripped.at) == []
    # The facts alone add up to the same.
    again = Books()
    for _, fact in one.journal.facts():
        apply(again, fact)
    assert again.overlay == one.journal.books.overlay
    one.is_well()


def test_costs_add_up_over_restarts_to_what_the_exchange_has_charged() -> None:
    one = a_whipsaw(max_cost_frac=SMALL)
    for _ in range(12):
        one.run(4 * HOUR, is_orderly=False)
    (tripped,) = one.facts(BreakerTripped)
    assert tripped.measure is LossMeasure.COST
    intents = {fact.intent.client_order_id: fact.intent for fact in one.facts(OrderIntended)}
    by_hand = Fraction(0)
    for trade in one.exchange.floor.trades:
        expected = Fraction(intents[trade.client_order_id].decision_price)
        by_hand += Fraction(trade.fee_paid)
        by_hand += Fraction(trade.contracts) * trade.side.sign * (Fraction(trade.price) - expected)
    assert Fraction(one.facts(OverlayMeasured)[-1].cost_quote) == by_hand


def test_a_resume_ends_it_and_measures_anew() -> None:
    one = a_whipsaw(max_cost_frac=SMALL)
    one.run(2 * DAY)
    shown: dict[str, Any] = {}

    async def resume(bot: Bot) -> None:
        shown.update(before=bot.control.status()["breaker"], clears=(await bot.control.resume_plan())["clears"])
        await bot.control.resume("owner")
        shown.update(after=bot.control.status()["breaker"], plan=(await bot.control.plan())["breaker"])

    one.run(30 * MINUTE, resume)
    assert shown["before"]["tripped"]["measure"] == "cost"
    assert any("the breaker" in sentence for sentence in shown["clears"])
    assert shown["after"]["tripped"] is None
    assert shown["plan"]["losses"][2] == {"measure": "cost", "loss_frac": "0", "limit_frac": "0.01"}
    assert one.journal.books.trading_state is TradingState.NORMAL
    assert "breaker" not in one.alerts()
    assert len(one.facts(BreakerTripped)) == 1
    # It goes on as before, and trips again on what is lost from here.
    one.run(3 * DAY)
    assert len(one.facts(BreakerTripped)) == 2
    one.is_well()


def test_what_cannot_be_read_trips_nothing_and_clears_nothing() -> None:
    one = a_whipsaw(max_cost_frac=SMALL)
    one.run(2 * DAY)
    measured = len(one.facts(OverlayMeasured))

    async def cut_off(_bot: Bot) -> None:
        one.exchange.faults.on("fetch_quotes", FailRead(), times=10_000)

    one.run(4 * HOUR, cut_off)
    assert len(one.facts(OverlayMeasured)) <= measured + 1
    assert "breaker" in one.alerts()
    assert one.journal.books.trading_state is TradingState.REDUCE_ONLY


def test_a_halt_is_not_loosened_by_a_trip() -> None:
    one = a_whipsaw()

    async def halt(bot: Bot) -> None:
        await bot.control.halt("owner", why="enough")

    one.run(7 * HOUR, halt, after=6 * HOUR)
    assert one.facts(BreakerTripped) == []
    one.policy = replace(one.policy, breaker=BreakerPolicy(max_cost_frac=SMALL / 2))
    one.run(3 * HOUR)
    assert one.facts(BreakerTripped) != []
    assert one.journal.books.trading_state is TradingState.HALTED
    assert [fact.state for fact in one.facts(TradingStateSet)] == [TradingState.HALTED]
    assert "breaker" in one.alerts()
