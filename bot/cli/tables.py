"""How do plan, status and findings look at 100 columns? Documents in, tables out; what scripts read is the JSON."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from bot.domain.findings import Finding

Row = Mapping[str, Any]

_STATE_STYLES = {"normal": "green", "reduce_only": "yellow", "halted": "bold red"}
_LEVEL_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}
NOTHING = "–"


def percent(text: str | None, *, signed: bool = False, places: int = 2) -> str:
    """Write a fraction as a percentage."""
    return NOTHING if text is None else f"{Decimal(text) * 100:{'+' if signed else ''}.{places}f} %"


def money(text: str | None, *, signed: bool = False) -> str:
    """Write US dollars with two places."""
    return NOTHING if text is None else f"{Decimal(text):{'+' if signed else ''},.2f}"


def figure(text: str | None) -> str:
    """Write a price or an amount with at most eight significant digits."""
    if text is None:
        return NOTHING
    number = Decimal(text)
    places = max(0, min(8, 7 - number.adjusted())) if number else 0
    written = f"{number:,.{places}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def liquidation(text: str | None) -> str:
    """Write a liquidation price; a long position that no fall can liquidate has none."""
    return NOTHING if text is None or Decimal(text) == 0 else figure(text)


def clock_time(text: str | None) -> str:
    """Write a moment without its fractions."""
    return NOTHING if text is None else f"{text[:19].replace('T', ' ')} UTC"


def new_table(title: str, *columns: tuple[str, str]) -> Table:
    """Return an empty table; a column is ``number``, ``word`` or ``text``."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        expand=False,
    )
    for heading, kind in columns:
        table.add_column(
            heading,
            justify="right" if kind == "number" else "left",
            no_wrap=kind in {"number", "word"},
            overflow="fold",
        )
    return table


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


def show_findings(console: "Console", findings: "Sequence[Finding]") -> None:
    """Show what was checked."""
    table = new_table("Check", ("", "word"), ("Subject", "word"), ("Finding", "text"))
    for finding in findings:
        said = f"{finding.sentence}\n→ {finding.mend}" if finding.mend else finding.sentence
        table.add_row(Text(finding.level, style=_LEVEL_STYLES[finding.level]), finding.subject, said)
    console.print(table)


def show_backtest(console: "Console", result: Row) -> None:
    """Show a backtest's figures, one a line, as the document names them."""
    table = new_table("Backtest", ("Figure", "word"), ("Value", "text"))
    for key, value in _flat(result):
        table.add_row(key, value)
    console.print(table)


def _flat(document: Row, prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in document.items():
        if isinstance(value, Mapping):
            lines += _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            lines.append((f"{prefix}{key}", "\n".join(_entry(entry) for entry in value) or NOTHING))
        else:
            lines.append((f"{prefix}{key}", _readable(f"{prefix}{key}", value)))
    return lines


def _entry(entry: Any) -> str:
    """Write what a list holds on one line."""
    if not isinstance(entry, Mapping):
        return str(entry)
    return ", ".join(f"{key} {_readable(key, value)}" for key, value in entry.items())


def _readable(key: str, value: Any) -> str:
    """Write a figure by the unit that its name says; scripts have the exact one in the document."""
    if value is None:
        return NOTHING
    if not isinstance(value, str):
        return str(value)
    if "_frac" in key or key.endswith("_annual"):
        return percent(value)
    if "_quote" in key:
        return money(value)
    return f"{Decimal(value):.1f}" if key.endswith(("_bps", "_seconds", "_seconds_max")) else value


def state_text(state: str) -> tuple[str, str]:
    """Return a trading state and its style."""
    return state.replace("_", " "), _STATE_STYLES.get(state, "")


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
