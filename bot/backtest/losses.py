"""How near did the loss breaker come, and did it trip? Folded once more from the journal's facts."""

import heapq
from typing import Any

from bot.adapters.journal.journal import SqlJournal
from bot.decisions.breaker import read_losses
from bot.domain.events import BreakerTripped, OverlayMeasured, TradingStateSet
from bot.domain.overlay import OverlayRecord, fold_measurement, fold_resume, fold_trip
from bot.domain.policy import BreakerPolicy, LossMeasure, TradingState
from bot.domain.units import ZERO, edge_text
from bot.engine.breaker_document import trip_entry


def losses_of(journal: SqlJournal, policy: BreakerPolicy) -> dict[str, Any]:
    """Return the largest loss by each measure, as a fraction of V, and every trip."""
    record, trips = OverlayRecord(), []
    largest = dict.fromkeys(LossMeasure, ZERO)
    kinds = (OverlayMeasured, BreakerTripped, TradingStateSet)
    recorded = heapq.merge(*(journal.facts(kind=kind.__name__) for kind in kinds), key=lambda entry: entry[0])
    for _, fact in recorded:
        if isinstance(fact, OverlayMeasured):
            fold_measurement(record, fact)
            for one in read_losses(record, policy):
                largest[one.measure] = max(largest[one.measure], one.loss_frac)
        elif isinstance(fact, BreakerTripped):
            fold_trip(record, fact)
            trips.append(trip_entry(fact))
        elif isinstance(fact, TradingStateSet) and fact.state is TradingState.NORMAL:
            fold_resume(record)
    return {
        "max_loss_frac": {measure.value: edge_text(loss) for measure, loss in largest.items()},
        "trips": trips,
    }
