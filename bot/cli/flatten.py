"""``flatten``: say what will be closed, ask, and wait until it is."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import typer

from bot.cli.asking import ask, confirm, need_somebody, tell
from bot.cli.exits import ExitCode

_POLL = timedelta(seconds=1)


def flatten(
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    timeout: int = typer.Option(180, "--timeout", min=1, help="Seconds to wait for the end; it goes on without you."),
    json: bool = typer.Option(False, "--json", help="Write one JSON document to stdout."),
) -> None:
    """Close all futures, their stops last, and halt. Coins are not touched; reserved symbols are left alone.

    Goes on until it is done, whatever happens to this command or to the daemon. 'trimtab resume' calls it off.
    """
    if not yes:
        need_somebody(is_json=json)
        _show_what_is_closed(ask("status"))
        confirm("Close all of this?")
    answer = tell("flatten", {})
    if answer["is_flattening"]:
        typer.echo("Closing …", err=True)
    status = _wait(timeout)
    _end(answer, status, timeout, is_json=json)


def ours_in(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the open positions that are ours to close."""
    return [one for one in status["positions"] if one["symbol"] not in status["foreign_symbols"]]


def _show_what_is_closed(status: Mapping[str, Any]) -> None:
    from bot.cli.output import open_console
    from bot.cli.plan_tables import show_closing

    show_closing(open_console(), ours_in(status), left_alone=status["foreign_symbols"])


def _wait(seconds: int) -> dict[str, Any]:
    import asyncio

    return asyncio.run(_watch(seconds))


async def _watch(seconds: int) -> dict[str, Any]:
    """Return the status as it is when nothing is left to close, or when the time is up."""
    from bot.adapters.clock import SystemClock
    from bot.cli.client import DaemonClient
    from bot.cli.context import open_settings

    client, clock = DaemonClient.of(open_settings()), SystemClock()
    until, told = clock.monotonic() + seconds, None
    while True:
        status = await client.ask("status")
        still_open = _names(ours_in(status))
        if not status["is_flattening"] or clock.monotonic() >= until:
            return status
        if still_open != told:
            told = still_open
            typer.echo(f"Still open: {still_open}", err=True)
        await clock.sleep(_POLL)


def _names(positions: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['symbol']} {one['side']} {one['amount_contracts']}" for one in positions) or "nothing"


def _end(answer: Mapping[str, Any], status: Mapping[str, Any], seconds: int, *, is_json: bool) -> None:
    """Say how it ended.

    Raises:
        typer.Exit: not with everything closed.
    """
    still_open = ours_in(status)
    if is_json:
        from bot.cli.output import show_json

        closing = {"is_flattening": status["is_flattening"], "trading_state": status["trading_state"]}
        show_json({**answer, **closing, "open_symbols": [one["symbol"] for one in still_open]})
    if status["is_flattening"]:
        typer.echo(
            f"Not done after {seconds} s; it goes on. Still open: {_names(still_open)}."
            " 'trimtab status' shows how far it is",
            err=True,
        )
        raise typer.Exit(ExitCode.UNREACHABLE)
    if still_open:
        typer.echo(f"It was called off. Still open: {_names(still_open)}", err=True)
        raise typer.Exit(ExitCode.REFUSED)
    if not is_json:
        typer.echo("Flat. All futures are closed and their stops are gone. Halted; 'trimtab resume' ends that.")
