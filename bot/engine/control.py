"""What can an owner ask of a running bot? Implements the ``Control`` port.

Every command that changes something is journalled with its caller, before it takes effect.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog

from bot.decisions.basis import BasisLine, basis_lines
from bot.decisions.exposure import measure_exposure
from bot.decisions.flows import accept_flows, anchor_wallets
from bot.decisions.funding import funding_lines
from bot.decisions.settling import why_not_settle
from bot.domain.books import Books, Leg
from bot.domain.errors import CommandRefused, ConfigError, IncompleteData
from bot.domain.events import (
    CommandGiven,
    Fact,
    FlattenEnded,
    HedgeProfitSettled,
    PositionAdopted,
    TradingStateSet,
)
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.orders import Order, OrderState
from bot.domain.policy import Policy, TradingState
from bot.domain.snapshot import Snapshot
from bot.domain.units import decimal_text
from bot.engine.basis_document import basis_entries
from bot.engine.breaker_document import breaker_entry
from bot.engine.desk import Desk
from bot.engine.documents import plan_document
from bot.engine.flatten import Flatten
from bot.engine.funding_document import funding_entries
from bot.engine.rebalance import Rebalance
from bot.engine.reference import Reference
from bot.engine.resume import resume_document
from bot.engine.roll_document import holding_cost_entries, roll_entries, rolling_entries
from bot.engine.scheduler import LookSchedule, LookSignal
from bot.engine.snapshot import SnapshotGatherer
from bot.engine.status_document import status_document
from bot.engine.supervisor import Supervisor
from bot.engine.watchers.basis import BasisWatcher
from bot.engine.watchers.breaker import Breaker
from bot.engine.watchers.margin import MarginWatcher

log = structlog.get_logger()


class BotControl:
    """The owner's hand on a running bot."""

    def __init__(
        self,
        desk: Desk,
        *,
        gatherer: SnapshotGatherer,
        reference: Reference,
        rebalance: Rebalance,
        flatten: Flatten,
        margin: MarginWatcher,
        basis: BasisWatcher,
        breaker: Breaker,
        supervisor: Supervisor,
        schedule: LookSchedule,
        signal: LookSignal,
        version: str,
        mode: str,
    ) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._reference = reference
        self._rebalance = rebalance
        self._flatten = flatten
        self._margin = margin
        self._basis = basis
        self._breaker = breaker
        self._supervisor = supervisor
        self._schedule = schedule
        self._signal = signal
        self._version = version
        self._mode = mode

    def health(self) -> tuple[bool, str]:
        """Return whether the process is alive and its tasks run, and one word."""
        return self._supervisor.health()

    def readiness(self) -> tuple[bool, str]:
        """Return whether the last look is recent, the books are reconciled and every leg is protected."""
        return self._supervisor.readiness()

    def status(self) -> dict[str, Any]:
        """Return ``trimtab.status/1`` from what was read last; asks no venue."""
        desk = self._desk
        books = desk.journal.books
        now, newest = desk.clock.now(), self._rebalance.last_decision
        positions = [one for account in self._gatherer.newest_accounts.values() for one in account.positions]
        instruments: dict[Leg, Instrument] = {}
        for one in positions:
            instruments |= self._reference.known(one.venue, [one.symbol])
        funding = funding_lines(
            [one for one in positions if (one.venue, one.symbol) in instruments],
            instruments=instruments,
            quotes=self._gatherer.newest_quotes,
            rates=self._gatherer.newest_funding_rates,
            books=books,
            now=now,
        )
        return status_document(
            at=now,
            version=self._version,
            mode=self._mode,
            scope=desk.policy.scope,
            started_at=self._supervisor.started_at,
            trading_state=books.trading_state,
            trading_state_why=books.trading_state_why,
            readiness=self.readiness(),
            books=books,
            alerts=desk.alerts.open_alerts,
            next_looks=self._schedule.next_looks,
            decision=newest,
            accounts=self._gatherer.newest_accounts.values(),
            instruments=instruments,
            quotes=self._gatherer.newest_quotes,
            rolls=[] if newest is None else roll_entries(newest.rolls),
            rolling=rolling_entries(books),
            basis=basis_entries(self._basis.newest),
            funding=funding_entries(funding),
            breaker=breaker_entry(books.overlay, desk.policy.breaker),
            foreign_symbols=desk.policy.foreign_symbols,
            margin_healths=[one for healths in self._margin.newest.values() for one in healths],
        )

    async def plan(self) -> dict[str, Any]:
        """Take a look, send nothing, and return ``trimtab.plan/1``."""
        return await self._plan()

    async def _plan(self, state: TradingState | None = None) -> dict[str, Any]:
        decision, snapshot = await self._rebalance.preview(state)
        policy = self._desk.policy
        funding = funding_lines(
            snapshot.positions(),
            instruments=snapshot.instruments,
            quotes=snapshot.quotes,
            rates=snapshot.funding_rates,
            books=snapshot.books,
            now=decision.at,
        )
        return plan_document(
            decision,
            mode=self._mode,
            scope=policy.scope,
            foreign_symbols=policy.foreign_symbols,
            rolls=roll_entries(decision.rolls),
            contracts=holding_cost_entries(decision.holding_costs),
            basis=basis_entries(_basis_of(snapshot, policy, decision.at)),
            funding=funding_entries(funding),
            breaker=breaker_entry(snapshot.books.overlay, policy.breaker),
        )

    async def halt(self, caller: str, *, why: str, is_hard: bool = False) -> dict[str, Any]:
        """Stop rebalancing: cancel working hedge orders, keep stops.

        ``is_hard`` stops protection's changes too; what rests at the venue stays. A halt never loosens a hard one.
        """
        async with self._desk.lock:
            books = self._desk.journal.books
            called_off = [FlattenEnded(at=self._desk.clock.now(), why="called off by halt --hard")]
            await self._set_state(
                TradingState.HALTED,
                caller,
                why,
                "halt",
                is_hard=is_hard or books.is_hard_halt,
                besides=called_off if is_hard and books.is_flattening else (),
            )
        orders = await self._supervisor.cancel_hedge_orders("halted")
        return _answer(self._desk.journal.books, **_count(orders))

    async def reduce_only(self, caller: str, *, why: str) -> dict[str, Any]:
        """Allow only what shrinks a position: cancel working orders that increase, keep stops.

        Raises:
            CommandRefused: the bot is halted, which is stricter.
        """
        async with self._desk.lock:
            if self._desk.journal.books.trading_state is TradingState.HALTED:
                raise CommandRefused(
                    "the bot is halted, which is stricter than reduce-only; 'trimtab resume' ends that"
                )
            await self._set_state(TradingState.REDUCE_ONLY, caller, why, "reduce-only")
        orders = await self._supervisor.cancel_hedge_orders("reduce only", is_increasing_only=True)
        return _answer(self._desk.journal.books, **_count(orders))

    async def flatten(self, caller: str) -> dict[str, Any]:
        """Close all futures of ours, cancel their stops last, and end halted."""
        await self._flatten.start(caller)
        self._supervisor.hurry()
        books = self._desk.journal.books
        return _answer(books, is_flattening=books.is_flattening)

    async def resume_plan(self) -> dict[str, Any]:
        """Return ``trimtab.resume/1``: what a resume would clear, and the plan that would follow. Changes nothing."""
        plan = await self._plan(TradingState.NORMAL)
        return resume_document(self._desk.journal.books, plan)

    async def resume(self, caller: str) -> dict[str, Any]:
        """Return to ``normal``, and look at once."""
        async with self._desk.lock:
            called_off = [FlattenEnded(at=self._desk.clock.now(), why="called off by resume")]
            besides = called_off if self._desk.journal.books.is_flattening else ()
            await self._set_state(TradingState.NORMAL, caller, "", "resume", besides=besides)
        await self._flatten.check()
        for code in ("abnormal_ends", "halted_by_failure"):
            self._desk.alerts.close_alert(code, cause="bot")
        self._breaker.tell()
        self._signal.set("command")
        return _answer(self._desk.journal.books)

    async def _set_state(
        self,
        state: TradingState,
        caller: str,
        why: str,
        command: str,
        *,
        is_hard: bool = False,
        besides: Sequence[Fact] = (),
    ) -> None:
        now = self._desk.clock.now()
        await self._record(
            command,
            caller,
            why,
            [TradingStateSet(at=now, state=state, caller=caller, why=why, is_hard=is_hard), *besides],
        )

    async def settle(self, caller: str, amount_quote: Decimal) -> dict[str, Any]:
        """Book money moved between hedge profit and holdings.

        Raises:
            CommandRefused: so much cannot have been moved.
        """
        now = self._desk.clock.now()
        async with self._desk.lock:
            snapshot = await self._gatherer.gather()
            settled = self._desk.journal.books.settled_profit_quote
            why_not = why_not_settle(
                amount_quote, value_quote=_worth(snapshot, self._desk.policy), settled_quote=settled
            )
            if why_not:
                raise CommandRefused(why_not)
            fact = HedgeProfitSettled(at=now, amount_quote=amount_quote, caller=caller)
            # The money has left the futures wallet, or come into it: the difference that this made is explained.
            anchors = anchor_wallets(snapshot, self._desk.policy, why="settled")
            await self._record("settle", caller, decimal_text(amount_quote), [fact, *anchors])
        return {
            "schema": "trimtab.command/1",
            "settled_profit_quote": decimal_text(self._desk.journal.books.settled_profit_quote),
        }

    async def adopt(
        self, caller: str, venue: VenueId | None, symbol: Symbol, *, is_gone: bool = False
    ) -> dict[str, Any]:
        """Make an existing position ours, at its mark; ``is_gone``: also that it exists no more.

        Raises:
            ConfigError: it is reserved for the owner.
            IncompleteData: no such position, or it has gone and that is not what was said.
        """
        async with self._desk.lock:
            return await adopt_position(self._desk, self._gatherer, caller, venue, symbol, is_gone=is_gone)

    async def confirm_flow(self, caller: str, asset: Asset | None, *, is_gone: bool = False) -> dict[str, Any]:
        """Accept the present holdings of one asset or of all, and what the futures wallets hold.

        ``is_gone``: also an account that lists no balance at all. That is how a venue's trouble looks, so a yes to some
        other question must not accept it.

        Raises:
            IncompleteData: the account lists nothing, and that is not what was said.
        """
        if asset is not None and not self._desk.policy.is_target(asset):
            raise ConfigError(f"{asset} is not one of the targets: {', '.join(self._desk.policy.assets)}")
        async with self._desk.lock:
            snapshot = await self._gatherer.gather(may_be_empty=is_gone)
            facts: list[Fact] = list(accept_flows(snapshot, self._desk.policy, asset))
            facts.extend(anchor_wallets(snapshot, self._desk.policy, why="confirmed"))
            await self._record("confirm-flow", caller, asset or "", facts)
        self._signal.set("command")
        held = self._desk.journal.books.accepted_holdings
        return {
            "schema": "trimtab.command/1",
            "holdings_base": {name: decimal_text(amount) for name, amount in held.items()},
        }

    async def _record(self, command: str, caller: str, arguments: str, facts: Sequence[Fact]) -> None:
        now = self._desk.clock.now()
        await self._desk.journal.record(
            CommandGiven(at=now, command=command, caller=caller, arguments=arguments), *facts
        )
        log.info("A command was given", code="command", command=command, caller=caller, arguments=arguments)


