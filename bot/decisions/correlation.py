"""How do the assets move together, and what does that make of the portfolio?

Σ is the exponentially weighted mean of outer products of log returns, by the rules of σ in ``volatility``: λ = 0.94 a
day, no mean, a return over n days is one observation of n days' variance. Only days that all assets have count, so
that Σ is a sum of outer products with positive weights, hence positive semidefinite: no portfolio has a negative
variance. It is told per year of 365 days.

Missing is not zero: an asset without a usable history is left out and named, and what depends on its weight is None.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import mul

from bot.decisions.volatility import daily_sigma
from bot.domain.ids import Asset
from bot.domain.market import PriceHistory
from bot.domain.plan import RiskView
from bot.domain.policy import CASH
from bot.domain.units import DAYS_PER_YEAR, ONE, ZERO, clamp

# As for σ; a test holds the diagonal of Σ to it.
_LAMBDA = Decimal("0.94")
_LEAST_RETURNS = 10
_OLDEST = timedelta(days=7)
_DAY = timedelta(days=1)
#: Variance below this share of what it would be if nothing offset anything is what rounding has left.
_ROUNDING_FRAC = Decimal("1e-20")
#: Assets that are correlated beyond this are told as pairs.
_CORRELATED = Decimal("0.9")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariance:
    """How assets move together. Compared by identity: what is derived from one is remembered."""

    assets: tuple[Asset, ...]
    #: Of log returns, per year of 365 days; rows and columns in the order of ``assets``.
    annual: tuple[tuple[Decimal, ...], ...]
    #: The last day that all of them have a close of.
    until: datetime
    #: Assets whose history is too short or too old to be in here.
    missing: tuple[Asset, ...] = ()

    @property
    def sigmas_annual(self) -> tuple[Decimal, ...]:
        """σ of each asset."""
        return _sigmas_of(self)


@lru_cache(maxsize=16)
def _sigmas_of(moves: Covariance) -> tuple[Decimal, ...]:
    return tuple(row[place].sqrt() for place, row in enumerate(moves.annual))


def covariance(histories: tuple[PriceHistory, ...], now: datetime) -> Covariance | None:
    """Return Σ of the assets whose history is long and young enough; None when they have too few days in common."""
    usable = tuple(one for one in histories if daily_sigma(one, now) is not None)
    found = recorded_covariance(usable)
    if found is None or now - found.until > _OLDEST:
        return None
    if len(usable) == len(histories):
        return found
    return replace(found, missing=tuple(one.asset for one in histories if one.asset not in found.assets))


@lru_cache(maxsize=16)
def recorded_covariance(histories: tuple[PriceHistory, ...]) -> Covariance | None:
    """Return Σ of the assets whose history is long enough, however old it is; None as for ``covariance``."""
    usable = tuple(one for one in histories if len(one.closes) > _LEAST_RETURNS)
    closes = [dict(zip(one.days, one.closes, strict=True)) for one in usable]
    days = sorted(set(closes[0]).intersection(*closes[1:])) if closes else []
    if len(days) <= _LEAST_RETURNS:
        return None
    return Covariance(
        assets=tuple(one.asset for one in usable),
        annual=_annual(days, closes),
        until=days[-1],
        missing=tuple(one.asset for one in histories if one not in usable),
    )


def _annual(days: Sequence[datetime], closes: Sequence[Mapping[datetime, Decimal]]) -> tuple[tuple[Decimal, ...], ...]:
    """Return Σ of closes on these days. It is symmetric: each pair is summed once, the newest day first."""
    spans = [(earlier, day, (day - earlier) // _DAY) for earlier, day in pairwise(days)][::-1]
    factors = list(accumulate((_LAMBDA**length for _, _, length in spans[:-1]), mul, initial=ONE))
    weight = sum(factors, ZERO)
    changes = _log_changes([[(one[earlier], one[day]) for earlier, day, _ in spans] for one in closes])
    sums: list[list[Decimal]] = []
    for row, mine in enumerate(changes):
        parts = [factor * change / span[2] for factor, change, span in zip(factors, mine, spans, strict=True)]
        mirrored = [before[row] for before in sums]
        sums.append(mirrored + [sum(map(mul, parts, other), ZERO) for other in changes[row:]])
    return tuple(tuple(entry * DAYS_PER_YEAR / weight for entry in row) for row in sums)


#: Log returns by their two closes. Logarithms are most of the work, and a new day adds one per asset.
_known_changes: dict[tuple[Decimal, Decimal], Decimal] = {}


def _log_changes(pairs: Sequence[Sequence[tuple[Decimal, Decimal]]]) -> list[list[Decimal]]:
    """Return the log returns of pairs of closes. What earlier sums asked for is known until there is twice as much."""
    changes = [[_log_change(pair) for pair in row] for row in pairs]
    if len(_known_changes) > 2 * sum(map(len, pairs)):
        needed = {pair: _known_changes[pair] for row in pairs for pair in row}
        _known_changes.clear()
        _known_changes.update(needed)
    return changes


def _log_change(pair: tuple[Decimal, Decimal]) -> Decimal:
    known = _known_changes.get(pair)
    if known is None:
        earlier, close = pair
        known = _known_changes[pair] = (close / earlier).ln()
    return known


# --- what it makes of a portfolio --------------------------------------------------------------


def portfolio_sigma_annual(weights: Mapping[Asset, Decimal], moves: Covariance) -> Decimal | None:
    """Return √(w'Σw); None when an asset that weighs is not in Σ. Cash does not move."""
    return _Parts.of(weights, moves).sigma


def risk_shares(weights: Mapping[Asset, Decimal], moves: Covariance) -> dict[Asset, Decimal] | None:
    """Return each asset's share of the variance, w_i·(Σw)_i ÷ w'Σw; they sum to 1, and what offsets is negative.

    None when there is no variance, or when an asset that weighs is not in Σ.
    """
    return _Parts.of(weights, moves).shares


def effective_bets(weights: Mapping[Asset, Decimal], moves: Covariance) -> Decimal | None:
    """Return the squared diversification ratio, (Σ|w_i|·σ_i ÷ σ_portfolio)² (Choueifaty and Coignard 2008).

    The number of uncorrelated bets of equal size that are diversified as well: 1 when all moves as one, n for n
    uncorrelated assets of equal risk; what offsets counts as more. None as for ``risk_shares``.
    """
    return _Parts.of(weights, moves).bets


@lru_cache(maxsize=16)
def pairs_above(moves: Covariance, threshold: Decimal) -> tuple[tuple[Asset, Asset, Decimal], ...]:
    """Return the pairs whose correlation is above ``threshold``, with it. An asset that stands still has none."""
    sigmas = moves.sigmas_annual
    pairs = []
    for one, row in enumerate(moves.annual):
        for other in range(one + 1, len(row)):
            alone = sigmas[one] * sigmas[other]
            if alone and row[other] > threshold * alone:
                pairs.append((moves.assets[one], moves.assets[other], clamp(row[other] / alone, -ONE, ONE)))
    return tuple(pairs)


def measure_risk(
    weights_actual: Mapping[Asset, Decimal],
    weights_target: Mapping[Asset, Decimal],
    histories: tuple[PriceHistory, ...],
    now: datetime,
) -> RiskView:
    """Return what the assets' joint moves make of the portfolio as it is and as it should be."""
    moves = covariance(histories, now)
    weighted = [asset for asset in {**weights_actual, **weights_target} if asset != CASH]
    if moves is None:
        return RiskView(missing=tuple(weighted))
    actual, target = _Parts.of(weights_actual, moves), _Parts.of_targets(weights_target, moves)
    return RiskView(
        sigma_annual=actual.sigma,
        sigma_target_annual=target.sigma,
        shares_actual=actual.shares,
        shares_target=target.shares,
        effective_bets_actual=actual.bets,
        effective_bets_target=target.bets,
        correlated_pairs=pairs_above(moves, _CORRELATED),
        missing=tuple(asset for asset in weighted if asset not in moves.assets),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the variance of a portfolio is made of. One multiplication of Σ serves every figure."""

    assets: tuple[Asset, ...]
    #: w_i·(Σw)_i; None where an asset that weighs is not in Σ.
    parts: tuple[Decimal, ...] | None
    variance: Decimal
    standalone_sigma: Decimal

    @classmethod
    def of(cls, weights: Mapping[Asset, Decimal], moves: Covariance) -> "_Parts":
        alone = _standalone_sigma(weights, moves)
        parts = _variance_parts(weights, moves, alone)
        return cls(moves.assets, parts, sum(parts or (), ZERO), alone)

    @classmethod
    def of_targets(cls, weights: Mapping[Asset, Decimal], moves: Covariance) -> "_Parts":
        """Return the same of weights that stay for days, remembered for as long as Σ is the same."""
        return _parts_of(tuple(weights.items()), moves)

    @property
    def sigma(self) -> Decimal | None:
        return None if self.parts is None else self.variance.sqrt()

    @property
    def shares(self) -> dict[Asset, Decimal] | None:
        if self.parts is None or self.variance == 0:
            return None
        return {asset: part / self.variance for asset, part in zip(self.assets, self.parts, strict=True)}

    @property
    def bets(self) -> Decimal | None:
        return (self.standalone_sigma / self.sigma) ** 2 if self.sigma else None


@lru_cache(maxsize=16)
def _parts_of(weights: tuple[tuple[Asset, Decimal], ...], moves: Covariance) -> _Parts:
    return _Parts.of(dict(weights), moves)


def _variance_parts(
    weights: Mapping[Asset, Decimal], moves: Covariance, standalone_sigma: Decimal
) -> tuple[Decimal, ...] | None:
    """Return w_i·(Σw)_i per asset of Σ: they sum to the variance. All zero where that is nothing but rounding."""
    known = frozenset(moves.assets)
    if any(weight and asset not in known for asset, weight in weights.items() if asset != CASH):
        return None
    vector = [weights.get(asset, ZERO) for asset in moves.assets]
    # The only work of a look that grows with the square of the number of assets: nothing else is in this loop.
    parts = tuple(weight * sum(map(mul, row, vector), ZERO) for weight, row in zip(vector, moves.annual, strict=True))
    if sum(parts, ZERO) <= _ROUNDING_FRAC * standalone_sigma**2:
        return (ZERO,) * len(parts)
    return parts


def _standalone_sigma(weights: Mapping[Asset, Decimal], moves: Covariance) -> Decimal:
    """Return σ as it would be if nothing offset anything."""
    pairs = zip(moves.assets, moves.sigmas_annual, strict=True)
    return sum((abs(weights.get(asset, ZERO)) * sigma for asset, sigma in pairs), ZERO)
