# ruff: noqa: T201 - a report on the terminal
"""How fast is it through ccxt? Against ccxt alone, on the same server, in the same run: part of ``make bench``.

The exchange is served by a process of its own that notes, on the clock that all processes of a machine share, when a
price goes out and when each request comes in.
"""

import argparse
import asyncio
import dataclasses
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import aiohttp
from aiohttp import web

from bot.adapters.clock import SystemClock
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol
from bot.domain.orders import Side, TimeInForce
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange
from bot.exchange.wire.binance.routes import ROUTES
from bot.exchange.wire.server import API_KEY, API_SECRET, WireServer
from tests.builders import make_intent

_FEW = {"BTC": Decimal(50_000), "ETH": Decimal(2_500), "SOL": Decimal(100)}
_HOLDINGS = {"BTC": Decimal("0.12"), "ETH": Decimal(1), "SOL": Decimal(15)}
_MANY = 650
_EVENTS = 7
_ORDERS = 30
_IS_ORDER = ("POST", "/fapi/v1/order")
#: Between two events: what the first has set going is done, and streams are heeded again.
_SETTLES_SECONDS = 13.0
_WAITS_SECONDS = 60.0


# --- the server --------------------------------------------------------------------------------------


async def _serve(markets: int) -> None:
    """Serve until stdin ends; say where on one line, and the notes when asked for."""
    assets = [*_FEW, *(f"C{number:03}" for number in range(markets - len(_FEW)))]
    now = SystemClock().now()
    exchange = open_exchange(
        ExchangeConfig(
            market=MarketKind.STATIC,
            start=now,
            assets=tuple(Asset(one) for one in assets),
            prices={Asset(one): _FEW.get(one, Decimal(10)) for one in assets},
            holdings={Asset(coin): amount for coin, amount in _HOLDINGS.items()},
            collateral={Currency("USDT"): Decimal(6_000)},
        ),
        None,
    )
    _let_history_move()
    server = WireServer(exchange, SystemClock().now)
    server.app.served.weight_limit = 10_000_000
    notes: list[tuple[int, str]] = []
    handle = server.app.handle

    async def noted(http: web.Request) -> web.StreamResponse:
        if http.path == "/bench/price":
            asked = json.loads(await http.text())
            exchange.set_price(Asset(asked["asset"]), Decimal(asked["price"]))
            notes.clear()
            notes.append((time.perf_counter_ns(), "price"))
            await server.app.beat()
            return web.json_response({})
        if http.path == "/bench/notes":
            return web.json_response(notes)
        notes.append((time.perf_counter_ns(), f"{http.method} {http.path}"))
        reply = await handle(http)
        notes.append((time.perf_counter_ns(), "answered"))
        return reply

    server.app.handle = noted  # type: ignore[method-assign]  # a stop-watch
    address = await server.start("127.0.0.1", 0)
    print(json.dumps({"rest": address.rest_url, "ws": address.ws_url, "admin": address.admin_url}), flush=True)
    beat = asyncio.ensure_future(server.run(0.5))
    await asyncio.to_thread(sys.stdin.read)
    beat.cancel()
    await server.stop()


def _let_history_move() -> None:
    """Let the past have moved by 2 % a day: a move is large beside what is usual, and of a flat line nothing is."""
    key = ("GET", "/fapi/v1/indexPriceKlines")
    route = ROUTES[key]

    def answer(served: Any, params: Any) -> Any:
        rows = route.answer(served, params)
        for place, row in enumerate(rows):
            row[4] = str(Decimal(row[4]) * (Decimal("1.02") if place % 2 else 1))
        return rows

    ROUTES[key] = dataclasses.replace(route, answer=answer)


@contextmanager
def _served(markets: int) -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "tests.bench_live", "--serve", str(markets)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.communicate(timeout=30)


# --- start and memory --------------------------------------------------------------------------------


