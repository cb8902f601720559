"""What does the book offer, what does it cost to take it, and how does it come back?"""

from datetime import timedelta
from decimal import Decimal

from bot.domain.orders import Side
from tests.exchange.trading import BTC, INVERSE, LINEAR, START, buy, opened


def test_a_quote_shows_the_touch_and_the_first_five_levels() -> None:
    exchange = opened()
    top = exchange.top(exchange.floor.contracts[LINEAR])
    assert (top.bid_price, top.ask_price) == (Decimal(49995), Decimal(50005))
    assert (top.mark_price, top.index_price, top.last_price) == (50000, 50000, 50000)
    assert top.bid_contracts == top.ask_contracts == Decimal(2) * (1 + 2 + 3 + 4 + 5)
    assert top.as_of == START


def test_an_inverse_book_is_as_deep_in_quote_currency() -> None:
    exchange = opened()
    top = exchange.top(exchange.floor.contracts[INVERSE])
    assert top.ask_contracts == Decimal(1000) * 15


def test_a_narrow_spread_is_still_one_tick_wide_at_odd_prices() -> None:
    exchange = opened(prices={BTC: Decimal("50000.05")}, assets=(BTC,), spread_bps=Decimal(0))
    top = exchange.top(exchange.floor.contracts[LINEAR])
    assert (top.bid_price, top.ask_price) == (Decimal("50000.0"), Decimal("50000.1"))


def test_slices_pay_for_their_impact_as_one_order_does() -> None:
    whole, sliced = opened(), opened()
    buy(whole, "9")
    for _ in range(9):
        buy(sliced, "1")
    cost = [sum(one.price * one.contracts for one in exchange.floor.trades) for exchange in (whole, sliced)]
    assert cost[0] == cost[1]
    assert sliced.top(sliced.floor.contracts[LINEAR]).ask_price > Decimal(50005)


def test_the_book_fills_up_again() -> None:
    exchange = opened()
    fresh = exchange.top(exchange.floor.contracts[LINEAR])
    buy(exchange, "2")
    taken = exchange.top(exchange.floor.contracts[LINEAR])
    assert taken.ask_price > fresh.ask_price
    exchange.advance(START + timedelta(seconds=15))
    half = exchange.floor.book.levels(exchange.floor.contracts[LINEAR], Side.BUY, Decimal(50000), exchange.floor.now_us)
    assert next(half) == (Decimal(50005), Decimal(1))
    exchange.advance(START + timedelta(seconds=30))
    full = exchange.top(exchange.floor.contracts[LINEAR])
    assert (full.ask_price, full.ask_contracts) == (fresh.ask_price, fresh.ask_contracts)


def test_the_other_side_is_not_touched() -> None:
    exchange = opened()
    before = exchange.top(exchange.floor.contracts[LINEAR])
    buy(exchange, "2")
    after = exchange.top(exchange.floor.contracts[LINEAR])
    assert (after.bid_price, after.bid_contracts) == (before.bid_price, before.bid_contracts)
