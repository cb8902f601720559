"""What does the worst bad day leave of a wallet?

Every leg moves against us at once by x % (never milder than a parallel move of ±x %), every recorded joint window of
1, 3 and 7 days, and every joint move that the covariance does not make next to impossible. The wallet survives when
what is left covers a multiple of maintenance. What survives is concave in the size of the plan: in each scenario losses
grow in proportion and maintenance at least so, and the worst of several such scenarios is concave too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import mul

from bot.decisions.adverse import adverse_cost, cost_after
from bot.decisions.correlation import recorded_covariance
from bot.decisions.volatility import joint_windows
from bot.decisions.wallets import Wallet
from bot.domain.ids import Asset
from bot.domain.market import PriceHistory
from bot.domain.policy import RiskLimits
from bot.domain.units import DAYS_PER_YEAR, ONE, ZERO, sign

#: A joint move is survived up to this many standard deviations of what is held, over so many days.
_JOINT_SIGMAS = Decimal(4)
_JOINT_DAYS = Decimal(3)
#: In it no price falls by more than this; an asset for which it would counts with a lesser σ.
_DEEPEST_FALL_FRAC = Decimal("0.95")


def stress_surplus(wallet: Wallet, histories: Mapping[Asset, PriceHistory], limits: RiskLimits) -> Decimal:
    """Return what the worst stress leaves over the needed multiple of maintenance; negative is the shortfall."""
    recorded = tuple(histories.values())
    multiple = limits.stress_maintenance_multiple
    if wallet.pledged:
        surplus = _surplus_with_pledged(wallet, recorded, limits)
    else:
        directions = tuple((one.instrument.asset, sign(one.contracts)) for one in wallet.holdings)
        scenarios = _adverse_scenarios(recorded, directions, limits.stress_frac)
        surplus = min(_surplus_after(wallet, moves, multiple) for moves in scenarios)
    reach = _joint_reach(recorded, limits.stress_frac)
    return surplus if reach is None else min(surplus, _joint_surplus(wallet, reach, limits))


def _surplus_after(wallet: Wallet, moves: tuple[Decimal, ...], multiple: Decimal) -> Decimal:
    left, needed = wallet.margin_balance, ZERO
    for holding, move in zip(wallet.holdings, moves, strict=True):
        left += holding.profit_after(move)
        needed += holding.maintenance_after(move)
    return left - needed * multiple


def _surplus_with_pledged(wallet: Wallet, histories: tuple[PriceHistory, ...], limits: RiskLimits) -> Decimal:
    """Return the same where coins count as margin: which way is against us, their size decides.

    So nothing is left out beforehand. An asset without a close in a window goes the way that costs more.
    """
    multiple = limits.stress_maintenance_multiple
    surpluses = [wallet.margin_balance - adverse_cost(wallet, limits.stress_frac, multiple)]
    places = {history.asset: place for place, history in enumerate(histories)}
    for window in joint_windows(histories):
        moves = {asset: window[place] for asset, place in places.items()}
        known = {asset: move for asset, move in moves.items() if move is not None}
        cost = cost_after(wallet, known, otherwise=limits.stress_frac, multiple=multiple)
        surpluses.append(wallet.margin_balance - cost)
    return min(surpluses)


#: A day's look asks for one or two, whatever the number of assets; each keeps its histories.
@lru_cache(maxsize=16)
def _adverse_scenarios(
    histories: tuple[PriceHistory, ...], directions: tuple[tuple[Asset, int], ...], stress_frac: Decimal
) -> tuple[tuple[Decimal, ...], ...]:
    """Return the moves, one per leg, that can be the worst for legs of these directions.

    First the one against every leg at once. Then the recorded windows, without those that are nowhere worse than
    another scenario. A leg whose asset has no close in a window moves against us: missing is not zero.
    """
    against = tuple(-stress_frac * direction for _, direction in directions)
    places = {history.asset: place for place, history in enumerate(histories)}
    kept = [against]
    for moves in joint_windows(histories):
        window = tuple(
            _move_of(places.get(asset), moves, worst) for (asset, _), worst in zip(directions, against, strict=True)
        )
        if not any(_is_no_worse(window, other, directions) for other in kept):
            kept = [other for other in kept if not _is_no_worse(other, window, directions)]
            kept.append(window)
    return tuple(kept)


def _move_of(place: int | None, moves: tuple[Decimal | None, ...], worst: Decimal) -> Decimal:
    move = None if place is None else moves[place]
    return worst if move is None else move


def _is_no_worse(
    moves: tuple[Decimal, ...], other: tuple[Decimal, ...], directions: tuple[tuple[Asset, int], ...]
) -> bool:
    """Return True when no leg loses more in ``moves`` than in ``other``."""
    return all(
        move * direction >= reference * direction
        for move, reference, (_, direction) in zip(moves, other, directions, strict=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _JointReach:
    """The joint moves m that are survived: an ellipsoid, the m for which m'S⁻¹m ≤ 1."""

    #: S = sigmas² · days · Σ: a row per asset, with its columns in the same order.
    shape: Mapping[Asset, tuple[Decimal, ...]]
    #: How far each asset goes in it, up or down.
    furthest: Mapping[Asset, Decimal]


