"""How is an order sent, cancelled and found? Plain ones in one house of the venue's, conditional ones in another.

Stops are conditional orders: other ids, other routes, other lists. Which house an order lives in is remembered from
every document that names it, and asked of both where it is not known.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.codes import NOT_FOUND
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.records import Records
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls
from bot.adapters.ccxt.limiter import Lane
from bot.domain.errors import BadPayload, VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from bot.domain.ids import ClientOrderId, Symbol
from bot.domain.orders import OrderIntent, OrderState, OrderType, Purpose, TimeInForce, VenueOrder
from bot.domain.units import decimal_text

_IN_FORCE = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "GTX",
}
#: What ended without a trade is denied once it is so old, counted from when it was made: a stop that has rested for
#: longer, as soon as it is cancelled.
_DENIED_AFTER = timedelta(days=3)
#: What purposes must never wait for.
_PROTECTIVE = (Purpose.STOP, Purpose.TAKE_PROFIT, Purpose.DELEVERAGE, Purpose.FLATTEN, Purpose.ROLL_CLOSE)


class House(Enum):
    """Where an order lives."""

    PLAIN = "plain"
    CONDITIONAL = "conditional"


class Trading:
    """The orders of the account."""

    def __init__(self, calls: Calls, listing: Listing, records: Records, venue_now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._listing = listing
        self._records = records
        self._venue_now = venue_now
        self._houses: dict[ClientOrderId, House] = {}

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Send one order with the intent's client order id, once. Nothing is opened where margin is isolated."""
        if not intent.reduce_only and self._listing.names.get(intent.symbol) in self._listing.isolated:
            raise VenueRefused(f"the margin of {intent.symbol} is isolated; set it to cross", code="margin_mode")
        is_stop = intent.type is OrderType.STOP_MARKET
        house = House.CONDITIONAL if is_stop else House.PLAIN
        self._houses[intent.client_order_id] = house
        self._records.traded.add(intent.symbol)
        lane = Lane.PROTECT if intent.reduce_only or intent.purpose in _PROTECTIVE else Lane.TRADE
        params = self._stop_params(intent) if is_stop else self._plain_params(intent)
        method = "fapiPrivatePostAlgoOrder" if is_stop else "fapiPrivatePostOrder"
        row = await self._calls.write(method, params, lane=lane, intended_at=intent.intended_at)
        try:
            seen = self.learn_conditional(row, None) if is_stop else self.learn_plain(row)
        except BadPayload as failure:
            raise VenueOutcomeUnknown(f"the reply to {intent.client_order_id} is no order: {failure}") from failure
        if seen.client_order_id != intent.client_order_id:
            raise VenueOutcomeUnknown(f"the reply to {intent.client_order_id} is another order's")
        return seen

    def _plain_params(self, intent: OrderIntent) -> dict[str, str | int]:
        params: dict[str, str | int] = {
            "symbol": self._listing.names[intent.symbol],
            "side": intent.side.value.upper(),
            "type": "MARKET" if intent.price is None else "LIMIT",
            "quantity": decimal_text(intent.contracts),
            "newClientOrderId": intent.client_order_id,
            "newOrderRespType": "RESULT",
            "reduceOnly": "true" if intent.reduce_only else "false",
        }
        if intent.price is not None:
            params["price"] = _price_text(intent.price, intent.symbol)
            params["timeInForce"] = _IN_FORCE[intent.time_in_force]
        return params

    def _stop_params(self, intent: OrderIntent) -> dict[str, str | int]:
        if intent.trigger_price is None:
            raise VenueRefused(f"{intent.client_order_id} is a stop without a trigger", code="bad_request")
        return {
            "algoType": "CONDITIONAL",
            "symbol": self._listing.names[intent.symbol],
            "side": intent.side.value.upper(),
            "type": "STOP_MARKET",
            "quantity": decimal_text(intent.contracts),
            "triggerPrice": _price_text(intent.trigger_price, intent.symbol),
            "workingType": "MARK_PRICE",
            "reduceOnly": "true" if intent.reduce_only else "false",
            "clientAlgoId": intent.client_order_id,
        }

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Cancel one order and return its last state, which may be FILLED."""
        house = self._houses.get(client_order_id)
        if house is None:
            # Of an earlier life.
            seen = await self._look_up(symbol, client_order_id)
            if seen is not None and seen.state.is_final:
                return seen
            house = self._houses.get(client_order_id)
        # One that no list shows may be in either.
        houses = (House.PLAIN, House.CONDITIONAL) if house is None else (house,)
        was_there = [await self._delete(one, symbol, client_order_id) for one in houses]
        # A cancel is confirmed by what the order has ended as, not by its reply.
        seen = await self._look_up(symbol, client_order_id)
        if seen is not None:
            return seen
        if any(was_there):
            return self._cancelled_and_denied(client_order_id)
        raise VenueRefused(f"no order has the id {client_order_id}", code=NOT_FOUND)

    def _cancelled_and_denied(self, client_order_id: ClientOrderId) -> VenueOrder:
        """Return a stop that was cancelled and is shown no more because of its age; it would be, had it traded.

        Raises:
            VenueOutcomeUnknown: its age does not explain that.
        """
        known = self._records.resting.get(client_order_id)
        if known is None or self._venue_now() - known.created_at < _DENIED_AFTER:
            raise VenueOutcomeUnknown(f"{client_order_id} was cancelled and is not shown")
        del self._records.resting[client_order_id]
        return replace(known, state=OrderState.CANCELLED)

    async def _delete(self, house: House, symbol: Symbol, client_order_id: ClientOrderId) -> bool:
        """Ask for a cancel; return False when nothing of the kind is open: it may have traded."""
        try:
            if house is House.PLAIN:
                params = {"symbol": self._listing.names[symbol], "origClientOrderId": client_order_id}
                await self._calls.write("fapiPrivateDeleteOrder", params, lane=Lane.PROTECT)
            else:
                params = {"clientAlgoId": client_order_id}
                await self._calls.write("fapiPrivateDeleteAlgoOrder", params, lane=Lane.PROTECT)
        except VenueRefused as refusal:
            if refusal.code != NOT_FOUND:
                raise
            return False
        return True

    async def _look_up(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Find an order for a write.

        Raises:
            VenueOutcomeUnknown: the venue does not say.
        """
        try:
            return await self.find(symbol, client_order_id)
        except (VenueUnavailable, BadPayload) as failure:
            raise VenueOutcomeUnknown(str(failure)) from failure

    async def find(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Return one order of any age that the venue still knows, None when it says that it knows none.

        Raises:
            VenueUnavailable: it does not say.
            BadPayload: the answer cannot be understood.
        """
        house = self._houses.get(client_order_id)
        if house is not House.CONDITIONAL:
            params = {"symbol": self._listing.names[symbol], "origClientOrderId": client_order_id}
            row = await self._found("fapiPrivateGetOrder", params)
            if row is not None:
                return self.learn_plain(row)
        if house is not House.PLAIN:
            row = await self._found("fapiPrivateGetAlgoOrder", {"clientAlgoId": client_order_id})
            if row is not None:
                actual = await self._actual(row)
                seen = self.learn_conditional(row, actual)
                return replace(seen, state=OrderState.EXPIRED) if actual is None and self._is_spent(row) else seen
        return None

    def _is_spent(self, row: Row) -> bool:
        """Return whether a stop has fired so long ago that what it became would be denied, had it not traded."""
        if not translate.is_triggered(row):
            return False
        # Either of the two may be told as nothing.
        changed_at = max(translate.moment(row, "triggerTime"), translate.moment(row, "updateTime"))
        return self._venue_now() - changed_at >= _DENIED_AFTER

    async def _found(self, method: str, params: Mapping[str, str | int]) -> Row | None:
        """Return an order's document, None when the venue says that there is none."""
        return await self._calls.find(method, params, NOT_FOUND)

    async def _actual(self, row: Row) -> Row | None:
        """Return the order that a triggered stop became."""
        number = str(row.get("actualOrderId") or "")
        if not translate.is_triggered(row) or not number:
            return None
        return await self._found("fapiPrivateGetOrder", {"symbol": translate.text(row, "symbol"), "orderId": number})

    def learn_plain(self, row: Row) -> VenueOrder:
        """Return a plain order, and remember whose it is and where it lives."""
        seen = translate.order(row, self._listing.symbols)
        client_order_id = ClientOrderId(translate.text(row, "clientOrderId"))
        self._houses[client_order_id] = House.PLAIN
        self._records.learn(row.get("orderId"), client_order_id)
        self._records.traded.add(seen.symbol)
        return seen

    def learn_conditional(self, row: Row, actual: Row | None) -> VenueOrder:
        """Return a conditional order, and remember whose it is and where it lives."""
        seen = translate.conditional(row, self._listing.symbols, actual)
        client_order_id = ClientOrderId(translate.text(row, "clientAlgoId"))
        self._houses[client_order_id] = House.CONDITIONAL
        self._records.learn(row.get("actualOrderId"), client_order_id)
        self._records.traded.add(seen.symbol)
        if seen.state.is_final:
            self._records.resting.pop(client_order_id, None)
        else:
            self._records.resting[client_order_id] = seen
        return seen


def _price_text(price: Decimal, symbol: Symbol) -> str:
    """Return a price of one coin as the venue has it."""
    return decimal_text(price * translate.coins_in(symbol))
