"""What do the decisions follow, all together?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind, Instrument, Tenor
from bot.domain.policy.bands import BandPolicy
from bot.domain.policy.carry import BasisPolicy, ChoicePolicy, FundingPolicy, RollPolicy
from bot.domain.policy.execution import ExecutionPolicy
from bot.domain.policy.looks import CadencePolicy, CostGatePolicy, DcaPolicy, VolatilityPolicy
from bot.domain.policy.margin import MarginPolicy
from bot.domain.policy.protection import BreakerPolicy, RiskLimits, StopPolicy
from bot.domain.portfolio import Alias

#: The target that stands for cash. It has no order.
CASH = Asset("CASH")


class Scope(StrEnum):
    """What the weights are weights of."""

    #: Σ targeted holdings + hedge profit; cash and collateral are outside.
    ASSETS = "assets"
    #: Σ targeted holdings + all cash-like equity; ``CASH`` is what the asset weights leave.
    EQUITY = "equity"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowPolicy:
    """When a change of holdings is the owner's doing, and how long it is waited for."""

    min_value_frac: Decimal = Decimal("0.02")
    min_asset_frac: Decimal = Decimal("0.10")
    settle: timedelta = timedelta(hours=24)


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
