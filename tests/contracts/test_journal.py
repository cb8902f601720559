"""What does every journal promise, in memory and on disk?"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.adapters.journal import codec
from bot.adapters.journal.care import backup_journal, restore_journal, verify_file
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.journal.retention import thin
from bot.adapters.journal.tables import SCHEMA_VERSION
from bot.domain.books import Books
from bot.domain.errors import ConfigError, InvariantViolated, JournalError, JournalTooNew
from bot.domain.events import CeilingSet, Fact, LookTaken, OrderChanged, TradeFilled
from bot.domain.ids import Asset, ClientOrderId, Currency, CycleId, Symbol, TradeId, VenueId
from bot.domain.orders import Fill, OrderDraft, OrderEvent, OrderState, OrderType, Purpose, Side
from bot.domain.policy import TradingState

NOW = datetime(2024, 6, 3, 12, tzinfo=UTC)
OPENERS = ["memory", "file"]
Open = Callable[[], SqlJournal]


@pytest.fixture(params=OPENERS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same journal as often as asked; in memory, a process that starts again."""
    path = tmp_path / "journal.db" if request.param == "file" else None
    journals: list[SqlJournal] = []

    def open_it() -> SqlJournal:
        if path is None and journals:
            journals.append(journals[-1].reopened())
        else:
            journals.append(open_journal(path, now=NOW, epoch_tail=lambda: "ABC"))
        return journals[-1]

    yield open_it
    for journal in journals:
        if not journal.connection.closed:
            asyncio.run(journal.close())


def _draft() -> OrderDraft:
    return OrderDraft(
        venue=VenueId("paper"),
        symbol=Symbol("BTC/USDT:USDT"),
        asset=Asset("BTC"),
        side=Side.SELL,
        type=OrderType.LIMIT,
        contracts=Decimal("0.02"),
        price=Decimal(50_000),
        reduce_only=False,
        purpose=Purpose.HEDGE,
        decision_price=Decimal(50_000),
        cycle_id=CycleId("c"),
    )


def _fill(mark: ClientOrderId, trade: str = "1", contracts: str = "0.01") -> TradeFilled:
    return TradeFilled(
        at=NOW,
        fill=Fill(
            venue=VenueId("paper"),
            symbol=Symbol("BTC/USDT:USDT"),
            trade_id=TradeId(trade),
            client_order_id=mark,
            venue_order_id=None,
            side=Side.SELL,
            contracts=Decimal(contracts),
            price=Decimal(50_000),
            fee_paid=Decimal("0.25"),
            fee_currency=Currency("USDT"),
            is_maker=False,
            forced=None,
            filled_at=NOW,
        ),
    )


def _look(place: int = 0) -> LookTaken:
    return LookTaken(
        at=NOW + timedelta(minutes=place),
        cycle_id=CycleId(str(place)),
        trigger="start",
        outcome="in_band",
        index_prices={Asset("BTC"): Decimal("50000.10")},
    )


def test_what_was_recorded_is_there_after_a_restart(opened: Open) -> None:
    journal = opened()
    (intent,) = asyncio.run(journal.record_intents([_draft()], NOW))
    asyncio.run(journal.record(_fill(intent.client_order_id)))
    again = opened()
    assert again.books == journal.books
    assert again.books.orders[intent.client_order_id].state is OrderState.PARTIALLY_FILLED


def test_an_id_is_never_given_twice(opened: Open) -> None:
    seen = set()
    for _ in range(5):
        journal = opened()
        for intent in asyncio.run(journal.record_intents([_draft(), _draft()], NOW)):
            assert intent.client_order_id not in seen
            seen.add(intent.client_order_id)
    assert len(seen) == 10


def test_a_re_peg_keeps_the_sequence_and_counts_the_attempt(opened: Open) -> None:
    from dataclasses import replace

    journal = opened()
    (first,) = asyncio.run(journal.record_intents([_draft()], NOW))
    (second,) = asyncio.run(journal.record_intents([replace(_draft(), continues=first.client_order_id)], NOW))
    assert second.client_order_id[:-2] == first.client_order_id[:-2]
    assert (first.client_order_id[-2:], second.client_order_id[-2:]) == ("00", "01")


