"""What does holding a contract cost, which one is held, and when is it left?"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPolicy:
    """What is done about funding. From ``RiskLimits.max_funding_annual`` on it is told, and nothing is added."""

    #: Annualised funding beyond which a leg is made smaller. Getting out and in again costs a few tenths of a per cent:
    #: what passes within days is cheaper borne.
    reduce_annual: Decimal = Decimal(2)
    #: A settlement whose payment is not found for longer than this is alerted.
    gap_alert: timedelta = timedelta(hours=4)
    #: So many settlements in a row above that make the leg smaller, and so many below half of it end the ceiling.
    settlements: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePolicy:
    """Which of several contracts holds a hedge."""

    #: How long a hedge is expected to be held: a switch must pay for itself within it,
    horizon: timedelta = timedelta(days=30)
    #: this many times over.
    margin: Decimal = Decimal(2)
    #: Costs a year that are less than this apart are alike: the owner's order decides.
    indifference: Decimal = Decimal("0.005")
    #: Half-life of the smoothed funding and basis.
    half_life: timedelta = timedelta(days=3)
    #: A book with less than this share of the deepest one's depth is too thin.
    min_depth_frac: Decimal = Decimal("0.05")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollPolicy:
    """When a position leaves its contract, and how. The three stages begin this long before expiry."""

    #: From here on what opens goes into the far contract.
    passive_before: timedelta = timedelta(hours=24)
    #: From here on the position is passed on at bounded prices.
    spread_before: timedelta = timedelta(hours=8)
    #: From here on at what the books give.
    outright_before: timedelta = timedelta(hours=2)
    #: A halted bot says from here on that nobody rolls.
    halted_alert_before: timedelta = timedelta(hours=72)
    #: At bounded prices passing on costs at most this share of the price more than the marks say.
    max_cost_frac: Decimal = Decimal("0.0010")
    #: Near and far are never further apart than this share of the position.
    max_leg_gap_frac: Decimal = Decimal("0.25")
    #: Nor for longer than this without an alert.
    leg_gap_deadline: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisPolicy:
    """When a contract's distance from the index is told."""

    #: |mark ÷ index − 1|, and for a contract that expires so much more for each year that is left.
    alert_frac: Decimal = Decimal("0.01")
    alert_annual: Decimal = Decimal("0.20")
    #: Better than the bound by this share, before it is no longer told.
    hysteresis_frac: Decimal = Decimal("0.20")
