"""What does the bot do when the venue, or the way there, changes under it?"""

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from bot.adapters.journal.journal import open_journal
from bot.bootstrap import Bot
from bot.domain.errors import ConfigError
from bot.domain.events import FundingSettled, LegUnprotected, LookTaken, StopFired
from bot.domain.findings import Finding
from bot.domain.ids import Symbol, VenueId
from bot.domain.plan import Rule
from bot.exchange.wire.server import WireServer
from bot.ports import Examined
from tests.live.rig import BTC, BTC_PERP, ETH, LiveOwner
from tests.pains.scenes import HOUR, MINUTE, SHORT, Heard, listen, stop_orders, stops, taken

pytestmark = [pytest.mark.seconds(50), pytest.mark.usefixtures("quiet")]

ETH_PERP = Symbol("ETH/USDT:USDT")
STOP_ROUTES = ("/fapi/v1/algoOrder", "/fapi/v1/openAlgoOrders", "/fapi/v1/allAlgoOrders")


def at_half_past() -> LiveOwner:
    """Return an account at half past midnight, so that no clock that is off is in another day."""
    owner = LiveOwner()
    owner.exchange.advance(owner.exchange.now + HOUR / 2)
    return owner


def hedged() -> LiveOwner:
    """Return an account with a short and its stop."""
    owner = at_half_past()
    owner.run(2 * MINUTE)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    return owner


# --- clock drift --------------------------------------------------------------------------------


def shift(server: WireServer, by: timedelta) -> None:
    """Let the venue's clock be off by so much against the machine's."""
    true = server.app.served.now
    server.app.served.now = lambda: true() + by


@pytest.mark.parametrize("seconds", [-300, -20, 20, 300])
def test_a_clock_that_is_off_from_the_start_keeps_no_order_from_the_venue(seconds: int) -> None:
    owner = at_half_past()
    owner.journal = open_journal(None, now=owner.exchange.now, epoch_tail=lambda: "NEW")
    owner.run(2 * MINUTE, before=lambda server: shift(server, timedelta(seconds=seconds)))
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    owner.is_well()


@pytest.mark.parametrize("seconds", [-300, -20, 20, 300])
def test_a_clock_that_jumps_is_compared_again_within_seconds_and_nobody_stays_blind(seconds: int) -> None:
    owner = hedged()

    def jump(_: Bot, server: WireServer) -> None:
        shift(server, timedelta(seconds=seconds))
        owner.exchange.set_price(BTC, Decimal(56_000))

    owner.run(4 * MINUTE, jump)
    owner.run(7 * MINUTE, before=lambda server: shift(server, timedelta(seconds=seconds)))
    assert owner.held() < SHORT, "the move is hedged by the prices of a clock that is another"
    assert not owner.alerts() & {"protection_blind", "margin_unknown", "reconcile_failed"}
    owner.is_well()


# --- delisting ----------------------------------------------------------------------------------


def test_a_contract_that_was_delisted_while_the_bot_was_down_is_settled_in_the_books_at_the_next_start() -> None:
    owner = hedged()
    owner.exchange.delist(BTC_PERP)
    owner.run(3 * MINUTE)
    assert (owner.held(), stops(owner)) == (0, [])
    assert owner.journal.books.ledgers["binanceusdm", BTC_PERP].contracts == 0  # type: ignore[index]  # a name
    assert not owner.journal.books.locks
    assert "protection_blind" not in owner.alerts()
    owner.is_well()


def test_a_coin_whose_only_contract_was_delisted_while_the_bot_was_down_is_unhedgeable_and_holds_up_no_other() -> None:
    owner = hedged()
    owner.exchange.delist(BTC_PERP)
    for other in [one.symbol for one in owner.exchange.listing() if one.asset == BTC]:
        owner.exchange.delist(other)
    owner.exchange.set_price(ETH, Decimal(2000))
    held = owner.exchange.floor.accounts.contracts_of(ETH_PERP)
    owner.run(8 * MINUTE)
    newest = owner.facts(LookTaken)[-1]
    assert newest.outcome == "traded", newest.document
    assert owner.exchange.floor.accounts.contracts_of(ETH_PERP) != held
    assert "unhedgeable" in owner.alerts()
    assert not owner.alerts() & {"look_skipped", "reconcile_failed", "protection_blind"}
    owner.is_well()


