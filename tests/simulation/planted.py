# ruff: noqa: T201 - a report on the terminal
"""Would it be noticed? Plants one bug after another, each a mistake that others have made, and says what catches it.

Every bug is a subclass with one method of its own that takes the place of the real class once a bot is wired. The
undisturbed day is run with the checker first; what it does not see is left to the crashes.

``python -m tests.simulation.planted`` prints which check caught which bug.
"""

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.adapters.clock import SimulatedLoop
from bot.adapters.journal import journal as journals
from bot.adapters.journal.journal import SqlJournal
from bot.adapters.paper import PaperVenue
from bot.bootstrap import Bot
from bot.domain.errors import VenueUnavailable
from bot.domain.events import OrderIntended
from bot.domain.ids import client_order_id
from bot.domain.orders import Order, OrderIntent, OrderState
from bot.domain.plan import StopTarget
from bot.domain.portfolio import AccountState, WalletKind
from bot.engine.execution import Execution
from bot.engine.protection import Protection
from tests.simulation import crash
from tests.simulation.crash import BuildBot, Plan, World
from tests.simulation.points import Reach


class AnyStopWillDo(Protection):
    """A stop that rests is taken for good, whatever its size: it is not resized after a partial fill."""

    async def _protect_leg(self, target: StopTarget, view: Any) -> None:
        if view.resting.get(target.symbol, []):
            await self._unprotected.note_protected(target)
        else:
            await super()._protect_leg(target, view)


class CancelsFirst(Protection):
    """The old stop is cancelled before the new one is placed."""

    async def _protect_leg(self, target: StopTarget, view: Any) -> None:
        for resting in view.resting.get(target.symbol, []):
            is_good = resting.contracts == target.contracts and (
                target.acceptable_low <= (resting.trigger_price or 0) <= target.acceptable_high
            )
            if not is_good:
                await self._stops.drop(resting, "to be replaced")
        await super()._protect_leg(target, view)


class SendsAgain(Execution):
    """What was not answered is sent again under the same id, as an HTTP client with retries would."""

    async def _submit(self, intent: OrderIntent) -> Order:
        order = await super()._submit(intent)
        if order.state is OrderState.UNKNOWN:
            order = await super()._submit(intent)
        return order


class CountsInMemory(SqlJournal):
    """Client order ids come from a counter that begins anew with every process."""

    counted = 0

    async def record_intents(self, drafts: Any, at: datetime) -> tuple[OrderIntent, ...]:
        intents = []
        for draft in drafts:
            self.counted += 1
            intent = journals._intent_of(draft, self.books.epoch, 0, at)  # the id is what is wrong
            intents.append(replace(intent, client_order_id=client_order_id(self.books.epoch, self.counted)))
        self.commit(*(OrderIntended(at=at, intent=intent) for intent in intents))
        return tuple(intents)


class EmptyIsZero(PaperVenue):
    """A read of the spot wallet that fails gives an empty list."""

    async def fetch_account(self) -> AccountState:
        try:
            return await super().fetch_account()
        except VenueUnavailable:
            account = self._put_together()
            futures = tuple(line for line in account.balances if line.wallet is not WalletKind.SPOT)
            return replace(account, balances=futures)


def _with_protection(kind: type[Protection]) -> BuildBot:
    def build(world: World, loop: SimulatedLoop, reach: Reach) -> Bot:
        bot = crash.build_bot(world, loop, reach)
        bot.protection.__class__ = kind
        return bot

    return build


def _sending_again(world: World, loop: SimulatedLoop, reach: Reach) -> Bot:
    bot = crash.build_bot(world, loop, reach)
    bot.supervisor._execution.__class__ = SendsAgain  # all parts share the one
    return bot


def _counting_in_memory(world: World, loop: SimulatedLoop, reach: Reach) -> Bot:
    world.journal.__class__ = CountsInMemory
    return crash.build_bot(world, loop, reach)


def _reading_empty(world: World, loop: SimulatedLoop, reach: Reach) -> Bot:
    return crash.build_bot(world, loop, reach, EmptyIsZero)


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug, and words of the complaint that is to be heard about it."""

    name: str
    build: BuildBot
    complaint: str


BUGS = (
    Bug("stop not resized after a partial fill", _with_protection(AnyStopWillDo), "without its stop"),
    Bug("order id from a counter in memory", _counting_in_memory, "was intended twice"),
    Bug("stop cancelled before the new one is placed", _with_protection(CancelsFirst), "no other stop holds"),
    Bug("empty balance read as zero", _reading_empty, "off its target"),
    Bug("unknown order sent again", _sending_again, "two orders for one intent"),
)


def complaints(bug: Bug, every: int = 7) -> tuple[str, list[str]]:
    """Return which check was first to complain about a bug, and what it says."""
    crash.silence()
    try:
        _, world = crash.undisturbed_states(bug.build)
    finally:
        crash.speak()
    if world.checker.violated:
        return "invariants, on the day without a crash", world.checker.violated
    tally = crash.run_day(Plan(every=every, stops_at_failures=1), bug.build)
    return f"crash harness, after {tally.crashes} crashes", tally.failures


def main() -> None:
    """Run from the command line."""
    missed = 0
    for bug in BUGS:
        try:
            check, said = complaints(bug)
        except Exception as failure:  # noqa: BLE001 - a bug may end the bot in any way
            check, said = "the day did not end", [crash.describe(failure)]
        is_caught = any(bug.complaint in sentence for sentence in said)
        missed += not is_caught
        print(f"{'caught' if is_caught else 'MISSED'}: {bug.name}\n    by {check}: {said[0] if said else ''}")
    sys.exit(missed)


if __name__ == "__main__":
    main()
