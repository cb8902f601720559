"""Does anything that the daemon or its embedded exchange keeps grow with the days that pass?

Every collection that can be reached from them is measured, at looks after a month and at looks after twice that time.
"""

import logging
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import timedelta
from decimal import Decimal
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.bootstrap import Bot, build
from bot.domain.ids import Asset
from bot.domain.policy import CadencePolicy, Policy, WatchIntervals
from bot.exchange.config import ExchangeConfig, MarketKind, Remembered
from bot.exchange.exchange import Exchange, open_exchange

#: Days: when the windows of a month are full, and twice that long after the start.
EARLY, LATE = range(31, 36), range(64, 69)
#: As at a venue, but shorter than a month.
SPANS = Remembered(
    unfilled_orders=timedelta(days=3),
    orders=timedelta(days=9),
    income=timedelta(days=9),
    trades=timedelta(days=18),
    transfers=timedelta(days=18),
)
TARGETS = {Asset("BTC"): Decimal("0.5"), Asset("ETH"): Decimal("0.3"), Asset("SOL"): Decimal("0.2")}
#: Far from it, so that there are hedges from the first day on.
HELD = {Asset("BTC"): Decimal("0.14"), Asset("ETH"): Decimal("0.4"), Asset("SOL"): Decimal(20)}
#: What chance explains: so many times as much, and so many more. What grows evenly doubles.
_TIMES, _MORE = 1.5, 10
#: One for each type that was ever written, the last of them with the first checkpoint.
_OF_TYPES = "bot.adapters.journal.codec._known"
_COLLECTIONS = (dict, list, set, tuple, deque, frozenset)

#: The most that was found on each of the paths that lead to a collection.
Sizes = Counter[str]


def _attributes(one: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an object of ours, or of the scheduler's, has."""
    if not type(one).__module__.startswith(("bot.", "apscheduler.")):
        return
    names = set(getattr(one, "__dict__", ()))
    for kind in type(one).__mro__:
        names.update(getattr(kind, "__slots__", ()))
    yield from ((name, getattr(one, name)) for name in sorted(names - {"__weakref__"}) if hasattr(one, name))


def _measure(name: str, root: Any, sizes: Sizes, seen: set[int]) -> None:
    """Take note of the size of everything that can be reached from an object."""
    waiting = deque([(name, root)])
    while waiting:
        path, one = waiting.popleft()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, _COLLECTIONS):
            sizes[path] = max(sizes[path], len(one))
            members = one.values() if isinstance(one, dict) else one
            waiting.extend((f"{path}[]", member) for member in members)
        else:
            waiting.extend((f"{path}.{attribute}", value) for attribute, value in _attributes(one))


def _measure_modules(sizes: Sizes) -> None:
    """Take note of what modules remember."""
    for module in [one for name, one in sys.modules.items() if name.startswith("bot.")]:
        for name, value in list(vars(module).items()):
            if isinstance(value, (dict, list, set, WeakKeyDictionary)):
                sizes[f"{module.__name__}.{name}"] = len(value)


async def _run(exchange: Exchange, loop: SimulatedLoop, look: Callable[[Bot], None]) -> None:
    clock = LoopClock(loop, exchange.now)
    made: list[Bot] = []
    bot = build(
        policy=Policy(
            targets=TARGETS,
            cadence=CadencePolicy(cron="0 0 * * *"),
            watch=WatchIntervals(**{one.name: timedelta(hours=4) for one in fields(WatchIntervals)}),
        ),
        mode="backtest",
        clock=clock,
        venues={PAPER: PaperVenue(exchange, clock)},
        journal=open_journal(None, now=exchange.now, epoch_tail=lambda: "BAC"),
        alerts=LogAlerts(clock),
        holdings=DeclaredHoldings(),
        observers=[lambda *_: look(made[0])],
    )
    made.append(bot)
    await bot.supervisor.start()
    loop.call_later(LATE.stop * 86_400, bot.supervisor.stop)
    await bot.supervisor.run()
    await bot.supervisor.wind_up("that is enough")


def _grown(remembered: Remembered | None) -> dict[str, tuple[int, int]]:
    """Run for three months; return what has grown, and the most that there was of it early and late."""
    config = ExchangeConfig(market=MarketKind.MODEL, seed=3, holdings=HELD, remembered=remembered)
    exchange = open_exchange(config, None)
    began = exchange.now
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    early, late = Sizes(), Sizes()

    def look(bot: Bot) -> None:
        day = (exchange.now - began).days
        for days, sizes in ((EARLY, early), (LATE, late)):
            if day in days:
                seen: set[int] = set()
                _measure("exchange", exchange, sizes, seen)
                _measure("bot", bot, sizes, seen)
                _measure_modules(sizes)

    loop = SimulatedLoop()
    try:
        loop.run_until_complete(_run(exchange, loop, look))
    finally:
        loop.close()
    assert early["exchange.floor.open_orders"]
    return {
        path: (early[path], most)
        for path, most in late.items()
        if path != _OF_TYPES and most > max(early[path] * _TIMES, early[path] + _MORE)
    }


def test_nothing_grows_with_the_days_that_pass() -> None:
    assert _grown(SPANS) == {}


def test_an_exchange_that_forgets_nothing_is_seen_to_grow() -> None:
    grown = _grown(None)
    kept = ("orders", "_by_client", "funding", "accounts.movements")
    assert set(grown) == {f"exchange.floor.{name}" for name in kept}