# --- the stop API changes overnight -------------------------------------------------------------


def lose_stop_routes(server: WireServer, *, status: int | None = None) -> None:
    """Take the house of conditional orders down: another page, or the venue's own refusal."""
    for path in STOP_ROUTES:
        if status is None:
            server.app.faults.add(effect="code", path=path, code=-4120, times=None)
        else:
            server.app.faults.add(effect="status", path=path, status=status, times=None)


def test_where_stops_are_refused_overnight_no_hedge_is_kept_without_one_nor_opened_again() -> None:
    owner = at_half_past()

    def refuse(server: WireServer) -> None:
        server.app.faults.add(effect="code", method="POST", path="/fapi/v1/algoOrder", code=-4120, times=None)

    asked: list[Heard] = []
    owner.run(7 * MINUTE, before=lambda server: (asked.append(listen(server)), refuse(server))[1])
    assert owner.held() == 0
    reads = [when for when, _, path in asked[0].asked if path == "/fapi/v3/account"]
    assert max(after - before for before, after in pairwise(reads)) <= MINUTE / 2, "it never runs out of weight for it"
    assert (BTC, "unprotected") in owner.journal.books.ceilings
    assert owner.checker.unprotected_seconds_max <= 6 * 60
    owner.is_well()


@pytest.mark.parametrize("status", [None, 404], ids=["refused by code", "a page that is not there"])
def test_where_the_stop_routes_are_gone_the_rest_is_still_watched_and_booked_stops_are_believed(
    status: int | None,
) -> None:
    owner = hedged()
    owner.run(8 * MINUTE, lambda _, server: lose_stop_routes(server, status=status))
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    assert "stops_unlisted" in owner.alerts()
    assert not owner.alerts() & {"margin_unknown", "reconcile_failed", "protection_blind"}, "it is not blind"
    owner.run(2 * MINUTE)
    assert "stops_unlisted" not in owner.alerts()
    owner.is_well()


def test_where_the_stop_routes_are_gone_and_a_stop_fires_all_the_same_it_is_booked_as_that_stop() -> None:
    owner = hedged()

    def lose_and_fire(_: Bot, server: WireServer) -> None:
        lose_stop_routes(server)
        owner.exchange.set_price(BTC, Decimal(70_000))

    owner.run(5 * MINUTE, lose_and_fire)
    assert owner.held() == 0
    assert [fact.symbol for fact in owner.facts(StopFired)] == [BTC_PERP]
    assert (BTC, "stop_out") in owner.journal.books.ceilings
    assert not owner.alerts() & {"margin_unknown", "reconcile_failed", "protection_blind"}
    owner.run(2 * MINUTE)
    assert not owner.journal.books.locks
    owner.is_well()


def test_where_the_stop_routes_are_gone_before_the_stop_rests_the_hedge_is_closed() -> None:
    owner = at_half_past()

    def before(server: WireServer) -> None:
        # The look is had, the hedge is sent, and then there is nowhere to place a stop.
        listen(server).once("POST", "/fapi/v1/order", lambda: lose_stop_routes(server))

    owner.run(8 * MINUTE, before=before)
    assert taken(owner) == 1
    assert owner.held() == 0
    assert (BTC, "unprotected") in owner.journal.books.ceilings


# --- a ban while a stop is needed ---------------------------------------------------------------


def test_a_ban_right_before_the_stop_is_sat_out_in_silence_and_the_stop_is_the_first_thing_after_it() -> None:
    owner = at_half_past()
    asked: list[Heard] = []

    def before(server: WireServer) -> None:
        asked.append(listen(server))
        server.app.faults.add(effect="ban", method="POST", path="/fapi/v1/algoOrder", seconds=60)

    owner.run(6 * MINUTE, before=before)
    moments = [when for when, method, path in asked[0].asked if (method, path) == ("POST", "/fapi/v1/algoOrder")]
    begun = moments[0]
    heard = [when for when, _, path in asked[0].asked if path.startswith("/fapi/") and when > begun]
    assert min(heard) - begun >= MINUTE, "every request makes a ban longer"
    assert moments[1] - begun <= MINUTE + timedelta(seconds=15)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    assert not owner.alerts() & {"protection_blind", "unprotected"}, "told, and over"
    assert any(fact.symbol == BTC_PERP for fact in owner.facts(LegUnprotected))


