"""What did the process do? It took the journal, looked, and ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset, CycleId


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOpened(Fact):
    """A journal was created or restored and got a new epoch."""

    epoch: str
    #: ``created`` or ``restored``.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStarted(Fact):
    """A process took the journal."""

    version: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStopped(Fact):
    """The process ended and could still say so."""

    reason: str
    #: False when something broke: such an end counts like a crash.
    is_orderly: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTaken(Fact):
    """One decide-and-act pass ended."""

    cycle_id: CycleId
    #: What made it due: ``start``, ``calendar``, ``volatility``, ``tranche``, ``move``, ``expiry`` or ``command``.
    trigger: str
    #: ``in_band``, ``traded``, ``refused`` or ``skipped``.
    outcome: str
    #: The numbers it was decided on, as JSON text; empty when nothing was decided.
    document: str = ""
    #: Index price per asset, from which the large-move trigger measures.
    index_prices: Mapping[Asset, Decimal]
