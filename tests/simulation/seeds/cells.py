"""Which fault has met the bot in which state? The coverage of a simulation."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.books import Books
from bot.domain.orders import OrderState, Purpose
from bot.domain.policy import MarginRung, TradingState

#: From here on the ladder acts.
_ACTING = (MarginRung.TRANSFER, MarginRung.CANCEL, MarginRung.REDUCE, MarginRung.FLATTEN)
#: For so long after an order was intended, what it has left behind is being dealt with.
_FRESH = timedelta(seconds=30)


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


def states_of(books: Books, now: datetime, *, has_started: bool, is_unprotected: bool) -> Iterable[State]:
    """Return what the bot is in the middle of, by its own books and by the venue's truth."""
    orders = {order.state for order in books.orders.values()}
    fresh = [order for order in books.orders.values() if now - order.intent.intended_at < _FRESH]
    found = {
        State.STARTING: not has_started,
        State.UNPROTECTED: is_unprotected or bool(books.unprotected),
        State.UNKNOWN_ORDER: bool(orders & {OrderState.INTENDED, OrderState.UNKNOWN}),
        State.PARTIALLY_FILLED: any(0 < order.filled_contracts < order.intent.contracts for order in fresh),
        State.ROLLING: bool(books.rolls),
        State.DELEVERAGING: any(rung in _ACTING for rung, _ in books.margin_rungs.values())
        or bool(books.open_transfers())
        or any(order.intent.purpose is Purpose.DELEVERAGE for order in fresh),
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
