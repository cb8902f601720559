"""Which contracts does the exchange list, and what are they worth?

Formulas of this file: ``value`` is what a signed number of contracts is worth at a price, in the settlement
currency, so
that profit is always ``value(now) - value(then)``:

- linear:  n × size × price
- inverse: −n × size ÷ price
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind
from bot.domain.portfolio import WalletKind

_ZERO = Decimal(0)
#: Wallets are kept to this.
_CASH_STEP = Decimal("1e-8")
_COIN_STEP = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """One bracket of the margin table: notionals up to ``cap_quote``."""

    cap_quote: Decimal
    maintenance_frac: Decimal
    #: What makes maintenance continuous where brackets meet.
    deduction_quote: Decimal
    max_leverage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contract:
    """One contract: a perpetual, or one with an expiry."""

    symbol: Symbol
    asset: Asset
    quote: Currency
    settle: Currency
    kind: ContractKind
    #: Coins (linear) or quote currency (inverse) in one contract.
    size: Decimal
    tick: Decimal
    lot: Decimal
    max_contracts: Decimal
    min_notional_quote: Decimal
    #: A limit price further than this from mark is refused; a market order fills no further than this from last.
    price_bound_frac: Decimal
    tiers: tuple[Tier, ...]
    #: In market time; None for a perpetual.
    expires_us: int | None = None
    #: True when its margin is that of a unified account.
    is_unified: bool = False
    #: True when it settles in cash.
    is_linear: bool = field(init=False)
    #: The wallet that margin, profit and fees come from.
    wallet: tuple[WalletKind, Currency] = field(init=False)

    def __post_init__(self) -> None:
        """Work out what follows from the kind."""
        is_linear = self.kind is ContractKind.LINEAR
        futures = WalletKind.LINEAR_FUTURES if is_linear else WalletKind.INVERSE_FUTURES
        object.__setattr__(self, "is_linear", is_linear)
        object.__setattr__(self, "wallet", (WalletKind.UNIFIED if self.is_unified else futures, self.settle))

    def value(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Return the worth of ``contracts`` (signed), in the settlement currency."""
        if self.is_linear:
            return contracts * self.size * price
        return -contracts * self.size / price

    def settled(self, amount: Decimal) -> Decimal:
        """Round an amount to what wallets are kept to."""
        return amount.quantize(_CASH_STEP if self.is_linear else _COIN_STEP, ROUND_HALF_EVEN)

    def notional_quote(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Return the unsigned worth in quote currency."""
        worth = abs(contracts) * self.size
        return worth * price if self.is_linear else worth

    def to_settle(self, amount_quote: Decimal, price: Decimal) -> Decimal:
        """Turn quote currency into settlement currency."""
        return amount_quote if self.is_linear else amount_quote / price

    def tier(self, notional_quote: Decimal) -> Tier:
        """Return the bracket of a notional."""
        for tier in self.tiers:
            if notional_quote <= tier.cap_quote:
                return tier
        return self.tiers[-1]

    def maintenance(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Return the maintenance margin, in the settlement currency."""
        notional = self.notional_quote(contracts, price)
        tier = self.tier(notional)
        return self.to_settle(notional * tier.maintenance_frac - tier.deduction_quote, price)

    def initial(self, contracts: Decimal, price: Decimal, leverage: Decimal) -> Decimal:
        """Return the initial margin, in the settlement currency."""
        notional = self.notional_quote(contracts, price)
        return self.to_settle(notional / min(leverage, self.tier(notional).max_leverage), price)

    def is_on_lot(self, contracts: Decimal) -> bool:
        """True for a positive multiple of the lot."""
        return contracts > 0 and contracts % self.lot == 0

    def is_on_tick(self, price: Decimal) -> bool:
        """True for a positive multiple of the tick."""
        return price > 0 and price % self.tick == 0

    def tick_down(self, price: Decimal) -> Decimal:
        """Round a price down to the tick."""
        return (price / self.tick).to_integral_value(ROUND_FLOOR) * self.tick

    def tick_up(self, price: Decimal) -> Decimal:
        """Round a price up to the tick."""
        return (price / self.tick).to_integral_value(ROUND_CEILING) * self.tick

    def tick_near(self, price: Decimal) -> Decimal:
        """Round a price to the nearest tick, at least one."""
        return max(self.tick, (price / self.tick).to_integral_value(ROUND_HALF_EVEN) * self.tick)

    def lots_in(self, amount_quote: Decimal, price: Decimal) -> Decimal:
        """Return the contracts, on the lot and at least one lot, that ``amount_quote`` buys."""
        contracts = amount_quote / (self.size * price) if self.is_linear else amount_quote / self.size
        return max(self.lot, (contracts / self.lot).to_integral_value(ROUND_FLOOR) * self.lot)


def _tiers(*rows: tuple[str, str, int]) -> tuple[Tier, ...]:
    """Build a table from (cap, maintenance, leverage); the deductions follow from continuity."""
    tiers: list[Tier] = []
    for cap, maintenance, leverage in rows:
        rate = Decimal(maintenance)
        deduction = _ZERO
        if tiers:
            below = tiers[-1]
            deduction = below.deduction_quote + below.cap_quote * (rate - below.maintenance_frac)
        tiers.append(
            Tier(
                cap_quote=Decimal(cap),
                maintenance_frac=rate,
                deduction_quote=deduction,
                max_leverage=Decimal(leverage),
            )
        )
    return tuple(tiers)


#: Coarse, after the brackets that a large venue published in autumn 2024.
_TIERS_MAJOR = _tiers(
    ("50000", "0.004", 125),
    ("600000", "0.005", 100),
    ("3000000", "0.0065", 75),
    ("12000000", "0.01", 50),
    ("50000000", "0.02", 25),
    ("65000000", "0.025", 20),
    ("150000000", "0.05", 10),
    ("320000000", "0.1", 5),
    ("800000000", "0.25", 2),
    ("1200000000", "0.5", 1),
)
_TIERS_MINOR = _tiers(
    ("20000", "0.005", 100),
    ("100000", "0.0065", 75),
    ("800000", "0.01", 50),
    ("4000000", "0.02", 25),
    ("8000000", "0.025", 20),
    ("40000000", "0.05", 10),
    ("80000000", "0.1", 5),
    ("200000000", "0.25", 2),
    ("400000000", "0.5", 1),
)


@dataclass(frozen=True, slots=True)
class _Spec:
    tick: str
    lot: str
    inverse_size: int
    price_bound: str
    tiers: tuple[Tier, ...]


#: Lots as a large venue has them, minimum notional 5 USDT: fine enough for a portfolio of some thousand dollars.
_SPECS: Mapping[str, _Spec] = {
    "BTC": _Spec("0.1", "0.001", 100, "0.05", _TIERS_MAJOR),
    "ETH": _Spec("0.01", "0.001", 10, "0.05", _TIERS_MAJOR),
    "SOL": _Spec("0.001", "0.01", 10, "0.10", _TIERS_MINOR),
}
_MIN_NOTIONAL = Decimal(5)
_MAX_CONTRACTS = Decimal(10_000_000)


def _spec_of(asset: Asset, price: Decimal) -> _Spec:
    """Return the listed terms, or terms that suit the price: a tick near 1 bp, a lot near one dollar."""
    listed = _SPECS.get(asset)
    if listed is not None:
        return listed
    tick = Decimal(1).scaleb((price / 10_000).adjusted())
    lot = Decimal(1).scaleb(min(3, (1 / price).adjusted()))
    return _Spec(format(tick, "f"), format(lot, "f"), 10, "0.10", _TIERS_MINOR)


def list_contracts(prices: Mapping[Asset, Decimal], *, is_unified: bool = False) -> dict[Symbol, Contract]:
    """Return a linear and an inverse perpetual for every asset with a first price; unified: the linear ones."""
    if is_unified:
        linear = (replace(one, is_unified=True) for one in _contracts(prices) if one.is_linear)
        return {contract.symbol: contract for contract in linear}
    return {contract.symbol: contract for contract in _contracts(prices)}


def _contracts(prices: Mapping[Asset, Decimal]) -> Iterable[Contract]:
    for asset, price in prices.items():
        spec = _spec_of(asset, price)
        yield Contract(
            symbol=Symbol(f"{asset}/USDT:USDT"),
            asset=asset,
            quote=Currency("USDT"),
            settle=Currency("USDT"),
            kind=ContractKind.LINEAR,
            size=Decimal(1),
            tick=Decimal(spec.tick),
            lot=Decimal(spec.lot),
            max_contracts=_MAX_CONTRACTS,
            min_notional_quote=_MIN_NOTIONAL,
            price_bound_frac=Decimal(spec.price_bound),
            tiers=spec.tiers,
        )
        yield Contract(
            symbol=Symbol(f"{asset}/USD:{asset}"),
            asset=asset,
            quote=Currency("USD"),
            settle=Currency(asset),
            kind=ContractKind.INVERSE,
            size=Decimal(spec.inverse_size),
            tick=Decimal(spec.tick),
            lot=Decimal(1),
            max_contracts=_MAX_CONTRACTS,
            min_notional_quote=_MIN_NOTIONAL,
            price_bound_frac=Decimal(spec.price_bound),
            tiers=spec.tiers,
        )
