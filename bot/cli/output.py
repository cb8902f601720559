"""How does a command's answer reach the eye or a script? ``rich`` is imported only when a table is shown."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

#: Where stdout is not a terminal, tables are this wide.
WIDTH = 100


def show_json(document: Any) -> None:
    """Write one JSON document to stdout, and nothing else."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + "\n")


def is_terminal() -> bool:
    """Return True when somebody may be looking."""
    return sys.stdout.isatty()


def open_console() -> "Console":
    """Return the console that tables are written to."""
    from rich.console import Console

    return Console(
        width=None if is_terminal() else WIDTH,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