def test_too_many_requests_hold_up_questions_and_no_stop() -> None:
    owner = at_half_past()

    def before(server: WireServer) -> None:
        def limit() -> None:
            server.app.faults.add(effect="status", status=429, method="GET", path="/fapi/v1/fundingInfo", times=None)

        listen(server).once("POST", "/fapi/v1/order", limit)

    owner.run(3 * MINUTE, before=before)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    assert owner.checker.unprotected_seconds_max <= owner.policy.stops.deadline.total_seconds()
    owner.is_well()


# --- position or margin mode mismatch -----------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "told"), [("has_hedge_mode", "hedge mode"), ("has_multi_assets", "multi-assets mode")]
)
def test_an_account_in_another_mode_is_refused_at_the_start_with_the_mend(mode: str, told: str) -> None:
    owner = LiveOwner()
    with pytest.raises(ConfigError, match=f"{told}; switch it"):
        owner.run(MINUTE, before=lambda server: setattr(server.app.served, mode, True))
    assert not owner.exchange.floor.orders


def test_an_account_that_is_switched_to_hedge_mode_overnight_is_alerted_and_mended_when_it_is_switched_back() -> None:
    owner = hedged()
    (stop,) = stop_orders(owner)

    def switch(_: Bot, server: WireServer) -> None:
        server.app.served.has_hedge_mode = True
        owner.exchange.cancel_by_venue(stop.id, "the mode was changed")

    owner.run(4 * MINUTE, switch)
    assert owner.held() == SHORT, "the venue takes neither stop nor close"
    assert "unprotected" in owner.alerts()
    owner.run(2 * MINUTE)
    assert "unprotected" not in owner.alerts()
    held = abs(owner.held())
    assert stops(owner) == ([held] if held else [])


def test_where_margin_is_isolated_nothing_is_opened_and_what_is_held_can_be_closed() -> None:
    owner = hedged()
    owner.exchange.set_price(BTC, Decimal(58_000))

    def isolate(server: WireServer) -> None:
        server.app.served.isolated = {"BTCUSDT"}

    owner.run(3 * MINUTE, before=isolate)
    assert owner.held() == SHORT
    owner.run(5 * MINUTE, lambda bot, _: bot.control.flatten("owner"), before=isolate)  # type: ignore[arg-type, return-value]  # awaited
    assert (owner.held(), stops(owner)) == (0, [])


# --- contract units wrong by 10 × ---------------------------------------------------------------


@pytest.mark.parametrize("mark", [500_000, 5_000])
def test_a_contract_that_is_worth_ten_times_its_coin_or_a_tenth_is_not_traded_and_found_by_check(mark: int) -> None:
    owner = LiveOwner(exchange={"contract_prices": {BTC: Decimal(mark)}})
    found: list[Finding] = []

    async def examine(bot: Bot, _: WireServer) -> None:
        venue = bot.desk.venues[VenueId("binanceusdm")]
        assert isinstance(venue, Examined)
        found.extend(await venue.examine([BTC]))

    owner.run(5 * MINUTE, examine)
    assert owner.held() == 0
    (units,) = [one for one in found if one.subject == "units"]
    assert units.level == "fail"
    decision = owner.bot.rebalance.last_decision if owner.bot else None
    assert decision is not None
    assert {refusal.rule for refusal in decision.refusals if refusal.asset == BTC} & {Rule.PRICE_SANITY}


# --- what a venue has purged --------------------------------------------------------------------


