"""What does the bot do about a bug of its own, a journal that cannot be written, and ends that were none?"""

import asyncio
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.journal.journal import open_journal
from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.errors import InvariantViolated, JournalError, VenueUnavailable
from bot.domain.events import BotStarted, BotStopped, OrderIntended, TradingStateSet
from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.market import FundingRate
from bot.domain.orders import OrderIntent, Purpose, VenueOrder
from bot.domain.policy import TradingState
from bot.engine.abnormal import FAILED, WHY, counts_as_crash
from bot.exchange.exchange import Exchange
from bot.exchange.static_market import DEFAULT_START
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, HOUR, MINUTE, Rig

BUG = "two and two are five"


pytestmark = pytest.mark.usefixtures("quiet")


class BreaksLooks(PaperVenue):
    """Its answer to what only looks ask for is impossible."""

    async def fetch_funding_rates(self, symbols: Any) -> tuple[FundingRate, ...]:
        if symbols:
            raise InvariantViolated(BUG)
        return ()


class BreaksStops(PaperVenue):
    """What it says about a stop is impossible."""

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        if intent.purpose is Purpose.STOP:
            raise InvariantViolated(BUG)
        return await super().submit(intent)


class BreaksLookUps(PaperVenue):
    """What it says about an order that is looked up is impossible."""

    async def fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        raise InvariantViolated(BUG)


class BreaksAccounts(PaperVenue):
    """Its account is impossible."""

    async def fetch_account(self) -> Any:
        raise InvariantViolated(BUG)


async def break_down(bot: Bot) -> None:
    """End as the daemon does when something broke."""
    await bot.supervisor.wind_up("broken", is_orderly=False)


def lose_a_stop(exchange: Exchange, symbol: Symbol = BTC_PERP) -> None:
    stop = next(one for one in exchange.floor.open_orders.values() if one.symbol == symbol)
    exchange.floor.forget(stop)


def is_halted_for_good(rig: Rig) -> None:
    """The halt outlives the process, and the next one protects and does not trade."""
    state = rig.facts(TradingStateSet)[-1]
    assert (state.state, state.caller, state.why) == (TradingState.HALTED, "bot", f"{FAILED}{BUG}")
    sent = len([one for one in rig.facts(OrderIntended) if one.intent.purpose is not Purpose.STOP])
    rig.venue_kind = PaperVenue
    rig.run(3 * HOUR)
    assert rig.journal.books.trading_state is TradingState.HALTED
    assert "halted_by_failure" in rig.alerts(), "a restart does not end it, and an owner far away is told again"
    assert len([one for one in rig.facts(OrderIntended) if one.intent.purpose is not Purpose.STOP]) == sent
    rig.is_well()


def test_a_halt_by_a_failure_is_told_until_the_owner_resumes() -> None:
    rig = Rig()
    rig.venue_kind = BreaksLooks
    with pytest.raises(InvariantViolated, match=BUG):
        rig.run(HOUR)
    assert "halted_by_failure" in rig.alerts()
    rig.venue_kind = PaperVenue

    async def act(bot: Bot) -> None:
        assert "halted_by_failure" in rig.alerts()
        await bot.control.resume("the owner")
        assert "halted_by_failure" not in rig.alerts()

    rig.run(HOUR, act)
    rig.run(HOUR)
    assert "halted_by_failure" not in rig.alerts()


def test_an_invariant_that_breaks_in_a_look_halts_durably() -> None:
    rig = Rig()
    rig.venue_kind = BreaksLooks
    with pytest.raises(InvariantViolated, match=BUG):
        rig.run(HOUR)
    is_halted_for_good(rig)
    assert not rig.exchange.floor.accounts.positions


def test_an_invariant_that_breaks_in_protection_halts_durably_and_the_next_start_protects() -> None:
    rig = Rig()
    rig.run(10 * MINUTE)
    rig.venue_kind = BreaksStops

    async def act(_bot: Bot) -> None:
        lose_a_stop(rig.exchange)

    with pytest.raises(InvariantViolated, match=BUG):
        rig.run(HOUR / 2, act)
    is_halted_for_good(rig)
    assert {stop.symbol for stop in rig.stops()} == {BTC_PERP, ETH_PERP}


def test_an_invariant_that_breaks_in_reconcile_halts_durably() -> None:
    rig = Rig()
    rig.run(10 * MINUTE)
    rig.venue_kind = BreaksLookUps

    async def act(bot: Bot) -> None:
        lose_a_stop(rig.exchange)
        await bot.reconcile.check(bot.desk.clock.now())

    with pytest.raises(InvariantViolated, match=BUG):
        rig.run(HOUR / 2, act)
    is_halted_for_good(rig)


@pytest.mark.parametrize("kind", [BreaksAccounts, BreaksLookUps])
def test_an_invariant_that_breaks_in_a_start_halts_durably(kind: type[PaperVenue]) -> None:
    rig = Rig()
    rig.run(10 * MINUTE)
    lose_a_stop(rig.exchange)
    rig.venue_kind = kind
    with pytest.raises(InvariantViolated, match=BUG):
        rig.run(HOUR / 2)
    is_halted_for_good(rig)


def test_a_halt_by_the_bot_does_not_loosen_a_hard_one() -> None:
    rig = Rig()
    rig.journal.commit(
        TradingStateSet(at=DEFAULT_START, state=TradingState.HALTED, caller="test", why="", is_hard=True)
    )
    rig.venue_kind = BreaksLooks
    with pytest.raises(InvariantViolated):
        rig.run(HOUR)
    assert rig.journal.books.is_hard_halt


# --- a journal that cannot be written ------------------------------------------------------------


