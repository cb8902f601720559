# ruff: noqa: T201 - a report on the terminal
"""Does a hedge outlive a real crash on thin collateral? ``python -m tests.stress --data DATA [--out FOLDER]``.

Runs the whole daemon, at the intervals it has in production, over every episode of ``stress_episodes.csv``: hedged on
the side that hurts, little collateral in the futures wallet and spare cash in the spot wallet, with both orders of the
extremes inside a bar, and with more and less to protect it. What has been run before is in FOLDER and is not run again.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

import structlog

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.backtest.run import intents_of
from bot.bootstrap import build, exchange_config
from bot.domain.ids import Asset
from bot.domain.orders import Purpose
from bot.domain.policy import Policy, StopPolicy
from bot.domain.transfers import TransferState
from bot.exchange.config import ExtremeOrder, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.settings.load import load_settings
from bot.settings.policies import policy_of

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZERO = Decimal(0)
#: SOL is not recorded before.
SOL_FROM = datetime(2020, 8, 12, tzinfo=UTC)
#: Here it is a short that loses; everywhere else prices fell.
RALLIES = ("Jan 2021 blow-off and pullback", "ETF rally and Mar 2024 top")
#: Too few coins, much cash: longs make up for it. Of 30,000 dollars' worth too many: shorts do.
LONGS = {"TRIMTAB_PAPER__HOLDINGS": "4000USD@target"}
SHORTS = {"TRIMTAB_PAPER__HOLDINGS": "30000USD@target", "TRIMTAB_TARGETS": "BTC=15%,ETH=12%,SOL=8%"}
#: The rest of the portfolio is cash, nearly all of it where it is no collateral.
CASH = {"TRIMTAB_SCOPE": "equity", "TRIMTAB_PAPER__COLLATERAL": "USDT=1500", "TRIMTAB_PAPER__SPARE": "USDT=4500"}
#: Further away than liquidation: such a stop protects nothing.
NO_STOPS = StopPolicy(
    min_distance_frac=Decimal("0.95"), floor_sigmas=ZERO, liquidation_buffer_frac=Decimal(-1), daily_sigmas=ZERO
)


class Protection(StrEnum):
    """What stands between a wallet and its liquidation."""

    #: The bot as it is.
    FULL = "ladder, stops"
    #: The cash may not be moved.
    NO_CASH = "ladder, stops, no cash"
    #: So that nothing but the ladder can help.
    LADDER = "ladder"
    #: Nobody measures the margin.
    STOPS = "stops"
    NOTHING = "nothing"

    def applied(self, policy: Policy) -> Policy:
        """Return a policy without what is missing here."""
        if self is Protection.NO_CASH:
            policy = replace(policy, margin=replace(policy.margin, transfer_assets=()))
        if self in (Protection.STOPS, Protection.NOTHING):
            policy = replace(policy, watch=replace(policy.watch, margin=timedelta(days=365)))
        if self in (Protection.LADDER, Protection.NOTHING):
            policy = replace(policy, stops=NO_STOPS)
        return policy


@dataclass(frozen=True, slots=True)
class Episode:
    """A span of the past that hurt."""

    name: str
    start: datetime
    #: The midnight after its last day.
    end: datetime

    @property
    def environment(self) -> dict[str, str]:
        """The configuration that is hurt by it."""
        if self.name in RALLIES:
            return CASH | SHORTS
        targets = "BTC=55%,ETH=40%" if self.start < SOL_FROM else "BTC=45%,ETH=30%,SOL=20%"
        return CASH | LONGS | {"TRIMTAB_TARGETS": targets}


def episodes(data: Path) -> list[Episode]:
    """Return the episodes of a data folder, in the order of time."""
    with (data / "stress_episodes.csv").open(encoding="utf-8", newline="") as file:
        return [
            Episode(
                row["episode"],
                datetime.fromisoformat(row["start_utc"]).replace(tzinfo=UTC),
                datetime.fromisoformat(row["end_utc"]).replace(tzinfo=UTC) + DAY,
            )
            for row in csv.DictReader(file)
        ]


@dataclass(slots=True, kw_only=True)
class Result:
    """What became of one run. Money in USDT."""

    #: Highest maintenance ÷ margin balance, by the minute; 1 where it was liquidated.
    usage_peak_frac: Decimal
    transfers: int
    transferred: Decimal
    #: Protective reductions: of the ladder, and where a stop would have stood too near.
    reductions: int
    stop_outs: int
    stops_sent: int
    liquidations: int
    #: (code, cause) in the order in which they were opened, each time anew.
    alerts: list[str]
    #: Net exposure per asset as a share of coins and cash, and its target.
    weights: dict[str, tuple[Decimal, Decimal]]
    final_value: Decimal
    violated: list[str]


class TimedAlerts(LogAlerts):
    """Alerts that also remember what was opened, in order."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.opened: list[str] = []

    def raise_alert(
        self, code: str, sentence: str, *, severity: str, cause: str, fields: Mapping[str, Any] | None = None
    ) -> None:
        """Open or repeat an alert."""
        if all((code, cause) != (one["code"], one["cause"]) for one in self.open_alerts):
            self.opened.append(code)
        super().raise_alert(code, sentence, severity=severity, cause=cause, fields=fields)


