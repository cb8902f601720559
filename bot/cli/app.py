"""Which commands are there, and how does each of them end?"""

import errno
import os
import sys
from collections.abc import Sequence

import typer

from bot.cli import daemon, exchange, explain, export, flatten, history, journal, look, status, steer
from bot.cli.exits import ExitCode, exit_code_of
from bot.domain.errors import BotError

app = typer.Typer(
    name="trimtab",
    help=(
        "Keep a portfolio's net exposure at its target weights by trading futures. Spot coins are never sold.\n\n"
        "Configuration comes from environment variables that start with TRIMTAB_ and from a file .env; "
        "'trimtab config' shows what is in force, 'trimtab check' what is wrong with it.\n\n"
        "Exit codes: 0 fine, 2 bad configuration or usage, 3 refused for safety, 4 venue or daemon unreachable."
    ),
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.command("run")(daemon.run)
app.command("plan")(look.plan)
app.command("check")(look.check)
app.command("config")(look.config)
app.command("status")(status.status)
app.command("halt")(steer.halt)
app.command("reduce-only")(steer.reduce_only)
app.command("flatten")(flatten.flatten)
app.command("resume")(steer.resume)
# So that an amount below zero is not taken for an option.
app.command("settle", context_settings={"ignore_unknown_options": True})(steer.settle)
app.command("adopt")(steer.adopt)
app.command("confirm-flow")(steer.confirm_flow)
app.command("explain")(explain.explain)
app.command("export")(export.export)
app.command("backtest")(history.backtest)
app.add_typer(journal.app, name="journal")
app.add_typer(exchange.app, name="exchange")


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from bot import __version__

        typer.echo(f"trimtab {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Say which version."),
) -> None:
    """Take the options that stand before a command."""


def run_command_line(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code. What a user can cause ends in a sentence, never in a traceback."""
    try:
        app(list(arguments), prog_name="trimtab", standalone_mode=True)
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            return ExitCode.FINE  # as below; the library has noticed it first
        return end.code if isinstance(end.code, int) else ExitCode.FINE if end.code is None else ExitCode.BROKEN
    except BotError as failure:
        _complain(str(failure))
        return exit_code_of(failure)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away, as 'head' does.
        sys.stdout = None  # nothing is left to flush at exit
        return ExitCode.FINE
    except Exception as failure:  # noqa: BLE001 - the last place that can still strike out secrets
        if isinstance(failure, OSError) and (failure.filename is not None or failure.errno == errno.ENOSPC):
            _complain(_of_file(failure))
            return ExitCode.USAGE
        _complain_of_bug()
        return ExitCode.BROKEN
    return ExitCode.FINE


def _of_file(failure: OSError) -> str:
    """Say which file of the user's cannot be used; mostly it is another user's, or the disk is full."""
    told = f"{failure.filename or 'the output'} cannot be used: {failure.strerror}"
    if not isinstance(failure, PermissionError):
        return told
    return f"{told}; this is user {os.getuid()}: run it as the user that the data folder belongs to"


def _complain(text: str) -> None:
    from bot.adapters.logs import redact

    for line in redact(text).splitlines() or ["failed without a reason"]:
        typer.echo(f"trimtab: {line}", err=True)


def _complain_of_bug() -> None:
    import traceback

    from bot.adapters.logs import redact

    typer.echo(redact(traceback.format_exc()), err=True, nl=False)
    typer.echo("trimtab: this is a bug of Trimtab; the lines above say where", err=True)
