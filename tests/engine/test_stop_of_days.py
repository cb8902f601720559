"""What becomes of a stop that has rested for days, and that the venue goes on listing when it has ended?"""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot
from bot.domain.errors import VenueRefused
from bot.domain.events import CancelRequested, LegUnprotected
from bot.domain.orders import OrderIntent, Purpose, VenueOrder
from bot.domain.policy import TradingState
from bot.domain.portfolio import AccountState
from bot.exchange.faults import FeignCancel
from tests.engine.rig import BTC, BTC_PERP, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")

DAY = timedelta(days=1)


class ListsLate(PaperVenue):
    """Goes on listing for some time what has ended."""

    lasting = timedelta(seconds=70)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._listed: dict[str, tuple[datetime, VenueOrder]] = {}

    async def fetch_account(self) -> AccountState:
        told = await super().fetch_account()
        now = self._clock.now()
        here = {one.venue_order_id for one in told.open_orders}
        late = [
            one
            for number, (seen_at, one) in self._listed.items()
            if number not in here and now - seen_at <= self.lasting
        ]
        self._listed.update({one.venue_order_id: (now, one) for one in told.open_orders})
        return replace(told, open_orders=(*told.open_orders, *late))


class ListsAgain(PaperVenue):
    """Lists an order that has ended."""

    shown: VenueOrder | None = None

    async def fetch_account(self) -> AccountState:
        told = await super().fetch_account()
        shown = type(self).shown
        return told if shown is None else replace(told, open_orders=(*told.open_orders, shown))


def rested_for(days: int) -> Rig:
    """Return an account whose stops have rested for days."""
    rig = Rig()
    rig.run(30 * MINUTE)
    rig.exchange.advance(rig.exchange.now + days * DAY)
    return rig


def is_at_ease(rig: Rig) -> bool:
    """Nobody is halted, and nobody is told of a second bot."""
    return rig.journal.books.trading_state is TradingState.NORMAL and "second_writer" not in rig.alerts()


@pytest.mark.parametrize("days", [1, 3])
def test_a_list_that_is_late_halts_nobody(days: int) -> None:
    rig = rested_for(days)
    rig.venue_kind = ListsLate
    rig.exchange.set_price(BTC, Decimal(47_000))
    rig.run(20 * MINUTE)
    assert is_at_ease(rig)


def test_a_cancel_that_was_feigned_halts_nobody_where_the_stop_had_rested_for_days() -> None:
    rig = rested_for(3)
    rig.exchange.faults.on("cancel", FeignCancel(timedelta(minutes=3)), times=1)
    rig.exchange.set_price(BTC, Decimal(47_000))
    rig.run(20 * MINUTE)
    assert is_at_ease(rig)
    assert len([one for one in rig.stops() if one.symbol == BTC_PERP]) == 1


def forgotten() -> tuple[Rig, type[ListsAgain]]:
    """Return an account with a stop that was replaced days ago, and a venue that lists it again."""
    rig = Rig()

    class Venue(ListsAgain):
        pass

    async def note(bot: Bot) -> None:
        account = await bot.desk.venues[PAPER].fetch_account()
        (Venue.shown,) = [one for one in account.open_orders if one.symbol == BTC_PERP]

    rig.run(30 * MINUTE, note, after=20 * MINUTE)
    rig.exchange.set_price(BTC, Decimal(47_000))
    rig.run(5 * MINUTE)
    rig.exchange.advance(rig.exchange.now + 3 * DAY)
    rig.run(5 * MINUTE)
    assert Venue.shown is not None
    assert Venue.shown.client_order_id not in rig.journal.books.orders
    rig.venue_kind = Venue
    return rig, Venue


def test_a_stop_that_the_books_have_forgotten_is_cancelled_and_halts_nobody() -> None:
    rig, venue = forgotten()
    rig.run(5 * MINUTE)
    assert is_at_ease(rig)
    assert venue.shown is not None
    assert venue.shown.client_order_id in [one.client_order_id for one in rig.facts(CancelRequested)[-3:]]
    assert len([one for one in rig.stops() if one.symbol == BTC_PERP]) == 1


def test_a_stop_that_the_books_have_forgotten_stays_while_it_is_the_only_one() -> None:
    rig, venue = forgotten()
    asked = len(rig.facts(CancelRequested))
    for one in rig.stops():
        assert one.client_order_id is not None
        rig.exchange.cancel(one.symbol, one.client_order_id)

    class Refuses(venue):  # type: ignore[valid-type, misc]  # made by the test
        async def submit(self, intent: OrderIntent) -> VenueOrder:
            raise VenueRefused("no", code="rejected")

    rig.venue_kind = Refuses
    rig.run(MINUTE / 2)
    assert is_at_ease(rig)
    assert len(rig.facts(CancelRequested)) == asked


def test_an_order_under_an_id_of_ours_that_was_another_one_halts() -> None:
    rig, venue = forgotten()
    assert venue.shown is not None
    venue.shown = replace(venue.shown, side=venue.shown.side.opposite)
    rig.run(MINUTE)
    assert rig.journal.books.trading_state is TradingState.HALTED
    assert "second_writer" in rig.alerts()


def test_a_hedge_that_the_books_have_forgotten_and_that_has_traded_is_no_news() -> None:
    rig = Rig()

    class Venue(ListsAgain):
        pass

    rig.run(30 * MINUTE)
    hedge = next(one for one in rig.journal.books.orders.values() if one.intent.symbol == BTC_PERP)
    rig.exchange.advance(rig.exchange.now + 3 * DAY)

    async def note(bot: Bot) -> None:
        Venue.shown = await bot.desk.venues[PAPER].fetch_order(BTC_PERP, hedge.intent.client_order_id)

    rig.run(5 * MINUTE, note)
    assert hedge.intent.purpose is Purpose.HEDGE
    assert hedge.intent.client_order_id not in rig.journal.books.orders
    assert Venue.shown is not None
    rig.venue_kind = Venue
    rig.run(5 * MINUTE)
    assert is_at_ease(rig)
    assert not rig.facts(LegUnprotected)
