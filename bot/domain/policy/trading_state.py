"""What may the bot do?"""

from enum import StrEnum


class TradingState(StrEnum):
    """What the bot may do. Two combine to the stricter."""

    NORMAL = "normal"
    #: Only what shrinks a position.
    REDUCE_ONLY = "reduce_only"
    #: No rebalancing; stops, their resizing and protective reductions go on.
    HALTED = "halted"

    @property
    def strictness(self) -> int:
        """0 for normal to 2 for halted."""
        return list(TradingState).index(self)
