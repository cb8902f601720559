"""``status``: what the running daemon holds and does, once or for as long as somebody looks."""

import typer

from bot.cli.asking import ask
from bot.cli.look import JSON_HELP


def status(
    json: bool = typer.Option(False, "--json", help=JSON_HELP),
    live: bool = typer.Option(False, "--live", "-l", help="Stay and show it anew; Ctrl-C ends it."),
    every: float = typer.Option(2.0, "--every", min=0.2, max=3600, help="With --live: seconds in between."),
) -> None:
    """Show what the running daemon holds and does.

    Weights against targets, positions with their stops, margin, what is refused or waits, open alerts, trading state.
    """
    if live:
        _stay(every, is_json=json)
        return
    document = ask("status")
    if json:
        from bot.cli.output import show_json

        show_json(document)
        return
    from bot.cli.output import open_console
    from bot.cli.status_tables import show_status

    show_status(open_console(), document)


def _stay(every: float, *, is_json: bool) -> None:
    """Show the status until the reader has seen enough.

    Raises:
        typer.BadParameter: nobody is looking.
        DaemonUnreachable: it has ended meanwhile.
    """
    import asyncio

    from bot.cli.output import is_terminal

    if is_json or not is_terminal():
        raise typer.BadParameter("it is for somebody at a terminal; leave it out", param_hint="--live")
    try:
        asyncio.run(_show_anew(every))
    except KeyboardInterrupt:
        return


async def _show_anew(every: float) -> None:
    from datetime import timedelta

    from rich.live import Live
    from rich.text import Text

    from bot.adapters.clock import SystemClock
    from bot.cli.client import DaemonClient
    from bot.cli.context import open_settings
    from bot.cli.output import open_console
    from bot.cli.status_tables import show_status

    client, clock, easel = DaemonClient.of(open_settings()), SystemClock(), open_console()
    document = await client.ask("status")
    # Drawn on a console of its own: the other one puts the view before whatever is printed on it.
    with Live(console=open_console(), screen=True, auto_refresh=False, vertical_overflow="crop") as view:
        while True:
            with easel.capture() as drawn:
                show_status(easel, document)
            view.update(Text.from_ansi(drawn.get()), refresh=True)
            await clock.sleep(timedelta(seconds=every))
            document = await client.ask("status")
