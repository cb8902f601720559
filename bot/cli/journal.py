"""``journal backup | verify | restore``: care of the journal."""

from pathlib import Path

import typer

app = typer.Typer(
    help="Back up, verify or restore the journal.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


@app.command("backup")
def backup(
    target: Path = typer.Argument(help="File to write; it must not exist yet.", metavar="FILE"),
) -> None:
    """Copy the journal to FILE, also while the daemon runs."""
    from bot.adapters.journal.care import backup_journal
    from bot.cli.context import open_settings

    backup_journal(open_settings().data_dir, target)
    typer.echo(f"The journal was copied to {target}.")


@app.command("verify")
def verify(
    source: Path | None = typer.Argument(None, help="A backup; the journal itself when left out.", metavar="[FILE]"),
) -> None:
    """Read every fact and rebuild the state from it; say whether it all adds up."""
    from bot.adapters.journal.care import verify_journal
    from bot.cli.context import open_settings

    typer.echo(verify_journal(open_settings().data_dir, source))


@app.command("restore")
def restore(
    source: Path = typer.Argument(help="A backup made by 'journal backup'.", metavar="FILE"),
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
) -> None:
    """Put a backup in the journal's place. The daemon must be stopped; the present journal is kept beside it.

    Order ids start a new epoch, and the bot only reduces until it has made journal and venue agree.
    """
    from bot.adapters.datafolder import own_folder
    from bot.adapters.journal.care import restore_journal
    from bot.cli.context import open_settings
    from bot.cli.exits import ExitCode

    settings = open_settings()
    if not yes and not typer.confirm(f"Replace the journal in {settings.data_dir} by {source}?", err=True):
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(ExitCode.REFUSED)
    with own_folder(settings.data_dir):
        restore_journal(settings.data_dir, source)
    typer.echo(f"The journal was restored from {source}.")
