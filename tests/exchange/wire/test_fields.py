"""Does the served exchange have the fields that Binance's documentation has, and none that are made up?

The documents of ``tests/adapters/ccxt/payloads.py`` are those of the documentation; here they are the measure.
"""

from datetime import timedelta
from typing import Any

from bot.adapters.ccxt.binance.venue import BinanceUsdm
from bot.domain.ids import Currency
from bot.domain.orders import OrderType
from bot.domain.portfolio import WalletKind
from bot.exchange.wire.server import WireServer
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import OURS, hedge, stop
from tests.adapters.ccxt.test_account import transfer
from tests.builders import dec
from tests.live.rig import run_on_wire

#: What an order has only as the reply to a new one.
_OF_NEW_ORDERS = {"cumQty"}
#: What is documented for conditional orders by their kind, and left out for the others.
_OF_OTHER_KINDS = {"activatePrice", "callbackRate"}

#: (ccxt's method, its parameters, where the row is, the documented row, further documented fields)
DOCUMENTS: tuple[tuple[str, dict[str, Any], tuple[str | int, ...], dict[str, Any], set[str]], ...] = (
    ("fapiPublicGetExchangeInfo", {}, (), payloads.EXCHANGE_INFO, set()),
    ("fapiPublicGetExchangeInfo", {}, ("symbols", 0), payloads.BTC, set()),
    ("fapiPrivateGetLeverageBracket", {}, (0,), payloads.brackets("x"), set()),
    ("fapiPrivateGetLeverageBracket", {}, (0, "brackets", 0), payloads.brackets("x")["brackets"][0], set()),
    ("fapiPrivateGetSymbolConfig", {}, (0,), payloads.symbol_config("x"), set()),
    ("fapiPrivateGetCommissionRate", {"symbol": "BTCUSDT"}, (), payloads.COMMISSION_RATE, set()),
    ("privateGetAccount", {}, (), payloads.SPOT_ACCOUNT, set()),
    ("privateGetAccount", {}, ("balances", 0), payloads.SPOT_ACCOUNT["balances"][0], set()),
    ("sapiGetAssetWalletBalance", {}, (0,), payloads.WALLETS[0], set()),
    ("sapiGetAccountApiRestrictions", {}, (), payloads.KEY, set()),
    ("fapiPrivateV3GetAccount", {}, ("assets", 0), payloads.FUTURES_ACCOUNT["assets"][0], set()),
    ("fapiPrivateV3GetPositionRisk", {}, (0,), payloads.position("x", "1"), set()),
    ("fapiPrivateGetAllOrders", {"symbol": "BTCUSDT"}, (0,), payloads.order("x"), _OF_NEW_ORDERS),
    ("fapiPrivateGetOpenAlgoOrders", {}, (0,), payloads.conditional("x"), _OF_OTHER_KINDS),
    ("fapiPrivateGetUserTrades", {"symbol": "BTCUSDT"}, (0,), payloads.trade(1, 2), set()),
    ("fapiPrivateGetIncome", {"incomeType": "COMMISSION"}, (0,), payloads.income("x", "1"), set()),
    ("fapiPublicGetFundingRate", {"symbol": "BTCUSDT"}, (0,), payloads.settled_rate("0"), set()),
    ("fapiPublicGetTickerBookTicker", {"symbol": "BTCUSDT"}, (), payloads.book("x"), set()),
    ("fapiPublicGetPremiumIndex", {"symbol": "BTCUSDT"}, (), payloads.premium("x"), set()),
    ("fapiPublicV2GetTickerPrice", {"symbol": "BTCUSDT"}, (), payloads.last("x"), set()),
    ("sapiGetAssetTransfer", {"type": "MAIN_UMFUTURE"}, ("rows", 0), payloads.moved("1", 1), set()),
)


def test_a_served_document_has_the_documented_fields_and_no_others() -> None:
    made_up: dict[str, list[str]] = {}
    of_another_kind: dict[str, list[str]] = {}

    async def compare(venue: BinanceUsdm, server: WireServer, clock: Any) -> None:
        server.app.served.exchange.deposit(WalletKind.SPOT, Currency("USDT"), dec(1000))
        await venue.submit(hedge(price=None, type=OrderType.MARKET))
        await venue.submit(stop(client_order_id=OURS.replace("1", "2")))
        await venue.transfer(transfer(amount=dec(1)))
        await clock.sleep(timedelta(hours=9))
        for method, params, way, documented, further in DOCUMENTS:
            row = await venue.calls.read(method, params)
            for step in way:
                row = row[step]
            place = f"{method} {way}"
            made_up[place] = sorted(set(row) - set(documented) - further)
            of_another_kind[place] = sorted(
                name
                for name, value in row.items()
                if isinstance(documented.get(name), str | bool) and type(value) is not type(documented[name])
            )

    run_on_wire(compare)
    assert len(made_up) == len(DOCUMENTS)
    assert {place: names for place, names in made_up.items() if names} == {}
    assert {place: names for place, names in of_another_kind.items() if names} == {}
