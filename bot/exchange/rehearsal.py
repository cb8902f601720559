"""What goes wrong by chance, when an owner rehearses? Every fault has its chance, and all chance comes from a seed.

Rules of this file:

- A fault of a call is drawn from the seed, its name and the number of the call. The number is kept with the exchange
  whenever a fault has happened: a restart does not meet the same fault again, and skips none.
- A fault that lasts is drawn from the seed, its name and the market hour, so that it is the same however often, and
  from how many processes, one looks.
- Faults do not share their chances: switching one on does not move another.
"""

import random  # noqa: TID251 - seeded generators only: chance is what is rehearsed
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from functools import lru_cache

from bot.domain.ids import Symbol
from bot.domain.orders import OrderType
from bot.exchange.contracts import Contract
from bot.exchange.faults import (
    DelayRequest,
    DeliverTwice,
    Effect,
    FailRead,
    FeignCancel,
    FillOnly,
    ForgetOrder,
    FreezeQuotes,
    HideOrders,
    LagPositions,
    LagTrades,
    LoseReply,
    LoseRequest,
    OmitBalances,
    OmitFunding,
    OmitLiquidationPrices,
    OmitPosition,
    Refuse,
    RepeatTrades,
    ShiftTime,
)
from bot.exchange.moments import HOUR_US, span_us
from bot.exchange.orders import OrderRequest

#: A delayed request arrives after one of these many seconds; the validity of a request lies between.
_DELAY_SECONDS = (1, 10)
#: How far ahead the clock of the venue goes.
_SKEW = timedelta(seconds=20)
#: How far behind a list of positions or trades is.
_LATE = timedelta(seconds=10)
#: For how long an order goes on whose cancel was confirmed.
_FEIGNED = timedelta(seconds=30)


class FaultKind(StrEnum):
    """What may go wrong. In this order: of two for the same call, the first one happens."""

    #: Nothing is answered for a while, and nothing that is sent arrives.
    OUTAGE = "outage"
    #: A stop is refused.
    REFUSE_STOP = "refuse_stop"
    #: An order or a cancel is refused.
    REFUSE = "refuse"
    #: An order or a cancel never arrives, and nobody says so.
    LOSE_REQUEST = "lose_request"
    #: An order arrives late, or too late, and nobody says so.
    DELAY = "delay"
    #: An order or a cancel is carried out, and nobody says so.
    LOSE_REPLY = "lose_reply"
    #: An order trades only a part at once.
    PARTIAL_FILL = "partial_fill"
    #: An order arrives twice.
    DOUBLE_ORDER = "double_order"
    #: An order that would rest is confirmed, and is not there.
    FORGET_ORDER = "forget_order"
    #: A cancel is confirmed, and the order goes on for a while.
    FEIGN_CANCEL = "feign_cancel"
    #: A question is not answered.
    FAIL_READ = "fail_read"
    #: The account is told without its balances.
    EMPTY_BALANCES = "empty_balances"
    #: The account is told without liquidation prices.
    NO_LIQUIDATION_PRICE = "no_liquidation_price"
    #: One position is left out of the account for a while.
    HIDDEN_POSITION = "hidden_position"
    #: Positions are told as they were some seconds ago, for a while.
    LATE_POSITIONS = "late_positions"
    #: Orders are neither listed nor found for a while.
    HIDDEN_ORDERS = "hidden_orders"
    #: The newest trades are not listed yet, for a while.
    LATE_TRADES = "late_trades"
    #: Trades are listed twice.
    DUPLICATE_FILL = "duplicate_fill"
    #: Quotes stop moving for a while.
    STALE_QUOTES = "stale_quotes"
    #: The book is thin and wide for a while.
    SPREAD = "spread"
    #: The venue's clock is ahead for a while.
    CLOCK_SKEW = "clock_skew"
    #: The venue takes half of a position away.
    DELEVERAGE = "deleverage"
    #: The history of funding leaves out every second payment for a while.
    MISSING_FUNDING = "missing_funding"


