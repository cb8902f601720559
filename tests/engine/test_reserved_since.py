"""What becomes of a contract that the bot has traded, and that the owner reserves afterwards?"""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.domain.errors import VenueRefused
from bot.domain.events import SymbolLocked
from bot.domain.orders import Fill, OrderIntent, OrderType, Purpose, Side, VenueOrder
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC_PERP, ETH_PERP, HOUR, MINUTE, Rig, a_policy

pytestmark = pytest.mark.usefixtures("quiet")


class RefusesStops(PaperVenue):
    """Takes no stop on one contract."""

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        if intent.purpose is Purpose.STOP and intent.symbol == BTC_PERP:
            raise VenueRefused("no", code="rejected")
        return await super().submit(intent)


class TellsNoTrade(PaperVenue):
    """Has a history that is far behind."""

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        return ()


def test_a_symbol_that_the_owner_has_reserved_is_locked_no_more() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    # As its own alert says: if it is yours, TRIMTAB_FOREIGN=SYMBOL:ignore.
    rig.policy = a_policy(foreign_symbols=frozenset({BTC_PERP}))
    rig.run(3 * HOUR)
    assert not rig.journal.books.locks
    assert "symbol_locked" not in rig.alerts()


def test_a_lock_of_before_ends_when_its_symbol_is_reserved() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)

    by_hand = OrderRequest(symbol=BTC_PERP, side=Side.SELL, type=OrderType.MARKET, contracts=Decimal("0.001"))
    rig.exchange.submit(by_hand)
    rig.venue_kind = TellsNoTrade
    rig.run(20 * MINUTE)
    assert list(rig.journal.books.locks) == [(PAPER, BTC_PERP)]
    rig.venue_kind = PaperVenue
    rig.policy = a_policy(foreign_symbols=frozenset({BTC_PERP}))
    rig.run(20 * MINUTE)
    assert (rig.journal.books.locks, len(rig.facts(SymbolLocked))) == ({}, 1)


def test_a_symbol_that_the_owner_has_reserved_is_called_unprotected_no_more() -> None:
    rig = Rig()
    rig.venue_kind = RefusesStops
    rig.run(timedelta(seconds=5), is_orderly=False)
    assert list(rig.journal.books.unprotected) == [(PAPER, BTC_PERP)]
    rig.policy = a_policy(foreign_symbols=frozenset({BTC_PERP}))
    rig.venue_kind = PaperVenue
    rig.run(2 * HOUR)
    assert not rig.journal.books.unprotected


def test_a_symbol_that_the_owner_has_reserved_keeps_no_stop_of_ours() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    assert {one.symbol for one in rig.stops()} == {BTC_PERP, ETH_PERP}
    rig.policy = a_policy(foreign_symbols=frozenset({BTC_PERP}))
    rig.run(20 * MINUTE)
    assert {one.symbol for one in rig.stops()} == {ETH_PERP}
