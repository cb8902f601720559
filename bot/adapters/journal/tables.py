"""Which tables does the journal have? SQLAlchemy Core, in one place.

``SCHEMA_VERSION`` is the newest revision in ``migrations``; a database says its own in ``PRAGMA user_version``.
"""

from sqlalchemy import Column, Integer, MetaData, Table, Text

SCHEMA_VERSION = 6

#: Checkpoints of earlier formats are of another form, and dropped when a journal is brought to today's.
CHECKPOINTS_SINCE = 6

metadata = MetaData()

#: Appended to; old details alone are ever taken out (``retention``). ``payload`` is the whole fact; the other columns
#: are there to be searched.
facts = Table(
    "facts",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False, index=True),
    Column("kind", Text, nullable=False, index=True),
    Column("client_order_id", Text, index=True),
    Column("cycle_id", Text, index=True),
    #: The same fact offered twice is kept once.
    Column("dedup_key", Text, unique=True),
    Column("payload", Text, nullable=False),
)

#: What the facts up to ``seq`` add up to; one row. Saves folding all of them at every start.
checkpoint = Table(
    "checkpoint",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("books", Text, nullable=False),
)
