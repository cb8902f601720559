"""``run``: the daemon."""

import typer


def run() -> None:
    """Run the daemon: look, hedge, protect, until it is told to stop.

    Without any configuration it trades on the embedded exchange with play money. The first lines of the log say where
    the page and the token are. Ctrl-C or SIGTERM ends it in good order, also while it starts:
    working hedge orders are cancelled, stops stay.
    """
    from bot.cli.context import open_settings
    from bot.daemon import run as run_daemon

    raise typer.Exit(run_daemon(open_settings()))
