"""How is a bot put together? The composition root: with ``daemon`` the only file that names concrete adapters.

``build`` wires every bot there is. What runs it (the daemon, one look, a backtest, a simulation) differs in the clock,
the venues and the journal that are handed in, and in nothing else.
"""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from bot import __version__
from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import ClockedScheduler, FixedClock, LoopClock, ShiftedClock, SystemClock
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.logs import register_secrets
from bot.adapters.notify import Send, SentAlerts
from bot.adapters.paper import PAPER, PaperVenue
from bot.domain.errors import ConfigError
from bot.domain.ids import Asset, Currency, VenueId
from bot.domain.policy import CASH, Policy
from bot.domain.portfolio import ExternalHolding
from bot.engine.bookkeeping import Bookkeeping
from bot.engine.control import BotControl
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.flatten import Flatten
from bot.engine.hints import Hints
from bot.engine.ioc import ImmediateStyle
from bot.engine.protection import Protection
from bot.engine.rebalance import LookObserver, Rebalance
from bot.engine.reconcile import Reconcile
from bot.engine.reductions import Reductions
from bot.engine.reference import Reference
from bot.engine.scheduler import LookSchedule, LookSignal
from bot.engine.snapshot import SnapshotGatherer
from bot.engine.supervisor import Companion, Supervisor
from bot.engine.transfers import Transfers
from bot.engine.watchers.basis import BasisWatcher
from bot.engine.watchers.breaker import Breaker
from bot.engine.watchers.funding import FundingWatcher
from bot.engine.watchers.heartbeat import Heartbeat
from bot.engine.watchers.margin import MarginWatcher
from bot.engine.watchers.prices import PriceWatcher
from bot.engine.watchers.roll import RollWatcher
from bot.engine.working import Worker
from bot.exchange.config import ExchangeConfig, MarketKind, Remembered
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.moments import from_us
from bot.exchange.rehearsal import FaultKind, Rehearsed
from bot.exchange.wire.server import WireServer
from bot.ports import AlertSink, Clock, HoldingsSource, Journal, Venue
from bot.settings import Settings
from bot.settings.model import Mode
from bot.settings.policies import policy_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A wired bot, not started."""

    desk: Desk
    gatherer: SnapshotGatherer
    rebalance: Rebalance
    protection: Protection
    flatten: Flatten
    reconcile: Reconcile
    execution: Execution
    reference: Reference
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
    companions: Sequence[Companion] = (),
    account: str = "",
) -> Bot:
    """Wire a bot. Call it on the loop that will run it. ``companions`` run beside it for as long as it runs.

    ``account`` is what the journal is told that it belongs to; the mode unless something else is said.
    """
    desk = Desk(clock=clock, journal=journal, venues=venues, policy=policy, alerts=alerts, holdings=holdings)
    reference = Reference(desk)
    bookkeeping = Bookkeeping(desk, reference)
    gatherer = SnapshotGatherer(desk, reference, bookkeeping)
    execution = Execution(desk, bookkeeping)
    reductions = Reductions(desk, gatherer, execution)
    protection = Protection(desk, gatherer, execution, reductions, reference)
    flatten = Flatten(desk, gatherer, execution, reference)
    reconcile = Reconcile(desk, gatherer, execution)
    signal = LookSignal()
    worker = Worker(desk, gatherer, execution, bookkeeping, ImmediateStyle(desk, gatherer, execution), protection)
    rebalance = Rebalance(desk, gatherer, execution, worker, protection, signal, observers)
    schedule = LookSchedule(ClockedScheduler(clock, timezone=policy.cadence.timezone), policy.cadence, clock, signal)
    margin = MarginWatcher(
        desk,
        gatherer,
        reference,
        execution,
        Transfers(desk),
        reductions,
        protection,
        gaps=lambda: rebalance.newest_gaps_quote,
    )
    protection.relieve = margin.relieve
    basis = BasisWatcher(desk, reference)
    roll = RollWatcher(desk, gatherer, reference, execution, protection, signal)
    breaker = Breaker(desk, gatherer)
    prices = PriceWatcher(desk, gatherer, reference, signal)
    supervisor = Supervisor(
        desk,
        heartbeat=Heartbeat(desk, schedule),
        companions=companions,
        rebalance=rebalance,
        protection=protection,
        flatten=flatten,
        reconcile=reconcile,
        prices=prices,
        hints=partial(Hints, desk, reference, prices),
        margin=margin,
        breaker=breaker,
        roll=roll,
        basis=basis,
        funding=FundingWatcher(desk, gatherer, reference, bookkeeping, protection),
        execution=execution,
        schedule=schedule,
        signal=signal,
        version=__version__,
        mode=account or mode,
    )
    control = BotControl(
        desk,
        gatherer=gatherer,
        reference=reference,
        rebalance=rebalance,
        flatten=flatten,
        margin=margin,
        basis=basis,
        breaker=breaker,
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
        flatten=flatten,
        reconcile=reconcile,
        execution=execution,
        reference=reference,
        supervisor=supervisor,
        control=control,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a bot runs in: venues, and the clock that they live by."""

    clock: Clock
    venues: Mapping[VenueId, Venue]
    #: None where the venues are real.
    exchange: Exchange | None

    @property
    def ends_at(self) -> datetime | None:
        """When the market data ends; None for a market without end."""
        if self.exchange is None:
            return None
        end_us = self.exchange.floor.market.end_us
        return None if end_us is None else from_us(end_us)