def _answer(books: Books, **more: Any) -> dict[str, Any]:
    """Return what a command that steers answers with."""
    return {
        "schema": "trimtab.command/1",
        "trading_state": books.trading_state.value,
        "is_hard_halt": books.is_hard_halt,
        **more,
    }


def _count(orders: Sequence[Order]) -> dict[str, int]:
    """Return how many orders are known to be cancelled, and of how many it is not known whether they still work."""
    return {
        "cancelled_orders": sum(order.state is OrderState.CANCELLED for order in orders),
        "doubtful_orders": sum(not order.state.is_final for order in orders),
    }


async def adopt_position(
    desk: Desk, gatherer: SnapshotGatherer, caller: str, venue: VenueId | None, symbol: Symbol, *, is_gone: bool = False
) -> dict[str, Any]:
    """Make what a venue holds of a contract ours, at its mark. The caller holds the desk.

    ``is_gone``: also nothing, where our trades add up to a position: the trade that ended it is not told any more.

    Raises:
        ConfigError: it is reserved for the owner.
        IncompleteData: there is no such position, or it has gone and that is not what was said.
    """
    if symbol in desk.policy.foreign_symbols:
        raise ConfigError(f"{symbol} is reserved by TRIMTAB_FOREIGN; take it out of there first")
    if venue is not None and venue not in desk.venues:
        raise ConfigError(f"there is no venue {venue}; there is {', '.join(desk.venues)}")
    others: list[str] = []
    for venue_id in desk.venues if venue is None else [venue]:
        account = await gatherer.read_account(venue_id)
        held = account.contracts_of(symbol)
        booked = desk.journal.books.ledger(venue_id, symbol).contracts
        if held == booked == 0:
            others.extend(p.symbol for p in account.positions)
            continue
        if held == 0 and not is_gone:
            raise IncompleteData(
                f"{venue_id} lists no position in {symbol}, and our trades add up to {decimal_text(booked)} contracts."
                f" If the venue's own page shows none either: trimtab adopt {symbol} --gone"
            )
        mark_price = await _mark_of(desk, gatherer, (venue_id, symbol))
        now: datetime = desk.clock.now()
        await desk.journal.record(
            CommandGiven(at=now, command="adopt", caller=caller, arguments=symbol),
            PositionAdopted(
                at=now,
                venue=venue_id,
                symbol=symbol,
                contracts=held,
                mark_price=mark_price,
                as_of=account.as_of,
            ),
        )
        log.info("A position was adopted", code="adopted", venue=venue_id, symbol=symbol)
        return {
            "schema": "trimtab.command/1",
            "venue": venue_id,
            "symbol": symbol,
            "contracts": decimal_text(held),
            "mark_price": decimal_text(mark_price),
        }
    is_open = f"open are {', '.join(others)}" if others else "none is open"
    raise IncompleteData(f"there is no open position in {symbol}, and none in the books; {is_open}")


async def _mark_of(desk: Desk, gatherer: SnapshotGatherer, leg: Leg) -> Decimal:
    """Return the mark of a contract; where it is quoted no more, the newest that is known.

    Raises:
        IncompleteData: none is.
    """
    quotes = await desk.read(desk.venues[leg[0]].fetch_quotes([leg[1]]))
    newest = quotes[0] if quotes else gatherer.newest_quotes.get(leg)
    if newest is None:
        raise IncompleteData(f"{leg[0]} quotes {leg[1]} no more, and no price of it is known")
    return newest.mark_price


def _worth(snapshot: Snapshot, policy: Policy) -> Decimal | None:
    """Return V, or None where it cannot be told."""
    try:
        return measure_exposure(snapshot, policy).valuation.portfolio_value_quote
    except IncompleteData:
        return None


def _basis_of(snapshot: Snapshot, policy: Policy, now: datetime) -> tuple[BasisLine, ...]:
    return basis_lines(snapshot.instruments, snapshot.quotes, snapshot.books.basis, policy.basis, policy.limits, now)
