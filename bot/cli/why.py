"""What stands behind a plan: risk and its shares, what each asset's numbers come from, when the next look is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.table import Table

from bot.cli.tables import show_basis
from bot.cli.written import clock_time, money, percent
from bot.domain.units import decimal_text

if TYPE_CHECKING:
    from rich.console import Console

Row = Mapping[str, Any]
_NOTHING = "–"


def show_why(console: "Console", document: Row) -> None:
    """Print what ``plan --why`` adds."""
    _show_needs(console, document)
    show_basis(console, document.get("basis", ()))
    _show_contracts(console, document["contracts"])
    _show_risk(console, document["risk"])
    for key, word in (
        ("next_paced_at", "Volatility makes the next look due"),
        ("next_tranche_at", "The next tranche is due"),
    ):
        if document[key] is not None:
            console.print(f"{word} at {clock_time(document[key])}.")


def _show_needs(console: "Console", document: Row) -> None:
    """Say how each need comes about, in words."""
    for row in document["assets"]:
        need = Decimal(row["hedge_need_quote"])
        held, hedged = Decimal(row["holding_base"]), Decimal(row["futures_delta_base"])
        console.print(
            f"{row['asset']}: {decimal_text(held)} held{_pledged(row)} and {decimal_text(hedged)} in futures at"
            f" {money(row['index_price'])} are {money(row['exposure_quote'])} USD, {percent(row['weight'])} of"
            f" {money(document['portfolio_value_quote'])}; {percent(row['gap'], signed=True)} off its"
            f" {percent(row['target_weight'])}, {'outside' if row['is_outside_band'] else 'inside'} its band of"
            f" ±{percent(row['band'])}"
            + (f"; to {'buy' if need > 0 else 'sell'}: {money(str(abs(need)))} USD" if need else "")
            + f". {row['reason'][:1].upper()}{row['reason'][1:]}.",
            highlight=False,
        )


def _pledged(row: Row) -> str:
    pledged = Decimal(row["coins_pledged"])
    return f" ({decimal_text(pledged)} of it pledged as collateral)" if pledged else ""


def _show_contracts(console: "Console", contracts: list[Row]) -> None:
    """Compare what could hold each hedge."""
    if not contracts:
        return
    table = Table(title="Contracts (cost a year, + is paid)", title_justify="left", title_style="bold", box=None)
    words = ("Asset", "Hedge", "Symbol", "")
    for name in ("Asset", "Hedge", "Symbol", "Funding\nor basis", "Rolls", "Together", "In or out", "Book, USD", ""):
        table.add_column(name, justify="left" if name in words else "right", no_wrap=name == "Symbol")
    for row in contracts:
        said = ["held"] if row["is_held"] else []
        said += ["chosen"] if row["is_chosen"] else []
        table.add_row(
            row["asset"],
            row["side"],
            row["symbol"],
            percent(row["carry_annual"], signed=True),
            percent(row["upkeep_annual"]),
            percent(row["total_annual"], signed=True),
            f"{Decimal(row['entry_frac']) * 10_000:.1f} bp",
            f"{Decimal(row['depth_quote']):,.0f}",
            ", ".join(said),
        )
    console.print(table)


def _show_risk(console: "Console", risk: Row | None) -> None:
    if risk is None or risk["sigma_annual"] is None:
        console.print("How the assets move together is not known: their common history is too short.")
        return
    table = Table(title="Risk", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in ("Asset", "Share of risk", "At the targets"):
        table.add_column(name, justify="left" if name == "Asset" else "right")
    shares, targets = risk["shares"] or {}, risk["target_shares"] or {}
    for asset in targets or shares:
        table.add_row(asset, _share(shares.get(asset)), _share(targets.get(asset)))
    table.add_row("volatility a year", percent(risk["sigma_annual"]), _share(risk["sigma_target_annual"]))
    table.add_row("effective bets", _number(risk["effective_bets"]), _number(risk["target_effective_bets"]))
    console.print(table)
    for pair in risk["correlated_pairs"]:
        first, second = pair["assets"]
        console.print(f"{first} and {second} are nearly one bet: correlation {_number(pair['correlation'])}.")
    if risk["missing"]:
        console.print(f"Without a usable history: {', '.join(risk['missing'])}.")


def _share(text: str | None) -> str:
    return _NOTHING if text is None else percent(text)


def _number(text: str | None) -> str:
    return _NOTHING if text is None else f"{Decimal(text):.2f}"
