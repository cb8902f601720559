"""What does a return to normal put aside, and what does it leave as it is?"""

from collections.abc import Mapping
from typing import Any

from bot.domain.books import Books
from bot.domain.policy import TradingState

RESUME_SCHEMA = "trimtab.resume/1"
_STATES = {TradingState.HALTED: "halted", TradingState.REDUCE_ONLY: "reduce only"}


def resume_document(books: Books, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``trimtab.resume/1``; ``plan`` is what a look in normal state would do."""
    return {"schema": RESUME_SCHEMA, "clears": clearances(books), "keeps": kept(books), "plan": dict(plan)}


def clearances(books: Books) -> list[str]:
    """Return what a resume puts aside, a sentence each; nothing when all is normal."""
    sentences = []
    if books.trading_state in _STATES:
        since = books.trading_state_since
        when = f" since {since:%Y-%m-%d %H:%M:%S} UTC" if since is not None else ""
        why = f": {books.trading_state_why}" if books.trading_state_why else ""
        sentences.append(f"{_STATES[books.trading_state]}{when}{why}")
    if books.is_hard_halt:
        sentences.append("the hard halt: stops are made to fit again")
    if books.is_flattening:
        sentences.append("flatten, which is not at its end: what is still open stays open")
    if books.overlay.tripped is not None:
        sentences.append("the breaker: losses and costs are measured anew from here")
    if books.abnormal_ends:
        last = books.abnormal_ends[-1]
        sentences.append(
            f"abnormal ends, {len(books.abnormal_ends)} of them, the newest found at {last:%Y-%m-%d %H:%M:%S} UTC:"
            " they no longer count"
        )
    return sentences


def kept(books: Books) -> list[str]:
    """Return what still bounds the bot afterwards, a sentence each."""
    return [f"the ceiling on {ceiling.asset}: {ceiling.why}" for ceiling in books.ceilings.values()]
