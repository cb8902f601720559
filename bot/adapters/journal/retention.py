"""How does the journal stop growing? Once a day old details are taken out of it, in one transaction, and it says so.

What is a detail is decided in ``domain/thinning``. The numbers of a look go where it has led to no order; the look
itself stays. The file does not get smaller: what was taken out is written over.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from bot.adapters.journal import codec
from bot.adapters.journal.journal import SqlJournal, missing_facts, reading
from bot.domain.events import LookTaken
from bot.domain.thinning import DETAILS, DetailsThinned
from bot.ports import Clock

log = structlog.get_logger()

#: So many facts go in one transaction; the loop waits for it.
_AT_MOST = 2000
_EVERY = timedelta(days=1)
#: When there is more to do than one transaction takes.
_SOON = timedelta(minutes=1)

_KINDS = ", ".join(f"'{kind.__name__}'" for kind in DETAILS)
_SELECT_OLD = f"SELECT seq FROM facts WHERE kind IN ({_KINDS}) AND at < ? ORDER BY seq LIMIT ?"  # noqa: S608 - names are ours
_DELETE = f"DELETE FROM facts WHERE kind IN ({_KINDS}) AND at < ? AND seq <= ?"  # noqa: S608 - names are ours
_SELECT_EARLIER = "SELECT seq FROM facts WHERE kind = 'DetailsThinned'"
_DELETE_EARLIER = "DELETE FROM facts WHERE kind = 'DetailsThinned' AND seq <= ?"
_SELECT_LOOKS = (
    "SELECT seq, payload FROM facts AS look WHERE kind = 'LookTaken' AND at < ?"
    ' AND payload NOT LIKE \'%"document":""%\''
    " AND NOT EXISTS (SELECT 1 FROM facts WHERE kind = 'OrderIntended' AND cycle_id = look.cycle_id) LIMIT ?"
)
_UPDATE_LOOK = "UPDATE facts SET payload = ? WHERE seq = ?"


def thin(journal: SqlJournal, *, before: datetime, now: datetime, at_most: int = _AT_MOST) -> int:
    """Take old details out of a journal; return how many facts, the oldest first and no more than ``at_most``.

    Raises:
        JournalError: nothing was changed.
    """
    connection, bound = journal.connection, before.isoformat()
    with reading():
        old = [sequence for (sequence,) in connection.exec_driver_sql(_SELECT_OLD, (bound, at_most))]
        looks = _looks_without_orders(connection, bound, at_most)
        until, missing = missing_facts(connection)
        earlier = [sequence for (sequence,) in connection.exec_driver_sql(_SELECT_EARLIER)]
    if not old and not looks:
        return 0
    books = journal.books
    fact = DetailsThinned(
        at=now,
        until_sequence=max([until, *old, *earlier]),
        missing=missing + len(old) + len(earlier),
        overlay=books.overlay,
        basis=books.basis,
        carries=books.carries,
        funding=books.funding,
    )

    def rewrite(connection: Connection) -> None:
        if old:
            connection.exec_driver_sql(_DELETE, (bound, old[-1]))
        connection.exec_driver_sql(_DELETE_EARLIER, (books.sequence,))
        for sequence, payload in looks:
            connection.exec_driver_sql(_UPDATE_LOOK, (payload, sequence))
        # One from before would say what the facts that are left no longer add up to by themselves.
        journal.write_checkpoint(replace(books, sequence=books.sequence + 1))

    journal.commit(fact, besides=rewrite)
    return len(old)


def _looks_without_orders(connection: Connection, bound: str, at_most: int) -> list[tuple[int, str]]:
    """Return old looks that have led to nothing, as they are kept: without their numbers."""
    found = []
    for sequence, payload in connection.exec_driver_sql(_SELECT_LOOKS, (bound, at_most)).all():
        look = codec.decode_fact(LookTaken.__name__, payload)
        if isinstance(look, LookTaken):
            found.append((int(sequence), codec.encode_fact(replace(look, document=""))))
    return found


class Retention:
    """Thins the journal day by day, for as long as the bot runs."""

    def __init__(self, journal: SqlJournal, clock: Clock, kept: timedelta) -> None:
        self._journal = journal
        self._clock = clock
        self._kept = kept

    async def check(self, now: datetime) -> bool:
        """Take out what is too old; return True when there is more."""
        gone = thin(self._journal, before=now - self._kept, now=now)
        if gone:
            log.info("Old details were taken out of the journal", code="journal_thinned", facts=gone)
        return gone >= _AT_MOST

    async def run(self) -> None:
        """Do so for ever."""
        while True:
            has_more = await self.check(self._clock.now())
            await self._clock.sleep(_SOON if has_more else _EVERY)
