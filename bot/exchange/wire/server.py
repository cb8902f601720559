"""How is the exchange served? On loopback, in a process of its own, until it is told to stop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.exchange.exchange import Exchange
from bot.exchange.wire.admin import Admin
from bot.exchange.wire.binance.app import BinanceApp
from bot.exchange.wire.binance.request import Doorkeeper
from bot.exchange.wire.binance.state import Served
from bot.exchange.wire.faults import WireFaults

#: The keys that are let in unless others are said. There is nothing to be kept safe behind them.
API_KEY, API_SECRET = "trimtab-key", "trimtab-secret"
_SOCKET_PATHS = ("/ws", "/ws/{tail:.*}", "/stream", "/{lane:(?:market|public|private)}/{tail:.*}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where it can be reached."""

    rest_url: str
    ws_url: str
    admin_url: str


class WireServer:
    """Serves one exchange in the dialect of Binance USDⓈ-M."""

    def __init__(
        self,
        exchange: Exchange,
        now: Callable[[], datetime],
        *,
        api_key: str = API_KEY,
        api_secret: str = API_SECRET,
        fault_seed: int = 1,
    ) -> None:
        self.app = BinanceApp(Served(exchange, now), Doorkeeper(api_key, api_secret), WireFaults(fault_seed))
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> Address:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """
        application = web.Application()
        application.add_routes(Admin(self.app).routes())
        application.add_routes([web.get(path, self.app.listen) for path in _SOCKET_PATHS])
        application.add_routes([web.route("*", "/{tail:.*}", self.app.handle)])
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        taken = self._runner.addresses[0][1]
        return Address(
            rest_url=f"http://{host}:{taken}", ws_url=f"ws://{host}:{taken}", admin_url=f"http://{host}:{taken}/admin"
        )

    async def run(self, beat_seconds: float) -> None:
        """Tell everyone who listens, beat by beat, for ever."""
        while True:
            await self.app.beat()
            await asyncio.sleep(beat_seconds)  # noqa: TID251 - a socket lives in the time of the machine

    async def stop(self) -> None:
        """Listen no more, and keep everything."""
        if self._runner is not None:
            await self._runner.cleanup()
        self.app.served.exchange.close()