def open_world(settings: Settings, *, is_look_only: bool = False) -> World:
    """Open what the settings ask for. With ``is_look_only`` time stands still and nothing is kept.

    Otherwise the time of a paper market is that of the loop on which it is called.

    Raises:
        ConfigError: this version cannot do what the mode asks for.
        DataError: a market data file cannot be used.
    """
    if settings.mode is not Mode.PAPER:
        return _open_real_world(settings)
    config = dataclasses.replace(exchange_config(settings), remembered=Remembered())
    if not is_look_only:
        config = _with_faults(config, settings)
    exchange = open_exchange(config, settings.data_dir, read_only=is_look_only)
    clock: Clock = FixedClock(exchange.now) if is_look_only else LoopClock(asyncio.get_running_loop(), exchange.now)
    return World(clock=clock, venues={PAPER: PaperVenue(exchange, clock)}, exchange=exchange)


def _open_real_world(settings: Settings) -> World:
    """Return real venues, and the machine's clock. ccxt is loaded here, and only here.

    Raises:
        ConfigError: this version does not know a venue that has keys.
    """
    from bot.adapters.ccxt.binance.dry import DryBinanceUsdm
    from bot.adapters.ccxt.binance.venue import BinanceUsdm
    from bot.adapters.ccxt.client import open_client

    accounts = settings.venues
    for name in type(accounts).model_fields:
        if name != "binanceusdm" and getattr(accounts, name).api_key is not None:
            raise ConfigError(
                f"TRIMTAB_VENUES__{name.upper()}: this version does not trade there yet, on Binance USDⓈ-M alone"
                " (TRIMTAB_VENUES__BINANCEUSDM); take its keys out"
            )
    account, clock = accounts.binanceusdm, SystemClock()
    if account.api_key is None or account.api_secret is None:
        raise ConfigError("TRIMTAB_VENUES__BINANCEUSDM__API_KEY and …__API_SECRET must be set")
    api_key, api_secret = account.api_key.get_secret_value(), account.api_secret.get_secret_value()
    register_secrets([api_key, api_secret])
    client = open_client(
        api_key=api_key,
        api_secret=api_secret,
        rest_url=account.rest_url,
        ws_url=account.ws_url,
        is_testnet=account.testnet,
        clock=clock,
    )
    venue = DryBinanceUsdm(client, clock) if settings.mode is Mode.DRY_RUN else BinanceUsdm(client, clock)
    return World(clock=clock, venues={venue.id: venue}, exchange=None)


