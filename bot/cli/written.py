"""How is a figure, a moment and an empty table written? Missing is a dash."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rich import box
from rich.table import Table

Row = Mapping[str, Any]

_STATE_STYLES = {"normal": "green", "reduce_only": "yellow", "halted": "bold red"}
NOTHING = "–"


def percent(text: str | None, *, signed: bool = False, places: int = 2) -> str:
    """Write a fraction as a percentage."""
    return NOTHING if text is None else f"{Decimal(text) * 100:{'+' if signed else ''}.{places}f} %"


def money(text: str | None, *, signed: bool = False) -> str:
    """Write US dollars with two places."""
    return NOTHING if text is None else f"{Decimal(text):{'+' if signed else ''},.2f}"


def figure(text: str | None) -> str:
    """Write a price or an amount with at most eight significant digits."""
    if text is None:
        return NOTHING
    number = Decimal(text)
    places = max(0, min(8, 7 - number.adjusted())) if number else 0
    written = f"{number:,.{places}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def liquidation(text: str | None) -> str:
    """Write a liquidation price; a long position that no fall can liquidate has none."""
    return NOTHING if text is None or Decimal(text) == 0 else figure(text)


def clock_time(text: str | None) -> str:
    """Write a moment without its fractions."""
    return NOTHING if text is None else f"{text[:19].replace('T', ' ')} UTC"


def state_text(state: str) -> tuple[str, str]:
    """Return a trading state and its style."""
    return state.replace("_", " "), _STATE_STYLES.get(state, "")


def new_table(title: str, *columns: tuple[str, str]) -> Table:
    """Return an empty table; a column is ``number``, ``word`` or ``text``."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=False,
    )
    for heading, kind in columns:
        table.add_column(
            heading,
            justify="right" if kind == "number" else "left",
            no_wrap=kind in {"number", "word"},
            overflow="fold",
        )
    return table
