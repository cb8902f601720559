"""How does a contract end: its last minutes, its settlement price, the trade that the account sees?"""

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import FixedClock
from bot.adapters.paper import PaperVenue
from bot.domain.ids import Currency
from bot.domain.orders import OrderState, Purpose, Side
from bot.domain.portfolio import WalletKind
from bot.exchange.exchange import STATE_FILE, Exchange
from bot.exchange.orders import Refused
from bot.exchange.records import MovementKind
from tests.exchange.trading import (
    BASIS,
    BTC,
    CASH,
    COIN,
    EXPIRY,
    FAR,
    HOUR,
    LINEAR,
    MINUTE,
    NEAR,
    NEAR_INVERSE,
    START,
    buy,
    held,
    opened,
    script,
    sell,
)


def rising(folder: Path | None = None, **changes: Any) -> Exchange:
    """Open a market that rises from 50,000 to 53,000 in the last hour before the expiry, and to 56,000 in the next."""
    before = EXPIRY - START
    knots = script((before - HOUR, 50000), (before, 53000), (before + HOUR, 56000))
    return opened(folder, dated_basis_annual=BASIS, script=knots, **changes)


#: 50 a minute; the samples of the last thirty minutes are 51,550 … 53,000.
SETTLED = Fraction(51_550 + 53_000, 2)


# --- the last minutes


def test_in_its_last_ten_minutes_a_contract_can_only_be_closed() -> None:
    exchange = rising()
    buy(exchange, "0.1", symbol=NEAR)
    exchange.advance(EXPIRY - 10 * MINUTE - timedelta(microseconds=1))
    buy(exchange, "0.1", symbol=NEAR)
    exchange.advance(EXPIRY - 10 * MINUTE)
    for order in (buy, sell):
        with pytest.raises(Refused) as refusal:
            order(exchange, "0.1", symbol=NEAR)
        assert refusal.value.code == "close_only"
    assert sell(exchange, "0.1", symbol=NEAR, reduce_only=True).state is OrderState.FILLED
    assert buy(exchange, "0.1", symbol=FAR).state is OrderState.FILLED


def test_its_orders_are_cancelled_with_it_and_no_others() -> None:
    exchange = rising()
    buy(exchange, "0.1", symbol=NEAR)
    ended = [
        sell(exchange, "0.1", symbol=NEAR, trigger_price="40000", reduce_only=True),
        buy(exchange, "0.1", symbol=NEAR, price="40000"),
    ]
    stays = buy(exchange, "0.1", symbol=FAR, price="40000")
    exchange.advance(EXPIRY)
    assert [(order.state, order.reason) for order in ended] == [(OrderState.CANCELLED, "the contract has expired")] * 2
    assert all(order.updated_at == EXPIRY for order in ended)
    assert stays.is_open


def test_a_stop_that_is_met_at_the_last_moment_comes_too_late() -> None:
    exchange = rising()
    sell(exchange, "0.1", symbol=NEAR)
    stop = buy(exchange, "0.1", symbol=NEAR, trigger_price="53000", reduce_only=True)
    exchange.advance(EXPIRY + HOUR)
    assert (stop.state, exchange.floor.trades[-1].forced) == (OrderState.CANCELLED, Purpose.SETTLEMENT)


# --- the settlement


@pytest.mark.parametrize(("side", "sign"), [(buy, 1), (sell, -1)])
def test_a_linear_position_is_settled_at_the_average_index(side: Any, sign: int) -> None:
    exchange = rising()
    side(exchange, "0.6", symbol=NEAR)
    entry = Fraction(exchange.floor.trades[0].price)
    exchange.advance(EXPIRY + HOUR)
    trade = exchange.floor.trades[-1]
    assert (trade.at, trade.forced, trade.order_id, trade.client_order_id) == (EXPIRY, Purpose.SETTLEMENT, None, None)
    assert (Fraction(trade.price), trade.contracts) == (SETTLED, Decimal("0.6"))
    assert trade.side is (Side.SELL if sign > 0 else Side.BUY)
    assert Fraction(trade.realised) == sign * Fraction("0.6") * (SETTLED - entry)
    assert Fraction(trade.fee_paid) == Fraction("0.6") * SETTLED * Fraction("0.00015")
    assert held(exchange, NEAR) == 0
    fees = Fraction("0.6") * (entry * Fraction("0.0005") + SETTLED * Fraction("0.00015"))
    profit = sign * Fraction("0.6") * (SETTLED - entry) - fees
    assert Fraction(exchange.floor.accounts.wallets[CASH]) == 60_000 + profit


