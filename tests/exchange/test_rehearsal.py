"""Does every fault happen at about its chance, the same way each time, and not at all when it is off?"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import FixedClock
from bot.adapters.paper import PaperVenue
from bot.domain.errors import VenueUnavailable
from bot.domain.ids import Symbol
from bot.domain.market import Quote
from bot.exchange.config import MarketKind
from bot.exchange.exchange import Exchange
from bot.exchange.faults import ReadFailed, ReplyLost, RequestLost
from bot.exchange.orders import Refused
from bot.exchange.rehearsal import LASTING, STRIKING, FaultKind, Rehearsed
from bot.settings.rehearsal import LASTING as LASTING_SETTINGS
from bot.settings.rehearsal import STRIKING as STRIKING_SETTINGS
from bot.settings.rehearsal import PaperFault
from tests.exchange.trading import GTC, HOUR, IOC, LINEAR, MINUTE, START, buy, held, name, opened, sell

CALLS = 1000


class ManualClock(FixedClock):
    """A clock that is set by hand."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time


def rehearsing(*kinds: FaultKind, chance: str = "1", lasts: timedelta = HOUR, **changes: Any) -> Exchange:
    """Open an exchange where these go wrong."""
    planned = tuple(
        Rehearsed(kind=kind, chance_frac=Decimal(chance), lasts=lasts if kind in LASTING else timedelta(0))
        for kind in kinds
    )
    return opened(changes.pop("folder", None), rehearsed=planned, **changes)


def _order(exchange: Exchange) -> None:
    buy(exchange, "0.010", time_in_force=IOC)


def _stop(exchange: Exchange) -> None:
    order = sell(exchange, "0.001", trigger_price="40000", reduce_only=True, client_order_id=name(f"S{exchange.now}"))
    exchange.cancel(LINEAR, name(order.client_order_id or ""))


def _read(call: str) -> Callable[[Exchange], None]:
    return lambda exchange: (exchange.check_read(call), None)[1]


BY_CALL: dict[FaultKind, Callable[[Exchange], None]] = {
    FaultKind.REFUSE_STOP: _stop,
    FaultKind.REFUSE: _order,
    FaultKind.LOSE_REQUEST: _order,
    FaultKind.DELAY: _order,
    FaultKind.LOSE_REPLY: _order,
    FaultKind.PARTIAL_FILL: _order,
    FaultKind.DOUBLE_ORDER: _order,
    FaultKind.FORGET_ORDER: _order,
    FaultKind.FEIGN_CANCEL: _stop,
    FaultKind.FAIL_READ: _read("fetch_order"),
    FaultKind.EMPTY_BALANCES: _read("fetch_account"),
    FaultKind.NO_LIQUIDATION_PRICE: _read("fetch_account"),
    FaultKind.DUPLICATE_FILL: _read("fetch_fills"),
}


def trace(exchange: Exchange, call: Callable[[Exchange], None], calls: int = CALLS) -> str:
    """Call again and again, a second apart, and return which calls met something."""
    found = []
    for number in range(calls):
        exchange.advance(START + timedelta(seconds=number + 1))
        before = exchange.rehearsal.met.total()
        with suppress(Refused, RequestLost, ReplyLost, ReadFailed):
            call(exchange)
        found.append("x" if exchange.rehearsal.met.total() > before else ".")
    return "".join(found)


def test_every_fault_is_either_of_a_call_or_lasts_or_strikes() -> None:
    assert set(BY_CALL) | set(LASTING) | set(STRIKING) == set(FaultKind)


def test_owners_write_the_same_names() -> None:
    assert [one.value for one in PaperFault] == [one.value for one in FaultKind]
    assert {one.value for one in LASTING_SETTINGS} == {one.value for one in LASTING}
    assert {one.value for one in STRIKING_SETTINGS} == {one.value for one in STRIKING}


@pytest.mark.parametrize("kind", BY_CALL)
def test_a_fault_of_calls_happens_at_about_its_chance(kind: FaultKind) -> None:
    exchange = rehearsing(kind, chance="0.1")
    buy_first(exchange)
    found = trace(exchange, BY_CALL[kind])
    assert 70 <= found.count("x") <= 130


def buy_first(exchange: Exchange) -> None:
    """Hold something, whatever goes wrong."""
    planned, exchange.rehearsal.planned = exchange.rehearsal.planned, ()
    buy(exchange, "0.100")
    exchange.rehearsal.planned = planned


@pytest.mark.parametrize("kind", sorted(LASTING))
def test_a_fault_that_lasts_happens_in_about_its_share_of_hours_and_ends(kind: FaultKind) -> None:
    exchange = rehearsing(kind, chance="0.2", lasts=10 * MINUTE)
    on = 0
    for _ in range(500 * 60):
        exchange.floor.now_us += 60_000_000
        on += exchange.rehearsal.is_on(kind)
    assert 70 <= exchange.rehearsal.met[kind] <= 130
    # Two that begin in neighbouring hours may overlap.
    assert exchange.rehearsal.met[kind] * 9 <= on <= exchange.rehearsal.met[kind] * 11


