"""An exchange to trade on in tests: static prices, three assets, 60,000 USDT of collateral."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol
from bot.domain.orders import OrderType, Side, TimeInForce
from bot.domain.portfolio import WalletKind
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.orders import ExchangeOrder, OrderRequest

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
LINEAR, INVERSE = Symbol("BTC/USDT:USDT"), Symbol("BTC/USD:BTC")
NEAR, FAR = Symbol("BTC/USDT:USDT-240329"), Symbol("BTC/USDT:USDT-240628")
NEAR_INVERSE, FAR_INVERSE = Symbol("BTC/USD:BTC-240329"), Symbol("BTC/USD:BTC-240628")
ETH_LINEAR, SOL_LINEAR = Symbol("ETH/USDT:USDT"), Symbol("SOL/USDT:USDT")
START = datetime(2024, 1, 1, tzinfo=UTC)
CASH = (WalletKind.LINEAR_FUTURES, Currency("USDT"))
#: When the nearer contracts expire.
EXPIRY = datetime(2024, 3, 29, 8, tzinfo=UTC)
BASIS = Decimal("0.08")
COIN = (WalletKind.INVERSE_FUTURES, Currency("BTC"))
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def config(**changes: Any) -> ExchangeConfig:
    """Return the configuration, with changes."""
    values: dict[str, Any] = {
        "market": MarketKind.STATIC,
        "start": START,
        "holdings": {BTC: Decimal(1)},
        "collateral": {Currency("USDT"): Decimal(60_000), Currency("BTC"): Decimal(1)},
    }
    return ExchangeConfig(**(values | changes))


def opened(folder: Path | None = None, **changes: Any) -> Exchange:
    """Open the exchange."""
    return open_exchange(config(**changes), folder)


def request(side: Side, contracts: str, **changes: Any) -> OrderRequest:
    """Return a market order for the linear BTC contract; a price makes it a limit order, a trigger a stop."""
    kind = OrderType.MARKET
    if changes.get("price") is not None:
        kind = OrderType.LIMIT
    if changes.get("trigger_price") is not None:
        kind = OrderType.STOP_MARKET
    values: dict[str, Any] = {"symbol": LINEAR, "side": side, "type": kind, "contracts": Decimal(contracts)}
    numbers = {
        name: Decimal(value) if isinstance(value, str) and name in ("price", "trigger_price") else value
        for name, value in changes.items()
    }
    return OrderRequest(**(values | numbers))


def buy(exchange: Exchange, contracts: str, **changes: Any) -> ExchangeOrder:
    """Send a buy."""
    return exchange.submit(request(Side.BUY, contracts, **changes))


def sell(exchange: Exchange, contracts: str, **changes: Any) -> ExchangeOrder:
    """Send a sell."""
    return exchange.submit(request(Side.SELL, contracts, **changes))


def held(exchange: Exchange, symbol: Symbol = LINEAR) -> Decimal:
    """Return the signed position."""
    return exchange.floor.accounts.contracts_of(symbol)


def name(text: str) -> ClientOrderId:
    """Return a client order id."""
    return ClientOrderId(text)


def script(
    *knots: tuple[timedelta, int | str], asset: Asset = BTC
) -> dict[Asset, tuple[tuple[datetime, Decimal], ...]]:
    """Return a script of (time since the start, price)."""
    return {asset: tuple((START + after, Decimal(price)) for after, price in knots)}


IOC, FOK, GTC, POST_ONLY = TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC, TimeInForce.POST_ONLY
