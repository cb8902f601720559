"""A bot on a market that stands still, with an owner who gives commands while it runs."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.bootstrap import Bot, build
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.orders import OrderType
from bot.domain.policy import BandPolicy, CadencePolicy, Destination, Policy, WatchIntervals
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.faults import Effect
from bot.exchange.orders import ExchangeOrder, OrderRequest

BTC, ETH = Asset("BTC"), Asset("ETH")
BTC_PERP, ETH_PERP = Symbol("BTC/USDT:USDT"), Symbol("ETH/USDT:USDT")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
_QUARTER = 15 * MINUTE
#: For days in which prices stand still or move slowly: each loop has its turns, and not thousands that see the same.
RARE = WatchIntervals(
    protection=_QUARTER, reconcile=_QUARTER, prices=_QUARTER, margin=_QUARTER, basis=_QUARTER, roll=HOUR
)

#: Given to a running bot.
Act = Callable[[Bot], Awaitable[Any]]


def a_policy(**changes: Any) -> Policy:
    """Hourly looks to target: 0.018 BTC too much of one coin, 0.36 ETH too little of the other."""
    known: dict[str, Any] = {
        "targets": {BTC: Decimal("0.7"), ETH: Decimal("0.3")},
        "bands": BandPolicy(destination=Destination.TARGET, total_frac=None),
        "cadence": CadencePolicy(cron="0 * * * *", move_sigmas=None),
    }
    return Policy(**(known | changes))


def one_coin_exchange(**config: Any) -> Exchange:
    """Open an exchange for an account with a tenth of a bitcoin and cash for its hedge."""
    known: dict[str, Any] = {
        "market": MarketKind.STATIC,
        "assets": (BTC,),
        "holdings": {BTC: Decimal("0.1")},
        "collateral": {Currency("USDT"): Decimal(6000)},
    }
    return open_exchange(ExchangeConfig(**(known | config)), None)


def let_hedges_meet(exchange: Exchange, effect: Effect, times: int) -> Exchange:
    """Let the next orders that hedge meet a fault; return the exchange."""

    def fault(call: str, request: OrderRequest | None) -> Effect | None:
        is_hedge = call == "submit" and request is not None and request.type is OrderType.LIMIT
        return effect if is_hedge else None

    exchange.faults.add(fault, times=times)
    return exchange


class Died(SystemExit):
    """The process is gone; the one exception besides an interrupt that no task keeps to itself."""


#: Tasks of processes that are gone: nothing ever steps them again, not even to clean up after them.
_GRAVES: list[asyncio.Task[Any]] = []


class Rig:
    """An account with two coins whose hedges are a short and a long, and what happens to it."""

    def __init__(self, *, policy: Policy | None = None, journal: SqlJournal | None = None, **config: Any) -> None:
        known: dict[str, Any] = {
            "market": MarketKind.STATIC,
            "assets": (BTC, ETH),
            "holdings": {BTC: Decimal("0.2"), ETH: Decimal("1.2")},
            "collateral": {Currency("USDT"): Decimal(6000)},
        }
        self.exchange: Exchange = open_exchange(ExchangeConfig(**(known | config)), None)
        self.policy = policy or a_policy()
        self.journal = journal or open_journal(None, now=self.exchange.now, epoch_tail=lambda: "RYG")
        self.checker = InvariantChecker(self.exchange, self.journal, self.policy)
        self.bot: Bot | None = None
        #: What the bot talks to its venue with.
        self.venue_kind: type[PaperVenue] = PaperVenue

    def run(
        self, lasting: timedelta, act: Act | None = None, *, after: timedelta = MINUTE, is_orderly: bool = True
    ) -> Bot:
        """Run a fresh bot on the same account and journal; the owner acts ``after`` its start.

        Unless the end is orderly, the process is gone without a word.
        """
        self.journal = self.journal.reopened()
        self.checker.follow(self.journal)
        loop = SimulatedLoop()
        until = self.exchange.now + lasting
        clock = LoopClock(loop, self.exchange.now)

        async def acting(bot: Bot) -> None:
            if act is not None:
                await clock.sleep(after)
                await act(bot)

        async def live() -> Bot:
            bot = self.bot = self.build(clock)
            await bot.supervisor.start()
            task = asyncio.ensure_future(acting(bot))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            loop.call_later((until - clock.now()).total_seconds(), bot.supervisor.stop)
            await bot.supervisor.run()
            await task
            if is_orderly:
                await bot.supervisor.wind_up("the test has ended")
            return bot

        try:
            return loop.run_until_complete(live())
        except Died:
            _GRAVES.extend(asyncio.all_tasks(loop))
            raise
        finally:
            loop.close()

    def machine(self, clock: LoopClock) -> LoopClock:
        """Return what the bot takes for the time; ``clock`` is right."""
        return clock

    def build(self, clock: LoopClock) -> Bot:
        """Wire a bot as the daemon does."""
        machine = self.machine(clock)
        return build(
            policy=self.policy,
            mode="paper",
            clock=machine,
            venues={PAPER: self.venue_kind(self.exchange, clock)},
            journal=self.journal,
            alerts=LogAlerts(machine),
            holdings=DeclaredHoldings(),
        )

    def held(self, symbol: Symbol = BTC_PERP) -> Decimal:
        """Return a position as the exchange has it."""
        return self.exchange.floor.accounts.contracts_of(symbol)

    def stops(self) -> list[ExchangeOrder]:
        """Return the stops that rest."""
        return [one for one in self.exchange.floor.open_orders.values() if one.type is OrderType.STOP_MARKET]

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
        assert not self.checker.violated, self.checker.violated
