"""What has happened in a run? Every disturbance, every order and trade, and what the bot said, in the order of time."""

from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import Any

import structlog

from bot.exchange.orders import ExchangeOrder
from bot.exchange.records import Trade
from tests.simulation.seeds.life import Life
from tests.simulation.seeds.scenario import Event

Say = Callable[[str], None]
_WIDTH = 200


def told(life: Life, say: Say, first: datetime | None = None) -> None:
    """Let a life be told from a moment on."""

    def at(moment: datetime, sentence: str) -> None:
        if first is None or moment >= first:
            say(f"{moment:%m-%d %H:%M:%S.%f} {sentence}")

    def see(moment: datetime, _kind: str, record: Any) -> None:
        if isinstance(record, ExchangeOrder):
            price = record.trigger_price if record.price is None else record.price
            at(
                moment,
                f"  order {record.client_order_id} {record.side} {record.contracts} {record.symbol} {record.type}"
                f" at {price}: {record.state}, {record.filled} filled {record.reason}",
            )
        elif isinstance(record, Trade):
            at(moment, f"  trade {record.side} {record.contracts} {record.symbol} at {record.price}")

    def log(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> str:
        at(life.exchange.now, f"    {line.get('event')} [{line.get('code')}]"[:_WIDTH])
        raise structlog.DropEvent

    def happens(event: Event) -> None:
        at(event.at, f"* {event.kind}")

    life.exchange.floor.observers.append(see)
    life.on_event = happens
    life.on_fault = lambda kind: at(life.exchange.now, f"** {kind}")
    structlog.configure(processors=[log], wrapper_class=structlog.make_filtering_bound_logger(20))
