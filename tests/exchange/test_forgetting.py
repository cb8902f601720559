"""What has ended is told for a while, as at a real venue; what is so stays for ever."""

import asyncio
import json
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.adapters.clock import FixedClock
from bot.adapters.paper import PaperVenue
from bot.domain.ids import Currency, TransferId
from bot.domain.orders import Side
from bot.domain.portfolio import WalletKind
from bot.exchange.config import MarketKind, Remembered
from bot.exchange.exchange import STATE_FILE, Exchange
from bot.exchange.orders import Refused
from bot.exchange.wire.binance.state import Served
from tests.exchange.trading import CASH, DAY, HOUR, LINEAR, START, buy, held, name, opened, request, sell

SPANS = Remembered()
SPOT = (WalletKind.SPOT, Currency("USDT"))


def _exchange(folder: Path | None = None, **changes: object) -> Exchange:
    return opened(folder, **{"remembered": SPANS, "funding_rate": Decimal("0.0001")} | changes)


def _pass(exchange: Exchange, days: float) -> None:
    exchange.advance(exchange.now + days * DAY)


def _is_known(exchange: Exchange, text: str) -> bool:
    return any(True for _ in exchange.floor.orders_named(LINEAR, name(text)))


def _rest(exchange: Exchange, text: str) -> None:
    buy(exchange, "0.1", price="40000", client_order_id=name(text))


def test_an_order_without_a_trade_is_forgotten_three_days_after_its_end() -> None:
    exchange = _exchange()
    _rest(exchange, "a")
    _pass(exchange, 10)
    exchange.cancel(LINEAR, name("a"))
    _pass(exchange, 3)
    assert _is_known(exchange, "a")
    _pass(exchange, 1)
    assert not _is_known(exchange, "a")
    with pytest.raises(Refused, match="no order"):
        exchange.cancel(LINEAR, name("a"))


def test_an_order_with_a_trade_is_forgotten_after_ninety_days_and_its_trade_after_half_a_year() -> None:
    exchange = _exchange()
    buy(exchange, "0.1", client_order_id=name("a"))
    _pass(exchange, 90)
    assert _is_known(exchange, "a")
    _pass(exchange, 1)
    assert not _is_known(exchange, "a")
    assert len(exchange.floor.trades) == 1
    _pass(exchange, 90)
    assert not exchange.floor.trades
    assert held(exchange) == Decimal("0.1")


def test_an_open_order_and_its_trades_stay_however_old_they_are() -> None:
    exchange = _exchange()
    buy(exchange, "9", price="50005", client_order_id=name("a"))
    assert exchange.floor.trades
    _pass(exchange, 400)
    (order,) = exchange.floor.open_orders.values()
    assert order.filled == sum(trade.contracts for trade in exchange.floor.trades) > 0


def test_movements_go_after_three_months_and_wallets_stay() -> None:
    exchange = _exchange()
    buy(exchange, "0.1")
    _pass(exchange, 200)
    floor = exchange.floor
    assert min(one.at for one in floor.accounts.movements) >= exchange.now - SPANS.income
    assert len(floor.funding) == len(floor.accounts.movements) == 90 * 3 + 1
    mirror = opened(funding_rate=Decimal("0.0001"))
    buy(mirror, "0.1")
    _pass(mirror, 200)
    assert mirror.floor.accounts.wallets == floor.accounts.wallets
    assert len(mirror.floor.funding) == 200 * 3


def test_a_transfer_that_has_arrived_goes_after_half_a_year_and_one_under_way_stays() -> None:
    exchange = _exchange(transfer_delay=190 * DAY, spare={Currency("USDT"): Decimal(100)})
    exchange.transfer(SPOT, CASH, Decimal(10), TransferId("one"))
    _pass(exchange, 185)
    assert [one.transfer_id for one in exchange.transfers.all] == ["one"]
    _pass(exchange, 190)
    assert not exchange.transfers.all
    assert exchange.transfer(SPOT, CASH, Decimal(10), TransferId("two")).id == 2


