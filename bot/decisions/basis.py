"""How far is a contract from the spot price of its asset, and is that unusual?

Basis = mark ÷ index − 1; + is above the index. For a contract that expires it is also told a year, over the time that
is left: that is what a long pays for holding it. A perpetual has none: what its holder pays is funding.

The band beyond which it is told is fixed for a perpetual and grows with the time that is left for a dated contract,
whose basis decays to nothing. What is farther from its index than the gate allows is not added to (``price_sanity``).

What is usual is the mean of the last week. A dated contract is compared by what it is a year, so that its own decay is
nothing unusual.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.domain.basis import BasisRecord, BasisSample
from bot.domain.books import Leg
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.policy import BasisPolicy, RiskLimits
from bot.domain.units import DAYS_PER_YEAR, ONE, ZERO

_DAY = timedelta(days=1)
#: Below this many samples nothing is unusual: there is nothing to compare with.
_ENOUGH_SAMPLES = 24
#: A basis is compared as if at least so much time were left: divided by less, a tick would be a great deal a year.
_LEAST_LEFT = timedelta(days=1)
#: Samples that differ by less have not moved: it is what divisions leave.
_STILL = Decimal("1e-12")


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisLine:
    """One contract's basis as of one moment."""

    at: datetime
    venue: VenueId
    asset: Asset
    symbol: Symbol
    mark_price: Decimal
    index_price: Decimal
    #: None for a perpetual.
    expires_at: datetime | None
    #: Fraction; + above the index.
    basis: Decimal
    #: The same a year, for the time that is left; None for a perpetual.
    annual: Decimal | None
    #: Of the last week, oldest first.
    samples: tuple[BasisSample, ...]
    #: |basis| beyond which it is told, and beyond which nothing is added.
    alert_frac: Decimal
    block_frac: Decimal
    is_wide: bool

    @property
    def is_blocked(self) -> bool:
        """True when nothing may be added to a position in it."""
        return abs(self.basis) > self.block_frac

    @property
    def days_to_expiry(self) -> Decimal | None:
        """Days that are left; None for a perpetual."""
        return None if self.expires_at is None else Decimal((self.expires_at - self.at) / _DAY)

    @property
    def mean(self) -> Decimal | None:
        """What the basis would be now if it were as in its last week; None with too few samples."""
        usual = self._usual()
        return None if usual is None else usual[0] * _spread_over(self.expires_at, self.at)

    @property
    def z_score(self) -> Decimal | None:
        """How many standard deviations it is off that, + above; None with too few samples, or with none that differ."""
        usual = self._usual()
        if usual is None or usual[1] <= _STILL:
            return None
        mean, deviation = usual
        return (self.basis / _spread_over(self.expires_at, self.at) - mean) / deviation

    def _usual(self) -> tuple[Decimal, Decimal] | None:
        """Return mean and standard deviation of the samples, each by the time that was left then."""
        count = len(self.samples)
        if count < _ENOUGH_SAMPLES:
            return None
        compared = [one.basis / _spread_over(self.expires_at, one.at) for one in self.samples]
        mean = sum(compared, ZERO) / count
        return mean, (sum(((one - mean) ** 2 for one in compared), ZERO) / count).sqrt()


def basis_lines(
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    records: Mapping[Leg, BasisRecord],
    policy: BasisPolicy,
    limits: RiskLimits,
    now: datetime,
) -> tuple[BasisLine, ...]:
    """Return a line for each contract that has prices of now and has not expired: an old price tells no basis."""
    return tuple(
        _line(one, quotes[leg], records.get(leg, BasisRecord()), policy, limits, now)
        for leg, one in instruments.items()
        if leg in quotes and now - quotes[leg].as_of <= limits.max_quote_age and not one.has_expired(now)
    )


def _line(
    one: Instrument, quote: Quote, record: BasisRecord, policy: BasisPolicy, limits: RiskLimits, now: datetime
) -> BasisLine:
    basis = quote.mark_price / quote.index_price - ONE
    bound = grown(policy.alert_frac, policy.alert_annual, one, now)
    # Once told it is told until it is well inside again.
    edge = bound * (ONE - policy.hysteresis_frac) if record.is_wide else bound
    return BasisLine(
        at=now,
        venue=one.venue,
        asset=one.asset,
        symbol=one.symbol,
        mark_price=quote.mark_price,
        index_price=quote.index_price,
        expires_at=one.expires_at,
        basis=basis,
        annual=None if one.expires_at is None else annual_basis(quote, one.expires_at, now),
        samples=record.samples,
        alert_frac=bound,
        block_frac=block_bound(one, limits, now),
        is_wide=abs(basis) > edge,
    )


def block_bound(one: Instrument, limits: RiskLimits, now: datetime) -> Decimal:
    """Return the |basis| beyond which nothing is added to a position in a contract."""
    return grown(limits.max_mark_index_frac, limits.max_basis_annual, one, now)


def is_apart(quote: Quote, one: Instrument, limits: RiskLimits, now: datetime) -> bool:
    """Return whether mark and index are further apart than that: one of the two may be wrong."""
    return abs(quote.mark_price / quote.index_price - ONE) > block_bound(one, limits, now)


def grown(frac: Decimal, annual: Decimal, one: Instrument, now: datetime) -> Decimal:
    """Return a bound of the basis: a fixed part, and for a contract that expires so much for each year that is left."""
    if one.expires_at is None:
        return frac
    return frac + annual * Decimal((one.expires_at - now) / _DAY) / DAYS_PER_YEAR


def annual_basis(quote: Quote, expires_at: datetime, now: datetime) -> Decimal:
    """Return mark over index as a fraction a year, for the time that is left to the expiry; + above the index."""
    return (quote.mark_price / quote.index_price - ONE) * DAYS_PER_YEAR / Decimal((expires_at - now) / _DAY)


def expected_basis_cost(side: int, basis_annual: Decimal) -> Decimal:
    """Return what holding a contract costs a year on a side (+1 long, −1 short): fraction of notional, + is paid.

    Mark and index meet at the expiry: above the index a long pays the difference away and a short earns it, below it
    is the other way round. What a long pays in funding, the same for a perpetual, costs each side alike.
    """
    return side * basis_annual


def _spread_over(expires_at: datetime | None, at: datetime) -> Decimal:
    """Return the years over which a basis decays; 1 for a perpetual, whose basis has no end to decay to."""
    return ONE if expires_at is None else Decimal(max(expires_at - at, _LEAST_LEFT) / _DAY) / DAYS_PER_YEAR
