"""What if a venue tells everything but its stops, and holds what our trades do not know of?"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import Fill, OrderType, Side
from bot.domain.portfolio import AccountState
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, ETH, MINUTE, Rig

SOL_PERP = Symbol("SOL/USDT:USDT")


pytestmark = pytest.mark.usefixtures("quiet")


class WithoutStops(PaperVenue):
    """Lists no stops from some moment on, and tells no trades in SOL."""

    is_dark = False

    async def fetch_account(self) -> AccountState:
        account = await super().fetch_account()
        if not self.is_dark:
            return account
        rest = tuple(order for order in account.open_orders if order.type is not OrderType.STOP_MARKET)
        return replace(account, has_stops_listed=False, open_orders=rest)

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        return tuple(fill for fill in await super().fetch_fills(since) if fill.symbol != SOL_PERP)


def test_a_position_that_no_trade_has_told_of_ends_nothing() -> None:
    one = Rig(assets=(BTC, ETH, Asset("SOL")))
    one.venue_kind = WithoutStops
    one.run(10 * MINUTE)

    async def darken(bot: Bot) -> None:
        (venue,) = bot.desk.venues.values()
        assert isinstance(venue, WithoutStops)
        venue.is_dark = True
        one.exchange.submit(OrderRequest(symbol=SOL_PERP, side=Side.BUY, type=OrderType.MARKET, contracts=Decimal(1)))

    one.run(10 * MINUTE, darken)
    assert "stops_unlisted" in one.alerts()
