"""Steer a running daemon: from ``halt`` to ``resume`` and ``confirm-flow``."""

from collections.abc import Mapping
from typing import Any

import typer

from bot.cli.asking import ask, confirm, need_somebody, tell

_JSON = typer.Option(False, "--json", help="Write one JSON document to stdout.")
_WHY = typer.Option("", "--why", help="A few words for the journal.")


def halt(
    why: str = _WHY,
    hard: bool = typer.Option(False, "--hard", help="Leave the stops as they are, too: nothing at all is changed."),
    json: bool = _JSON,
) -> None:
    """Stop rebalancing. Working hedge orders are cancelled; stops stay and are kept in order.

    With --hard the stops that rest at the venue stay too, but are no longer made to fit. Outlives restarts; 'trimtab
    resume' ends it.
    """
    answer = tell("halt", ({"why": why} if why else {}) | ({"is_hard": True} if hard else {}))
    stops = "Stops stay as they are." if answer.get("is_hard_halt") else "Stops stay."
    _show_answer(
        answer,
        f"Halted. Working hedge orders cancelled: {answer.get('cancelled_orders', 0)}. {stops}{_in_doubt(answer)}",
        is_json=json,
    )


def reduce_only(why: str = _WHY, json: bool = _JSON) -> None:
    """Allow only what makes a position smaller. Working orders that increase one are cancelled; stops stay.

    Outlives restarts; 'trimtab resume' ends it. A bot that is halted stays halted, which is stricter.
    """
    answer = tell("reduce-only", {"why": why} if why else {})
    _show_answer(
        answer,
        f"Reduce only. Working orders cancelled: {answer.get('cancelled_orders', 0)}. Stops stay.{_in_doubt(answer)}",
        is_json=json,
    )


def resume(
    yes: bool = typer.Option(False, "--yes", "-y", help="Do not ask."),
    json: bool = _JSON,
) -> None:
    """Go back to normal. Shows what that clears and what would be traded, and asks first.

    Ends 'halt', 'reduce-only' and 'flatten', and what the bot has set itself after a failure.
    """
    if not yes:
        need_somebody(is_json=json)
        _show_what_resuming_means()
        confirm("Resume?")
    _show_answer(tell("resume", {}), "Back to normal; a look is on its way.", is_json=json)


def settle(
    amount: str = typer.Argument(help="US dollars, for example 125.50; below zero: put money back.", metavar="AMOUNT"),
    json: bool = _JSON,
) -> None:
    """Book money that was moved between hedge profit and holdings.

    A positive AMOUNT is profit that was taken out: it no longer counts in the portfolio's value.
    """
    from bot.domain.errors import BadPayload
    from bot.domain.units import decimal_text, is_plausible, to_decimal

    try:
        number = to_decimal(amount)
    except BadPayload as err:
        raise typer.BadParameter("give a number, for example 125.50", param_hint="AMOUNT") from err
    if not is_plausible(number):
        raise typer.BadParameter("give 1e-12 at least and 1e15 at most", param_hint="AMOUNT")
    answer = tell("settle", {"amount_quote": decimal_text(number)})
    _show_answer(answer, f"Settled. In all so far: {answer.get('settled_profit_quote')} USD.", is_json=json)


def adopt(
    symbol: str = typer.Argument(help="The contract, as 'trimtab status' writes it.", metavar="SYMBOL"),
    venue: str = typer.Option("", "--venue", help="Needed when several venues list the symbol."),
    gone: bool = typer.Option(False, "--gone", help="It was closed by a trade that the venue does not tell any more."),
    json: bool = _JSON,
) -> None:
    """Make an existing position ours, at its mark. It is then hedged with and protected like any other.

    Works without a running daemon too, because the daemon does not start beside positions that nobody has explained.
    """
    import asyncio

    answer = asyncio.run(_adopt(symbol, venue or None, is_gone=gone))
    _show_answer(
        answer,
        f"Adopted {symbol}: {answer.get('contracts')} contracts at a mark of {answer.get('mark_price')}.",
        is_json=json,
    )


async def _adopt(symbol: str, venue: str | None, *, is_gone: bool) -> dict[str, Any]:
    from bot.cli.client import DaemonClient
    from bot.cli.context import open_settings, quiet_logs
    from bot.cli.exits import DaemonUnreachable

    settings = open_settings()
    try:
        return await DaemonClient.of(settings).tell("adopt", {"symbol": symbol, "venue": venue, "is_gone": is_gone})
    except DaemonUnreachable:
        from bot.daemon import adopt_once

        quiet_logs(settings)
        return await adopt_once(settings, venue=venue, symbol=symbol, is_gone=is_gone)


def confirm_flow(
    asset: str = typer.Argument("", help="One asset; all of them when left out.", metavar="[ASSET]"),
    gone: bool = typer.Option(False, "--gone", help="Everything was moved away: the account lists no balance at all."),
    json: bool = _JSON,
) -> None:
    """Accept the present holdings as meant, after a deposit or withdrawal that the bot asked about."""
    answer = tell("confirm-flow", ({"asset": asset} if asset else {}) | ({"is_gone": True} if gone else {}))
    held = ", ".join(f"{name} {amount}" for name, amount in answer.get("holdings_base", {}).items())
    _show_answer(answer, f"Accepted as meant: {held or 'no holdings'}.", is_json=json)


def _show_json(document: Mapping[str, Any]) -> None:
    from bot.cli.output import show_json

    show_json(document)


def _show_answer(document: Mapping[str, Any], sentence: str, *, is_json: bool) -> None:
    if is_json:
        _show_json(document)
    else:
        typer.echo(sentence)


def _in_doubt(answer: Mapping[str, Any]) -> str:
    """Say of how many orders the venue has not told that they are gone; nothing where there is none."""
    count = answer.get("doubtful_orders", 0)
    if not count:
        return ""
    return f" Orders that may still work, as the venue has not said that they are gone: {count}; it is asked again."


def _show_what_resuming_means() -> None:
    from bot.cli.output import open_console
    from bot.cli.plan_tables import show_clearing, show_plan

    console = open_console()
    document = ask("resume-plan")
    show_plan(console, document["plan"])
    show_clearing(console, document)
