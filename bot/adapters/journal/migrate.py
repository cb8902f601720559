"""How does an older journal become one of today's?

Copied first, then changed in one transaction; Alembic does the changing.
Alembic is imported here and nowhere else: a start that has nothing to migrate does without it.
"""

from importlib import import_module
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import URL, create_engine
from sqlalchemy.exc import SQLAlchemyError

from bot.adapters.journal.copying import copy_database
from bot.adapters.journal.tables import SCHEMA_VERSION
from bot.domain.errors import JournalError


def migrate(path: Path, version: int) -> Path:
    """Bring a journal to the newest format and return the copy of what it was.

    Raises:
        JournalError: it could not be copied or changed; the journal is as it was.
    """
    kept = path.with_name(f"{path.stem}-before-format-{SCHEMA_VERSION}{path.suffix}")
    copy_database(path, kept)
    engine = create_engine(URL.create("sqlite", database=str(path)), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
            try:
                operations = Operations(MigrationContext.configure(connection))
                for target in range(version + 1, SCHEMA_VERSION + 1):
                    import_module(f"bot.adapters.journal.migrations.to_{target}").upgrade(operations)
                connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
    except SQLAlchemyError as err:
        raise JournalError(
            f"{path} could not be brought to format {SCHEMA_VERSION}: {err}; nothing was changed"
        ) from err
    finally:
        engine.dispose()
    return kept
