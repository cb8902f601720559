"""What do findings and the figures of a backtest look like at 100 columns?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bot.cli.written import NOTHING, Row, money, new_table, percent

if TYPE_CHECKING:
    from rich.console import Console

    from bot.domain.findings import Finding

_LEVEL_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def show_findings(console: "Console", findings: "Sequence[Finding]") -> None:
    """Show what was checked."""
    table = new_table("Check", ("", "word"), ("Subject", "word"), ("Finding", "text"))
    for finding in findings:
        said = f"{finding.sentence}\n→ {finding.mend}" if finding.mend else finding.sentence
        table.add_row(Text(finding.level, style=_LEVEL_STYLES[finding.level]), finding.subject, said)
    console.print(table)


def show_backtest(console: "Console", result: Row) -> None:
    """Show a backtest's figures, one a line, as the document names them."""
    table = new_table("Backtest", ("Figure", "word"), ("Value", "text"))
    for key, value in _flat(result):
        table.add_row(key, value)
    console.print(table)


def _flat(document: Row, prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in document.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            lines.append((f"{prefix}{key}", "\n".join(_entry(entry) for entry in value) or NOTHING))
        else:
            lines.append((f"{prefix}{key}", _readable(f"{prefix}{key}", value)))
    return lines


def _entry(entry: Any) -> str:
    """Write what a list holds on one line."""
    if not isinstance(entry, Mapping):
        return str(entry)
    return ", ".join(f"{key} {_readable(key, value)}" for key, value in entry.items())


def _readable(key: str, value: Any) -> str:
    """Write a figure by the unit that its name says; scripts have the exact one in the document."""
    if value is None:
        return NOTHING
    if not isinstance(value, str):
        return str(value)
    if "_frac" in key or key.endswith("_annual"):
        return percent(value)
    if "_quote" in key:
        return money(value)
    return f"{Decimal(value):.1f}" if key.endswith(("_bps", "_seconds", "_seconds_max")) else value
