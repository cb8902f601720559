"""Which fault has met the bot in which state? The coverage of a simulation."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice, takewhile

from bot.domain.books import Books
from bot.domain.orders import Order, OrderState, Purpose
from bot.domain.policy import MarginRung, TradingState

#: From here on the ladder acts.
_ACTING = (MarginRung.TRANSFER, MarginRung.CANCEL, MarginRung.REDUCE, MarginRung.FLATTEN)
#: For so long after an order was intended, what it has left behind is being dealt with.
_FRESH = timedelta(seconds=30)
#: No more are sent in that time.
_NEWEST = 40
_UNKNOWN = frozenset({OrderState.INTENDED, OrderState.UNKNOWN})


class State(StrEnum):
    """What the bot may be in the middle of. It can be in several at once."""

    STARTING = "starting"
    UNPROTECTED = "unprotected"
    UNKNOWN_ORDER = "unknown order"
    PARTIALLY_FILLED = "partially filled"
    ROLLING = "rolling"
    DELEVERAGING = "deleveraging"
    HALTED = "halted"
    FLATTENING = "flattening"
    #: None of these.
    PLAIN = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the bot's own books say at a moment, and what is true of it."""

    books: Books
    now: datetime
    has_started: bool
    is_unprotected: bool

    def is_in(self, state: State) -> bool:
        """Return whether the bot is in the middle of something."""
        return _TELLS[state](self)

    @property
    def states(self) -> list[State]:
        """Everything that the bot is in the middle of."""
        return [state for state, tells in _TELLS.items() if tells(self)] or [State.PLAIN]

    @property
    def _newest(self) -> list[Order]:
        newest = islice(reversed(self.books.orders.values()), _NEWEST)
        return list(takewhile(lambda order: self.now - order.intent.intended_at < _FRESH, newest))

    @property
    def _has_unknown_order(self) -> bool:
        return any(order.state in _UNKNOWN for order in self.books.working_orders())

    @property
    def _has_partial_fill(self) -> bool:
        return any(0 < order.filled_contracts < order.intent.contracts for order in self._newest)

    @property
    def _is_deleveraging(self) -> bool:
        return (
            any(rung in _ACTING for rung, _ in self.books.margin_rungs.values())
            or bool(self.books.open_transfers())
            or any(order.intent.purpose is Purpose.DELEVERAGE for order in self._newest)
        )


_TELLS: Mapping[State, Callable[[Situation], bool]] = {
    State.STARTING: lambda one: not one.has_started,
    State.UNPROTECTED: lambda one: one.is_unprotected or bool(one.books.unprotected),
    State.UNKNOWN_ORDER: lambda one: one._has_unknown_order,
    State.PARTIALLY_FILLED: lambda one: one._has_partial_fill,
    State.ROLLING: lambda one: bool(one.books.rolls),
    State.DELEVERAGING: lambda one: one._is_deleveraging,
    State.HALTED: lambda one: one.books.trading_state is TradingState.HALTED,
    State.FLATTENING: lambda one: one.books.is_flattening,
}


#: No more cells are named in a sentence.
_NAMED = 30
#: (fault, state) → how often.
Cells = Counter[tuple[str, str]]
#: What cannot be, and why.
_NEVER: Mapping[tuple[str, State], str] = {
    ("funding omitted", State.STARTING): "a start asks for no payments",
    ("restarted", State.STARTING): "what has not started yet is killed, not ended in good order",
}


def cells_that_matter(kinds: Iterable[str]) -> list[tuple[str, State]]:
    """Return every fault with everything that the bot can be in the middle of."""
    states = [state for state in State if state is not State.PLAIN]
    return [(kind, state) for kind in sorted(kinds) for state in states if (kind, state) not in _NEVER]


def rare(cells: Cells, kinds: Iterable[str], least: int) -> str:
    """Return a sentence about the cells that matter, and those met less often than ``least``."""
    matter = cells_that_matter(kinds)
    found = sorted((cells[cell], *cell) for cell in matter if cells[cell] < least)
    listed = "; ".join(f"{kind}/{state} {count}" for count, kind, state in found[:_NAMED])
    listed += f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"{len(matter) - len(found)} of {len(matter)} cells were met at least {least} times" + (
        f"; less often: {listed}" if found else ""
    )


def table(cells: Cells) -> str:
    """Return the counts as a Markdown table, faults down, states across."""
    kinds = sorted({kind for kind, _ in cells})
    lines = ["| fault | " + " | ".join(State) + " |", "|---" * (len(State) + 1) + "|"]
    lines += [f"| {kind} | " + " | ".join(f"{cells[kind, state]:,}" for state in State) + " |" for kind in kinds]
    return "\n".join(lines)
