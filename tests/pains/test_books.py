"""What does the bot do when what it is told of the past is short, doubled, behind or empty?"""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.holdings import DeclaredHoldings
from bot.bootstrap import Bot
from bot.domain.errors import IncompleteData
from bot.domain.events import FundingSettled, LookTaken, TradeFilled
from bot.domain.ids import Symbol
from bot.exchange.exchange import Exchange
from bot.exchange.faults import FailRead, ForgetTrades, LagTrades, OmitPosition, RepeatTrades
from tests.engine.rig import Rig
from tests.live.rig import BTC_PERP
from tests.pains.scenes import DAY, HOUR, MINUTE, SHORT, sent, stops, taken
from tests.simulation.test_contradictions import hedged
from tests.simulation.test_scenarios import Owner

pytestmark = [pytest.mark.seconds(20), pytest.mark.usefixtures("quiet")]

ETH_PERP = Symbol("ETH/USDT:USDT")
WEEKS = 21 * DAY


# --- the history of trades is too short ---------------------------------------------------------


def down_for_weeks(spike_after: timedelta) -> Owner:
    """Return an account whose stop was met while the bot was down for three weeks; history reaches back seven days."""
    moments = ((HOUR, 50_000), (spike_after, 50_000), (spike_after + HOUR, 70_000), (spike_after + 2 * HOUR, 50_000))
    owner = Owner(script=moments)
    owner.run(HOUR)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    owner.exchange.advance(owner.exchange.now + WEEKS)
    assert owner.held() == 0, "the stop has done its work"
    owner.exchange.faults.on("fetch_fills", ForgetTrades(7 * DAY), times=1_000_000)
    return owner


def test_a_stop_out_within_the_history_is_booked_after_three_weeks_away() -> None:
    owner = down_for_weeks(spike_after=16 * DAY)
    owner.run(2 * HOUR)
    assert not owner.journal.books.locks
    assert owner.journal.books.ledgers["paper", ETH_PERP].contracts == owner.exchange.floor.accounts.contracts_of(
        ETH_PERP
    )
    owner.is_well()


def test_a_stop_out_that_history_has_forgotten_locks_its_coin_and_no_other_and_is_told_with_the_mend() -> None:
    owner = down_for_weeks(spike_after=5 * DAY)
    owner.run(3 * HOUR)
    assert owner.held() == 0
    assert sent(owner) == 1, "nothing is hedged on top of what does not add up"
    (alert,) = [one for one in owner.bot.desk.alerts.open_alerts if one["code"] == "symbol_locked"]  # type: ignore[union-attr]
    assert "trimtab adopt BTC/USDT:USDT" in alert["sentence"]
    looks = [fact for fact in owner.facts(LookTaken) if fact.outcome != "skipped"]
    assert owner.exchange.now - looks[-1].at <= HOUR, "the other coin goes on"


def test_what_history_has_forgotten_is_taken_over_on_the_owners_word_and_hedged_afresh() -> None:
    owner = down_for_weeks(spike_after=5 * DAY)
    said: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def answer(bot: Bot) -> None:
        try:
            await bot.control.adopt("owner", None, BTC_PERP)
        except IncompleteData as refusal:
            said.append(str(refusal))
        await bot.control.adopt("owner", None, BTC_PERP, is_gone=True)

    owner.run(3 * HOUR, during=lambda bot: tasks.append(asyncio.ensure_future(answer(bot))))
    assert "--gone" in said[0], "a list that is short must not be taken for a closed position"
    assert not owner.journal.books.locks
    assert owner.held() < 0
    assert len(stops(owner)) == 1


# --- a fill is booked twice ---------------------------------------------------------------------


def test_a_fill_that_is_told_by_reply_history_and_every_restart_is_booked_once() -> None:
    owner = Owner(exchange={"funding_rate": Decimal("0.0001")}, script=((9 * HOUR, 50_000), (9.5 * HOUR, 36_000)))
    owner.exchange.faults.on("fetch_fills", RepeatTrades(), times=1_000_000)
    for _ in range(4):
        owner.run(4 * HOUR)
    trades = owner.exchange.floor.trades
    assert len(owner.facts(TradeFilled)) == len(trades) > 3
    assert len(owner.facts(FundingSettled)) == len(owner.exchange.floor.funding) > 0
    assert owner.journal.books.ledgers["paper", BTC_PERP].contracts == owner.held()
    owner.is_well()


