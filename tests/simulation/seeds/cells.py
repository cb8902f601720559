"""Which fault has met the bot in which state? The coverage of a simulation."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from bot.domain.books import Books
from bot.domain.orders import OrderState
from bot.domain.policy import MarginRung, TradingState

#: From here on the ladder takes from positions.
_CUTTING = (MarginRung.REDUCE, MarginRung.FLATTEN)


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


def states_of(books: Books, *, has_started: bool, is_unprotected: bool) -> Iterable[State]:
    """Return what the bot is in the middle of, by its own books and by the venue's truth."""
    orders = {order.state for order in books.orders.values()}
    found = {
        State.STARTING: not has_started,
        State.UNPROTECTED: is_unprotected or bool(books.unprotected),
        State.UNKNOWN_ORDER: bool(orders & {OrderState.INTENDED, OrderState.UNKNOWN}),
        State.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED in orders,
        State.ROLLING: bool(books.rolls),
        State.DELEVERAGING: any(rung in _CUTTING for rung, _ in books.margin_rungs.values()),
        State.HALTED: books.trading_state is TradingState.HALTED,
        State.FLATTENING: books.is_flattening,
    }
    return [state for state, holds in found.items() if holds] or [State.PLAIN]


#: (fault, state) → how often.
Cells = Counter[tuple[str, str]]


def table(cells: Cells) -> str:
    """Return the counts as a Markdown table, faults down, states across."""
    kinds = sorted({kind for kind, _ in cells})
    lines = ["| fault | " + " | ".join(State) + " |", "|---" * (len(State) + 1) + "|"]
    lines += [f"| {kind} | " + " | ".join(f"{cells[kind, state]:,}" for state in State) + " |" for kind in kinds]
    return "\n".join(lines)
