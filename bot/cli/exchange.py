"""``exchange serve``: the embedded exchange as a venue of its own."""

from enum import StrEnum

import typer

app = typer.Typer(help="The embedded exchange, in a process of its own.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The embedded exchange, in a process of its own."""


class Dialect(StrEnum):
    """Whose wire it speaks."""

    BINANCEUSDM = "binanceusdm"


@app.command()
def serve(
    venue: Dialect = typer.Option(Dialect.BINANCEUSDM, "--venue", help="Whose REST and WebSocket it speaks."),
    host: str = typer.Option("127.0.0.1", "--host", help="Where it listens. Anyone who reaches it may do anything."),
    port: int = typer.Option(
        8090, "--port", min=0, max=65_535, help="0 takes a free one; the line on stdout says which."
    ),
    fault_seed: int = typer.Option(1, "--fault-seed", help="What goes wrong by chance follows from it."),
) -> None:
    """Serve the embedded exchange on loopback until SIGTERM or SIGINT.

    The market and the account are those of TRIMTAB_PAPER__..., the state is kept in TRIMTAB_DATA_DIR, and the key is
    trimtab-key with the secret trimtab-secret. Point a bot or any ccxt client at the addresses that the one line of
    JSON on stdout names. /admin/... sets prices and faults, and tells the truth.
    """
    import asyncio

    from bot.adapters.datafolder import own_folder
    from bot.cli.context import open_settings, quiet_logs
    from bot.daemon import serve_exchange

    settings = open_settings()
    quiet_logs(settings)
    _ = venue
    with own_folder(settings.data_dir):
        asyncio.run(serve_exchange(settings, host=host, port=port, fault_seed=fault_seed))
