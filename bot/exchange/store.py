"""Where does the exchange keep itself? In a file of its own, committed before anything is acknowledged.

One row holds the present state; what never changes again (trades, movements, funding, liquidations) is
appended; orders are
rewritten when they change. What the exchange forgets is deleted.
"""

import json
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Any, Protocol

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
        self._read_only = read_only
        if read_only:
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            return
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)

    def load(self) -> tuple[Any, dict[str, list[Any]]] | None:
        """Return what was committed last."""
        row = self._connection.execute("SELECT document FROM state").fetchone()
        if row is None:
            return None
        records: dict[str, list[Any]] = {}
        for kind, document in self._connection.execute("SELECT kind, document FROM records ORDER BY kind, id"):
            records.setdefault(kind, []).append(json.loads(document))
        return json.loads(row[0]), records

    def commit(self, state: Any, records: dict[str, dict[int, Any]], forgotten: Collection[tuple[str, int]]) -> None:
        """Write in one transaction."""
        if self._read_only:
            return
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
            connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
