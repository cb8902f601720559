"""How much of its way back does an asset go at this look, and when is the next look?

Higher volatility means more frequent looks and smaller actions: an action is σ_ref ÷ σ_now of the distance to the
destination, at least a quarter and at most all of it. With tranches the distance is divided by the tranches that are
left, on a schedule of its own, and volatility has no say in the size. What is small is done at once: a share that the
venue would not take stalls a correction for ever.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.decisions.drift import Drift
from bot.domain.books import Correction
from bot.domain.events import CorrectionEnded, CorrectionStarted, Fact, TrancheTaken
from bot.domain.ids import Asset
from bot.domain.policy import DcaPolicy, Policy, VolatilityPolicy
from bot.domain.units import ONE, ZERO, clamp, sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How far one asset goes at this look."""

    #: The gap that it should have after this look.
    wanted_gap: Decimal
    #: Set when this is a tranche; to be journalled before its order is.
    tranche: TrancheTaken | None = None
    #: Why it goes less than all the way; empty when it goes all the way or need not go.
    why: str = ""


def look_interval(sigma_annual: Decimal | None, volatility: VolatilityPolicy) -> timedelta:
    """Return the time to the next look: base × σ_ref ÷ σ_now, within its bounds; base where σ is not known."""
    if sigma_annual is None:
        return volatility.base_interval
    if sigma_annual == 0:
        return volatility.max_interval
    bounds = volatility.min_interval, volatility.max_interval
    # Bounded before it is a duration: a calm market would ask for more days than there are.
    ratio = clamp(
        volatility.reference_annual / sigma_annual,
        _seconds(bounds[0]) / _seconds(volatility.base_interval),
        _seconds(bounds[1]) / _seconds(volatility.base_interval),
    )
    return timedelta(seconds=int(_seconds(volatility.base_interval) * ratio))


def _seconds(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(seconds=1))


def action_frac(sigma_annual: Decimal | None, volatility: VolatilityPolicy | None) -> Decimal:
    """Return which share of its distance an action goes; all of it where volatility has no say or is not known."""
    if volatility is None or not sigma_annual:
        return ONE
    return clamp(volatility.reference_annual / sigma_annual, volatility.min_action_frac, ONE)


def pace_gaps(
    drifts: tuple[Drift, ...],
    policy: Policy,
    *,
    corrections: Mapping[Asset, Correction],
    sigma_annual: Decimal | None,
    value_quote: Decimal,
    smallest_quote: Mapping[Asset, Decimal],
    now: datetime,
) -> dict[Asset, Pace]:
    """Return how far each asset goes at this look.

    ``smallest_quote``: worth of the smallest order in each asset. A correction whose gap has changed sides is over
    and its tranches with it; if the asset is outside its band there, it begins anew.
    """
    paces = {}
    for drift in drifts:
        correction = corrections.get(drift.asset) if drift.is_correcting else None
        smallest = smallest_quote.get(drift.asset, ZERO) / value_quote
        if drift.wanted_gap == drift.gap:
            paces[drift.asset] = Pace(wanted_gap=drift.gap)
        elif policy.dca is not None:
            paces[drift.asset] = _tranche(drift, policy.dca, correction, smallest, now)
        else:
            paces[drift.asset] = _action(drift, policy.volatility, correction, sigma_annual, smallest)
    return paces


def _action(
    drift: Drift,
    volatility: VolatilityPolicy | None,
    correction: Correction | None,
    sigma_annual: Decimal | None,
    smallest: Decimal,
) -> Pace:
    share = action_frac(sigma_annual, volatility)
    if volatility is None or share == ONE or drift.distance <= _remainder(drift, volatility, correction, smallest):
        return Pace(wanted_gap=drift.destination_gap)
    return _step(drift, share, smallest, f"{share:.0%} of the way, as volatility is high")


def _remainder(drift: Drift, volatility: VolatilityPolicy, correction: Correction | None, smallest: Decimal) -> Decimal:
    """Return the distance, in weight, below which what is left is done at once."""
    first_gap = drift.gap if correction is None else correction.first_gap
    first_distance = max(ZERO, abs(first_gap) - abs(drift.destination_gap))
    return max(2 * smallest, volatility.remainder_frac * first_distance)


def _tranche(drift: Drift, dca: DcaPolicy, correction: Correction | None, smallest: Decimal, now: datetime) -> Pace:
    due_at = None if correction is None else correction.next_tranche_at
    if due_at is not None and now < due_at:
        return Pace(wanted_gap=drift.gap, why=f"its next tranche is due at {due_at:%Y-%m-%d %H:%M} UTC")
    left = (correction.tranches_left if correction is not None else 0) or dca.tranches
    taken = TrancheTaken(at=now, asset=drift.asset, left=max(1, left - 1), next_at=now + dca.interval)
    if left == 1:
        return Pace(wanted_gap=drift.destination_gap, tranche=taken)
    step = _step(drift, ONE / left, smallest, f"a tranche, {left - 1} more to come")
    return Pace(wanted_gap=step.wanted_gap, tranche=taken, why=step.why)


def _step(drift: Drift, share: Decimal, smallest: Decimal, why: str) -> Pace:
    """Go a share of the distance, at least the smallest order and never past the destination."""
    distance = max(drift.distance * share, smallest)
    if distance >= drift.distance:
        return Pace(wanted_gap=drift.destination_gap)
    return Pace(wanted_gap=drift.gap - sign(drift.gap) * distance, why=why)


def taken_tranches(
    paces: Mapping[Asset, Pace],
    traded: Set[Asset],
    corrections: Mapping[Asset, Correction],
    changes: Iterable[CorrectionStarted | CorrectionEnded],
) -> tuple[TrancheTaken, ...]:
    """Return the tranches that this look takes: those of assets of which something is ``traded``.

    ``changes`` are the corrections that this look starts and ends; what one that ends with it trades is its rest.
    """
    going_on = set(corrections)
    for change in changes:
        if isinstance(change, CorrectionStarted):
            going_on.add(change.asset)
        else:
            going_on.discard(change.asset)
    taking = traded & going_on
    return tuple(pace.tranche for asset, pace in paces.items() if pace.tranche is not None and asset in taking)


def next_moments(
    policy: Policy,
    sigma_annual: Decimal | None,
    corrections: Mapping[Asset, Correction],
    facts: Iterable[Fact],
    now: datetime,
) -> tuple[datetime | None, datetime | None]:
    """Return when volatility makes the next look due, and when the next tranche is; None where neither has a say.

    ``facts`` are those of this look, which the books do not hold yet. A tranche that is due and was not taken waits for
    the next look that comes by itself: a moment that has passed would make a look due at once, for ever.
    """
    paced_at = None if policy.volatility is None else now + look_interval(sigma_annual, policy.volatility)
    if policy.dca is None:
        return paced_at, None
    waiting = {asset: one.next_tranche_at for asset, one in corrections.items() if one.next_tranche_at is not None}
    for fact in facts:
        if isinstance(fact, CorrectionEnded):
            waiting.pop(fact.asset, None)
        elif isinstance(fact, TrancheTaken):
            waiting[fact.asset] = fact.next_at
    return paced_at, min((moment for moment in waiting.values() if moment > now), default=None)
