"""What happens when the venue takes a part of a position away: on request of a test, or by chance?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.domain.ids import Symbol
from bot.domain.orders import OrderState, Purpose, Side
from bot.exchange.orders import Refused
from bot.exchange.rehearsal import FaultKind
from tests.exchange.test_rehearsal import rehearsing
from tests.exchange.trading import (
    BASIS,
    HOUR,
    LINEAR,
    MINUTE,
    NEAR,
    NEAR_INVERSE,
    START,
    buy,
    held,
    name,
    opened,
    sell,
)


@pytest.mark.parametrize("symbol", [LINEAR, NEAR, NEAR_INVERSE])
def test_the_venue_can_take_a_part_of_a_position_at_mark(symbol: Symbol) -> None:
    exchange = opened(dated_basis_annual=BASIS)
    sell(exchange, "10", symbol=symbol)
    stop = buy(exchange, "10", symbol=symbol, trigger_price="60000", reduce_only=True, client_order_id=name("s"))
    trade = exchange.deleverage(symbol, Decimal(4))
    contract = exchange.floor.contracts[symbol]
    assert (trade.forced, trade.side, trade.fee_paid) == (Purpose.DELEVERAGE, Side.BUY, 0)
    assert trade.price == contract.tick_near(exchange.floor.mark_of(contract))
    assert (held(exchange, symbol), stop.is_open) == (-6, True)
    exchange.deleverage(symbol, Decimal(6))
    assert (held(exchange, symbol), stop.state) == (0, OrderState.EXPIRED)


@pytest.mark.parametrize(
    ("symbol", "contracts", "code"),
    [
        (LINEAR, "0.2", "bad_amount"),
        (LINEAR, "0.0005", "bad_amount"),
        (LINEAR, "0", "bad_amount"),
        (NEAR, "0.1", "bad_amount"),
        (Symbol("XYZ/USDT:USDT"), "1", "unknown_symbol"),
    ],
)
def test_more_than_there_is_cannot_be_taken(symbol: Symbol, contracts: str, code: str) -> None:
    exchange = opened(dated_basis_annual=BASIS)
    buy(exchange, "0.1")
    with pytest.raises(Refused) as refusal:
        exchange.deleverage(symbol, Decimal(contracts))
    assert refusal.value.code == code


# --- by chance


def test_the_venue_takes_half_of_the_largest_position_away_now_and_then() -> None:
    exchange = rehearsing(FaultKind.DELEVERAGE, chance="0.3", dated_basis_annual=BASIS)
    told: list[str] = []
    exchange.rehearsal.observers.append(lambda kind, symbol: told.append(f"{kind} {symbol}"))
    sell(exchange, "0.201", symbol=NEAR)
    buy(exchange, "0.1")
    stop = buy(exchange, "0.201", symbol=NEAR, trigger_price="60000", reduce_only=True)
    while not told:
        exchange.advance(exchange.now + HOUR)
    trade = exchange.floor.trades[-1]
    # The odd lot goes along.
    assert (trade.symbol, trade.contracts, trade.forced) == (NEAR, Decimal("0.101"), Purpose.DELEVERAGE)
    assert (told, stop.is_open) == ([f"deleverage {NEAR}"], True)
    exchange.advance(exchange.now + timedelta(days=30))
    assert not exchange.floor.accounts.positions
    assert exchange.rehearsal.met[FaultKind.DELEVERAGE] == len([one for one in exchange.floor.trades if one.forced])


def test_it_strikes_in_about_its_share_of_hours_whoever_looks_how_often() -> None:
    struck = []
    for step in (MINUTE * 7, HOUR * 50):
        exchange = rehearsing(FaultKind.DELEVERAGE, chance="0.2")
        buy(exchange, "1")
        while exchange.now < START + 500 * HOUR:
            exchange.advance(exchange.now + step)
            if held(exchange) == 0:
                break
        struck.append([(one.at, one.contracts) for one in exchange.floor.trades if one.forced])
    assert struck[0] == struck[1]
    # Ten halvings make a thousandth of one.
    assert len(struck[0]) == 10
    assert 20 <= (struck[0][-1][0] - START) / HOUR <= 120


def test_it_stops_when_it_is_no_longer_rehearsed() -> None:
    exchange = rehearsing(FaultKind.DELEVERAGE)
    exchange.rehearsal.planned = ()
    buy(exchange, "1")
    exchange.advance(START + 3 * HOUR)
    assert held(exchange) == 1
