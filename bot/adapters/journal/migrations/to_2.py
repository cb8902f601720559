"""From format 1 to 2: facts can be found by their time."""

from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Add the index."""
    operations.create_index("ix_facts_at", "facts", ["at"])
