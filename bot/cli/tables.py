"""What do plan and status show alike? Documents in, tables out; what scripts read is the JSON."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.text import Text

from bot.cli.written import NOTHING, Row, clock_time, figure, liquidation, money, new_table, percent, state_text

if TYPE_CHECKING:
    from rich.console import Console


def show_head(console: "Console", document: Row, word: str, at: str) -> None:
    """Show what it is, of when, and how much it is about."""
    console.print(
        Text.assemble(
            (f"{word} ", "bold"),
            f"{clock_time(at)} · {document['mode']} · scope {document['scope']} · ",
            state_text(document["trading_state"]),
        )
    )
    short = document["capacity_short_quote"]
    line = Text(f"Portfolio value {money(document['portfolio_value_quote'])} USD")
    if short is not None and Decimal(short) > 0:
        line.append(f" · needs {money(short)} USD more collateral to hold the targets", style="yellow")
    elif short is not None:
        line.append(" · collateral carries the whole plan")
    console.print(line)


def show_assets(console: "Console", assets: Sequence[Row]) -> None:
    """Show each asset's weight, and what is done about it."""
    if not assets:
        console.print("No look has been taken yet.")
        return
    table = new_table(
        "Assets",
        ("Asset", "word"),
        ("Index", "number"),
        ("Net USD", "number"),
        ("Weight", "number"),
        ("Target", "number"),
        ("Gap", "number"),
        ("Band ±", "number"),
        ("Need USD", "number"),
        ("Action, or why not", "text"),
    )
    for row in assets:
        table.add_row(
            row["asset"],
            figure(row["index_price"]),
            money(row["exposure_quote"]),
            percent(row["weight"]),
            percent(row["target_weight"]),
            Text(percent(row["gap"], signed=True), style="yellow" if row["is_outside_band"] else ""),
            percent(row["band"]),
            money(row["hedge_need_quote"], signed=True),
            row["reason"],
        )
    console.print(table)


def show_positions(console: "Console", positions: Sequence[Row]) -> None:
    """Show the open positions and their stops."""
    if not positions:
        console.print("No positions.")
        return
    table = new_table(
        "Positions",
        ("Symbol", "word"),
        ("Side", "word"),
        ("Contracts", "number"),
        ("Notional USD", "number"),
        ("Mark", "number"),
        ("Liquidation", "number"),
        ("Stop (mark)", "text"),
    )
    for row in positions:
        triggers = ", ".join(figure(stop["trigger_price"]) for stop in row["stops"])
        stop = Text(triggers or "none")
        if not row["is_protected"]:
            stop.append(" UNPROTECTED", style="bold red")
        table.add_row(
            row["symbol"],
            row["side"],
            figure(row["amount_contracts"]),
            money(row["notional_quote"]),
            figure(row["mark_price"]),
            liquidation(row["liquidation_price"]),
            stop,
        )
    console.print(table)


def show_margin(console: "Console", margins: Sequence[Row]) -> None:
    """Show each wallet's margin."""
    if not margins:
        return
    table = new_table(
        "Margin",
        ("Venue", "word"),
        ("Wallet", "word"),
        ("Balance", "number"),
        ("Maintenance", "number"),
        ("Usage", "number"),
        ("Leverage after", "number"),
        ("Left after stress", "number"),
    )
    for row in margins:
        leverage = row["leverage_after"]
        table.add_row(
            row["venue"],
            row["wallet"].replace("_", " "),
            f"{money(row['margin_balance'])} {row['currency']}",
            money(row["maintenance_margin"]),
            percent(row["usage_frac"]),
            NOTHING if leverage is None else f"{Decimal(leverage):.2f}",
            money(row["stress_surplus"]),
        )
    console.print(table)


def show_basis(console: "Console", basis: Sequence[Row]) -> None:
    """Show how far contracts stand from the spot price; those that are blocked in red."""
    if not basis:
        return
    table = new_table(
        "Basis (+ above the index)",
        ("Symbol", "word"),
        ("Mark", "number"),
        ("Index", "number"),
        ("Basis", "number"),
        ("A year", "number"),
        ("Its week", "number"),
        ("z", "number"),
        ("", "text"),
    )
    for row in basis:
        told = "blocked" if row["is_blocked"] else "wide" if row["is_wide"] else ""
        table.add_row(
            row["symbol"],
            figure(row["mark_price"]),
            figure(row["index_price"]),
            percent(row["basis"], signed=True),
            percent(row["annual"], signed=True),
            percent(row["mean"], signed=True),
            NOTHING if row["z_score"] is None else f"{Decimal(row['z_score']):+.1f}",
            Text(told, style="bold red" if row["is_blocked"] else "yellow"),
        )
    console.print(table)


