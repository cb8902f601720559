"""How is the served exchange steered from outside? Prices, faults, settings of the account, and the truth for judges.

On loopback alone, and never part of what a venue would offer.
"""

import json
from decimal import Decimal
from typing import Any

from aiohttp import web

from bot.domain.errors import BadPayload
from bot.domain.ids import Asset, Currency
from bot.domain.portfolio import WalletKind
from bot.domain.units import to_decimal
from bot.exchange.documents import to_document
from bot.exchange.wire.binance.app import BinanceApp
from bot.exchange.wire.gate import Trap

_FLAGS = ("has_hedge_mode", "has_multi_assets", "may_trade", "may_withdraw", "may_transfer", "is_bound_to_address")


class Admin:
    """The routes of whoever runs the exchange."""

    def __init__(self, app: BinanceApp) -> None:
        self._app = app

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/admin/state", self._state),
            web.post("/admin/price", self._asked(self._price)),
            web.post("/admin/deposit", self._asked(self._deposit)),
            web.post("/admin/fault", self._asked(self._fault)),
            web.post("/admin/calm", self._asked(self._calm)),
            web.post("/admin/account", self._asked(self._account)),
            web.post("/admin/sockets", self._sockets),
            web.get("/admin/standing", self._standing),
            web.post("/admin/gate", self._asked(self._gate)),
            web.get("/admin/gate", self._arrival),
        ]

    async def _state(self, _http: web.Request) -> web.Response:
        served = self._app.served
        served.reach()
        floor = served.exchange.floor
        accounts = floor.accounts
        return web.json_response(
            {
                "schema": "trimtab.exchange-state/1",
                "now": served.exchange.now.isoformat(),
                "positions": {symbol: str(one.contracts) for symbol, one in accounts.positions.items()},
                "wallets": [[kind, currency, str(held)] for (kind, currency), held in accounts.wallets.items()],
                "orders": [to_document(order) for order in floor.orders.values()],
                "trades": [to_document(trade) for trade in floor.trades],
                "transfers": [to_document(one) for one in served.exchange.transfers.all],
                "liquidations": len(floor.liquidations),
                "requests": self._app.requests,
                "faults": self._app.faults.done,
                "sockets": len(self._app.sockets),
            }
        )

    async def _standing(self, _http: web.Request) -> web.Response:
        """Say what stands at this moment, in few words: for whoever asks ten times a second."""
        served = self._app.served
        served.reach()
        floor = served.exchange.floor
        held = {symbol: str(one.contracts) for symbol, one in floor.accounts.positions.items()}
        resting = [to_document(order) for order in floor.open_orders.values()]
        return web.json_response({"positions": held, "orders": resting, "sent": floor.numbers["order"]})

    def _gate(self, asked: dict[str, Any]) -> None:
        """Hold the next request of a kind; without one, let go what is held."""
        if asked:
            self._app.gate.arm(Trap(**asked))
        else:
            self._app.gate.open()

    async def _arrival(self, http: web.Request) -> web.Response:
        """Answer as soon as a request is held, or with ``null`` after ``wait`` seconds."""
        return web.json_response({"held": await self._app.gate.arrival(float(http.query.get("wait", "1")))})

    def _asked(self, do: Any) -> Any:
        async def handle(http: web.Request) -> web.Response:
            try:
                asked = json.loads(await http.text() or "{}")
                do(asked)
            except (ValueError, KeyError, TypeError, BadPayload) as failure:
                return web.json_response({"error": f"{type(failure).__name__}: {failure}"}, status=400)
            return web.json_response({"done": True})

        return handle

    def _price(self, asked: dict[str, Any]) -> None:
        self._app.served.reach()
        self._app.served.exchange.set_price(Asset(asked["asset"]), to_decimal(asked["price"]))

    def _deposit(self, asked: dict[str, Any]) -> None:
        self._app.served.reach()
        kind = WalletKind(asked.get("wallet", WalletKind.SPOT))
        self._app.served.exchange.deposit(kind, Currency(asked["currency"]), to_decimal(asked["amount"]))

    def _fault(self, asked: dict[str, Any]) -> None:
        self._app.faults.add(**asked)

    def _calm(self, _asked: dict[str, Any]) -> None:
        self._app.faults.rules.clear()
        self._app.is_silent = False

    def _account(self, asked: dict[str, Any]) -> None:
        served = self._app.served
        for name in _FLAGS:
            if name in asked:
                setattr(served, name, bool(asked[name]))
        if "weight_limit" in asked:
            served.weight_limit = int(asked["weight_limit"])
        served.isolated.update(asked.get("isolated", ()))
        for name, amount in asked.get("other_wallets", {}).items():
            served.other_wallets[name] = Decimal(str(amount))

    async def _sockets(self, http: web.Request) -> web.Response:
        """``drop`` closes every socket; ``silent`` keeps them open and says nothing more."""
        asked = json.loads(await http.text() or "{}")
        self._app.is_silent = bool(asked.get("silent", self._app.is_silent))
        if asked.get("drop"):
            await self._app.drop_sockets()
        return web.json_response({"done": True})
