# ruff: noqa: T201 - a report on the terminal
"""Does the real daemon lose or double an order when it is killed? ``python -m tests.live.kills --times 500``.

The exchange runs in a process of its own and goes on; the daemon is started, killed with ``kill -9``, and started
again, over HTTP and WebSocket. Most kills hit a request: the exchange holds an order, a stop or a cancel before it
executes it, or executes it and holds the answer, and the daemon is killed while it is held; what is held goes on at
once, while the next life starts, or after the request has become too old. Others come within 30 ms of an answer, at any
moment of a start, or of a quiet daemon. Prices move between lives and in them, and by chance replies are lost after the
order was executed, connections dropped, bodies cut short, sockets silent or closed. At the end faults stop, one last
life settles what is open, and the truth of the exchange is compared with the journal (``kill_judge``).
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
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.adapters.web.folder import TOKEN_FILE, read_address
from tests.live.kill_judge import Oracle, ProtectionWatch, Report, interrupted, judge
from tests.live.nursery import Child, Nursery, spawn_fresh

_FAULTS: tuple[dict[str, Any], ...] = (
    {"effect": "drop", "method": "POST", "path": "/fapi/v1/", "executed": True, "chance": 0.03, "times": None},
    {"effect": "drop", "method": "POST", "path": "/fapi/v1/", "executed": False, "chance": 0.02, "times": None},
    {"effect": "truncated", "method": "POST", "path": "/fapi/v1/", "executed": True, "chance": 0.02, "times": None},
    {"effect": "html", "method": "POST", "path": "/fapi/v1/", "executed": True, "chance": 0.03, "times": None},
    {"effect": "status", "method": "DELETE", "path": "/fapi/v1/", "executed": True, "chance": 0.05, "times": None},
    {"effect": "status", "method": "GET", "path": "/fapi/v1/userTrades", "chance": 0.01, "times": None},
    {
        "effect": "delay",
        "method": "POST",
        "path": "/fapi/v1/",
        "executed": True,
        "seconds": 0.4,
        "chance": 0.05,
        "times": None,
    },
)
_DONE = 200
#: The exit code of a daemon whose venue cannot be reached.
_UNREACHABLE = 4
_OPENING = {"BTC": Decimal(50_000), "ETH": Decimal(2_500), "SOL": Decimal(100)}
_HOLDINGS = {"BTC": Decimal("0.12"), "ETH": Decimal(1), "SOL": Decimal(15)}
_WEIGHTS = {"BTC": Decimal("0.5"), "ETH": Decimal("0.3"), "SOL": Decimal("0.2")}
_BAND = Decimal("0.01")
#: The band, and what a lot or the smallest order may leave beside it.
_IN_BAND = Decimal("0.015")
_POLL_SECONDS = 0.2
#: Lives in which no socket says anything, and in which all of them are closed in the middle.
_SILENT_SHARE, _DROP_SHARE = 0.15, 0.3
#: A daemon that is up for so long without having sent what is waited for gets a reason to.
_NUDGE_SECONDS = 0.7
#: Of the lives, so many are started from nothing.
_FRESH_SHARE = 0.1
#: A daemon that is up for so long has nothing to send any more.
_QUIET_SECONDS = 4.0
#: Longer than any life should last.
_LIFE_SECONDS = 90.0
#: Longer than the five minutes after which a leg is looked at again that had to wait for the outcome of an order.
_SETTLES_SECONDS = 360.0
_STYLES = ("ioc", "ioc", "chase", "auto")
#: What is held; orders and stops more often than cancels, of which there are more.
_TARGETS = (
    ("POST", "/fapi/v1/order"),
    ("POST", "/fapi/v1/order"),
    ("POST", "/fapi/v1/algoOrder"),
    ("POST", "/fapi/v1/algoOrder"),
    ("DELETE", "/fapi/v1/algoOrder"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When a life is to end."""

    name: str
    #: What the exchange is to hold; None: nothing.
    trap: dict[str, Any] | None = None
    #: Seconds that the answer is let go before the kill, or that a start lasts.
    seconds: float = 0.0
    #: Seconds after the kill at which what is held goes on.
    release: float = 0.0


