"""How is a journal copied, checked and put back? For the commands ``journal backup | verify | restore``."""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.adapters.journal import codec
from bot.adapters.journal.copying import copy_database
from bot.adapters.journal.journal import open_journal, random_epoch_tail, refuse_newer
from bot.adapters.journal.tables import CHECKPOINTS_SINCE, SCHEMA_VERSION
from bot.domain.books import Books
from bot.domain.errors import ConfigError, JournalError
from bot.domain.events import JournalOpened, TradingStateSet
from bot.domain.folding import apply
from bot.domain.ids import epoch_of
from bot.domain.policy import TradingState
from bot.domain.thinning import DetailsThinned

JOURNAL_FILE = "journal.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a journal that adds up holds."""

    path: Path
    facts: int
    epoch: str
    working_orders: int
    trading_state: TradingState

    def __str__(self) -> str:
        return (
            f"{self.path}: facts {self.facts}, epoch {self.epoch}, working orders {self.working_orders}, trading state"
            f" {self.trading_state}; everything adds up"
        )


def backup_journal(data_dir: Path, target: Path) -> Verified:
    """Copy the journal to a new file, also while a daemon writes to it, and read the copy through.

    Raises:
        ConfigError: there is no journal, or the target exists.
        JournalError: the copy does not add up.
    """
    source = _existing(data_dir / JOURNAL_FILE)
    if target.exists():
        raise ConfigError(f"{target} exists already: name a file that does not")
    if not target.parent.is_dir():
        raise ConfigError(f"there is no folder {target.parent}: make it first")
    copy_database(source, target)
    return verify_file(target)


def verify_journal(data_dir: Path, source: Path | None) -> Verified:
    """Read every fact of a journal and return what was found.

    Raises:
        ConfigError: there is no such file.
        JournalError: it does not add up.
    """
    return verify_file(_existing(source or data_dir / JOURNAL_FILE))


def verify_file(path: Path) -> Verified:
    """Check the database, fold every fact, and compare with the checkpoint.

    Raises:
        JournalError: something does not add up.
        JournalTooNew: it was written by a newer version.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check").fetchone()
            if found != "ok":
                raise JournalError(f"{path} is damaged: {found}")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            refuse_newer(path, version)
            checkpoint = connection.execute("SELECT seq, books FROM checkpoint").fetchone()
            rows = connection.execute("SELECT seq, kind, payload FROM facts ORDER BY seq").fetchall()
    except sqlite3.Error as err:
        raise JournalError(f"{path} cannot be read as a journal: {err}") from err
    books = Books()
    until, missing = _taken_out(rows)
    found_missing = until - sum(1 for sequence, _, _ in rows if sequence <= until)
    if found_missing != missing:
        raise JournalError(f"{path}: {found_missing} facts are missing up to {until}; {missing} were taken out")
    for sequence, kind, payload in rows:
        if sequence != books.sequence + 1 and sequence - 1 > until:
            raise JournalError(f"{path}: fact {books.sequence + 1} is missing")
        apply(books, codec.decode_fact(kind, payload))
        books.sequence = sequence
        is_at_checkpoint = checkpoint is not None and checkpoint[0] == sequence and version >= CHECKPOINTS_SINCE
        if is_at_checkpoint and codec.decode_books(checkpoint[1]) != books:
            raise JournalError(f"{path}: the checkpoint at fact {sequence} is not what the facts add up to")
    if not rows:
        raise JournalError(f"{path} holds no fact: it is no journal of a bot that ever ran")
    return Verified(
        path=path,
        facts=len(rows),
        epoch=books.epoch,
        working_orders=len(books.working_orders()),
        trading_state=books.trading_state,
    )


def _taken_out(rows: Sequence[tuple[int, str, str]]) -> tuple[int, int]:
    """Return up to which number old details were taken out, and how many."""
    thinned = [payload for _, kind, payload in rows if kind == DetailsThinned.__name__]
    fact = codec.decode_fact(DetailsThinned.__name__, thinned[-1]) if thinned else None
    return (fact.until_sequence, fact.missing) if isinstance(fact, DetailsThinned) else (0, 0)


def restore_journal(data_dir: Path, source: Path) -> Path | None:
    """Put a backup in the journal's place; return where the present one is kept. The caller owns the folder.

    The new one is written whole beside it first, so that a full disk or a crash leaves the present one where it is.

    The epoch changes, so that no order id is ever given twice, and the bot only reduces until the owner resumes it.

    Raises:
        ConfigError: there is no such file.
        JournalError: the backup does not add up.
    """
    verify_file(_existing(source))
    target, draft = data_dir / JOURNAL_FILE, data_dir / f".{JOURNAL_FILE}.restored"
    now = datetime.now(UTC)  # noqa: TID251 - names a file
    _remove(draft)
    try:
        copy_database(source, draft)
        _bring_up(draft)
        _begin_epoch(draft, now)
        kept = _set_aside(target, now) if target.exists() else None
        os.replace(draft, target)
    finally:
        _remove(draft)
    return kept


def _set_aside(path: Path, now: datetime) -> Path:
    """Give a journal another name, together with what a killed daemon has written and not yet merged into it.

    Where it can be, it keeps the old name as well until another takes that: at no moment is there none.
    """
    kept = path.with_name(f"journal-before-restore-{now:%Y%m%dT%H%M%SZ}.db")
    if kept.exists():
        raise ConfigError(f"{kept} exists already: the last restore was within a second")
    if _is_merged(path):
        with suppress(OSError):
            os.link(path, kept)
            return kept
    # Damaged, or on a file system where a file has one name.
    path.replace(kept)
    ahead = Path(f"{path}-wal")
    if ahead.exists():
        ahead.replace(f"{kept}-wal")
    Path(f"{path}-shm").unlink(missing_ok=True)
    return kept


def _is_merged(path: Path) -> bool:
    """Return True once a journal is one file: what lay beside it is merged. False where it is too damaged for that."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error:
        return False
    return not Path(f"{path}-wal").exists()


def _remove(path: Path) -> None:
    for one in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        one.unlink(missing_ok=True)


def _bring_up(path: Path) -> None:
    """Bring a copy to today's format. Nothing else of it is kept: the backup is the older one."""
    with closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < SCHEMA_VERSION:
        from bot.adapters.journal.migrate import migrate

        migrate(path, version).unlink()


def _begin_epoch(path: Path, now: datetime) -> None:
    journal = open_journal(path, now=now, epoch_tail=random_epoch_tail)
    epoch = epoch_of(random_epoch_tail())
    while epoch in journal.books.epochs:
        epoch = epoch_of(random_epoch_tail())
    journal.commit(
        JournalOpened(at=now, epoch=epoch, reason="restored"),
        TradingStateSet(
            at=now,
            state=TradingState.REDUCE_ONLY,
            caller="bot",
            why="restored from a backup: check 'trimtab status', then 'trimtab resume'",
        ),
    )
    # The last one to close merges the log into the file, which then can be renamed alone.
    engine = journal.connection.engine
    journal.connection.close()
    engine.dispose()
    if Path(f"{path}-wal").exists():
        raise JournalError(f"{path} could not be written as one file: does another process read it?")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"there is no journal at {path}")
    return path