@pytest.mark.parametrize("kind", BY_CALL)
def test_the_same_seed_meets_the_same_calls_and_another_seed_others(kind: FaultKind) -> None:
    def once(seed: int) -> str:
        exchange = rehearsing(kind, chance="0.2", fault_seed=seed)
        buy_first(exchange)
        return trace(exchange, BY_CALL[kind], 200)

    assert once(1) == once(1)
    assert once(1) != once(2)


def test_switching_one_fault_on_does_not_move_another() -> None:
    alone = trace(rehearsing(FaultKind.FAIL_READ, chance="0.2"), _read("fetch_order"), 200)
    beside = trace(
        rehearsing(FaultKind.FAIL_READ, FaultKind.LOSE_REPLY, FaultKind.OUTAGE, chance="0.2", lasts=MINUTE),
        _read("fetch_order"),
        200,
    )
    assert sum(one == "x" and other == "." for one, other in zip(alone, beside, strict=True)) <= 12


def _state(folder: Path) -> bytes:
    connection = sqlite3.connect(folder / "paper.db")
    rows = [
        *connection.execute("SELECT document FROM state"),
        *connection.execute("SELECT * FROM records ORDER BY 1, 2"),
    ]
    connection.close()
    return repr(rows).encode()


def test_switched_off_nothing_is_drawn_kept_or_different(tmp_path: Path) -> None:
    def live(exchange: Exchange) -> None:
        for number in range(50):
            exchange.advance(START + number * MINUTE)
            exchange.check_read("fetch_account")
            buy(exchange, "0.010", client_order_id=name(f"A{number}"))
        exchange.close()

    folders = [tmp_path / one for one in ("plain", "off")]
    for folder in folders:
        folder.mkdir()
    live(opened(folders[0], market=MarketKind.MODEL))
    off = opened(folders[1], market=MarketKind.MODEL, rehearsed=(), fault_seed=7)
    live(off)
    assert off.rehearsal.calls == 0
    assert _state(folders[0]) == _state(folders[1])
    assert b'"calls"' not in _state(folders[0])


def test_a_restart_does_not_meet_the_same_fault_again(tmp_path: Path) -> None:
    whole = trace(rehearsing(FaultKind.FAIL_READ, chance="0.5"), _read("fetch_order"), 60)
    found = ""
    for _ in range(len(whole)):
        exchange = rehearsing(FaultKind.FAIL_READ, chance="0.5", folder=tmp_path)
        while len(found) < len(whole):
            try:
                exchange.check_read("fetch_order")
                found += "."
            except ReadFailed:
                # The process ends here without another word.
                found += "x"
                break
        exchange._store.close()
    assert found == whole


# --- what each does ------------------------------------------------------------------------------


def test_a_lost_request_changes_nothing_and_a_lost_reply_everything() -> None:
    lost = rehearsing(FaultKind.LOSE_REQUEST)
    with pytest.raises(RequestLost):
        buy(lost, "0.010")
    assert held(lost) == 0
    carried_out = rehearsing(FaultKind.LOSE_REPLY)
    with pytest.raises(ReplyLost):
        buy(carried_out, "0.010")
    assert held(carried_out) == Decimal("0.010")


def test_a_delayed_request_arrives_within_its_validity_or_never() -> None:
    arrived = set()
    for seed in range(20):
        exchange = rehearsing(FaultKind.DELAY, fault_seed=seed)
        with pytest.raises(RequestLost):
            buy(exchange, "0.010", valid_until=exchange.now + timedelta(seconds=5))
        assert held(exchange) == 0
        exchange.advance(START + MINUTE)
        arrived.add(held(exchange))
    assert arrived == {Decimal(0), Decimal("0.010")}


def test_a_refusal_says_that_the_system_is_busy_to_orders_and_cancels() -> None:
    exchange = rehearsing(FaultKind.REFUSE)
    with pytest.raises(Refused, match="system busy"):
        buy(exchange, "0.010")
    with pytest.raises(Refused, match="system busy"):
        exchange.cancel(LINEAR, name("A1"))


def test_an_order_that_arrives_twice_trades_twice() -> None:
    exchange = rehearsing(FaultKind.DOUBLE_ORDER)
    buy(exchange, "0.010", time_in_force=IOC)
    assert held(exchange) == Decimal("0.020")


