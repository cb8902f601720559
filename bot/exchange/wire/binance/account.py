"""What does the account hold? Balances, positions, margin, brackets, income, trades, wallets."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from bot.domain.ids import Currency
from bot.domain.orders import Side
from bot.domain.portfolio import WalletKind
from bot.exchange.contracts import Contract
from bot.exchange.moments import DAY_US
from bot.exchange.records import Movement, MovementKind, Trade
from bot.exchange.wire.binance.errors import WireError, missing
from bot.exchange.wire.binance.names import ms, own_client_id, own_order_id, text, wire_symbol
from bot.exchange.wire.binance.request import Params
from bot.exchange.wire.binance.state import Served

_ZERO = Decimal(0)
_USDT = Currency("USDT")
_FUTURES = (WalletKind.LINEAR_FUTURES, _USDT)
_WALLETS = {"MAIN": WalletKind.SPOT, "UMFUTURE": WalletKind.LINEAR_FUTURES}
_DAYS_PER_WINDOW = 7
_INCOME = {
    MovementKind.REALISED: "REALIZED_PNL",
    MovementKind.FEE: "COMMISSION",
    MovementKind.LIQUIDATION_FEE: "INSURANCE_CLEAR",
    MovementKind.INSURANCE: "INSURANCE_CLEAR",
    MovementKind.FUNDING: "FUNDING_FEE",
    MovementKind.TRANSFER: "TRANSFER",
    MovementKind.DEPOSIT: "TRANSFER",
    MovementKind.WITHDRAWAL: "TRANSFER",
}


def account(served: Served, _params: Params) -> dict[str, Any]:
    """``GET /fapi/v3/account``: what has a position or an order, and the sums that count for margin."""
    floor = served.exchange.floor
    summary = floor.margin.summary(_FUTURES, floor)
    free = max(_ZERO, floor.margin.free(_FUTURES, floor, floor.open_orders.values()))
    sums = {
        "InitialMargin": text(summary.initial),
        "MaintMargin": text(summary.maintenance),
        "WalletBalance": text(summary.balance),
        "MarginBalance": text(summary.margin_balance),
        "PositionInitialMargin": text(summary.initial),
        "OpenOrderInitialMargin": text(max(_ZERO, summary.margin_balance - summary.initial - free)),
        "CrossWalletBalance": text(summary.balance),
        "CrossUnPnl": text(summary.unrealised),
    }
    asset = {name[0].lower() + name[1:]: value for name, value in sums.items()}
    return {
        **{f"total{name}": value for name, value in sums.items()},
        "totalUnrealizedProfit": text(summary.unrealised),
        "availableBalance": text(free),
        "maxWithdrawAmount": text(free),
        "assets": [
            {
                "asset": _USDT,
                **asset,
                "unrealizedProfit": text(summary.unrealised),
                "availableBalance": text(free),
                "maxWithdrawAmount": text(free),
                "updateTime": served.now_ms,
            }
        ],
        "positions": [_account_row(served, contract) for contract in served.held()],
    }


def _account_row(served: Served, contract: Contract) -> dict[str, Any]:
    row = position(served, contract)
    names = ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet", "initialMargin")
    return {
        **{name: row[name] for name in (*names, "maintMargin", "updateTime")},
        "unrealizedProfit": row["unRealizedProfit"],
    }


def balance(served: Served, _params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v3/balance``."""
    (asset,) = account(served, _params)["assets"]
    return [
        {
            "accountAlias": "TRIMTAB",
            "asset": _USDT,
            "balance": asset["walletBalance"],
            "crossWalletBalance": asset["walletBalance"],
            "crossUnPnl": asset["unrealizedProfit"],
            "availableBalance": asset["availableBalance"],
            "maxWithdrawAmount": asset["maxWithdrawAmount"],
            "marginAvailable": True,
            "updateTime": served.now_ms,
        }
    ]


