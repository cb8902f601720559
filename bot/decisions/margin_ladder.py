"""How near is a wallet to liquidation, and what is done about it?

Two measures, and the worse of them counts: maintenance ÷ margin balance, and the move against every leg at once at
which the wallet is liquidated. Five rungs, each with hysteresis: warn, move collateral, hold back what would increase,
make legs smaller, close them. Spot is never sold. A rung includes those below it.

The venue's own liquidation prices are checked against this arithmetic: a difference is an alarm, and a price that it
does not give is one, too, never "far away".
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from decimal import Decimal

from bot.decisions.adverse import adverse_cost, leg_cost
from bot.decisions.liquidation import joint_liquidation_frac, own_liquidation_fracs
from bot.decisions.wallets import Holding, Wallet
from bot.domain.ids import Asset, Symbol
from bot.domain.policy import MarginPolicy, MarginRung
from bot.domain.portfolio import FuturesPosition
from bot.domain.units import ONE, ZERO, ceil_to_step, sign

_RUNGS = (
    MarginRung.CALM,
    MarginRung.WARN,
    MarginRung.TRANSFER,
    MarginRung.CANCEL,
    MarginRung.REDUCE,
    MarginRung.FLATTEN,
)
#: The venue's distance to liquidation may differ from ours by this share of it, and by this much of the price besides.
_DISAGREES_FRAC = Decimal("0.1")
_DISAGREES_SLACK = Decimal("0.02")
_BEYOND = Decimal("1.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginHealth:
    """One wallet, measured."""

    wallet: Wallet
    #: Maintenance ÷ margin balance; None where there is no balance to divide by and something to maintain.
    usage_frac: Decimal | None
    #: Move against every leg at once at which it is liquidated; None when none does it.
    distance_frac: Decimal | None
    rung: MarginRung


def rank(rung: MarginRung) -> int:
    """Return how high a rung is; CALM is 0."""
    return _RUNGS.index(rung)


def measure_wallet(wallet: Wallet, before: MarginRung, policy: MarginPolicy, *, has_borrowed: bool) -> MarginHealth:
    """Measure a wallet that was on the rung ``before``. What was borrowed by itself is at least a warning."""
    usage = _usage(wallet)
    distance = joint_liquidation_frac(wallet)
    reached = _rung_at(usage, distance, ONE, policy)
    kept = _rung_at(usage, distance, ONE + policy.hysteresis_frac, policy)
    rung = max(reached, min(before, kept, key=rank), key=rank)
    if has_borrowed:
        rung = max(rung, MarginRung.WARN, key=rank)
    return MarginHealth(wallet=wallet, usage_frac=usage, distance_frac=distance, rung=rung)


def _maintenance(wallet: Wallet) -> Decimal:
    """Return the venue's number or ours, whichever is larger."""
    return max(wallet.maintenance_margin, sum((one.maintenance_after(ZERO) for one in wallet.holdings), ZERO))


def _usage(wallet: Wallet) -> Decimal | None:
    needed = _maintenance(wallet)
    if needed == 0:
        return ZERO
    return needed / wallet.margin_balance if wallet.margin_balance > 0 else None


def _rung_at(usage: Decimal | None, distance: Decimal | None, strictness: Decimal, policy: MarginPolicy) -> MarginRung:
    """Return the highest rung whose bounds are reached; a ``strictness`` above 1 reaches them earlier."""
    reached = MarginRung.CALM
    for rung in _RUNGS[1:]:
        bound = policy.bound(rung)
        is_used = usage is None or usage * strictness >= bound.usage_frac
        is_near = distance is not None and distance <= bound.distance_frac * strictness
        if is_used or is_near:
            reached = rung
    return reached


# --- what it takes -----------------------------------------------------------------------------


def missing_cash(wallet: Wallet, below: MarginRung, policy: MarginPolicy) -> Decimal:
    """Return the cash, in the wallet's currency, with which it would leave ``below``; 0 when none is needed."""
    # Exactly on the bound it would not have been left.
    return max(ZERO, shortage(wallet, below, policy)) * _BEYOND


def shortage(wallet: Wallet, below: MarginRung, policy: MarginPolicy) -> Decimal:
    """Return the cash, missing to leave a rung, in the wallet's currency; negative is what there is to spare."""
    bound, strictness = policy.bound(below), ONE + policy.hysteresis_frac
    by_usage = _maintenance(wallet) * strictness / bound.usage_frac - wallet.margin_balance
    by_distance = -surplus_after(wallet, bound.distance_frac * strictness)
    return max(by_usage, by_distance)


def surplus_after(wallet: Wallet, adverse_frac: Decimal) -> Decimal:
    """Return what a move against every leg at once leaves over maintenance, in the wallet's currency."""
    return wallet.margin_balance - adverse_cost(wallet, adverse_frac)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCut:
    """A leg that is made smaller to free margin."""

    holding: Holding
    #: Unsigned, on the lot, at most the position.
    contracts: Decimal


