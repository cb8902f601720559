"""When does it look, and how much does it do at once?"""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from bot.settings import human
from bot.settings.model.fields import Block, Duration, Number, NumberOrOff, Share, ShareOrOff, read, whole_number


def _tranches(text: str) -> int | None:
    if text.strip().lower() == "off":
        return None
    count = whole_number(text)
    if not 2 <= count <= 100:
        raise ValueError("write a number from 2 to 100, or off")
    return count


class CadenceSettings(Block):
    """Looks between those of the calendar."""

    move_sigmas: NumberOrOff = Field(
        Decimal(4), description="look early when an asset has moved this many σ; off allowed"
    )
    misfire_grace: Duration = Field(timedelta(minutes=30), description="a look that is later than this is dropped")


class VolatilitySettings(Block):
    """More frequent looks and smaller actions when the market is wild. On when a reference is set."""

    reference: ShareOrOff = Field(
        None, description="annualised σ of the portfolio at which interval and actions are whole, for example 60%; off"
    )
    interval: Duration = Field(timedelta(days=1), description="between two looks at the reference σ")
    min_interval: Duration = Field(timedelta(hours=1), description="never shorter than this")
    max_interval: Duration = Field(timedelta(days=3), description="never longer than this")
    min_action: Share = Field(Decimal("0.25"), description="an action is at least this share of the way")


class DcaSettings(Block):
    """Corrections in tranches. On when tranches are set."""

    tranches: Annotated[int | None, read(_tranches)] = Field(
        None, description="number of tranches of a correction, 2 to 100; off"
    )
    interval: Duration = Field(timedelta(hours=6), description="between two tranches")


class CostGateSettings(Block):
    """A correction must be worth what it costs. On when the horizon is set."""

    horizon: Annotated[timedelta | None, read(human.duration_or_off)] = Field(
        None, description="how long a corrected gap is expected to matter, for example 30d; off"
    )
    risk_aversion: Number = Field(Decimal(4), description="γ: what a unit of variance is worth")