#: The faults that last; their chance is per market hour.
LASTING = frozenset(
    {
        FaultKind.OUTAGE,
        FaultKind.HIDDEN_POSITION,
        FaultKind.LATE_POSITIONS,
        FaultKind.HIDDEN_ORDERS,
        FaultKind.LATE_TRADES,
        FaultKind.STALE_QUOTES,
        FaultKind.SPREAD,
        FaultKind.CLOCK_SKEW,
        FaultKind.MISSING_FUNDING,
    }
)
#: What the venue does at a moment of its own; the chance is per market hour, too.
STRIKING = frozenset({FaultKind.DELEVERAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """One fault as the owner wants it."""

    kind: FaultKind
    #: Per call, or per market hour of a fault that lasts or strikes.
    chance_frac: Decimal
    #: Of a fault that lasts.
    lasts: timedelta = timedelta(0)


#: Told of a fault with the call (of one that strikes, the symbol) that it met; a fault that lasts is told once, when it
#: is first felt.
FaultObserver = Callable[[FaultKind, str], None]


class Rehearsal:
    """Faults by chance."""

    def __init__(
        self, planned: Sequence[Rehearsed], seed: int, contracts: Mapping[Symbol, Contract], now_us: Callable[[], int]
    ) -> None:
        #: What may happen from now on.
        self.planned = tuple(sorted(planned, key=lambda one: list(FaultKind).index(one.kind)))
        #: How many calls there have been.
        self.calls = 0
        #: How often each fault has happened; one that lasts counts once.
        self.met: Counter[FaultKind] = Counter()
        self.observers: list[FaultObserver] = []
        self._seed = seed
        self._contracts = contracts
        self._now_us = now_us
        self._begun: dict[FaultKind, int] = {}

    def meet(self, call: str, request: OrderRequest | None) -> Effect | None:
        """Return what happens to a call."""
        if not self.planned:
            return None
        self.calls += 1
        for one in self.planned:
            if not _concerns(one.kind, call, request):
                continue
            if one.kind in LASTING:
                happens = self.is_on(one.kind, call)
                effect = _lasting_effect(one.kind, call) if happens else None
            else:
                effect = self._draw(one, call, request)
            if effect is not None:
                return effect
        return None

    def _draw(self, one: Rehearsed, call: str, request: OrderRequest | None) -> Effect | None:
        draw = random.Random(f"{self._seed}/{one.kind}/{self.calls}")  # noqa: S311 - a rehearsal, not a secret
        if draw.random() >= float(one.chance_frac):
            return None
        if request is not None and one.kind is FaultKind.PARTIAL_FILL:
            effect = self._part_of(request, draw)
        else:
            effect = _effect(one.kind, draw)
        if effect is not None:
            self.tell(one.kind, call)
        return effect

    def _part_of(self, request: OrderRequest, draw: random.Random) -> Effect | None:
        contract = self._contracts.get(request.symbol)
        if contract is None:
            return None
        lots = (request.contracts / contract.lot * draw.randint(1, 9) / 10).to_integral_value(ROUND_FLOOR)
        return FillOnly(lots * contract.lot) if lots else None

    def is_on(self, kind: FaultKind, call: str = "") -> bool:
        """Return whether a fault that lasts is going on now."""
        for one in self.planned:
            if one.kind is not kind:
                continue
            now_us, lasts_us = self._now_us(), span_us(one.lasts)
            for hour_us in range((now_us - lasts_us) // HOUR_US * HOUR_US, now_us + 1, HOUR_US):
                begin_us = _begin_us(self._seed, kind, float(one.chance_frac), hour_us)
                if begin_us is not None and begin_us <= now_us < begin_us + lasts_us:
                    if self._begun.get(kind) != begin_us:
                        self._begun[kind] = begin_us
                        self.tell(kind, call)
                    return True
        return False

    def is_planned(self, kind: FaultKind) -> bool:
        """Return whether a fault may happen from now on."""
        return any(one.kind is kind for one in self.planned)

    def moment_us(self, kind: FaultKind, at_us: int) -> int | None:
        """Return when a planned fault strikes in the market hour that holds ``at_us``; None: not in this one."""
        chance_frac = next(one.chance_frac for one in self.planned if one.kind is kind)
        return _begin_us(self._seed, kind, float(chance_frac), at_us // HOUR_US * HOUR_US)

    def tell(self, kind: FaultKind, call: str) -> None:
        """Count a fault that has happened, and tell those who watch."""
        self.met[kind] += 1
        for observer in self.observers:
            observer(kind, call)


@lru_cache(maxsize=4096)
def _begin_us(seed: int, kind: FaultKind, chance: float, hour_us: int) -> int | None:
    """Return when a fault begins in a market hour, None when it does not."""
    draw = random.Random(f"{seed}/{kind}/{hour_us}")  # noqa: S311 - a rehearsal, not a secret
    return hour_us + draw.randrange(HOUR_US) if draw.random() < chance else None


def _concerns(kind: FaultKind, call: str, request: OrderRequest | None) -> bool:
    """Return whether a fault can happen to a call at all."""
    match kind:
        case FaultKind.OUTAGE:
            return True
        case FaultKind.REFUSE_STOP:
            return request is not None and request.type is OrderType.STOP_MARKET
        case FaultKind.PARTIAL_FILL:
            return request is not None and request.type is not OrderType.STOP_MARKET
        case FaultKind.DOUBLE_ORDER | FaultKind.FORGET_ORDER:
            return request is not None
        case FaultKind.FAIL_READ | FaultKind.CLOCK_SKEW:
            return call.startswith("fetch_")
        case _:
            return call in _CALLS.get(kind, ())


_ORDERS = ("submit", "submit_spread")
#: The calls that others happen to, or whose answer is wrong; what is not here happens to none.
_CALLS: Mapping[FaultKind, tuple[str, ...]] = {
    FaultKind.REFUSE: (*_ORDERS, "cancel"),
    FaultKind.LOSE_REQUEST: (*_ORDERS, "cancel"),
    FaultKind.LOSE_REPLY: (*_ORDERS, "cancel"),
    FaultKind.DELAY: _ORDERS,
    FaultKind.FEIGN_CANCEL: ("cancel",),
    FaultKind.EMPTY_BALANCES: ("fetch_account",),
    FaultKind.NO_LIQUIDATION_PRICE: ("fetch_account",),
    FaultKind.HIDDEN_POSITION: ("fetch_account",),
    FaultKind.LATE_POSITIONS: ("fetch_account",),
    FaultKind.HIDDEN_ORDERS: ("fetch_account", "fetch_order"),
    FaultKind.LATE_TRADES: ("fetch_fills",),
    FaultKind.DUPLICATE_FILL: ("fetch_fills",),
    FaultKind.STALE_QUOTES: ("fetch_quotes",),
    FaultKind.MISSING_FUNDING: ("fetch_funding",),
}

_EFFECTS: Mapping[FaultKind, Effect] = {
    FaultKind.REFUSE_STOP: Refuse(code="stop_refused", why="stop orders are not taken at the moment"),
    FaultKind.REFUSE: Refuse(code="system_busy", why="system busy"),
    FaultKind.LOSE_REQUEST: LoseRequest(),
    FaultKind.LOSE_REPLY: LoseReply(),
    FaultKind.DOUBLE_ORDER: DeliverTwice(),
    FaultKind.FORGET_ORDER: ForgetOrder(),
    FaultKind.FEIGN_CANCEL: FeignCancel(_FEIGNED),
    FaultKind.HIDDEN_POSITION: OmitPosition(),
    FaultKind.LATE_POSITIONS: LagPositions(_LATE),
    FaultKind.HIDDEN_ORDERS: HideOrders(),
    FaultKind.LATE_TRADES: LagTrades(_LATE),
    FaultKind.FAIL_READ: FailRead(),
    FaultKind.EMPTY_BALANCES: OmitBalances(),
    FaultKind.NO_LIQUIDATION_PRICE: OmitLiquidationPrices(),
    FaultKind.DUPLICATE_FILL: RepeatTrades(),
    FaultKind.STALE_QUOTES: FreezeQuotes(),
    FaultKind.CLOCK_SKEW: ShiftTime(_SKEW),
    FaultKind.MISSING_FUNDING: OmitFunding(),
}


def _effect(kind: FaultKind, draw: random.Random) -> Effect:
    if kind is FaultKind.DELAY:
        return DelayRequest(timedelta(seconds=draw.randint(*_DELAY_SECONDS)))
    return _EFFECTS[kind]


def _lasting_effect(kind: FaultKind, call: str) -> Effect:
    if kind is FaultKind.OUTAGE:
        return FailRead() if call.startswith("fetch_") else LoseRequest()
    return _EFFECTS[kind]
