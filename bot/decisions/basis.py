"""How far is a contract from the spot price of its asset, and is that unusual?

Basis = mark ÷ index − 1; + is above the index. For a contract that expires it is also told a year, over the time that
is left: that is what a long pays for holding it. A perpetual has none: what its holder pays is funding.

The band beyond which it is told is fixed for a perpetual and grows with the time that is left for a dated contract,
whose basis decays to nothing. What is farther from its index than the gate allows is not added to (``price_sanity``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import mean, pstdev

from bot.domain.basis import BasisRecord
from bot.domain.books import Leg
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.policy import BasisPolicy, RiskLimits
from bot.domain.units import DAYS_PER_YEAR, ONE

_DAY = timedelta(days=1)
#: Below this many samples nothing is unusual: there is nothing to compare with.
_ENOUGH_SAMPLES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisLine:
    """One contract's basis."""

    venue: VenueId
    asset: Asset
    symbol: Symbol
    mark_price: Decimal
    index_price: Decimal
    #: Fraction; + above the index.
    basis: Decimal
    #: The same a year, for the time that is left; None for a perpetual.
    annual: Decimal | None
    #: Mean of the last week's samples, and how many standard deviations it is off that; None with too few samples.
    mean: Decimal | None
    z_score: Decimal | None
    #: |basis| beyond which it is told, and beyond which nothing is added.
    alert_frac: Decimal
    block_frac: Decimal
    is_wide: bool

    @property
    def is_blocked(self) -> bool:
        """True when nothing may be added to a position in it."""
        return abs(self.basis) > self.block_frac


def basis_lines(
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    records: Mapping[Leg, BasisRecord],
    policy: BasisPolicy,
    limits: RiskLimits,
    now: datetime,
) -> tuple[BasisLine, ...]:
    """Return a line for each contract that has prices and has not expired."""
    return tuple(
        _line(one, quotes[leg], records.get(leg, BasisRecord()), policy, limits, now)
        for leg, one in instruments.items()
        if leg in quotes and not one.has_expired(now)
    )


def _line(
    one: Instrument, quote: Quote, record: BasisRecord, policy: BasisPolicy, limits: RiskLimits, now: datetime
) -> BasisLine:
    basis = quote.mark_price / quote.index_price - ONE
    bound = grown(policy.alert_frac, policy.alert_annual, one, now)
    # Once told it is told until it is well inside again.
    edge = bound * (ONE - policy.hysteresis_frac) if record.is_wide else bound
    usual, z_score = _compare(basis, [sample.basis for sample in record.samples])
    return BasisLine(
        venue=one.venue,
        asset=one.asset,
        symbol=one.symbol,
        mark_price=quote.mark_price,
        index_price=quote.index_price,
        basis=basis,
        annual=None if one.expires_at is None else basis * DAYS_PER_YEAR / Decimal((one.expires_at - now) / _DAY),
        mean=usual,
        z_score=z_score,
        alert_frac=bound,
        block_frac=grown(limits.max_mark_index_frac, limits.max_basis_annual, one, now),
        is_wide=abs(basis) > edge,
    )


def grown(frac: Decimal, annual: Decimal, one: Instrument, now: datetime) -> Decimal:
    """Return a bound of the basis: a fixed part, and for a contract that expires so much for each year that is left."""
    if one.expires_at is None:
        return frac
    return frac + annual * Decimal((one.expires_at - now) / _DAY) / DAYS_PER_YEAR


def _compare(basis: Decimal, samples: Iterable[Decimal]) -> tuple[Decimal | None, Decimal | None]:
    """Return the mean and the z-score; None where there are too few samples, or where they do not differ."""
    known = list(samples)
    if len(known) < _ENOUGH_SAMPLES:
        return None, None
    usual, spread = mean(known), pstdev(known)
    return usual, None if spread == 0 else (basis - usual) / spread
