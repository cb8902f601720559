"""What was decided, and why? Outputs of ``decisions``, read by the engine, ``plan``, ``status`` and the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.events import CeilingSet, Fact
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.orders import Side
from bot.domain.policy import ExecutionStyle, TradingState
from bot.domain.portfolio import WalletKind
from bot.domain.rolls import RollCause, RollStage
from bot.domain.units import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetLine:
    """One asset's place in the plan; the fields are those of ``plan --json``."""

    asset: Asset
    index_price: Decimal
    holding_base: Decimal
    futures_delta_base: Decimal
    exposure_quote: Decimal
    weight: Decimal
    target_weight: Decimal
    #: weight − target; positive is over-weight.
    gap: Decimal
    #: Half-width of the band, in weight.
    band: Decimal
    is_outside_band: bool
    #: What would bring the asset to its destination now; + buy, − sell.
    hedge_need_quote: Decimal
    #: The part of the need that no order of this plan carries: below a lot, refused, or short of capacity.
    residual_quote: Decimal
    #: What is done, or why nothing is. A short phrase.
    reason: str
    #: The part of the holding that lies in futures wallets, as collateral.
    pledged_base: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeLeg:
    """One order's worth of a plan, approved by the gate."""

    instrument: Instrument
    side: Side
    #: Unsigned, on the lot.
    contracts: Decimal
    amount_base: Decimal
    #: At the index price.
    notional_quote: Decimal
    #: True when it can only shrink the position it trades against.
    reduce_only: bool
    #: Fee + half spread, in basis points of notional.
    expected_cost_bps: Decimal
    #: Bound of the limit price, already on the tick, in the direction that is safe for the order.
    limit_price: Decimal
    #: Of the contract's own venue, in its own currency: what slippage is counted from.
    index_price: Decimal
    #: How it is worked; never ``AUTO``.
    style: ExecutionStyle = ExecutionStyle.IOC
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectiveReduction:
    """A leg that protection wants smaller, with the ceiling that keeps it so. Sent before everything else."""

    leg: HedgeLeg
    ceiling: CeilingSet


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTarget:
    """The stop that should rest at the venue for one position."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    #: The side of the stop order, opposite to the position.
    side: Side
    #: Size of the position, unsigned.
    contracts: Decimal
    #: What its orders ask for: one, of the position's size or of the next lot where the lot has grown since; several,
    #: where that is more than the largest order. Together less than the position: no more of them may rest.
    order_sizes: tuple[Decimal, ...]
    #: Where a new stop is put, on the tick.
    trigger_price: Decimal
    #: A stop that already rests between these is left where it is.
    acceptable_low: Decimal
    acceptable_high: Decimal
    liquidation_price: Decimal | None
    mark_price: Decimal
    #: With stops anchored to entry: how often one at this distance would have fired in the history at hand.
    entry_stops_fired: int | None = None
    history_days: int | None = None

    @property
    def beyond_contracts(self) -> Decimal:
        """What the orders do not close, however many of them rest."""
        return max(ZERO, self.contracts - sum(self.order_sizes))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryStopRecord:
    """How often stops anchored to entry would have fired on one asset in the history at hand."""

    asset: Asset
    #: From entry to the stop, as a share of the price.
    distance_frac: Decimal
    long_fired: int
    short_fired: int
    #: Daily closes that were looked at.
    history_days: int


class Rule(StrEnum):
    """The gate's rules: why an increase was denied or trimmed."""

    TRADING_STATE = "trading_state"
    STALE_DATA = "stale_data"
    PRICE_SANITY = "price_sanity"
    LEVERAGE = "leverage"
    MARGIN_TIER = "margin_tier"
    MARGIN_LADDER = "margin_ladder"
    CAPACITY = "capacity"
    ORDER_SIZE = "order_size"
    TURNOVER = "turnover"
    ORDER_RATE = "order_rate"
    FUNDING = "funding"
    CEILING = "ceiling"
    LOCKED = "locked"
    UNKNOWN_ORDER = "unknown_order"
    UNPROTECTED = "unprotected"
    OWNER_FLOW = "owner_flow"
    EXTERNAL_AGE = "external_age"
    DEPEG = "depeg"
    UNHEDGEABLE = "unhedgeable"
    BELOW_MINIMUM = "below_minimum"
    COST = "cost"
    DEPTH = "depth"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An increase, or part of one, that is not done."""

    asset: Asset
    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate says of one leg: all of it, part of it, or nothing."""

    approved_contracts: Decimal
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginLine:
    """One futures wallet, before the plan and after it."""

    venue: VenueId
    wallet: WalletKind
    currency: Currency
    margin_balance: Decimal
    maintenance_margin: Decimal
    #: Maintenance ÷ balance; 1 is liquidation. None when the balance is not positive.
    usage_frac: Decimal | None
    #: Gross notional ÷ margin balance after the plan; None when the balance is not positive.
    leverage_after: Decimal | None
    #: What is left of the balance over the needed multiple of maintenance after the worst stress move, with the
    #: whole need of the plan on; negative is the shortfall.
    stress_surplus: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Valuation:
    """V and what it is made of, in USD."""

    holdings_quote: Decimal
    #: Profit of our cash-settled futures less what was settled.
    hedge_profit_quote: Decimal
    #: Cash-like equity; counts in V with scope ``equity`` only.
    cash_quote: Decimal
    portfolio_value_quote: Decimal
    #: Coins outside V: not targeted, or without an index.
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletQuestion:
    """A futures wallet that holds more or less than trades, fees and funding explain."""

    venue: VenueId
    wallet: WalletKind
    currency: Currency
    #: + when there is more than explained.
    difference: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """How the assets move together, and what that makes of the portfolio.

    None is not known: what depends on the weight of an asset that is ``missing``. Shares and bets are None too where
    there is no variance.
    """

    #: σ of the portfolio at its actual weights, and as it would be at its targets.
    sigma_annual: Decimal | None = None
    sigma_target_annual: Decimal | None = None
    #: Each asset's share of the portfolio's variance: they sum to 1, and what offsets the others is negative.
    shares_actual: Mapping[Asset, Decimal] | None = None
    shares_target: Mapping[Asset, Decimal] | None = None
    #: How many uncorrelated bets of equal size are as well diversified.
    effective_bets_actual: Decimal | None = None
    effective_bets_target: Decimal | None = None
    #: Two assets that are nearly one bet, and their correlation.
    correlated_pairs: tuple[tuple[Asset, Asset, Decimal], ...] = ()
    #: Weighted assets whose history is too short or too old; all of them when too few days are common to all.
    missing: tuple[Asset, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingCost:
    """What one contract would cost to hold, on the side that is needed. Fractions of notional; + is paid."""

    instrument: Instrument
    #: +1 for a long hedge, −1 for a short one.
    side: int
    #: Funding or basis, a year, smoothed; None where it is not known.
    carry_annual: Decimal | None
    #: Fees and spreads of passing on to the next expiry, a year; 0 for a perpetual.
    upkeep_annual: Decimal
    total_annual: Decimal | None
    #: Fee and half spread of getting in or out once.
    entry_frac: Decimal
    #: Worth of the thinner side of the book, in quote currency.
    depth_quote: Decimal
    is_held: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RollLine:
    """A position that will have to leave its contract, and what that is expected to cost."""

    venue: VenueId
    asset: Asset
    near: Symbol
    #: None while no contract is known that could take it.
    far: Symbol | None
    #: Signed.
    contracts: Decimal
    expires_at: datetime | None
    cause: RollCause
    stage: RollStage
    #: None at the last stage.
    next_stage: RollStage | None
    next_stage_at: datetime | None
    #: Far − near at the marks + fees and spread, for the whole position; + is paid. None without a far price.
    expected_cost_quote: Decimal | None
    expected_cost_bps: Decimal | None
    #: What the difference in price brings a year; − is a cost. None without two expiries.
    yield_annual: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One look's answer: everything to do, in order, and everything not done, with reasons."""

    at: datetime
    trading_state: TradingState
    valuation: Valuation
    lines: tuple[AssetLine, ...]
    #: First of all.
    reductions: tuple[ProtectiveReduction, ...] = ()
    #: Reducing legs first.
    legs: tuple[HedgeLeg, ...] = ()
    #: For the positions as they are now; after fills they are asked for again.
    stops: tuple[StopTarget, ...] = ()
    #: One for each target with a history, where stops are anchored to entry.
    entry_stops: tuple[EntryStopRecord, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    margins: tuple[MarginLine, ...] = ()
    #: Cash that is missing to carry the whole plan under the stress rule.
    capacity_short_quote: Decimal = Decimal(0)
    #: The contracts compared, where there is a choice; positions that will leave theirs.
    holding_costs: tuple[HoldingCost, ...] = ()
    rolls: tuple[RollLine, ...] = ()
    #: How the assets move together; None where nobody asked.
    risk: RiskView | None = None
    #: When volatility makes the next look due, and when the next tranche; None where neither has a say.
    next_paced_at: datetime | None = None
    next_tranche_at: datetime | None = None
    #: Facts to journal before anything is sent: flows, wallet anchors, corrections, ended ceilings.
    facts: tuple[Fact, ...] = ()
    questions: tuple[WalletQuestion, ...] = ()
    #: Sentences that want the owner's eye: depegs, old declared holdings, aliases without a price.
    warnings: tuple[str, ...] = field(default=())
