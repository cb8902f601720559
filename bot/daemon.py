"""What does each command do with a bot? Run it, look once, check, adopt: thin frames around ``bootstrap``."""

import asyncio
import dataclasses
import gc
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog

from bot import __version__
from bot.adapters.ccxt.errors import KeyNotTaken
from bot.adapters.clock import PacedLoop, SimulatedLoop, SystemClock
from bot.adapters.datafolder import own_folder, prepare_folder
from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import SqlJournal, open_journal, random_epoch_tail
from bot.adapters.journal.retention import Retention
from bot.adapters.logs import configure_logging, redact, register_secrets
from bot.adapters.metrics import Metrics
from bot.adapters.notify import Send, SentAlerts, apprise_sender
from bot.adapters.web.folder import TOKEN_FILE, Address, create_token, remove_address, write_address
from bot.adapters.web.server import WebServer
from bot.bootstrap import Bot, World, account_of, assemble, open_wire, open_world
from bot.decisions.sizing import smallest_order_quote
from bot.domain.errors import BotError, ConfigError, DataError, VenueError, VenueUnavailable
from bot.domain.findings import Finding
from bot.domain.ids import Symbol, VenueId
from bot.engine.abnormal import counts_as_crash
from bot.engine.control import adopt_position
from bot.engine.probe import probe_orders
from bot.ports import Examined
from bot.settings import Settings
from bot.settings.load import ignored_service_links
from bot.settings.model import Mode

log = structlog.get_logger()


def run(settings: Settings) -> int:
    """Run the daemon until it is told to stop; return the exit code."""
    with own_folder(settings.data_dir):
        return _run_on(_open_loop(settings), settings)


def _open_loop(settings: Settings) -> asyncio.AbstractEventLoop:
    """Return the loop whose time the daemon lives by: the market's on paper, the machine's otherwise."""
    if settings.mode is not Mode.PAPER:
        return asyncio.new_event_loop()
    speed = float(settings.paper.speed)
    return PacedLoop(speed) if speed else SimulatedLoop(allow_io=True)


def _run_on(loop: asyncio.AbstractEventLoop, settings: Settings) -> int:
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(_run(settings))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _run(settings: Settings) -> int:
    world = open_world(settings)
    token = _token(settings)
    configure_logging(settings.log_format, settings.log_level, sys.stdout, world.clock.now, secrets=(token,))
    register_secrets([token])
    for name in ignored_service_links(os.environ):
        log.debug("A variable that Kubernetes injects was passed over", code="service_link", variable=name)
    journal = _open_own_journal(settings, world)
    kept = settings.retention.details
    besides = [] if kept is None else [Retention(journal, world.clock, kept).run]
    bot = assemble(settings, world, journal, notify=_sender(settings), besides=besides)
    # What is loaded by now lives as long as the process: to walk through it again and again would hold up the loop.
    gc.freeze()
    _stop_on_signals(bot.supervisor.stop)
    web = WebServer(
        bot.control,
        settings.http.host,
        settings.http.port,
        token,
        settings.http.allowed_hosts,
        metrics=Metrics(bot.control).render,
        redact=redact,
    )
    reason, is_orderly = "something broke; the log says what", False
    try:
        await web.start()
        write_address(settings.data_dir, settings.http.host, web.port)
        _greet(settings, world, web.port)
        with _saying_what_to_look_at(settings, world):
            has_started = await bot.supervisor.start_unless_stopped()
        if has_started:
            _stop_at_end_of_data(world, bot.supervisor.stop)
            await bot.supervisor.run()
        reason, is_orderly = "asked to stop" if has_started else "asked to stop before it had started", True
    except BotError as failure:
        reason, is_orderly = str(failure), not counts_as_crash(failure)
        raise
    finally:
        # From the last to the first, each whatever becomes of the others.
        async with AsyncExitStack() as ends:
            ends.callback(log.info, "Stopped", code="stopped", reason=reason)
            if isinstance(bot.desk.alerts, SentAlerts):
                ends.push_async_callback(bot.desk.alerts.finish)
            ends.push_async_callback(bot.supervisor.close, reason, is_orderly=is_orderly)
            ends.push_async_callback(web.stop)
            ends.callback(remove_address, settings.data_dir)
    return 0


def _sender(settings: Settings) -> Send | None:
    """Return what sends alerts to the addresses that the owner has named; None where there are none.

    Raises:
        ConfigError: an address, or what is needed to send to it, cannot be used.
    """
    secret = settings.alerts.urls
    if secret is None:
        return None
    urls = [url for url in re.split(r"[,\s]+", secret.get_secret_value()) if url]
    register_secrets(urls)
    return apprise_sender(urls)


def _token(settings: Settings) -> str:
    configured = settings.http.token
    return configured.get_secret_value() if configured else create_token(settings.data_dir)


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _stop_at_end_of_data(world: World, stop: Callable[[], None]) -> None:
    """A market out of a folder ends; then nothing more is opened, and the daemon stops."""
    if world.ends_at is None:
        return
    left = (world.ends_at - world.clock.now()).total_seconds()

    def end() -> None:
        log.info("The market data is at its end", code="data_ended")
        stop()

    asyncio.get_running_loop().call_later(max(0.0, left), end)


