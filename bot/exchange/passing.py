"""What happens by itself while time passes? Event by event, so that it does not depend on how often time is let
pass.
"""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.ids import ClientOrderId, Symbol
from bot.exchange.crossings import due_orders, next_crossing_us
from bot.exchange.deleveraging import Deleveraging
from bot.exchange.floor import Floor
from bot.exchange.forgetting import Forgetting
from bot.exchange.funding import Funding
from bot.exchange.liquidation import liquidate_where_due
from bot.exchange.matching import Matching
from bot.exchange.moments import span_us
from bot.exchange.orders import ExchangeOrder, OrderRequest, Refused
from bot.exchange.rehearsal import FaultKind, Rehearsal
from bot.exchange.settlement import Delivery
from bot.exchange.spread import SpreadBook, SpreadRequest
from bot.exchange.transfers import Transfers


@dataclass(frozen=True, slots=True)
class FeignedCancel:
    """A cancel that was confirmed before it was done."""

    symbol: Symbol
    client_order_id: ClientOrderId


#: What is on its way and nobody waits for.
_Delayed = OrderRequest | SpreadRequest | FeignedCancel


class Passing:
    """Moves a floor through time."""

    def __init__(
        self,
        floor: Floor,
        *,
        matching: Matching,
        spreads: SpreadBook,
        transfers: Transfers,
        delivery: Delivery,
        rehearsal: Rehearsal,
    ) -> None:
        self._floor = floor
        self._matching = matching
        self._spreads = spreads
        self._transfers = transfers
        self._delivery = delivery
        self._rehearsal = rehearsal
        self._delayed: list[tuple[int, _Delayed]] = []
        #: (version of the state, when something else is due) → when an order or a liquidation is.
        self._crossing: tuple[tuple[int, int], int] | None = None
        self._funding = Funding(floor)
        self._deleveraging = Deleveraging(floor, matching, rehearsal)
        self._deleveraging.look_ahead()
        self._forgetting = Forgetting(floor, transfers)
        self._pass_to(floor.now_us)

    def until(self, target_us: int) -> None:
        """Pass to ``target_us``, with everything that is due on the way."""
        while self._floor.now_us < target_us:
            self._step(target_us)

    def delay(self, by: timedelta, request: _Delayed) -> None:
        """Let a request arrive later."""
        self._delayed.append((self._floor.now_us + span_us(by), request))
        self._delayed.sort(key=lambda pair: pair[0])

    def arrive(self, request: _Delayed) -> None:
        """Take a request whose sender does not hear what becomes of it."""
        try:
            match request:
                case SpreadRequest():
                    self._spreads.place(request)
                case OrderRequest():
                    self._matching.place(request)
                case FeignedCancel(symbol, client_order_id):
                    self._matching.cancel(symbol, client_order_id)
        except Refused:
            # Whoever sent it has stopped listening.
            return

    def meet_prices(self) -> None:
        """Trade what the prices of this moment meet, and close what they liquidate."""
        self._meet_due()
        liquidate_where_due(self._floor, self._matching)

    def _step(self, target_us: int) -> None:
        floor = self._floor
        due_us = min(
            floor.feed.boundary_us,
            self._funding.due_us,
            self._delivery.due_us,
            self._deleveraging.due_us,
            self._transfers.due_us,
            self._forgetting.due_us,
        )
        if self._delayed:
            due_us = min(due_us, max(floor.now_us, self._delayed[0][0]))
        stop_us = min(target_us, due_us)
        if floor.open_orders or floor.accounts.positions:
            crossing_us = self._crossing_us(due_us)
            if crossing_us <= stop_us and crossing_us < self._delivery.settles_us:
                self._crossing = None
                self._pass_to(crossing_us)
                self._meet_due()
                liquidate_where_due(floor, self._matching)
                return
        self._pass_to(stop_us)
        self._do_what_is_due()

    def _crossing_us(self, due_us: int) -> int:
        """Return when an order or a liquidation is due, if that is up to ``due_us``; else what comes after it.

        Until then prices keep to their lines: it is found once, however often time is let pass on the way.
        """
        key = (self._floor.version, due_us)
        if self._crossing is None or self._crossing[0] != key:
            self._crossing = (key, next_crossing_us(self._floor, self._matching, due_us + 1))
        return self._crossing[1]

    def _pass_to(self, moment_us: int) -> None:
        floor = self._floor
        floor.now_us = moment_us
        floor.book.is_thin = bool(self._rehearsal.planned) and self._rehearsal.is_on(FaultKind.SPREAD)

    def _do_what_is_due(self) -> None:
        floor = self._floor
        if self._delayed and floor.now_us >= self._delayed[0][0]:
            self.arrive(self._delayed.pop(0)[1])
        self._transfers.settle_due()
        if floor.now_us == self._funding.due_us:
            self._funding.settle_due()
        if floor.now_us >= self._delivery.due_us:
            self._delivery.do_due()
        if floor.now_us >= self._deleveraging.due_us:
            self._deleveraging.do_due()
        if floor.now_us >= self._forgetting.due_us:
            self._forgetting.do_due()
        if floor.now_us == floor.feed.boundary_us:
            floor.feed.pass_boundary(floor.now_us, floor.leans())

    def _meet_due(self) -> None:
        """Meet what is due, one by one: the trade of an earlier one may have ended a later one."""
        for order in due_orders(self._floor, self._matching):
            if order.is_open:
                self._meet(order)

    def _meet(self, order: ExchangeOrder) -> None:
        if order.trigger_price is not None:
            self._matching.trigger(order)
        else:
            self._matching.meet(order)
