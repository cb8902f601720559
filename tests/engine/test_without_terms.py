"""A contract of which the venue tells nothing hides no other: the rest of the account is protected all the same."""

from decimal import Decimal

from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.events import LookTaken
from bot.domain.instruments import Instrument
from bot.exchange.faults import HideOrders
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, HOUR, MINUTE, Rig, a_policy


class WithoutEth(PaperVenue):
    """A venue that holds a contract for the account and lists it no more."""

    asked = 0

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        """Return what is listed."""
        type(self).asked += 1
        return tuple(one for one in await super().fetch_instruments() if one.symbol != ETH_PERP)


def started_again_without_eth() -> Rig:
    """Return an account whose bot was started again after a contract that it holds was taken off."""
    rig = Rig()
    rig.run(10 * MINUTE)
    assert rig.held(ETH_PERP) != 0
    rig.venue_kind = WithoutEth
    WithoutEth.asked = 0
    for stop in [one for one in rig.stops() if one.symbol == BTC_PERP]:
        assert stop.client_order_id is not None
        rig.exchange.cancel(BTC_PERP, stop.client_order_id)
    return rig


def test_a_held_contract_without_terms_leaves_the_others_protected_and_is_told() -> None:
    rig = started_again_without_eth()
    rig.run(5 * MINUTE)
    assert [one.contracts for one in rig.stops() if one.symbol == BTC_PERP] == [abs(rig.held(BTC_PERP))]
    assert "unstoppable" in rig.alerts()
    assert not rig.alerts() & {"protection_blind", "margin_unknown"}


def test_one_that_has_lost_its_stop_as_well_counts_as_unprotected() -> None:
    rig = started_again_without_eth()
    bot = rig.run(5 * MINUTE)
    assert not bot.desk.journal.books.unprotected, "the stop that rests is relied upon"
    for stop in [one for one in rig.stops() if one.symbol == ETH_PERP]:
        rig.exchange.cancel_by_venue(stop.id, "cancelled by somebody else")
    bot = rig.run(5 * MINUTE)
    assert [symbol for _, symbol in bot.desk.journal.books.unprotected] == [ETH_PERP]
    assert "unstoppable" in rig.alerts()


def test_what_is_not_listed_is_not_asked_for_at_every_reading_of_the_account() -> None:
    rig = started_again_without_eth()
    rig.run(HOUR)
    assert WithoutEth.asked <= 65


def test_a_reserved_contract_without_terms_keeps_nobody_from_looking_and_is_shown() -> None:
    rig = started_again_without_eth()
    rig.policy = a_policy(targets={BTC: Decimal(1)}, foreign_symbols=frozenset({ETH_PERP}))
    before = len(rig.facts(LookTaken))
    shown: list[str] = []

    async def ask(bot: Bot) -> None:
        shown.extend(line["symbol"] for line in bot.control.status()["positions"])

    rig.run(10 * MINUTE, ask)
    assert len(rig.facts(LookTaken)) > before
    assert sorted(shown) == [BTC_PERP, ETH_PERP]
    assert not rig.alerts() & {"protection_blind", "margin_unknown", "unstoppable"}


def test_what_the_venue_closed_is_not_put_back_though_it_is_learned_before_any_terms_are_read() -> None:
    rig = Rig()
    rig.run(10 * MINUTE)
    (stop,) = [one for one in rig.journal.books.working_orders() if one.intent.symbol == BTC_PERP]
    rig.exchange.liquidate(BTC_PERP)
    rig.exchange.faults.on("fetch_order", HideOrders())
    rig.journal = rig.journal.reopened()
    loop = SimulatedLoop()
    # As a bot does that could not start, when it ends: no account was read.
    loop.run_until_complete(rig.build(LoopClock(loop, rig.exchange.now)).execution.look_up(stop))
    loop.close()
    assert rig.held() == 0
    assert (BTC, "forced") in rig.journal.books.ceilings
