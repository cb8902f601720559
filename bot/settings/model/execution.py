"""How are orders worked?"""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from bot.domain.policy import VALIDITY_SENT, ExecutionStyle
from bot.settings import human
from bot.settings.model.fields import Block, Duration, Number, Share, Whole, choice, read, whole_number


def _slices(text: str) -> int:
    count = whole_number(text)
    if not 1 <= count <= 1000:
        raise ValueError("write a number from 1 to 1000")
    return count


def _validity(text: str) -> timedelta:
    value = human.duration(text)
    if value < VALIDITY_SENT:
        least = int(VALIDITY_SENT.total_seconds())
        raise ValueError(f"write {least}s or more: until then the venue may still take the order")
    return value


class ExecutionSettings(Block):
    """How orders are worked."""

    max_slippage: Share = Field(Decimal("0.003"), description="limit of an increasing order, beyond the touch")
    max_reduce_slippage: Share = Field(Decimal("0.01"), description="limit of a reducing order, beyond the touch")
    max_rounds: Whole = Field(3, description="orders per leg and look")
    validity: Annotated[timedelta, read(_validity)] = Field(
        VALIDITY_SENT, description="an order may arrive this late: the venue discards it after 5s; not less than that"
    )
    settle_delay: Duration = Field(timedelta(seconds=5), description="after that, how long a trace is waited for")
    increase_settle_delay: Duration = Field(
        timedelta(minutes=1), description="the same for an increasing order, which would be hedged twice"
    )
    lost_after: Duration = Field(
        timedelta(hours=1), description="an increasing order that was taken and is not found is given up after this"
    )
    call_timeout: Duration = Field(timedelta(seconds=10), description="deadline of one network call")
    style: Annotated[ExecutionStyle, choice(ExecutionStyle)] = Field(
        ExecutionStyle.AUTO,
        description="ioc: at once; chase: post-only at the touch, then ioc; twap: slices; auto: chase, or twap where a"
        " leg is large against the depth",
    )
    twap_depths: Number = Field(Decimal(5), description="auto: a leg of more than this many touch depths is sliced")
    work_interval: Duration = Field(timedelta(seconds=5), description="how often a worked leg is looked after")
    chase_deadline: Duration = Field(timedelta(minutes=2), description="chase: after this take what is there")
    chase_adverse: Share = Field(Decimal("0.0015"), description="chase: so too when the price has run away this far")
    twap_duration: Duration = Field(timedelta(minutes=30), description="twap: over how long a leg is sliced")
    twap_slices: Annotated[int, read(_slices)] = Field(10, description="twap: into how many slices at most")
    twap_drift: Share = Field(Decimal("0.01"), description="twap: no slice trades further from the first price")
