"""How is a database copied while others write to it? As it was at one moment, whole or not at all."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from bot.domain.errors import JournalError


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, readable by its owner alone.

    Raises:
        JournalError: it cannot be read, or the copy cannot be written.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        # One that was killed has left its own, and in a container the next process has the same number.
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(draft)) as writing,
        ):
            reading.backup(writing)
            # One file that can be carried anywhere, without a log beside it.
            writing.execute("PRAGMA journal_mode = DELETE")
        draft.replace(target)
    except (OSError, sqlite3.Error) as err:
        draft.unlink(missing_ok=True)
        raise JournalError(f"{source} could not be copied to {target}: {err}") from err
