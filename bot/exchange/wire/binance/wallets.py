"""What lies beside the futures wallet? The spot wallet, transfers, what the key may do, and the coins there are."""

from decimal import Decimal
from typing import Any

from bot.domain.ids import Currency
from bot.domain.portfolio import WalletKind
from bot.exchange.moments import from_us, to_us
from bot.exchange.orders import Refused
from bot.exchange.transfers import ExchangeTransfer
from bot.exchange.wire.binance.errors import WireError, missing, of_refusal
from bot.exchange.wire.binance.names import ms, text
from bot.exchange.wire.binance.request import Params
from bot.exchange.wire.binance.state import Served

_ZERO = Decimal(0)
_USDT = Currency("USDT")
_FUTURES = (WalletKind.LINEAR_FUTURES, _USDT)
_WALLETS = {"MAIN": WalletKind.SPOT, "UMFUTURE": WalletKind.LINEAR_FUTURES}


def spot_account(served: Served, params: Params) -> dict[str, Any]:
    """``GET /api/v3/account``: the spot wallet."""
    wallets = served.exchange.floor.accounts.wallets
    held = {currency: amount for (kind, currency), amount in wallets.items() if kind is WalletKind.SPOT}
    is_short = (params.get("omitZeroBalances") or "").lower() == "true"
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "canTrade": True,
        "canWithdraw": served.may_withdraw,
        "canDeposit": True,
        "accountType": "SPOT",
        "updateTime": served.now_ms,
        "balances": [
            {"asset": currency, "free": text(amount), "locked": "0"}
            for currency, amount in held.items()
            if amount or not is_short
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def spot_price(served: Served, params: Params) -> dict[str, Any]:
    """``GET /api/v3/ticker/price``: what a coin costs in USDT on the spot market."""
    name = params.need("symbol")
    price = served.index_of(name.removesuffix(_USDT)) if name.endswith(_USDT) else _ZERO
    if not price:
        raise WireError(-1121, "Invalid symbol.")
    return {"symbol": name, "price": text(price)}


def funding_asset(_served: Served, _params: Params) -> list[dict[str, Any]]:
    """``POST /sapi/v1/asset/get-funding-asset``: the funding wallet, which is empty here."""
    return []


def wallet_balance(served: Served, _params: Params) -> list[dict[str, Any]]:
    """``GET /sapi/v1/asset/wallet/balance``: what each kind of wallet is worth, in USDT where that is asked for."""
    floor = served.exchange.floor
    spot = _ZERO
    for (kind, currency), amount in floor.accounts.wallets.items():
        if kind is WalletKind.SPOT:
            spot += amount if currency == _USDT else amount * served.index_of(currency)
    futures = floor.margin.summary(_FUTURES, floor).margin_balance
    worth = {"Spot": spot, "Funding": _ZERO, "USDⓈ-M Futures": futures, **served.other_wallets}
    names = ("Cross Margin", "Isolated Margin", "COIN-M Futures", "Earn", "Options", "Trading Bots", "Copy Trading")
    return [
        {"activate": True, "balance": text(amount), "walletName": name}
        for name, amount in (dict.fromkeys(names, _ZERO) | worth).items()
    ]


def api_restrictions(served: Served, _params: Params) -> dict[str, Any]:
    """``GET /sapi/v1/account/apiRestrictions``: what the key may do."""
    return {
        "ipRestrict": served.is_bound_to_address,
        "createTime": 1_600_000_000_000,
        "enableReading": True,
        "enableWithdrawals": served.may_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": served.may_trade,
        "permitsUniversalTransfer": served.may_transfer,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": False,
        "enablePortfolioMarginTrading": False,
    }


def transfer(served: Served, params: Params) -> dict[str, Any]:
    """``POST /sapi/v1/asset/transfer``. There is no id of the sender's: the same words again move again."""
    if not served.may_transfer:
        raise WireError(-1002, "You are not authorized to execute this request.")
    source, target = _ends(params.need("type"))
    amount = params.number("amount")
    if amount is None:
        raise missing("amount")
    currency = Currency(params.need("asset"))
    try:
        sent = served.exchange.transfer((source, currency), (target, currency), amount)
    except Refused as refusal:
        raise of_refusal(refusal) from refusal
    return {"tranId": 10_000_000_000 + sent.id}


def transfers(served: Served, params: Params) -> dict[str, Any]:
    """``GET /sapi/v1/asset/transfer``: of one kind, newest first."""
    kind = params.need("type")
    ends = _ends(kind)
    start, end = params.whole("startTime") or 0, params.whole("endTime") or served.now_ms
    size, page = min(params.whole("size") or 10, 100), params.whole("current") or 1
    rows = [
        _transfer(one, kind)
        for one in served.exchange.transfers.since(from_us(start * 1000))
        if (one.source, one.target) == ends and ms(one.at) <= end
    ]
    rows.reverse()
    return {"total": len(rows), "rows": rows[(page - 1) * size : page * size]}


def _ends(kind: str) -> tuple[WalletKind, WalletKind]:
    source, _, target = kind.partition("_")
    if source not in _WALLETS or target not in _WALLETS or source == target:
        raise WireError(-9000, f"transfer type {kind[:40]} is not supported")
    return _WALLETS[source], _WALLETS[target]


def _transfer(one: ExchangeTransfer, kind: str) -> dict[str, Any]:
    return {
        "asset": one.currency,
        "amount": text(one.amount),
        "type": kind,
        "status": "CONFIRMED" if one.state.value == "done" else "PENDING",
        "tranId": 10_000_000_000 + one.id,
        "timestamp": to_us(one.at) // 1000,
    }


def coins(served: Served, _params: Params) -> list[dict[str, Any]]:
    """``GET /sapi/v1/capital/config/getall``: the coins there are. None of them leaves this exchange."""
    wallets = served.exchange.floor.accounts.wallets
    held = {currency: amount for (kind, currency), amount in wallets.items() if kind is WalletKind.SPOT}
    names = dict.fromkeys([_USDT, *(Currency(asset) for asset in served.exchange.floor.config.assets), *held])
    return [
        {
            "coin": name,
            "name": name,
            "free": text(held.get(name, _ZERO)),
            "locked": "0",
            "depositAllEnable": True,
            "withdrawAllEnable": False,
            "trading": True,
            "isLegalMoney": False,
            "networkList": [],
        }
        for name in names
    ]


def margin_pairs(_served: Served, _params: Params) -> list[dict[str, Any]]:
    """``GET /sapi/v1/margin/allPairs`` and ``…/isolated/allPairs``: there is no margin trading of coins here."""
    return []