def test_a_stop_that_fired_while_the_bot_was_down_and_whose_order_is_purged_keeps_no_bot_from_starting() -> None:
    owner = hedged()
    owner.exchange.advance(owner.exchange.now + HOUR)
    owner.exchange.set_price(BTC, Decimal(70_000))
    assert owner.held() == 0

    def purge(server: WireServer) -> None:
        server.app.faults.add(effect="code", code=-2013, method="GET", path="/fapi/v1/order", times=None)

    owner.exchange.advance(owner.exchange.now + MINUTE)
    owner.run(2 * MINUTE, before=purge)
    assert owner.journal.books.ledgers["binanceusdm", BTC_PERP].contracts == owner.held()  # type: ignore[index]  # a name
    assert not owner.journal.books.locks


def test_a_delisted_contract_whose_history_went_with_it_locks_its_coin_and_keeps_no_bot_from_starting() -> None:
    owner = hedged()
    owner.exchange.delist(BTC_PERP)

    def purge(server: WireServer) -> None:
        server.app.faults.add(effect="code", code=-1121, path="/fapi/v1/userTrades", times=None)

    owner.run(8 * MINUTE, before=purge)
    assert [symbol for _, symbol in owner.journal.books.locks] == [BTC_PERP]
    assert owner.exchange.floor.accounts.contracts_of(Symbol("ETH/USDT:USDT")) != 0
    assert owner.facts(LookTaken)[-1].outcome != "skipped", owner.facts(LookTaken)[-1].document
    assert "unhedgeable" in owner.alerts()


def test_a_delisted_contract_whose_rates_went_with_it_has_its_last_funding_booked() -> None:
    owner = LiveOwner(exchange={"funding_rate": Decimal("0.0003")})
    owner.exchange.advance(owner.exchange.now + 8 * HOUR - 3 * MINUTE)
    owner.run(2 * MINUTE)
    assert owner.held() == SHORT
    owner.exchange.advance(owner.exchange.now + 5 * MINUTE)
    owner.exchange.delist(BTC_PERP)

    def purge(server: WireServer) -> None:
        server.app.faults.add(effect="code", code=-1121, path="/fapi/v1/fundingRate", times=None)

    owner.run(3 * MINUTE, before=purge)
    paid = {one.amount for one in owner.exchange.floor.funding if one.symbol == BTC_PERP}
    assert {fact.amount for fact in owner.facts(FundingSettled) if fact.symbol == BTC_PERP} == paid
    assert len(paid) == 1
    assert "funding" not in owner.facts(LookTaken)[-1].document


# --- half of the venue is down ------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["status", "hang", "half_right"])
@pytest.mark.parametrize("path", ["/api/", "/sapi/", "/fapi/v1/exchangeInfo", "/fapi/v1/commissionRate"])
def test_where_spot_or_listing_are_down_a_stop_that_is_missing_is_placed_all_the_same(effect: str, path: str) -> None:
    owner = hedged()
    (stop,) = stop_orders(owner)

    def break_half(bot: Bot, server: WireServer) -> None:
        server.app.faults.add(effect=effect, path=path, times=None, seconds=10_000)
        bot.reference.doubt_terms(VenueId("binanceusdm"))
        owner.exchange.cancel_by_venue(stop.id, "no reason given")

    owner.run(6 * MINUTE, break_half)
    assert (owner.held(), stops(owner)) == (SHORT, [-SHORT])
    # What hangs is not waited for by as much as a deadline.
    assert owner.checker.unprotected_seconds_max <= owner.policy.stops.deadline.total_seconds() + 15
    assert "protection_blind" not in owner.alerts()
    owner.is_well()


# --- web socket silently dead -------------------------------------------------------------------


def test_a_stop_that_fires_while_every_socket_is_silently_dead_is_booked_all_the_same() -> None:
    owner = at_half_past()

    def fall_silent(_: Bot, server: WireServer) -> None:
        server.app.is_silent = True
        owner.exchange.set_price(BTC, Decimal(70_000))

    owner.run(4 * MINUTE, fall_silent, is_listening=True)
    assert owner.held() == 0
    assert len([fact for fact in owner.facts(StopFired) if fact.symbol == BTC_PERP]) == 1
    assert "stop_out" in owner.alerts()