def how_to_open(settings: Settings, port: int) -> str:
    """Say where the page is, and where the token stands that opens it."""
    page = Address(host=settings.http.host, port=port, pid=os.getpid()).url
    token = "TRIMTAB_HTTP__TOKEN" if settings.http.token else settings.data_dir / TOKEN_FILE
    return f"page: {page}/ token: {token}"


def _greet(settings: Settings, world: World, port: int) -> None:
    sentence = f"Trimtab {__version__} runs in {settings.mode} mode; {how_to_open(settings, port)}"
    log.info(
        sentence,
        code="started",
        mode=settings.mode.value,
        targets={asset: f"{weight:%}" for asset, weight in settings.targets.items()},
        data_dir=str(settings.data_dir),
        pid=os.getpid(),
        market_time=world.clock.now().isoformat(),
    )


def _open_readers_journal(settings: Settings, world: World) -> SqlJournal:
    """Return a journal that a look may write to without leaving a trace: a copy in memory of what there is."""
    path: Path = settings.data_dir / JOURNAL_FILE
    fresh = open_journal(None, now=world.clock.now(), epoch_tail=random_epoch_tail)
    if path.exists():
        kept = open_journal(path, now=world.clock.now(), epoch_tail=random_epoch_tail, read_only=True)
        facts = [fact for _, fact in kept.facts()]
        kept.connection.close()
        fresh = SqlJournal.of_facts(facts)
        _refuse_other_mode(fresh, settings)
    return fresh


def _open_own_journal(settings: Settings, world: World) -> SqlJournal:
    """Return the journal of the data folder.

    Raises:
        ConfigError: it is another mode's.
    """
    journal = open_journal(settings.data_dir / JOURNAL_FILE, now=world.clock.now(), epoch_tail=random_epoch_tail)
    try:
        _refuse_other_mode(journal, settings)
    except ConfigError:
        journal.connection.close()
        raise
    return journal


def _refuse_other_mode(journal: SqlJournal, settings: Settings) -> None:
    """Refuse to go on with orders and ledgers of play money on a real account, or the other way round."""
    known, asked = journal.books.mode, account_of(settings)
    if known and known != asked:
        raise ConfigError(
            f"TRIMTAB_DATA_DIR={settings.data_dir}: its journal was written in {known} mode, and what is asked for is"
            f" {asked} mode. Name a folder of its own for each, and for the test network"
        )


async def serve_exchange(settings: Settings, *, host: str, port: int, fault_seed: int) -> None:
    """Serve the embedded exchange until told to stop; say where on one line of JSON.

    Raises:
        ConfigError: the port is taken, or the market cannot be had.
    """
    server = open_wire(settings, now=SystemClock().now(), fault_seed=fault_seed)
    stopping = asyncio.Event()
    _stop_on_signals(stopping.set)
    try:
        try:
            address = await server.start(host, port)
        except OSError as failure:
            raise ConfigError(f"--port {port}: {failure.strerror or failure}; name another") from failure
        told = {"schema": "trimtab.exchange/1", **dataclasses.asdict(address), "pid": os.getpid()}
        print(json.dumps(told), flush=True)  # noqa: T201 - a line for scripts
        async with asyncio.TaskGroup() as tasks:
            beat = tasks.create_task(server.run(beat_seconds=0.5), name="beat")
            await stopping.wait()
            beat.cancel()
    finally:
        await server.stop()


async def look_once(settings: Settings) -> dict[str, Any]:
    """Take one look from outside and return ``trimtab.plan/1``; nothing is sent and nothing is kept."""
    world = open_world(settings, is_look_only=True)
    bot = assemble(settings, world, _open_readers_journal(settings, world))
    async with _connected(settings, world):
        return await bot.control.plan()


@contextmanager
def _saying_what_to_look_at(settings: Settings, world: World) -> Iterator[None]:
    """Say of a real venue that is not answering which one it is, and what its owner can look at.

    Raises:
        VenueUnavailable: it is not.
    """
    try:
        yield
    except KeyNotTaken:
        raise  # what is to be done about a key is said already
    except VenueUnavailable as failure:
        if settings.mode is Mode.PAPER:
            raise
        address = "TRIMTAB_VENUES__BINANCEUSDM__REST_URL"
        is_own = settings.venues.binanceusdm.rest_url is not None
        raise VenueUnavailable(
            f"{', '.join(world.venues)} does not answer as it should: {failure}. Is the venue in maintenance, does this"
            f" machine have a network{f', is {address} right' if is_own else ''}? A container is started again by its"
            " restart policy"
        ) from failure


@asynccontextmanager
async def _connected(settings: Settings, world: World) -> AsyncIterator[None]:
    """Connect to the venues of a world for as long as one look takes."""
    try:
        with _saying_what_to_look_at(settings, world):
            for venue in world.venues.values():
                await venue.start()
            yield
    finally:
        for venue in world.venues.values():
            await venue.stop()


