# ruff: noqa: T201, E501 - a report on the terminal, one figure a line
"""How fast is it? Figures and ratios of one run, with all parts on: ``make bench``.

Machines are noisy and shared, so nothing here passes or fails; compare the ratios, and figures of the same run only.
"""

import asyncio
import cProfile
import os
import platform
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import structlog

from bot.adapters.journal.journal import open_journal
from bot.backtest.simulation import simulate
from bot.domain.ids import Asset, Currency
from bot.domain.policy import CadencePolicy, Policy, RiskLimits, WatchIntervals
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from tests import bench_live

TARGETS = {Asset("BTC"): Decimal("0.5"), Asset("ETH"): Decimal("0.3"), Asset("SOL"): Decimal("0.2")}
LAYERS = ("domain", "decisions", "engine", "adapters", "exchange", "backtest")


def _policy(watch: timedelta) -> Policy:
    return Policy(
        targets=TARGETS,
        cadence=CadencePolicy(cron="0 * * * *"),
        watch=_everything_every(watch),
    )


def _everything_every(watch: timedelta) -> WatchIntervals:
    return WatchIntervals(**{one.name: watch for one in fields(WatchIntervals)})


def _exchange() -> Exchange:
    config = ExchangeConfig(market=MarketKind.MODEL, seed=29, collateral={Currency("USDT"): Decimal(60_000)})
    return open_exchange(config, None)


def _simulate(days: int, watch: timedelta, profile: cProfile.Profile | None = None) -> tuple[float, int, int]:
    """Return CPU seconds, looks and trades."""
    exchange = _exchange()
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "BEN")
    looks = 0

    def count(*_: object) -> None:
        nonlocal looks
        looks += 1

    if profile is not None:
        profile.enable()
    began = time.process_time()
    simulate(_policy(watch), exchange, journal, until=exchange.now + timedelta(days=days), observers=[count])
    seconds = time.process_time() - began
    if profile is not None:
        profile.disable()
    return seconds, looks, len(exchange.floor.trades)


def _look_of(assets: int, market: MarketKind) -> float:
    """Return the CPU milliseconds of a look at so many assets, each with a position, and every watcher once an hour.

    From the second look on: the first one opens the positions, and measures how the assets move together. On a market
    that moves every stop is moved, too, and the exchange has prices to make.
    """
    names = [Asset(f"C{number:03}") for number in range(assets)]
    exchange = open_exchange(
        ExchangeConfig(
            market=market,
            seed=29,
            assets=tuple(names),
            prices=dict.fromkeys(names, Decimal(100)),
            holdings={name: Decimal(13 if number % 2 else 7) for number, name in enumerate(names)},
            collateral={Currency("USDT"): Decimal(1000) * assets},
            # One stop for each position, and a hedge besides.
            max_open_orders=2 * assets,
        ),
        None,
    )
    policy = Policy(
        targets=dict.fromkeys(names, Decimal(1) / assets),
        cadence=CadencePolicy(cron="0 * * * *"),
        limits=RiskLimits(max_increasing_orders_per_minute=assets, max_reducing_orders_per_minute=assets),
        watch=_everything_every(timedelta(hours=1)),
    )
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "BEN")
    ticks: list[float] = []
    until = exchange.now + timedelta(hours=9, minutes=30)
    simulate(policy, exchange, journal, until=until, observers=[lambda *_: ticks.append(time.process_time())])
    assert len(exchange.floor.accounts.positions) == assets
    return (ticks[-1] - ticks[1]) / (len(ticks) - 2) * 1000


def _by_layer(profile: cProfile.Profile) -> dict[str, float]:
    """Return the share of own time per layer."""
    spent: dict[str, float] = defaultdict(float)
    for (file, _, _), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # not in typeshed
        name = next((layer for layer in LAYERS if f"/bot/{layer}/" in file), None)
        if name is None:
            name = "sqlalchemy" if "sqlalchemy" in file else "asyncio" if "asyncio" in file else "the rest of Python"
        if "adapters/journal" in file:
            name = "journal"
        spent[name] += own
    total = sum(spent.values())
    return {name: own / total for name, own in sorted(spent.items(), key=lambda pair: -pair[1])}


