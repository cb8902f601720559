"""``explain``: an order's story, from the journal alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bot.cli.look import JSON_HELP

if TYPE_CHECKING:
    from bot.adapters.journal.journal import SqlJournal
    from bot.decisions.story import OrderStory
    from bot.domain.events import LookTaken
    from bot.domain.orders import OrderIntent

#: A prefix that is shorter could be anybody's.
_SHORTEST = 6


def explain(
    order_id: str = typer.Argument(help="Client order id, a prefix of it, or the cycle id of a look.", metavar="ID"),
    json: bool = typer.Option(False, "--json", help=JSON_HELP),
) -> None:
    """Tell an order's story: the look and its numbers, what was sent, what came back, its stop, what it cost.

    Reads the journal and asks nobody else, also while the daemon runs. With the cycle id of a look: every order of it.
    """
    from bot.cli.context import open_settings
    from bot.cli.output import open_console, show_json

    journal = open_journal_to_read(open_settings().data_dir)
    look, intents = _find(journal, order_id.strip())
    stories = [_story(journal, intent) for intent in intents]
    journal.connection.close()
    if json:
        entries = [story_entry(story) for story in stories]
        show_json({"schema": "trimtab.explain/1", "look": look and look_entry(look), "orders": entries})
        return
    console = open_console()
    if look is not None:
        _show_look(console, look)
    for story in stories:
        _show(console, story)


def open_journal_to_read(data_dir: Path) -> "SqlJournal":
    """Open the journal of a data folder beside whoever writes it.

    Raises:
        ConfigError: there is none.
    """
    from datetime import UTC, datetime

    from bot.adapters.journal.care import JOURNAL_FILE
    from bot.adapters.journal.journal import open_journal
    from bot.domain.errors import ConfigError

    path = data_dir / JOURNAL_FILE
    if not path.exists():
        raise ConfigError(f"there is no journal in {data_dir}: nothing was ever sent from there")
    return open_journal(path, now=datetime.fromtimestamp(0, UTC), epoch_tail=lambda: "RDR", read_only=True)


def _find(journal: "SqlJournal", wanted: str) -> "tuple[LookTaken | None, list[OrderIntent]]":
    """Return the order that is meant, or the look that is meant and its orders.

    Raises:
        ConfigError: nothing, or too much, fits.
    """
    from bot.domain.errors import ConfigError

    intents = _intents(journal)
    if exact := [one for one in intents if one.client_order_id == wanted]:
        return None, exact
    look = _look(journal, wanted)
    of_look = [one for one in intents if one.cycle_id == wanted]
    if look is not None or of_look:
        return look, of_look
    fitting = [one for one in intents if len(wanted) >= _SHORTEST and one.client_order_id.startswith(wanted)]
    if len(fitting) == 1:
        return None, fitting
    if fitting:
        raise ConfigError(f"{wanted!r} fits {len(fitting)} orders; write more of it")
    newest = ", ".join(one.client_order_id for one in intents[-3:]) or "none was ever sent"
    raise ConfigError(f"no order and no look is called {wanted[:40]!r}; the newest orders: {newest}")


def _look(journal: "SqlJournal", cycle_id: str) -> "LookTaken | None":
    from bot.domain.events import LookTaken

    looks = (fact for _, fact in journal.facts(kind=LookTaken.__name__))
    return next((one for one in looks if isinstance(one, LookTaken) and one.cycle_id == cycle_id), None)


def _intents(journal: "SqlJournal") -> "list[OrderIntent]":
    from bot.domain.events import OrderIntended

    facts = (fact for _, fact in journal.facts(kind=OrderIntended.__name__))
    return [fact.intent for fact in facts if isinstance(fact, OrderIntended)]


def _story(journal: "SqlJournal", intent: "OrderIntent") -> "OrderStory":
    from bot.decisions.story import tell_order

    own = [fact for _, fact in journal.facts(client_order_id=intent.client_order_id)]
    others = [one for one in _intents(journal) if (one.venue, one.symbol) == (intent.venue, intent.symbol)]
    return tell_order(intent, own, look=_look(journal, intent.cycle_id), others=others)


def look_entry(look: "LookTaken") -> dict[str, Any]:
    """Return a look as it is explained: when and why it was, and every asset's numbers."""
    from json import loads

    from bot.engine.documents import time_text

    document = loads(look.document) if look.document else {}
    return {
        "cycle_id": look.cycle_id,
        "at": time_text(look.at),
        "trigger": look.trigger,
        "outcome": look.outcome,
        "assets": document.get("assets", []),
        "refusals": document.get("refusals", []),
    }


