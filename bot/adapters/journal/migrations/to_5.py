"""From format 4 to 5: facts may be missing where old details were taken out. Older versions call it damage."""

from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Change nothing: only the number is new."""
    del operations
