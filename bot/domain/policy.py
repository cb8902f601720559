"""What has the owner asked for? Values the settings are turned into; every default is the safe one.

Fractions, never percentages: 0.05 is 5 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind
from bot.domain.portfolio import Alias

#: The target that stands for cash. It has no order.
CASH = Asset("CASH")


class Scope(StrEnum):
    """What the weights are weights of."""

    #: Σ targeted holdings + hedge profit; cash and collateral are outside.
    ASSETS = "assets"
    #: Σ targeted holdings + all cash-like equity; ``CASH`` is what the asset weights leave.
    EQUITY = "equity"


class Destination(StrEnum):
    """Where a correction stops once an asset has left its band."""

    TARGET = "target"
    #: Half-way between the target and the band's edge.
    HALF = "half"
    #: Just inside the edge.
    EDGE = "edge"


class StopAnchor(StrEnum):
    """What a stop's distance is measured from."""

    #: Mark, again at each look: a bound on what can happen between looks.
    LOOK = "look"
    #: The average entry: a stop-loss in the trader's sense.
    ENTRY = "entry"


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


class TradingState(StrEnum):
    """What the bot may do. Two combine to the stricter."""

    NORMAL = "normal"
    #: Only what shrinks a position.
    REDUCE_ONLY = "reduce_only"
    #: No rebalancing; stops, their resizing and protective reductions go on.
    HALTED = "halted"

    @property
    def strictness(self) -> int:
        """0 for normal to 2 for halted."""
        return list(TradingState).index(self)


def stricter(first: TradingState, second: TradingState) -> TradingState:
    """Return the stricter of the two."""
    return max(first, second, key=lambda state: state.strictness)


@dataclass(frozen=True, slots=True, kw_only=True)
class BandPolicy:
    """When a gap is worth trading, and how far."""

    #: Half-width in weight: 0.05 is five points.
    absolute_frac: Decimal = Decimal("0.05")
    #: Half-width as a share of the target; the lesser of the two counts.
    relative_frac: Decimal = Decimal("0.25")
    #: |Σ weights − Σ targets| is held within this; None is off.
    total_frac: Decimal | None = Decimal("0.02")
    destination: Destination = Destination.HALF
    #: With ``EDGE``: how far inside, as a share of the half-width.
    edge_inset_frac: Decimal = Decimal("0.10")


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
    max_increasing_orders_per_minute: int = 20
    #: Protective orders have a budget of their own.
    max_reducing_orders_per_minute: int = 60
    #: |mark ÷ index − 1| beyond this refuses increases.
    max_mark_index_frac: Decimal = Decimal("0.03")
    #: |last ÷ mark − 1| beyond this refuses increases.
    max_last_mark_frac: Decimal = Decimal("0.03")
    #: |index of one venue ÷ median − 1| beyond this refuses increases.
    max_index_spread_frac: Decimal = Decimal("0.02")
    max_quote_age: timedelta = timedelta(seconds=60)
    max_account_age: timedelta = timedelta(seconds=60)
    #: Annualised funding paid by the hedge beyond this refuses increases.
    max_funding_annual: Decimal = Decimal("0.60")
    #: Cash that is worth this much off a dollar may not be added to.
    max_depeg_frac: Decimal = Decimal("0.03")
    #: Within this of a dollar a stablecoin counts as 1.
    peg_tolerance_frac: Decimal = Decimal("0.01")


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
    validity: timedelta = timedelta(seconds=5)
    #: After validity, how long without a trace before an unknown order is closed as absent.
    settle_delay: timedelta = timedelta(seconds=5)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPolicy:
    """When a change of holdings is the owner's doing, and how long it is waited for."""

    min_value_frac: Decimal = Decimal("0.02")
    min_asset_frac: Decimal = Decimal("0.10")
    settle: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPolicy:
    """What is done about funding; the cap itself is ``RiskLimits.max_funding_annual``."""

    #: A settlement whose payment is not found for longer than this is alerted.
    gap_alert: timedelta = timedelta(hours=4)
    #: So many settlements in a row above the cap make the leg smaller, and so many below half of it end the ceiling.
    settlements: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """What the overlay may lose before it only reduces, in shares of the portfolio's value."""

    #: Within a day, and from where it stood best against the coins alone.
    max_day_frac: Decimal = Decimal("0.05")
    max_drawdown_frac: Decimal = Decimal("0.15")
    #: Fees, slippage and net funding in 30 days.
    max_cost_frac: Decimal = Decimal("0.03")


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchIntervals:
    """How often the supervised loops wake."""

    protection: timedelta = timedelta(seconds=30)
    reconcile: timedelta = timedelta(seconds=60)
    prices: timedelta = timedelta(seconds=60)
    funding: timedelta = timedelta(minutes=15)
    breaker: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything the decisions follow."""

    #: Target weight per asset; may hold ``CASH`` with scope ``equity``. Ordered as the owner wrote them.
    targets: Mapping[Asset, Decimal]
    scope: Scope = Scope.ASSETS
    bands: BandPolicy = field(default_factory=BandPolicy)
    stops: StopPolicy = field(default_factory=StopPolicy)
    limits: RiskLimits = field(default_factory=RiskLimits)
    execution: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    cadence: CadencePolicy = field(default_factory=CadencePolicy)
    #: These three are off where they are None.
    volatility: VolatilityPolicy | None = None
    dca: DcaPolicy | None = None
    cost_gate: CostGatePolicy | None = None
    flows: FlowPolicy = field(default_factory=FlowPolicy)
    funding: FundingPolicy = field(default_factory=FundingPolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    watch: WatchIntervals = field(default_factory=WatchIntervals)
    #: Kinds of contract that may hold a hedge, best first; per-asset entries come before the general one.
    contract_kinds: tuple[ContractKind, ...] = (ContractKind.LINEAR,)
    asset_contract_kinds: Mapping[Asset, tuple[ContractKind, ...]] = field(default_factory=dict)
    aliases: tuple[Alias, ...] = ()
    #: Symbols reserved for the owner: never traded, delta excluded, margin counted.
    foreign_symbols: frozenset[Symbol] = frozenset()
    #: Currencies counted as dollars when their rate is sound.
    cash_currencies: tuple[Currency, ...] = (
        Currency("USD"),
        Currency("USDT"),
        Currency("USDC"),
    )
    #: How often the bot says that it is alive; None is never.
    heartbeat: timedelta | None = timedelta(days=1)
    #: Declared holdings older than this are alerted; older than twice this, only reductions rely on them.
    external_max_age: timedelta = timedelta(days=30)

    @property
    def assets(self) -> tuple[Asset, ...]:
        """The targeted coins, without ``CASH``."""
        return tuple(asset for asset in self.targets if asset != CASH)

    def kinds_for(self, asset: Asset) -> tuple[ContractKind, ...]:
        """Return the kinds of contract allowed for ``asset``, best first."""
        return self.asset_contract_kinds.get(asset, self.contract_kinds)