def open_wire(settings: Settings, *, now: datetime, fault_seed: int) -> WireServer:
    """Return the embedded exchange as it is served on the wire: it goes on where its folder says, or begins now.

    A market out of a folder has times of its own: whoever asks it has to take the time from it.

    Raises:
        ConfigError, DataError: the market cannot be had as configured.
    """
    config = dataclasses.replace(exchange_config(settings), remembered=Remembered())
    if config.market is MarketKind.HISTORY:
        exchange = open_exchange(config, settings.data_dir)
        return WireServer(exchange, ShiftedClock(exchange.now).now, fault_seed=fault_seed)
    begun = settings.data_dir / "begun"
    if not begun.exists():
        begun.write_text(now.replace(minute=0, second=0, microsecond=0).isoformat(), encoding="utf-8")
    start = datetime.fromisoformat(begun.read_text(encoding="utf-8"))
    exchange = open_exchange(dataclasses.replace(config, start=start), settings.data_dir)
    return WireServer(exchange, SystemClock().now, fault_seed=fault_seed)


def exchange_config(settings: Settings) -> ExchangeConfig:
    """Return what the embedded exchange is set up with. It forgets nothing: whoever lets it run for ever says so."""
    paper = settings.paper
    weights = {Asset(asset): weight for asset, weight in settings.targets.items() if asset != CASH}
    amounts = paper.holdings.amounts
    return ExchangeConfig(
        market=MarketKind(paper.market.value),
        assets=tuple(weights),
        start=paper.start,
        prices={Asset(asset): price for asset, price in paper.prices.items()},
        data_dir=paper.data,
        seed=paper.seed,
        holdings=None if amounts is None else {Asset(coin): amount for coin, amount in amounts.items()},
        holdings_value_quote=paper.holdings.worth_usd,
        holdings_weights=weights,
        collateral={Currency(name): amount for name, amount in paper.collateral.items()},
        spare={Currency(name): amount for name, amount in paper.spare.items()},
        dated_basis_annual=paper.dated_basis,
        unified={Asset(coin): share for coin, share in paper.unified.items()},
    )


def _with_faults(config: ExchangeConfig, settings: Settings) -> ExchangeConfig:
    """Add what is rehearsed: by the daemon, and by nobody who only looks or computes."""
    paper = settings.paper
    return dataclasses.replace(
        config,
        rehearsed=tuple(
            Rehearsed(kind=FaultKind(fault.value), chance_frac=one.chance_frac, lasts=one.lasts)
            for fault, one in paper.faults.chances.items()
        ),
        fault_seed=paper.seed if paper.fault_seed is None else paper.fault_seed,
    )


def account_of(settings: Settings) -> str:
    """Say whose orders and ledgers a journal of these settings holds: the test network's are nobody else's."""
    is_played = settings.mode is not Mode.PAPER and settings.venues.binanceusdm.testnet
    return f"{settings.mode.value}-testnet" if is_played else settings.mode.value


def assemble(
    settings: Settings,
    world: World,
    journal: Journal,
    observers: Sequence[LookObserver] = (),
    *,
    notify: Send | None = None,
    besides: Sequence[Companion] = (),
) -> Bot:
    """Build the bot that the settings ask for, in a world that is open; ``notify`` sends alerts elsewhere as well.

    ``besides`` runs beside it for as long as it runs.
    """
    now = world.clock.now()
    declared = tuple(
        ExternalHolding(asset=Asset(coin), amount_base=amount, as_of=now)
        for coin, amount in settings.external_holdings.items()
    )
    alerts: AlertSink = LogAlerts(world.clock)
    companions = list(besides)
    if notify is not None:
        sent = SentAlerts(alerts, notify, settings.alerts.min_severity.value)
        alerts = sent
        companions.append(sent.run)
    return build(
        policy=policy_of(settings),
        mode=settings.mode.value,
        account=account_of(settings),
        clock=world.clock,
        venues=world.venues,
        journal=journal,
        alerts=alerts,
        holdings=DeclaredHoldings(declared, settings.external_holdings_file),
        observers=observers,
        companions=companions,
    )