def test_a_fill_that_history_tells_late_is_booked_once_and_not_hedged_twice() -> None:
    owner = Owner()
    owner.exchange.faults.on("fetch_fills", LagTrades(timedelta(seconds=20)), times=1_000_000)
    owner.run(HOUR)
    owner.run(HOUR)
    assert (owner.held(), taken(owner)) == (SHORT, 1)
    assert len(owner.facts(TradeFilled)) == len(owner.exchange.floor.trades)
    owner.is_well()


# --- a hedger that cannot see its own position --------------------------------------------------


def test_a_position_that_a_restart_does_not_see_is_not_hedged_again() -> None:
    owner = hedged()
    owner.exchange.faults.on("fetch_account", OmitPosition(), times=1_000_000)
    for _ in range(3):
        owner.run(HOUR)
    assert (owner.held(), taken(owner), stops(owner)) == (SHORT, 1, [-SHORT])
    owner.exchange.faults.clear()
    owner.run(HOUR)
    owner.is_well()


# --- empty data ---------------------------------------------------------------------------------


class WithFile(Rig):
    """An account with coins besides, which the owner declares in a file."""

    file: Path

    def build(self, clock: Any) -> Bot:
        bot = super().build(clock)
        object.__setattr__(bot.desk, "holdings", DeclaredHoldings((), self.file))
        return bot


WHOLE = "asset,amount,as_of\nBTC,0.1,2024-01-01\nETH,0.5,2024-01-01\n"


@pytest.mark.parametrize(
    "torn",
    ["", "asset,amount,as_of\n", "asset,amount,as_of\nBTC,0.1,2024-01-01\n", "asset,amount,as_of\nBTC,0.1,20", "\x00"],
    ids=["nothing", "the head alone", "one row of two", "half a row", "zeros of a crash"],
)
def test_a_file_of_holdings_that_was_caught_half_written_moves_no_hedge(tmp_path: Path, torn: str) -> None:
    rig = WithFile()
    rig.file = tmp_path / "holdings.csv"
    rig.file.write_text(WHOLE)
    rig.run(HOUR + MINUTE)
    before = {symbol: rig.held(symbol) for symbol in (BTC_PERP, ETH_PERP)}
    assert all(before.values())
    rig.file.write_text(torn)
    rig.run(3 * HOUR)
    assert {symbol: rig.held(symbol) for symbol in before} == before
    assert rig.alerts() & {"look_skipped", "owner_flow"}
    rig.file.write_text(WHOLE)
    rig.run(HOUR + MINUTE)
    assert {symbol: rig.held(symbol) for symbol in before} == before


def test_a_portfolio_that_cannot_be_read_at_a_start_is_not_a_portfolio_of_nothing() -> None:
    owner = hedged()
    owner.exchange.faults.on("fetch_quotes", FailRead(), times=1_000_000)
    owner.run(2 * HOUR)
    assert (owner.held(), sent(owner)) == (SHORT, 1)
    assert stops(owner) == [-SHORT]
    assert "look_skipped" in owner.alerts()


# --- sells everything to rebalance a little -----------------------------------------------------


def coins(exchange: Exchange) -> dict[str, Decimal]:
    """Return what lies in the spot wallet."""
    held = exchange.floor.accounts.wallets.items()
    return {currency: amount for (kind, currency), amount in held if kind == "spot"}


def test_a_drift_of_a_few_dollars_beyond_the_band_trades_a_few_dollars_and_sells_no_coin() -> None:
    owner = Owner(script=((1.5 * HOUR, 50_000), (1.9 * HOUR, 56_500)))
    owner.run(HOUR)
    before, trades = coins(owner.exchange), len(owner.exchange.floor.trades)
    owner.run(7 * HOUR)
    later = owner.exchange.floor.trades[trades:]
    assert sum(abs(trade.contracts) * trade.price for trade in later) < Decimal(1500), "of a portfolio of 13,000"
    assert coins(owner.exchange) == before
    owner.is_well()


@pytest.mark.parametrize("price", [49_000, 51_000])
def test_a_drift_inside_the_band_trades_nothing(price: int) -> None:
    owner = Owner(script=((1.5 * HOUR, 50_000), (1.9 * HOUR, price)))
    owner.run(HOUR)
    trades = len(owner.exchange.floor.trades)
    owner.run(12 * HOUR)
    assert len(owner.exchange.floor.trades) == trades
    owner.is_well()
