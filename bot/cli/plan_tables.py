"""What does a plan look like at 100 columns?"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from bot.cli.tables import (
    show_assets,
    show_breaker,
    show_funding,
    show_head,
    show_margin,
    show_notes,
    show_positions,
    show_refusals,
    show_rolls,
)
from bot.cli.written import Row, figure, liquidation, money, new_table, percent

if TYPE_CHECKING:
    from rich.console import Console


def show_plan(console: "Console", plan: Row) -> None:
    """Show what one look would do."""
    show_head(console, plan, "Plan", plan["at"])
    show_assets(console, plan["assets"])
    _show_orders(console, "Protective reductions", plan.get("reductions", ()))
    _show_orders(console, "Orders", plan["orders"], empty="No orders.")
    _show_stops(console, plan["stops"])
    _show_entry_stops(console, plan.get("entry_stops", ()))
    show_margin(console, plan["margin"])
    show_funding(console, plan.get("funding", ()))
    show_breaker(console, plan.get("breaker"))
    show_rolls(console, plan["rolls"])
    show_refusals(console, plan["refusals"])
    show_notes(console, plan)


def _show_orders(console: "Console", title: str, orders: Sequence[Row], empty: str = "") -> None:
    if not orders:
        if empty:
            console.print(empty)
        return
    table = new_table(
        title,
        ("Side", "word"),
        ("Symbol", "word"),
        ("Contracts", "number"),
        ("Notional USD", "number"),
        ("Limit", "number"),
        ("Cost bp", "number"),
        ("Why", "text"),
    )
    for row in orders:
        table.add_row(
            row["side"] + (" (reduce)" if row["reduce_only"] else ""),
            row["symbol"],
            figure(row["amount_contracts"]),
            money(row["notional_quote"]),
            figure(row["limit_price"]),
            f"{Decimal(row['expected_cost_bps']):.1f}",
            row.get("why") or row["reason"],
        )
    console.print(table)


def _show_stops(console: "Console", stops: Sequence[Row]) -> None:
    if not stops:
        return
    table = new_table(
        "Stops of the present positions",
        ("Side", "word"),
        ("Symbol", "word"),
        ("Contracts", "number"),
        ("Trigger (mark)", "number"),
        ("Mark", "number"),
        ("Liquidation", "number"),
    )
    for row in stops:
        table.add_row(
            row["side"],
            row["symbol"],
            figure(row["amount_contracts"]),
            figure(row["trigger_price"]),
            figure(row.get("mark_price")),
            liquidation(row["liquidation_price"]),
        )
    console.print(table)


def _show_entry_stops(console: "Console", records: Sequence[Row]) -> None:
    """Show how often stops that are anchored to entry would have fired, for whoever takes them for signals."""
    for one in records:
        console.print(
            f"A stop {percent(one['distance_frac'])} from entry would have fired on {one['asset']}:"
            f" {one['long_fired']} × on a long, {one['short_fired']} × on a short, in {one['history_days']} days."
        )


def show_closing(console: "Console", positions: Sequence[Row], *, left_alone: Sequence[str]) -> None:
    """Show what a flatten closes."""
    show_positions(console, positions)
    if left_alone:
        console.print(f"Left alone, because they are reserved: {', '.join(left_alone)}")


def show_clearing(console: "Console", resume: Row) -> None:
    """Show what a return to normal puts aside, and what it does not."""
    for sentence in resume["clears"] or ["nothing: all is normal already"]:
        console.print(f"Resuming clears {sentence}")
    for sentence in resume["keeps"]:
        console.print(f"It keeps {sentence}")
