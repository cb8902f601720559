"""Documents as Binance sends them: fields, types and forms of its documentation, with amounts of our own."""

from datetime import UTC, datetime
from typing import Any

#: A Wednesday at noon, on a whole minute.
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_NEVER_MS = 4_133_404_800_000

Document = dict[str, Any]


def contract(name: str, base: str, **changes: Any) -> Document:
    """Return a row of ``exchangeInfo``."""
    row: Document = {
        "symbol": name,
        "pair": name.partition("_")[0],
        "contractType": "PERPETUAL",
        "deliveryDate": _NEVER_MS,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
            {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
            {
                "filterType": "PERCENT_PRICE",
                "multiplierUp": "1.0500",
                "multiplierDown": "0.9500",
                "multiplierDecimal": "4",
            },
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
        "permissionSets": ["GRID", "COPY", "DCA"],
    }
    return row | changes


PEPE_FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.0000100", "maxPrice": "200", "tickSize": "0.0000001"},
    {"filterType": "LOT_SIZE", "stepSize": "1", "minQty": "1", "maxQty": "150000000"},
    {"filterType": "MARKET_LOT_SIZE", "stepSize": "1", "minQty": "1", "maxQty": "60000000"},
    {"filterType": "MIN_NOTIONAL", "notional": "5"},
]
BTC = contract("BTCUSDT", "BTC")
PEPE = contract("1000PEPEUSDT", "1000PEPE", filters=PEPE_FILTERS)
#: Expires on the last Friday of the year.
DATED = contract(
    "BTCUSDT_261225", "BTC", contractType="CURRENT_QUARTER", deliveryDate=1_798_185_600_000, status="TRADING"
)
#: Delisted today: it settles, and nothing can be traded in it.
SETTLING = contract("MATICUSDT", "MATIC", status="SETTLING", deliveryDate=NOW_MS - HOUR_MS)
EXCHANGE_INFO: Document = {
    "timezone": "UTC",
    "serverTime": NOW_MS,
    "futuresType": "U_MARGINED",
    "rateLimits": [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
    ],
    "exchangeFilters": [],
    "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
    "symbols": [BTC, PEPE, DATED, SETTLING],
}


def brackets(name: str) -> Document:
    """Return a row of ``leverageBracket``; its numbers are numbers, not text."""
    return {
        "symbol": name,
        "brackets": [
            {
                "bracket": 2,
                "initialLeverage": 100,
                "notionalCap": 3_000_000,
                "notionalFloor": 300_000,
                "maintMarginRatio": 0.005,
                "cum": 300.0,
            },
            {
                "bracket": 1,
                "initialLeverage": 125,
                "notionalCap": 300_000,
                "notionalFloor": 0,
                "maintMarginRatio": 0.004,
                "cum": 0.0,
            },
        ],
    }


LEVERAGE_BRACKET = [brackets(name) for name in ("BTCUSDT", "1000PEPEUSDT", "BTCUSDT_261225")]


def symbol_config(name: str, margin_type: str = "CROSSED") -> Document:
    """Return a row of ``symbolConfig``."""
    return {
        "symbol": name,
        "marginType": margin_type,
        "isAutoAddMargin": False,
        "leverage": 20,
        "maxNotionalValue": "120000000",
    }


SYMBOL_CONFIG = [symbol_config(one["symbol"]) for one in (BTC, PEPE, DATED)]
COMMISSION_RATE = {"symbol": "BTCUSDT", "makerCommissionRate": "0.000200", "takerCommissionRate": "0.000500"}
SPOT_ACCOUNT: Document = {
    "makerCommission": 10,
    "takerCommission": 10,
    "buyerCommission": 0,
    "sellerCommission": 0,
    "canTrade": True,
    "canWithdraw": True,
    "canDeposit": True,
    "brokered": False,
    "requireSelfTradePrevention": False,
    "preventSor": False,
    "updateTime": NOW_MS,
    "accountType": "SPOT",
    "balances": [
        {"asset": "BTC", "free": "0.12000000", "locked": "0.00500000"},
        {"asset": "USDT", "free": "4000.00000000", "locked": "0.00000000"},
    ],
    "permissions": ["SPOT"],
    "uid": 354937868,
}
FUNDING_ASSET = [
    {"asset": "BTC", "free": "0.01", "locked": "0", "freeze": "0.002", "withdrawing": "0.003", "btcValuation": "0.012"}
]
WALLETS = [
    {"activate": True, "balance": "10000.1", "walletName": "Spot"},
    {"activate": True, "balance": "500", "walletName": "Funding"},
    {"activate": True, "balance": "0", "walletName": "Cross Margin"},
    {"activate": False, "balance": "0", "walletName": "Isolated Margin"},
    {"activate": True, "balance": "6000", "walletName": "USDⓈ-M Futures"},
    {"activate": True, "balance": "0", "walletName": "COIN-M Futures"},
    {"activate": True, "balance": "0", "walletName": "Earn"},
]


