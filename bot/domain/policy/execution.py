"""How are orders worked?"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class ExecutionStyle(StrEnum):
    """How a leg is worked."""

    #: Chosen leg by leg: by what it does and by its size against the depth at the touch.
    AUTO = "auto"
    #: At once, within a price bound.
    IOC = "ioc"
    #: Post-only at the touch, re-pegged as it moves; IOC at a deadline.
    CHASE = "chase"
    #: Slices over time, each immediate.
    TWAP = "twap"


#: With every order the venue is told to discard it when it arrives later than this.
VALIDITY_SENT = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionPolicy:
    """How orders are worked."""

    #: The limit of an IOC order stands this far through the touch.
    max_slippage_frac: Decimal = Decimal("0.003")
    #: For a reduction the bound is this wide, and wider where prices disagree.
    max_reduce_slippage_frac: Decimal = Decimal("0.01")
    #: IOC rounds per leg and look.
    max_rounds: int = 3
    #: The venue discards a write that it sees later than this.
    validity: timedelta = VALIDITY_SENT
    #: After validity, how long without a trace before an unknown order is closed as absent.
    settle_delay: timedelta = timedelta(seconds=5)
    #: The same for an order that increases: the lists of a venue may all be behind, and a second one would double it.
    increase_settle_delay: timedelta = timedelta(minutes=1)
    #: An increasing order that the venue has taken may work unseen: how long without a trace before it is given up.
    lost_after: timedelta = timedelta(hours=1)
    #: Deadline of one network call.
    call_timeout: timedelta = timedelta(seconds=10)
    style: ExecutionStyle = ExecutionStyle.IOC
    #: With ``AUTO``: a leg of more than this many times the depth at the touch is sliced.
    twap_depths: Decimal = Decimal(5)
    #: How often a leg that is being worked is looked after.
    work_interval: timedelta = timedelta(seconds=5)
    #: A chase that has not filled by then takes what is there.
    chase_deadline: timedelta = timedelta(minutes=2)
    #: So does one from which the price has run away by this share since the decision.
    chase_adverse_frac: Decimal = Decimal("0.0015")
    #: Over how long a leg is sliced, and into how many slices at most.
    twap_duration: timedelta = timedelta(minutes=30)
    twap_slices: int = 10
    #: No slice trades further than this from the price at which the work began.
    twap_drift_frac: Decimal = Decimal("0.01")
