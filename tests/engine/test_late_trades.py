"""What becomes of an order whose trades are told late, or never?"""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot
from bot.domain.events import CancelRequested
from bot.domain.orders import Fill, Order, OrderType, Purpose, Side
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, BTC_PERP, ETH, ETH_PERP, HOUR, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")


class LagsForEth(PaperVenue):
    """Tells the trades of one contract alone so much later."""

    by = 3 * MINUTE

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        fills = await super().fetch_fills(since)
        young = self._clock.now() - self.by
        return tuple(one for one in fills if one.symbol != ETH_PERP or one.filled_at <= young)


async def sell_by_hand(rig: Rig) -> None:
    by_hand = OrderRequest(symbol=BTC_PERP, side=Side.SELL, type=OrderType.MARKET, contracts=Decimal("0.001"))
    rig.exchange.submit(by_hand)


@pytest.mark.parametrize(("late", "after"), [(3 * MINUTE, timedelta(seconds=100)), (18 * MINUTE, 17 * MINUTE)])
def test_a_trade_that_is_told_late_is_booked_though_another_contract_has_traded_since(
    late: timedelta, after: timedelta
) -> None:
    class Venue(LagsForEth):
        by = late

    rig = Rig()
    rig.venue_kind = Venue

    async def trade(_: Bot) -> None:
        await sell_by_hand(rig)

    rig.run(30 * MINUTE, trade, after=after)
    assert rig.held(ETH_PERP) == Decimal("0.36")
    assert rig.journal.books.ledger(PAPER, ETH_PERP).contracts == Decimal("0.36")
    assert not rig.journal.books.locks


def test_a_trade_that_is_told_late_is_booked_though_the_process_has_died_since() -> None:
    rig = Rig()
    rig.venue_kind = LagsForEth

    async def trade(_: Bot) -> None:
        await sell_by_hand(rig)

    rig.run(2 * MINUTE, trade, after=MINUTE, is_orderly=False)
    rig.run(20 * MINUTE)
    assert rig.journal.books.ledger(PAPER, ETH_PERP).contracts == rig.held(ETH_PERP) == Decimal("0.36")


def is_hedge(order: Order) -> bool:
    return order.intent.purpose is Purpose.HEDGE and order.intent.symbol == ETH_PERP


class NeverTellsEth(PaperVenue):
    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        return tuple(one for one in await super().fetch_fills(since) if one.symbol != ETH_PERP)


def test_an_order_that_has_filled_ends_though_its_trades_are_never_told() -> None:
    rig = Rig()
    rig.venue_kind = NeverTellsEth
    rig.run(HOUR)
    assert rig.held(ETH_PERP) == Decimal("0.36")
    left = [one for one in rig.journal.books.working_orders() if one.intent.purpose is Purpose.HEDGE]
    assert (left, len(rig.facts(CancelRequested))) == ([], 0)


def test_what_was_adopted_since_its_trades_were_never_told_is_hedged_again() -> None:
    rig = Rig()
    rig.venue_kind = NeverTellsEth

    async def adopt(bot: Bot) -> None:
        await bot.control.adopt("owner", None, ETH_PERP)
        rig.exchange.set_price(ETH, Decimal(1_950))
        rig.exchange.set_price(BTC, Decimal(55_000))

    rig.run(2 * HOUR, adopt, after=90 * MINUTE)
    rig.run(2 * HOUR)
    assert rig.held(ETH_PERP) > Decimal("0.36")
    # Once: what is told no more this time locks its contract again.
    assert len([one for one in rig.journal.books.orders.values() if is_hedge(one)]) == 2


def test_a_trade_that_is_told_after_its_position_was_adopted_is_not_counted_twice() -> None:
    rig = Rig()
    rig.venue_kind = NeverTellsEth

    async def adopt(bot: Bot) -> None:
        await bot.control.adopt("owner", None, ETH_PERP)

    rig.run(20 * MINUTE, adopt, after=10 * MINUTE)
    rig.venue_kind = PaperVenue
    rig.run(20 * MINUTE)
    assert rig.journal.books.ledger(PAPER, ETH_PERP).contracts == Decimal("0.36")
    assert not rig.journal.books.locks
    assert rig.held(ETH_PERP) == Decimal("0.36")