@lru_cache(maxsize=16)
def _joint_reach(histories: tuple[PriceHistory, ...], stress_frac: Decimal) -> _JointReach | None:
    """Return which joint moves the covariance makes likely enough to be survived; None without a covariance.

    None, too, when no asset goes further in them than ``stress_frac``: then every leg against us is worse.
    """
    moves = recorded_covariance(histories)
    if moves is None:
        return None
    days = _JOINT_DAYS / DAYS_PER_YEAR
    reached = [_JOINT_SIGMAS * sigma * days.sqrt() for sigma in moves.sigmas_annual]
    if max(reached) <= stress_frac:
        return None
    kept = [min(ONE, _DEEPEST_FALL_FRAC / one) if one else ONE for one in reached]
    scale = _JOINT_SIGMAS * _JOINT_SIGMAS * days
    return _JointReach(
        shape={
            asset: tuple(entry * scale * kept[row] * keep for entry, keep in zip(moves.annual[row], kept, strict=True))
            for row, asset in enumerate(moves.assets)
        },
        furthest={asset: one * keep for asset, one, keep in zip(moves.assets, reached, kept, strict=True)},
    )


def _joint_surplus(wallet: Wallet, reach: _JointReach, limits: RiskLimits) -> Decimal:
    """Return what is left, at the least, after every joint move within ``reach``.

    Of signed notionals w the worst one is −Sw ÷ √(w'Sw), and it costs √(w'Sw). It turns with w; as a norm of w its
    cost is convex all the same. Maintenance is needed as at the far end of each asset's own range, wherever the
    others go: nowhere in reach is more needed, and it does not turn with w. So the surplus is concave, as with a
    fixed scenario. An asset without a covariance moves against us: missing is not zero.
    """
    pulls, cost = _pulls(wallet, reach)
    left, needed = wallet.margin_balance, ZERO
    for asset, amount in wallet.pledged.items():
        left += amount * (_turned(pulls[asset], cost) if asset in pulls else -limits.stress_frac)
    for one in wallet.holdings:
        asset = one.instrument.asset
        if asset not in pulls:
            move = worst_move = -limits.stress_frac * sign(one.contracts)
        else:
            move = _turned(pulls[asset], cost)
            worst_move = reach.furthest[asset] * (1 if one.instrument.is_linear else -1)
        left += one.profit_after(move)
        needed += one.maintenance_after(worst_move)
    return left - needed * limits.stress_maintenance_multiple


def _pulls(wallet: Wallet, reach: _JointReach) -> tuple[dict[Asset, Decimal], Decimal]:
    """Return Sw per asset and √(w'Sw), of the signed notionals w that have a covariance."""
    worth: dict[Asset, Decimal] = {}
    legs = ((one.instrument.asset, one.notional_settle * sign(one.contracts)) for one in wallet.holdings)
    for asset, signed in (*legs, *wallet.pledged.items()):
        if asset in reach.shape:
            worth[asset] = worth.get(asset, ZERO) + signed
    vector = [worth.get(asset, ZERO) for asset in reach.shape]
    pulls = {asset: sum(map(mul, reach.shape[asset], vector), ZERO) for asset in worth}
    cost = max(ZERO, sum((w * pulls[asset] for asset, w in worth.items()), ZERO)).sqrt()
    return pulls, cost


def _turned(pull: Decimal, cost: Decimal) -> Decimal:
    return -pull / cost if cost else ZERO
