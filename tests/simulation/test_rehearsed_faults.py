"""Does the whole bot keep its promises while a venue does what an owner may rehearse, and is it well afterwards?

A failing case is run again with the same two seeds: ``faulty_days(kinds, seed)``.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache

import pytest

from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.backtest.invariants import InvariantChecker
from bot.backtest.simulation import simulate
from bot.bootstrap import Bot
from bot.domain.errors import DataError, VenueError
from bot.domain.ids import Asset, Symbol
from bot.domain.orders import OrderType, Side
from bot.domain.policy import BandPolicy, CadencePolicy, Destination, Policy
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.rehearsal import LASTING, STRIKING, FaultKind, Rehearsed

pytestmark = [pytest.mark.seconds(80), pytest.mark.usefixtures("quiet")]

BTC, ETH = Asset("BTC"), Asset("ETH")
DAYS_OF_FAULTS = timedelta(days=1)
#: A look is taken on the hour; the account is judged right after one.
CALM = timedelta(hours=4, minutes=2)
#: So narrow that a hedge is traded every other hour: few calls would meet few faults.
BAND = Decimal("0.003")
#: What the smallest order is worth, as a share of the portfolio.
SMALLEST = Decimal("0.008")
POLICY = Policy(
    targets={BTC: Decimal("0.7"), ETH: Decimal("0.3")},
    bands=BandPolicy(absolute_frac=BAND, destination=Destination.TARGET, total_frac=None),
    cadence=CadencePolicy(cron="0 * * * *", move_sigmas=None),
)
#: Per call of a kind that is rare; of reads there are thousands.
CHANCES = dict.fromkeys(FaultKind, "0.3") | {FaultKind.FAIL_READ: "0.1", FaultKind.PARTIAL_FILL: "0.8"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left when the faults have ended and the bot has had some hours."""

    exchange: Exchange
    checker: InvariantChecker
    bot: Bot

    def unprotected(self) -> list[Symbol]:
        """Return the positions without a stop of their size."""
        floor = self.exchange.floor
        stops = {
            (order.symbol, order.side, order.remaining)
            for order in floor.open_orders.values()
            if order.type is OrderType.STOP_MARKET and order.reduce_only
        }
        held = {symbol: floor.accounts.contracts_of(symbol) for symbol in floor.accounts.positions}
        return [
            symbol
            for symbol, contracts in held.items()
            if (symbol, Side.SELL if contracts > 0 else Side.BUY, abs(contracts)) not in stops
        ]

    def out_of_band(self) -> list[Asset]:
        """Return the assets that are off their targets by the exchange's own numbers, and kept there by no ceiling."""
        value, coins = self.checker.portfolio()
        floor = self.exchange.floor
        capped = {asset for asset, _ in self.bot.desk.journal.books.ceilings}
        return [
            asset
            for asset, target in POLICY.targets.items()
            if asset not in capped and abs(coins[asset] * floor.index_of(asset) / value - target) > BAND + SMALLEST
        ]


@cache
def faulty_days(kinds: tuple[FaultKind, ...], seed: int, chance: str = "") -> Outcome:
    """Live through days of faults, and through some hours after them."""
    exchange = open_exchange(
        ExchangeConfig(
            market=MarketKind.MODEL,
            assets=(BTC, ETH),
            holdings={BTC: Decimal("0.2"), ETH: Decimal("1.2")},
            seed=seed,
            fault_seed=seed,
            rehearsed=tuple(
                Rehearsed(
                    kind=kind,
                    chance_frac=Decimal(chance or CHANCES[kind]),
                    lasts=timedelta(minutes=20 if kind in LASTING else 0),
                )
                for kind in kinds
            ),
        ),
        None,
    )
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "FAV")
    checker = InvariantChecker(exchange, journal, POLICY)
    journal, _ = _live(exchange, journal, checker, DAYS_OF_FAULTS)
    assert all(exchange.rehearsal.met[kind] for kind in kinds), "a fault that never happened was not tried"
    exchange.rehearsal.planned = ()
    _, bot = _live(exchange, journal, checker, CALM)
    checker.check_at_rest(exchange.now)
    return Outcome(exchange, checker, bot)


def _live(
    exchange: Exchange, journal: SqlJournal, checker: InvariantChecker, duration: timedelta
) -> tuple[SqlJournal, Bot]:
    """Run the bot, and start it again when it could not start, as a container does."""
    until = exchange.now + duration
    while True:
        journal = journal.reopened()
        checker.follow(journal)
        try:
            return journal, simulate(POLICY, exchange, journal, until=until)
        except (VenueError, DataError):
            exchange.advance(exchange.now + timedelta(seconds=30))


def is_well(outcome: Outcome) -> None:
    """Nothing that must never happen has happened, and all is as it should be or the owner knows why not."""
    assert outcome.checker.violated == []
    assert outcome.unprotected() == []
    is_told = bool(outcome.bot.desk.alerts.open_alerts)
    assert outcome.out_of_band() == [] or is_told


#: Seeds besides 1 and 2 that have once shown something wrong.
MORE_SEEDS = {FaultKind.FAIL_READ: (3,)}


@pytest.mark.parametrize(
    ("kind", "seed"), [(kind, seed) for kind in FaultKind for seed in (1, 2, *MORE_SEEDS.get(kind, ()))]
)
def test_one_fault_at_a_high_rate_breaks_no_promise(kind: FaultKind, seed: int) -> None:
    is_well(faulty_days((kind,), seed))


@pytest.mark.parametrize("seed", [1, 5])
def test_all_faults_together_break_no_promise(seed: int) -> None:
    # What strikes is left out: a position that shrinks in an outage has a stop larger than itself until it ends, which
    # closes no more than there is, but is not of its size.
    is_well(faulty_days(tuple(kind for kind in FaultKind if kind not in STRIKING), seed))


def test_where_no_stop_is_ever_taken_hedges_are_not_kept_without() -> None:
    outcome = faulty_days((FaultKind.REFUSE_STOP,), 1, "1")
    is_well(outcome)
    assert outcome.checker.unprotected_seconds_max <= 6 * 60