def _environ(address: dict[str, str], folder: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    return own | {
        "TRIMTAB_MODE": "live",
        "TRIMTAB_DATA_DIR": folder,
        "TRIMTAB_TARGETS": "BTC=50%,ETH=30%,SOL=20%",
        "TRIMTAB_BAND": "1%",
        "TRIMTAB_REBALANCE_TO": "target",
        "TRIMTAB_EXECUTION__STYLE": "ioc",
        "TRIMTAB_RISK__MAX_TURNOVER": "100000",
        "TRIMTAB_HTTP__PORT": "0",
        "TRIMTAB_LOG_FORMAT": "json",
        "TRIMTAB_VENUES__BINANCEUSDM__API_KEY": API_KEY,
        "TRIMTAB_VENUES__BINANCEUSDM__API_SECRET": API_SECRET,
        "TRIMTAB_VENUES__BINANCEUSDM__REST_URL": address["rest"],
        "TRIMTAB_VENUES__BINANCEUSDM__WS_URL": address["ws"],
    }


def _cpu_and_memory(pid: int) -> tuple[float, float]:
    """Return CPU seconds so far and resident MB of a process."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    resident = next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS")) / 1024
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), resident


@contextmanager
def _daemon(address: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start a daemon, and hand it over when it has looked for the first time."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            env=_environ(address, folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if '"event": "look"' in line:
                    break
            else:
                raise SystemExit("".join(said))
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=60)


def _imports_alone() -> tuple[float, float]:
    """Return CPU seconds and MB of a process that imports what ccxt needs, and nothing of ours."""
    code = "import ccxt.async_support, aiohttp, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, int(done.stdout) / 1024


def start_and_memory() -> None:
    """Print what a start costs, beside importing the libraries alone, by turns."""
    starts, imports = [], []
    for _ in range(3):
        # A fresh account: nothing that a new journal would have to be told of.
        with _served(len(_FEW)) as address, _daemon(address) as process:
            starts.append(_cpu_and_memory(process.pid))
        imports.append(_imports_alone())
    cpu, resident = median(one[0] for one in starts), median(one[1] for one in starts)
    alone, imported = median(one[0] for one in imports), median(one[1] for one in imports)
    print(f"start to first look, live: CPU {cpu:.2f} s, {resident:.0f} MB (goal 150)")
    print(f"  importing ccxt.async_support and aiohttp alone: CPU {alone:.2f} s, {imported:.0f} MB")
    print(f"  ratio                                                       {cpu / alone:8.2f} × (goal 1.7)")


# --- many markets ------------------------------------------------------------------------------------


@asynccontextmanager
async def _probe(lags: list[tuple[float, float]]) -> AsyncIterator[None]:
    """Note by how much the loop comes round late, in seconds of wall time and of this thread's CPU."""

    async def tick() -> None:
        while True:
            wall, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0)
            lags.append((time.perf_counter() - wall, time.thread_time() - cpu))

    task = asyncio.ensure_future(tick())
    try:
        yield
    finally:
        task.cancel()


def _our_venue(address: dict[str, str], clock: SystemClock) -> Any:
    from bot.adapters.ccxt.binance.venue import BinanceUsdm
    from bot.adapters.ccxt.client import open_client

    client = open_client(
        api_key=API_KEY, api_secret=API_SECRET, rest_url=address["rest"], is_testnet=False, clock=clock
    )
    return BinanceUsdm(client, clock)


async def _load_ours(address: dict[str, str], lags: list[tuple[float, float]]) -> int:
    venue = _our_venue(address, SystemClock())
    # As the daemon does.
    gc.freeze()
    async with _probe(lags):
        await venue.start()
        found = len(await venue.fetch_instruments())
    await venue.stop()
    gc.unfreeze()
    return found


def _bare_client(address: dict[str, str]) -> Any:
    import ccxt.async_support as ccxt

    from bot.adapters.ccxt.client import _replace_hosts

    bare = ccxt.binanceusdm({"apiKey": API_KEY, "secret": API_SECRET, "enableRateLimit": False})
    bare.has["fetchCurrencies"] = False
    _replace_hosts(bare.urls["api"], address["rest"])
    return bare


async def _load_bare(address: dict[str, str], lags: list[tuple[float, float]]) -> int:
    bare = _bare_client(address)
    async with _probe(lags):
        await bare.load_markets()
    await bare.close()
    return len(bare.markets)


def many_markets() -> None:
    """Print for how long the loop is blocked while many markets are loaded."""
    with _served(_MANY) as address:
        for name, load in (("the bot's start and a listing", _load_ours), ("ccxt load_markets alone", _load_bare)):
            runs = []
            for _ in range(3):
                lags: list[tuple[float, float]] = []
                found = asyncio.run(load(address, lags))
                runs.append((max(one[0] for one in lags), max(one[1] for one in lags), found))
            found = runs[0][2]
            cpu, wall = (", ".join(f"{one[place] * 1000:.0f}" for one in sorted(runs)) for place in (1, 0))
            print(f"{found} markets, {name:29} blocks the loop {cpu} ms of CPU ({wall} ms of wall)")
    print("  (three runs each; goal 50; others on the machine lengthen the wall)")


# --- from a price to the order -----------------------------------------------------------------------


async def _post(session: aiohttp.ClientSession, url: str, document: dict[str, Any]) -> None:
    async with session.post(url, json=document) as reply:
        reply.raise_for_status()


async def _notes(session: aiohttp.ClientSession, address: dict[str, str]) -> list[tuple[int, str]]:
    async with session.get(f"{address['rest']}/bench/notes") as reply:
        return [(int(at), str(what)) for at, what in await reply.json()]


async def _event(
    session: aiohttp.ClientSession, address: dict[str, str], price: Decimal
) -> tuple[float, float, float, float, int]:
    """Move a price; return ms until an order is there, until the first request, of reading, from the last answer on,
    and how many requests came before."""
    await _post(session, f"{address['rest']}/bench/price", {"asset": "BTC", "price": str(price)})
    wanted = f"{_IS_ORDER[0]} {_IS_ORDER[1]}"
    began = time.monotonic()
    notes = await _notes(session, address)
    while not any(what == wanted for _, what in notes):
        if time.monotonic() - began > _WAITS_SECONDS:
            raise SystemExit("no order has come")
        await asyncio.sleep(0.1)
        notes = await _notes(session, address)
    order = next(place for place, (_, what) in enumerate(notes) if what == wanted)
    start, arrived = notes[0][0], notes[order][0]
    before = notes[1:order]
    asked = [at for at, what in before if what != "answered"]
    answered = [at for at, what in before if what == "answered"]
    first, last = (asked[0], answered[-1]) if asked and answered else (start, start)
    spans = (arrived - start, first - start, last - first, arrived - last)
    whole, woken, reading, deciding = (span / 1e6 for span in spans)
    return whole, woken, reading, deciding, len(asked)


