"""How were positions protected? Stops, and the ceilings that protective reductions leave."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset, ClientOrderId, Symbol, VenueId


@dataclass(frozen=True, slots=True, kw_only=True)
class LegUnprotected(Fact):
    """A position was found without a stop of its size."""

    venue: VenueId
    symbol: Symbol
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LegProtected(Fact):
    """The position has its stop again, read back from the venue."""

    venue: VenueId
    symbol: Symbol


@dataclass(frozen=True, slots=True, kw_only=True)
class StopFired(Fact):
    """A resting stop traded: the exposure that the leg hedged is open again."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    client_order_id: ClientOrderId
    contracts: Decimal
    #: Key of the trade that it was learned from.
    source: str

    @property
    def dedup_key(self) -> str | None:
        """One per trade."""
        return f"stop_fired/{self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingSet(Fact):
    """A protective reduction bounded |delta| of an asset; the lowest of several wins."""

    asset: Asset
    #: ``stop_out``, ``take_profit``, ``forced``, ``stop_floor``, ``unprotected``, ``margin``, ``funding`` or
    #: ``breaker``.
    cause: str
    max_delta_base: Decimal
    #: Released at this time; None when another condition releases it.
    release_at: datetime | None
    why: str
    #: What set it, when it must not be set twice for the same thing: a trade's key, for example.
    source: str = ""

    @property
    def dedup_key(self) -> str | None:
        """Asset, cause and source; none without a source."""
        return f"ceiling/{self.asset}/{self.cause}/{self.source}" if self.source else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingReleased(Fact):
    """A ceiling ended."""

    asset: Asset
    cause: str
    why: str
