"""What did passing positions on cost? Roll by roll, from the facts that ended them."""

from typing import Any

from bot.adapters.journal.journal import SqlJournal
from bot.backtest.files import time_text
from bot.domain.events import RollEnded
from bot.domain.units import edge_text


def rolls_of(journal: SqlJournal) -> list[dict[str, Any]]:
    """Return every roll and move of a journal, the earliest first; costs are + when paid, yields + when earned."""
    ended = (fact for _, fact in journal.facts(kind=RollEnded.__name__) if isinstance(fact, RollEnded))
    return [
        {
            "at": time_text(one.at),
            "symbol": one.near,
            "to_symbol": one.far,
            "cause": one.cause.value,
            "passed_on": edge_text(min(one.closed, one.opened)),
            "cost_quote": edge_text(one.difference_quote + one.fees_quote),
            "cost_bps": None if one.cost_bps is None else edge_text(one.cost_bps),
            "yield_annual": None if one.yield_annual is None else edge_text(one.yield_annual),
            "is_missed": one.is_missed,
        }
        for one in ended
    ]
