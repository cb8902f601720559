"""What goes wrong between the account and the venue? Tests say it here, call by call; a rehearsal leaves it to chance.

A fault looks at a call and returns what happens to it, or None to let it pass. Faults are asked in the order
they were added; one
that has happened as often as it was told to is forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.orders import OrderType
from bot.exchange.orders import OrderRequest


class RequestLost(Exception):
    """The request never arrived; the caller cannot know."""


class ReplyLost(Exception):
    """The request was executed; the caller cannot know."""


class ReadFailed(Exception):
    """A read was not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The venue refuses, and says so."""

    code: str
    why: str = "refused by the venue"


@dataclass(frozen=True, slots=True)
class LoseRequest:
    """The request is lost on its way."""


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The request is executed, the reply is lost."""


@dataclass(frozen=True, slots=True)
class DelayRequest:
    """The caller hears nothing, and the request arrives later, if it is still valid then."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class DeliverTwice:
    """The request arrives twice, as a network that repeats itself would have it. The caller hears of the first."""


@dataclass(frozen=True, slots=True)
class ForgetOrder:
    """An order that would rest is confirmed, and is not there."""


@dataclass(frozen=True, slots=True)
class FeignCancel:
    """A cancel is confirmed, and the order goes on for a while."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class FillOnly:
    """No more than so many contracts are traded at once."""

    contracts: Decimal


@dataclass(frozen=True, slots=True)
class FailRead:
    """The read is not answered."""


@dataclass(frozen=True, slots=True)
class OmitBalances:
    """The account is told without its balances."""


@dataclass(frozen=True, slots=True)
class OmitLiquidationPrices:
    """The account is told without liquidation prices."""


@dataclass(frozen=True, slots=True)
class OmitPosition:
    """The account is told without one of its positions: the first by symbol."""


@dataclass(frozen=True, slots=True)
class LagPositions:
    """Positions are told as they were a while ago, and everything else as it is."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class HideOrders:
    """Orders are neither listed nor found."""

    #: Of these types; None is all.
    types: frozenset[OrderType] | None = None

    def hides(self, order_type: OrderType) -> bool:
        """Return whether an order of a type is hidden."""
        return self.types is None or order_type in self.types


@dataclass(frozen=True, slots=True)
class LagTrades:
    """The trades of the last while are not listed yet."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class LagTransfers:
    """The transfers of the last while are not listed yet, and nothing listed tells whose a transfer was."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class ForgetTrades:
    """The history of trades reaches back no further than this."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class RepeatTrades:
    """Every trade is listed twice."""


@dataclass(frozen=True, slots=True)
class FreezeQuotes:
    """Quotes are told as they were when this began."""


class Distortion(StrEnum):
    """What is wrong with a price."""

    #: All prices of one contract, the first, are half again as high.
    SPIKE = "spike"
    #: Whoever buys is offered less than whoever sells.
    CROSSED = "crossed"
    #: There is none.
    ZERO = "zero"


@dataclass(frozen=True, slots=True)
class DistortQuotes:
    """Quotes are wrong."""

    how: Distortion


@dataclass(frozen=True, slots=True)
class ShiftTime:
    """The answer is stamped by a clock that is ahead."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class OmitFunding:
    """The history of funding is told without some of its payments."""

    #: Those settled at these moments; None is every second payment, by its number.
    settled: frozenset[datetime] | None = None


#: What is wrong with an answer.
Slip = (
    OmitBalances
    | OmitLiquidationPrices
    | OmitPosition
    | LagPositions
    | HideOrders
    | LagTrades
    | LagTransfers
    | ForgetTrades
    | RepeatTrades
    | FreezeQuotes
    | DistortQuotes
    | ShiftTime
    | OmitFunding
)
Effect = (
    Refuse
    | LoseRequest
    | LoseReply
    | DelayRequest
    | DeliverTwice
    | ForgetOrder
    | FeignCancel
    | FillOnly
    | FailRead
    | Slip
)

#: (name of the call, the order request where there is one) → what happens to it.
Fault = Callable[[str, OrderRequest | None], Effect | None]


@dataclass(slots=True)
class _Planned:
    fault: Fault
    times_left: int


class Faults:
    """The faults to come."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        #: Asked when none of those that were added happens, and never used up.
        self.standing: Fault | None = None

    def add(self, fault: Fault, *, times: int = 1) -> None:
        """Let a fault happen ``times`` times."""
        self._planned.append(_Planned(fault, times))

    def on(self, call: str, effect: Effect, *, times: int = 1, after: int = 0) -> None:
        """Let ``effect`` happen to the next calls of that name, once ``after`` of them have passed."""
        passed = 0

        def fault(name: str, request: OrderRequest | None) -> Effect | None:  # noqa: ARG001 -- any request
            nonlocal passed
            if name != call:
                return None
            passed += 1
            return effect if passed > after else None

        self.add(fault, times=times)

    def clear(self) -> None:
        """Forget all faults to come."""
        self._planned.clear()

    def meet(self, call: str, request: OrderRequest | None = None) -> Effect | None:
        """Return what happens to a call."""
        for planned in self._planned:
            effect = planned.fault(call, request)
            if effect is not None:
                planned.times_left -= 1
                if planned.times_left == 0:
                    self._planned.remove(planned)
                return effect
        return None if self.standing is None else self.standing(call, request)
