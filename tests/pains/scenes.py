"""What do these tests have in common? An account with one short and its stop, and how to count what it holds."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.events import OrderIntended
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderType, Purpose
from bot.exchange.orders import ExchangeOrder
from bot.exchange.wire.faults import WireFaults, WireRule
from bot.exchange.wire.server import WireServer
from tests.live.rig import BTC_PERP, LiveOwner
from tests.simulation.test_scenarios import Owner

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: The hedge of the account of ``Owner`` and ``LiveOwner``: 0.018 BTC too much.
SHORT = Decimal("-0.018")


def stops(owner: Owner | LiveOwner) -> list[Decimal]:
    """Return the sizes of the stops that rest for BTC, by the exchange's own books."""
    return [order.contracts for order in stop_orders(owner)]


def stop_orders(owner: Owner | LiveOwner) -> list[ExchangeOrder]:
    """Return the stops that rest for BTC."""
    orders = owner.exchange.floor.open_orders.values()
    return [order for order in orders if order.type is OrderType.STOP_MARKET and order.symbol == BTC_PERP]


def sent(owner: Owner | LiveOwner, purpose: Purpose = Purpose.HEDGE) -> int:
    """Return how many orders of a kind the journal knows for BTC."""
    return len(_sent(owner, purpose))


def _sent(owner: Owner | LiveOwner, purpose: Purpose) -> set[ClientOrderId]:
    intents = [fact.intent for fact in owner.facts(OrderIntended)]
    return {one.client_order_id for one in intents if one.purpose is purpose and one.symbol == BTC_PERP}


def taken(owner: Owner | LiveOwner, purpose: Purpose = Purpose.HEDGE) -> int:
    """Return how many orders of a kind the exchange has taken for BTC."""
    ours = _sent(owner, purpose)
    return sum(order.client_order_id in ours for order in owner.exchange.floor.orders.values())


def _nothing() -> None:
    """Do it."""


class Heard(WireFaults):
    """Faults of a server that remembers what it was asked: (when, method, path)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self.asked: list[tuple[datetime, str, str]] = []
        self._awaited: dict[tuple[str, str], Callable[[], None]] = {}

    def once(self, method: str, path: str, do: Callable[[], None]) -> None:
        """Do something right before the next request of a kind is answered."""
        self._awaited[method, path] = do

    def meet(self, method: str, path: str) -> WireRule | None:
        """Note a request, and go on."""
        self.asked.append((self._now(), method, path))
        self._awaited.pop((method, path), _nothing)()
        return super().meet(method, path)


def listen(server: WireServer) -> Heard:
    """Let a server remember what it is asked."""
    server.app.faults = heard = Heard(server.app.served.now)
    return heard
