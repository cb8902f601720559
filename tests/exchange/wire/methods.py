# ruff: noqa: T201 - a table on the terminal
"""What can an unmodified ccxt client do at the served exchange? Only its URLs are replaced.

``python -m tests.exchange.wire.methods`` prints the table of ``docs/wire.md``.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import ccxt.async_support as ccxt

from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.domain.ids import Asset, Currency
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange
from bot.exchange.static_market import DEFAULT_START
from bot.exchange.wire.server import API_KEY, API_SECRET, WireServer

BTC = "BTC/USDT:USDT"

Call = Callable[[Any], Awaitable[Any]]
Tell = Callable[[Any], str]


def names(*keys: str) -> Tell:
    """Tell these fields of a result."""
    return lambda result: ", ".join(f"{key} {result[key]}" for key in keys)


def rows(*keys: str) -> Tell:
    """Tell how many rows there are, and these fields of the newest."""
    return lambda result: f"{len(result)}: " + (", ".join(f"{key} {result[-1][key]}" for key in keys) if result else "")


_AN_ORDER = names("clientOrderId", "status", "filled", "reduceOnly")
_STOP = {"stopLossPrice": 60000, "reduceOnly": True, "workingType": "MARK_PRICE"}

#: (the method with what it is given, the call, what is told of the result), in the order in which they are made.
CALLS: tuple[tuple[str, Call, Tell], ...] = (
    ("load_time_difference()", lambda c: c.load_time_difference(), lambda _: "requests are stamped with its time"),
    ("load_markets()", lambda c: c.load_markets(), lambda found: ", ".join(found)),
    (
        "market(BTC)",
        lambda c: _now(c.market(BTC)),
        lambda one: (
            f"size {one['contractSize']}, precision {one['precision']['amount']} and {one['precision']['price']}"
        ),
    ),
    ("fetch_status / ping", lambda c: c.fapiPublicGetPing(), str),
    ("fetch_currencies()", lambda c: c.fetch_currencies(), lambda found: ", ".join(found)),
    ("fetch_ticker(BTC)", lambda c: c.fetch_ticker(BTC), names("last", "symbol")),
    ("fetch_tickers([BTC])", lambda c: c.fetch_tickers([BTC]), lambda found: f"last {found[BTC]['last']}"),
    ("fetch_bids_asks([BTC])", lambda c: c.fetch_bids_asks([BTC]), lambda found: names("bid", "ask")(found[BTC])),
    (
        "fetch_order_book(BTC, 5)",
        lambda c: c.fetch_order_book(BTC, 5),
        lambda book: (
            f"{len(book['bids'])} bids from {book['bids'][0][0]}, {len(book['asks'])} asks from {book['asks'][0][0]}"
        ),
    ),
    ("fetch_ohlcv(BTC, 1d)", lambda c: c.fetch_ohlcv(BTC, "1d", None, 5), lambda bars: f"{len(bars)} bars"),
    ("fetch_mark_price(BTC)", lambda c: c.fetch_mark_price(BTC), names("markPrice", "indexPrice")),
    ("fetch_funding_rate(BTC)", lambda c: c.fetch_funding_rate(BTC), names("fundingRate", "markPrice")),
    ("fetch_funding_rates()", lambda c: c.fetch_funding_rates(), lambda found: f"{len(found)} contracts"),
    (
        "fetch_funding_intervals()",
        lambda c: c.fetch_funding_intervals(),
        lambda found: f"{len(found)} that differ from 8 h",
    ),
    ("fetch_balance()", lambda c: c.fetch_balance(), lambda found: f"USDT {found['USDT']}"),
    (
        "privateGetAccount(), the spot wallet",
        lambda c: c.privateGetAccount(),
        lambda found: ", ".join(f"{one['asset']} {one['free']}" for one in found["balances"]),
    ),
    ("fetch_leverage_tiers()", lambda c: c.fetch_leverage_tiers(), lambda found: f"{len(found[BTC])} tiers of BTC"),
    ("set_leverage(5, BTC)", lambda c: c.set_leverage(5, BTC), names("leverage", "maxNotionalValue")),
    ("set_margin_mode(cross, BTC)", lambda c: c.set_margin_mode("cross", BTC), names("msg")),
    ("set_position_mode(one-way)", lambda c: c.set_position_mode(False), names("msg")),
    ("fetch_position_mode()", lambda c: c.fetch_position_mode(), names("hedged")),
    ("fetch_trading_fee(BTC)", lambda c: c.fetch_trading_fee(BTC), names("maker", "taker")),
    (
        "create_order(market sell 0.01)",
        lambda c: c.create_order(BTC, "market", "sell", 0.01, None, {"clientOrderId": "one"}),
        _AN_ORDER,
    ),
    (
        "create_order(limit sell 0.01, post only)",
        lambda c: c.create_order(BTC, "limit", "sell", 0.01, 52000, {"clientOrderId": "two", "postOnly": True}),
        _AN_ORDER,
    ),
    (
        "create_order(the same id again)",
        lambda c: c.create_order(BTC, "limit", "sell", 0.01, 52000, {"clientOrderId": "two"}),
        _AN_ORDER,
    ),
    (
        "create_order(post only through the book)",
        lambda c: c.create_order(BTC, "limit", "sell", 0.01, 49000, {"clientOrderId": "three", "postOnly": True}),
        _AN_ORDER,
    ),
    (
        "create_order(less than the smallest)",
        lambda c: c.create_order("ETH/USDT:USDT", "limit", "sell", 0.001, 2500, {"clientOrderId": "four"}),
        _AN_ORDER,
    ),
    (
        "create_order(stop of 0.01 on mark)",
        lambda c: c.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "stop", **_STOP}),
        names("clientOrderId", "status", "triggerPrice", "reduceOnly"),
    ),
    (
        "create_order(stop that would fire at once)",
        lambda c: c.create_order(
            BTC, "market", "buy", 0.01, None, {"clientOrderId": "five", **_STOP, "stopLossPrice": 40000}
        ),
        _AN_ORDER,
    ),
    ("fetch_open_orders(BTC)", lambda c: c.fetch_open_orders(BTC), rows("clientOrderId", "status")),
    (
        "fetch_open_orders(BTC, trigger)",
        lambda c: c.fetch_open_orders(BTC, None, None, {"trigger": True}),
        rows("clientOrderId", "status"),
    ),
    ("fetch_order(by our id)", lambda c: c.fetch_order(None, BTC, {"clientOrderId": "one"}), _AN_ORDER),
    (
        "fetch_order(trigger, by our id)",
        lambda c: c.fetch_order(None, BTC, {"clientOrderId": "stop", "trigger": True}),
        names("clientOrderId", "status"),
    ),
    ("fetch_orders(BTC)", lambda c: c.fetch_orders(BTC), rows("clientOrderId")),
    ("fetch_closed_orders(BTC)", lambda c: c.fetch_closed_orders(BTC), rows("clientOrderId")),
    ("cancel_order(by our id)", lambda c: c.cancel_order(None, BTC, {"clientOrderId": "two"}), _AN_ORDER),
    (
        "cancel_order(what is gone)",
        lambda c: c.cancel_order(None, BTC, {"clientOrderId": "two"}),
        _AN_ORDER,
    ),
    (
        "cancel_order(trigger, by our id)",
        lambda c: c.cancel_order(None, BTC, {"clientOrderId": "stop", "trigger": True}),
        lambda _: "cancelled",
    ),
    ("cancel_all_orders(BTC)", lambda c: c.cancel_all_orders(BTC), lambda _: "done"),
    ("fetch_my_trades(BTC)", lambda c: c.fetch_my_trades(BTC), rows("side", "amount", "price", "takerOrMaker")),
    ("fetch_positions()", lambda c: c.fetch_positions(), rows("symbol", "side", "contracts", "marginMode")),
    ("fetch_position_risk / fetch_positions_risk()", lambda c: c.fetch_positions_risk(), rows("side", "contracts")),
    ("fetch_funding_history(BTC)", lambda c: c.fetch_funding_history(BTC), lambda found: f"{len(found)} payments"),
    ("fetch_ledger(USDT)", lambda c: c.fetch_ledger("USDT"), rows("type", "currency")),
    ("transfer(10 USDT, spot to swap)", lambda c: c.transfer("USDT", 10, "spot", "swap"), names("id")),
    (
        "fetch_transfers(USDT)",
        lambda c: c.fetch_transfers("USDT", None, None, {"fromAccount": "spot", "toAccount": "swap"}),
        rows("amount", "status"),
    ),
    ("fetch_time()", lambda c: c.fetch_time(), lambda now: "of the server" if now > 1_600_000_000_000 else "wrong"),
)


async def _now(value: Any) -> Any:
    return value


async def results() -> list[tuple[str, str]]:
    """Make all calls at a fresh exchange, and return what came back of each, or the error that ccxt makes of it."""
    exchange = open_exchange(
        ExchangeConfig(
            market=MarketKind.STATIC,
            start=DEFAULT_START,
            holdings={Asset("BTC"): Decimal("0.12")},
            collateral={Currency("USDT"): Decimal(6000)},
            spare={Currency("USDT"): Decimal(4000)},
        ),
        None,
    )
    server = WireServer(exchange, LoopClock(asyncio.get_running_loop(), exchange.now).now)
    address = await server.start("127.0.0.1", 0)
    client = ccxt.binanceusdm({"apiKey": API_KEY, "secret": API_SECRET, "enableRateLimit": False})
    for key, url in client.urls["api"].items():
        if isinstance(url, str):
            client.urls["api"][key] = address.rest_url + urlsplit(url).path
    found = []
    try:
        for name, call, tell in CALLS:
            try:
                found.append((name, tell(await call(client))))
            except ccxt.BaseError as failure:
                found.append((name, f"{type(failure).__name__}: {str(failure).removeprefix('binanceusdm ')}"))
    finally:
        with suppress(Exception):
            await client.close()
        await server.stop()
    return found


def table() -> str:
    """Return the results as a table."""
    loop = SimulatedLoop(allow_io=True)
    try:
        found = loop.run_until_complete(results())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    lines = ["| ccxt method | what came back |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {told} |" for name, told in found)])


if __name__ == "__main__":
    print(table())
