"""What has the owner asked for? Values the settings are turned into; every default is the safe one.

Fractions, never percentages: 0.05 is 5 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind, Instrument, Tenor
from bot.domain.portfolio import Alias
from bot.domain.units import decimal_text

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


class MarginRung(StrEnum):
    """What a wallet's margin asks for; each rung includes those before it."""

    CALM = "calm"
    #: Say so.
    WARN = "warn"
    #: Move collateral from the spot wallet.
    TRANSFER = "transfer"
    #: Hold back, and cancel, what would increase.
    CANCEL = "cancel"
    #: Make legs smaller.
    REDUCE = "reduce"
    #: Close every leg of the wallet.
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginBound:
    """Where a rung begins: whichever of the two is reached first."""

    #: Maintenance ÷ margin balance at or above which it is reached.
    usage_frac: Decimal
    #: Move against every leg at once that liquidates, at or below which it is reached.
    distance_frac: Decimal

    def __str__(self) -> str:
        return "/".join(f"{decimal_text(share * 100)}%" for share in (self.usage_frac, self.distance_frac))


_WARN = MarginBound(usage_frac=Decimal("0.30"), distance_frac=Decimal("0.25"))
_TRANSFER = MarginBound(usage_frac=Decimal("0.40"), distance_frac=Decimal("0.20"))
_CANCEL = MarginBound(usage_frac=Decimal("0.50"), distance_frac=Decimal("0.15"))
_REDUCE = MarginBound(usage_frac=Decimal("0.60"), distance_frac=Decimal("0.12"))
_FLATTEN = MarginBound(usage_frac=Decimal("0.80"), distance_frac=Decimal("0.05"))


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginPolicy:
    """What keeps a wallet from liquidation."""

    warn: MarginBound = _WARN
    transfer: MarginBound = _TRANSFER
    cancel: MarginBound = _CANCEL
    reduce: MarginBound = _REDUCE
    flatten: MarginBound = _FLATTEN
    #: A rung is left only when both measures are better than its bound by this share.
    hysteresis_frac: Decimal = Decimal("0.20")
    #: Ceilings of the ladder are released once every wallet has been calm for this long.
    release_after: timedelta = timedelta(hours=1)
    #: What may be moved from the spot wallet; a targeted coin has to be named by the owner.
    transfer_assets: tuple[Currency, ...] = (Currency("USDT"), Currency("USDC"))
    #: At most this share of a targeted coin's holding is pledged as collateral.
    max_pledged_frac: Decimal = Decimal("0.25")
    #: Less than this many USD is not moved.
    min_transfer_quote: Decimal = Decimal(10)
    #: At most this many USD are moved within 24 hours; None is no bound.
    max_transfer_day_quote: Decimal | None = None
    #: What the bot has moved in goes back when every wallet has been calm for this long; None is never.
    sweep_after: timedelta | None = None
    #: Waits after the first, second … transfer in a row that did not arrive; the last one is repeated.
    retry_waits: tuple[timedelta, ...] = (
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
    )

    def bound(self, rung: MarginRung) -> MarginBound:
        """Return where a rung begins.

        Raises:
            KeyError: CALM begins nowhere.
        """
        return {
            MarginRung.WARN: self.warn,
            MarginRung.TRANSFER: self.transfer,
            MarginRung.CANCEL: self.cancel,
            MarginRung.REDUCE: self.reduce,
            MarginRung.FLATTEN: self.flatten,
        }[rung]


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
    """What is done about funding. From ``RiskLimits.max_funding_annual`` on it is told, and nothing is added."""

    #: Annualised funding beyond which a leg is made smaller. Getting out and in again costs a few tenths of a per cent:
    #: what passes within days is cheaper borne.
    reduce_annual: Decimal = Decimal(2)
    #: A settlement whose payment is not found for longer than this is alerted.
    gap_alert: timedelta = timedelta(hours=4)
    #: So many settlements in a row above that make the leg smaller, and so many below half of it end the ceiling.
    settlements: int = 3


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


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchIntervals:
    """How often the supervised loops wake."""

    protection: timedelta = timedelta(seconds=30)
    reconcile: timedelta = timedelta(seconds=60)
    prices: timedelta = timedelta(seconds=60)
    margin: timedelta = timedelta(seconds=30)
    funding: timedelta = timedelta(minutes=15)
    breaker: timedelta = timedelta(hours=1)
    roll: timedelta = timedelta(seconds=60)
    basis: timedelta = timedelta(minutes=5)


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
    roll: RollPolicy = field(default_factory=RollPolicy)
    basis: BasisPolicy = field(default_factory=BasisPolicy)
    choice: ChoicePolicy = field(default_factory=ChoicePolicy)
    margin: MarginPolicy = field(default_factory=MarginPolicy)
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
    #: Whether hedges are held in perpetuals, in contracts that expire, or in whichever costs less.
    tenors: tuple[Tenor, ...] = (Tenor.PERPETUAL,)
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

    def is_target(self, asset: Asset) -> bool:
        """Return True for a targeted coin."""
        return asset in self.targets and asset != CASH

    def may_hold(self, instrument: Instrument) -> bool:
        """Return True for a contract that the owner allows to hold a hedge of its asset."""
        return (
            instrument.asset in self.targets
            and instrument.kind in self.kinds_for(instrument.asset)
            and instrument.tenor in self.tenors
            and instrument.symbol not in self.foreign_symbols
        )

    def kinds_for(self, asset: Asset) -> tuple[ContractKind, ...]:
        """Return the kinds of contract allowed for ``asset``, best first."""
        return self.asset_contract_kinds.get(asset, self.contract_kinds)