def asset_line(asset: str, wallet: str, **changes: str) -> Document:
    """Return a line of ``assets`` of ``/fapi/v3/account``."""
    line: Document = {
        "asset": asset,
        "walletBalance": wallet,
        "unrealizedProfit": "0.00000000",
        "marginBalance": wallet,
        "maintMargin": "0.00000000",
        "initialMargin": "0.00000000",
        "positionInitialMargin": "0.00000000",
        "openOrderInitialMargin": "0.00000000",
        "crossWalletBalance": wallet,
        "crossUnPnl": "0.00000000",
        "availableBalance": wallet,
        "maxWithdrawAmount": wallet,
        "updateTime": NOW_MS,
    }
    return line | changes


FUTURES_ACCOUNT: Document = {
    "totalInitialMargin": "50.00000000",
    "totalMaintMargin": "4.00000000",
    "totalWalletBalance": "6000.00000000",
    "totalUnrealizedProfit": "-12.50000000",
    "totalMarginBalance": "5987.50000000",
    "availableBalance": "5900.00000000",
    "maxWithdrawAmount": "5900.00000000",
    "assets": [
        asset_line(
            "USDT",
            "6000.00000000",
            unrealizedProfit="-12.50000000",
            marginBalance="5987.50000000",
            maintMargin="4.00000000",
            initialMargin="50.00000000",
        ),
        asset_line("BNB", "0.00000000"),
    ],
    "positions": [],
}


def position(name: str, amount: str, **changes: str) -> Document:
    """Return a row of ``positionRisk`` v3."""
    row: Document = {
        "symbol": name,
        "positionSide": "BOTH",
        "positionAmt": amount,
        "entryPrice": "50000.0",
        "breakEvenPrice": "50025.0",
        "markPrice": "51000.00000000",
        "unRealizedProfit": "-20.00000000",
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": "-1020.00000000",
        "marginAsset": "USDT",
        "isolatedWallet": "0",
        "initialMargin": "51.00000000",
        "maintMargin": "4.08000000",
        "positionInitialMargin": "51.00000000",
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": NOW_MS,
    }
    return row | changes


def order(client_id: str, **changes: Any) -> Document:
    """Return a plain order, as it is told when it is asked for."""
    row: Document = {
        "avgPrice": "0.00",
        "clientOrderId": client_id,
        "cumQuote": "0",
        "executedQty": "0",
        "orderId": 1_917_641,
        "origQty": "0.020",
        "origType": "LIMIT",
        "price": "51000.0",
        "reduceOnly": False,
        "side": "SELL",
        "positionSide": "BOTH",
        "status": "NEW",
        "stopPrice": "0",
        "closePosition": False,
        "symbol": "BTCUSDT",
        "time": NOW_MS,
        "timeInForce": "GTC",
        "type": "LIMIT",
        "updateTime": NOW_MS,
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
    }
    return row | changes


