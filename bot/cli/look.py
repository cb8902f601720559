"""``plan``, ``check``, ``config``: look, and change nothing."""

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from bot.settings import Settings

JSON_HELP = "Write one JSON document to stdout."


def plan(
    json: bool = typer.Option(False, "--json", help=JSON_HELP),
    why: bool = typer.Option(False, "--why", help="Add what the portfolio risks, and what stands behind each number."),
) -> None:
    """Take one look and show what would be done; nothing is sent.

    Per asset: weight, target, gap, band, and the action or why there is none. Then orders, stops, margin and refusals.
    Beside a running daemon it asks that one; otherwise it reads the account itself.
    """
    import asyncio

    from bot.cli.context import open_settings, quiet_logs
    from bot.cli.output import open_console, show_json

    settings = open_settings()
    quiet_logs(settings)
    document = asyncio.run(_plan_document(settings))
    if json:
        show_json(document)
        return
    from bot.cli.plan_tables import show_plan
    from bot.cli.why import show_why

    console = open_console()
    show_plan(console, document)
    if why:
        show_why(console, document)


async def _plan_document(settings: "Settings") -> dict[str, Any]:
    from bot.cli.client import DaemonClient
    from bot.cli.exits import DaemonUnreachable

    try:
        return await DaemonClient.of(settings).ask("plan")
    except DaemonUnreachable:
        from bot.daemon import look_once

        return await look_once(settings)


def check(
    probe_orders: bool = typer.Option(
        False, "--probe-orders", help="Live mode: also send each venue its smallest order, read it back, cancel it."
    ),
    json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Check configuration, data folder, venues, key and account; say what is wrong and how to mend it.

    Nothing is changed, but for the order of --probe-orders: it is offered 3 % below the market and taken away again.
    Exit code 0 when nothing fails, warnings or not.
    """
    import asyncio

    from bot.cli.context import open_settings, quiet_logs
    from bot.cli.output import open_console, show_json
    from bot.daemon import check as find
    from bot.engine.documents import check_document

    settings = open_settings()
    quiet_logs(settings)
    findings = asyncio.run(find(settings, is_probing=probe_orders))
    if json:
        show_json(check_document(findings))
    else:
        from bot.cli.result_tables import show_findings

        show_findings(open_console(), findings)
    failed = [finding for finding in findings if finding.level == "fail"]
    if failed:
        raise typer.Exit(failed[0].exit_code)


def config(json: bool = typer.Option(False, "--json", help=JSON_HELP)) -> None:
    """Show the configuration in force, one variable a line. Secrets show as ***.

    The lines can be put into a .env file as they are, apart from the secrets.
    """
    from bot.cli.context import open_settings
    from bot.cli.effective import effective_variables
    from bot.cli.output import show_json

    variables = effective_variables(open_settings())
    if json:
        show_json({"schema": "trimtab.config/1", "variables": variables})
        return
    for name, value in variables.items():
        typer.echo(f"{name}={value}")
