"""What does a journal lose when old details are taken out of it? Nothing that anybody asks for."""

import dataclasses
import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from bot.adapters.clock import FixedClock
from bot.adapters.journal.care import backup_journal, restore_journal, verify_file
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.journal.retention import Retention, thin
from bot.backtest.simulation import simulate
from bot.domain.books import Books
from bot.domain.errors import JournalError
from bot.domain.events import (
    BasisNoted,
    CancelRequested,
    ContractTermsNoted,
    Fact,
    FundingDue,
    FundingSettled,
    LookTaken,
    OrderChanged,
    OrderIntended,
    OverlayMeasured,
    TradeFilled,
)
from bot.domain.folding import apply
from bot.domain.ids import Asset, Currency, CycleId
from bot.domain.policy import BandPolicy, CadencePolicy, Destination, Policy, WatchIntervals
from bot.domain.thinning import DETAILS, DetailsThinned
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange

pytestmark = pytest.mark.usefixtures("quiet")

DAYS = 12
DAY = timedelta(days=1)
#: What ``explain``, the ledger and the export for accounting read.
KEPT = (
    OrderIntended,
    OrderChanged,
    CancelRequested,
    TradeFilled,
    FundingSettled,
    ContractTermsNoted,
)
POLICY = Policy(
    targets={Asset("BTC"): Decimal("0.5"), Asset("ETH"): Decimal("0.3"), Asset("SOL"): Decimal("0.2")},
    cadence=CadencePolicy(cron="0 */6 * * *"),
    bands=BandPolicy(absolute_frac=Decimal("0.01"), destination=Destination.TARGET),
    watch=WatchIntervals(**{one.name: timedelta(hours=1) for one in dataclasses.fields(WatchIntervals)}),
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a bot that has hedged, paid and been paid for twelve days."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    path = tmp_path_factory.mktemp("lived") / "journal.db"
    config = ExchangeConfig(market=MarketKind.MODEL, seed=29, collateral={Currency("USDT"): Decimal(60_000)})
    exchange = open_exchange(config, None)
    journal = open_journal(path, now=exchange.now, epoch_tail=lambda: "AGE")
    simulate(POLICY, exchange, journal, until=exchange.now + DAYS * DAY)
    journal.connection.close()
    return path


@pytest.fixture
def journal(lived: Path, tmp_path: Path) -> SqlJournal:
    path = tmp_path / "journal.db"
    with sqlite3.connect(lived) as source, sqlite3.connect(path) as target:
        source.backup(target)
    return _open(path)


def _open(path: Path) -> SqlJournal:
    return open_journal(path, now=datetime.fromtimestamp(0, UTC), epoch_tail=lambda: "NEW")


def _path(journal: SqlJournal) -> Path:
    return Path(str(journal.connection.engine.url.database))


def _facts(journal: SqlJournal, *kinds: type[Fact]) -> list[Fact]:
    return [fact for _, fact in journal.facts() if not kinds or isinstance(fact, kinds)]


def _folded(facts: list[Fact]) -> Books:
    books = Books()
    for fact in facts:
        apply(books, fact)
    return books


@pytest.mark.parametrize("kept_days", [0, 1, 3, 8])
@pytest.mark.parametrize("at_most", [100, 100_000])
def test_the_facts_that_are_left_add_up_to_the_same_books(journal: SqlJournal, kept_days: int, at_most: int) -> None:
    full = _folded(_facts(journal))
    wanted = _facts(journal, *KEPT)
    before = journal.books.last_look_at
    assert before is not None
    gone = 0
    while step := thin(journal, before=before - kept_days * DAY, now=before, at_most=at_most):
        gone += step
    assert gone > 100
    left = _facts(journal)
    assert _folded(left) == full
    assert [fact for fact in left if isinstance(fact, KEPT)] == wanted
    journal.connection.close()
    again = _open(_path(journal))
    assert dataclasses.replace(again.books, sequence=0) == full
    again.connection.exec_driver_sql("DELETE FROM checkpoint")
    again.connection.close()
    assert dataclasses.replace(_open(_path(journal)).books, sequence=0) == full


def test_what_is_younger_stays_and_of_older_thinnings_the_newest_alone(journal: SqlJournal) -> None:
    end = journal.books.last_look_at
    assert end is not None
    thin(journal, before=end - 8 * DAY, now=end)
    thin(journal, before=end - 3 * DAY, now=end)
    thin(journal, before=end + DAY, now=end + 2 * DAY)
    assert _facts(journal, *DETAILS) == []
    assert len(_facts(journal, DetailsThinned)) == 1
    assert verify_file(_path(journal)).facts == len(_facts(journal))


def test_a_journal_goes_on_after_it_was_thinned(journal: SqlJournal) -> None:
    end = journal.books.last_look_at
    assert end is not None
    young = [fact for fact in _facts(journal, OverlayMeasured, BasisNoted, FundingDue) if fact.at >= end - 2 * DAY]
    assert thin(journal, before=end - 2 * DAY, now=end) > 0
    assert _facts(journal, OverlayMeasured, BasisNoted, FundingDue) == young
    sequence = journal.books.sequence
    look = LookTaken(at=end + DAY, cycle_id=CycleId("c"), trigger="calendar", outcome="in_band", index_prices={})
    journal.commit(look)
    assert journal.books.sequence == sequence + 1
    assert verify_file(_path(journal)).facts == len(_facts(journal))


def test_a_look_without_an_order_stays_without_its_numbers_and_one_with_orders_keeps_them(journal: SqlJournal) -> None:
    end = journal.books.last_look_at
    assert end is not None
    looks = _facts(journal, LookTaken)
    traded = {fact.intent.cycle_id for fact in _facts(journal, OrderIntended) if isinstance(fact, OrderIntended)}
    refused = next(one for one in looks if isinstance(one, LookTaken) and one.cycle_id not in traded)
    journal.commit(dataclasses.replace(refused, cycle_id=CycleId("refused"), document='{"refusals":[1]}'))
    looks = _facts(journal, LookTaken)
    thin(journal, before=end + DAY, now=end + DAY)
    after = _facts(journal, LookTaken)
    assert len(after) == len(looks)
    for one, thinned in zip(looks, after, strict=True):
        assert isinstance(one, LookTaken)
        kept = one if one.cycle_id in traded else dataclasses.replace(one, document="")
        assert thinned == kept
    assert any(one.document for one in after if isinstance(one, LookTaken))


def test_a_thinned_journal_is_verified_backed_up_and_restored(journal: SqlJournal, tmp_path: Path) -> None:
    end = journal.books.last_look_at
    assert end is not None
    thin(journal, before=end - DAY, now=end)
    ledgers = journal.books.ledgers
    folder = _path(journal).parent
    backup_journal(folder, tmp_path / "kept.db")
    journal.connection.close()
    restore_journal(folder, tmp_path / "kept.db")
    restored = _open(folder / "journal.db")
    assert restored.books.ledgers == ledgers
    assert verify_file(folder / "journal.db").facts == len(_facts(restored))


@pytest.mark.parametrize("kind", ["TradeFilled", "LookTaken", "OverlayMeasured"])
def test_a_fact_that_nobody_took_out_is_still_missed(journal: SqlJournal, kind: str) -> None:
    end = journal.books.last_look_at
    assert end is not None
    thin(journal, before=end - 2 * DAY, now=end)
    path = _path(journal)
    journal.connection.exec_driver_sql(
        "DELETE FROM facts WHERE seq = (SELECT min(seq) FROM facts WHERE kind = ?)", (kind,)
    )
    journal.connection.close()
    with pytest.raises(JournalError, match="missing"):
        verify_file(path)


def test_a_thinning_that_fails_changes_nothing(journal: SqlJournal) -> None:
    end = journal.books.last_look_at
    assert end is not None
    before, sequence = _facts(journal), journal.books.sequence

    def die(point: str) -> None:
        if point == "journal: before the commit":
            raise RuntimeError("the process is gone")

    journal.on_point = die
    with pytest.raises(RuntimeError):
        thin(journal, before=end, now=end)
    assert _facts(journal) == before
    assert journal.books.sequence == sequence


async def test_the_job_takes_out_what_is_older_than_is_kept_and_says_when_there_is_nothing(journal: SqlJournal) -> None:
    end = journal.books.last_look_at
    assert end is not None
    retention = Retention(journal, FixedClock(end), 2 * DAY)
    assert not await retention.check(end)
    left = _facts(journal, *DETAILS)
    assert min(fact.at for fact in left) >= end - 2 * DAY
    sequence = journal.books.sequence
    assert not await retention.check(end)
    assert journal.books.sequence == sequence
