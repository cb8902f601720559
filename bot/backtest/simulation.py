"""How is the whole daemon run on simulated time? The bot of ``bootstrap.build`` on a loop whose time jumps."""

from collections.abc import Sequence
from datetime import datetime

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot, build
from bot.domain.policy import Policy
from bot.engine.rebalance import LookObserver
from bot.exchange.exchange import Exchange
from bot.ports import Journal


def simulate(
    policy: Policy,
    exchange: Exchange,
    journal: Journal,
    *,
    until: datetime,
    observers: Sequence[LookObserver] = (),
) -> Bot:
    """Run the daemon from the exchange's present to ``until`` and end it in good order."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(_run(policy, exchange, journal, until, observers, loop))
    finally:
        loop.close()


async def _run(
    policy: Policy,
    exchange: Exchange,
    journal: Journal,
    until: datetime,
    observers: Sequence[LookObserver],
    loop: SimulatedLoop,
) -> Bot:
    clock = LoopClock(loop, exchange.now)
    bot = build(
        policy=policy,
        mode="backtest",
        clock=clock,
        venues={PAPER: PaperVenue(exchange, clock)},
        journal=journal,
        alerts=LogAlerts(clock),
        holdings=DeclaredHoldings(),
        observers=observers,
    )
    await bot.supervisor.start()
    loop.call_later((until - clock.now()).total_seconds(), bot.supervisor.stop)
    await bot.supervisor.run()
    await bot.supervisor.wind_up("the simulation has ended")
    return bot