def position_risk(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v3/positionRisk``: symbols with a position or an order; flat is no row, unless asked for by name."""
    name = params.get("symbol")
    contracts = served.held() if name is None else [served.contract(name)]
    return [position(served, contract) for contract in contracts]


def position(served: Served, contract: Contract) -> dict[str, Any]:
    """Return a row of ``positionRisk``, also of a contract that is not held."""
    floor = served.exchange.floor
    held, mark = floor.accounts.contracts_of(contract.symbol), floor.mark_of(contract)
    amount, initial = held * contract.size, _ZERO
    entry = liquidation = unrealised = maintenance = _ZERO
    if held:
        entry = floor.accounts.entry_price(contract)
        liquidation = served.liquidation_price(contract)
        unrealised = floor.accounts.unrealised(contract, mark)
        maintenance = contract.maintenance(held, mark)
        initial = contract.initial(held, mark, floor.margin.leverage_of(contract))
    return {
        "symbol": wire_symbol(contract.symbol),
        "positionSide": "BOTH",
        "positionAmt": text(amount),
        "entryPrice": text(entry),
        "breakEvenPrice": text(entry),
        "markPrice": text(mark),
        "unRealizedProfit": text(unrealised),
        "liquidationPrice": text(liquidation),
        "isolatedMargin": "0",
        "notional": text(amount * mark),
        "marginAsset": contract.settle,
        "isolatedWallet": "0",
        "initialMargin": text(initial),
        "maintMargin": text(maintenance),
        "positionInitialMargin": text(initial),
        "openOrderInitialMargin": "0",
        "adl": 2,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": served.now_ms,
    }


def leverage_bracket(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/leverageBracket``."""
    name = params.get("symbol")
    contracts = served.listing() if name is None else [served.contract(name)]
    return [{"symbol": wire_symbol(one.symbol), "brackets": list(_brackets(one))} for one in contracts]


def _brackets(contract: Contract) -> Iterator[dict[str, Any]]:
    floor = _ZERO
    for number, tier in enumerate(contract.tiers, 1):
        yield {
            "bracket": number,
            "initialLeverage": int(tier.max_leverage),
            "notionalCap": int(tier.cap_quote),
            "notionalFloor": int(floor),
            # The venue sends these two as numbers, not as text.
            "maintMarginRatio": float(tier.maintenance_frac),
            "cum": float(tier.deduction_quote),
        }
        floor = tier.cap_quote


def set_leverage(served: Served, params: Params) -> dict[str, Any]:
    """``POST /fapi/v1/leverage``."""
    contract, wanted = served.contract(params.need("symbol")), params.whole("leverage")
    if wanted is None:
        raise missing("leverage")
    if not 1 <= wanted <= contract.tiers[0].max_leverage:
        raise WireError(-4028, f"Leverage {wanted} is not valid")
    served.exchange.set_leverage(contract.symbol, Decimal(wanted))
    return {"leverage": wanted, "maxNotionalValue": "1000000000", "symbol": wire_symbol(contract.symbol)}


def set_margin_type(served: Served, params: Params) -> dict[str, Any]:
    """``POST /fapi/v1/marginType``: this account is cross, and stays so."""
    served.contract(params.need("symbol"))
    if params.need("marginType") == "CROSSED":
        raise WireError(-4046, "No need to change margin type.")
    raise WireError(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")


def symbol_config(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/symbolConfig``: how each contract is set up in this account."""
    name = params.get("symbol")
    contracts = served.listing() if name is None else [served.contract(name)]
    floor = served.exchange.floor
    return [
        {
            "symbol": wire_symbol(one.symbol),
            "marginType": "ISOLATED" if wire_symbol(one.symbol) in served.isolated else "CROSSED",
            "isAutoAddMargin": False,
            "leverage": int(floor.margin.leverage_of(one)),
            "maxNotionalValue": "1000000000",
        }
        for one in contracts
    ]


def position_mode(served: Served, _params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/positionSide/dual``."""
    return {"dualSidePosition": served.has_hedge_mode}


def set_position_mode(served: Served, params: Params) -> dict[str, Any]:
    """``POST /fapi/v1/positionSide/dual``."""
    wanted = params.need("dualSidePosition").lower() == "true"
    if wanted is served.has_hedge_mode:
        raise WireError(-4059, "No need to change position side.")
    if served.exchange.floor.accounts.positions:
        raise WireError(-4068, "Position side cannot be changed if there exists position.")
    served.has_hedge_mode = wanted
    return {"code": 200, "msg": "success"}


def assets_mode(served: Served, _params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/multiAssetsMargin``."""
    return {"multiAssetsMargin": served.has_multi_assets}


def commission_rate(served: Served, params: Params) -> dict[str, Any]:
    """``GET /fapi/v1/commissionRate``."""
    contract, config = served.contract(params.need("symbol")), served.exchange.config
    return {
        "symbol": wire_symbol(contract.symbol),
        "makerCommissionRate": text(config.maker_fee_frac),
        "takerCommissionRate": text(config.taker_fee_frac),
    }


# --- what has happened -------------------------------------------------------------------------


def user_trades(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/userTrades``: of one symbol, a week at most, oldest first."""
    contract = served.contract(params.need("symbol"))
    order_id, from_id = params.whole("orderId"), params.whole("fromId")
    start, end = window(served, params)
    limit = min(params.whole("limit") or 500, 1000)
    mine = [trade for trade in served.exchange.floor.trades if trade.symbol == contract.symbol]
    if order_id is not None:
        mine = [trade for trade in mine if served.order_number_of(trade) == order_id]
    if from_id is not None:
        return [_trade(served, trade) for trade in mine if trade.id >= from_id][:limit]
    within = [trade for trade in mine if start <= ms(trade.at) <= end]
    # Asked without a beginning it gives the newest.
    cut = within[:limit] if params.get("startTime") else within[-limit:]
    return [_trade(served, trade) for trade in cut]


def window(served: Served, params: Params) -> tuple[int, int]:
    """Return the span that a request is about: a week at most, the last one unless it is told."""
    week_ms = _DAYS_PER_WINDOW * DAY_US // 1000
    start, end = params.whole("startTime"), params.whole("endTime")
    if start is not None and end is not None and end - start > week_ms:
        raise WireError(-4165, "Maximum time interval is 7 days.")
    if start is None:
        return (end or served.now_ms) - week_ms, end or served.now_ms
    return start, min(end or served.now_ms, start + week_ms)


def _trade(served: Served, trade: Trade) -> dict[str, Any]:
    contract = served.exchange.floor.contracts[trade.symbol]
    return {
        "symbol": wire_symbol(trade.symbol),
        "id": trade.id,
        "orderId": served.order_number_of(trade),
        "side": trade.side.value.upper(),
        "price": text(trade.price),
        "qty": text(trade.contracts),
        "realizedPnl": text(trade.realised),
        "quoteQty": text(contract.notional_quote(trade.contracts, trade.price)),
        "commission": text(trade.fee_paid),
        "commissionAsset": trade.currency,
        "time": ms(trade.at),
        "positionSide": "BOTH",
        "buyer": trade.side is Side.BUY,
        "maker": trade.is_maker,
    }


def own_order(trade: Trade) -> dict[str, Any]:
    """Return the order by which the venue has made a trade."""
    if trade.forced is None:
        raise WireError(-2013, "Order does not exist.")
    return {
        "orderId": own_order_id(trade.id),
        "symbol": wire_symbol(trade.symbol),
        "status": "FILLED",
        "clientOrderId": own_client_id(trade.forced, trade.id),
        "price": "0",
        "avgPrice": text(trade.price),
        "origQty": text(trade.contracts),
        "executedQty": text(trade.contracts),
        "cumQuote": text(trade.contracts * trade.price),
        "timeInForce": "IOC",
        "type": "MARKET",
        "origType": "MARKET",
        "reduceOnly": True,
        "closePosition": False,
        "side": trade.side.value.upper(),
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "time": ms(trade.at),
        "updateTime": ms(trade.at),
    }


def income(served: Served, params: Params) -> list[dict[str, Any]]:
    """``GET /fapi/v1/income``: movements of the futures wallet, oldest first; the last week unless asked otherwise.

    There are no pages of it since October 2026: who wants more asks from a later moment on.
    """
    wanted, name = params.get("incomeType"), params.get("symbol")
    limit = min(params.whole("limit") or 100, 1000)
    start = params.whole("startTime")
    end = params.whole("endTime") or served.now_ms
    since = end - _DAYS_PER_WINDOW * DAY_US // 1000 if start is None else start
    rows = [
        _income(movement)
        for movement in served.exchange.floor.accounts.movements
        if movement.wallet is WalletKind.LINEAR_FUTURES and since <= ms(movement.at) <= end
    ]
    rows = [row for row in rows if wanted in (None, row["incomeType"]) and name in (None, row["symbol"])]
    return rows[:limit]


def _income(movement: Movement) -> dict[str, Any]:
    return {
        "symbol": "" if movement.symbol is None else wire_symbol(movement.symbol),
        "incomeType": _INCOME[movement.kind],
        "income": text(movement.amount),
        "asset": movement.currency,
        "info": _INCOME[movement.kind],
        "time": ms(movement.at),
        "tranId": str(movement.id),
        "tradeId": "" if movement.trade_id is None else str(movement.trade_id),
    }
