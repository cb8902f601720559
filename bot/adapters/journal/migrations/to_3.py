"""From format 2 to 3: corrections know their tranches; what facts add up to is put together again."""

from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Drop the checkpoint: it holds corrections of the old form, and the facts hold everything."""
    operations.execute("DELETE FROM checkpoint")
