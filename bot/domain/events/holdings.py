"""What does the owner hold and mean to have?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsAccepted(Fact):
    """The holdings of these assets are what the owner means to have."""

    holdings_base: Mapping[Asset, Decimal]
    #: ``start``, ``drifted`` (small or explained), ``confirmed``, ``declared`` or ``settled``.
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSuspected(Fact):
    """Holdings of an asset changed by more than our own doing explains; increases wait."""

    asset: Asset
    from_base: Decimal
    to_base: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeProfitSettled(Fact):
    """The owner moved money between hedge profit and holdings; + takes it out of V."""

    amount_quote: Decimal
    caller: str
