"""How do facts become durable? One transaction per ``record``, committed before it returns.

Rules of this file:

- Nothing is folded into the books before the commit; nothing is committed that the books would refuse, because
the fold is
  tried on a copy of what it touches first (orders are the only facts that can be refused).
- A method that raises has committed nothing.
- The database is called on the loop: a commit takes a fraction of a millisecond, and there is nothing to do
meanwhile that
  would be safe.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import StaticPool

from bot.adapters.journal import codec
from bot.adapters.journal.tables import SCHEMA_VERSION, metadata
from bot.domain.books import Books
from bot.domain.errors import InvariantViolated, JournalError, JournalTooNew
from bot.domain.events import (
    CancelRequested,
    Fact,
    JournalOpened,
    LookTaken,
    OrderChanged,
    OrderIntended,
    TradeFilled,
    TransferIntended,
)
from bot.domain.folding import apply
from bot.domain.ids import (
    ALPHABET,
    EPOCH_LENGTH,
    MARKER,
    ClientOrderId,
    TransferId,
    client_order_id,
    decode_base32,
    epoch_of,
)
from bot.domain.orders import OrderDraft, OrderIntent, OrderState, next_state
from bot.domain.thinning import DetailsThinned
from bot.domain.transfers import TransferDraft, TransferIntent

#: Facts between two checkpoints.
_CHECKPOINT_EVERY = 2000

_INSERT = (
    "INSERT INTO facts (seq, at, kind, client_order_id, cycle_id, dedup_key, payload) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_SELECT_KEY = "SELECT 1 FROM facts WHERE dedup_key = ?"
_SELECT_AFTER = "SELECT seq, kind, payload FROM facts WHERE seq > ? ORDER BY seq"
_SELECT_THINNED = "SELECT payload FROM facts WHERE kind = 'DetailsThinned' ORDER BY seq DESC LIMIT 1"
_SELECT_CHECKPOINT = "SELECT seq, books FROM checkpoint WHERE id = 1"
_UPSERT_CHECKPOINT = (
    "INSERT INTO checkpoint (id, seq, books) VALUES (1, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, books = excluded.books"
)

#: Told the name of each point between the statements of a transaction; for crash tests.
OnPoint = Callable[[str], None]


def _silent(point: str) -> None:
    """Report nothing."""


class SqlJournal:
    """The ``Journal`` port on SQLite."""

    def __init__(self, engine: Engine, books: Books, connection: Connection, on_point: OnPoint = _silent) -> None:
        self._engine = engine
        self._connection = connection
        self._books = books
        self.on_point = on_point

    @property
    def books(self) -> Books:
        """What all committed facts add up to. Not to be written."""
        return self._books

    async def record(self, *facts: Fact) -> tuple[Fact, ...]:
        """Commit facts in one transaction and return the ones that were new.

        Raises:
            JournalError: nothing was committed.
            InvariantViolated: a fact contradicts the books; nothing was committed.
        """
        return self.commit(*facts)

    async def record_intents(self, drafts: Sequence[OrderDraft], at: datetime) -> tuple[OrderIntent, ...]:
        """Give each draft its id and commit all of them before any is sent.

        Raises:
            JournalError: nothing was committed.
        """
        intents = [
            _intent_of(draft, self._books.epoch, self._books.sequence + place, at)
            for place, draft in enumerate(drafts, start=1)
        ]
        self.commit(*(OrderIntended(at=at, intent=intent) for intent in intents))
        return tuple(intents)

    async def record_transfer(self, draft: TransferDraft, at: datetime) -> TransferIntent:
        """Give a transfer its id and commit it before it is sent.

        Raises:
            JournalError: nothing was committed.
        """
        values = {name: getattr(draft, name) for name in TransferDraft.__dataclass_fields__}
        key = TransferId(client_order_id(self._books.epoch, self._books.sequence + 1))
        intent = TransferIntent(**values, transfer_id=key, intended_at=at)
        self.commit(TransferIntended(at=at, intent=intent))
        return intent

    def commit(self, *facts: Fact, besides: Callable[[Connection], None] | None = None) -> tuple[Fact, ...]:
        """Do what ``record`` does, for callers without a loop; ``besides`` is done in the same transaction."""
        new: list[Fact] = []
        try:
            self.on_point("journal: before the transaction")
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                for fact in self._unbooked(facts):
                    self._insert(self._books.sequence + len(new) + 1, fact)
                    new.append(fact)
                    self.on_point("journal: between two statements")
                _try_out(self._books, new)
                self._save_checkpoint(len(new))
                if besides is not None:
                    besides(self._connection)
                self.on_point("journal: before the commit")
                self._connection.exec_driver_sql("COMMIT")
            except BaseException:
                # A disk that is full, and some other failures, have ended the transaction already.
                if self._is_in_transaction:
                    self._connection.exec_driver_sql("ROLLBACK")
                raise
        except SQLAlchemyError as err:
            raise JournalError(f"the journal cannot be written: {_cause(err)}") from err
        self.on_point("journal: after the commit")
        for fact in new:
            apply(self._books, fact)
            self._books.sequence += 1
        return tuple(new)

    @property
    def _is_in_transaction(self) -> bool:
        return bool(self._connection.connection.driver_connection.in_transaction)  # type: ignore[union-attr]  # it is open

    def _unbooked(self, facts: Sequence[Fact]) -> Iterator[Fact]:
        """Yield the facts whose key is not there yet."""
        for fact in facts:
            key = fact.dedup_key
            if key is None or self._connection.exec_driver_sql(_SELECT_KEY, (key,)).first() is None:
                yield fact

    def _insert(self, sequence: int, fact: Fact) -> None:
        row = (
            sequence,
            fact.at.isoformat(),
            type(fact).__name__,
            _order_id_of(fact),
            _cycle_id_of(fact),
            fact.dedup_key,
            codec.encode_fact(fact),
        )
        self._connection.exec_driver_sql(_INSERT, row)

    def _save_checkpoint(self, added: int) -> None:
        """Save the books as they were before this transaction, now and then: the more is in them, the more rarely."""
        sequence, every = self._books.sequence, max(_CHECKPOINT_EVERY, len(self._books.orders))
        if sequence and sequence // every != (sequence + added) // every:
            self.write_checkpoint(self._books)

    def write_checkpoint(self, books: Books) -> None:
        """Save books as what the facts up to their number add up to. Within a transaction."""
        self._connection.exec_driver_sql(_UPSERT_CHECKPOINT, (books.sequence, codec.encode_books(books)))

    def facts(
        self, *, after: int = 0, client_order_id: str | None = None, kind: str | None = None
    ) -> Iterator[tuple[int, Fact]]:
        """Yield recorded facts with their numbers, oldest first, as far as they fit what is asked for.

        Raises:
            JournalError: they cannot be read.
        """
        clauses, values = ["seq > ?"], [after]
        for column, value in (("client_order_id", client_order_id), ("kind", kind)):
            if value is not None:
                clauses.append(f"{column} = ?")
                values.append(value)  # type: ignore[arg-type]  # columns of text beside one of integers
        query = f"SELECT seq, kind, payload FROM facts WHERE {' AND '.join(clauses)} ORDER BY seq"  # noqa: S608 - names are ours
        with reading():
            for sequence, name, payload in self._connection.exec_driver_sql(query, tuple(values)):
                yield sequence, codec.decode_fact(name, payload)

    def intent_of(self, client_order_id: ClientOrderId) -> OrderIntent | None:
        """Return what was ever intended under an id; None for nothing.

        Raises:
            JournalError: it cannot be read.
        """
        for _, fact in self.facts(client_order_id=client_order_id, kind=OrderIntended.__name__):
            if isinstance(fact, OrderIntended):
                return fact.intent
        return None

    @property
    def connection(self) -> Connection:
        """The open connection, for backup and for crash tests."""
        return self._connection

    async def close(self) -> None:
        """Release the file."""
        self._connection.close()
        self._engine.dispose()

    @classmethod
    def of_facts(cls, facts: Sequence[Fact]) -> "SqlJournal":
        """Return a journal in memory that holds these facts and nothing else."""
        engine = _engine(None, read_only=False)
        connection = engine.connect()
        _create(connection)
        journal = cls(engine, Books(), connection)
        for fact in facts:
            journal.commit(fact)
        return journal

    def reopened(self, on_point: OnPoint = _silent) -> "SqlJournal":
        """Return the journal as the next process would find it: an open transaction is lost, the books are
        read anew."""
        if self._is_in_transaction:
            self._connection.exec_driver_sql("ROLLBACK")
        return SqlJournal(self._engine, read_books(self._connection), self._connection, on_point)


def _intent_of(draft: OrderDraft, epoch: str, sequence: int, at: datetime) -> OrderIntent:
    if draft.continues is None:
        key = client_order_id(epoch, sequence)
    else:
        tail = draft.continues[EPOCH_LENGTH:]
        key = client_order_id(epoch, decode_base32(tail[:-2]), decode_base32(tail[-2:]) + 1)
    values = {name: getattr(draft, name) for name in OrderDraft.__dataclass_fields__}
    return OrderIntent(**values, client_order_id=key, intended_at=at)


def _order_id_of(fact: Fact) -> str | None:
    match fact:
        case OrderIntended():
            return fact.intent.client_order_id
        case OrderChanged() | CancelRequested():
            return fact.client_order_id
        case TradeFilled():
            return fact.fill.client_order_id
        case _:
            return None


def _cycle_id_of(fact: Fact) -> str | None:
    match fact:
        case OrderIntended():
            return fact.intent.cycle_id
        case LookTaken():
            return fact.cycle_id
        case _:
            return None


def _try_out(books: Books, facts: Sequence[Fact]) -> None:
    """Raise for what the books would refuse, without touching them.

    Raises:
        InvariantViolated: as ``folding.apply`` would.
    """
    states: dict[str, OrderState] = {}
    for fact in facts:
        if isinstance(fact, OrderIntended):
            key = fact.intent.client_order_id
            if key in books.orders or key in states:
                raise InvariantViolated(f"order {key} was intended twice")
            states[key] = OrderState.INTENDED
        elif isinstance(fact, OrderChanged):
            order = books.orders.get(fact.client_order_id)
            before = states.get(fact.client_order_id) or (order.state if order is not None else None)
            if before is None:
                raise InvariantViolated(f"order {fact.client_order_id} changed without an intent")
            states[fact.client_order_id] = next_state(before, fact.event)


@contextmanager
def reading() -> Iterator[None]:
    """Say in our own words that a journal cannot be read.

    Raises:
        JournalError: it cannot.
    """
    try:
        yield
    except SQLAlchemyError as err:
        raise JournalError(f"the journal cannot be read: {_cause(err)}") from err


def read_books(connection: Connection) -> Books:
    """Fold the books from the last checkpoint and the facts after it.

    Raises:
        JournalError: a fact cannot be read, or one is missing.
    """
    with reading():
        row = connection.exec_driver_sql(_SELECT_CHECKPOINT).first()
        books = codec.decode_books(row[1]) if row is not None else Books()
        rows = connection.exec_driver_sql(_SELECT_AFTER, (books.sequence,)).all()
    if row is not None and books.sequence != row[0]:
        raise JournalError(f"the checkpoint at fact {row[0]} cannot be read: it says {books.sequence}")
    until, _ = missing_facts(connection)
    for sequence, kind, payload in rows:
        if sequence != books.sequence + 1 and sequence - 1 > until:
            raise JournalError(f"fact {books.sequence + 1} is missing from the journal")
        apply(books, codec.decode_fact(kind, payload))
        books.sequence = sequence
    return books


def missing_facts(connection: Connection) -> tuple[int, int]:
    """Return up to which number facts may be missing, because they were taken out, and how many are."""
    row = connection.exec_driver_sql(_SELECT_THINNED).first()
    if row is None:
        return 0, 0
    fact = codec.decode_fact(DetailsThinned.__name__, row[0])
    return (fact.until_sequence, fact.missing) if isinstance(fact, DetailsThinned) else (0, 0)


def open_journal(
    path: Path | None, *, now: datetime, epoch_tail: Callable[[], str], read_only: bool = False
) -> SqlJournal:
    """Open the journal of a data folder, or one in memory; create it where there is none.

    ``epoch_tail`` gives the three random base-32 characters of a new epoch.

    Raises:
        JournalTooNew: it was written by a newer version.
        JournalError: it cannot be opened.
    """
    engine = _engine(path, read_only=read_only)
    try:
        connection = engine.connect()
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        refuse_newer(path, version)
        if version == 0 and not read_only:
            _create(connection)
        elif version < SCHEMA_VERSION and read_only:
            # Whoever only reads must change nothing: another process may hold it.
            raise JournalError(
                f"{path} is of format {version}, an older one; 'trimtab run' brings it to format {SCHEMA_VERSION}"
                " and keeps a copy"
            )
        elif version < SCHEMA_VERSION and path is not None:
            from bot.adapters.journal.migrate import migrate

            connection.close()
            migrate(path, version)
            connection = engine.connect()
        journal = SqlJournal(engine, read_books(connection), connection)
    except SQLAlchemyError as err:
        raise JournalError(
            f"{path} cannot be opened as a journal: {_cause(err)}; if it is damaged, 'trimtab journal restore FILE'"
            " puts a backup in its place"
        ) from err
    if not journal.books.epoch and not read_only:
        opened = JournalOpened(at=now, epoch=epoch_of(epoch_tail()), reason="created")
        journal.commit(opened)
    return journal


def refuse_newer(path: Path | None, version: int) -> None:
    """Do nothing with what a newer version has written.

    Raises:
        JournalTooNew: it has.
    """
    if version > SCHEMA_VERSION:
        raise JournalTooNew(
            f"{path} is of format {version}; this version of Trimtab knows format {SCHEMA_VERSION}."
            " Use the newer version again, or restore an older backup into another folder"
        )


def _create(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.exec_driver_sql("COMMIT")


def random_epoch_tail() -> str:
    """Return the random part of an epoch."""
    import secrets

    return "".join(secrets.choice(ALPHABET) for _ in range(EPOCH_LENGTH - len(MARKER)))


def _engine(path: Path | None, *, read_only: bool) -> Engine:
    if path is None:
        url = URL.create("sqlite")
    elif read_only:
        url = URL.create("sqlite", database=path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
    else:
        url = URL.create("sqlite", database=str(path))
    engine = create_engine(
        url,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "timeout": 5.0},
        isolation_level="AUTOCOMMIT",
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # Transactions are begun and ended by us, in so many words.
        connection.isolation_level = None
        if path is not None and not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    return engine


def _cause(err: BaseException) -> str:
    return str(err.__cause__ or err).splitlines()[0]
