"""What do reduce-only, halt and resume do to a running bot?"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.bootstrap import Bot
from bot.domain.books import Books, Ceiling
from bot.domain.errors import BotError, CommandRefused, ConfigError, IncompleteData
from bot.domain.events import CommandGiven, OrderIntended, TradingStateSet
from bot.domain.ids import Currency, Symbol, VenueId
from bot.domain.orders import OrderState, Purpose
from bot.domain.policy import ExecutionPolicy, ExecutionStyle, TradingState
from bot.domain.portfolio import WalletKind
from bot.engine.resume import clearances, kept
from bot.exchange.faults import LoseRequest, OmitBalances
from bot.exchange.static_market import DEFAULT_START
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, HOUR, MINUTE, RARE, Act, Rig, a_policy

pytestmark = pytest.mark.usefixtures("quiet")


async def halt_hard(bot: Bot) -> None:
    await bot.control.halt("test", why="holiday", is_hard=True)


async def halt_softly(bot: Bot) -> None:
    await bot.control.halt("test", why="again")


async def reduce_only(bot: Bot) -> None:
    await bot.control.reduce_only("test", why="holiday")


async def resume(bot: Bot) -> None:
    await bot.control.resume("test")


# --- reduce-only -------------------------------------------------------------------------------


def test_reduce_only_is_journalled_with_its_command_and_outlives_a_restart() -> None:
    rig = Rig()
    rig.run(10 * MINUTE, reduce_only)
    (given,) = rig.facts(CommandGiven)
    (state,) = rig.facts(TradingStateSet)
    assert (given.command, given.caller, given.arguments) == ("reduce-only", "test", "holiday")
    assert (state.state, state.caller, state.why) == (TradingState.REDUCE_ONLY, "test", "holiday")
    rig.run(MINUTE)
    assert rig.journal.books.trading_state is TradingState.REDUCE_ONLY


def test_reduce_only_shrinks_positions_and_opens_none() -> None:
    rig = Rig(policy=a_policy(watch=RARE))
    rig.run(10 * MINUTE, reduce_only)
    before = rig.held(BTC_PERP), rig.held(ETH_PERP)
    assert before == (Decimal("-0.018"), Decimal("0.36"))
    # A part of the coins leaves: less BTC wants less short, and of ETH there is too much now.
    rig.exchange.deposit(WalletKind.SPOT, Currency("BTC"), Decimal("-0.05"))
    rig.run(30 * HOUR)
    assert before[0] < rig.held(BTC_PERP) < 0
    assert abs(rig.held(ETH_PERP)) <= before[1]
    orders = [fact.intent for fact in rig.facts(OrderIntended) if fact.at > DEFAULT_START + HOUR]
    assert all(intent.reduce_only for intent in orders)
    assert sorted(abs(stop.contracts) for stop in rig.stops()) == sorted(
        abs(rig.held(symbol)) for symbol in (BTC_PERP, ETH_PERP) if rig.held(symbol)
    )
    rig.is_well()


def test_reduce_only_cancels_what_rests_to_open_and_the_leg_is_not_worked_again() -> None:
    rig = Rig(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))
    seen: list[Any] = []

    async def act(bot: Bot) -> None:
        seen.extend(order for order in bot.desk.journal.books.working_orders())
        seen.append(await bot.control.reduce_only("test", why=""))

    rig.run(HOUR / 2, act, after=timedelta(seconds=8))
    *orders, answer = seen
    hedges = [order for order in orders if order.intent.purpose is Purpose.HEDGE]
    assert hedges
    assert answer["cancelled_orders"] == len(hedges)
    assert answer["trading_state"] == "reduce_only"
    assert all(order.state is OrderState.CANCELLED for order in hedges)
    assert not [one for one in rig.facts(OrderIntended) if one.at > DEFAULT_START + timedelta(seconds=9)]
    rig.is_well()


@pytest.mark.parametrize("command", ["halt", "reduce_only"])
def test_what_the_venue_does_not_say_of_a_cancel_is_not_told_as_cancelled(command: str) -> None:
    rig = Rig(policy=a_policy(execution=ExecutionPolicy(style=ExecutionStyle.CHASE)))
    answers: list[dict[str, Any]] = []

    async def act(bot: Bot) -> None:
        assert [one for one in bot.desk.journal.books.working_orders() if one.intent.purpose is Purpose.HEDGE]
        rig.exchange.faults.on("cancel", LoseRequest(), times=2)
        answers.append(await getattr(bot.control, command)("test", why=""))

    rig.run(HOUR / 2, act, after=timedelta(seconds=8))
    (answer,) = answers
    assert (answer["cancelled_orders"], answer["doubtful_orders"]) == (0, 2)
    assert not [one for one in rig.journal.books.working_orders() if one.intent.purpose is Purpose.HEDGE]
    rig.is_well()


def test_reduce_only_does_not_loosen_a_halt() -> None:
    rig = Rig()
    rig.run(10 * MINUTE, halt_hard)
    with pytest.raises(CommandRefused, match="trimtab resume"):
        rig.run(10 * MINUTE, reduce_only)
    assert rig.journal.books.trading_state is TradingState.HALTED
    assert rig.journal.books.is_hard_halt


# --- a hard halt -------------------------------------------------------------------------------


def a_falling_market(**more: Any) -> Rig:
    """BTC moves far enough for its stop to be moved at the look after."""
    return Rig(
        script={BTC: ((DEFAULT_START + 2 * HOUR, Decimal(50_000)), (DEFAULT_START + 3 * HOUR, Decimal(47_000)))}, **more
    )


def test_a_hard_halt_leaves_every_stop_as_it_is_and_says_so() -> None:
    rig = a_falling_market()
    rig.run(HOUR, halt_hard)
    before, sent = {order.id: order.trigger_price for order in rig.stops()}, len(rig.exchange.floor.orders)
    assert len(before) == 2
    assert "hard_halt" in rig.alerts()
    rig.run(5 * HOUR)
    assert "hard_halt" in rig.alerts(), "said again after a restart"
    assert {order.id: order.trigger_price for order in rig.stops()} == before
    assert len(rig.exchange.floor.orders) == sent


def test_a_hard_halt_still_reconciles() -> None:
    rig = Rig()
    rig.run(HOUR, halt_hard)
    rig.exchange.cancel(BTC_PERP, next(stop.client_order_id for stop in rig.stops() if stop.symbol == BTC_PERP))
    rig.run(HOUR)
    assert BTC_PERP not in {order.intent.symbol for order in rig.journal.books.working_orders()}
    assert [stop.symbol for stop in rig.stops()] == [ETH_PERP], "and it is not placed again"


def test_a_soft_halt_does_not_loosen_a_hard_one_and_resume_does() -> None:
    rig = a_falling_market()
    rig.run(10 * MINUTE, halt_hard)
    rig.run(10 * MINUTE, halt_softly)
    assert rig.journal.books.is_hard_halt
    rig.run(5 * HOUR, resume)
    assert not rig.journal.books.is_hard_halt
    assert "hard_halt" not in rig.alerts()
    rig.is_well()


def test_a_soft_halt_keeps_stops_in_order() -> None:
    rig = a_falling_market()
    rig.run(10 * MINUTE, halt_softly)
    rig.exchange.cancel(BTC_PERP, next(stop.client_order_id for stop in rig.stops() if stop.symbol == BTC_PERP))
    rig.run(10 * MINUTE)
    assert {stop.symbol for stop in rig.stops()} == {BTC_PERP, ETH_PERP}


# --- what a resume would do --------------------------------------------------------------------


def asking(answers: list[dict[str, Any]]) -> Act:
    async def act(bot: Bot) -> None:
        answers.append(await bot.control.resume_plan())

    return act


def test_a_resume_plan_is_the_plan_in_state_normal_and_changes_nothing() -> None:
    rig = Rig()
    rig.journal.commit(
        TradingStateSet(at=DEFAULT_START, state=TradingState.HALTED, caller="test", why="holiday", is_hard=True)
    )
    answers: list[dict[str, Any]] = []
    rig.run(10 * MINUTE, asking(answers))
    (document,) = answers
    assert document["schema"] == "trimtab.resume/1"
    assert document["plan"]["schema"] == "trimtab.plan/1"
    assert document["plan"]["trading_state"] == "normal"
    assert {order["symbol"] for order in document["plan"]["orders"]} == {BTC_PERP, ETH_PERP}
    assert document["clears"] == [
        "halted since 2024-01-01 00:00:00 UTC: holiday",
        "the hard halt: stops are made to fit again",
    ]
    assert document["keeps"] == []
    books = rig.journal.books
    assert (books.trading_state, books.is_hard_halt) == (TradingState.HALTED, True)
    assert not rig.exchange.floor.orders


def test_a_resume_does_what_its_plan_said() -> None:
    rig = Rig()
    rig.journal.commit(TradingStateSet(at=DEFAULT_START, state=TradingState.REDUCE_ONLY, caller="test", why=""))
    answers: list[dict[str, Any]] = []
    rig.run(10 * MINUTE, asking(answers))
    assert answers[0]["clears"] == ["reduce only since 2024-01-01 00:00:00 UTC"]
    rig.run(10 * MINUTE, resume)
    planned = {order["symbol"]: Decimal(order["amount_contracts"]) for order in answers[0]["plan"]["orders"]}
    assert {symbol: abs(rig.held(symbol)) for symbol in (BTC_PERP, ETH_PERP)} == planned
    rig.is_well()


def test_a_resume_plan_names_everything_that_it_clears_and_keeps() -> None:
    books = Books(trading_state=TradingState.NORMAL)
    assert clearances(books) == []
    books.is_flattening = True
    books.abnormal_ends = [DEFAULT_START, DEFAULT_START + MINUTE]
    books.ceilings[BTC, "stop_out"] = Ceiling(
        asset=BTC,
        cause="stop_out",
        max_delta_base=Decimal(0),
        set_at=DEFAULT_START,
        release_at=None,
        why="a stop fired",
    )
    assert clearances(books) == [
        "flatten, which is not at its end: what is still open stays open",
        "abnormal ends, 2 of them, the newest found at 2024-01-01 00:01:00 UTC: they no longer count",
    ]
    assert kept(books) == ["the ceiling on BTC: a stop fired"]


# --- confirm-flow ------------------------------------------------------------------------------


def test_a_yes_to_some_question_does_not_accept_an_account_that_lists_nothing() -> None:
    """That is how a venue's trouble looks: the hedges would be closed one for one."""
    rig = Rig()
    rig.run(10 * MINUTE)
    rig.exchange.faults.on("fetch_account", OmitBalances(), times=10_000)

    async def confirm(bot: Bot) -> None:
        with pytest.raises(IncompleteData, match="confirm-flow --gone"):
            await bot.control.confirm_flow("test", None)
        assert rig.journal.books.accepted_holdings[BTC] == Decimal("0.2")
        await bot.control.confirm_flow("test", None, is_gone=True)
        assert rig.journal.books.accepted_holdings[BTC] == 0

    rig.run(2 * MINUTE, confirm)
    assert [fact.command for fact in rig.facts(CommandGiven)] == ["confirm-flow"]


