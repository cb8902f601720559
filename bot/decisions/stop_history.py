"""How often would a stop at this distance from entry have fired in the history at hand?

For an owner who thinks of stops as signals: entry-anchored ones fire on what a hedge is for, and each time the hedge
has to be opened again.
"""

from decimal import Decimal

from bot.domain.market import PriceHistory
from bot.domain.units import ONE


def entry_stops_fired(history: PriceHistory, direction: int, distance_frac: Decimal) -> int:
    """Return how many daily closes would have stopped a position out, entered anew at each of them.

    ``direction`` is +1 for a long; ``distance_frac`` is the stop's distance from entry as a share of it.
    """
    fired = 0
    entry: Decimal | None = None
    for close in history.closes:
        if entry is None:
            entry = close
        elif (ONE - close / entry) * direction >= distance_frac:
            fired += 1
            entry = close
    return fired