def show_rolls(console: "Console", rolls: Sequence[Row]) -> None:
    """Show which positions will leave their contract, when, and what that is expected to cost."""
    if not rolls:
        return
    table = new_table(
        "Rolls (cost + is paid)",
        ("Symbol, and where to", "word"),
        ("Contracts", "number"),
        ("Stage, UTC", "word"),
        ("Cost USD", "number"),
        ("bp", "number"),
        ("Yield a year", "number"),
    )
    for row in rolls:
        bps = row["expected_cost_bps"]
        to = Text(f"→ {row['to_symbol']}") if row["to_symbol"] else Text("nowhere yet", style="yellow")
        stages = [row["stage"]]
        if row["next_stage"] is not None:
            stages.append(f"{row['next_stage']} {_to_the_minute(row['next_stage_at'])}")
        if row["expires_at"] is not None:
            stages.append(f"expires {_to_the_minute(row['expires_at'])}")
        table.add_row(
            Text(f"{row['symbol']}\n") + to,
            figure(row["amount_contracts"]),
            "\n".join(stages),
            money(row["expected_cost_quote"], signed=True),
            NOTHING if bps is None else f"{Decimal(bps):+.1f}",
            percent(row["yield_annual"], signed=True),
        )
    console.print(table)


def _to_the_minute(text: str) -> str:
    return text[:16].replace("T", " ")


def show_funding(console: "Console", funding: Sequence[Row]) -> None:
    """Show what each leg's funding costs; what is not known is a dash."""
    if not funding:
        return
    table = new_table(
        "Funding (USD; cost a year, + is paid)",
        ("Symbol", "word"),
        ("Next, UTC", "word"),
        ("Forecast", "number"),
        ("Brings", "number"),
        ("Day", "number"),
        ("Week", "number"),
        ("Open", "number"),
        ("Earned", "number"),
        ("", "word"),
    )
    for row in funding:
        rate = row["forecast_rate"]
        style = {"unknown": "yellow"}.get(row["state"], "")
        table.add_row(
            row["symbol"],
            NOTHING if rate is None else f"{row['next_at'][11:16]}, {row['interval_hours']} h",
            NOTHING if rate is None else f"{Decimal(rate) * 100:+.4f} %",
            money(row["forecast_quote"], signed=True),
            percent(row["day_annual"], signed=True, places=1),
            percent(row["week_annual"], signed=True, places=1),
            percent(row["since_open_annual"], signed=True, places=1),
            money(row["earned_quote"]),
            # What is settled goes without saying.
            Text("" if row["state"] == "settled" else row["state"], style=style),
        )
    console.print(table)


def show_breaker(console: "Console", breaker: Row | None) -> None:
    """Say in a line what was lost beside what may be, and why the breaker has tripped."""
    if breaker is None:
        return
    words = {"day": "a day", "drawdown": "drawdown", "cost": "costs of 30 days"}
    lost = " · ".join(
        f"{words[row['measure']]} {percent(row['loss_frac'])} of {percent(row['limit_frac'])}"
        for row in breaker["losses"]
    )
    console.print(f"Lost: {lost}", highlight=False)
    if breaker["tripped"] is not None:
        console.print(Text.assemble(("Breaker", "bold red"), f" tripped {clock_time(breaker['tripped']['at'])}"))
    if breaker["unpriced"]:
        console.print(f"Not counted, for want of a price: costs in {', '.join(breaker['unpriced'])}", highlight=False)


def show_refusals(console: "Console", refusals: Sequence[Row]) -> None:
    """Show what is not done, and why."""
    if not refusals:
        return
    table = new_table("Not done", ("Asset", "word"), ("Rule", "word"), ("Reason", "text"))
    for row in refusals:
        table.add_row(row["asset"], row["rule"].replace("_", " "), row["reason"])
    console.print(table)


def show_notes(console: "Console", document: Row) -> None:
    """Show what wants the owner's eye."""
    for warning in document.get("warnings", ()):
        console.print(Text.assemble(("warning ", "yellow"), warning))
    if document.get("ignored"):
        console.print(f"Outside the portfolio: {', '.join(document['ignored'])}")
