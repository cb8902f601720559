"""How is a journal copied, checked and put back? For the commands ``journal backup | verify | restore``."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.adapters.journal import codec
from bot.adapters.journal.copying import copy_database
from bot.adapters.journal.journal import open_journal, random_epoch_tail
from bot.domain.books import Books, apply
from bot.domain.errors import ConfigError, JournalError
from bot.domain.events import JournalOpened, TradingStateSet
from bot.domain.ids import epoch_of
from bot.domain.policy import TradingState

JOURNAL_FILE = "journal.db"


def backup_journal(data_dir: Path, target: Path) -> None:
    """Copy the journal to a new file, also while a daemon writes to it, and read the copy through.

    Raises:
        ConfigError: there is no journal, or the target exists.
        JournalError: the copy does not add up.
    """
    source = _existing(data_dir / JOURNAL_FILE)
    if target.exists():
        raise ConfigError(f"{target} exists already: name a file that does not")
    copy_database(source, target)
    verify_file(target)


def verify_journal(data_dir: Path, source: Path | None) -> str:
    """Read every fact of a journal and say what was found.

    Raises:
        ConfigError: there is no such file.
        JournalError: it does not add up.
    """
    return verify_file(_existing(source or data_dir / JOURNAL_FILE))


def verify_file(path: Path) -> str:
    """Check the database, fold every fact, and compare with the checkpoint.

    Raises:
        JournalError: something does not add up.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check").fetchone()
            if found != "ok":
                raise JournalError(f"{path} is damaged: {found}")
            checkpoint = connection.execute("SELECT seq, books FROM checkpoint").fetchone()
            rows = connection.execute("SELECT seq, kind, payload FROM facts ORDER BY seq").fetchall()
    except sqlite3.Error as err:
        raise JournalError(f"{path} cannot be read as a journal: {err}") from err
    books = Books()
    for sequence, kind, payload in rows:
        if sequence != books.sequence + 1:
            raise JournalError(f"{path}: fact {books.sequence + 1} is missing")
        apply(books, codec.decode_fact(kind, payload))
        books.sequence = sequence
        is_at_checkpoint = checkpoint is not None and checkpoint[0] == sequence
        if is_at_checkpoint and codec.decode_books(checkpoint[1]) != books:
            raise JournalError(f"{path}: the checkpoint at fact {sequence} is not what the facts add up to")
    working = len(books.working_orders())
    return (
        f"{path}: {books.sequence} facts, epoch {books.epoch}, {working} working orders,"
        f" trading state {books.trading_state}; everything adds up"
    )


def restore_journal(data_dir: Path, source: Path) -> None:
    """Put a backup in the journal's place; the present one is kept beside it. The caller owns the folder.

    The epoch changes, so that no order id is ever given twice, and the bot only reduces until the owner resumes it.

    Raises:
        ConfigError: there is no such file.
        JournalError: the backup does not add up.
    """
    verify_file(_existing(source))
    target = data_dir / JOURNAL_FILE
    now = datetime.now(UTC)  # noqa: TID251 - names a file
    if target.exists():
        target.replace(target.with_name(f"journal-before-restore-{now:%Y%m%dT%H%M%SZ}.db"))
    for leftover in ("-wal", "-shm"):
        Path(f"{target}{leftover}").unlink(missing_ok=True)
    copy_database(source, target)
    _begin_epoch(target, now)


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
    journal.connection.close()


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"there is no journal at {path}")
    return path
