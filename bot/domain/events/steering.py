"""What did the owner ask for, or somebody in the owner's name?"""

from dataclasses import dataclass

from bot.domain.events.fact import Fact
from bot.domain.policy import TradingState


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGiven(Fact):
    """An owner's command was taken."""

    command: str
    caller: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingStateSet(Fact):
    """Somebody or something changed what the bot may do."""

    state: TradingState
    #: Who asked: ``owner``, ``bot`` or a caller's address.
    caller: str
    why: str
    #: With ``halted``: protection rests too; the stops that are at the venue stay there.
    is_hard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenStarted(Fact):
    """The owner wants all futures closed; goes on after a restart until it is done."""

    caller: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenEnded(Fact):
    """Every futures position of ours is closed and its stops are gone, or the owner called it off."""

    why: str
