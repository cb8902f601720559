"""What do scripts read about the basis? One row a contract; ``null`` where it is not known, which is not zero."""

from collections.abc import Iterable
from typing import Any

from bot.decisions.basis import BasisLine
from bot.domain.units import edge_text
from bot.engine.documents import optional_text


def basis_entries(lines: Iterable[BasisLine]) -> list[dict[str, Any]]:
    """Return the rows. All are fractions, + above the index."""
    return [
        {
            "venue": line.venue,
            "asset": line.asset,
            "symbol": line.symbol,
            "mark_price": edge_text(line.mark_price),
            "index_price": edge_text(line.index_price),
            "basis": edge_text(line.basis),
            "annual": optional_text(line.annual),
            "mean": optional_text(line.mean),
            "z_score": optional_text(line.z_score),
            "days_to_expiry": optional_text(line.days_to_expiry),
            "alert_frac": edge_text(line.alert_frac),
            "block_frac": edge_text(line.block_frac),
            "is_wide": line.is_wide,
            "is_blocked": line.is_blocked,
        }
        for line in lines
    ]
