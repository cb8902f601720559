"""Where does the exchange keep itself? In a file of its own, committed before anything is acknowledged.

One row holds the present state; what never changes again (trades, movements, funding, liquidations) is
appended; orders are
rewritten when they change. What the exchange forgets is deleted.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from bot.domain.errors import JournalError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY CHECK (id = 1), document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (kind TEXT NOT NULL, id INTEGER NOT NULL, document TEXT NOT NULL, PRIMARY KEY
(kind, id));
"""


class Store(Protocol):
    """Durable memory of the exchange."""

    def load(self) -> tuple[Any, dict[str, list[Any]]] | None:
        """Return state and records, None when the exchange is new."""
        ...

    def commit(self, state: Any, records: dict[str, dict[int, Any]], forgotten: Collection[tuple[str, int]]) -> None:
        """Keep the state and these records, and let go of others by kind and number, all or nothing."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...


class NoStore:
    """Keeps nothing: for tests and backtests."""

    keeps = False

    def load(self) -> tuple[Any, dict[str, list[Any]]] | None:
        """There is nothing."""
        return None

    def commit(self, state: Any, records: dict[str, dict[int, Any]], forgotten: Collection[tuple[str, int]]) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Nothing to release."""


class FileStore:
    """A SQLite file."""

    keeps = True

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        with self._in_words():
            self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        if self._read_only:
            return sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        return connection

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what is wrong with the file: mostly the disk is full.

        Raises:
            JournalError: something is.
        """
        try:
            yield
        except sqlite3.Error as err:
            raise JournalError(
                f"{self._path}, in which the embedded exchange keeps itself, cannot be used: {err}"
            ) from err

    def load(self) -> tuple[Any, dict[str, list[Any]]] | None:
        """Return what was committed last.

        Raises:
            JournalError: it cannot be read.
        """
        with self._in_words():
            row = self._connection.execute("SELECT document FROM state").fetchone()
            rows = self._connection.execute("SELECT kind, document FROM records ORDER BY kind, id").fetchall()
        if row is None:
            return None
        records: dict[str, list[Any]] = {}
        for kind, document in rows:
            records.setdefault(kind, []).append(json.loads(document))
        return json.loads(row[0]), records

    def commit(self, state: Any, records: dict[str, dict[int, Any]], forgotten: Collection[tuple[str, int]]) -> None:
        """Write in one transaction.

        Raises:
            JournalError: nothing was written.
        """
        if self._read_only:
            return
        with self._in_words():
            self._write(state, records, forgotten)

    def _write(self, state: Any, records: dict[str, dict[int, Any]], forgotten: Collection[tuple[str, int]]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute(
                "INSERT INTO state (id, document) VALUES (1, ?)"
                " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                (json.dumps(state, separators=(",", ":")),),
            )
            connection.executemany(
                "INSERT INTO records (kind, id, document) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document",
                [
                    (kind, number, json.dumps(document, separators=(",", ":")))
                    for kind, rows in records.items()
                    for number, document in rows.items()
                ],
            )
            connection.executemany("DELETE FROM records WHERE kind = ? AND id = ?", forgotten)
            connection.execute("COMMIT")
        except BaseException:
            # A disk that is full has ended the transaction already.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