@pytest.mark.parametrize(("side", "sign"), [(buy, 1), (sell, -1)])
def test_an_inverse_position_is_settled_in_coins(side: Any, sign: int) -> None:
    exchange = rising()
    side(exchange, "30", symbol=NEAR_INVERSE)
    entry = Fraction(exchange.floor.trades[0].price)
    exchange.advance(EXPIRY)
    trade = exchange.floor.trades[-1]
    coins = sign * Fraction(30 * 100) * (1 / entry - 1 / SETTLED)
    fee = Fraction(30 * 100) / SETTLED * Fraction("0.00015")
    assert abs(Fraction(trade.realised) - coins) < Fraction(1, 10**12)
    assert abs(Fraction(trade.fee_paid) - fee) < Fraction(1, 10**12)
    paid = Fraction(30 * 100) / entry * Fraction("0.0005")
    assert abs(Fraction(exchange.floor.accounts.wallets[COIN]) - (1 + coins - fee - paid)) < Fraction(3, 10**12)


def test_the_delivery_fee_can_be_set() -> None:
    exchange = rising(delivery_fee_frac=Decimal(0))
    buy(exchange, "0.6", symbol=NEAR)
    exchange.advance(EXPIRY)
    assert exchange.floor.trades[-1].fee_paid == 0


def test_a_restart_between_two_samples_does_not_move_the_average(tmp_path: Path) -> None:
    exchange = rising(tmp_path)
    buy(exchange, "0.1", symbol=NEAR)
    for minutes in (40, 29, 20, 11, 1, 0):
        exchange.advance(EXPIRY - minutes * MINUTE - MINUTE / 3)
        exchange.close()
        exchange = rising(tmp_path)
    exchange.advance(EXPIRY)
    assert Fraction(exchange.floor.trades[-1].price) == SETTLED


def test_a_market_that_begins_late_has_fewer_samples(tmp_path: Path) -> None:
    early = opened(tmp_path, dated_basis_annual=BASIS)
    buy(early, "0.1", symbol=NEAR)
    early.advance(EXPIRY - 4 * MINUTE - MINUTE / 2)
    early.close()
    # A state without samples, as one that was written before there were any.
    with closing(sqlite3.connect(tmp_path / STATE_FILE, isolation_level=None)) as connection:
        (state,) = connection.execute("SELECT document FROM state").fetchone()
        document = json.loads(state)
        del document["delivery"]
        connection.execute("UPDATE state SET document = ?", (json.dumps(document),))
    late = opened(tmp_path, dated_basis_annual=BASIS)
    late.set_price(BTC, Decimal(53000))
    late.advance(EXPIRY - 2 * MINUTE - MINUTE / 2)
    late.set_price(BTC, Decimal(50000))
    late.advance(EXPIRY)
    # Two samples of 53,000 and three of 50,000.
    assert late.floor.trades[-1].price == 51200


def test_what_a_settled_wallet_is_short_of_is_paid_by_the_venue() -> None:
    exchange = opened(
        dated_basis_annual=BASIS, collateral={Currency("USDT"): Decimal(1000)}, delivery_fee_frac=Decimal("0.5")
    )
    buy(exchange, "0.1", symbol=NEAR)
    exchange.advance(EXPIRY)
    assert exchange.floor.accounts.wallets[CASH] == 0
    assert exchange.floor.accounts.movements[-1].kind is MovementKind.INSURANCE


def test_the_bot_hears_of_a_settlement_as_a_fill() -> None:
    exchange = rising()
    buy(exchange, "0.1", symbol=NEAR)
    exchange.advance(EXPIRY + HOUR)
    venue = PaperVenue(exchange, FixedClock(exchange.now))
    (fill,) = _done(venue.fetch_fills(EXPIRY))
    assert (fill.forced, fill.client_order_id, fill.symbol) == (Purpose.SETTLEMENT, None, NEAR)
    assert not _done(venue.fetch_account()).positions
    instruments = {one.symbol: one for one in _done(venue.fetch_instruments())}
    assert (instruments[NEAR].expires_at, instruments[LINEAR].expires_at) == (EXPIRY, None)
    assert [quote.symbol for quote in _done(venue.fetch_quotes([NEAR, FAR, LINEAR]))] == [FAR, LINEAR]
    assert [rate.symbol for rate in _done(venue.fetch_funding_rates([FAR, LINEAR]))] == [LINEAR]


def _done(answer: Any) -> Any:
    """Return what a coroutine that never waits returns."""
    try:
        answer.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


def test_settled_profit_can_be_taken_out() -> None:
    exchange = rising()
    buy(exchange, "0.6", symbol=NEAR)
    exchange.advance(EXPIRY)
    exchange.transfer(CASH, (WalletKind.SPOT, CASH[1]), exchange.floor.accounts.wallets[CASH])
    assert exchange.floor.accounts.wallets[CASH] == 0
    assert exchange.now == datetime(2024, 3, 29, 8, tzinfo=EXPIRY.tzinfo)
    assert exchange.floor.index_of(BTC) == 53000
