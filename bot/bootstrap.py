"""How is a bot put together? The composition root: the only file that names concrete adapters.

``build`` wires every bot there is. What runs it (the daemon, one look, a backtest, a simulation) differs in the clock,
the venues and the journal that are handed in, and in nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import __version__
from bot.adapters.clock import ClockedScheduler
from bot.domain.ids import VenueId
from bot.domain.policy import Policy
from bot.engine.bookkeeping import Bookkeeping
from bot.engine.control import BotControl
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.ioc import ImmediateStyle
from bot.engine.protection import Protection
from bot.engine.rebalance import LookObserver, Rebalance
from bot.engine.reconcile import Reconcile
from bot.engine.reference import Reference
from bot.engine.scheduler import LookSchedule, LookSignal
from bot.engine.snapshot import SnapshotGatherer
from bot.engine.supervisor import Supervisor
from bot.engine.watchers.prices import PriceWatcher
from bot.ports import AlertSink, Clock, HoldingsSource, Journal, Venue


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A wired bot, not started."""

    desk: Desk
    gatherer: SnapshotGatherer
    rebalance: Rebalance
    protection: Protection
    reconcile: Reconcile
    supervisor: Supervisor
    control: BotControl


def build(
    *,
    policy: Policy,
    mode: str,
    clock: Clock,
    venues: Mapping[VenueId, Venue],
    journal: Journal,
    alerts: AlertSink,
    holdings: HoldingsSource,
    observers: Sequence[LookObserver] = (),
) -> Bot:
    """Wire a bot. Call it on the loop that will run it."""
    desk = Desk(
        clock=clock, journal=journal, venues=venues, policy=policy, alerts=alerts, holdings=holdings
    )
    reference = Reference(desk)
    bookkeeping = Bookkeeping(desk, reference)
    gatherer = SnapshotGatherer(desk, reference, bookkeeping)
    execution = Execution(desk, bookkeeping)
    protection = Protection(desk, gatherer, execution, reference)
    reconcile = Reconcile(desk, gatherer, execution)
    rebalance = Rebalance(
        desk, gatherer, ImmediateStyle(desk, gatherer, execution), protection, observers
    )
    signal = LookSignal()
    schedule = LookSchedule(
        ClockedScheduler(clock, timezone=policy.cadence.timezone), policy.cadence, clock, signal
    )
    supervisor = Supervisor(
        desk,
        rebalance=rebalance,
        protection=protection,
        reconcile=reconcile,
        prices=PriceWatcher(desk, reference, signal),
        execution=execution,
        schedule=schedule,
        signal=signal,
        version=__version__,
        mode=mode,
    )
    control = BotControl(
        desk,
        gatherer=gatherer,
        reference=reference,
        rebalance=rebalance,
        supervisor=supervisor,
        schedule=schedule,
        signal=signal,
        version=__version__,
        mode=mode,
    )
    return Bot(
        desk=desk,
        gatherer=gatherer,
        rebalance=rebalance,
        protection=protection,
        reconcile=reconcile,
        supervisor=supervisor,
        control=control,
    )