def story_entry(story: "OrderStory") -> dict[str, Any]:
    """Return one order of ``trimtab.explain/1``."""
    from bot.domain.units import decimal_text, edge_text
    from bot.engine.documents import time_text

    intent, look = story.intent, story.look
    return {
        "client_order_id": intent.client_order_id,
        "cycle_id": intent.cycle_id,
        "purpose": intent.purpose.value,
        "state": story.state.value,
        "look": None if look is None else _of_asset(look_entry(look), intent.asset),
        "order": {
            "venue": intent.venue,
            "symbol": intent.symbol,
            "asset": intent.asset,
            "side": intent.side.value,
            "type": intent.type.value,
            "amount_contracts": decimal_text(intent.contracts),
            "limit_price": None if intent.price is None else decimal_text(intent.price),
            "trigger_price": None if intent.trigger_price is None else decimal_text(intent.trigger_price),
            "reduce_only": intent.reduce_only,
            "decision_price": decimal_text(intent.decision_price),
        },
        "events": [{"at": time_text(one.at), "what": one.what, "details": one.details} for one in story.lines],
        "attempts": [one.client_order_id for one in story.attempts],
        "stop": None
        if story.stop is None or story.stop.trigger_price is None
        else {
            "client_order_id": story.stop.client_order_id,
            "amount_contracts": decimal_text(story.stop.contracts),
            "trigger_price": decimal_text(story.stop.trigger_price),
        },
        "filled_contracts": decimal_text(story.filled_contracts),
        "average_price": None if story.average_price is None else edge_text(story.average_price),
        "slippage_bps": None if story.slippage_bps is None else edge_text(story.slippage_bps),
        "fees_paid": {currency: decimal_text(paid) for currency, paid in story.fees_paid.items()},
    }


def _of_asset(look: dict[str, Any], asset: str) -> dict[str, Any]:
    """Return a look with the row of one asset alone."""
    return {**look, **{key: [row for row in look[key] if row["asset"] == asset] for key in ("assets", "refusals")}}


def _show_look(console: Any, look: "LookTaken") -> None:
    entry = look_entry(look)
    console.print(_look_line(entry), style="bold")
    if not look.document:
        console.print("  Nothing was to be done, and its numbers were not kept.")
    for row in entry["assets"]:
        console.print(f"  {_row_line(row)}: {row['reason']}")
    for refusal in entry["refusals"]:
        console.print(f"  {refusal['rule']}: {refusal['reason']}")


def _look_line(look: dict[str, Any]) -> str:
    from bot.cli.written import clock_time

    return f"Look {look['cycle_id']}, due by {look['trigger']}, ended {clock_time(look['at'])}: {look['outcome']}"


def _row_line(row: dict[str, Any]) -> str:
    from bot.cli.written import money, percent

    return (
        f"{row['asset']} was {percent(row['weight'])} of {percent(row['target_weight'])} ±{percent(row['band'])},"
        f" {money(row['exposure_quote'])} USD at {money(row['index_price'])};"
        f" need {money(row['hedge_need_quote'], signed=True)} USD"
    )


def _show(console: Any, story: "OrderStory") -> None:
    from bot.cli.written import clock_time, money
    from bot.domain.units import decimal_text

    entry = story_entry(story)
    console.print(f"{entry['client_order_id']} · {entry['purpose']} · {entry['state'].replace('_', ' ')}", style="bold")
    look = entry["look"]
    if look is not None:
        console.print(f"  {_look_line(look)}")
        for row in look["assets"]:
            console.print(f"  {_row_line(row)}")
    elif "-p" in entry["cycle_id"]:
        console.print("  Protection asked for it, not a look.")
    else:
        console.print("  Its look did not end.")
    for event in entry["events"]:
        console.print(
            f"  {clock_time(event['at'])}  {event['what']}{': ' if event['details'] else ''}{event['details']}"
        )
    if len(entry["attempts"]) > 1:
        console.print(f"  One need, {len(entry['attempts'])} orders: {', '.join(entry['attempts'])}")
    if story.average_price is not None:
        fees = ", ".join(f"{decimal_text(paid)} {currency}" for currency, paid in story.fees_paid.items())
        console.print(
            f"  Filled {entry['filled_contracts']} at {money(entry['average_price'])} on average,"
            f" {story.slippage_bps:+.1f} bp against the decision; fees {fees}"
        )
    if (stop := entry["stop"]) is not None:
        console.print(f"  Its stop: {stop['client_order_id']}, {stop['amount_contracts']} at {stop['trigger_price']}")
