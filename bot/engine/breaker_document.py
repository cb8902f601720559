"""What do scripts read about the breaker? What was lost by each measure, beside what may be; ``null`` is not known."""

from typing import Any

from bot.decisions.breaker import read_losses
from bot.domain.events import BreakerTripped
from bot.domain.overlay import OverlayRecord
from bot.domain.policy import BreakerPolicy
from bot.domain.units import edge_text
from bot.engine.documents import time_text


def breaker_entry(record: OverlayRecord, policy: BreakerPolicy) -> dict[str, Any] | None:
    """Return what was measured last; None before the first measurement. Fractions of V, + is loss."""
    if record.last is None:
        return None
    return {
        "measured_at": time_text(record.last.at),
        "losses": [
            {
                "measure": one.measure.value,
                "loss_frac": edge_text(one.loss_frac),
                "limit_frac": edge_text(one.limit_frac),
            }
            for one in read_losses(record, policy)
        ],
        "unpriced": list(record.last.unpriced),
        "tripped": None if record.tripped is None else trip_entry(record.tripped),
    }


def trip_entry(tripped: BreakerTripped) -> dict[str, Any]:
    """Return why and when it tripped."""
    return {
        "at": time_text(tripped.at),
        "measure": tripped.measure.value,
        "loss_frac": edge_text(tripped.loss_frac),
        "limit_frac": edge_text(tripped.limit_frac),
        "why": tripped.why,
    }