async def adopt_once(settings: Settings, *, venue: str | None, symbol: str, is_gone: bool = False) -> dict[str, Any]:
    """Adopt a position while no daemon runs."""
    with own_folder(settings.data_dir):
        world = open_world(settings, is_look_only=True)
        journal = _open_own_journal(settings, world)
        bot = assemble(settings, world, journal)
        try:
            async with _connected(settings, world):
                return await adopt_position(
                    bot.desk,
                    bot.gatherer,
                    "command line",
                    VenueId(venue) if venue else None,
                    Symbol(symbol),
                    is_gone=is_gone,
                )
        finally:
            await journal.close()


async def check(settings: Settings, *, is_probing: bool = False) -> list[Finding]:
    """Look at everything that a start needs, and say what is wrong and how to mend it.

    ``is_probing``: send an order to each venue, too, and cancel it. No daemon may run on the data folder then.
    """
    findings = [Finding(level="ok", subject="configuration", sentence="is complete and consistent")]
    try:
        prepare_folder(settings.data_dir)
        findings.append(Finding(level="ok", subject="data folder", sentence=f"{settings.data_dir} can be used"))
    except ConfigError as failure:
        findings.append(
            Finding(
                level="fail",
                subject="data folder",
                sentence=str(failure),
                mend="name another folder",
                exit_code=2,
            )
        )
        return findings
    findings.extend(_of_addresses(settings))
    try:
        await _check_account(settings, findings)
        if is_probing:
            findings.extend(await _probe(settings))
    except ConfigError as failure:
        findings.append(Finding(level="fail", subject="mode", sentence=str(failure), exit_code=2))
    except (DataError, VenueError) as failure:
        findings.append(Finding(level="fail", subject="account", sentence=str(failure), exit_code=4))
    return findings


def _of_addresses(settings: Settings) -> Iterator[Finding]:
    """Yield whether alerts can be sent where they are to be sent; nothing is sent."""
    if settings.alerts.urls is None:
        return
    try:
        _sender(settings)
    except ConfigError as failure:
        mend = "'trimtab run' would refuse to start; correct the address or leave it out"
        yield Finding(level="fail", subject="alerts", sentence=str(failure), mend=mend, exit_code=2)
    else:
        yield Finding(level="ok", subject="alerts", sentence="the addresses are such as Apprise knows")


async def _check_account(settings: Settings, findings: list[Finding]) -> None:
    """Add what is found as it is found: what comes first stays said when what follows fails."""
    world = open_world(settings, is_look_only=True)
    bot = assemble(settings, world, _open_readers_journal(settings, world))
    async with _connected(settings, world):
        for venue in world.venues.values():
            if isinstance(venue, Examined):
                findings.extend(await venue.examine(bot.desk.policy.assets))
        plan = await bot.control.plan()
    worth = f"can be read; the portfolio is worth {plan['portfolio_value_quote']} USD"
    findings.append(Finding(level="ok", subject="account", sentence=worth))
    short = plan["capacity_short_quote"]
    findings.append(
        Finding(level="ok", subject="collateral", sentence="carries the whole plan under the stress rule")
        if short == "0"
        else Finding(
            level="warn",
            subject="collateral",
            sentence=f"{short} USD are missing to hold the targets under the stress rule",
            mend="put more into the futures wallet, or widen the bands",
        )
    )
    findings.extend(_of_smallest_orders(bot, plan))
    findings.extend(
        Finding(level="warn", subject=refusal["asset"], sentence=refusal["reason"], mend="see 'trimtab plan'")
        for refusal in plan["refusals"]
        if refusal["rule"] in ("unhedgeable", "depeg", "price_sanity")
    )
    findings.extend(Finding(level="warn", subject="holdings", sentence=sentence) for sentence in plan["warnings"])


def _of_smallest_orders(bot: Bot, plan: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield the targets whose smallest order is worth more than their band: they cannot be kept in it."""
    value = Decimal(plan["portfolio_value_quote"])
    for line in plan["assets"]:
        orders = [
            smallest_order_quote(one, bot.gatherer.newest_quotes[leg])
            for leg in bot.gatherer.newest_quotes
            if (one := bot.reference.instrument(*leg)).asset == line["asset"] and bot.reference.is_candidate(one)
        ]
        if not orders or line["band"] is None:
            continue
        smallest, wide = min(orders), Decimal(line["band"]) * value
        told = f"the smallest order is worth {smallest:.2f} USD, the band is {wide:.2f} USD to each side"
        if smallest > wide:
            yield Finding(level="warn", subject=line["asset"], sentence=told, mend="widen the band, or hold more")
        else:
            yield Finding(level="ok", subject=line["asset"], sentence=told)


async def _probe(settings: Settings) -> list[Finding]:
    if settings.mode is not Mode.LIVE:
        sentence = f"orders are probed in live mode only, and TRIMTAB_MODE is {settings.mode.value}"
        return [Finding(level="fail", subject="probe", sentence=sentence, exit_code=2)]
    with own_folder(settings.data_dir):
        world = open_world(settings)
        journal = _open_own_journal(settings, world)
        bot = assemble(settings, world, journal)
        try:
            async with _connected(settings, world):
                return await probe_orders(bot.desk, bot.execution, bot.reference)
        finally:
            await journal.close()
