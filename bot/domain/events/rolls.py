"""How did a position move from one contract to the next?"""

from dataclasses import dataclass
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.rolls import RollCause, RollStage


@dataclass(frozen=True, slots=True, kw_only=True)
class RollMoved(Fact):
    """A roll began, or reached another stage."""

    venue: VenueId
    asset: Asset
    near: Symbol
    far: Symbol | None
    #: Base coins (linear) or quote currency (inverse) of one contract.
    near_size: Decimal
    far_size: Decimal
    cause: RollCause
    stage: RollStage
    why: str
    #: With the beginning: what an earlier roll of the position has left open.
    carried: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollFolded(Fact):
    """A look needs the asset of a roll to be hedged otherwise: its far leg is made to fit."""

    venue: VenueId
    near: Symbol
    #: What the far leg is to have more than was taken out of the near one, all looks together; signed amount.
    folded: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RollEnded(Fact):
    """A roll is over: the near contract holds nothing any more."""

    venue: VenueId
    asset: Asset
    near: Symbol
    far: Symbol | None
    cause: RollCause
    why: str
    #: True when the contract expired with something in it.
    is_missed: bool
    #: Amounts that were passed on, unsigned.
    closed: Decimal
    opened: Decimal
    #: Paid − received for passing on what both legs have in common, without fees, and the fees; + is a cost. In quote
    #: currency; those of coin-settled contracts at the far contract's price.
    difference_quote: Decimal
    fees_quote: Decimal
    #: Both as a share of what was passed on.
    cost_bps: Decimal | None
    #: What the far contract's premium over the near one brings the hedge in a year; − is a cost. None without a
    #: second expiry to count to.
    yield_annual: Decimal | None