class Run:
    """One daemon on one episode."""

    def __init__(
        self,
        data: Path,
        episode: Episode,
        extremes: ExtremeOrder,
        protection: Protection,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        settings = load_settings(episode.environment | dict(environ or {}))
        config = replace(
            exchange_config(settings),
            market=MarketKind.HISTORY,
            data_dir=data,
            start=episode.start,
            end=episode.end,
            extremes=extremes,
        )
        self.exchange: Exchange = open_exchange(config, None)
        self.policy = protection.applied(policy_of(settings))
        self.journal: SqlJournal = open_journal(None, now=self.exchange.now, epoch_tail=lambda: "STR")
        self.checker = InvariantChecker(self.exchange, self.journal, self.policy)
        self._until = episode.end - timedelta(seconds=1)
        self._usage = ZERO

    def go(self) -> Result:
        """Run to the end of the episode."""
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        loop = SimulatedLoop()
        try:
            alerts = loop.run_until_complete(self._live(loop))
        finally:
            loop.close()
        self.checker.check_at_rest(self.exchange.now)
        return self._result(alerts.opened)

    async def _live(self, loop: SimulatedLoop) -> TimedAlerts:
        clock = LoopClock(loop, self.exchange.now)
        alerts = TimedAlerts(clock)
        bot = build(
            policy=self.policy,
            mode="backtest",
            clock=clock,
            venues={PAPER: PaperVenue(self.exchange, clock)},
            journal=self.journal,
            alerts=alerts,
            holdings=DeclaredHoldings(),
            companions=[lambda: self._watch(clock)],
        )
        await bot.supervisor.start()
        loop.call_later((self._until - clock.now()).total_seconds(), bot.supervisor.stop)
        await bot.supervisor.run()
        await bot.supervisor.wind_up("the episode has ended")
        return alerts

    async def _watch(self, clock: LoopClock) -> None:
        """Take the margin usage of every minute; by the exchange's own numbers, before the bot has seen them."""
        while True:
            self.exchange.advance(clock.now())
            for one in self.exchange.margins():
                if one.maintenance > 0:
                    self._usage = max(self._usage, one.maintenance / max(one.maintenance, one.margin_balance))
            await clock.sleep(MINUTE)

    def _result(self, alerts: list[str]) -> Result:
        floor, intents = self.exchange.floor, intents_of(self.journal)
        traded = {one.client_order_id for one in floor.trades if one.client_order_id in intents}
        purposes = Counter(intents[one].purpose for one in traded if one is not None)
        arrived = [one.amount for one in self.exchange.transfers.all if one.state is TransferState.DONE]
        _, coins = self.checker.portfolio()
        prices = {asset: floor.index_of(asset) for asset in self.policy.assets}
        wallets = floor.accounts.wallets.items()
        value = self.exchange.cash_equity() + sum(
            (amount * prices[Asset(name)] for (_, name), amount in wallets if Asset(name) in prices), ZERO
        )
        return Result(
            usage_peak_frac=Decimal(1) if floor.liquidations else self._usage,
            transfers=len(arrived),
            transferred=sum(arrived, ZERO),
            reductions=purposes[Purpose.DELEVERAGE],
            stop_outs=purposes[Purpose.STOP],
            stops_sent=sum(one.purpose is Purpose.STOP for one in intents.values()),
            liquidations=len(floor.liquidations),
            alerts=alerts,
            weights={
                asset: (coins[asset] * price / value, self.policy.targets[asset]) for asset, price in prices.items()
            },
            final_value=value,
            violated=self.checker.violated,
        )


def run_one(key: tuple[str, str, str], data: Path, out: Path | None) -> dict[str, Any]:
    """Run one episode, order of extremes and protection, and return it as text."""
    name, extremes, protection = key
    done = None if out is None else out / f"{'-'.join(key)}.json".replace("/", "_").replace(" ", "_")
    if done is not None and done.exists():
        return _loaded(done.read_text(encoding="utf-8"))
    episode = next(one for one in episodes(data) if one.name == name)
    result = Run(data, episode, ExtremeOrder(extremes), Protection(protection)).go()
    fields = {**asdict(result), "alerts": told(result.alerts), "weights": off_target(result.weights)}
    fields = {"episode": name, "extremes": extremes, "protection": protection} | fields
    text = json.dumps(fields, default=str)
    if done is not None:
        done.write_text(text, encoding="utf-8")
    return _loaded(text)


def _loaded(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(text)
    return fields


def told(alerts: list[str]) -> str:
    """Return the alerts in the order in which each was first opened, and how often."""
    return ", ".join(code if times == 1 else f"{code} ×{times}" for code, times in Counter(alerts).items())


def off_target(weights: Mapping[Asset, tuple[Decimal, Decimal]]) -> str:
    """Return net exposure beside its target."""
    return ", ".join(f"{asset} {weight:.1%} of {target:.0%}" for asset, (weight, target) in weights.items())


HEAD = (
    "episode",
    "first extreme",
    "protection",
    "peak margin usage",
    "transfers, USDT",
    "reductions",
    "stop-outs",
    "stops sent",
    "liquidations",
    "net exposure at the end",
    "alerts in order",
)


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    for one in results:
        moved = f"{one['transfers']}, {float(one['transferred']):,.0f}" if one["transfers"] else "0"
        cells = (
            one["episode"],
            one["extremes"].removesuffix("_first"),
            one["protection"],
            f"{float(one['usage_peak_frac']):.0%}",
            moved,
            *(str(one[name]) for name in ("reductions", "stop_outs", "stops_sent", "liquidations")),
            one["weights"],
            one["alerts"],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run what has not been run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of market data")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--only", default="", help="part of the names of the episodes")
    parser.add_argument("--protection", action="append", choices=[one.value for one in Protection])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    names = [one.name for one in episodes(options.data) if options.only in one.name]
    protections = options.protection or [one.value for one in Protection]
    keys = list(product(names, [one.value for one in ExtremeOrder], protections))
    with ProcessPoolExecutor(options.workers) as pool:
        runs = [pool.submit(run_one, key, options.data, options.out) for key in keys]
        results = []
        for place, run in enumerate(runs, 1):
            results.append(run.result())
            print(f"{place}/{len(runs)} {results[-1]}", file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