def test_a_trade_that_is_offered_twice_is_booked_once(opened: Open) -> None:
    journal = opened()
    (intent,) = asyncio.run(journal.record_intents([_draft()], NOW))
    assert len(asyncio.run(journal.record(_fill(intent.client_order_id)))) == 1
    assert asyncio.run(journal.record(_fill(intent.client_order_id))) == ()
    again = opened()
    assert asyncio.run(again.record(_fill(intent.client_order_id))) == ()
    assert again.books.orders[intent.client_order_id].filled_contracts == Decimal("0.01")


def test_a_fact_that_contradicts_the_books_leaves_everything_as_it_was(opened: Open) -> None:
    journal = opened()
    before = journal.books.sequence
    stranger = OrderChanged(at=NOW, client_order_id=ClientOrderId("TTABC00000009900"), event=OrderEvent.ACCEPTED)
    with pytest.raises(InvariantViolated):
        asyncio.run(journal.record(_look(), stranger))
    assert journal.books.sequence == before
    assert opened().books.sequence == before


def test_a_failure_at_any_point_of_a_transaction_books_nothing(opened: Open) -> None:
    points: list[str] = []
    journal = opened()
    journal.on_point = points.append
    asyncio.run(journal.record(_look(1), _look(2)))
    for place in range(len(points) - 1):
        passed = 0

        def die(_point: str, place: int = place) -> None:
            nonlocal passed
            passed += 1
            if passed > place:
                raise KeyboardInterrupt

        before = journal.books.sequence
        journal.on_point = die
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(journal.record(_look(3), _look(4)))
        journal = opened()
        assert journal.books.sequence == before, points[place]
        asyncio.run(journal.record(_look(5)))
        assert journal.books.sequence == before + 1


def test_a_checkpoint_adds_up_to_what_the_facts_do(opened: Open) -> None:
    journal = opened()
    for place in range(2100):
        journal.commit(_look(place))
    (saved,) = journal.connection.exec_driver_sql("SELECT seq FROM checkpoint").all()
    assert saved[0] > 0
    assert opened().books == journal.books


@pytest.mark.parametrize("kind", sorted(codec.KINDS))
def test_every_kind_of_fact_has_a_codec(kind: str) -> None:
    codec._encoder(codec.KINDS[kind])


def test_numbers_and_times_come_back_exactly() -> None:
    fact: Fact = CeilingSet(
        at=NOW + timedelta(microseconds=1),
        asset=Asset("BTC"),
        cause="stop_out",
        max_delta_base=Decimal("0.10000000000000000000000001"),
        release_at=None,
        why='ü " ,',
    )
    assert codec.decode_fact("CeilingSet", codec.encode_fact(fact)) == fact
    assert codec.decode_books(codec.encode_books(Books())) == Books()


def test_an_unknown_kind_and_a_lost_field_are_said() -> None:
    with pytest.raises(JournalError, match="unknown kind of fact: Nothing"):
        codec.decode_fact("Nothing", "{}")
    with pytest.raises(JournalError, match="CeilingSet lacks at"):
        codec.decode_fact("CeilingSet", "{}")


def _file(tmp_path: Path) -> Path:
    path = tmp_path / "journal.db"
    journal = open_journal(path, now=NOW, epoch_tail=lambda: "ABC")
    journal.commit(_look())
    asyncio.run(journal.close())
    return path


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(JournalTooNew, match="format 99"):
        open_journal(path, now=NOW, epoch_tail=lambda: "ABC")