class Kills:
    """One exchange, many daemons."""

    def __init__(self, folder: Path, seed: int, nursery: Nursery, on_kill: Any = None) -> None:
        self.folder = folder
        self._nursery = nursery
        self._seed = seed
        self.report = Report()
        self._chance = random.Random(f"kills/{seed}")  # noqa: S311 - a rehearsal, not a secret
        self._prices = dict(_OPENING)
        self._oracle = Oracle(_HOLDINGS, _WEIGHTS)
        self._watch = ProtectionWatch(self.report, folder / "bot.log")
        self._starts: list[float] = []
        self._on_kill = on_kill
        self._works: set[asyncio.Task[Any]] = set()

    async def run(self, times: int, until: float) -> Report:
        """Kill it so often, or until that second of the monotonic clock, and judge."""
        exchange = self._spawn_exchange()
        try:
            address = json.loads(await asyncio.to_thread(exchange.stdout.readline))  # type: ignore[union-attr]
            async with aiohttp.ClientSession() as session:
                self._session, self._address = session, address
                # So many starts in a minute no venue lets through.
                await self._post("account", {"weight_limit": 10_000_000})
                for fault in _FAULTS:
                    await self._post("fault", fault)
                while self.report.kills < times and time.monotonic() < until:
                    await self._live_and_die()
                await self._settle()
        finally:
            exchange.terminate()
            await asyncio.to_thread(exchange.communicate)
        self.report.start_mean = sum(self._starts) / max(1, len(self._starts))
        return self.report

    # --- processes

    def _environment(self, **changes: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
        return own | changes

    def _spawn_exchange(self) -> subprocess.Popen[bytes]:
        (self.folder / "exchange").mkdir(parents=True)
        environment = self._environment(
            TRIMTAB_DATA_DIR=str(self.folder / "exchange"),
            TRIMTAB_PAPER__MARKET="static",
            TRIMTAB_PAPER__HOLDINGS=",".join(f"{coin}={amount}" for coin, amount in _HOLDINGS.items()),
        )
        command = [sys.executable, "-m", "bot", "exchange", "serve", "--port", "0", "--fault-seed", str(self._seed)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    async def _spawn_daemon(self, style: str) -> Child:
        environment = self._environment(
            TRIMTAB_MODE="live",
            TRIMTAB_DATA_DIR=str(self.folder / "bot"),
            TRIMTAB_TARGETS=",".join(f"{coin}={weight:%}" for coin, weight in _WEIGHTS.items()),
            TRIMTAB_BAND=f"{_BAND:%}",
            TRIMTAB_BAND_TOTAL="off",
            TRIMTAB_REBALANCE_TO="target",
            TRIMTAB_EXECUTION__STYLE=style,
            TRIMTAB_RISK__MAX_TURNOVER="100000",
            TRIMTAB_RISK__MAX_LEAP="50%",
            TRIMTAB_HTTP__PORT="0",
            TRIMTAB_LOG_FORMAT="json",
            TRIMTAB_VENUES__BINANCEUSDM__API_KEY="trimtab-key",
            TRIMTAB_VENUES__BINANCEUSDM__API_SECRET="trimtab-secret",
            TRIMTAB_VENUES__BINANCEUSDM__REST_URL=self._address["rest_url"],
            TRIMTAB_VENUES__BINANCEUSDM__WS_URL=self._address["ws_url"],
        )
        log = self.folder / "bot.log"
        if self._chance.random() < _FRESH_SHARE:
            self.report.fresh += 1
            return spawn_fresh(environment, log)
        return await self._nursery.spawn(environment, log)

    # --- lives

    def _draw(self) -> Plan:
        draw, chance = self._chance.random(), self._chance
        if draw < 0.12:
            usual = sum(self._starts) / len(self._starts) if self._starts else 4.0
            return Plan(name="starting", seconds=chance.uniform(0.2, usual))
        if draw < 0.2:
            return Plan(name="at any moment", seconds=chance.uniform(0, _QUIET_SECONDS))
        method, path = chance.choice(_TARGETS)
        what = {"POST/fapi/v1/order": "an order", "POST/fapi/v1/algoOrder": "a stop"}.get(method + path, "a cancel")
        trap = {
            "method": method,
            "path": path,
            "executed": chance.random() < 0.5,
            "skip": chance.choice((0, 0, 0, 1, 2)),
        }
        if draw < 0.4:
            return Plan(name=f"just after {what}", trap=trap | {"executed": True}, seconds=chance.uniform(0, 0.03))
        when = "executed, not answered" if trap["executed"] else "arrived, not executed"
        release = chance.choice((0.0, 0.0, chance.uniform(0.5, 4.0), 7.0))
        return Plan(name=f"{what} {when}", trap=trap, release=release)

    async def _live_and_die(self) -> None:
        await self._move_price()
        plan, sent = self._draw(), (await self._standing())["sent"]
        self._oracle.begin(await self._state(), self._prices)
        if plan.trap is not None:
            await self._post("gate", plan.trap)
        await self._post("sockets", {"silent": self._chance.random() < _SILENT_SHARE})
        daemon = await self._spawn_daemon(self._chance.choice(_STYLES))
        name, is_up = await self._accompany(daemon, plan)
        daemon.send_signal(signal.SIGKILL)
        code = await daemon.wait()
        if code == -signal.SIGKILL:
            self._count(name, is_up=is_up)
        else:
            self._note_own_end(code)
        if plan.trap is not None:
            self._release_after(plan.release)
        order, cancel = await asyncio.to_thread(interrupted, self.folder / "bot")
        self.report.interrupted_orders += order
        self.report.interrupted_cancels += cancel
        state = await self._state()
        self.report.traded_lives += len(state["orders"]) > sent
        self.report.overshot += self._oracle.overshot(state, self._prices)

    def _count(self, name: str, *, is_up: bool) -> None:
        self.report.kills += 1
        self.report.moments[name] += 1
        self.report.up += is_up
        self.report.starting += not is_up
        if self._on_kill is not None:
            self._on_kill()

    def _note_own_end(self, code: int) -> None:
        if code == _UNREACHABLE:
            self.report.gave_up += 1
        else:
            self.report.apart.append(f"the daemon ended by itself with {code}")

    async def _accompany(self, daemon: Child, plan: Plan) -> tuple[str, bool]:
        """Watch a life until its plan says that it ends; return what it was killed in, and whether it was up.

        Nothing here waits for the daemon: what it is asked is asked beside this.
        """
        began = before = time.monotonic()
        up_at: float | None = None
        is_nudged = has_begun = False
        arrival = asyncio.ensure_future(self._arrival()) if plan.trap is not None else None
        asking: asyncio.Task[bool] | None = None
        try:
            while daemon.poll() is None and time.monotonic() - began < _LIFE_SECONDS:
                await asyncio.wait([arrival] if arrival is not None else [_pause()], timeout=_POLL_SECONDS)
                if arrival is not None and arrival.done():
                    await self._meet(plan)
                    return plan.name, up_at is not None
                standing, now = await self._standing(), time.monotonic()
                self._watch.note(standing, alive=now - before, up=now - before if has_begun else 0.0)
                before, has_begun = now, has_begun or self._has_begun(daemon.pid)
                if up_at is None and has_begun:
                    asking = asking or asyncio.ensure_future(self._is_up())
                    if asking.done():
                        up_at, asking = (now if asking.result() else None), None
                is_nudged = is_nudged or await self._nudge_after(began, up_at, plan)
                if _is_over(plan, now - began, None if up_at is None else now - up_at):
                    return ("quiet" if plan.trap is not None else plan.name), up_at is not None
            return ("never up" if up_at is None else "busy for a minute"), up_at is not None
        finally:
            for task in (arrival, asking):
                if task is not None:
                    task.cancel()

    async def _meet(self, plan: Plan) -> None:
        """Let the answer go where the kill is to come just after it."""
        if plan.name.startswith("just after"):
            await self._post("gate", {})
            await asyncio.sleep(plan.seconds)

    async def _nudge_after(self, began: float, up_at: float | None, plan: Plan) -> bool:
        """Nudge a daemon that has been up for a while; return whether that is done."""
        if up_at is None or time.monotonic() - up_at <= _NUDGE_SECONDS:
            return False
        self._note_start(up_at - began)
        await self._nudge(plan.trap)
        return True

    async def _nudge(self, trap: dict[str, Any] | None) -> None:
        """Give a daemon a reason to send something: prices leave the bands, and its owner has it look."""
        if trap is not None:
            method, path = self._chance.choice(_TARGETS)
            await self._post("gate", {"method": method, "path": path, "executed": trap["executed"]})
            await self._move_price(least=0.03)
            await self._post("sockets", {"drop": self._chance.random() < _DROP_SHARE})
            self._oracle.widen(await self._state(), self._prices)
        self._beside(self._resume())

    def _note_start(self, seconds: float) -> None:
        self._starts.append(seconds)
        self.report.start_longest = max(self.report.start_longest, seconds)

    def _release_after(self, seconds: float) -> None:
        async def release() -> None:
            await asyncio.sleep(seconds)
            await self._post("gate", {})

        self._beside(release())

    def _beside(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def _settle(self) -> None:
        """Let the last life put everything in order, without faults, and judge."""
        await asyncio.gather(*self._works)
        await self._post("calm", {})
        await self._post("gate", {})
        await self._post("sockets", {"silent": False})
        self._oracle.begin(await self._state(), self._prices)
        daemon, began = await self._spawn_daemon("ioc"), time.monotonic()
        before, has_begun, is_up = began, False, False
        while daemon.poll() is None and time.monotonic() - began < _SETTLES_SECONDS:
            await asyncio.sleep(0.2)
            standing, now = await self._standing(), time.monotonic()
            self._watch.note(standing, alive=now - before, up=now - before if has_begun else 0.0)
            before, has_begun = now, has_begun or self._has_begun(daemon.pid)
            if has_begun and not is_up and await self._is_up():
                is_up = True
                self._beside(self._resume())
            if is_up and await self._is_at_rest():
                break
        daemon.send_signal(signal.SIGTERM)
        code = await daemon.wait()
        if code != 0:
            self._note_own_end(code)
        state = await self._state()
        judge(self.report, state, self.folder / "bot", self._oracle.gaps(state, self._prices), _IN_BAND)
        self.report.overshot += self._oracle.overshot(state, self._prices)

    # --- the daemon

    async def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        address = read_address(self.folder / "bot")
        if address is None:
            return None
        token = (self.folder / "bot" / TOKEN_FILE).read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._session.request(
                "GET" if body is None else "POST", address.url + path, json=body, headers=headers
            ) as reply:
                return await reply.json() if reply.status == _DONE else None
        except aiohttp.ClientError:
            # It is not up yet, or going down.
            return None

    def _has_begun(self, pid: int) -> bool:
        """Return whether the process has loaded everything and says where it listens."""
        address = read_address(self.folder / "bot")
        return address is not None and address.pid == pid

    async def _is_up(self) -> bool:
        """Return whether the daemon has started: reconciled, protected, and about to look."""
        status = await self._ask("/api/v1/status")
        return status is not None and status["next_look_at"] is not None

    async def _resume(self) -> None:
        """Do what an owner would who sees that nothing is opened any more; where all is well it is one more look."""
        if await self._ask("/api/v1/resume", {}) is not None:
            self.report.resumed += 1

    async def _is_at_rest(self) -> bool:
        """Return whether nothing is open, everything protected, and every asset in its band, or under a ceiling."""
        status = await self._ask("/api/v1/status")
        if status is None or not status["is_ready"] or status["unknown_orders"] or status["locks"]:
            return False
        state = await self._state()
        bounded = {ceiling["asset"] for ceiling in status["ceilings"]}
        gaps = self._oracle.gaps(state, self._prices)
        return all(abs(gap) <= _IN_BAND for asset, gap in gaps.items() if asset not in bounded) and not any(
            order["purpose"] == "hedge" for order in status["working_orders"]
        )

    # --- the exchange

    async def _move_price(self, least: float = 0.0) -> None:
        for asset, opening in _OPENING.items():
            if self._chance.random() < 0.6 or least:
                size = self._chance.uniform(least, 0.06) * self._chance.choice((-1, 1))
                move = Decimal(str(round(size, 4)))
                price = self._prices[asset] * (1 + move)
                self._prices[asset] = Decimal(f"{price if 0.6 < price / opening < 1.6 else opening:.6g}")
                await self._post("price", {"asset": asset, "price": str(self._prices[asset])})

    async def _post(self, what: str, document: dict[str, Any]) -> None:
        async with self._session.post(f"{self._address['admin_url']}/{what}", json=document) as reply:
            reply.raise_for_status()

    async def _get(self, what: str) -> dict[str, Any]:
        async with self._session.get(f"{self._address['admin_url']}/{what}") as reply:
            document: dict[str, Any] = await reply.json()
            return document

    async def _state(self) -> dict[str, Any]:
        return await self._get("state")

    async def _standing(self) -> dict[str, Any]:
        return await self._get("standing")

    async def _arrival(self) -> None:
        while (await self._get("gate?wait=20"))["held"] is None:
            pass


def _pause() -> asyncio.Task[None]:
    return asyncio.ensure_future(asyncio.sleep(_POLL_SECONDS))


def _is_over(plan: Plan, lived: float, up: float | None) -> bool:
    """Return whether a life without anything held, or in which nothing came, has lasted long enough."""
    if plan.name == "starting":
        return lived >= plan.seconds
    if up is None:
        return False
    return up >= (plan.seconds if plan.trap is None else _QUIET_SECONDS)


async def run_lanes(
    folder: Path, seed: int, times: int, lanes: int, on_kill: Any = None, *, minutes: float = 600
) -> Report:
    """Kill so often beside several exchanges at once, and put together what was found."""
    until = time.monotonic() + minutes * 60
    shares = [times // lanes + (place < times % lanes) for place in range(lanes)]
    report = Report()
    async with Nursery() as nursery:
        runs = [Kills(folder / f"lane-{place}", seed + place, nursery, on_kill) for place in range(lanes)]
        ends = await asyncio.gather(
            *(run.run(share, until) for run, share in zip(runs, shares, strict=True)), return_exceptions=True
        )
        for run, end in zip(runs, ends, strict=True):
            report.add(run.report)
            if isinstance(end, BaseException):
                report.apart.append(f"{run.folder.name} broke off: {end!r}")
    return report


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.live.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lanes", type=int, default=2, help="exchanges side by side, each with its daemon")
    parser.add_argument("--minutes", type=float, default=600, help="kill no more after so long")
    parser.add_argument("--keep", type=Path, help="leave journals, logs and exchanges in this folder")
    options = parser.parse_args()
    bar = Progress(
        TextColumn("kills"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    )
    with tempfile.TemporaryDirectory() as scratch, bar:
        folder = options.keep or Path(scratch)
        task = bar.add_task("kills", total=options.times)
        run = run_lanes(
            folder, options.seed, options.times, options.lanes, lambda: bar.advance(task), minutes=options.minutes
        )
        report = asyncio.run(run)
    for name in Report.__dataclass_fields__:
        found = getattr(report, name)
        if name == "moments":
            print("moments:")
            for moment, count in sorted(found.items()):
                print(f"    {count:5} {moment}")
        else:
            print(f"{name}: {dict(found) if name == 'faults' else found}")
    sys.exit(0 if report.is_well else 1)


if __name__ == "__main__":
    main()
