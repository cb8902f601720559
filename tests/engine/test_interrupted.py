"""Is a leg that was left because of what happened meanwhile looked at again, and is nothing left for no reason?"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.decisions.working import have_moved
from bot.domain.events import TradingStateSet
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import CoinPrice
from bot.domain.orders import OrderType, Side
from bot.domain.policy import CadencePolicy, ExecutionPolicy, ExecutionStyle, TradingState
from bot.domain.portfolio import AccountState, WalletKind
from bot.exchange.faults import LoseRequest
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, BTC_PERP, ETH, ETH_PERP, HOUR, MINUTE, Rig, a_policy

DAILY = CadencePolicy(cron="30 23 * * *", move_sigmas=None)
SOL = Asset("SOL")
SOON = timedelta(seconds=2)


pytestmark = pytest.mark.usefixtures("quiet")


class Counting(PaperVenue):
    """Counts how often the account is asked for, and may leave out the spot wallet."""

    reads = 0
    is_spot_dark = False

    async def fetch_account(self) -> AccountState:
        self.reads += 1
        account = await super().fetch_account()
        if not self.is_spot_dark:
            return account
        lines = tuple(line for line in account.balances if line.wallet is not WalletKind.SPOT)
        return replace(account, balances=lines, unreadable_wallets=("Spot",))


def worked(style: ExecutionStyle) -> Rig:
    rig = Rig(policy=a_policy(cadence=DAILY, execution=ExecutionPolicy(style=style)))
    rig.venue_kind = Counting
    return rig


def venue(bot: Bot) -> Counting:
    (one,) = bot.desk.venues.values()
    assert isinstance(one, Counting)
    return one


def test_what_is_left_because_somebody_else_traded_is_looked_at_again_soon() -> None:
    one = worked(ExecutionStyle.CHASE)
    lot = OrderRequest(symbol=BTC_PERP, side=Side.SELL, type=OrderType.MARKET, contracts=Decimal("0.001"))

    async def trade(_: Bot) -> None:
        one.exchange.submit(lot)

    one.run(HOUR, trade, after=SOON)
    assert (one.held(), one.held(ETH_PERP)) == (Decimal("-0.018"), Decimal("0.36"))


def test_a_wallet_that_cannot_be_read_has_not_been_emptied() -> None:
    one = worked(ExecutionStyle.CHASE)

    async def darken(bot: Bot) -> None:
        venue(bot).is_spot_dark = True
        await bot.desk.clock.sleep(timedelta(seconds=30))
        venue(bot).is_spot_dark = False

    one.run(HOUR, darken, after=SOON)
    assert (one.held(), one.held(ETH_PERP)) == (Decimal("-0.018"), Decimal("0.36"))


def test_borrowed_coins_that_stay_have_not_moved() -> None:
    owed = {Asset("BTC"): Decimal("-0.5")}
    assert not have_moved(owed, owed)
    assert have_moved({Asset("BTC"): Decimal("-0.6")}, owed)


def test_in_a_hard_halt_nothing_is_looked_after_more_often_for_a_trade() -> None:
    reads = []
    for contracts in ("", "0.001"):
        one = worked(ExecutionStyle.IOC)
        one.run(10 * MINUTE)

        async def halt(bot: Bot, contracts: str = contracts, one: Rig = one) -> None:
            now = bot.desk.clock.now()
            fact = TradingStateSet(at=now, state=TradingState.HALTED, caller="owner", why="a look", is_hard=True)
            await bot.desk.journal.record(fact)
            if contracts:
                by_hand = OrderRequest(
                    symbol=BTC_PERP, side=Side.BUY, type=OrderType.MARKET, contracts=Decimal(contracts)
                )
                one.exchange.submit(by_hand)

        reads.append(venue(one.run(HOUR, halt)).reads)
    assert reads[1] < 1.2 * reads[0]


class Worthless(PaperVenue):
    """Lists no contract of SOL, and quotes its coin at zero."""

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        return tuple(one for one in await super().fetch_instruments() if one.asset != SOL)

    async def fetch_coin_prices(self, assets: Sequence[Asset]) -> tuple[CoinPrice, ...]:
        return tuple(replace(one, price=Decimal(0)) for one in await super().fetch_coin_prices(assets))


def test_a_coin_that_is_quoted_at_zero_has_no_price() -> None:
    targets = {BTC: Decimal("0.6"), ETH: Decimal("0.3"), SOL: Decimal("0.1")}
    one = Rig(
        assets=(BTC, ETH, SOL),
        holdings={BTC: Decimal("0.2"), ETH: Decimal("1.2"), SOL: Decimal(20)},
        policy=a_policy(targets=targets),
    )
    one.venue_kind = Worthless
    one.run(15 * MINUTE)
    assert "look_skipped" in one.alerts()
    assert one.held() == 0


def test_a_leg_that_waited_for_a_cancel_is_worked_again_as_soon_as_that_is_known() -> None:
    one = worked(ExecutionStyle.CHASE)
    working: list[int] = []

    async def press(bot: Bot) -> None:
        assert _resting(one) == 2
        # The one of the leg that is given up, and the one of the look that finds it still there.
        one.exchange.faults.on("cancel", LoseRequest(), times=4)
        await bot.control.resume("owner")
        await asyncio.sleep(90)
        working.append(_resting(one))

    one.run(4 * MINUTE, press, after=timedelta(seconds=5))
    assert working == [2]


def _resting(one: Rig) -> int:
    return sum(order.type is OrderType.LIMIT for order in one.exchange.floor.open_orders.values())
