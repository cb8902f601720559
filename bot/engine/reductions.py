"""How is a leg made smaller for the sake of protection? At market, reduce-only, and never twice for one need."""

from decimal import Decimal

from bot.domain.ids import CycleId, VenueId
from bot.domain.instruments import Instrument
from bot.domain.orders import OrderDraft, OrderType, Purpose, Side, TimeInForce
from bot.engine.desk import Desk
from bot.engine.execution import Execution
from bot.engine.snapshot import SnapshotGatherer


class Reductions:
    """Sends protective reductions. The caller holds the desk."""

    def __init__(self, desk: Desk, gatherer: SnapshotGatherer, execution: Execution) -> None:
        self._desk = desk
        self._gatherer = gatherer
        self._execution = execution

    async def send(
        self, venue_id: VenueId, instrument: Instrument, side: Side, contracts: Decimal, price: Decimal
    ) -> None:
        """Trade ``contracts`` against a position; ``price`` is the one that it was decided at."""
        if self.is_pending(venue_id, instrument):
            return
        draft = OrderDraft(
            venue=venue_id,
            symbol=instrument.symbol,
            asset=instrument.asset,
            side=side,
            type=OrderType.MARKET,
            # What is more than one order is taken off by several, one check after the other.
            contracts=min(instrument.reducing_order(contracts), instrument.max_contracts or contracts),
            price=None,
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
            purpose=Purpose.DELEVERAGE,
            decision_price=price,
            cycle_id=protective_cycle(self._desk),
        )
        await self._execution.place([draft])

    def is_pending(self, venue_id: VenueId, instrument: Instrument) -> bool:
        """Return True while an earlier reduction of this leg may still trade: two could together take too much.

        So too while one that has ended, and whose trades are told late, does not show in the position yet.
        """
        earlier = [
            order
            for order in self._desk.journal.books.working_orders()
            if order.intent.venue == venue_id
            and order.intent.symbol == instrument.symbol
            and order.intent.purpose is Purpose.DELEVERAGE
        ]
        if not all(self._execution.has_ended(order) for order in earlier):
            return True
        account = self._gatherer.newest_accounts.get(venue_id)
        is_shown = account is not None and self._execution.shows_what_is_untold(account, instrument.symbol)
        return bool(earlier) and not is_shown


def protective_cycle(desk: Desk) -> CycleId:
    """Name an act of protection, which belongs to no look."""
    books = desk.journal.books
    return CycleId(f"{books.epoch}-p{books.sequence}")
