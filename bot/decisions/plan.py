"""Which trades would bring the assets to where they should be?

Gaps become needs, needs become legs: what shrinks a position first, what opens exposure after it. A need that turns a
position over is two legs. Nothing here asks whether a leg is allowed; ``risk`` does.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from bot.decisions.drift import Drift
from bot.decisions.exposure import Exposures, terms_of
from bot.decisions.sizing import (
    contracts_for,
    cost_bps,
    limit_price,
    opening_contracts,
    reducing_contracts,
    smallest_order_quote,
)
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Side, side_of
from bot.domain.plan import HedgeLeg
from bot.domain.policy import BandPolicy, Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO, sign


def wanted_gaps(
    drifts: tuple[Drift, ...], bands: BandPolicy, paced: Mapping[Asset, Decimal] | None = None
) -> dict[Asset, Decimal]:
    """Return the gap that each asset should have after this look.

    Each asset by itself first, as far as ``paced`` lets it go at this look; without that, all the way. Where that
    leaves total exposure off by more than the total band, the assets whose trade offsets it move too, largest relative
    gap first, inside their bands and never past target; total exposure stops a little inside, by the same inset as an
    edge. An asset without a contract stays where it is and weighs on the total.
    """
    wanted = {drift.asset: drift.wanted_gap for drift in drifts} if paced is None else dict(paced)
    if bands.total_frac is None:
        return wanted
    total = sum((wanted[one.asset] if one.is_hedgeable else one.gap for one in drifts), ZERO)
    if abs(total) <= bands.total_frac:
        return wanted
    excess = abs(total) - bands.total_frac * (ONE - bands.edge_inset_frac)
    side = sign(total)
    offsetting = [one for one in drifts if one.is_hedgeable and sign(wanted[one.asset]) == side]
    for drift in sorted(offsetting, key=_relative_gap, reverse=True):
        step = min(abs(wanted[drift.asset]), excess)
        wanted[drift.asset] -= side * step
        excess -= step
    return wanted


def _relative_gap(drift: Drift) -> tuple[bool, Decimal]:
    """Order by the gap as a share of the target; without a target any gap is the largest."""
    if drift.target_weight == 0:
        return True, abs(drift.gap)
    return False, abs(drift.gap) / drift.target_weight


def needs_quote(
    drifts: tuple[Drift, ...], wanted: Mapping[Asset, Decimal], value_quote: Decimal
) -> dict[Asset, Decimal]:
    """Return what each asset needs in USD: + buy, − sell.

    Counted from exposure, not from the weight: a weight has been divided by V, and its last digit can cost a lot.
    """
    return {
        drift.asset: ZERO
        if wanted[drift.asset] == drift.gap
        else (drift.target_weight + wanted[drift.asset]) * value_quote - drift.exposure_quote
        for drift in drifts
    }


def plan_legs(
    needs: Mapping[Asset, Decimal],
    exposures: Exposures,
    snapshot: Snapshot,
    policy: Policy,
    chosen: Mapping[Asset, Instrument],
) -> tuple[HedgeLeg, ...]:
    """Return the legs of all needs, reducing ones first. ``chosen``: what opens each asset's hedge."""
    legs: list[HedgeLeg] = []
    held = _held_by_asset(snapshot, policy)
    for asset, need in needs.items():
        if need != 0:
            index_price = exposures.by_asset[asset].index_price
            legs.extend(_legs_of(need, index_price, held.get(asset, []), snapshot, policy, chosen.get(asset)))
    return tuple(sorted(legs, key=lambda leg: not leg.reduce_only))


def _legs_of(
    need_quote: Decimal,
    index_price: Decimal,
    held: Sequence[tuple[Instrument, Decimal]],
    snapshot: Snapshot,
    policy: Policy,
    chosen: Instrument | None,
) -> Iterator[HedgeLeg]:
    side = side_of(need_quote)
    left = abs(need_quote)
    for instrument, contracts in held:
        if side_of(-contracts) is not side:
            continue
        quote = snapshot.quotes[instrument.venue, instrument.symbol]
        price = limit_price(side, quote, instrument, policy.execution, reduces=True)
        wanted = contracts_for(left, instrument, index_price=index_price, mark_price=quote.mark_price)
        reducing = reducing_contracts(wanted, contracts, instrument, limit_price=price)
        if reducing > 0:
            leg = _leg(instrument, side, reducing, quote, index_price, price, reduces=True)
            left -= leg.notional_quote
            yield leg
        if reducing < abs(contracts) or left <= 0:
            # The need ends within this position: opening more against it would be two orders that cross.
            return
    if chosen is not None:
        quote = snapshot.quotes[chosen.venue, chosen.symbol]
        price = limit_price(side, quote, chosen, policy.execution, reduces=False)
        wanted = contracts_for(left, chosen, index_price=index_price, mark_price=quote.mark_price)
        opening = opening_contracts(wanted, chosen, limit_price=price)
        if opening > 0:
            yield _leg(chosen, side, opening, quote, index_price, price, reduces=False)


def _held_by_asset(snapshot: Snapshot, policy: Policy) -> dict[Asset, list[tuple[Instrument, Decimal]]]:
    """Return our positions in each asset, signed, by venue and symbol."""
    held: dict[Asset, list[tuple[Instrument, Decimal]]] = {}
    for position in sorted(snapshot.positions(), key=lambda one: (one.venue, one.symbol)):
        if position.symbol not in policy.foreign_symbols:
            instrument, _ = terms_of((position.venue, position.symbol), snapshot)
            held.setdefault(instrument.asset, []).append((instrument, position.contracts))
    return held


def _leg(
    instrument: Instrument,
    side: Side,
    contracts: Decimal,
    quote: Quote,
    index_price: Decimal,
    price: Decimal,
    *,
    reduces: bool,
) -> HedgeLeg:
    amount = instrument.base_from_contracts(contracts, quote.mark_price)
    return HedgeLeg(
        instrument=instrument,
        side=side,
        contracts=contracts,
        amount_base=amount,
        notional_quote=amount * index_price,
        reduce_only=reduces,
        expected_cost_bps=cost_bps(quote, instrument),
        limit_price=price,
        index_price=quote.index_price,
        reason="shrinks the hedge" if reduces else "opens the hedge",
    )


def lots_quote(chosen: Mapping[Asset, Instrument], snapshot: Snapshot) -> dict[Asset, Decimal]:
    """Return the worth in quote currency of one lot in each asset that has a contract."""
    return {
        asset: one.notional_quote(one.lot_size, snapshot.quotes[one.venue, one.symbol].mark_price)
        for asset, one in chosen.items()
    }


def smallest_orders_quote(chosen: Mapping[Asset, Instrument], snapshot: Snapshot) -> dict[Asset, Decimal]:
    """Return the worth in quote currency of the smallest order in each asset that has a contract."""
    return {asset: smallest_order_quote(one, snapshot.quotes[one.venue, one.symbol]) for asset, one in chosen.items()}