def plan_cuts(
    wallet: Wallet, gaps_quote: Mapping[Asset, Decimal], policy: MarginPolicy, *, untouchable: AbstractSet[Symbol]
) -> tuple[MarginCut, ...]:
    """Return the legs to make smaller until the rung REDUCE is left, those that free most per dollar of drift first.

    ``gaps_quote``: exposure − target per asset in USD, as the newest look knew it; what is not in there counts as on
    target. A cut that brings an asset nearer to its target costs no drift, so it comes first. ``untouchable`` symbols
    are the owner's.
    """
    cuts = []
    left = wallet
    reach = policy.bound(MarginRung.REDUCE).distance_frac * (ONE + policy.hysteresis_frac)
    ours = [one for one in wallet.holdings if one.instrument.symbol not in untouchable]
    for one in sorted(ours, key=lambda one: _order_of_cut(one, wallet, gaps_quote, reach)):
        missing = missing_cash(left, MarginRung.REDUCE, policy)
        if missing == 0:
            break
        size = abs(one.contracts)
        closed = _without(left, one, size)
        freed = shortage(left, MarginRung.REDUCE, policy) - shortage(closed, MarginRung.REDUCE, policy)
        if freed <= 0:
            # A short of pledged coins: they stand for each other.
            continue
        wanted = size if freed <= missing else size * missing / freed
        contracts = min(size, ceil_to_step(wanted, one.instrument.lot_size))
        cuts.append(MarginCut(holding=one, contracts=contracts))
        left = _without(left, one, contracts)
    return tuple(cuts)


def _order_of_cut(
    one: Holding, wallet: Wallet, gaps_quote: Mapping[Asset, Decimal], reach: Decimal
) -> tuple[bool, Decimal]:
    # Closing a short adds exposure: that is drift unless the asset is under its target, and the other way round.
    adds = -sign(one.contracts)
    worsens = gaps_quote.get(one.instrument.asset, ZERO) * adds >= 0
    freed = leg_cost(one, reach) if not wallet.pledged else _freed_by(one, wallet, reach)
    return worsens, -freed / one.notional_settle


def _freed_by(one: Holding, wallet: Wallet, reach: Decimal) -> Decimal:
    return adverse_cost(wallet, reach) - adverse_cost(_without(wallet, one, abs(one.contracts)), reach)


def _without(wallet: Wallet, one: Holding, contracts: Decimal) -> Wallet:
    """Return the wallet with one leg smaller; its maintenance is then ours to work out."""
    closed = replace(one, contracts=-sign(one.contracts) * contracts)
    return replace(wallet, maintenance_margin=ZERO).with_contracts({one.instrument.symbol: closed})


def close_all(wallet: Wallet, *, untouchable: AbstractSet[Symbol]) -> tuple[MarginCut, ...]:
    """Return every leg that is ours, whole, the largest first."""
    ordered = sorted(wallet.holdings, key=lambda one: -one.notional_settle)
    return tuple(
        MarginCut(holding=one, contracts=abs(one.contracts))
        for one in ordered
        if one.instrument.symbol not in untouchable
    )


# --- the venue's word --------------------------------------------------------------------------


def liquidation_doubts(wallet: Wallet, positions: Iterable[FuturesPosition]) -> dict[Symbol, str]:
    """Return, per symbol, what is wrong with the liquidation price that the venue gives; none where all agree."""
    ours = {one.instrument.symbol: one for one in wallet.holdings}
    by_formula = own_liquidation_fracs(wallet)
    doubts: dict[Symbol, str] = {}
    for position in positions:
        one = ours.get(position.symbol)
        if one is None:
            continue
        own = by_formula[position.symbol]
        said = _said_distance(position, one.mark_price)
        if said is None:
            if own is not None and own < ONE:
                doubts[position.symbol] = f"the venue gives no liquidation price; by our account it is {own:.1%} away"
        elif own is None or own >= ONE:
            if said < ONE - _DISAGREES_SLACK:
                doubts[position.symbol] = f"the venue says {said:.1%} away, by our account nothing liquidates it"
        elif abs(said - own) > own * _DISAGREES_FRAC + _DISAGREES_SLACK:
            doubts[position.symbol] = f"the venue says {said:.1%} away, by our account it is {own:.1%}"
    return doubts


def _said_distance(position: FuturesPosition, mark_price: Decimal) -> Decimal | None:
    """Return the venue's distance as a fraction of mark; None where it says nothing."""
    if position.liquidation_price is None:
        return None
    return (position.liquidation_price / mark_price - ONE) * -sign(position.contracts)
