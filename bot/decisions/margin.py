"""What can a wallet carry?

A wallet is all futures of one venue that settle in one currency, with cross margin. Amounts are in that
currency. Spot is
never sold, so a hedge's losses are paid from here, and what a wallet survives bounds what can be hedged.

Stress: every leg moves against us at once by x % (which is never milder than a parallel move of ±x %), and each
recorded day on
which some asset moved further than that. The wallet survives when what is left covers a multiple of maintenance.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from bot.decisions.volatility import extreme_days
from bot.domain.books import Leg
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import PriceHistory, Quote
from bot.domain.policy import RiskLimits
from bot.domain.portfolio import AccountState, FuturesPosition, MarginAccount, WalletKind
from bot.domain.units import ONE, ZERO, sign

#: Contracts to be added: leg → (instrument, signed contracts, mark price).
Changes = dict[Leg, tuple[Instrument, Decimal, Decimal]]
#: A wallet in the sense of this file.
WalletKey = tuple[VenueId, Currency]

#: Halvings of the search for the largest fraction that survives; 2⁻¹⁰ is a tenth of a percent.
_HALVINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One contract in a wallet: a position as it is, or as it would be."""

    instrument: Instrument
    #: Signed.
    contracts: Decimal
    mark_price: Decimal

    @property
    def notional(self) -> Decimal:
        """Unsigned worth at mark, in quote currency."""
        return self.instrument.notional_quote(self.contracts, self.mark_price)

    @property
    def maintenance(self) -> Decimal:
        """Maintenance margin at mark, in the settlement currency."""
        return self.maintenance_after(ZERO)

    def profit_after(self, move_frac: Decimal) -> Decimal:
        """Return what a move of the price brings, in the settlement currency."""
        amount = self.contracts * self.instrument.contract_size
        if self.instrument.is_linear:
            return amount * self.mark_price * move_frac
        return amount / self.mark_price * (ONE - ONE / (ONE + move_frac))

    def maintenance_after(self, move_frac: Decimal) -> Decimal:
        """Return the maintenance margin after a move, in the settlement currency."""
        price = self.mark_price * (ONE + move_frac)
        needed = self.instrument.maintenance_quote(self.instrument.notional_quote(self.contracts, price))
        return needed if self.instrument.is_linear else needed / price


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A margin wallet with its contracts."""

    venue: VenueId
    kind: WalletKind
    currency: Currency
    margin_balance: Decimal
    maintenance_margin: Decimal
    holdings: tuple[Holding, ...]

    @property
    def key(self) -> WalletKey:
        """Venue and currency."""
        return self.venue, self.currency

    @property
    def gross_notional(self) -> Decimal:
        """Σ |notional| in quote currency."""
        return sum((holding.notional for holding in self.holdings), ZERO)

    def with_changes(self, changes: Mapping[Leg, tuple[Instrument, Decimal, Decimal]]) -> "Wallet":
        """Return the wallet with contracts added: leg → (instrument, signed contracts, mark price)."""
        merged = {(self.venue, one.instrument.symbol): one for one in self.holdings}
        for leg, (instrument, contracts, mark_price) in changes.items():
            if (instrument.venue, instrument.settle) != self.key:
                continue
            before = merged[leg].contracts if leg in merged else ZERO
            merged[leg] = Holding(instrument=instrument, contracts=before + contracts, mark_price=mark_price)
        return Wallet(
            venue=self.venue,
            kind=self.kind,
            currency=self.currency,
            margin_balance=self.margin_balance,
            maintenance_margin=self.maintenance_margin,
            holdings=tuple(merged.values()),
        )


def wallets_of(
    account: AccountState, instruments: Mapping[Leg, Instrument], quotes: Mapping[Leg, Quote]
) -> tuple[Wallet, ...]:
    """Return the margin wallets of one venue with the positions in them, foreign ones too."""
    return tuple(
        Wallet(
            venue=account.venue,
            kind=margin.wallet,
            currency=margin.currency,
            margin_balance=margin.margin_balance,
            maintenance_margin=margin.maintenance_margin,
            holdings=tuple(_holdings_in(margin, account.positions, instruments, quotes)),
        )
        for margin in account.margins
    )


def _holdings_in(
    margin: MarginAccount,
    positions: Sequence[FuturesPosition],
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
) -> Iterable[Holding]:
    for position in positions:
        leg = (position.venue, position.symbol)
        instrument = instruments.get(leg)
        if instrument is not None and instrument.settle == margin.currency:
            yield Holding(
                instrument=instrument,
                contracts=position.contracts,
                mark_price=quotes[leg].mark_price,
            )


@lru_cache(maxsize=8)
def _extreme_days(histories: tuple[PriceHistory, ...], beyond_frac: Decimal) -> tuple[dict[Asset, Decimal], ...]:
    return extreme_days(histories, beyond_frac)


def stress_surplus(wallet: Wallet, histories: Mapping[Asset, PriceHistory], limits: RiskLimits) -> Decimal:
    """Return what the worst stress leaves over the needed multiple of maintenance; negative is the shortfall."""
    against = {holding.instrument.symbol: -limits.stress_frac * sign(holding.contracts) for holding in wallet.holdings}
    worst = _surplus_after(wallet, against, limits)
    for day in _extreme_days(tuple(histories.values()), limits.stress_frac):
        moves = {one.instrument.symbol: day.get(one.instrument.asset, ZERO) for one in wallet.holdings}
        worst = min(worst, _surplus_after(wallet, moves, limits))
    return worst


def _surplus_after(wallet: Wallet, moves: Mapping[Symbol, Decimal], limits: RiskLimits) -> Decimal:
    left = wallet.margin_balance
    needed = ZERO
    for holding in wallet.holdings:
        move = moves[holding.instrument.symbol]
        left += holding.profit_after(move)
        needed += holding.maintenance_after(move)
    return left - needed * limits.stress_maintenance_multiple


def gross_settle(wallet: Wallet) -> Decimal:
    """Return Σ |notional| in the settlement currency."""
    return sum(
        (one.notional if one.instrument.is_linear else one.notional / one.mark_price for one in wallet.holdings),
        ZERO,
    )


def leverage(wallet: Wallet) -> Decimal | None:
    """Return gross notional ÷ margin balance; None when there is no balance to divide by."""
    if wallet.margin_balance <= 0:
        return None
    return gross_settle(wallet) / wallet.margin_balance


def shortfall(wallet: Wallet, histories: Mapping[Asset, PriceHistory], limits: RiskLimits) -> Decimal:
    """Return the margin that is missing to carry a wallet under the stress rule and the leverage cap; 0 when
    none is."""
    by_leverage = gross_settle(wallet) / limits.max_leverage - wallet.margin_balance
    return max(ZERO, -stress_surplus(wallet, histories, limits), by_leverage)


def capacity_frac(
    wallet: Wallet,
    increases: Mapping[Leg, tuple[Instrument, Decimal, Decimal]],
    histories: Mapping[Asset, PriceHistory],
    limits: RiskLimits,
) -> Decimal:
    """Return the largest common fraction of ``increases`` that the wallet can carry, from 0 to 1."""

    def carries(fraction: Decimal) -> bool:
        part = {leg: (one, contracts * fraction, mark) for leg, (one, contracts, mark) in increases.items()}
        return shortfall(wallet.with_changes(part), histories, limits) == 0

    if carries(ONE):
        return ONE
    low, high = ZERO, ONE
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if carries(middle) else (low, middle)
    return low


def joint_liquidation_frac(wallet: Wallet) -> Decimal | None:
    """Return the move against every leg at once at which the wallet is liquidated; None without positions.

    First order in the move, at the margin tiers reached now: (balance − maintenance) ÷ (gross + what
    maintenance grows by).
    Zero or less: liquidation is due. Works in the settlement currency; for inverse contracts the loss of a long
    grows faster
    than this with the fall of the price, so the fraction is taken as x / (1 + x).
    """
    slope = room = ZERO
    is_inverse = False
    for holding in wallet.holdings:
        notional = holding.notional
        tier = holding.instrument.tier_for(notional)
        if not holding.instrument.is_linear:
            is_inverse = True
            notional /= holding.mark_price
        slope += notional * (ONE + tier.maintenance_frac)
        room += holding.maintenance
    if slope == 0:
        return None
    frac = (wallet.margin_balance - room) / slope
    return frac / (ONE + frac) if is_inverse and frac > 0 else frac
