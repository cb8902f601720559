"""What is told without being asked? Market streams, and the account's own.

A stream is as of the last beat of the server; an account's events leave with the reply to the request that caused them,
or with the beat.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.ids import Symbol
from bot.exchange.contracts import Contract
from bot.exchange.floor import Record
from bot.exchange.moments import to_us
from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import Movement, Trade
from bot.exchange.wire.binance import account, market, orders
from bot.exchange.wire.binance.errors import WireError
from bot.exchange.wire.binance.names import STATUS, algo_id, text, wire_symbol
from bot.exchange.wire.binance.request import Params
from bot.exchange.wire.binance.state import Served

#: There is one account, so there is one key.
LISTEN_KEY = "trimtabListenKey000000000000000000000000000000000000000000000001"
_EXECUTION = {
    "NEW": "NEW",
    "CANCELED": "CANCELED",
    "EXPIRED": "EXPIRED",
    "FILLED": "TRADE",
    "PARTIALLY_FILLED": "TRADE",
}


def listen_key(_served: Served, _params: Params) -> dict[str, Any]:
    """``POST`` and ``PUT /fapi/v1/listenKey``."""
    return {"listenKey": LISTEN_KEY}


def close_listen_key(_served: Served, _params: Params) -> dict[str, Any]:
    """``DELETE /fapi/v1/listenKey``."""
    return {}


def market_event(served: Served, stream: str) -> dict[str, Any]:
    """Return what a market stream has to say now.

    Raises:
        WireError: there is no such stream.
    """
    name, _, kind = stream.partition("@")
    contract = served.contract(name.upper())
    tell = _TELLS.get(kind.partition("@")[0])
    if tell is None:
        raise WireError(-1104, f"Unknown stream {stream[:60]}")
    return {"E": served.now_ms, **tell(served, contract)}


def _book_ticker(served: Served, contract: Contract) -> dict[str, Any]:
    row = market.touch(served, contract)
    return {
        "e": "bookTicker",
        "u": served.now_ms,
        "T": served.now_ms,
        "s": row["symbol"],
        "b": row["bidPrice"],
        "B": row["bidQty"],
        "a": row["askPrice"],
        "A": row["askQty"],
    }


def _mark_price(served: Served, contract: Contract) -> dict[str, Any]:
    row = market.premium(served, contract)
    return {
        "e": "markPriceUpdate",
        "s": row["symbol"],
        "p": row["markPrice"],
        "i": row["indexPrice"],
        "P": row["estimatedSettlePrice"],
        "r": row["lastFundingRate"],
        "T": row["nextFundingTime"],
    }


def _mini_ticker(served: Served, contract: Contract) -> dict[str, Any]:
    last = text(served.exchange.top(contract).last_price)
    names = {"c": last, "o": last, "h": last, "l": last}
    return {"e": "24hrMiniTicker", "s": wire_symbol(contract.symbol), **names, "v": "100000", "q": "0"}


_TELLS: dict[str, Callable[[Served, Contract], dict[str, Any]]] = {
    "bookTicker": _book_ticker,
    "markPrice": _mark_price,
    "miniTicker": _mini_ticker,
}


@dataclass(slots=True)
class AccountEvents:
    """Collects what happens in the account, for whoever listens."""

    served: Served
    waiting: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.served.exchange.floor.observers.append(self._see)

    def take(self) -> list[dict[str, Any]]:
        """Return what has happened since the last time."""
        taken, self.waiting = self.waiting, []
        return taken

    def _see(self, at: datetime, _kind: str, record: Record) -> None:
        at_ms = to_us(at) // 1000
        match record:
            case ExchangeOrder() if self._is_linear(record.symbol):
                self.waiting.extend(self._of_order(record, at_ms, None))
            case Trade() if self._is_linear(record.symbol) and record.order_id is not None:
                order = self.served.exchange.floor.orders[record.order_id]
                self.waiting.extend(self._of_order(order, at_ms, record))
                self.waiting.append(self._of_account("ORDER", at_ms, record.symbol))
            case Movement() if record.trade_id is None:
                self.waiting.append(self._of_account("FUNDING_FEE" if record.symbol else "DEPOSIT", at_ms, None))

    def _is_linear(self, symbol: str) -> bool:
        return self.served.exchange.floor.contracts[Symbol(symbol)].is_linear

    def _of_order(self, order: ExchangeOrder, at_ms: int, trade: Trade | None) -> Iterator[dict[str, Any]]:
        if orders.is_conditional(order):
            body = orders.algo_body(order)
            yield {
                "e": "ALGO_UPDATE",
                "E": at_ms,
                "T": at_ms,
                "o": {
                    "caid": body["clientAlgoId"],
                    "aid": algo_id(order.id),
                    "at": "CONDITIONAL",
                    "o": "STOP_MARKET",
                    "s": body["symbol"],
                    "S": body["side"],
                    "ps": "BOTH",
                    "f": "GTC",
                    "q": body["quantity"],
                    "X": body["algoStatus"],
                    "ai": body["actualOrderId"],
                    "tp": body["triggerPrice"],
                    "p": "0",
                    "wt": "MARK_PRICE",
                    "R": order.reduce_only,
                    "tt": body["triggerTime"],
                },
            }
            if order.triggered_at is None:
                return
        yield {"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": self._order_fields(order, at_ms, trade)}

    def _order_fields(self, order: ExchangeOrder, at_ms: int, trade: Trade | None) -> dict[str, Any]:
        body = orders.order_body(self.served, order)
        status = STATUS[order.state]
        return {
            "s": body["symbol"],
            "c": body["clientOrderId"],
            "S": body["side"],
            "o": body["type"],
            "f": body["timeInForce"],
            "q": body["origQty"],
            "p": body["price"],
            "ap": body["avgPrice"],
            "sp": "0",
            "x": "TRADE" if trade is not None else _EXECUTION[status],
            "X": status,
            "i": order.id,
            "l": "0" if trade is None else text(trade.contracts),
            "z": body["executedQty"],
            "L": "0" if trade is None else text(trade.price),
            "N": "USDT",
            "n": "0" if trade is None else text(trade.fee_paid),
            "T": at_ms,
            "t": 0 if trade is None else trade.id,
            "b": "0",
            "a": "0",
            "m": trade is not None and trade.is_maker,
            "R": order.reduce_only,
            "wt": "CONTRACT_PRICE",
            "ot": body["origType"],
            "ps": "BOTH",
            "cp": False,
            "rp": "0" if trade is None else text(trade.realised),
        }

    def _of_account(self, reason: str, at_ms: int, symbol: str | None) -> dict[str, Any]:
        (asset,) = account.account(self.served, Params({}))["assets"]
        contracts = self.served.exchange.floor.contracts
        changed = [] if symbol is None else [account.position(self.served, contracts[Symbol(symbol)])]
        positions = [
            {
                "s": row["symbol"],
                "pa": row["positionAmt"],
                "ep": row["entryPrice"],
                "bep": row["breakEvenPrice"],
                "cr": "0",
                "up": row["unRealizedProfit"],
                "mt": "cross",
                "iw": "0",
                "ps": "BOTH",
                "ma": "USDT",
            }
            for row in changed
        ]
        balances = [{"a": "USDT", "wb": asset["walletBalance"], "cw": asset["walletBalance"], "bc": "0"}]
        return {"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": {"m": reason, "B": balances, "P": positions}}