def a_full_disk(rig: Rig) -> None:
    pages = rig.journal.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    rig.journal.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def a_read_only_disk(rig: Rig) -> None:
    rig.journal.connection.exec_driver_sql("PRAGMA query_only = ON")


@pytest.mark.parametrize("fails", [a_full_disk, a_read_only_disk])
def test_a_journal_that_cannot_be_written_stops_the_bot_before_anything_is_sent(tmp_path: Path, fails: Any) -> None:
    journal = open_journal(tmp_path / "journal.db", now=DEFAULT_START, epoch_tail=lambda: "FSC")
    script = {BTC: tuple((DEFAULT_START + hour * HOUR, Decimal(50_000 + hour % 2 * 9_000)) for hour in range(1, 72))}
    rig = Rig(journal=journal, script=script)
    rig.run(30 * MINUTE)
    seen: list[tuple[datetime, str]] = []
    rig.exchange.floor.observers.append(lambda at, kind, _record: seen.append((at, kind)))

    async def act(_bot: Bot) -> None:
        fails(rig)

    with pytest.raises(JournalError, match="cannot be written"):
        rig.run(48 * HOUR, act)
    failed_at, sent = rig.exchange.now, len(rig.exchange.floor.orders)
    # What a daemon does then: it says what it can, and cancels nothing that it could not note.
    assert rig.bot is not None
    asyncio.run(break_down(rig.bot))
    assert len(rig.exchange.floor.orders) == sent
    assert all(at <= failed_at for at, _ in seen)
    booked = {order.client_order_id for order in rig.exchange.floor.orders.values()}
    assert booked <= {str(one.intent.client_order_id) for one in rig.facts(OrderIntended)}
    rig.journal.connection.exec_driver_sql("PRAGMA query_only = OFF")
    rig.journal.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    rig.run(10 * MINUTE)
    assert rig.facts(BotStarted)
    assert len(rig.journal.books.abnormal_ends) == 1, "it could not even say that it ended"
    rig.is_well()


# --- ends that were none -------------------------------------------------------------------------


def test_three_abnormal_ends_within_ten_minutes_leave_reductions_only() -> None:
    rig = Rig()
    for _ in range(3):
        rig.run(MINUTE, is_orderly=False)
        assert rig.journal.books.trading_state is TradingState.NORMAL
    rig.run(MINUTE)
    (state,) = rig.facts(TradingStateSet)
    assert (state.state, state.caller, state.why) == (TradingState.REDUCE_ONLY, "bot", WHY)
    assert "abnormal_ends" in rig.alerts()
    rig.run(3 * HOUR)
    assert "abnormal_ends" in rig.alerts(), "it is in force, however long ago"

    async def resume(bot: Bot) -> None:
        await bot.control.resume("test")
        assert "abnormal_ends" not in rig.alerts()

    rig.run(MINUTE + MINUTE, resume)
    rig.run(MINUTE)
    assert rig.journal.books.trading_state is TradingState.NORMAL
    assert "abnormal_ends" not in rig.alerts()


def test_three_abnormal_ends_over_a_longer_time_are_bad_luck() -> None:
    rig = Rig()
    for _ in range(4):
        rig.run(6 * MINUTE, is_orderly=False)
    assert rig.journal.books.trading_state is TradingState.NORMAL
    assert len(rig.journal.books.abnormal_ends) == 3


@pytest.mark.parametrize("is_hard", [False, True])
def test_abnormal_ends_do_not_loosen_a_halt(is_hard: bool) -> None:
    rig = Rig()
    rig.journal.commit(
        TradingStateSet(at=DEFAULT_START, state=TradingState.HALTED, caller="test", why="mine", is_hard=is_hard)
    )
    for _ in range(4):
        rig.run(MINUTE, is_orderly=False)
    books = rig.journal.books
    assert (books.trading_state, books.trading_state_why, books.is_hard_halt) == (TradingState.HALTED, "mine", is_hard)
    assert "abnormal_ends" in rig.alerts()


def test_an_end_that_says_that_something_broke_counts_like_a_crash() -> None:
    rig = Rig()
    for _ in range(3):
        rig.run(2 * MINUTE, break_down, is_orderly=False)
    assert [(fact.reason, fact.is_orderly) for fact in rig.facts(BotStopped)] == [("broken", False)] * 3
    rig.run(MINUTE)
    assert rig.journal.books.trading_state is TradingState.REDUCE_ONLY


def test_a_start_while_the_venue_is_away_hides_no_abnormal_end_and_is_none() -> None:
    rig = Rig()
    rig.run(MINUTE, is_orderly=False)

    class NotThere(PaperVenue):
        async def start(self) -> None:
            raise VenueUnavailable("nobody is there")

    rig.venue_kind = NotThere
    with pytest.raises(VenueUnavailable) as failed:
        rig.run(MINUTE)
    assert not counts_as_crash(failed.value)
    assert rig.bot is not None
    asyncio.run(rig.bot.supervisor.wind_up("nobody is there"))
    rig.venue_kind = PaperVenue
    rig.run(MINUTE)
    assert len(rig.journal.books.abnormal_ends) == 1


@pytest.mark.parametrize("failure", [InvariantViolated("…"), JournalError("…"), ExceptionGroup("…", [ValueError()])])
def test_what_breaks_in_the_bot_itself_counts_as_a_crash(failure: BaseException) -> None:
    assert counts_as_crash(failure)


def test_a_venue_that_cannot_be_closed_leaves_the_journal_closed_all_the_same() -> None:
    rig = Rig()

    class Stuck(PaperVenue):
        async def stop(self) -> None:
            raise OSError("no space left")

    rig.venue_kind = Stuck
    bot = rig.run(MINUTE)
    with pytest.raises(OSError, match="no space left"):
        asyncio.run(bot.supervisor.close("the test has ended"))
    assert rig.journal.connection.closed
