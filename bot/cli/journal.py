"""``journal backup | verify | restore``: care of the journal."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from bot.adapters.journal.care import Verified

app = typer.Typer(
    help="Back up, verify or restore the journal.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


_JSON = typer.Option(False, "--json", help="Write one JSON document to stdout.")


@app.command("backup")
def backup(
    target: Path = typer.Argument(help="File to write; it must not exist yet.", metavar="FILE"),
    json: bool = _JSON,
) -> None:
    """Copy the journal to FILE, also while the daemon runs."""
    from bot.adapters.journal.care import backup_journal
    from bot.cli.context import open_settings

    _show(backup_journal(open_settings().data_dir, target), f"The journal was copied to {target}.", is_json=json)


@app.command("verify")
def verify(
    source: Path | None = typer.Argument(None, help="A backup; the journal itself when left out.", metavar="[FILE]"),
    json: bool = _JSON,
) -> None:
    """Read every fact and rebuild the state from it; say whether it all adds up."""
    from bot.adapters.journal.care import verify_journal
    from bot.cli.context import open_settings

    found = verify_journal(open_settings().data_dir, source)
    _show(found, str(found), is_json=json)


@app.command("restore")
def restore(
    source: Path = typer.Argument(help="A backup made by 'journal backup'.", metavar="FILE"),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    json: bool = _JSON,
) -> None:
    """Put a backup in the journal's place. The daemon must be stopped; the present journal is kept beside it.

    Order ids start a new epoch, and the bot only reduces until it has made journal and venue agree.
    """
    from bot.adapters.datafolder import own_folder
    from bot.adapters.journal.care import restore_journal, verify_journal
    from bot.cli.asking import confirm, need_somebody
    from bot.cli.context import open_settings

    settings = open_settings()
    found = verify_journal(settings.data_dir, source)
    with own_folder(settings.data_dir):
        if not yes:
            need_somebody(is_json=json)
            typer.echo(str(found), err=True)
            confirm(f"Replace the journal in {settings.data_dir} by it?")
        kept = restore_journal(settings.data_dir, source)
        restored = verify_journal(settings.data_dir, None)
    beside = f" The one before is kept as {kept}." if kept else ""
    _show(
        restored,
        f"The journal was restored from {source}.{beside} The bot only reduces until 'trimtab resume'.",
        is_json=json,
        kept=None if kept is None else str(kept),
    )


def _show(found: "Verified", sentence: str, *, is_json: bool, **more: Any) -> None:
    from bot.cli.output import show_json

    if not is_json:
        typer.echo(sentence)
        return
    show_json(
        {
            "schema": "trimtab.journal/1",
            "path": str(found.path),
            "facts": found.facts,
            "epoch": found.epoch,
            "working_orders": found.working_orders,
            "trading_state": found.trading_state.value,
            **more,
        }
    )