def test_an_older_journal_is_copied_and_then_equal_to_a_new_one(tmp_path: Path) -> None:
    path = _file(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP INDEX ix_facts_at")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    journal = open_journal(path, now=NOW, epoch_tail=lambda: "XYZ")
    assert journal.books.epoch == "TTABC"
    asyncio.run(journal.close())
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    assert _schema(path) == _schema(_file(fresh))
    assert (tmp_path / f"journal-before-format-{SCHEMA_VERSION}.db").exists()


def _schema(path: Path) -> set[tuple[str, str]]:
    connection = sqlite3.connect(path)
    rows = set(connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall())
    connection.close()
    return rows


def test_the_journal_that_is_brought_up_is_the_one_of_the_folder_whatever_its_name(tmp_path: Path) -> None:
    """As an address the name would end at its question mark, and another file would be made there and changed."""
    folder = tmp_path / "100% mine? #1"
    folder.mkdir()
    path = _file(folder)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    asyncio.run(open_journal(path, now=NOW, epoch_tail=lambda: "XYZ").close())
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()
    assert [one.name for one in tmp_path.iterdir()] == [folder.name]


def test_a_journal_that_breaks_while_it_is_read_is_one_sentence(tmp_path: Path) -> None:
    journal = open_journal(_file(tmp_path), now=NOW, epoch_tail=lambda: "ABC")
    journal.connection.exec_driver_sql("DROP TABLE facts")
    with pytest.raises(JournalError, match="cannot be read"):
        list(journal.facts())
    with pytest.raises(JournalError, match="cannot be read"):
        thin(journal, before=NOW, now=NOW)
    asyncio.run(journal.close())


def _of_format(path: Path, version: int, checkpoint: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (1, 1, ?)", (checkpoint,))
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()


@pytest.mark.parametrize(
    "checkpoint",
    ['{"sequence":1,"epoch":"TTABC"}', '{"sequence":1,"corrections":[["BTC","0.07"]]}'],
    ids=["lacks what is newer", "has another form"],
)
def test_a_backup_of_an_older_format_is_verified_and_restored(tmp_path: Path, checkpoint: str) -> None:
    """Its checkpoint is of another form, which is why a start drops it; the facts hold everything."""
    _file(tmp_path)
    source = tmp_path / "copy.db"
    backup_journal(tmp_path, source)
    _of_format(source, 3, checkpoint)
    assert verify_file(source).epoch == "TTABC"
    restore_journal(tmp_path, source)
    assert verify_file(tmp_path / "journal.db").trading_state is TradingState.REDUCE_ONLY
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_newer_backup_is_neither_verified_nor_put_in_place(tmp_path: Path) -> None:
    path = _file(tmp_path)
    source = tmp_path / "copy.db"
    backup_journal(tmp_path, source)
    _of_format(source, 99, "{}")
    before = path.read_bytes()
    for use in (lambda: verify_file(source), lambda: restore_journal(tmp_path, source)):
        with pytest.raises(JournalTooNew, match="format 99"):
            use()
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"sequence":1,"corrections":[["BTC",5]]}'])
def test_a_damaged_checkpoint_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = _file(tmp_path)
    _of_format(path, SCHEMA_VERSION, text)
    with pytest.raises(JournalError, match="checkpoint"):
        verify_file(path)
    with pytest.raises(JournalError, match="checkpoint"):
        open_journal(path, now=NOW, epoch_tail=lambda: "ABC")


def test_a_migration_that_fails_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    path = _file(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(JournalError, match="nothing was changed"):
        # The index is there already, so that making it fails.
        open_journal(path, now=NOW, epoch_tail=lambda: "XYZ")
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_a_locked_journal_is_said_and_nothing_is_booked(tmp_path: Path) -> None:
    path = _file(tmp_path)
    journal = open_journal(path, now=NOW, epoch_tail=lambda: "ABC")
    journal.connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    before = journal.books.sequence
    with pytest.raises(JournalError, match="locked"):
        asyncio.run(journal.record(_look(9)))
    other.execute("ROLLBACK")
    other.close()
    assert journal.books.sequence == before
    asyncio.run(journal.record(_look(9)))
    asyncio.run(journal.close())


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(JournalError, match="cannot be opened as a journal"):
        open_journal(path, now=NOW, epoch_tail=lambda: "ABC")


def test_a_backup_restores_under_a_new_epoch_and_only_reduces(tmp_path: Path) -> None:
    _file(tmp_path)
    target = tmp_path / "copy.db"
    assert backup_journal(tmp_path, target) == verify_file(target)
    assert "everything adds up" in str(verify_file(target))
    with pytest.raises(ConfigError, match="exists already"):
        backup_journal(tmp_path, target)
    kept = restore_journal(tmp_path, target)
    assert kept is not None
    assert verify_file(kept).epoch == "TTABC"
    journal = open_journal(tmp_path / "journal.db", now=NOW, epoch_tail=lambda: "ABC")
    assert journal.books.epoch != "TTABC"
    assert "TTABC" in journal.books.epochs
    assert journal.books.trading_state is TradingState.REDUCE_ONLY
    asyncio.run(journal.close())


def test_a_backup_that_lacks_a_fact_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM facts WHERE seq = 1")
    connection.close()
    with pytest.raises(JournalError, match="fact 1 is missing"):
        verify_file(path)


def test_a_restore_keeps_what_a_killed_daemon_had_not_merged_yet(tmp_path: Path) -> None:
    """The newest facts lie in the log beside the file; they are the only trace of what was sent."""
    backup_journal_source = _file(tmp_path)
    target = tmp_path / "copy.db"
    backup_journal(tmp_path, target)
    journal = open_journal(backup_journal_source, now=NOW, epoch_tail=lambda: "ABC")
    asyncio.run(journal.record(_look(9)))
    newest = journal.books.sequence
    # As a kill leaves it: two files, neither of them closed.
    killed = tmp_path / "killed"
    killed.mkdir()
    for name in ("journal.db", "journal.db-wal"):
        shutil.copy(tmp_path / name, killed / name)
    asyncio.run(journal.close())
    kept = restore_journal(killed, target)
    assert kept is not None
    assert verify_file(kept).facts == newest
    assert verify_file(killed / "journal.db").trading_state is TradingState.REDUCE_ONLY
    assert sorted(one.name for one in killed.iterdir() if one.name.startswith(".")) == []


_KILLED_BEFORE_THE_LAST_STEP = """
import os, sys
from pathlib import Path
from bot.adapters.journal.care import restore_journal
folder, source = Path(sys.argv[1]), Path(sys.argv[2])
def die(event, arguments):
    if event == "os.rename" and Path(os.fsdecode(arguments[1])) == folder / "journal.db":
        os._exit(9)
sys.addaudithook(die)
restore_journal(folder, source)
"""


def test_a_restore_that_is_killed_leaves_a_journal(tmp_path: Path) -> None:
    """Without one the next start would begin a new journal, and know nothing of what is open."""
    folder, source = tmp_path / "data", tmp_path / "copy.db"
    folder.mkdir()
    journal = open_journal(_file(folder), now=NOW, epoch_tail=lambda: "ABC")
    backup_journal(folder, source)
    asyncio.run(journal.record(_look(9)))
    newest = journal.books.sequence
    words = [sys.executable, "-c", _KILLED_BEFORE_THE_LAST_STEP, str(folder), str(source)]
    asyncio.run(journal.close())
    assert subprocess.run(words, check=False).returncode == 9
    assert verify_file(folder / "journal.db").facts == newest
    for one in folder.glob("journal-before-restore-*"):
        one.unlink()  # named by the second
    restore_journal(folder, source)
    assert verify_file(folder / "journal.db").trading_state is TradingState.REDUCE_ONLY


def test_a_restore_takes_the_place_of_a_journal_that_is_damaged(tmp_path: Path) -> None:
    path = _file(tmp_path)
    source = tmp_path / "copy.db"
    backup_journal(tmp_path, source)
    damaged = b"this is no database, whatever its name says" * 100
    path.write_bytes(damaged)
    kept = restore_journal(tmp_path, source)
    assert kept is not None
    assert kept.read_bytes() == damaged
    assert verify_file(path).trading_state is TradingState.REDUCE_ONLY


def test_a_restore_that_fails_leaves_the_journal_where_it_is(tmp_path: Path) -> None:
    path = _file(tmp_path)
    before = path.read_bytes()
    source = tmp_path / "copy.db"
    source.write_bytes(b"not a journal")
    with pytest.raises(JournalError):
        restore_journal(tmp_path, source)
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy.db", "journal.db"]


def test_a_backup_wants_a_folder_that_is_there_and_a_file_with_facts(tmp_path: Path) -> None:
    _file(tmp_path)
    with pytest.raises(ConfigError, match="make it first"):
        backup_journal(tmp_path, tmp_path / "nowhere" / "copy.db")
    empty = tmp_path / "empty.db"
    empty.touch()
    with pytest.raises(JournalError, match="cannot be read as a journal"):
        verify_file(empty)


def test_what_a_killed_backup_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container each process has the number that the one before had."""
    _file(tmp_path)
    target = tmp_path / "backup.db"
    target.with_name(f".backup.db.{os.getpid()}").write_bytes(b"half")
    assert backup_journal(tmp_path, target) == verify_file(target)


def test_a_backup_is_one_file_whatever_its_name(tmp_path: Path) -> None:
    """Found with a name that a web address would have cut off at its question mark."""
    folder = tmp_path / "100% mine? #1"
    folder.mkdir()
    _file(folder)
    target = folder / "a?b#c%20.db"
    backup_journal(folder, target)
    assert verify_file(target).facts == verify_file(folder / "journal.db").facts
    read_only = open_journal(folder / "journal.db", now=NOW, epoch_tail=lambda: "ABC", read_only=True)
    assert read_only.books.epoch == "TTABC"
    asyncio.run(read_only.close())
    assert [one.name for one in folder.iterdir() if one.name.startswith("a")] == ["a?b#c%20.db"]
