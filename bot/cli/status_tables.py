"""How does the status look at 100 columns?"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.text import Text

from bot.cli.tables import (
    show_assets,
    show_basis,
    show_breaker,
    show_funding,
    show_head,
    show_margin,
    show_notes,
    show_positions,
    show_refusals,
    show_rolls,
)
from bot.cli.written import NOTHING, Row, clock_time, figure, new_table, percent, state_text

if TYPE_CHECKING:
    from rich.console import Console


def show_status(console: "Console", status: Row) -> None:
    """Show what the daemon holds and does."""
    show_head(console, status, "Status", status["at"])
    _show_looks(console, status)
    _show_steering(console, status)
    _show_alerts(console, status["alerts"])
    show_assets(console, status["assets"])
    show_positions(console, status["positions"])
    _show_working(console, status["working_orders"])
    show_margin(console, status["margin"])
    _show_rungs(console, status["margin_rungs"])
    show_funding(console, status.get("funding", ()))
    show_breaker(console, status.get("breaker"))
    show_basis(console, status.get("basis", ()))
    show_rolls(console, status.get("rolls", ()))
    _show_rolling(console, status.get("rolling", ()))
    _show_risk(console, status["risk"])
    _show_corrections(console, status["corrections"])
    _show_waiting(console, status)
    show_refusals(console, status["refusals"])
    show_notes(console, status)


def _show_looks(console: "Console", status: Row) -> None:
    due = " · ".join(
        f"{clock_time(moment)} ({trigger.replace('_', ' ')})"
        for trigger, moment in sorted(status["next_looks"].items(), key=lambda entry: entry[1])
    )
    console.print(f"Last look {clock_time(status['last_look_at'])} · next {due or NOTHING} · {status['readiness']}")


def _show_rolling(console: "Console", rolling: Sequence[Row]) -> None:
    """Say how far each roll that is under way has come."""
    for row in rolling:
        lacks = "" if Decimal(row["missing"]) == 0 else f", {figure(row['missing'])} apart"
        console.print(
            f"{row['symbol']} goes to {row['to_symbol'] or 'nowhere yet'}: {row['stage']} since"
            f" {clock_time(row['stage_since'])}, {figure(row['opened'])} passed on{lacks}",
            highlight=False,
        )


def _show_rungs(console: "Console", rungs: Sequence[Row]) -> None:
    for row in rungs:
        far = "no move" if row["liquidation_distance_frac"] is None else percent(row["liquidation_distance_frac"])
        told = f"{row['venue']} {row['currency']} wallet: liquidation {far} against every leg away"
        if row["rung"] == "calm":
            console.print(told)
        else:
            style = "bold red" if row["rung"] in ("reduce", "flatten") else "yellow"
            console.print(Text.assemble(f"{told} · ", (row["rung"], style), f" since {clock_time(row['since'])}"))


def _show_risk(console: "Console", risk: Row | None) -> None:
    if risk is not None and risk["sigma_annual"] is not None:
        bets = "" if risk["effective_bets"] is None else f" · {Decimal(risk['effective_bets']):.2f} effective bets"
        console.print(f"Volatility {percent(risk['sigma_annual'])} a year{bets}")


def _show_corrections(console: "Console", corrections: Sequence[Row]) -> None:
    for row in corrections:
        told = f"{row['asset']} is on its way back; it began {percent(row['first_gap'], signed=True)} off"
        if row["tranches_left"]:
            told += f"; {row['tranches_left']} tranches are left, the next from {clock_time(row['next_tranche_at'])}"
        console.print(told)


def _show_steering(console: "Console", status: Row) -> None:
    if status["trading_state"] == "normal":
        return
    hard = "hard " if status["is_hard_halt"] else ""
    why = f" ({status['trading_state_why']})" if status["trading_state_why"] else ""
    console.print(Text.assemble(hard, state_text(status["trading_state"]), f"{why}; 'trimtab resume' ends it"))
    if status["is_flattening"]:
        console.print("Closing all futures; goes on until it is done")


def _show_working(console: "Console", orders: Sequence[Row]) -> None:
    hedges = [order for order in orders if order["purpose"] != "stop"]
    if not hedges:
        return
    table = new_table(
        "Working orders",
        ("Order", "word"),
        ("Symbol", "word"),
        ("Side", "word"),
        ("Contracts", "number"),
        ("Filled", "number"),
        ("State", "text"),
    )
    for row in hedges:
        amounts = figure(row["amount_contracts"]), figure(row["filled_contracts"])
        table.add_row(row["client_order_id"], row["symbol"], row["side"], *amounts, row["state"])
    console.print(table)


def _show_waiting(console: "Console", status: Row) -> None:
    for ceiling in status["ceilings"]:
        until = f" until {clock_time(ceiling['release_at'])}" if ceiling["release_at"] else ""
        console.print(
            f"Ceiling on {ceiling['asset']}: {figure(ceiling['max_delta_base'])} coins{until}; {ceiling['why']}"
        )
    for flow in status["flows"]:
        console.print(
            f"Holdings of {flow['asset']} went from {figure(flow['from_base'])} to {figure(flow['to_base'])}: "
            f"increases wait; 'trimtab confirm-flow {flow['asset']}' says that it was meant"
        )
    for lock in status["locks"]:
        console.print(f"{lock['symbol']} is locked since {clock_time(lock['since'])}: {lock['why']}")


def _show_alerts(console: "Console", alerts: Sequence[Row]) -> None:
    if not alerts:
        console.print("No open alerts")
    for alert in alerts:
        style = "bold red" if alert["severity"] == "critical" else "yellow"
        console.print(
            Text.assemble((alert["severity"], style), f" {alert['sentence']} (since {clock_time(alert['since'])})")
        )
