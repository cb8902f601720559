"""A bot in live mode against the served exchange, both on one loop whose time jumps while the wire is quiet."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.adapters.alerts import LogAlerts
from bot.adapters.ccxt.binance.venue import BinanceUsdm
from bot.adapters.ccxt.client import open_client
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.backtest.invariants import InvariantChecker
from bot.bootstrap import Bot, build
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.policy import BandPolicy, CadencePolicy, Destination, Policy
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.static_market import DEFAULT_START
from bot.exchange.wire.server import API_KEY, API_SECRET, Address, WireServer

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
BTC_PERP = Symbol("BTC/USDT:USDT")
USDT = Currency("USDT")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def connect(
    address: Address, clock: Any, kind: type[BinanceUsdm] = BinanceUsdm, *, is_listening: bool = False, **keys: str
) -> BinanceUsdm:
    """Return the adapter, pointed at a server; ``is_listening``: at its sockets, too."""
    client = open_client(
        api_key=keys.get("api_key", API_KEY),
        api_secret=keys.get("api_secret", API_SECRET),
        rest_url=address.rest_url,
        ws_url=address.ws_url if is_listening else None,
        is_testnet=False,
        clock=clock,
    )
    return kind(client, clock)


class LiveOwner:
    """An account at the served exchange, a bot in live mode, and a checker that watches the truth."""

    def __init__(
        self,
        *,
        holdings: Mapping[Asset, str] | None = None,
        targets: Mapping[Asset, str] | None = None,
        script: Any = (),
        collateral: str = "6000",
        spare: str = "4000",
        exchange: Mapping[str, Any] | None = None,
        start: datetime = DEFAULT_START,
        **policy: Any,
    ) -> None:
        held = holdings or {BTC: "0.2", ETH: "1.2"}
        wanted = targets or {BTC: "0.7", ETH: "0.3"}
        self.exchange: Exchange = open_exchange(
            ExchangeConfig(
                market=MarketKind.STATIC,
                assets=tuple(held),
                holdings={asset: Decimal(amount) for asset, amount in held.items()},
                collateral={USDT: Decimal(collateral)},
                spare={USDT: Decimal(spare)},
                start=start,
                script={BTC: tuple((start + after, Decimal(price)) for after, price in script)},
                **(exchange or {}),
            ),
            None,
        )
        self.policy = Policy(
            targets={asset: Decimal(weight) for asset, weight in wanted.items()},
            bands=BandPolicy(absolute_frac=Decimal("0.02"), destination=Destination.TARGET, total_frac=None),
            **{"cadence": CadencePolicy(cron="0 * * * *", move_sigmas=None)} | policy,
        )
        self.journal: SqlJournal = open_journal(None, now=self.exchange.now, epoch_tail=lambda: "NET")
        self.checker = InvariantChecker(self.exchange, self.journal, self.policy)
        self.bot: Bot | None = None
        self.server: WireServer | None = None

    def run(
        self,
        duration: timedelta,
        during: Callable[[Bot, WireServer], Awaitable[None] | None] | None = None,
        *,
        before: Callable[[WireServer], None] | None = None,
        kind: type[BinanceUsdm] = BinanceUsdm,
        is_listening: bool = False,
    ) -> Bot:
        """Run a fresh bot on the same account and journal; ``during`` is called a minute after its start."""
        self.journal = self.journal.reopened()
        self.checker.follow(self.journal)
        loop = SimulatedLoop(allow_io=True)
        until = self.exchange.now + duration

        async def live() -> Bot:
            clock = LoopClock(loop, self.exchange.now)
            self.server = server = WireServer(self.exchange, clock.now)
            address = await server.start("127.0.0.1", 0)
            if before is not None:
                before(server)
            venue = connect(address, clock, kind, is_listening=is_listening)
            beat = asyncio.ensure_future(server.run(1.0)) if is_listening else None
            bot = self.bot = build(
                policy=self.policy,
                mode="live",
                clock=clock,
                venues={venue.id: venue},
                journal=self.journal,
                alerts=LogAlerts(clock),
                holdings=DeclaredHoldings(),
            )
            try:
                if await bot.supervisor.start_unless_stopped():
                    loop.call_later(max(0.0, (until - clock.now()).total_seconds()), bot.supervisor.stop)
                    if during is not None:
                        loop.call_later(60, _call, during, bot, server)
                    await bot.supervisor.run()
                await bot.supervisor.wind_up("the scenario has ended")
            finally:
                if beat is not None:
                    beat.cancel()
                await venue.stop()
                await server.stop()
            return bot

        try:
            return loop.run_until_complete(live())
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    def held(self, symbol: Symbol = BTC_PERP) -> Decimal:
        """Return a position."""
        return self.exchange.floor.accounts.contracts_of(symbol)

    def facts(self, kind: type) -> list[Any]:
        """Return the journal's facts of a kind."""
        return [fact for _, fact in self.journal.facts(kind=kind.__name__)]

    def alerts(self) -> set[str]:
        """Return the codes of what is open."""
        assert self.bot is not None
        return {alert["code"] for alert in self.bot.desk.alerts.open_alerts}

    def is_well(self) -> None:
        """Nothing that must never happen has happened."""
        self.checker.check_at_rest(self.exchange.now)
        assert self.checker.violated == []


def _call(during: Callable[[Bot, WireServer], Awaitable[None] | None], bot: Bot, server: WireServer) -> None:
    doing = during(bot, server)
    if doing is not None:
        task = asyncio.ensure_future(doing)
        _RUNNING.add(task)
        task.add_done_callback(_RUNNING.discard)


_RUNNING: set[Any] = set()


def run_on_wire(
    test: Callable[[BinanceUsdm, WireServer, Any], Awaitable[None]],
    *,
    exchange: Exchange | None = None,
    before: Callable[[WireServer], None] | None = None,
    kind: type[BinanceUsdm] = BinanceUsdm,
    **keys: str,
) -> None:
    """Run a test with a started adapter, its server, and the clock that they share."""
    loop = SimulatedLoop(allow_io=True)

    async def live() -> None:
        served = exchange or open_exchange(ExchangeConfig(market=MarketKind.STATIC, start=DEFAULT_START), None)
        clock = LoopClock(loop, served.now)
        server = WireServer(served, clock.now)
        address = await server.start("127.0.0.1", 0)
        if before is not None:
            before(server)
        venue = connect(address, clock, kind, **keys)
        try:
            await venue.start()
            await test(venue, server, clock)
        finally:
            await venue.stop()
            await server.stop()

    try:
        loop.run_until_complete(live())
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def at(moment: datetime, after: timedelta) -> datetime:
    """Return a later moment."""
    return moment + after
