"""What does the exchange say when its file cannot be used? A sentence, as of every other file of the data folder."""

import resource
from pathlib import Path

import pytest

from bot.domain.errors import JournalError
from bot.exchange.exchange import STATE_FILE
from bot.exchange.store import FileStore


def test_a_file_that_is_none_of_the_exchange_s_is_said(tmp_path: Path) -> None:
    path = tmp_path / STATE_FILE
    path.write_text("this was something else once, and longer than a header")
    with pytest.raises(JournalError, match=r"paper\.db, in which the embedded exchange keeps itself.*not a database"):
        FileStore(path)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_disk_that_is_full_is_said_and_what_was_kept_is_still_there(tmp_path: Path, is_new: bool) -> None:
    path = tmp_path / STATE_FILE
    store = None if is_new else FileStore(path)
    if store is not None:
        store.commit({"kept": True}, {}, ())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size if store else 0, hard))
    try:
        with pytest.raises(JournalError, match=r"paper\.db, in which the embedded exchange keeps itself"):
            (store or FileStore(path)).commit({"kept": False, "padding": "x" * 1_000_000}, {}, ())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    if store is not None:
        store.close()
    assert FileStore(path).load() == (None if is_new else ({"kept": True}, {}))