def test_an_order_that_is_forgotten_was_confirmed_and_is_not_there() -> None:
    exchange = rehearsing(FaultKind.FORGET_ORDER)
    order = buy(exchange, "0.010", price="30000", client_order_id=name("A1"))
    assert order.is_open
    assert order.client_order_id not in {one.client_order_id for one in exchange.floor.open_orders.values()}
    assert held(exchange) == 0


def test_an_order_whose_cancel_was_feigned_goes_on_for_a_while() -> None:
    exchange = rehearsing(FaultKind.FEIGN_CANCEL)
    order = buy(exchange, "0.010", price="30000", client_order_id=name("A1"))
    exchange.cancel(LINEAR, name("A1"))
    assert order.id in exchange.floor.open_orders
    exchange.advance(exchange.now + MINUTE)
    assert order.id not in exchange.floor.open_orders


def test_only_stops_are_refused_where_only_stops_are() -> None:
    exchange = rehearsing(FaultKind.REFUSE_STOP)
    buy(exchange, "0.010")
    with pytest.raises(Refused, match="stop orders"):
        _stop(exchange)


def test_a_partial_fill_is_of_whole_lots_and_the_rest_of_an_ioc_expires() -> None:
    exchange = rehearsing(FaultKind.PARTIAL_FILL)
    order = buy(exchange, "0.010", time_in_force=IOC)
    assert 0 < order.filled < Decimal("0.010")
    assert order.filled % exchange.floor.contracts[LINEAR].lot == 0
    assert not order.is_open
    resting = buy(exchange, "0.010", price="50100", time_in_force=GTC)
    assert resting.is_open


def _venue(*kinds: FaultKind, lasts: timedelta = HOUR) -> tuple[PaperVenue, Exchange, FixedClock]:
    exchange = rehearsing(*kinds, lasts=lasts)
    buy_first(exchange)
    at = START
    while not all(exchange.rehearsal.is_on(kind) for kind in kinds if kind in LASTING):
        at += MINUTE
        exchange.advance(at)
    clock = FixedClock(exchange.now)
    return PaperVenue(exchange, clock), exchange, clock


def test_an_outage_answers_nothing_and_takes_nothing() -> None:
    venue, exchange, _ = _venue(FaultKind.OUTAGE)
    with pytest.raises(VenueUnavailable):
        asyncio.run(venue.fetch_account())
    with pytest.raises(RequestLost):
        buy(exchange, "0.010")
    with pytest.raises(RequestLost):
        exchange.cancel(LINEAR, name("A1"))


def test_an_account_comes_without_balances_or_without_liquidation_prices() -> None:
    account = asyncio.run(_venue(FaultKind.EMPTY_BALANCES)[0].fetch_account())
    assert account.balances == ()
    assert account.positions
    account = asyncio.run(_venue(FaultKind.NO_LIQUIDATION_PRICE)[0].fetch_account())
    assert account.balances
    assert [position.liquidation_price for position in account.positions] == [None]


def test_fills_are_listed_twice() -> None:
    fills = asyncio.run(_venue(FaultKind.DUPLICATE_FILL)[0].fetch_fills(START))
    assert len(fills) == 2 * len(set(fills)) > 0


def test_quotes_stand_still_with_their_time() -> None:
    exchange = rehearsing(FaultKind.STALE_QUOTES, market=MarketKind.MODEL, holdings={})
    clock = ManualClock(START)
    venue = PaperVenue(exchange, clock)

    def quote_after(minutes: int) -> Quote:
        clock.time = START + minutes * MINUTE
        return asyncio.run(venue.fetch_quotes([LINEAR]))[0]

    first = quote_after(90)
    assert first.as_of == START + 90 * MINUTE
    assert quote_after(92) == first
    exchange.rehearsal.planned = ()
    moved = quote_after(94)
    assert moved.as_of == START + 94 * MINUTE
    assert moved.mark_price != first.mark_price


def test_a_thin_book_is_wide_and_offers_little() -> None:
    exchange = rehearsing(FaultKind.SPREAD)
    contract = exchange.floor.contracts[LINEAR]
    calm = opened().top(contract)
    exchange.advance(START + 2 * HOUR)
    thin = exchange.top(contract)
    assert thin.ask_price - thin.bid_price > 20 * (calm.ask_price - calm.bid_price)
    assert thin.ask_contracts < calm.ask_contracts / 40
    exchange.rehearsal.planned = ()
    exchange.advance(START + 3 * HOUR)
    assert replace(exchange.top(contract), as_of=calm.as_of) == calm


def test_a_clock_that_is_ahead_stamps_what_is_told() -> None:
    venue, exchange, _ = _venue(FaultKind.CLOCK_SKEW)
    account = asyncio.run(venue.fetch_account())
    (quote,) = asyncio.run(venue.fetch_quotes([Symbol(LINEAR)]))
    assert account.as_of == quote.as_of == exchange.now + timedelta(seconds=20)
