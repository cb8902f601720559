"""What was wrong and is over: does it end by itself, also where what it was about is there no more?"""

import asyncio
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER
from bot.bootstrap import Bot
from bot.domain.events import MarginRungChanged, RollMoved
from bot.domain.ids import Currency, Symbol
from bot.domain.policy import MarginRung
from bot.domain.portfolio import WalletKind
from bot.domain.rolls import RollCause, RollStage
from bot.exchange.faults import OmitLiquidationPrices
from tests.engine.rig import BTC, BTC_PERP, HOUR, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")

USDT, USDC = Currency("USDT"), Currency("USDC")
FAR = Symbol("BTC/USDT:USDT-240329")


def test_a_wallet_that_was_emptied_is_short_of_nothing() -> None:
    rig = Rig()

    async def empty(bot: Bot) -> None:
        now = bot.desk.clock.now()
        await bot.desk.journal.record(
            MarginRungChanged(at=now, venue=PAPER, currency=USDC, rung=MarginRung.WARN, why="it was short")
        )
        await asyncio.sleep(120)

    rig.run(10 * MINUTE, empty)
    assert rig.journal.books.margin_rungs == {}
    assert rig.journal.books.margin_calm_since is not None


def test_a_doubt_about_a_liquidation_ends_with_its_position() -> None:
    rig = Rig(collateral={USDT: Decimal(100)})
    told: list[set[str]] = []

    async def close(bot: Bot) -> None:
        rig.exchange.faults.on("fetch_account", OmitLiquidationPrices(), times=10_000)
        await asyncio.sleep(120)
        told.append(rig.alerts())
        await bot.control.flatten("owner")
        await asyncio.sleep(120)

    rig.run(15 * MINUTE, close, after=5 * MINUTE)
    assert "liquidation_doubt" in told[0]
    assert rig.held() == 0
    assert "liquidation_doubt" not in rig.alerts()


def test_a_move_to_a_cheaper_contract_is_over_when_that_is_taken_off() -> None:
    rig = Rig(dated_basis_annual=Decimal("0.08"), spread_book_bps=None)
    rig.run(30 * MINUTE)
    assert rig.held(BTC_PERP) != 0
    rig.exchange.delist(FAR)

    async def move(bot: Bot) -> None:
        one = Decimal(1)
        await bot.desk.journal.record(
            RollMoved(
                at=bot.desk.clock.now(),
                venue=PAPER,
                asset=BTC,
                near=BTC_PERP,
                far=FAR,
                near_size=one,
                far_size=one,
                cause=RollCause.COST,
                stage=RollStage.SPREAD,
                why="it costs less to hold",
            )
        )

    rig.run(20 * MINUTE, move)
    assert rig.journal.books.rolls == {}
    assert "roll_blocked" not in rig.alerts()


@pytest.mark.parametrize("is_profit", [False, True])
def test_money_that_left_a_futures_wallet_is_asked_about_until_it_is_explained(is_profit: bool) -> None:
    rig = Rig()
    told: list[set[str]] = []

    async def explain(bot: Bot) -> None:
        rig.exchange.deposit(WalletKind.LINEAR_FUTURES, USDT, Decimal(-500))
        await asyncio.sleep(90 * 60)
        told.append(rig.alerts())
        await (bot.control.settle("owner", Decimal(500)) if is_profit else bot.control.confirm_flow("owner", None))

    rig.run(4 * HOUR, explain)
    assert "wallet_moved" in told[0]
    assert "wallet_moved" not in rig.alerts()
