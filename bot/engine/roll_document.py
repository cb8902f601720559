"""What do scripts read about rolls and the choice of contract? ``null`` where it is not known, which is not zero."""

from collections.abc import Iterable
from typing import Any

from bot.domain.books import Books
from bot.domain.plan import HoldingCost, RollLine
from bot.domain.units import decimal_text, edge_text
from bot.engine.documents import optional_text, optional_time, time_text


def roll_entries(lines: Iterable[RollLine]) -> list[dict[str, Any]]:
    """Return the positions that will leave their contract. Costs are + when paid, a yield is + when earned."""
    return [
        {
            "venue": line.venue,
            "asset": line.asset,
            "symbol": line.near,
            "to_symbol": line.far,
            "amount_contracts": decimal_text(line.contracts),
            "expires_at": optional_time(line.expires_at),
            "cause": line.cause.value,
            "stage": line.stage.value,
            "next_stage": None if line.next_stage is None else line.next_stage.value,
            "next_stage_at": optional_time(line.next_stage_at),
            "expected_cost_quote": optional_text(line.expected_cost_quote),
            "expected_cost_bps": optional_text(line.expected_cost_bps),
            "yield_annual": optional_text(line.yield_annual),
        }
        for line in lines
    ]


def rolling_entries(books: Books) -> list[dict[str, Any]]:
    """Return the rolls that are under way. Amounts are base coins (linear) or quote currency (inverse), signed."""
    return [
        {
            "venue": roll.venue,
            "asset": roll.asset,
            "symbol": roll.near,
            "to_symbol": roll.far,
            "cause": roll.cause.value,
            "stage": roll.stage.value,
            "stage_since": time_text(roll.stage_since),
            "closed": decimal_text(roll.closed),
            "opened": decimal_text(roll.opened),
            "folded": decimal_text(roll.folded),
            "missing": decimal_text(roll.missing),
        }
        for roll in books.rolls.values()
    ]


def holding_cost_entries(costs: Iterable[HoldingCost]) -> list[dict[str, Any]]:
    """Return the contracts that were compared. Costs are fractions of notional, + when paid."""
    return [
        {
            "asset": one.instrument.asset,
            "venue": one.instrument.venue,
            "symbol": one.instrument.symbol,
            "kind": one.instrument.kind.value,
            "tenor": one.instrument.tenor.value,
            "expires_at": optional_time(one.instrument.expires_at),
            "side": "long" if one.side > 0 else "short",
            "carry_annual": optional_text(one.carry_annual),
            "upkeep_annual": edge_text(one.upkeep_annual),
            "total_annual": optional_text(one.total_annual),
            "entry_frac": edge_text(one.entry_frac),
            "depth_quote": edge_text(one.depth_quote),
            "is_held": one.is_held,
            "is_chosen": one.is_chosen,
        }
        for one in costs
    ]