async def _bare_orders(address: dict[str, str]) -> list[float]:
    """Return ms from ``create_order`` to the order's arrival, once everything is loaded and connected."""
    bare = _bare_client(address)
    await bare.load_markets()
    found = []
    async with aiohttp.ClientSession() as session:
        for place in range(_ORDERS):
            called = time.perf_counter_ns()
            await bare.create_order("ETH/USDT:USDT", "limit", "buy", 0.01, 1500, {"newClientOrderId": f"bare{place}"})
            notes = await _notes(session, address)
            arrived = max(at for at, what in notes if what == " ".join(_IS_ORDER))
            found.append((arrived - called) / 1e6)
        await bare.cancel_all_orders("ETH/USDT:USDT")
    await bare.close()
    return found[3:]


async def _our_orders(address: dict[str, str]) -> list[float]:
    """Return ms from an intent of the bot's to the order's arrival: what the bot's way to the venue adds to ccxt's."""
    clock = SystemClock()
    venue = _our_venue(address, clock)
    await venue.start()
    found = []
    async with aiohttp.ClientSession() as session:
        for place in range(_ORDERS):
            intent = make_intent(
                client_order_id=ClientOrderId(f"TTBEN{place:08}00"),
                venue=venue.id,
                symbol=Symbol("ETH/USDT:USDT"),
                asset=Asset("ETH"),
                side=Side.BUY,
                contracts=Decimal("0.01"),
                price=Decimal(1500),
                time_in_force=TimeInForce.GTC,
                intended_at=clock.now(),
            )
            called = time.perf_counter_ns()
            seen = await venue.submit(intent)
            notes = await _notes(session, address)
            arrived = max(at for at, what in notes if what == " ".join(_IS_ORDER))
            found.append((arrived - called) / 1e6)
            await venue.cancel(seen.symbol, intent.client_order_id)
    await venue.stop()
    return found[3:]


async def _events(address: dict[str, str]) -> list[tuple[float, float, float, float, int]]:
    found = []
    async with aiohttp.ClientSession() as session:
        for place in range(_EVENTS):
            await asyncio.sleep(_SETTLES_SECONDS)
            price = Decimal(50_000) if place % 2 else Decimal(46_500)
            found.append(await _event(session, address, price))
    return found


def price_to_order() -> None:
    """Print how long it is from a price on the wire to the order on the wire, beside ccxt's ``create_order`` alone."""
    with _served(len(_FEW)) as address:
        bare, ours = asyncio.run(_bare_orders(address)), asyncio.run(_our_orders(address))
        with _daemon(address) as process:
            # Nobody reads on, and a full pipe would stop it.
            assert process.stdout is not None
            drain = subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
            events = asyncio.run(_events(address))
        drain.wait(timeout=30)
        bare += asyncio.run(_bare_orders(address))
        ours += asyncio.run(_our_orders(address))
    whole, woken, reading, deciding = (median(one[place] for one in events) for place in range(4))
    requests = median(one[4] for one in events)
    alone = median(bare)
    print(f"create_order of ccxt to its arrival: {alone:.2f} ms (a quarter above {quantiles(bare, n=4)[2]:.2f})")
    print(f"an intent of the bot's to its arrival: {median(ours):.2f} ms, {median(ours) / alone:.2f} ×")
    print(f"a price sent to the order's arrival: {whole:.1f} ms, {whole / alone:.1f} × (goal 1.2); of it")
    for what, span in (
        ("from the price to the first request", woken),
        (f"{requests:.0f} reads of prices and account", reading),
        ("from the last answer to the order, with fsync", deciding),
    ):
        print(f"  {what:58}{span:8.2f} ms  {span / alone:6.1f} ×")


def report(parts: Sequence[Callable[[], None]] = (start_and_memory, many_markets, price_to_order)) -> None:
    """Measure and print."""
    print("\nThrough ccxt, against the served exchange on loopback:", flush=True)
    for part in parts:
        part()
        sys.stdout.flush()


def main() -> None:
    """Run from the command line, or be the server."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_live", description=__doc__)
    parser.add_argument("--serve", type=int, metavar="MARKETS", help="be the server")
    parser.add_argument("--part", choices=("start", "markets", "order"), help="measure this alone")
    options = parser.parse_args()
    parts = {"start": start_and_memory, "markets": many_markets, "order": price_to_order}
    if options.serve is not None:
        asyncio.run(_serve(options.serve))
    else:
        report([parts[options.part]] if options.part else list(parts.values()))


if __name__ == "__main__":
    main()