# --- what an owner may mistype --------------------------------------------------------------------


def _refusal_of(act: Act, kind: type[BotError]) -> str:
    rig, told = Rig(), []

    async def trying(bot: Bot) -> None:
        with pytest.raises(kind) as caught:
            await act(bot)
        told.append(str(caught.value))

    rig.run(10 * MINUTE, trying)
    return str(told[0])


def test_a_slip_in_the_zeros_is_not_settled() -> None:
    """It would have made every weight of the next look a nonsense, and the bot would have traded on it."""
    rig, told = Rig(), []

    async def settle(bot: Bot) -> None:
        for amount in ("1e6", "-1e6", "0"):
            with pytest.raises(CommandRefused) as caught:
                await bot.control.settle("test", Decimal(amount))
            told.append(str(caught.value))
        await bot.control.settle("test", Decimal(5))

    rig.run(10 * MINUTE, settle)
    assert "1000000 USD cannot have been taken out: the portfolio is worth" in told[0]
    assert "1000000 USD are not put back into a portfolio that is worth" in told[1]
    assert rig.journal.books.settled_profit_quote == 5
    assert [given.command for given in rig.facts(CommandGiven)] == ["settle"]


def test_a_venue_that_is_not_there_and_a_symbol_that_is_not_held_are_named() -> None:
    """Found by asking for one: the daemon said that something had failed inside."""

    async def elsewhere(bot: Bot) -> None:
        await bot.control.adopt("test", VenueId("nope"), BTC_PERP)

    async def not_held(bot: Bot) -> None:
        await bot.control.adopt("test", None, Symbol("FOO/USDT:USDT"))

    assert _refusal_of(elsewhere, ConfigError) == "there is no venue nope; there is paper"
    assert _refusal_of(not_held, IncompleteData) == (
        "there is no open position in FOO/USDT:USDT, and none in the books; open are BTC/USDT:USDT, ETH/USDT:USDT"
    )
