"""What can anyone see? Contracts, prices, books, funding, bars."""

from decimal import Decimal
from itertools import islice
from typing import Any

from bot.domain.ids import Asset
from bot.domain.orders import Side
from bot.exchange.contracts import Contract
from bot.exchange.expiries import listed_expiries_us
from bot.exchange.moments import DAY_US, HOUR_US, from_us, to_us
from bot.exchange.wire.binance.errors import WireError
from bot.exchange.wire.binance.names import ms, pair_of, text, wire_symbol
from bot.exchange.wire.binance.request import Params
from bot.exchange.wire.binance.state import Served
from bot.exchange.wire.binance.weights import ORDER_LIMIT

#: What perpetuals have for a delivery date.
_NEVER_MS = 4_133_404_800_000
_DEPTH = (5, 10, 20, 50, 100, 500, 1000)
_DAY_MS = DAY_US // 1000


def ping(_served: Served, _params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/ping``."""
    return {}


def server_time(served: Served, _params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/time``."""
    return {"serverTime": served.now_ms}


def exchange_info(served: Served, _params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/exchangeInfo``."""
    floor = served.exchange.floor
    listed = [one for one in served.listing() if not floor.has_expired(one)]
    return {
        "timezone": "UTC",
        "serverTime": served.now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": served.weight_limit},
            {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": ORDER_LIMIT},
        ],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
        "symbols": [_symbol(served, one) for one in listed],
    }


def _symbol(served: Served, contract: Contract) -> dict[str, Any]:
    tick, lot = text(contract.tick), text(contract.lot)
    most = text(contract.max_contracts)
    return {
        "symbol": wire_symbol(contract.symbol),
        "pair": pair_of(contract),
        "contractType": _contract_type(served, contract),
        "deliveryDate": _NEVER_MS if contract.expires_us is None else contract.expires_us // 1000,
        "onboardDate": to_us(from_us(served.exchange.floor.market.start_us)) // 1000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": contract.asset,
        "quoteAsset": contract.quote,
        "marginAsset": contract.settle,
        "pricePrecision": _places(contract.tick),
        "quantityPrecision": _places(contract.lot),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": text(served.exchange.config.liquidation_fee_frac),
        "marketTakeBound": text(contract.price_bound_frac),
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "stepSize": lot, "minQty": lot, "maxQty": most},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": lot, "minQty": lot, "maxQty": most},
            {"filterType": "MAX_NUM_ORDERS", "limit": served.exchange.config.max_open_orders},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": text(contract.min_notional_quote)},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": text(1 + contract.price_bound_frac),
                "multiplierDown": text(1 - contract.price_bound_frac),
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "permissionSets": ["GRID", "COPY"],
    }


def _contract_type(served: Served, contract: Contract) -> str:
    if contract.expires_us is None:
        return "PERPETUAL"
    is_current = contract.expires_us == listed_expiries_us(served.exchange.floor.now_us)[0]
    return "CURRENT_QUARTER" if is_current else "NEXT_QUARTER"


def _places(step: Decimal) -> int:
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _each(served: Served, params: Params) -> tuple[list[Contract], bool]:
    """Return what a request is about, and whether that is one contract."""
    name = params.get("symbol")
    if name is not None:
        return [served.contract(name)], True
    floor = served.exchange.floor
    return [one for one in served.listing() if not floor.has_expired(one)], False


def _told(rows: list[dict[str, Any]], is_one: bool) -> Any:
    return rows[0] if is_one else rows


def premium_index(served: Served, params: Params) -> Any:
    """``GET /fapi/v1/premiumIndex``: mark, index, and the funding to come."""
    contracts, is_one = _each(served, params)
    return _told([premium(served, one) for one in contracts], is_one)


def premium(served: Served, contract: Contract) -> dict[str, Any]:
    """Return mark, index, and the funding to come of a contract; a dated one has none."""
    index, mark, _ = served.exchange.floor.prices_of(contract)
    is_dated = contract.expires_us is not None
    next_at, _, rate = served.exchange.next_funding(contract.asset)
    return {
        "symbol": wire_symbol(contract.symbol),
        "markPrice": text(mark),
        "indexPrice": text(index),
        "estimatedSettlePrice": text(index),
        "lastFundingRate": "" if is_dated else text(rate),
        "interestRate": "" if is_dated else "0.00010000",
        "nextFundingTime": 0 if is_dated else ms(next_at),
        "time": served.now_ms,
    }


def funding_info(served: Served, _params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/fundingInfo``: contracts whose interval is not the usual one."""
    rows = []
    for contract in served.listing():
        _, interval_us, _ = served.exchange.next_funding(contract.asset)
        if contract.expires_us is None and interval_us != 8 * HOUR_US:
            rows.append(
                {
                    "symbol": wire_symbol(contract.symbol),
                    "adjustedFundingRateCap": "0.03",
                    "adjustedFundingRateFloor": "-0.03",
                    "fundingIntervalHours": interval_us // HOUR_US,
                    "disclaimer": False,
                }
            )
    return rows


def funding_rates(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/fundingRate``: what was settled while the account held something."""
    name = params.get("symbol")
    symbol = None if name is None else served.contract(name).symbol
    start, end = params.whole("startTime") or 0, params.whole("endTime") or served.now_ms
    limit = min(params.whole("limit") or 100, 1000)
    return [
        {
            "symbol": wire_symbol(one.symbol),
            "fundingTime": ms(one.at),
            "fundingRate": text(one.rate),
            "markPrice": text(one.mark_price),
        }
        for one in served.exchange.floor.funding
        if symbol in (None, one.symbol) and start <= ms(one.at) <= end
    ][:limit]


def book_ticker(served: Served, params: Params) -> Any:
    """``GET /fapi/v1/ticker/bookTicker``."""
    contracts, is_one = _each(served, params)
    return _told([touch(served, one) for one in contracts], is_one)


def touch(served: Served, contract: Contract) -> dict[str, Any]:
    """Return the best bid and ask of a contract."""
    top = served.exchange.top(contract)
    return {
        "symbol": wire_symbol(contract.symbol),
        "bidPrice": text(top.bid_price),
        "bidQty": text(top.bid_contracts),
        "askPrice": text(top.ask_price),
        "askQty": text(top.ask_contracts),
        "time": ms(top.as_of),
        "lastUpdateId": served.now_ms,
    }


def price_ticker(served: Served, params: Params) -> Any:
    """``GET /fapi/v2/ticker/price``."""
    contracts, is_one = _each(served, params)
    rows = [
        {"symbol": wire_symbol(one.symbol), "price": text(served.exchange.top(one).last_price), "time": served.now_ms}
        for one in contracts
    ]
    return _told(rows, is_one)


def day_ticker(served: Served, params: Params) -> Any:
    """``GET /fapi/v1/ticker/24hr``."""
    contracts, is_one = _each(served, params)
    return _told([_day(served, one) for one in contracts], is_one)


def _day(served: Served, contract: Contract) -> dict[str, Any]:
    top = served.exchange.top(contract)
    last = text(top.last_price)
    return {
        "symbol": wire_symbol(contract.symbol),
        "priceChange": "0",
        "priceChangePercent": "0",
        "weightedAvgPrice": last,
        "lastPrice": last,
        "lastQty": text(contract.lot),
        "openPrice": last,
        "highPrice": last,
        "lowPrice": last,
        "volume": "100000",
        "quoteVolume": text(top.last_price * 100_000),
        "openTime": served.now_ms - _DAY_MS,
        "closeTime": served.now_ms,
        "firstId": 1,
        "lastId": 2,
        "count": 2,
    }


def depth(served: Served, params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/depth``."""
    contract = served.contract(params.need("symbol"))
    limit = params.whole("limit") or 500
    if limit not in _DEPTH:
        raise WireError(-4021, f"{limit} is not valid depth limit.")
    return {
        "lastUpdateId": served.now_ms,
        "E": served.now_ms,
        "T": served.now_ms,
        "bids": _levels(served, contract, Side.SELL, min(limit, 20)),
        "asks": _levels(served, contract, Side.BUY, min(limit, 20)),
    }


def _levels(served: Served, contract: Contract, side: Side, count: int) -> list[list[str]]:
    """Return what an order of this side would meet, level by level."""
    floor = served.exchange.floor
    levels = floor.book.levels(contract, side, floor.last_of(contract), floor.now_us)
    return [[text(price), text(contracts)] for price, contracts in islice(levels, count)]


def index_klines(served: Served, params: Params) -> list[list[Any]]:
    """``GET /fapi/v1/indexPriceKlines``: daily closes of the index of days that have ended, and of today so far."""
    pair = params.need("pair")
    contract = served.contract(pair)
    if params.need("interval") != "1d":
        raise WireError(-1120, "Invalid interval.")
    limit = min(params.whole("limit") or 500, 1500)
    rows = [_bar(ms(day), close, _DAY_MS) for day, close in served.exchange.closes(Asset(contract.asset), limit)]
    today_ms = served.now_ms // _DAY_MS * _DAY_MS
    rows.append(_bar(today_ms, served.exchange.floor.index_of(contract.asset), _DAY_MS))
    start, end = params.whole("startTime") or 0, params.whole("endTime") or served.now_ms
    return [row for row in rows if start <= row[0] <= end][-limit:]


def klines(served: Served, params: Params) -> list[list[Any]]:
    """``GET /fapi/v1/klines``: the same days, for whoever asks for bars of the contract."""
    contract = served.contract(params.need("symbol"))
    return index_klines(served, Params({**params.values, "pair": pair_of(contract)}))


def _bar(open_ms: int, close: Decimal, length_ms: int) -> list[Any]:
    price = text(close)
    return [open_ms, price, price, price, price, "0", open_ms + length_ms - 1, "0", 0, "0", "0", "0"]


def asset_index(served: Served, params: Params) -> Any:
    """``GET /fapi/v1/assetIndex``: what cash is worth in USD."""
    rates = served.exchange.config.currency_rates
    rows = []
    for currency in ("USDT", "USDC"):
        price = text(next((rate for name, rate in rates.items() if name == currency), Decimal(1)))
        rows.append(
            {
                "symbol": f"{currency}USD",
                "time": served.now_ms,
                "index": price,
                "bidBuffer": "0.0001",
                "askBuffer": "0.0001",
                "bidRate": price,
                "askRate": price,
                "autoExchangeBidBuffer": "0.0001",
                "autoExchangeAskBuffer": "0.0001",
                "autoExchangeBidRate": price,
                "autoExchangeAskRate": price,
            }
        )
    name = params.get("symbol")
    if name is None:
        return rows
    found = next((row for row in rows if row["symbol"] == name), None)
    if found is None:
        raise WireError(-1121, "Invalid symbol.")
    return found