def test_no_number_is_given_twice_after_a_restart_that_finds_nothing_left(tmp_path: Path) -> None:
    exchange = _exchange(tmp_path)
    exchange.transfer(CASH, SPOT, Decimal(10), TransferId("one"))
    buy(exchange, "0.1")
    sell(exchange, "0.1")
    _pass(exchange, 200)
    exchange.close()
    again = _exchange(tmp_path)
    assert (again.floor.orders, again.floor.trades, again.transfers.all) == ({}, [], [])
    buy(again, "0.1")
    assert [(one.id, one.order_id) for one in again.floor.trades] == [(3, 3)]
    assert again.transfer(CASH, SPOT, Decimal(10), TransferId("two")).id == 2
    assert LINEAR in again.floor.traded


def _rows(folder: Path) -> dict[str, int]:
    with sqlite3.connect(folder / STATE_FILE) as connection:
        return dict(connection.execute("SELECT kind, count(*) FROM records GROUP BY kind"))


def test_the_file_holds_what_is_remembered_and_nothing_else(tmp_path: Path) -> None:
    exchange = _exchange(tmp_path)
    buy(exchange, "0.1")
    for day in range(200):
        _rest(exchange, f"a{day}")
        _pass(exchange, 0.5)
        exchange.cancel(LINEAR, name(f"a{day}"))
        _pass(exchange, 0.5)
    floor = exchange.floor
    kept = {"order": len(floor.orders), "movement": len(floor.accounts.movements), "funding": len(floor.funding)}
    assert _rows(tmp_path) == kept == {"order": 3, "movement": 271, "funding": 271}


def test_what_is_forgotten_does_not_depend_on_how_often_time_is_let_pass(tmp_path: Path) -> None:
    often, seldom = _exchange(tmp_path), _exchange()
    for exchange in (often, seldom):
        buy(exchange, "0.1")
        _rest(exchange, "a")
        exchange.cancel(LINEAR, name("a"))
    until = START + 100 * DAY + HOUR
    while often.now < until:
        often.advance(min(until, often.now + 7 * HOUR))
    seldom.advance(until)
    assert often.floor.accounts.movements == seldom.floor.accounts.movements
    assert often.floor.orders == seldom.floor.orders == {}
    often.close()
    assert _rows(tmp_path) == {"trade": 1, "movement": 271, "funding": 271}


def test_a_file_of_a_version_that_forgot_nothing_goes_on(tmp_path: Path) -> None:
    exchange = opened(tmp_path)
    buy(exchange, "0.1")
    _rest(exchange, "a")
    exchange.transfer(CASH, SPOT, Decimal(10), TransferId("one"))
    exchange.close()
    with sqlite3.connect(tmp_path / STATE_FILE) as connection:
        state = json.loads(connection.execute("SELECT document FROM state").fetchone()[0])
        del state["numbers"], state["traded"]
        connection.execute("UPDATE state SET document = ?", (json.dumps(state),))
    again = _exchange(tmp_path)
    assert again.floor.traded == {LINEAR}
    assert buy(again, "0.1").id == 3
    assert again.floor.trades[-1].id == 2
    assert again.transfer(CASH, SPOT, Decimal(10), TransferId("two")).id == 2


def test_whoever_asks_for_nothing_of_the_kind_keeps_everything() -> None:
    exchange = opened(market=MarketKind.STATIC)
    _rest(exchange, "a")
    exchange.cancel(LINEAR, name("a"))
    _pass(exchange, 400)
    assert _is_known(exchange, "a")


def test_fills_are_told_as_before_when_older_ones_are_gone() -> None:
    exchange = _exchange()

    def told(since: datetime) -> list[str]:
        venue = PaperVenue(exchange, FixedClock(exchange.now))
        return [fill.trade_id for fill in asyncio.run(venue.fetch_fills(since))]

    buy(exchange, "0.1")
    _pass(exchange, 170)
    buy(exchange, "0.1")
    assert told(START) == ["1", "2"]
    _pass(exchange, 20)
    assert told(START) == ["2"]
    buy(exchange, "0.1")
    assert told(START) == ["2", "3"]
    assert told(exchange.now - timedelta(days=1)) == ["3"]


def test_the_wire_finds_the_trades_of_an_order_when_older_ones_are_gone() -> None:
    exchange = _exchange()
    served = Served(exchange, lambda: exchange.now)
    first = buy(exchange, "0.1")
    assert [trade.id for trade in served.trades_of(first)] == [1]
    _pass(exchange, 185)
    second = exchange.submit(request(Side.BUY, "0.2"))
    assert [trade.id for trade in served.trades_of(second)] == [2]
    assert served.trades_of(first) == []
