"""Why did a backtest look, how did it go back, and how were its orders worked? Counted from journal and exchange."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from bot.adapters.journal.journal import SqlJournal
from bot.domain.events import CorrectionEnded, CorrectionStarted, LookTaken, TrancheTaken
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderIntent, Purpose
from bot.domain.units import ZERO, edge_text
from bot.exchange.exchange import Exchange
from bot.settings import Settings
from bot.settings.human import duration_text


def pace_of(journal: SqlJournal) -> dict[str, Any]:
    """Return the looks by what made them due and by what came of them, and the ways back."""
    looks = [fact for _, fact in journal.facts(kind=LookTaken.__name__) if isinstance(fact, LookTaken)]
    counts = {
        name: sum(1 for _ in journal.facts(kind=kind.__name__))
        for name, kind in (
            ("corrections_started", CorrectionStarted),
            ("corrections_ended", CorrectionEnded),
            ("tranches", TrancheTaken),
        )
    }
    return {
        "looks_by_trigger": dict(sorted(Counter(look.trigger for look in looks).items())),
        "looks_by_outcome": dict(sorted(Counter(str(look.outcome) for look in looks).items())),
        **counts,
    }


def work_of(exchange: Exchange, intents: Mapping[ClientOrderId, OrderIntent]) -> dict[str, Any]:
    """Return how the hedges were sent and filled, and how many profits were taken."""
    hedges = {name: intent for name, intent in intents.items() if intent.purpose is Purpose.HEDGE}
    worth = {True: ZERO, False: ZERO}
    taken = set()
    for trade in exchange.floor.trades:
        intent = intents.get(trade.client_order_id) if trade.client_order_id else None
        if intent is None:
            continue
        if intent.purpose is Purpose.HEDGE:
            contract = exchange.floor.contracts[trade.symbol]
            worth[trade.is_maker] += contract.notional_quote(trade.contracts, trade.price)
        elif intent.purpose is Purpose.TAKE_PROFIT:
            taken.add(trade.client_order_id)
    total = worth[True] + worth[False]
    return {
        "hedges_by_time_in_force": dict(sorted(Counter(str(one.time_in_force) for one in hedges.values()).items())),
        "maker_frac": edge_text(worth[True] / total) if total else None,
        "take_profits": len(taken),
    }


def steering_settings(settings: Settings) -> dict[str, Any]:
    """Return what was configured of cadence, cost gate, style and stops."""
    volatility, dca, gate = settings.volatility, settings.dca, settings.cost_gate
    profit = settings.stop.take_profit
    return {
        "style": settings.execution.style.value,
        "volatility_reference": "off" if volatility.reference is None else edge_text(volatility.reference),
        "dca_tranches": "off" if dca.tranches is None else str(dca.tranches),
        "cost_gate_horizon": "off" if gate.horizon is None else duration_text(gate.horizon),
        "stop_anchor": settings.stop.anchor.value,
        "take_profit": "off" if profit is None else edge_text(profit),
    }
