"""Is any money made or lost on the way? Whatever is traded, every wallet is explained to the last digit."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.ids import Symbol
from bot.domain.orders import Purpose, Side
from bot.exchange.exchange import Exchange
from bot.exchange.orders import Refused
from bot.exchange.records import MovementKind
from bot.exchange.spread import SpreadRequest
from tests.exchange.trading import (
    BASIS,
    BTC,
    EXPIRY,
    FAR,
    FAR_INVERSE,
    HOUR,
    INVERSE,
    LINEAR,
    MINUTE,
    NEAR,
    NEAR_INVERSE,
    name,
    opened,
    request,
)

_SYMBOLS = (LINEAR, NEAR, FAR, INVERSE, NEAR_INVERSE, FAR_INVERSE)
_PAIRS = ((NEAR, FAR), (NEAR_INVERSE, FAR_INVERSE))
#: A begin some hours before the expiry, so that most runs go across it.
_BEGIN = EXPIRY - 3 * HOUR


@dataclass(frozen=True)
class Order:
    symbol: Symbol
    side: Side
    lots: int

    def do(self, exchange: Exchange) -> None:
        exchange.submit(request(self.side, str(self.lots * _lot(self.symbol)), symbol=self.symbol))


@dataclass(frozen=True)
class Spread:
    pair: tuple[Symbol, Symbol]
    side: Side
    lots: int
    reduce_only: bool

    def do(self, exchange: Exchange) -> None:
        near, far = self.pair
        before = [exchange.floor.accounts.contracts_of(symbol) for symbol in self.pair]
        orders = exchange.submit_spread(
            SpreadRequest(
                near=near,
                far=far,
                side=self.side,
                contracts=self.lots * _lot(near),
                limit_spread_price=Decimal(100_000) * self.side.sign,
                near_client_order_id=name("near"),
                far_client_order_id=name("far"),
                reduce_only_near=self.reduce_only,
            )
        )
        after = [exchange.floor.accounts.contracts_of(symbol) for symbol in self.pair]
        # Both or none, and as much of one as of the other.
        assert after[0] - before[0] == before[1] - after[1]
        assert orders[0].filled == orders[1].filled > 0


@dataclass(frozen=True)
class Deleverage:
    symbol: Symbol
    lots: int

    def do(self, exchange: Exchange) -> None:
        exchange.deleverage(self.symbol, self.lots * _lot(self.symbol))


@dataclass(frozen=True)
class Jump:
    price: int

    def do(self, exchange: Exchange) -> None:
        exchange.set_price(BTC, Decimal(self.price))


@dataclass(frozen=True)
class Wait:
    minutes: int

    def do(self, exchange: Exchange) -> None:
        exchange.advance(exchange.now + self.minutes * MINUTE)


def _lot(symbol: Symbol) -> Decimal:
    return Decimal("0.1") if "USDT" in symbol else Decimal(100)


_ORDERS = st.builds(Order, st.sampled_from(_SYMBOLS), st.sampled_from(Side), st.integers(1, 12))
_SPREADS = st.builds(Spread, st.sampled_from(_PAIRS), st.sampled_from(Side), st.integers(1, 12), st.booleans())
_STEPS = st.one_of(
    _ORDERS,
    _ORDERS,
    _SPREADS,
    st.builds(Deleverage, st.sampled_from(_SYMBOLS), st.integers(1, 3)),
    st.builds(Jump, st.integers(30_000, 80_000)),
    st.builds(Wait, st.integers(1, 120)),
)


@settings(max_examples=150)
@given(st.lists(_STEPS, min_size=3, max_size=14))
def test_no_money_is_made_or_lost(steps: list[Order | Spread | Deleverage | Jump | Wait]) -> None:
    exchange = opened(start=_BEGIN, dated_basis_annual=BASIS, funding_rate=Decimal("0.0001"))
    for step in steps:
        try:
            step.do(exchange)
        except Refused:
            continue
        _check(exchange)
    exchange.advance(EXPIRY)
    _check(exchange)
    assert not {NEAR, NEAR_INVERSE} & set(exchange.floor.accounts.positions)


def _check(exchange: Exchange) -> None:
    floor = exchange.floor
    summed: dict[object, Decimal] = defaultdict(Decimal)
    for movement in floor.accounts.movements:
        summed[movement.wallet, movement.currency] += movement.amount
    assert summed == floor.accounts.wallets
    assert _of(exchange, MovementKind.REALISED) == _sum(trade.realised for trade in floor.trades)
    assert _of(exchange, MovementKind.FEE) == -_sum(trade.fee_paid for trade in floor.trades)
    for symbol in _SYMBOLS:
        _check_contract(exchange, symbol)
    for trade in floor.trades:
        assert trade.forced in (None, Purpose.SETTLEMENT, Purpose.DELEVERAGE, Purpose.LIQUIDATION)


def _check_contract(exchange: Exchange, symbol: Symbol) -> None:
    """What a contract's trades brought, and what its position has cost, add up to nothing, but for rounding."""
    floor = exchange.floor
    contract = floor.contracts[symbol]
    trades = [trade for trade in floor.trades if trade.symbol == symbol]
    position = floor.accounts.positions.get(symbol)
    signed = [(Fraction(trade.contracts * trade.side.sign * contract.size), Fraction(trade.price)) for trade in trades]
    paid = sum(amount * price if contract.is_linear else -amount / price for amount, price in signed)
    cost = Fraction(0) if position is None else Fraction(position.cost)
    rest = cost - paid - Fraction(_sum(trade.realised for trade in trades))
    step = Fraction(1, 10**8) if contract.is_linear else Fraction(1, 10**12)
    assert abs(rest) <= step * len(trades)
    held = Decimal(0) if position is None else position.contracts
    assert held == sum((trade.contracts * trade.side.sign for trade in trades), Decimal(0))


def _of(exchange: Exchange, kind: MovementKind) -> Decimal:
    return _sum(one.amount for one in exchange.floor.accounts.movements if one.kind is kind)


def _sum(amounts: object) -> Decimal:
    return sum(amounts, Decimal(0))  # type: ignore[call-overload,no-any-return]  # a generator of decimals
