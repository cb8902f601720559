"""What is a roll? The passing of a position from one contract into another, so that the hedge outlives its contract.

Amounts here are in the units that a contract is sized in: base coins (linear) or quote currency (inverse); signed like
a position. What is to come out even is ``carried + closed + folded = opened``.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.orders import Fill
from bot.domain.units import ZERO


class RollStage(StrEnum):
    """How pressing it is."""

    #: Nothing is done yet.
    HOLD = "hold"
    #: Decreases use the near contract, increases the far one.
    PASSIVE = "passive"
    #: The position is passed on, at a price that is bounded; the asset is not rebalanced meanwhile.
    SPREAD = "spread"
    #: The position is passed on at what the books give.
    OUTRIGHT = "outright"

    @property
    def is_moving(self) -> bool:
        """True when the position is being passed on and its asset is locked."""
        return self in (RollStage.SPREAD, RollStage.OUTRIGHT)


class RollCause(StrEnum):
    """Why a position moves."""

    #: Its contract ends.
    EXPIRY = "expiry"
    #: Another contract costs less to hold.
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """One position on its way from ``near`` to ``far``, and how far it has come."""

    venue: VenueId
    asset: Asset
    near: Symbol
    #: None while no contract is known that could take it.
    far: Symbol | None
    near_size: Decimal
    far_size: Decimal
    cause: RollCause
    stage: RollStage
    #: When it began, and when it reached its stage.
    begun_at: datetime
    stage_since: datetime
    #: What an earlier roll of the position has left open: it was taken out of the near contract and put nowhere.
    carried: Decimal = ZERO
    #: Amounts that were taken out of the near contract and put into the far one by orders of this roll.
    closed: Decimal = ZERO
    opened: Decimal = ZERO
    #: What looks have asked for besides: the far leg ends up with this much more.
    folded: Decimal = ZERO
    #: Of what the far leg lacks, what looks have asked for; the rest was taken out of the near one.
    asked: Decimal = ZERO
    #: Since when near and far are not even; None while they are.
    uneven_since: datetime | None = None
    #: Σ contracts × size × price of both legs' trades, in quote currency, signed like the amounts: what was traded
    #: there and back leaves what it cost.
    closed_value: Decimal = ZERO
    opened_value: Decimal = ZERO
    #: Fees of both legs, in the settlement currency.
    fees: Decimal = ZERO

    @property
    def missing(self) -> Decimal:
        """What the far leg lacks; of the other sign when it has too much."""
        return self.carried + self.closed + self.folded - self.opened

    def with_closed(self, fill: Fill) -> "Roll":
        """Return it with a trade of the near leg."""
        amount = fill.contracts * self.near_size
        return self._evened(
            replace(
                self,
                closed=self.closed - amount * fill.side.sign,
                closed_value=self.closed_value - amount * fill.side.sign * fill.price,
                fees=self.fees + fill.fee_paid,
            ),
            fill.filled_at,
        )

    def with_opened(self, fill: Fill) -> "Roll":
        """Return it with a trade of the far leg."""
        amount = fill.contracts * self.far_size
        return self._evened(
            replace(
                self,
                opened=self.opened + amount * fill.side.sign,
                opened_value=self.opened_value + amount * fill.side.sign * fill.price,
                fees=self.fees + fill.fee_paid,
            ),
            fill.filled_at,
        )

    def with_folded(self, folded: Decimal, at: datetime) -> "Roll":
        """Return it with what looks have asked for so far."""
        return self._evened(replace(self, folded=folded, asked=self.asked + folded - self.folded), at)

    @staticmethod
    def _evened(changed: "Roll", at: datetime) -> "Roll":
        since = None if changed.missing == 0 else changed.uneven_since or at
        return replace(changed, uneven_since=since, asked=_part_of(changed.missing, changed.asked))


def _part_of(whole: Decimal, part: Decimal) -> Decimal:
    """Return a part of a signed amount: never more than all of it, and none of the other sign."""
    if whole < 0:
        return max(whole, min(part, ZERO))
    return min(whole, max(part, ZERO))