def conditional(client_id: str, **changes: Any) -> Document:
    """Return a conditional order."""
    row: Document = {
        "algoId": 2_146_760,
        "clientAlgoId": client_id,
        "algoType": "CONDITIONAL",
        "orderType": "STOP_MARKET",
        "symbol": "BTCUSDT",
        "side": "BUY",
        "positionSide": "BOTH",
        "timeInForce": "GTC",
        "quantity": "0.020",
        "algoStatus": "NEW",
        "actualOrderId": "",
        "actualPrice": "0.00000",
        "triggerPrice": "60000.0",
        "price": "0.00",
        "icebergQuantity": None,
        "tpTriggerPrice": "0.000",
        "tpPrice": "0.000",
        "slTriggerPrice": "0.000",
        "slPrice": "0.000",
        "tpOrderType": "",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": "MARK_PRICE",
        "priceMatch": "NONE",
        "closePosition": False,
        "priceProtect": False,
        "reduceOnly": True,
        "createTime": NOW_MS,
        "updateTime": NOW_MS,
        "triggerTime": 0,
        "goodTillDate": 0,
    }
    return row | changes


def trade(number: int, order_number: int, **changes: Any) -> Document:
    """Return a row of ``userTrades``."""
    row: Document = {
        "buyer": False,
        "commission": "0.50997500",
        "commissionAsset": "USDT",
        "id": number,
        "maker": False,
        "orderId": order_number,
        "price": "50997.5",
        "qty": "0.020",
        "quoteQty": "1019.95000",
        "realizedPnl": "0",
        "side": "SELL",
        "positionSide": "BOTH",
        "symbol": "BTCUSDT",
        "time": NOW_MS - HOUR_MS,
    }
    return row | changes


def income(kind: str, amount: str, number: int = 9_689_322_392, **changes: Any) -> Document:
    """Return a row of ``income``."""
    row: Document = {
        "symbol": "BTCUSDT",
        "incomeType": kind,
        "income": amount,
        "asset": "USDT",
        "info": kind,
        "time": NOW_MS - 4 * HOUR_MS + 2,
        "tranId": number,
        "tradeId": "",
    }
    return row | changes


def settled_rate(rate: str, **changes: Any) -> Document:
    """Return a row of ``fundingRate``."""
    row: Document = {
        "symbol": "BTCUSDT",
        "fundingRate": rate,
        "fundingTime": NOW_MS - 4 * HOUR_MS,
        "markPrice": "51000.00000000",
    }
    return row | changes


def book(name: str, bid: str = "50999.90", ask: str = "51000.00", **changes: Any) -> Document:
    """Return a row of ``bookTicker``."""
    row: Document = {
        "symbol": name,
        "bidPrice": bid,
        "bidQty": "4.310",
        "askPrice": ask,
        "askQty": "9.120",
        "time": NOW_MS - 40,
        "lastUpdateId": 1_027_024,
    }
    return row | changes


def premium(name: str, mark: str = "51000.12345678", index: str = "50990.00000000", **changes: Any) -> Document:
    """Return a row of ``premiumIndex``."""
    row: Document = {
        "symbol": name,
        "markPrice": mark,
        "indexPrice": index,
        "estimatedSettlePrice": index,
        "lastFundingRate": "-0.00012500",
        "interestRate": "0.00010000",
        "nextFundingTime": NOW_MS + 4 * HOUR_MS,
        "time": NOW_MS - 15,
    }
    return row | changes


def last(name: str, price: str = "51000.00") -> Document:
    """Return a row of ``ticker/price``."""
    return {"symbol": name, "price": price, "time": NOW_MS - 20}


KEY: Document = {
    "ipRestrict": True,
    "createTime": 1_698_645_219_000,
    "enableInternalTransfer": False,
    "enableFutures": True,
    "enablePortfolioMarginTrading": False,
    "enableVanillaOptions": False,
    "permitsUniversalTransfer": True,
    "enableReading": True,
    "enableFixApiTrade": False,
    "enableFixReadOnly": True,
    "enableSpotAndMarginTrading": False,
    "enableWithdrawals": False,
    "enableMargin": False,
}


def moved(amount: str, number: int, **changes: Any) -> Document:
    """Return a row of ``asset/transfer``."""
    row: Document = {
        "asset": "USDT",
        "amount": amount,
        "type": "MAIN_UMFUTURE",
        "status": "CONFIRMED",
        "tranId": number,
        "timestamp": NOW_MS - HOUR_MS,
    }
    return row | changes
