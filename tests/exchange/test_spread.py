"""What does an order for a calendar spread do? Both legs at once, or neither."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bot.domain.ids import Asset, Symbol
from bot.domain.orders import OrderState, OrderType, Side, TimeInForce
from bot.exchange import faults as fault
from bot.exchange.exchange import Exchange
from bot.exchange.orders import ExchangeOrder, Refused
from bot.exchange.spread import SpreadRequest
from tests.exchange.trading import (
    BASIS,
    BTC,
    CASH,
    COIN,
    EXPIRY,
    FAR,
    FAR_INVERSE,
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
    script,
    sell,
)

#: Of BTC at 50,000, the two expiries 91 days apart.
MIDDLE = 50_000 * Fraction("0.08") * 91 / 365
ANY_SALE, ANY_PURCHASE = Decimal(-1000), Decimal(5000)
#: The roll of a short position, unless changed.
ROLL = SpreadRequest(
    near=NEAR,
    far=FAR,
    side=Side.SELL,
    contracts=Decimal("0.4"),
    limit_spread_price=ANY_SALE,
    near_client_order_id=name("near"),
    far_client_order_id=name("far"),
)


def market(**changes: Any) -> Exchange:
    """Open an exchange with dated contracts."""
    return opened(**({"dated_basis_annual": BASIS} | changes))


def send(exchange: Exchange, **changes: Any) -> tuple[ExchangeOrder, ExchangeOrder]:
    """Send the roll of a short position, with changes."""
    return exchange.submit_spread(replace(ROLL, **changes))


def test_a_short_is_rolled_by_buying_the_near_and_selling_the_far_leg() -> None:
    exchange = market()
    sell(exchange, "0.4", symbol=NEAR)
    near, far = send(exchange, reduce_only_near=True)
    assert [(one.symbol, one.side, one.state, one.filled) for one in (near, far)] == [
        (NEAR, Side.BUY, OrderState.FILLED, Decimal("0.4")),
        (FAR, Side.SELL, OrderState.FILLED, Decimal("0.4")),
    ]
    assert (held(exchange, NEAR), held(exchange, FAR)) == (0, Decimal("-0.4"))
    assert [trade.at for trade in exchange.floor.trades[1:]] == [START] * 2
    assert [trade.client_order_id for trade in exchange.floor.trades[1:]] == ["near", "far"]
    assert [trade.order_id for trade in exchange.floor.trades[1:]] == [near.id, far.id]
    assert not exchange.floor.open_orders


def test_both_legs_are_orders_like_others() -> None:
    exchange = market()
    near, far = send(exchange)
    assert next(exchange.floor.orders_named(NEAR, name("near"))) is near
    assert next(exchange.floor.orders_named(FAR, name("far"))) is far
    assert {(one.type, one.time_in_force, one.reduce_only) for one in (near, far)} == {
        (OrderType.MARKET, TimeInForce.IOC, False)
    }


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, 1), (Side.SELL, -1)])
@pytest.mark.parametrize("bps", [1, 4])
def test_the_spread_costs_half_a_spread_of_its_own(side: Side, sign: int, bps: int) -> None:
    exchange = market(spread_book_bps=Decimal(bps))
    send(exchange, side=side, limit_spread_price=ANY_PURCHASE if side is Side.BUY else ANY_SALE)
    near, far = exchange.floor.trades
    exact = MIDDLE + sign * Fraction(50_000 * bps, 20_000)
    # Rounded to the tick of 0.1, against the account.
    assert 0 <= (Fraction(far.price - near.price) - exact) * sign < Fraction(1, 10)
    assert abs(near.price - exchange.floor.last_of(exchange.floor.contracts[NEAR])) <= Decimal("0.05")


def test_each_leg_pays_half_the_taker_fee() -> None:
    exchange = market()
    send(exchange)
    for trade in exchange.floor.trades:
        assert trade.fee_paid == Decimal("0.4") * trade.price * Decimal("0.00025")


def test_makers_who_step_back_widen_the_spread() -> None:
    exchange = market()
    usual = exchange.spread_price(NEAR, FAR, Side.BUY)
    exchange.floor.book.is_thin = True
    assert exchange.spread_price(NEAR, FAR, Side.BUY) - usual == Decimal("60.0")


@pytest.mark.parametrize("side", list(Side))
def test_beyond_the_limit_neither_leg_trades(side: Side) -> None:
    exchange = market()
    price = exchange.spread_price(NEAR, FAR, side)
    missed = send(exchange, side=side, limit_spread_price=price - side.sign * Decimal("0.1"))
    assert [(one.state, one.filled) for one in missed] == [(OrderState.EXPIRED, 0)] * 2
    assert f"the spread is at {price}" in missed[0].reason
    assert not exchange.floor.trades
    assert not exchange.floor.open_orders
    met = send(exchange, side=side, limit_spread_price=price)
    assert [one.state for one in met] == [OrderState.FILLED] * 2
    assert exchange.floor.trades[1].price - exchange.floor.trades[0].price == price


def test_a_spread_may_be_negative() -> None:
    exchange = market(dated_basis_annual=Decimal("-0.08"))
    send(exchange, limit_spread_price=Decimal(-1000))
    near, far = exchange.floor.trades
    assert far.price - near.price == exchange.spread_price(NEAR, FAR, Side.SELL) < -990


def test_there_is_no_price_of_what_is_no_spread() -> None:
    with pytest.raises(Refused) as refusal:
        market().spread_price(LINEAR, FAR, Side.BUY)
    assert refusal.value.code == "bad_request"


def test_reduce_only_cuts_both_legs_to_the_near_position() -> None:
    exchange = market()
    sell(exchange, "0.3", symbol=NEAR)
    near, far = send(exchange, reduce_only_near=True)
    assert [(one.state, one.filled) for one in (near, far)] == [(OrderState.EXPIRED, Decimal("0.3"))] * 2
    assert (held(exchange, NEAR), held(exchange, FAR)) == (0, Decimal("-0.3"))


def test_the_stop_of_a_leg_that_was_closed_expires_with_it() -> None:
    exchange = market()
    sell(exchange, "0.4", symbol=NEAR)
    stop = buy(exchange, "0.4", symbol=NEAR, trigger_price="60000", reduce_only=True)
    send(exchange, reduce_only_near=True)
    assert stop.state is OrderState.EXPIRED


def test_a_long_inverse_position_is_rolled_in_coins() -> None:
    exchange = market()
    buy(exchange, "30", symbol=NEAR_INVERSE)
    entry = Fraction(exchange.floor.trades[0].price)
    legs = {"near": NEAR_INVERSE, "far": FAR_INVERSE}
    send(exchange, side=Side.BUY, contracts=Decimal(30), limit_spread_price=ANY_PURCHASE, reduce_only_near=True, **legs)
    near, far = exchange.floor.trades[1:]
    profit = 3000 * (1 / entry - 1 / Fraction(near.price))
    assert abs(Fraction(near.realised) - profit) < Fraction(1, 10**12)
    assert far.realised == 0
    fees = sum(3000 / Fraction(trade.price) * rate for trade, rate in zip(exchange.floor.trades, _RATES, strict=True))
    assert abs(Fraction(exchange.floor.accounts.wallets[COIN]) - (1 + profit - fees)) < Fraction(1, 10**11)
    assert (held(exchange, NEAR_INVERSE), held(exchange, FAR_INVERSE)) == (0, 30)


_RATES = (Fraction("0.0005"), Fraction("0.00025"), Fraction("0.00025"))

REFUSALS = [
    ("unknown_symbol", {"near": Symbol("BTC/USDT:USDT-231229")}),
    ("unknown_symbol", {"far": Symbol("XYZ/USDT:USDT-240628")}),
    ("bad_request", {"near": FAR, "far": NEAR}),
    ("bad_request", {"near": FAR, "far": FAR}),
    ("bad_request", {"near": LINEAR}),
    ("bad_request", {"far": LINEAR}),
    ("bad_request", {"far": FAR_INVERSE}),
    ("bad_request", {"far": Symbol("ETH/USDT:USDT-240628")}),
    ("duplicate_client_order_id", {"near_client_order_id": name("far")}),
    ("duplicate_client_order_id", {"near_client_order_id": name("rests")}),
    ("duplicate_client_order_id", {"far_client_order_id": name("rests")}),
    ("request_expired", {"valid_until": START - timedelta(seconds=1)}),
    ("bad_amount", {"contracts": Decimal("0.0005")}),
    ("bad_amount", {"contracts": Decimal(0)}),
    ("reduce_only", {"reduce_only_near": True}),
    ("insufficient_margin", {"contracts": Decimal(30)}),
]


@pytest.mark.parametrize(("code", "changes"), REFUSALS)
def test_what_is_not_in_order_is_refused_and_changes_nothing(code: str, changes: dict[str, Any]) -> None:
    exchange = market()
    buy(exchange, "0.001", price="40000", client_order_id=name("rests"))
    version = exchange.floor.version
    with pytest.raises(Refused) as refusal:
        send(exchange, **changes)
    assert refusal.value.code == code
    assert exchange.floor.version == version
    assert len(exchange.floor.orders) == 1


def test_a_leg_may_not_be_too_small() -> None:
    exchange = market(prices={BTC: Decimal(1000)}, assets=(Asset("BTC"),))
    with pytest.raises(Refused) as refusal:
        send(exchange, contracts=Decimal("0.004"))
    assert refusal.value.code == "min_notional"


def test_in_the_last_minutes_only_a_roll_is_taken() -> None:
    exchange = market()
    sell(exchange, "0.8", symbol=NEAR)
    exchange.advance(EXPIRY - 5 * MINUTE)
    with pytest.raises(Refused) as refusal:
        send(exchange)
    assert refusal.value.code == "close_only"
    assert send(exchange, reduce_only_near=True)[1].state is OrderState.FILLED
    exchange.advance(EXPIRY)
    with pytest.raises(Refused) as refusal:
        send(exchange, reduce_only_near=True)
    assert refusal.value.code == "contract_expired"


def test_a_roll_binds_about_no_margin() -> None:
    exchange = market()
    sell(exchange, "22", symbol=NEAR)
    with pytest.raises(Refused, match="of margin needed"):
        sell(exchange, "2", symbol=FAR)
    near, far = send(exchange, contracts=Decimal(22), reduce_only_near=True)
    assert (near.state, far.state) == (OrderState.FILLED, OrderState.FILLED)


def test_closing_a_spread_needs_no_margin() -> None:
    exchange = market()
    send(exchange, contracts=Decimal(10))
    free = exchange.floor.margin.free(CASH, exchange.floor, ())
    exchange.deposit(*CASH, -free)
    assert send(exchange, side=Side.BUY, contracts=Decimal(10), limit_spread_price=ANY_PURCHASE)[0].filled == 10


# --- faults


@pytest.mark.parametrize(
    ("effect", "raised", "trades"),
    [
        (fault.Refuse(code="system_busy"), Refused, 0),
        (fault.LoseRequest(), fault.RequestLost, 0),
        (fault.LoseReply(), fault.ReplyLost, 2),
        (fault.DelayRequest(timedelta(seconds=3)), fault.RequestLost, 0),
    ],
)
def test_what_happens_to_orders_happens_to_spreads(effect: Any, raised: type[Exception], trades: int) -> None:
    exchange = market()
    exchange.faults.on("submit_spread", effect)
    with pytest.raises(raised):
        send(exchange)
    assert len(exchange.floor.trades) == trades


@pytest.mark.parametrize(("valid_for", "trades"), [(5, 2), (2, 0)])
def test_a_delayed_spread_trades_if_it_is_still_valid(valid_for: int, trades: int) -> None:
    exchange = market(script=script((HOUR, 50000)))
    exchange.faults.on("submit_spread", fault.DelayRequest(timedelta(seconds=3)))
    with pytest.raises(fault.RequestLost):
        send(exchange, valid_until=START + timedelta(seconds=valid_for))
    exchange.advance(START + MINUTE)
    assert len(exchange.floor.trades) == trades
