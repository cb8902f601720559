"""How are all futures of ours closed, once the owner has said so?

Rules of this file:

- The wish is durable before anything is sent: with it comes the halt, in one commit. A new process goes on with it.
- Every order only reduces, is sized from the venue's position of that moment, and is sent once. While the outcome of an
  order of a contract is not known, nothing more is sent for it.
- Stops and take-profits go last, when neither the venue nor our trades show anything that they could protect.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from bot.decisions.sizing import limit_price, reducing_contracts
from bot.domain.books import Leg
from bot.domain.errors import DataError, IncompleteData, VenueError
from bot.domain.events import CommandGiven, Fact, FlattenEnded, FlattenStarted, TradingStateSet
from bot.domain.ids import CycleId, Symbol, VenueId
from bot.domain.market import Quote
from bot.domain.orders import (
    Order,
    OrderDraft,
    OrderState,
    OrderType,
    Purpose,
    TimeInForce,
    side_of,
)
from bot.domain.policy import TradingState
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.reference import Reference
from bot.engine.snapshot import SnapshotGatherer

log = structlog.get_logger()

#: After this long somebody must know, and the bound on the price is given up.
_PATIENCE = timedelta(minutes=2)
_RESTING = (Purpose.STOP, Purpose.TAKE_PROFIT)


class Flatten:
    """Closes every position of ours, in rounds."""

    def __init__(self, desk: Desk, gatherer: SnapshotGatherer, execution: Execution, reference: Reference) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution
        self._reference = reference
        #: Since when this process has been at it, by the clock that nobody sets.
        self._since: timedelta | None = None
        #: What was open at the last round, and what last kept it from being closed.
        self._open: tuple[Symbol, ...] = ()
        self._trouble = ""

    async def start(self, caller: str) -> None:
        """Make the wish durable, and take the first rounds."""
        async with self._desk.lock:
            now = self._desk.clock.now()
            wish: list[Fact] = [CommandGiven(at=now, command="flatten", caller=caller, arguments="")]
            if not self._desk.journal.books.is_flattening:
                wish.append(FlattenStarted(at=now, caller=caller))
            wish.append(TradingStateSet(at=now, state=TradingState.HALTED, caller=caller, why="flatten"))
            await self._desk.journal.record(*wish)
            log.info("Closing all futures", code="flatten_started", caller=caller)
        await self.check()

    async def check(self) -> None:
        """Go on until everything is closed, or nothing moves any more; the next check tries again."""
        books = self._desk.journal.books
        if books.is_flattening:
            self._since = self._desk.elapsed if self._since is None else self._since
            rounds = self._desk.policy.execution.max_rounds
            while rounds and await self._take_round(self._since):
                rounds -= 1
        self._tell()

    async def _take_round(self, since: timedelta) -> bool:
        """Take one order per position; return True when another round may get further at once."""
        has_traded, self._trouble = False, ""
        still_open: list[FuturesPosition] = []
        for venue_id in self._desk.venues:
            async with self._desk.lock:
                if not self._desk.journal.books.is_flattening:
                    return False
                try:
                    account = await self._clear_way(venue_id)
                except (DataError, VenueError) as failure:
                    self._trouble = f"{venue_id} cannot be read: {failure}"
                    continue
                positions = self._ours(account)
                still_open.extend(positions)
                self._miss(account)
                for position in positions:
                    has_traded |= await self._close_safely(position, since)
        self._note(still_open)
        if not still_open and not self._trouble:
            await self._finish()
        return has_traded

    async def _clear_way(self, venue_id: VenueId) -> AccountState:
        """Take away what works to open or close, and return what is then held."""
        for order in self._tradable(venue_id):
            known = await self._execution.look_up(order) if order.state.is_unproved else order
            if known.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
                await self._execution.cancel(known, "flatten")
        return await self._gatherer.read_account(venue_id)

    def _working(self, venue_id: VenueId) -> list[Order]:
        return [
            order for order in self._orders() if order.intent.venue == venue_id and order.intent.purpose not in _RESTING
        ]

    def _tradable(self, venue_id: VenueId) -> list[Order]:
        """Return what works and may still trade: trades may be owed of an order that has ended."""
        return [order for order in self._working(venue_id) if not self._execution.has_ended(order)]

    def _orders(self) -> list[Order]:
        foreign = self._desk.policy.foreign_symbols
        return [one for one in self._desk.journal.books.working_orders() if one.intent.symbol not in foreign]

    def _ours(self, account: AccountState) -> list[FuturesPosition]:
        return [p for p in account.positions if p.symbol not in self._desk.policy.foreign_symbols]

    def _miss(self, account: AccountState) -> None:
        """Take note of what our trades add up to and the venue does not list: nobody knows that it is closed."""
        listed = {position.symbol for position in account.positions}
        for (venue_id, symbol), ledger in self._desk.journal.books.ledgers.items():
            is_ours = venue_id == account.venue and symbol not in self._desk.policy.foreign_symbols
            if is_ours and ledger.contracts != 0 and symbol not in listed:
                self._trouble = f"{symbol} is not listed, and our trades add up to {ledger.contracts} contracts"

    async def _close_safely(self, position: FuturesPosition, since: timedelta) -> bool:
        """Send one order that closes a position; True when it has traded. What cannot be closed holds up no other."""
        if any(order.intent.symbol == position.symbol for order in self._tradable(position.venue)):
            self._trouble = f"the outcome of an order of {position.symbol} is not known"
            return False
        try:
            draft = await self._draft(position, is_patient=self._desk.elapsed - since < _PATIENCE)
        except (DataError, VenueError) as failure:
            self._trouble = str(failure)
            return False
        (order,) = await self._execution.place([draft])
        has_traded = self._execution.has_traded(order)
        if not has_traded:
            self._trouble = f"{position.symbol}: {order.reason or 'nothing was traded within the bound'}"
        return has_traded

    async def _draft(self, position: FuturesPosition, *, is_patient: bool) -> OrderDraft:
        instrument = self._reference.instrument(position.venue, position.symbol)
        quote = await self._quote((position.venue, position.symbol), is_patient=is_patient)
        side = side_of(-position.contracts)
        price = limit_price(side, quote, instrument, self._desk.policy.execution, reduces=True)
        books = self._desk.journal.books
        return OrderDraft(
            venue=position.venue,
            symbol=position.symbol,
            asset=instrument.asset,
            side=side,
            type=OrderType.LIMIT if is_patient else OrderType.MARKET,
            contracts=instrument.reducing_order(
                reducing_contracts(abs(position.contracts), position.contracts, instrument, limit_price=price)
            ),
            price=price if is_patient else None,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
            purpose=Purpose.FLATTEN,
            decision_price=quote.index_price,
            cycle_id=CycleId(f"{books.epoch}-f{books.sequence}"),
        )

    async def _quote(self, leg: Leg, *, is_patient: bool) -> Quote:
        """Return the present prices; once patience has ended, the newest that are known will do.

        Raises:
            DataError, VenueError: there are none.
        """
        venue_id, symbol = leg
        try:
            return (await self._gatherer.read_quotes(venue_id, {leg: self._reference.instrument(*leg)}))[leg]
        except (DataError, VenueError) as failure:
            newest = self._gatherer.newest_quotes.get(leg)
            if is_patient or newest is None:
                raise IncompleteData(f"the price of {symbol} is not known: {failure}") from failure
            return newest

    async def _finish(self) -> None:
        """Take the stops away, now that there is nothing to protect, and note the end."""
        async with self._desk.lock:
            if not self._desk.journal.books.is_flattening:
                return
            if any(order.intent.purpose not in _RESTING for order in self._orders()):
                self._trouble = "the outcome of an order is not known"
                return
            ended = [await self._execution.cancel(order, "no position left to protect") for order in self._orders()]
            if all(order.state.is_final for order in ended):
                await self._desk.journal.record(FlattenEnded(at=self._desk.clock.now(), why="every position is closed"))
                log.info("Flat: all futures are closed and their stops are gone", code="flatten_ended")
            else:
                self._trouble = "a stop may still rest"

    def _note(self, still_open: Sequence[FuturesPosition]) -> None:
        symbols = tuple(position.symbol for position in still_open)
        if symbols != self._open:
            self._open = symbols
            log.info("Flattening", code="flatten_progress", open=", ".join(symbols) or "nothing")

    def _tell(self) -> None:
        if not self._desk.journal.books.is_flattening:
            self._since, self._open = None, ()
            self._desk.alerts.close_alert("flatten_incomplete", cause="bot")
        elif self._since is not None and self._desk.elapsed - self._since >= _PATIENCE:
            self._desk.alerts.raise_alert(
                "flatten_incomplete",
                f"Flatten has not come to its end since {self._desk.date_of(self._since):%Y-%m-%d %H:%M:%S} UTC; open:"
                f" {', '.join(self._open) or 'nothing that is known'}. {self._trouble}."
                " It goes on; close by hand at the venue what cannot wait, or 'trimtab resume' to call it off",
                severity="critical",
                cause="bot",
            )
