"""What does a seed decide? The bot's policy, the market, and the timeline of what goes wrong.

Everything is drawn from the seed alone, and each event has chance of its own: a timeline that is cut short leaves what
comes before the cut as it was.
"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset, Currency
from bot.domain.instruments import Tenor
from bot.domain.policy import (
    BandPolicy,
    CadencePolicy,
    DcaPolicy,
    Destination,
    ExecutionPolicy,
    ExecutionStyle,
    MarginBound,
    MarginPolicy,
    Policy,
    RollPolicy,
    StopPolicy,
    WatchIntervals,
)
from bot.exchange.config import ExchangeConfig, MarketKind
from tests.simulation.seeds.cells import State
from tests.simulation.seeds.disturbances import DISTURBANCES, NAMES

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
#: Sixteen hours before the contracts of a quarter expire.
START = datetime(2024, 3, 28, 16, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
#: After the last fault the market stands still, and the bot has so long to be well.
CALM = 6 * HOUR
_OPENING = {BTC: Decimal(50_000), ETH: Decimal(2_500), SOL: Decimal(100)}
_DAYS_BEFORE = 60
#: Disturbances that come together, within so many seconds.
_BURST_CHANCE, _BURST_SECONDS = 0.25, 40.0
_PAIR_CHANCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """How close disturbances come upon each other, and how many of them wait for what is seldom."""

    #: Mean time from one disturbance to the next, bursts apart.
    gap_minutes: float
    #: How many wait until the bot is in the middle of something.
    aimed_chance: float
    #: They are drawn more evenly, what is seldom and meets what is short would else hardly ever be seen: the power
    #: that weights are taken to. 0: all alike.
    aimed_evenness: float
    #: Not everything that waits for a moment happens at it.
    between_aimed: timedelta
    #: What the weights of those that do not wait are multiplied with.
    weights: Mapping[str, float] = field(default_factory=dict)
    #: What the bot may be waited for to be in the middle of, and how often.
    aims: Mapping[State, float] = field(default_factory=dict)
    flavours: tuple[str, ...]
    #: What is to meet the bot in the middle of what, before all else: every second one that waits is of these.
    pairs: tuple[tuple[str, State], ...] = ()

    def aimed_at(self, pairs: Iterable[str]) -> "Density":
        """Return the same with more of some cells, each named as in the table: ``outage/rolling``.

        Raises:
            ValueError: there is no such disturbance, or no such state.
        """
        found = []
        for pair in pairs:
            kind, _, state = pair.partition("/")
            if kind not in NAMES or state not in list(State):
                raise ValueError(f"{pair!r} is no cell; one is {NAMES[0]}/{State.ROLLING}")
            found.append((kind, State(state)))
        return replace(self, pairs=tuple(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happens, at a moment of market time."""

    at: datetime
    #: A name of ``DISTURBANCES``.
    kind: str
    #: What its own chance is drawn from.
    seed: str
    #: Wait for the bot to be in the middle of this; None: happen at the moment.
    aim: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What a seed has decided."""

    seed: int
    flavour: str
    policy: Policy
    config: ExchangeConfig
    timeline: tuple[Event, ...]
    density: Density
    #: When the last fault is over.
    calm_from: datetime

    @property
    def ends_at(self) -> datetime:
        """When the bot is judged: right after a look."""
        return self.calm_from + CALM + 2 * MINUTE

    def cut(self, events: int) -> "Scenario":
        """Return the scenario with no more than the first events."""
        return replace(self, timeline=self.timeline[:events])


_BASE = Policy(
    targets={BTC: Decimal("0.5"), ETH: Decimal("0.3"), SOL: Decimal("0.2")},
    bands=BandPolicy(absolute_frac=Decimal("0.02"), destination=Destination.TARGET, total_frac=None),
    cadence=CadencePolicy(cron="0 * * * *", move_sigmas=Decimal(3)),
    watch=WatchIntervals(protection=MINUTE, reconcile=MINUTE, prices=MINUTE, margin=MINUTE, roll=MINUTE),
)
_ROLLING = RollPolicy(passive_before=10 * HOUR, spread_before=6 * HOUR, outright_before=3 * HOUR)
_WORKED = ExecutionPolicy(
    style=ExecutionStyle.AUTO,
    twap_depths=Decimal("0.003"),
    chase_deadline=MINUTE,
    twap_duration=3 * MINUTE,
    twap_slices=4,
)


@dataclass(frozen=True, slots=True)
class _Flavour:
    policy: Policy
    config: Mapping[str, Any] = field(default_factory=dict)


_THIN = {
    "collateral": {Currency("USDT"): Decimal(900)},
    "spare": {Currency("USDT"): Decimal(6000)},
    "transfer_delay": timedelta(seconds=20),
}
_FLAVOURS: Mapping[str, _Flavour] = {
    "at once": _Flavour(_BASE),
    "worked": _Flavour(
        replace(
            _BASE,
            execution=_WORKED,
            stops=StopPolicy(take_profit_frac=Decimal("0.12")),
            dca=DcaPolicy(tranches=2, interval=25 * MINUTE),
        )
    ),
    "thin": _Flavour(
        replace(
            _BASE,
            margin=MarginPolicy(
                warn=MarginBound(usage_frac=Decimal("0.25"), distance_frac=Decimal("0.30")),
                transfer=MarginBound(usage_frac=Decimal("0.30"), distance_frac=Decimal("0.28")),
            ),
        ),
        _THIN,
    ),
    "unified": _Flavour(
        _BASE,
        {
            "collateral": {Currency("USDT"): Decimal(40)},
            "spare": {},
            "unified": {BTC: Decimal("0.95"), ETH: Decimal("0.9"), SOL: Decimal("0.8")},
        },
    ),
    "dated": _Flavour(replace(_BASE, tenors=(Tenor.DATED,), roll=_ROLLING), {"dated_basis_annual": Decimal("0.05")}),
    "dated, legs": _Flavour(
        replace(_BASE, tenors=(Tenor.DATED,), roll=_ROLLING, execution=_WORKED),
        {"dated_basis_annual": Decimal("0.05"), "spread_book_bps": None},
    ),
}


_AIMS = dict.fromkeys(State, 1.0) | {State.PLAIN: 0.0, State.ROLLING: 0.0, State.DELEVERAGING: 0.5}
_NAMES = tuple(name for name in _FLAVOURS if name != "unified")
#: As a bad week has it.
USUAL = Density(
    gap_minutes=16,
    aimed_chance=0.4,
    aimed_evenness=0.5,
    between_aimed=timedelta(seconds=2),
    aims=_AIMS,
    # In place of every other run at once.
    flavours=(*_NAMES, "unified", *_NAMES[1:]),
)
#: So that every disturbance meets the bot in the middle of everything: flattened every few hours, often filled in part.
CROWDED = Density(
    gap_minutes=9,
    aimed_chance=0.75,
    aimed_evenness=0,
    between_aimed=timedelta(seconds=0.7),
    weights={"flatten": 12, "fills in dribbles": 3},
    aims=_AIMS
    | {
        State.FLATTENING: 1.2,
        State.PARTIALLY_FILLED: 1.5,
        State.UNPROTECTED: 0.3,
        State.UNKNOWN_ORDER: 0.3,
        State.HALTED: 0.4,
        State.DELEVERAGING: 2.0,
    },
    flavours=("thin", "dated", "unified", "dated, legs", "thin", "thin", "unified", "worked"),
)


def draw(seed: int, days: float, density: Density = USUAL) -> Scenario:
    """Return what a seed decides about so many days of trouble."""
    chance = random.Random(f"scenario/{seed}")  # noqa: S311 - a simulation, not a secret
    name = density.flavours[seed % len(density.flavours)]
    flavour = _FLAVOURS[name]
    calm_from = _whole_hour(START + timedelta(days=days))
    config = ExchangeConfig(
        market=MarketKind.STATIC,
        start=START,
        prices=_OPENING,
        holdings={BTC: Decimal("0.1205"), ETH: Decimal("1.2002"), SOL: Decimal("20.005")},
        collateral={Currency("USDT"): Decimal(6000)},
        funding_rate=Decimal("0.0001"),
        funding_schedule={BTC: _funding(chance, calm_from)},
        script={asset: _path(random.Random(f"path/{seed}/{asset}"), asset, calm_from) for asset in _OPENING},  # noqa: S311 - as above
    )
    return Scenario(
        seed=seed,
        flavour=name,
        policy=flavour.policy,
        config=replace(config, **flavour.config),
        timeline=_timeline(chance, seed, calm_from, name, density),
        density=density,
        calm_from=calm_from,
    )


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _path(chance: random.Random, asset: Asset, until: datetime) -> tuple[tuple[datetime, Decimal], ...]:
    """Return a price that walks, leaps at least every six hours, and comes back in the end to where it began."""
    opening = float(_OPENING[asset])
    knots, moment, factor = _past(chance, opening), START + 30 * MINUTE, 1.0
    next_leap = moment + timedelta(hours=chance.uniform(0.5, 6))
    while moment < until - HOUR:
        step = chance.gauss(0, 0.006) - 0.02 * (factor - 1)
        if moment >= next_leap:
            step = chance.choice((-1, 1)) * chance.uniform(0.06, 0.14)
            step = -abs(step) if factor > 1.6 else abs(step) if factor < 0.6 else step
            next_leap = moment + timedelta(hours=chance.uniform(3, 6))
            knots.append((moment, _price(opening * factor)))
            moment += timedelta(seconds=chance.uniform(1, 240))
        factor *= 1 + step
        knots.append((moment, _price(opening * factor)))
        moment += timedelta(minutes=chance.uniform(15, 45))
    return tuple(knots)


def _past(chance: random.Random, opening: float) -> list[tuple[datetime, Decimal]]:
    """Return the closes of the days before, from which it is known what a large move is."""
    midnight = START.replace(hour=0)
    return [
        (midnight - timedelta(days=day), _price(opening * (1 + chance.gauss(0, 0.02))))
        for day in range(_DAYS_BEFORE, 0, -1)
    ]


def _price(value: float) -> Decimal:
    return Decimal(f"{value:.6g}")


def _funding(chance: random.Random, until: datetime) -> tuple[tuple[datetime, timedelta, Decimal], ...]:
    """Return a funding that changes its interval in mid-run, as it does in a crisis."""
    entries, moment = [], START + timedelta(hours=chance.uniform(4, 12))
    while moment < until:
        interval = timedelta(hours=chance.choice((1, 2, 4, 8)))
        rate = Decimal(f"{chance.choice((0.0001, -0.0003, 0.0008, -0.003)):.4f}")
        entries.append((_whole_hour(moment), interval, rate))
        moment += timedelta(hours=chance.uniform(10, 30))
    return tuple(entries)


def _aims(flavour: str, density: Density) -> Mapping[State, float]:
    """Return what the bot may be waited for to be in the middle of, and how often: where it happens at all."""
    aims = dict(density.aims)
    if flavour.startswith("dated"):
        aims[State.ROLLING] = 3.0
    if flavour in ("thin", "unified"):
        aims[State.DELEVERAGING] *= 6
    return aims


def _timeline(chance: random.Random, seed: int, until: datetime, flavour: str, density: Density) -> tuple[Event, ...]:
    kinds, aims = list(NAMES), _aims(flavour, density)
    weights = [DISTURBANCES[kind].weight * density.weights.get(kind, 1) for kind in kinds]
    aimed_weights = [DISTURBANCES[kind].weight ** density.aimed_evenness for kind in kinds]
    events, moment = [], START + timedelta(minutes=chance.uniform(1, 40))
    # The last hour is left for what still goes on.
    while moment < until - HOUR:
        is_aimed = chance.random() < density.aimed_chance
        kind = chance.choices(kinds, aimed_weights if is_aimed else weights)[0]
        aim = chance.choices(list(aims), list(aims.values()))[0] if is_aimed else None
        if is_aimed and density.pairs and chance.random() < _PAIR_CHANCE:
            kind, aim = chance.choice(density.pairs)
        events.append(Event(at=moment, kind=kind, seed=f"{seed}/{len(events)}", aim=aim))
        seconds = (
            chance.uniform(0, _BURST_SECONDS)
            if chance.random() < _BURST_CHANCE
            else chance.expovariate(1 / (density.gap_minutes * 60))
        )
        moment += timedelta(seconds=round(seconds, 3))
    return tuple(events)
