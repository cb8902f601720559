"""Whom does a price that has leapt keep waiting, and for how long?"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.events import LookTaken
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.market import Quote
from bot.domain.orders import OrderType, Side
from bot.exchange.faults import FailRead
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, ETH, HOUR, MINUTE, Rig, a_policy

pytestmark = pytest.mark.usefixtures("quiet")

DAY = timedelta(days=1)
SOL, SOL_PERP = Asset("SOL"), Symbol("SOL/USDT:USDT")


def plan_of(rig: Rig) -> dict[str, Any]:
    """Return the plan of a process that takes one look and ends."""
    loop = SimulatedLoop()
    rig.journal = rig.journal.reopened()
    bot = rig.build(LoopClock(loop, rig.exchange.now))
    try:
        return loop.run_until_complete(bot.control.plan())
    finally:
        loop.close()


def outcomes(rig: Rig) -> list[str]:
    """Return how the looks have ended."""
    return [one.outcome for one in rig.facts(LookTaken)]


def test_a_plan_can_be_had_after_days_away_in_which_the_market_has_moved() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    rig.exchange.set_price(BTC, Decimal(57_000))
    rig.exchange.advance(rig.exchange.now + 7 * DAY)
    plan = plan_of(rig)
    assert plan["assets"]
    assert not [one for one in plan["warnings"] if "stood" in one]


def test_a_look_after_days_away_is_judged_by_the_last_close() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    rig.exchange.set_price(BTC, Decimal(57_000))
    rig.exchange.advance(rig.exchange.now + 7 * DAY)
    before = len(outcomes(rig))
    rig.run(MINUTE)
    assert outcomes(rig)[before:]
    assert "skipped" not in outcomes(rig)[before:]


def test_a_plan_that_sends_nothing_is_told_with_a_warning_where_a_look_would_wait() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    rig.exchange.set_price(BTC, Decimal(58_000))
    plan = plan_of(rig)
    assert plan["assets"]
    assert "16.0% from what it was at the last look" in plan["warnings"][0]
    before = len(outcomes(rig))
    rig.run(MINUTE)
    assert outcomes(rig)[before:] == ["skipped"]


def test_a_leap_of_what_is_the_owner_s_keeps_no_look_waiting() -> None:
    rig = Rig(policy=a_policy(foreign_symbols=frozenset({SOL_PERP})), assets=(BTC, ETH, SOL))
    rig.exchange.set_price(SOL, Decimal(100))
    by_hand = OrderRequest(symbol=SOL_PERP, side=Side.BUY, type=OrderType.MARKET, contracts=Decimal(1))
    rig.exchange.submit(by_hand)

    async def leap(_: Bot) -> None:
        rig.exchange.set_price(SOL, Decimal(200))

    rig.run(HOUR + 10 * MINUTE, leap, after=58 * MINUTE)
    assert "skipped" not in outcomes(rig)


class TwoIndices(PaperVenue):
    """One contract of an asset has its index for good where another's is not."""

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        apart = Decimal("0.75")
        return tuple(
            replace(
                one,
                **{
                    name: getattr(one, name) * apart
                    for name in ("bid_price", "ask_price", "mark_price", "index_price", "last_price")
                },
            )
            if one.symbol == Symbol("BTC/USD:BTC")
            else one
            for one in await super().fetch_quotes(symbols)
        )


def test_two_contracts_of_an_asset_whose_indices_are_apart_for_good_keep_looks_waiting_only_at_first() -> None:
    inverse = Symbol("BTC/USD:BTC")
    rig = Rig(
        policy=a_policy(foreign_symbols=frozenset({inverse})),
        collateral={Currency("USDT"): Decimal(6000), Currency("BTC"): Decimal("0.1")},
    )
    rig.venue_kind = TwoIndices
    by_hand = OrderRequest(symbol=inverse, side=Side.BUY, type=OrderType.MARKET, contracts=Decimal(1))
    rig.exchange.submit(by_hand)
    rig.run(2 * HOUR)
    assert outcomes(rig)[-1] != "skipped"


def test_the_owner_s_word_is_not_kept_waiting_by_a_look_that_was_skipped() -> None:
    rig = Rig()
    looked: list[int] = []

    async def resume(bot: Bot) -> None:
        rig.exchange.faults.on("fetch_quotes", FailRead(), times=10_000)
        rig.exchange.set_price(BTC, Decimal(50_100))
        await bot.control.halt("owner", why="a test")
        bot.supervisor._signal.set("calendar")
        await asyncio.sleep(30)
        assert outcomes(rig)[-1] == "skipped"
        rig.exchange.faults.clear()
        before = len(outcomes(rig))
        await bot.control.resume("owner")
        await asyncio.sleep(20)
        looked.append(len(outcomes(rig)) - before)

    rig.run(10 * MINUTE, resume, after=2 * MINUTE)
    assert looked == [1]


def test_looks_that_are_skipped_again_and_again_are_not_chased() -> None:
    rig = Rig()
    rig.exchange.faults.on("fetch_quotes", FailRead(), times=100_000)
    rig.run(31 * MINUTE)
    assert 6 <= len(outcomes(rig)) <= 8
