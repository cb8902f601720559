"""What becomes of an order whose trades are told late, or never?"""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot
from bot.domain.orders import Fill, OrderType, Side
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC_PERP, ETH_PERP, MINUTE, Rig

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
