"""What bounds a loss? Stops, the gate, the breaker."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class StopAnchor(StrEnum):
    """What a stop's distance is measured from."""

    #: Mark, again at each look: a bound on what can happen between looks.
    LOOK = "look"
    #: The average entry: a stop-loss in the trader's sense.
    ENTRY = "entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy:
    """How far the resting stop of a position stands from mark."""

    anchor: StopAnchor = StopAnchor.LOOK
    min_distance_frac: Decimal = Decimal("0.25")
    #: The distance is at least this many daily standard deviations.
    daily_sigmas: Decimal = Decimal(5)
    #: A leg is made smaller rather than stopped closer than this many daily standard deviations.
    floor_sigmas: Decimal = Decimal(3)
    #: The trigger stays this share of the way from mark to liquidation short of liquidation.
    liquidation_buffer_frac: Decimal = Decimal("0.20")
    #: A resting trigger is moved only when it is off by more than this share of the mark.
    reanchor_frac: Decimal = Decimal("0.02")
    #: Unprotected for longer than this, the next rung of the ladder is taken.
    deadline: timedelta = timedelta(seconds=30)
    #: How long a ceiling from a stop-out or a taken profit lasts.
    ceiling_duration: timedelta = timedelta(hours=24)
    #: A profit is taken this far from the average entry, as a share of it; None is off.
    take_profit_frac: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What an order that increases exposure must pass. Reductions pass all of it."""

    #: Gross notional ÷ margin balance per wallet, after the trade.
    max_leverage: Decimal = Decimal(3)
    #: Adverse move that the wallet must survive: parallel, and against every leg at once.
    stress_frac: Decimal = Decimal("0.30")
    #: Margin balance after the stress must be this multiple of maintenance.
    stress_maintenance_multiple: Decimal = Decimal("1.5")
    #: Largest single order, as a share of V.
    max_order_frac: Decimal = Decimal("0.50")
    #: Increasing notional per 24 hours, as a share of V.
    max_turnover_frac: Decimal = Decimal(2)
    #: Largest increasing order, as a multiple of what the book shows.
    max_order_depths: Decimal = Decimal(100)
    max_increasing_orders_per_minute: int = 20
    #: Protective orders have a budget of their own.
    max_reducing_orders_per_minute: int = 60
    #: |mark ÷ index − 1| beyond this refuses increases.
    max_mark_index_frac: Decimal = Decimal("0.03")
    #: For a contract that expires the bound is wider by this much for each year that is left.
    max_basis_annual: Decimal = Decimal("0.30")
    #: |last ÷ mark − 1| beyond this refuses increases.
    max_last_mark_frac: Decimal = Decimal("0.03")
    #: |index of one venue ÷ median − 1| beyond this refuses increases.
    max_index_spread_frac: Decimal = Decimal("0.02")
    #: An index that is this far from what it was within ``leap_settle`` is not looked at until it has stood so long.
    max_leap_frac: Decimal = Decimal("0.10")
    leap_settle: timedelta = timedelta(minutes=5)
    max_quote_age: timedelta = timedelta(seconds=60)
    max_account_age: timedelta = timedelta(seconds=60)
    #: Annualised funding paid by the hedge beyond this refuses increases.
    max_funding_annual: Decimal = Decimal("0.60")
    #: Cash that is worth this much off a dollar may not be added to.
    max_depeg_frac: Decimal = Decimal("0.03")
    #: Within this of a dollar a stablecoin counts as 1.
    peg_tolerance_frac: Decimal = Decimal("0.01")


class LossMeasure(StrEnum):
    """How a loss of the overlay is measured."""

    #: Beside the coins alone, within a day.
    DAY = "day"
    #: Beside the coins alone, from where it stood best against them.
    DRAWDOWN = "drawdown"
    #: Fees, slippage, whipsaw and net funding within 30 days.
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """What the overlay may lose before it only reduces, in shares of the portfolio's value."""

    max_day_frac: Decimal = Decimal("0.05")
    max_drawdown_frac: Decimal = Decimal("0.15")
    max_cost_frac: Decimal = Decimal("0.03")

    def limit(self, measure: LossMeasure) -> Decimal:
        """Return how much may be lost by one measure."""
        return {
            LossMeasure.DAY: self.max_day_frac,
            LossMeasure.DRAWDOWN: self.max_drawdown_frac,
            LossMeasure.COST: self.max_cost_frac,
        }[measure]
