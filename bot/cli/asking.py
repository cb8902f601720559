"""How does a command ask the daemon, and the person in front of it?"""

import sys
from collections.abc import Mapping
from typing import Any

import typer

from bot.cli.exits import ExitCode


def ask(path: str) -> dict[str, Any]:
    """Read one document from the daemon."""
    import asyncio

    from bot.cli.client import DaemonClient
    from bot.cli.context import open_settings

    return asyncio.run(DaemonClient.of(open_settings()).ask(path))


def tell(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the daemon one command and return its answer."""
    import asyncio

    from bot.cli.client import DaemonClient
    from bot.cli.context import open_settings

    return asyncio.run(DaemonClient.of(open_settings()).tell(path, body))


def is_interactive() -> bool:
    """Return True when somebody is there to answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def need_somebody(*, is_json: bool) -> None:
    """End here when nobody could answer a question; ``--yes`` is the answer of a script.

    Raises:
        typer.BadParameter: with ``--json``.
        typer.Exit: not a terminal.
    """
    if is_json:
        raise typer.BadParameter("with --json nothing is asked, so add --yes", param_hint="--json")
    if not is_interactive():
        typer.echo("trimtab: this asks first, and nobody can answer here: add --yes", err=True)
        raise typer.Exit(ExitCode.USAGE)


def confirm(question: str) -> None:
    """Go on only when the answer is yes.

    Raises:
        typer.Exit: it is not.
    """
    try:
        is_sure = typer.confirm(question, default=False, err=True)
    except typer.Abort:
        typer.echo("", err=True)
        is_sure = False
    if not is_sure:
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(ExitCode.REFUSED)
