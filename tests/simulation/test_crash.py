"""A day with everything in it, a sample of its crashes, and bugs that must not go unnoticed.

The whole of it: ``python -m tests.simulation.crash --all`` and ``python -m tests.simulation.planted``.
"""

import os
from collections import Counter
from datetime import timedelta

import pytest

from bot.domain.orders import OrderState, OrderType, Purpose, TimeInForce
from tests.simulation import crash, planted
from tests.simulation.crash import World
from tests.simulation.planted import BUGS, Bug

pytestmark = [pytest.mark.seconds(150), pytest.mark.skipif(not hasattr(os, "fork"), reason="crashes are forks")]


@pytest.fixture(scope="module")
def day() -> World:
    crash.silence()
    _, world = crash.undisturbed_states()
    crash.speak()
    return world


def test_the_day_without_a_crash_breaks_no_promise(day: World) -> None:
    assert day.checker.violated == []
    assert day.checker.checked > 200
    deadline = day.policy.stops.deadline
    assert timedelta(seconds=day.checker.unprotected_seconds_max) < deadline


def test_the_day_holds_what_it_is_there_for(day: World) -> None:
    orders = day.journal.books.orders.values()
    met = Counter((order.intent.purpose, order.state) for order in orders)
    assert met[Purpose.HEDGE, OrderState.FILLED] >= 10
    assert met[Purpose.HEDGE, OrderState.REJECTED] == 1
    assert met[Purpose.STOP, OrderState.REJECTED] == 1
    assert met[Purpose.STOP, OrderState.FILLED] == 1, "a stop-out"
    assert met[Purpose.STOP, OrderState.ABSENT] >= 1, "a lost request"
    partly = [order for order in orders if order.state is OrderState.EXPIRED and order.filled_contracts > 0]
    assert len(partly) == 2
    sizes = {order.intent.contracts for order in orders if order.intent.type is OrderType.STOP_MARKET}
    assert len(sizes) > 5, "stops are resized"
    assert day.exchange.floor.funding
    assert "BTC" in {asset for asset, _ in day.journal.books.ceilings}


def test_the_bot_recovers_wherever_it_dies() -> None:
    tally = crash.run_day(crash.Plan(every=37, deep_every=60))
    assert tally.failures == []
    assert tally.points > 5000
    assert tally.crashes > 150
    assert tally.well == tally.crashes
    assert tally.second > 100
    watched = {label.partition(".")[2] or label for label in tally.labels}
    assert {"submit", "cancel", "fetch_order", "record", "record_intents", "journal"} <= watched


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    _, said = planted.complaints(bug)
    assert any(bug.complaint in sentence for sentence in said)


# --- with tranches, a chase, a twap and take-profits in flight ---------------------------------


@pytest.fixture(scope="module")
def worked_day() -> World:
    crash.silence()
    _, world = crash.undisturbed_states(day=crash.DAYS["worked"])
    crash.speak()
    return world


def test_the_worked_day_breaks_no_promise_and_holds_what_it_is_there_for(worked_day: World) -> None:
    assert worked_day.checker.violated == []
    assert worked_day.checker.unprotected_seconds_max <= 5, "what a lost reply has filled is looked for at once"
    orders = worked_day.journal.books.orders.values()
    met = Counter((order.intent.purpose, order.intent.time_in_force, order.state) for order in orders)
    assert met[Purpose.HEDGE, TimeInForce.POST_ONLY, OrderState.CANCELLED] >= 5, "a chase that is re-pegged"
    assert met[Purpose.HEDGE, TimeInForce.IOC, OrderState.FILLED] >= 10, "slices"
    assert met[Purpose.TAKE_PROFIT, TimeInForce.GTC, OrderState.FILLED] >= 1, "a profit is taken"
    assert met[Purpose.STOP, TimeInForce.GTC, OrderState.FILLED] == 1, "a stop-out"
    assert [fact for _, fact in worked_day.journal.facts(kind="TrancheTaken")]


def test_the_bot_recovers_wherever_it_dies_while_legs_are_worked() -> None:
    tally = crash.run_day(crash.Plan(every=37, deep_every=60), day=crash.DAYS["worked"])
    assert tally.failures == []
    assert tally.well == tally.crashes > 150
    assert tally.second > 100


# --- through rolls, transfers and a deleveraging of the venue's --------------------------------


@pytest.mark.parametrize("name", ["watched", "legs"])
def test_the_watched_day_holds_what_it_is_there_for(name: str) -> None:
    crash.silence()
    _, world = crash.undisturbed_states(day=crash.DAYS[name])
    crash.speak()
    assert world.checker.violated == []
    facts = Counter(type(fact).__name__ for _, fact in world.journal.facts())
    assert facts["RollEnded"] == 3
    assert facts["TransferIntended"] >= 2
    assert facts["MarginRungChanged"] >= 2
    forced = [trade.forced for trade in world.exchange.floor.trades if trade.forced]
    assert forced == [Purpose.DELEVERAGE]
    rolled = [o for o in world.journal.books.orders.values() if o.intent.purpose is Purpose.ROLL_OPEN]
    assert len(rolled) >= (8 if name == "legs" else 2)
    assert OrderState.ABSENT in {order.state for order in rolled}


@pytest.mark.parametrize("name", ["watched", "legs"])
def test_the_bot_recovers_wherever_it_dies_with_its_watchers_at_work(name: str) -> None:
    tally = crash.run_day(crash.Plan(every=67, deep_every=60), day=crash.DAYS[name])
    assert tally.failures == []
    assert tally.crashes > 150
    assert tally.well == tally.crashes
    assert tally.second > 50


# --- through cuts of the margin ladder ---------------------------------------------------------


def test_the_day_of_cuts_holds_what_it_is_there_for() -> None:
    crash.silence()
    _, world = crash.undisturbed_states(day=crash.DAYS["cut"])
    crash.speak()
    assert world.checker.violated == []
    assert world.exchange.floor.liquidations == []
    orders = world.journal.books.orders.values()
    cuts = [order for order in orders if order.intent.purpose is Purpose.DELEVERAGE]
    assert {order.intent.asset for order in cuts if order.state is OrderState.FILLED} == {"BTC", "SOL"}
    assert len(cuts) >= 4
    facts = Counter(type(fact).__name__ for _, fact in world.journal.facts())
    assert facts["CeilingSet"] >= 4
    assert facts["CeilingReleased"] == 2, "and what was cut may grow again"


def test_the_bot_recovers_wherever_it_dies_while_legs_are_cut() -> None:
    tally = crash.run_day(crash.Plan(every=97, deep_every=60), day=crash.DAYS["cut"])
    assert tally.failures == []
    assert tally.well == tally.crashes > 80
    assert tally.second > 10
