"""What happens in one look? Snapshot → decide → journal → execute → protect."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from bot.decisions.cycle import decide
from bot.domain.books import Leg
from bot.domain.errors import DataError, VenueError
from bot.domain.events import LookTaken
from bot.domain.ids import Asset, CycleId
from bot.domain.plan import Decision, Rule, WalletQuestion
from bot.domain.policy import TradingState
from bot.domain.snapshot import Snapshot
from bot.domain.units import edge_text
from bot.engine.desk import Desk
from bot.engine.documents import asset_entry, order_entry
from bot.engine.execution import Execution
from bot.engine.protection import Protection
from bot.engine.scheduler import LookSignal
from bot.engine.snapshot import SnapshotGatherer
from bot.engine.working import Worker, Works

log = structlog.get_logger()

#: Called when a look's orders are done; backtests write their rows here.
LookObserver = Callable[[Decision, datetime], None]


class Rebalance:
    """Takes looks."""

    def __init__(
        self,
        desk: Desk,
        gatherer: SnapshotGatherer,
        execution: Execution,
        worker: Worker,
        protection: Protection,
        signal: LookSignal,
        observers: Sequence[LookObserver] = (),
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution
        self._worker = worker
        self._protection = protection
        self._signal = signal
        self._observers = observers
        #: The last look's answer, for ``status``.
        self.last_decision: Decision | None = None
        #: True when a leg of the last look was left because of what the venue said, or did not.
        self.was_cut_short = False
        #: Wallets whose content is not explained.
        self._asked: set[str] = set()
        #: Contracts whose hedge the venue was said to refuse.
        self._refused: set[Leg] = set()
        #: When a look last came to a decision; a skipped look does not count.
        self.decided_at: datetime | None = None
        #: Called between two steps of the work, when the desk is free.
        self.on_pass: Callable[[], None] = lambda: None

    async def look(self, trigger: str) -> Decision | None:
        """Take one look and do what it says; None when it had to be skipped.

        The desk is held while it is decided and for each step of the work; between two steps protection and
        reconciling go on.
        """
        books = self._desk.journal.books
        cycle_id = CycleId(f"{books.epoch}-{books.sequence}")
        with bound_contextvars(cycle_id=cycle_id):
            async with self._desk.lock:
                try:
                    snapshot = await self._gatherer.gather()
                    decision = self._decide(snapshot)
                except (DataError, VenueError) as failure:
                    await self._skip(cycle_id, trigger, failure)
                    return None
                self._desk.alerts.close_alert("look_skipped", cause="data")
                works = await self._act(decision, snapshot, cycle_id, trigger)
                if works.is_done:
                    await self._close(decision, works, cycle_id, trigger)
            if not works.is_done:
                await self._work_on(works)
                async with self._desk.lock:
                    await self._close(decision, works, cycle_id, trigger)
        return decision

    async def _work_on(self, works: Works) -> None:
        """Step what is on its way until it is done, or until another look is pressing."""
        while not works.is_done:
            self.on_pass()
            await self._desk.clock.sleep(self._desk.policy.execution.work_interval)
            async with self._desk.lock:
                if self._signal.is_pressing:
                    await self._worker.give_up(works, "another look is due")
                    return
                await self._worker.step(works)

    @property
    def newest_gaps_quote(self) -> dict[Asset, Decimal]:
        """Exposure − target per asset in USD, as the newest look knew it; empty before the first."""
        decision = self.last_decision
        if decision is None:
            return {}
        value = decision.valuation.portfolio_value_quote
        return {line.asset: line.gap * value for line in decision.lines}

    async def preview(self, state: TradingState | None = None) -> tuple[Decision, Snapshot]:
        """Decide on fresh data and send nothing; with ``state``, as if the bot were in it.

        Raises:
            DataError, VenueError: there is nothing to decide on.
        """
        async with self._desk.lock:
            snapshot = await self._gatherer.gather(is_preview=True)
            if state is not None:
                # A copy: the journal's books are not to be written.
                snapshot = replace(snapshot, books=replace(snapshot.books, trading_state=state))
            return self._decide(snapshot), snapshot

    def _tell_flows(self, decision: Decision) -> None:
        flows = self._desk.journal.books.flows
        for asset in self._desk.policy.assets:
            flow = flows.get(asset)
            if flow is None:
                self._desk.alerts.close_alert("owner_flow", cause=asset)
                continue
            self._desk.alerts.raise_alert(
                "owner_flow",
                f"Holdings of {asset} went from {flow.from_base} to {flow.to_base} without a trade of ours;"
                f" increases wait. If it was you: trimtab confirm-flow {asset}",
                severity="warning",
                cause=asset,
            )
        asked = {self._ask(question) for question in decision.questions}
        if self._desk.journal.books.open_transfers():
            # What a wallet should hold is not judged while money of ours is on its way to it.
            asked |= self._asked
        for cause in self._asked - asked:
            self._desk.alerts.close_alert("wallet_moved", cause=cause)
        self._asked = asked

    def _ask(self, question: WalletQuestion) -> str:
        """Ask the owner, and return which wallet it is about."""
        cause = f"{question.venue}/{question.wallet}/{question.currency}"
        self._desk.alerts.raise_alert(
            "wallet_moved",
            f"The {question.wallet} wallet of {question.venue} differs by {question.difference}"
            f" {question.currency} from what trades, fees and funding explain."
            " A deposit or withdrawal of yours? trimtab confirm-flow accepts it;"
            " trimtab settle AMOUNT, if it was hedge profit that you moved",
            severity="warning",
            cause=cause,
        )
        return cause

    def _decide(self, snapshot: Snapshot) -> Decision:
        return decide(snapshot, self._desk.policy, self._desk.clock.now())

    async def _skip(self, cycle_id: CycleId, trigger: str, failure: Exception) -> None:
        self._desk.alerts.raise_alert(
            "look_skipped", f"A look was skipped: {failure}", severity="warning", cause="data"
        )
        await self._desk.journal.record(
            LookTaken(
                at=self._desk.clock.now(),
                cycle_id=cycle_id,
                trigger=trigger,
                outcome="skipped",
                document=json.dumps({"reason": str(failure)}),
                index_prices={},
            )
        )

    async def _act(self, decision: Decision, snapshot: Snapshot, cycle_id: CycleId, trigger: str) -> Works:
        self._log(decision, trigger)
        self._warn(decision)
        if decision.facts:
            await self._desk.journal.record(*decision.facts)
        self._tell_flows(decision)
        self._protection.anchors = {line.asset: line.index_price for line in decision.lines}
        # Protection first: it also carries out the reductions that it asks for.
        await self._protection.protect_all(snapshot)
        # Protection may have traded since the snapshot was taken.
        accounts = {} if decision.reductions else snapshot.accounts
        works = await self._worker.begin(decision, cycle_id, snapshot, accounts)
        await self._worker.step(works)
        return works

    async def _close(self, decision: Decision, works: Works, cycle_id: CycleId, trigger: str) -> None:
        """Note the look, once its orders are done."""
        now = self._desk.clock.now()
        has_traded = bool(decision.legs or decision.reductions)
        fields = look_fields(decision)
        await self._desk.journal.record(
            LookTaken(
                at=now,
                cycle_id=cycle_id,
                trigger=trigger,
                outcome="traded" if has_traded else "refused" if decision.refusals else "in_band",
                document=json.dumps(fields, separators=(",", ":")) if has_traded or decision.refusals else "",
                index_prices={line.asset: line.index_price for line in decision.lines},
            )
        )
        self._tell_refused(decision)
        self.last_decision = decision
        self.decided_at = now
        self.was_cut_short = works.is_cut_short
        for observer in self._observers:
            observer(decision, now)

    def _warn(self, decision: Decision) -> None:
        if decision.capacity_short_quote > 0:
            self._desk.alerts.raise_alert(
                "capacity_short",
                f"Needs {decision.capacity_short_quote:.0f} USDT more to hold the targets",
                severity="warning",
                cause="capacity",
            )
        else:
            self._desk.alerts.close_alert("capacity_short", cause="capacity")
        self._tell_unhedgeable(decision)
        for sentence in decision.warnings:
            log.warning(sentence, code="look_warning")

    def _tell_refused(self, decision: Decision) -> None:
        """Say which of the hedges that a look wanted the venue has refused, until one is taken or none is wanted."""
        wanted = {(leg.instrument.venue, leg.instrument.symbol) for leg in decision.legs}
        self._execution.forget_refused(wanted)
        refused = self._execution.refused
        for (venue, symbol), refusal in refused.items():
            is_for_now = self._execution.is_turned_away((venue, symbol))
            when = "in some minutes" if is_for_now else "with the next look"
            what_to_do = "" if is_for_now else "; 'trimtab check' says what in the account is set against it"
            self._desk.alerts.raise_alert(
                "hedge_refused",
                f"The venue refuses the hedge of {symbol}: {refusal}. It is tried again {when}{what_to_do}",
                severity="warning",
                cause=f"{venue}/{symbol}",
            )
        for venue, symbol in self._refused - refused.keys():
            self._desk.alerts.close_alert("hedge_refused", cause=f"{venue}/{symbol}")
        self._refused = set(refused)

    def _tell_unhedgeable(self, decision: Decision) -> None:
        """Say which assets leave a gap that no contract can close. The others keep their targets."""
        reasons = {one.asset: one.reason for one in decision.refusals if one.rule is Rule.UNHEDGEABLE}
        for line in decision.lines:
            if line.asset not in reasons:
                self._desk.alerts.close_alert("unhedgeable", cause=line.asset)
                continue
            self._desk.alerts.raise_alert(
                "unhedgeable",
                f"The gap of {line.asset} ({line.gap:.2%}) cannot be hedged: {reasons[line.asset]}",
                severity="warning",
                cause=line.asset,
            )

    def _log(self, decision: Decision, trigger: str) -> None:
        sentence = f"Looked: {_story(decision)}"
        log.info(
            sentence,
            code="look",
            trigger=trigger,
            **look_fields(decision),
        )


def look_fields(decision: Decision) -> dict[str, Any]:
    """Return the numbers of a look for its log line and its fact."""
    return {
        "portfolio_value_quote": edge_text(decision.valuation.portfolio_value_quote),
        "capacity_short_quote": edge_text(decision.capacity_short_quote),
        "trading_state": decision.trading_state.value,
        "assets": [asset_entry(line) for line in decision.lines],
        "orders": [order_entry(leg) for leg in decision.legs],
        "refusals": [
            {"asset": refusal.asset, "rule": refusal.rule.value, "reason": refusal.reason}
            for refusal in decision.refusals
        ],
    }


def _story(decision: Decision) -> str:
    return "; ".join(
        f"{line.asset} {line.weight:.2%} of {line.target_weight:.0%} ±{line.band:.1%}: {line.reason}"
        for line in decision.lines
    )
