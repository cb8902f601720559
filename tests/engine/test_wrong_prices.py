"""A venue whose prices are wrong for a moment, or whose index alone is: what becomes of stops and of positions?"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot
from bot.domain.ids import Asset, Symbol
from bot.domain.market import PriceHistory, Quote
from bot.domain.orders import OrderIntent, Purpose, VenueOrder
from bot.exchange.faults import Distortion, DistortQuotes
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, MINUTE, Rig

pytestmark = pytest.mark.usefixtures("quiet")


def triggers(rig: Rig, symbol: Symbol = BTC_PERP) -> list[Decimal]:
    """Return where stops rest."""
    return [one.trigger_price for one in rig.stops() if one.symbol == symbol and one.trigger_price is not None]


class WrongIndex(PaperVenue):
    factor: Decimal | None = None

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        quotes = await super().fetch_quotes(symbols)
        factor = type(self).factor
        if factor is None:
            return quotes
        return tuple(
            replace(one, index_price=one.index_price * factor) if one.symbol == BTC_PERP else one for one in quotes
        )


@pytest.mark.parametrize("factor", ["1.2", "1.24", "0.7"])
def test_an_index_that_is_wrong_alone_and_not_believed_moves_no_stop(factor: str) -> None:
    class Venue(WrongIndex):
        pass

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)
    before = triggers(rig)
    seen: list[list[Decimal]] = []

    async def lie(_: Bot) -> None:
        Venue.factor = Decimal(factor)
        await asyncio.sleep(120)
        seen.append(triggers(rig))
        Venue.factor = None

    rig.run(20 * MINUTE, lie, after=7 * MINUTE)
    assert len(before) == 1
    assert seen == [before]


def test_an_index_that_is_wrong_alone_costs_no_hedge_when_the_market_moves_a_little() -> None:
    class Venue(WrongIndex):
        pass

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)

    async def lie(_: Bot) -> None:
        Venue.factor = Decimal("1.22")
        await asyncio.sleep(60)
        # Up by 3 %, as on any day: a bound against catastrophes is nowhere near.
        rig.exchange.set_price(BTC, Decimal(51_500))
        await asyncio.sleep(60)
        Venue.factor = None

    rig.run(20 * MINUTE, lie, after=7 * MINUTE)
    assert rig.held() == Decimal("-0.018")


def test_a_fresh_hedge_gets_its_stop_though_the_index_is_wrong() -> None:
    class Venue(WrongIndex):
        async def submit(self, intent: OrderIntent) -> VenueOrder:
            seen = await super().submit(intent)
            if intent.purpose is Purpose.HEDGE and intent.symbol == BTC_PERP:
                type(self).factor = Decimal("1.3")
            return seen

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(4 * MINUTE)
    assert rig.held() == Decimal("-0.018")
    assert len(triggers(rig)) == 1


class QuotesNoEth(PaperVenue):
    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        return tuple(one for one in await super().fetch_quotes(symbols) if one.symbol != ETH_PERP)


def test_a_contract_that_is_not_quoted_keeps_no_other_from_its_stop() -> None:
    rig = Rig()
    rig.run(30 * MINUTE)
    rig.venue_kind = QuotesNoEth

    async def take_away(_: Bot) -> None:
        (stop,) = [one for one in rig.stops() if one.symbol == BTC_PERP]
        assert stop.client_order_id is not None
        rig.exchange.cancel(BTC_PERP, stop.client_order_id)

    rig.run(20 * MINUTE, take_away)
    assert len(triggers(rig)) == 1


class MovesByTheDay(PaperVenue):
    """Closes by turns at this and at 4 % more."""

    async def fetch_history(self, asset: Asset, days: int) -> PriceHistory:
        told = await super().fetch_history(asset, days)
        closes = tuple(one * (1 + Decimal("0.04") * (place % 2)) for place, one in enumerate(told.closes))
        return replace(told, closes=closes)


@pytest.mark.parametrize("cash", [600, 700, 800])
def test_one_reading_of_wrong_prices_makes_no_leg_smaller(cash: int) -> None:
    rig = Rig(collateral={"USDT": Decimal(cash)})
    rig.venue_kind = MovesByTheDay
    rig.run(30 * MINUTE)
    held = rig.held()
    assert held < 0

    async def lie(_: Bot) -> None:
        rig.exchange.faults.on("fetch_quotes", DistortQuotes(Distortion.SPIKE), times=3)

    rig.run(20 * MINUTE, lie, after=7 * MINUTE)
    assert (rig.held(), rig.journal.books.ceilings) == (held, {})


def test_a_wrong_price_that_is_only_told_again_and_again_does_not_stand_for_it() -> None:
    class Venue(WrongIndex):
        frozen: tuple[Quote, ...] = ()

        async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
            frozen = [one for one in type(self).frozen if one.symbol in symbols]
            return tuple(frozen) or await super().fetch_quotes(symbols)

    rig = Rig()
    rig.venue_kind = Venue
    rig.run(30 * MINUTE)
    believed: list[bool] = []

    async def lie(bot: Bot) -> None:
        quotes = await bot.desk.venues[PAPER].fetch_quotes([BTC_PERP, ETH_PERP])
        Venue.frozen = tuple(replace(one, index_price=one.index_price * Decimal("1.3")) for one in quotes)
        await asyncio.sleep(600)
        instrument, (wrong, _) = bot.reference.instrument(PAPER, BTC_PERP), Venue.frozen
        believed.append(bot.gatherer.is_believed(instrument, replace(wrong, mark_price=wrong.index_price)))
        Venue.frozen = ()

    rig.run(20 * MINUTE, lie, after=7 * MINUTE)
    assert believed == [False]
