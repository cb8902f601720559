"""What becomes of an order: refused with a reason, traded within its limit, resting, triggered, expired?"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.ids import Symbol
from bot.domain.orders import OrderState, OrderType, Side
from bot.domain.portfolio import WalletKind
from bot.exchange.orders import Refused
from tests.exchange.trading import (
    BTC,
    CASH,
    FOK,
    HOUR,
    INVERSE,
    IOC,
    LINEAR,
    MINUTE,
    POST_ONLY,
    SOL_LINEAR,
    START,
    buy,
    held,
    name,
    opened,
    request,
    script,
    sell,
)

REFUSALS = [
    ("unknown_symbol", {"symbol": Symbol("XYZ/USDT:USDT")}),
    ("request_expired", {"valid_until": START - timedelta(seconds=1)}),
    ("bad_request", {"type": OrderType.LIMIT}),
    ("bad_request", {"type": OrderType.MARKET, "price": "50000"}),
    ("bad_request", {"type": OrderType.STOP_MARKET}),
    ("bad_request", {"price": "50000", "trigger_price": "60000"}),
    ("bad_amount", {"contracts": "0.0005"}),
    ("bad_amount", {"contracts": "0"}),
    ("bad_amount", {"contracts": "-1"}),
    ("bad_amount", {"contracts": "20000000"}),
    ("bad_price", {"price": "50000.05"}),
    ("bad_price", {"price": "0"}),
    ("bad_price", {"price": "-1"}),
    ("price_bound", {"price": "52500.1"}),
    ("would_take", {"price": "50005", "time_in_force": POST_ONLY}),
    ("bad_price", {"trigger_price": "60000.01"}),
    ("would_trigger", {"trigger_price": "50000"}),
    ("would_trigger", {"trigger_price": "40000"}),
    ("reduce_only", {"reduce_only": True}),
    ("min_notional", {"symbol": SOL_LINEAR, "contracts": "0.04"}),
    ("insufficient_margin", {"contracts": "30"}),
]


@pytest.mark.parametrize(("code", "changes"), REFUSALS)
def test_what_is_not_in_order_is_refused_and_changes_nothing(code: str, changes: dict[str, Any]) -> None:
    exchange = opened()
    version = exchange.floor.version
    with pytest.raises(Refused) as refusal:
        exchange.submit(request(Side.BUY, **({"contracts": "0.1"} | changes)))
    assert refusal.value.code == code
    assert exchange.floor.version == version
    assert not exchange.floor.orders


def test_a_seller_may_ask_for_more_than_the_bound_but_not_for_less() -> None:
    exchange = opened()
    assert sell(exchange, "0.1", price="60000").is_open
    with pytest.raises(Refused, match="beyond mark"):
        sell(exchange, "0.1", price="47499.9")


def test_an_id_is_refused_while_its_order_is_open_and_not_after() -> None:
    exchange = opened()
    buy(exchange, "0.1", price="49000", client_order_id=name("a"))
    with pytest.raises(Refused) as refusal:
        buy(exchange, "0.1", client_order_id=name("a"))
    assert refusal.value.code == "duplicate_client_order_id"
    exchange.cancel(LINEAR, name("a"))
    again = buy(exchange, "0.1", client_order_id=name("a"))
    assert again.state is OrderState.FILLED
    assert next(exchange.floor.orders_named(LINEAR, name("a"))) is again


def test_only_so_many_orders_rest() -> None:
    exchange = opened(max_open_orders=2)
    for _ in range(2):
        buy(exchange, "0.001", price="49000")
    with pytest.raises(Refused) as refusal:
        buy(exchange, "0.001")
    assert refusal.value.code == "max_open_orders"


def test_a_small_order_that_reduces_is_taken() -> None:
    exchange = opened(prices={BTC: Decimal(1000)}, assets=(BTC,))
    buy(exchange, "0.009")
    assert sell(exchange, "0.001", reduce_only=True).state is OrderState.FILLED


def test_resting_orders_hold_margin_back() -> None:
    exchange = opened()
    buy(exchange, "23", price="49000")
    with pytest.raises(Refused) as refusal:
        sell(exchange, "2")
    assert refusal.value.code == "insufficient_margin"


def test_closing_needs_no_margin() -> None:
    exchange = opened()
    buy(exchange, "23")
    with pytest.raises(Refused):
        buy(exchange, "2")
    assert sell(exchange, "23").state is OrderState.FILLED
    assert held(exchange) == 0


def test_a_market_order_pays_half_the_spread_and_the_taker_fee() -> None:
    exchange = opened()
    buy(exchange, "0.1")
    (trade,) = exchange.floor.trades
    assert (trade.price, trade.is_maker, trade.currency) == (Decimal(50005), False, "USDT")
    assert trade.fee_paid == Decimal("0.1") * 50005 * Decimal("0.0005")


def test_a_large_order_walks_up_the_book() -> None:
    exchange = opened()
    buy(exchange, "5")
    # 100,000 USDT at the touch are 2 BTC, twice that on the level after it.
    assert [(trade.price, trade.contracts) for trade in exchange.floor.trades] == [
        (Decimal(50005), Decimal(2)),
        (Decimal(50010), Decimal(3)),
    ]


def test_a_market_order_stops_at_the_price_bound() -> None:
    exchange = opened(depth_quote=Decimal(5000), level_step_bps=Decimal(50))
    order = buy(exchange, "20")
    assert order.state is OrderState.EXPIRED
    assert 0 < order.filled < 20
    assert max(trade.price for trade in exchange.floor.trades) <= Decimal(52500)


def test_an_immediate_order_trades_within_its_limit_and_the_rest_expires() -> None:
    exchange = opened()
    order = buy(exchange, "5", price="50005", time_in_force=IOC)
    assert (order.state, order.filled) == (OrderState.EXPIRED, Decimal(2))


def test_all_or_nothing_is_nothing_when_it_is_not_all() -> None:
    exchange = opened()
    assert buy(exchange, "5", price="50005", time_in_force=FOK).state is OrderState.EXPIRED
    assert not exchange.floor.trades
    assert buy(exchange, "5", price="50010", time_in_force=FOK).state is OrderState.FILLED


def test_what_a_limit_order_does_not_trade_at_once_rests() -> None:
    exchange = opened()
    order = buy(exchange, "5", price="50005")
    assert (order.state, order.filled) == (OrderState.PARTIALLY_FILLED, Decimal(2))
    assert exchange.floor.open_orders == {order.id: order}


def test_a_resting_order_fills_level_by_level_as_the_price_comes_through_it() -> None:
    exchange = opened(script=script((HOUR, 50000), (2 * HOUR, 48990)))
    order = buy(exchange, "5", price="49000", client_order_id=name("a"))
    exchange.advance(START + 2 * HOUR - MINUTE / 2)
    assert order.filled == Decimal("2.040")
    exchange.advance(START + 3 * HOUR)
    assert order.state is OrderState.FILLED
    assert {trade.price for trade in exchange.floor.trades} == {Decimal(49000)}
    assert {trade.is_maker for trade in exchange.floor.trades} == {True}
    assert exchange.floor.trades[0].fee_paid == Decimal("2.040") * 49000 * Decimal("0.0002")
    # The price met it between two knots, at a moment that can be worked out.
    crossed = timedelta(microseconds=-(-3_600_000_000 * 1000 // 1010))
    assert exchange.floor.trades[0].at == START + HOUR + crossed


def test_a_cancelled_order_says_how_it_ended() -> None:
    exchange = opened()
    buy(exchange, "0.1", price="49000", client_order_id=name("a"))
    assert exchange.cancel(LINEAR, name("a")).state is OrderState.CANCELLED
    buy(exchange, "0.1", client_order_id=name("b"))
    assert exchange.cancel(LINEAR, name("b")).state is OrderState.FILLED
    with pytest.raises(Refused) as refusal:
        exchange.cancel(LINEAR, name("c"))
    assert refusal.value.code == "order_not_found"


# --- stops


def test_an_order_that_an_earlier_one_has_ended_in_the_same_leap_is_not_met() -> None:
    exchange = opened()
    sell(exchange, "0.1")
    first = buy(exchange, "0.1", trigger_price="52000", reduce_only=True)
    second = buy(exchange, "0.1", trigger_price="53000", reduce_only=True)
    exchange.set_price(BTC, Decimal(60_000))
    assert held(exchange) == 0
    assert (first.state, second.state) == (OrderState.FILLED, OrderState.EXPIRED)
    assert second.triggered_at is None
    assert second.reason == "the position it would reduce is gone"


def test_a_stop_is_triggered_by_mark_when_it_gets_there() -> None:
    exchange = opened(script=script((HOUR, 50000), (2 * HOUR, 40000)))
    buy(exchange, "0.1")
    stop = sell(exchange, "0.1", trigger_price="45000", reduce_only=True)
    exchange.advance(START + HOUR + 29 * MINUTE)
    assert stop.is_open
    exchange.advance(START + 5 * HOUR)
    assert stop.state is OrderState.FILLED
    assert stop.triggered_at == START + HOUR + 30 * MINUTE
    assert exchange.floor.trades[-1].price == Decimal("44995.5")
    assert held(exchange) == 0


def test_a_stop_fills_around_last_where_mark_and_last_part() -> None:
    exchange = opened(contract_prices={BTC: Decimal(51000)}, script=script((HOUR, 50000), (2 * HOUR, 40000)))
    buy(exchange, "0.1")
    stop = sell(exchange, "0.1", trigger_price="45900", reduce_only=True)
    exchange.advance(START + 5 * HOUR)
    assert stop.triggered_at == START + HOUR + 30 * MINUTE


def test_a_gap_fills_a_stop_beyond_its_trigger() -> None:
    exchange = opened()
    sell(exchange, "0.1")
    stop = buy(exchange, "0.1", trigger_price="55000", reduce_only=True)
    exchange.set_price(BTC, Decimal(60000))
    assert stop.state is OrderState.FILLED
    assert exchange.floor.trades[-1].price == Decimal(60006)


def test_a_stop_larger_than_the_position_closes_it_and_no_more() -> None:
    exchange = opened()
    sell(exchange, "0.1")
    stop = buy(exchange, "0.3", trigger_price="55000", reduce_only=True)
    exchange.set_price(BTC, Decimal(60000))
    assert held(exchange) == 0
    assert (stop.state, stop.filled) == (OrderState.EXPIRED, Decimal("0.1"))


def test_two_stops_at_one_place_close_the_position_once() -> None:
    exchange = opened()
    sell(exchange, "0.1")
    stops = [buy(exchange, "0.1", trigger_price="55000", reduce_only=True) for _ in range(2)]
    exchange.set_price(BTC, Decimal(60000))
    assert [stop.state for stop in stops] == [OrderState.FILLED, OrderState.EXPIRED]
    assert held(exchange) == 0
    assert len(exchange.floor.trades) == 2


def test_a_stop_expires_with_its_position() -> None:
    exchange = opened()
    sell(exchange, "0.1")
    stop = buy(exchange, "0.1", trigger_price="55000", reduce_only=True)
    buy(exchange, "0.1")
    assert stop.state is OrderState.EXPIRED
    assert not exchange.floor.open_orders


def test_a_stop_of_the_wrong_side_expires_when_the_position_turns() -> None:
    exchange = opened()
    sell(exchange, "0.1")
    stop = buy(exchange, "0.1", trigger_price="55000", reduce_only=True)
    buy(exchange, "0.3")
    assert held(exchange) == Decimal("0.2")
    assert stop.state is OrderState.EXPIRED


def test_a_stop_that_opens_needs_its_margin_when_it_is_triggered() -> None:
    exchange = opened()
    stop = buy(exchange, "20", trigger_price="50100")
    exchange.transfer(CASH, (WalletKind.SPOT, CASH[1]), Decimal(9000))
    exchange.set_price(BTC, Decimal(60000))
    assert stop.state is OrderState.EXPIRED
    assert held(exchange) == 0


def test_a_reduce_only_order_is_trimmed_to_the_position() -> None:
    exchange = opened()
    buy(exchange, "0.1")
    order = sell(exchange, "0.5", reduce_only=True)
    assert (order.filled, held(exchange)) == (Decimal("0.1"), 0)
    assert order.state is OrderState.EXPIRED


def test_inverse_contracts_are_counted_in_dollars_and_paid_in_coins() -> None:
    exchange = opened()
    sell(exchange, "10", symbol=INVERSE)
    (trade,) = exchange.floor.trades
    assert (trade.price, trade.currency) == (Decimal(49995), "BTC")
    assert trade.fee_paid == (Decimal(1000) * Decimal("0.0005") / 49995).quantize(Decimal("1e-12"))
