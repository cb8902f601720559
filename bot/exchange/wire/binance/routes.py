"""Which request is answered by whom, what does it weigh, and who may send it?

Paths and weights as documented for the futures API, the spot API and the wallet's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bot.exchange.wire.binance import account, market, orders, streams, wallets
from bot.exchange.wire.binance.request import Params
from bot.exchange.wire.binance.state import Served

Handler = Callable[[Served, Params], Any]


class Security(Enum):
    """What a request must show."""

    NONE = "none"
    KEY = "key"
    SIGNED = "signed"


@dataclass(frozen=True, slots=True)
class Route:
    """One route."""

    answer: Handler
    weight: int = 1
    security: Security = Security.NONE
    is_order: bool = False
    #: What it weighs without a symbol.
    weight_of_all: int | None = None

    def weight_of(self, params: Params) -> int:
        """Return what a request weighs."""
        return self.weight_of_all if self.weight_of_all is not None and not params.get("symbol") else self.weight


_SIGNED, _KEY = Security.SIGNED, Security.KEY
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/fapi/v1/ping"): Route(market.ping),
    ("GET", "/fapi/v1/time"): Route(market.server_time),
    ("GET", "/fapi/v1/exchangeInfo"): Route(market.exchange_info),
    ("GET", "/fapi/v1/depth"): Route(market.depth, 5),
    ("GET", "/fapi/v1/klines"): Route(market.klines, 2),
    ("GET", "/fapi/v1/indexPriceKlines"): Route(market.index_klines, 2),
    ("GET", "/fapi/v1/markPriceKlines"): Route(market.klines, 2),
    ("GET", "/fapi/v1/premiumIndex"): Route(market.premium_index, weight_of_all=10),
    ("GET", "/fapi/v1/fundingRate"): Route(market.funding_rates),
    ("GET", "/fapi/v1/fundingInfo"): Route(market.funding_info),
    ("GET", "/fapi/v1/ticker/24hr"): Route(market.day_ticker, weight_of_all=40),
    ("GET", "/fapi/v1/ticker/price"): Route(market.price_ticker, weight_of_all=2),
    ("GET", "/fapi/v2/ticker/price"): Route(market.price_ticker, weight_of_all=2),
    ("GET", "/fapi/v1/ticker/bookTicker"): Route(market.book_ticker, 2, weight_of_all=5),
    ("GET", "/fapi/v1/assetIndex"): Route(market.asset_index, weight_of_all=10),
    ("POST", "/fapi/v1/order"): Route(orders.place, 0, _SIGNED, is_order=True),
    ("GET", "/fapi/v1/order"): Route(orders.fetch, 1, _SIGNED),
    ("DELETE", "/fapi/v1/order"): Route(orders.cancel, 1, _SIGNED),
    ("GET", "/fapi/v1/openOrder"): Route(orders.fetch, 1, _SIGNED),
    ("GET", "/fapi/v1/openOrders"): Route(orders.open_orders, 1, _SIGNED, weight_of_all=40),
    ("GET", "/fapi/v1/allOrders"): Route(orders.all_orders, 5, _SIGNED),
    ("DELETE", "/fapi/v1/allOpenOrders"): Route(orders.cancel_all, 1, _SIGNED),
    ("POST", "/fapi/v1/algoOrder"): Route(orders.place_algo, 0, _SIGNED, is_order=True),
    ("GET", "/fapi/v1/algoOrder"): Route(orders.fetch_algo, 1, _SIGNED),
    ("DELETE", "/fapi/v1/algoOrder"): Route(orders.cancel_algo, 1, _SIGNED),
    ("GET", "/fapi/v1/openAlgoOrders"): Route(orders.open_algo_orders, 1, _SIGNED, weight_of_all=40),
    ("GET", "/fapi/v1/allAlgoOrders"): Route(orders.all_algo_orders, 5, _SIGNED),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Route(orders.cancel_all_algo, 1, _SIGNED),
    ("GET", "/fapi/v2/account"): Route(account.account, 5, _SIGNED),
    ("GET", "/fapi/v3/account"): Route(account.account, 5, _SIGNED),
    ("GET", "/fapi/v2/balance"): Route(account.balance, 5, _SIGNED),
    ("GET", "/fapi/v3/balance"): Route(account.balance, 5, _SIGNED),
    ("GET", "/fapi/v2/positionRisk"): Route(account.position_risk, 5, _SIGNED),
    ("GET", "/fapi/v3/positionRisk"): Route(account.position_risk, 5, _SIGNED),
    ("GET", "/fapi/v1/leverageBracket"): Route(account.leverage_bracket, 1, _SIGNED),
    ("POST", "/fapi/v1/leverage"): Route(account.set_leverage, 1, _SIGNED),
    ("POST", "/fapi/v1/marginType"): Route(account.set_margin_type, 1, _SIGNED),
    ("GET", "/fapi/v1/symbolConfig"): Route(account.symbol_config, 5, _SIGNED),
    ("GET", "/fapi/v1/positionSide/dual"): Route(account.position_mode, 30, _SIGNED),
    ("POST", "/fapi/v1/positionSide/dual"): Route(account.set_position_mode, 1, _SIGNED),
    ("GET", "/fapi/v1/multiAssetsMargin"): Route(account.assets_mode, 30, _SIGNED),
    ("GET", "/fapi/v1/commissionRate"): Route(account.commission_rate, 20, _SIGNED),
    ("GET", "/fapi/v1/userTrades"): Route(account.user_trades, 5, _SIGNED),
    ("GET", "/fapi/v1/income"): Route(account.income, 30, _SIGNED),
    ("POST", "/fapi/v1/listenKey"): Route(streams.listen_key, 1, _KEY),
    ("PUT", "/fapi/v1/listenKey"): Route(streams.listen_key, 1, _KEY),
    ("DELETE", "/fapi/v1/listenKey"): Route(streams.close_listen_key, 1, _KEY),
    ("GET", "/api/v3/ping"): Route(market.ping),
    ("GET", "/api/v3/time"): Route(market.server_time),
    ("GET", "/api/v3/ticker/price"): Route(wallets.spot_price, 2),
    ("GET", "/api/v3/account"): Route(wallets.spot_account, 20, _SIGNED),
    ("POST", "/sapi/v1/asset/get-funding-asset"): Route(wallets.funding_asset, 1, _SIGNED),
    ("GET", "/sapi/v1/asset/wallet/balance"): Route(wallets.wallet_balance, 60, _SIGNED),
    ("GET", "/sapi/v1/account/apiRestrictions"): Route(wallets.api_restrictions, 1, _SIGNED),
    ("GET", "/sapi/v1/capital/config/getall"): Route(wallets.coins, 10, _SIGNED),
    ("GET", "/sapi/v1/margin/allPairs"): Route(wallets.margin_pairs, 1, _KEY),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Route(wallets.margin_pairs, 10, _KEY),
    ("POST", "/sapi/v1/asset/transfer"): Route(wallets.transfer, 90, _SIGNED),
    ("GET", "/sapi/v1/asset/transfer"): Route(wallets.transfers, 1, _SIGNED),
}
