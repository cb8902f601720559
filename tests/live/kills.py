# ruff: noqa: T201 - a report on the terminal
"""Does the real daemon lose or double an order when it is killed? ``python -m tests.live.kills --times 500``.

The exchange runs in a process of its own and goes on; the daemon is started, killed with ``kill -9`` after a while that
chance decides, and started again, over HTTP. Prices move between lives, and by chance replies are lost after the order
was executed, connections dropped, bodies cut short. At the end faults stop, one last life settles what is open, and the
truth of the exchange is compared with the journal.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import open_journal
from bot.adapters.web.folder import ADDRESS_FILE
from bot.domain.ids import carries_marker

_FAULTS: tuple[dict[str, Any], ...] = (
    {"effect": "drop", "method": "POST", "path": "/fapi/v1/", "executed": True, "chance": 0.06, "times": None},
    {"effect": "drop", "method": "POST", "path": "/fapi/v1/", "executed": False, "chance": 0.04, "times": None},
    {"effect": "truncated", "method": "POST", "path": "/fapi/v1/", "executed": True, "chance": 0.03, "times": None},
    {"effect": "html", "method": "POST", "path": "/fapi/v1/", "executed": True, "chance": 0.03, "times": None},
    {"effect": "status", "method": "DELETE", "path": "/fapi/v1/", "executed": True, "chance": 0.05, "times": None},
    {"effect": "status", "method": "GET", "path": "/fapi/v1/userTrades", "chance": 0.01, "times": None},
    {
        "effect": "delay",
        "method": "POST",
        "path": "/fapi/v1/",
        "executed": True,
        "seconds": 0.4,
        "chance": 0.1,
        "times": None,
    },
)
_DONE = 200
#: The exit code of a daemon whose venue cannot be reached.
_UNREACHABLE = 4
_OPENING = {"BTC": 50_000.0, "ETH": 2_500.0, "SOL": 100.0}
_SETTLES_SECONDS = 45.0
#: A position may be without its stop for so long: the deadline, and a round of the loop that acts.
_DEADLINE_SECONDS = 30.0 + 3.0


@dataclass(slots=True)
class Report:
    """What was found."""

    kills: int = 0
    orders: int = 0
    trades: int = 0
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unprotected_longest: float = 0.0
    unprotected_late: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    #: In how many lives an order was sent.
    traded_lives: int = 0
    #: How often its owner has resumed: three abnormal ends in ten minutes leave reductions only.
    resumed: int = 0
    #: How often it has given up by itself at its start, because the venue did not answer.
    gave_up: int = 0

    @property
    def is_well(self) -> bool:
        """True when nothing was found."""
        return not (self.duplicates or self.lost or self.unprotected_late or self.apart)


class Kills:
    """One exchange, many daemons."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.report = Report()
        self._chance = random.Random(f"kills/{seed}")  # noqa: S311 - a rehearsal, not a secret
        self._prices = dict(_OPENING)
        self._unprotected: dict[str, float] = {}
        self._resumed: set[int] = set()

    async def run(self, times: int) -> Report:
        """Kill it so often, and judge."""
        exchange = self._spawn_exchange()
        try:
            address = json.loads(await asyncio.to_thread(exchange.stdout.readline))  # type: ignore[union-attr]
            async with aiohttp.ClientSession() as session:
                self._session, self._admin, self._rest = session, address["admin_url"], address["rest_url"]
                # So many starts in a minute no venue lets through.
                await self._post("account", {"weight_limit": 10_000_000})
                for fault in _FAULTS:
                    await self._post("fault", fault)
                for number in range(times):
                    await self._live_and_die()
                    if (number + 1) % 25 == 0:
                        print(f"{number + 1} kills, {len((await self._state())['orders'])} orders", flush=True)
                await self._post("calm", {})
                await self._live(_SETTLES_SECONDS, end=signal.SIGTERM)
                self._judge(await self._state())
        finally:
            exchange.terminate()
            exchange.wait()
        return self.report

    def _environment(self, **changes: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
        return own | changes

    def _spawn_exchange(self) -> subprocess.Popen[bytes]:
        (self.folder / "exchange").mkdir()
        environment = self._environment(
            TRIMTAB_DATA_DIR=str(self.folder / "exchange"),
            TRIMTAB_PAPER__MARKET="static",
            TRIMTAB_PAPER__HOLDINGS="BTC=0.12,ETH=1,SOL=15",
        )
        command = [sys.executable, "-m", "bot", "exchange", "serve", "--port", "0", "--fault-seed", "7"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    def _spawn_daemon(self) -> subprocess.Popen[bytes]:
        environment = self._environment(
            TRIMTAB_MODE="live",
            TRIMTAB_DATA_DIR=str(self.folder / "bot"),
            TRIMTAB_TARGETS="BTC=50%,ETH=30%,SOL=20%",
            TRIMTAB_BAND="1%",
            TRIMTAB_BAND_TOTAL="off",
            TRIMTAB_REBALANCE_TO="target",
            TRIMTAB_EXECUTION__STYLE="ioc",
            TRIMTAB_RISK__MAX_TURNOVER="1000",
            TRIMTAB_HTTP__PORT="0",
            TRIMTAB_LOG_FORMAT="json",
            TRIMTAB_VENUES__BINANCEUSDM__API_KEY="trimtab-key",
            TRIMTAB_VENUES__BINANCEUSDM__API_SECRET="trimtab-secret",
            TRIMTAB_VENUES__BINANCEUSDM__REST_URL=self._rest,
        )
        log = (self.folder / "bot.log").open("ab")
        return subprocess.Popen([sys.executable, "-m", "bot", "run"], stdout=log, stderr=log, env=environment)

    async def _live_and_die(self) -> None:
        await self._move_price()
        await self._live(self._chance.uniform(1.0, 3.4), end=signal.SIGKILL)
        self.report.kills += 1

    async def _live(self, seconds: float, *, end: signal.Signals) -> None:
        before = len((await self._state())["orders"])
        daemon = self._spawn_daemon()
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            await asyncio.sleep(0.1)
            await self._resume_once(daemon.pid)
            if end is not signal.SIGKILL:
                self._watch(await self._state(), since=began)
        if daemon.poll() == _UNREACHABLE:
            self.report.gave_up += 1
        elif daemon.poll() is not None:
            self.report.apart.append(f"the daemon ended by itself with {daemon.returncode}")
        daemon.send_signal(end)
        await asyncio.to_thread(daemon.wait)
        self._unprotected.clear()
        self.report.traded_lives += len((await self._state())["orders"]) > before

    async def _resume_once(self, pid: int) -> None:
        """Do what an owner would who sees that nothing is opened any more."""
        folder = self.folder / "bot"
        if pid in self._resumed or not (folder / ADDRESS_FILE).exists():
            return
        address, token = json.loads((folder / ADDRESS_FILE).read_text()), (folder / "token").read_text().strip()
        if address.get("pid") != pid:
            return
        url = f"http://{address['host']}:{address['port']}/api/v1/resume"
        try:
            async with self._session.post(url, json={}, headers={"Authorization": f"Bearer {token}"}) as reply:
                if reply.status == _DONE:
                    self._resumed.add(pid)
                    self.report.resumed += 1
        except aiohttp.ClientError:
            # It is not up yet, or going down.
            return

    async def _move_price(self) -> None:
        asset = self._chance.choice(list(self._prices))
        price = self._prices[asset] * (1 + self._chance.uniform(-0.06, 0.06))
        if not 0.6 < price / _OPENING[asset] < 1.6:
            price = _OPENING[asset]
        self._prices[asset] = price
        await self._post("price", {"asset": asset, "price": f"{price:.6g}"})

    async def _post(self, what: str, document: dict[str, Any]) -> None:
        async with self._session.post(f"{self._admin}/{what}", json=document) as reply:
            reply.raise_for_status()

    async def _state(self) -> dict[str, Any]:
        async with self._session.get(f"{self._admin}/state") as reply:
            state: dict[str, Any] = await reply.json()
            return state

    # --- judging

    def _watch(self, state: dict[str, Any], *, since: float) -> None:
        """Measure how long a position of a living daemon is without a stop of its size."""
        now = time.monotonic()
        for symbol, amount in state["positions"].items():
            held = Decimal(amount)
            if _is_protected(symbol, held, state["orders"]):
                self._unprotected.pop(symbol, None)
                continue
            lasted = now - self._unprotected.setdefault(symbol, since)
            self.report.unprotected_longest = max(self.report.unprotected_longest, lasted)
            if lasted > _DEADLINE_SECONDS and len(self.report.unprotected_late) < 10:
                self.report.unprotected_late.append(f"{symbol}: {held} for {lasted:.0f} s")

    def _judge(self, state: dict[str, Any]) -> None:
        report, journal = self.report, self._read_journal()
        books = journal.books
        ours = [order for order in state["orders"] if carries_marker(order["client_order_id"] or "")]
        report.orders, report.trades, report.faults = len(ours), len(state["trades"]), state["faults"]
        ids = [order["client_order_id"] for order in ours]
        report.duplicates = sorted({one for one in ids if ids.count(one) > 1})
        report.lost = [one for one in ids if one not in books.orders]
        booked = {symbol: ledger.contracts for (_, symbol), ledger in books.ledgers.items() if ledger.contracts}
        held = {symbol: Decimal(amount) for symbol, amount in state["positions"].items()}
        if booked != held:
            report.apart.append(f"the journal has {booked}, the exchange {held}")
        open_ones = [one.intent.client_order_id for one in books.orders.values() if not one.state.is_final]
        resting = {
            order["client_order_id"] for order in state["orders"] if order["state"] in ("open", "partially_filled")
        }
        report.apart.extend(f"{one} is open in the journal alone" for one in open_ones if one not in resting)
        report.apart.extend(
            f"{symbol} is held without its stop"
            for symbol, amount in held.items()
            if not _is_protected(symbol, amount, state["orders"])
        )
        journal.connection.close()

    def _read_journal(self) -> Any:
        from datetime import UTC, datetime

        now = datetime.now(UTC)
        return open_journal(self.folder / "bot" / JOURNAL_FILE, now=now, epoch_tail=lambda: "XXX", read_only=True)


def _is_protected(symbol: str, held: Decimal, orders: list[dict[str, Any]]) -> bool:
    return any(
        order["symbol"] == symbol
        and order["type"] == "stop_market"
        and order["state"] == "open"
        and Decimal(order["contracts"]) == abs(held)
        for order in orders
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="leave journal, log and exchange in this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(Kills(folder, options.seed).run(options.times))
    for name in Report.__dataclass_fields__:
        print(f"{name}: {getattr(report, name)}")
    sys.exit(0 if report.is_well else 1)


if __name__ == "__main__":
    main()
