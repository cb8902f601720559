"""Which faults does an owner want to rehearse? ``lose_reply=2%,outage=1%:20m``, read and said back."""

import difflib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from bot.domain.units import decimal_text
from bot.settings import human

_LONGEST = timedelta(days=1)
_EXAMPLE = "write it like lose_reply=2%,refuse=1%,outage=1%:20m"


class PaperFault(StrEnum):
    """What the embedded exchange can be told to do wrong."""

    OUTAGE = "outage"
    REFUSE_STOP = "refuse_stop"
    REFUSE = "refuse"
    LOSE_REQUEST = "lose_request"
    DELAY = "delay"
    LOSE_REPLY = "lose_reply"
    PARTIAL_FILL = "partial_fill"
    DOUBLE_ORDER = "double_order"
    FORGET_ORDER = "forget_order"
    FEIGN_CANCEL = "feign_cancel"
    FAIL_READ = "fail_read"
    EMPTY_BALANCES = "empty_balances"
    NO_LIQUIDATION_PRICE = "no_liquidation_price"
    HIDDEN_POSITION = "hidden_position"
    LATE_POSITIONS = "late_positions"
    HIDDEN_ORDERS = "hidden_orders"
    LATE_TRADES = "late_trades"
    DUPLICATE_FILL = "duplicate_fill"
    STALE_QUOTES = "stale_quotes"
    SPREAD = "spread"
    CLOCK_SKEW = "clock_skew"
    DELEVERAGE = "deleverage"
    MISSING_FUNDING = "missing_funding"


#: The faults that last, and how long unless told otherwise.
LASTING: Mapping[PaperFault, timedelta] = {
    PaperFault.OUTAGE: timedelta(minutes=10),
    PaperFault.HIDDEN_POSITION: timedelta(minutes=10),
    PaperFault.LATE_POSITIONS: timedelta(minutes=10),
    PaperFault.HIDDEN_ORDERS: timedelta(minutes=10),
    PaperFault.LATE_TRADES: timedelta(minutes=10),
    PaperFault.STALE_QUOTES: timedelta(minutes=10),
    PaperFault.SPREAD: timedelta(minutes=30),
    PaperFault.CLOCK_SKEW: timedelta(hours=1),
    PaperFault.MISSING_FUNDING: timedelta(hours=12),
}
#: What the venue does at a moment of its own, by chance per market hour.
STRIKING = frozenset({PaperFault.DELEVERAGE})


class FaultChance(BaseModel):
    """How often, and for how long."""

    model_config = ConfigDict(frozen=True)

    chance_frac: Decimal
    #: Zero for a fault of a single call.
    lasts: timedelta = timedelta(0)


class PaperFaults(BaseModel):
    """The faults that are rehearsed."""

    model_config = ConfigDict(frozen=True)

    chances: Mapping[PaperFault, FaultChance] = {}

    def __str__(self) -> str:
        return ",".join(
            f"{fault}={decimal_text(one.chance_frac * 100)}%"
            + (f":{int(one.lasts.total_seconds())}s" if one.lasts else "")
            for fault, one in self.chances.items()
        )


def read_faults(text: str) -> PaperFaults:
    """Read ``lose_reply=2%,outage=1%:20m``, or ``off``.

    Raises:
        ValueError: with the mend.
    """
    chances: dict[PaperFault, FaultChance] = {}
    if text.strip().lower() in ("off", "none"):
        return PaperFaults()
    for part in filter(None, (one.strip() for one in text.split(","))):
        left, equals, right = part.partition("=")
        if not equals or not right.strip():
            raise ValueError(_EXAMPLE)
        fault = _fault(left)
        if fault in chances:
            raise ValueError(f"{fault} is named twice")
        try:
            chances[fault] = _chance(fault, right)
        except ValueError as err:
            raise ValueError(f"{fault}: {err}") from None
    return PaperFaults(chances=chances)


def _fault(text: str) -> PaperFault:
    given = text.strip().lower()
    try:
        return PaperFault(given)
    except ValueError:
        near = difflib.get_close_matches(given, list(PaperFault), n=1)
        mend = f"did you mean {near[0]}?" if near else f"the faults are {', '.join(PaperFault)}"
        raise ValueError(f"there is no fault {given}; {mend}") from None


def _chance(fault: PaperFault, text: str) -> FaultChance:
    share, colon, lasts = text.partition(":")
    chance_frac = human.fraction(share)
    if chance_frac > 1:
        raise ValueError("write a chance of 100% at most")
    if fault not in LASTING:
        if colon:
            where = "at single moments" if fault in STRIKING else "to single calls"
            raise ValueError(f"it happens {where} and does not last: write {fault}={share.strip()}")
        return FaultChance(chance_frac=chance_frac)
    span = human.duration(lasts) if colon else LASTING[fault]
    if span > _LONGEST:
        raise ValueError("write a duration of 1d at most")
    return FaultChance(chance_frac=chance_frac, lasts=span)