def _start_to_ready() -> tuple[float, float, float]:
    """Start the daemon, wait until it is ready, stop it; return CPU seconds, MB and wall seconds."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "TRIMTAB_DATA_DIR": folder, "TRIMTAB_HTTP__PORT": "0"}
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if '"look"' in line or "Looked" in line:
                break
        wall = time.perf_counter() - began
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        resident = next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS")) / 1024
        maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        assert "ccxt" not in maps
        process.terminate()
        process.communicate(timeout=20)
    return cpu, resident, wall


def _import_seconds(module: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _event_to_order() -> tuple[float, float]:
    """Return the median milliseconds of a look that trades, from its signal to the first order, in memory and on disk."""
    return _one_event(None), _one_event(Path(tempfile.mkdtemp()))


def _one_event(folder: Path | None) -> float:
    from statistics import median

    measured = []
    for place in range(15):
        config = ExchangeConfig(
            market=MarketKind.STATIC,
            holdings={Asset("BTC"): Decimal("0.12"), Asset("ETH"): Decimal(1), Asset("SOL"): Decimal(15)},
        )
        exchange = open_exchange(config, None)
        path = None if folder is None else folder / f"journal-{place}.db"
        journal = open_journal(path, now=exchange.now, epoch_tail=lambda: "BEN")
        handed: list[float] = []
        submit = exchange.submit

        def noted(request: object, submit: object = submit, handed: list[float] = handed) -> object:
            handed.append(time.perf_counter())
            return submit(request)  # type: ignore[operator]  # the bound method

        exchange.submit = noted  # type: ignore[method-assign,assignment]  # a stop-watch
        asyncio.set_event_loop(None)
        began = time.perf_counter()
        simulate(_policy(timedelta(minutes=1)), exchange, journal, until=exchange.now + timedelta(seconds=1))
        measured.append((handed[0] - began) * 1000)
    return median(measured)


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; a shared, noisy machine\n"
    )
    reference = time.process_time()
    sum((Decimal(place) * Decimal("1.0001") for place in range(300_000)), Decimal(0))
    reference = time.process_time() - reference
    print(f"unit of this run: 300,000 Decimal multiplications and sums    {reference * 1000:8.1f} ms CPU")
    seconds, looks, trades = _simulate(60, timedelta(minutes=15))
    print(
        f"looks per CPU second, hourly, watchers at 15 min              {looks / seconds:8.0f}    (goal 500)   {trades} trades"
    )
    print(f"  a look in units of this run                                 {seconds / looks / reference:8.4f}")
    seconds, looks, trades = _simulate(10, timedelta(seconds=60))
    print(
        f"simulated hours per CPU second, everything at 60 s            {240 / seconds:8.1f}    (goal 50)    {trades} trades"
    )
    profile = cProfile.Profile()
    seconds, looks, _ = _simulate(20, timedelta(minutes=15), profile)
    print("µs per look by layer (shares under the profiler, scaled to the unprofiled look):")
    plain, plain_looks, _ = _simulate(20, timedelta(minutes=15))
    for name, share in _by_layer(profile).items():
        print(f"  {name:20} {share * plain / plain_looks * 1e6:8.0f}   {share:6.1%}")
    for told, market in (("a look with every watcher", MarketKind.STATIC), ("the same, prices move", MarketKind.MODEL)):
        few, some, many = (_look_of(assets, market) for assets in (3, 30, 300))
        print(
            f"{told:26} ms: 3 assets {few:.1f}, 30 assets {some:.1f} ({some / few:.1f} ×), 300 assets {many:.0f} ({many / some:.1f} ×)"
        )
    cpu, resident, wall = _start_to_ready()
    base = _import_seconds("aiohttp, structlog, sqlalchemy, pydantic_settings, apscheduler.schedulers.asyncio")
    print(
        f"start to first look, paper: CPU {cpu:.2f} s (goal 0.9), {resident:.0f} MB (goal 95), wall {wall:.2f} s; ccxt not loaded"
    )
    print(f"  against importing the five libraries alone                  {cpu / base:8.2f} ×")
    memory, disk = _event_to_order()
    print(
        f"start of a look to the first order at the venue: {memory:.2f} ms, with a journal on disk {disk:.2f} ms (fsync included)"
    )


if __name__ == "__main__":
    main()
    bench_live.report()
