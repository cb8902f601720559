"""What does holding a contract cost, which one is held, and when is it left?"""

from datetime import timedelta
from decimal import Decimal

from pydantic import Field

from bot.settings.model.fields import Block, Duration, Number, Share


class FundingSettings(Block):
    """Funding."""

    max_annual: Share = Field(
        Decimal("0.60"),
        description="annualised funding paid beyond this: no increase, and an alert",
    )
    reduce_annual: Share = Field(Decimal(2), description="beyond this for three settlements: half of the leg goes")
    gap_alert: Duration = Field(
        timedelta(hours=4), description="a settlement whose payment is not found for longer than this alerts"
    )


class ChoiceSettings(Block):
    """Which of several contracts holds a hedge: the one that is cheapest to hold."""

    horizon: Duration = Field(timedelta(days=30), description="how long a hedge is expected to be held")
    switch_multiple: Number = Field(Decimal(2), description="a switch must save this many times its cost within that")
    indifference: Share = Field(Decimal("0.005"), description="costs a year less apart than this are alike")
    half_life: Duration = Field(timedelta(days=3), description="of the funding and basis that costs are reckoned with")
    min_depth: Share = Field(Decimal("0.05"), description="a book with less of the deepest one's depth is too thin")


class RollSettings(Block):
    """Leaving a contract before it expires."""

    passive_before: Duration = Field(
        timedelta(hours=24), description="before expiry: from here on what opens goes into the next contract"
    )
    spread_before: Duration = Field(
        timedelta(hours=8), description="from here on the position is passed on, at bounded prices"
    )
    outright_before: Duration = Field(
        timedelta(hours=2), description="from here on at what the books give; at half of it the perpetual will do"
    )
    max_cost: Share = Field(Decimal("0.001"), description="bounded: at most this much worse than the marks say")
    max_leg_gap: Share = Field(Decimal("0.25"), description="most of a position that is open twice, or not at all")
    leg_gap_deadline: Duration = Field(timedelta(seconds=60), description="the same for longer than this alerts")


class BasisSettings(Block):
    """How far contracts are from the spot price."""

    alert: Share = Field(Decimal("0.01"), description="mark further from the index than this is told")
    alert_annual: Share = Field(
        Decimal("0.20"), description="and for a contract that expires, so much more for each year that is left"
    )
