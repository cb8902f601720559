"""When does it look, and how much does it do at once?"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CadencePolicy:
    """When to look."""

    #: Crontab text of five fields, in ``timezone``; None where volatility alone says when.
    cron: str | None = "0 0 * * *"
    timezone: str = "UTC"
    #: Look early when an asset has moved this many σ (scaled to the time since the last look); None is off.
    move_sigmas: Decimal | None = Decimal(4)
    #: A job that is later than this is dropped, and said so.
    misfire_grace: timedelta = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolatilityPolicy:
    """Higher volatility means more frequent looks and smaller actions."""

    #: Annualised σ of the portfolio at which looks come at ``base_interval`` and actions are whole.
    reference_annual: Decimal
    base_interval: timedelta = timedelta(days=1)
    min_interval: timedelta = timedelta(hours=1)
    max_interval: timedelta = timedelta(days=3)
    #: An action is never a smaller share of the distance than this.
    min_action_frac: Decimal = Decimal("0.25")
    #: What is left of a correction is done at once when it is below this share of its first distance.
    remainder_frac: Decimal = Decimal("0.10")


@dataclass(frozen=True, slots=True, kw_only=True)
class DcaPolicy:
    """A correction is made in tranches, on a schedule of its own."""

    tranches: int
    interval: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostGatePolicy:
    """A trade must be worth what it costs."""

    #: γ of the owner's mean-variance utility.
    risk_aversion: Decimal = Decimal(4)
    #: How long the corrected gap is expected to matter.
    horizon: timedelta = timedelta(days=30)
