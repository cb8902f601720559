"""Which trades would bring the assets to where they should be?

Gaps become needs, needs become legs: what shrinks a position first, what opens exposure after it. A need that
turns a position
over is two legs. Nothing here asks whether a leg is allowed; ``risk`` does.
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.decisions.drift import Drift
from bot.decisions.exposure import Exposures
from bot.decisions.instrument_choice import choose_instrument
from bot.decisions.sizing import cost_bps, limit_price, opening_contracts, reducing_contracts
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Side, side_of
from bot.domain.plan import HedgeLeg
from bot.domain.policy import BandPolicy, Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO, sign


def wanted_gaps(drifts: tuple[Drift, ...], bands: BandPolicy) -> dict[Asset, Decimal]:
    """Return the gap that each asset should have after this look.

    Each asset by itself first. Where that leaves total exposure off by more than the total band, the assets
    whose trade offsets
    it move too, largest relative gap first, inside their bands and never past target; total exposure stops a
    tenth inside.
    """
    wanted = {drift.asset: drift.wanted_gap for drift in drifts}
    if bands.total_frac is None:
        return wanted
    total = sum(wanted.values(), ZERO)
    if abs(total) <= bands.total_frac:
        return wanted
    excess = abs(total) - bands.total_frac * (ONE - bands.edge_inset_frac)
    side = sign(total)
    offsetting = [drift for drift in drifts if sign(wanted[drift.asset]) == side]
    for drift in sorted(offsetting, key=_relative_gap, reverse=True):
        step = min(abs(wanted[drift.asset]), excess)
        wanted[drift.asset] -= side * step
        excess -= step
    return wanted


def _relative_gap(drift: Drift) -> Decimal:
    return abs(drift.gap) / drift.target_weight if drift.target_weight else abs(drift.gap) * 1000


def needs_quote(
    drifts: tuple[Drift, ...], wanted: Mapping[Asset, Decimal], value_quote: Decimal
) -> dict[Asset, Decimal]:
    """Return what each asset needs in USD: + buy, − sell."""
    return {drift.asset: (wanted[drift.asset] - drift.gap) * value_quote for drift in drifts}


def plan_legs(
    needs: Mapping[Asset, Decimal], exposures: Exposures, snapshot: Snapshot, policy: Policy
) -> tuple[HedgeLeg, ...]:
    """Return the legs of all needs, reducing ones first."""
    legs: list[HedgeLeg] = []
    for asset, need in needs.items():
        if need != 0:
            index_price = exposures.by_asset[asset].index_price
            legs.extend(_legs_of(asset, need / index_price, index_price, snapshot, policy))
    return tuple(sorted(legs, key=lambda leg: not leg.reduce_only))


def _legs_of(
    asset: Asset, need_base: Decimal, index_price: Decimal, snapshot: Snapshot, policy: Policy
) -> list[HedgeLeg]:
    side = side_of(need_base)
    left = abs(need_base)
    legs: list[HedgeLeg] = []
    for instrument, contracts in _positions_against(asset, side, snapshot, policy):
        quote = snapshot.quotes[instrument.venue, instrument.symbol]
        reducing = reducing_contracts(left, contracts, instrument, quote.mark_price)
        if reducing > 0:
            legs.append(_leg(instrument, side, reducing, quote, index_price, policy, reduces=True))
            left -= legs[-1].amount_base
        if reducing < abs(contracts):
            # The need ends within this position: opening more against it would be two orders that cross.
            return legs
    chosen = choose_instrument(asset, snapshot, policy)
    if chosen is not None and left > 0:
        quote = snapshot.quotes[chosen.venue, chosen.symbol]
        bound = limit_price(side, quote, chosen, policy.execution, reduces=False)
        opening = opening_contracts(left, chosen, mark_price=quote.mark_price, limit_price=bound)
        if opening > 0:
            legs.append(_leg(chosen, side, opening, quote, index_price, policy, reduces=False))
    return legs


def _positions_against(
    asset: Asset, side: Side, snapshot: Snapshot, policy: Policy
) -> list[tuple[Instrument, Decimal]]:
    """Return our positions in an asset that a trade on ``side`` would shrink."""
    found = []
    for position in snapshot.positions():
        instrument = snapshot.instruments[position.venue, position.symbol]
        if (
            instrument.asset == asset
            and position.symbol not in policy.foreign_symbols
            and side_of(-position.contracts) is side
        ):
            found.append((instrument, position.contracts))
    return sorted(found, key=lambda pair: (pair[0].venue, pair[0].symbol))


def _leg(
    instrument: Instrument,
    side: Side,
    contracts: Decimal,
    quote: Quote,
    index_price: Decimal,
    policy: Policy,
    *,
    reduces: bool,
) -> HedgeLeg:
    amount = abs(instrument.base_from_contracts(contracts, quote.mark_price))
    return HedgeLeg(
        instrument=instrument,
        side=side,
        contracts=contracts,
        amount_base=amount,
        notional_quote=amount * index_price,
        reduce_only=reduces,
        expected_cost_bps=cost_bps(quote, instrument),
        limit_price=limit_price(side, quote, instrument, policy.execution, reduces=reduces),
        index_price=index_price,
        reason="shrinks the hedge" if reduces else "opens the hedge",
    )


def lots_quote(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    """Return the worth in USD of the smallest step that can be traded in each asset; assets without a
    contract are left out."""
    lots = {}
    for asset in policy.assets:
        instrument = choose_instrument(asset, snapshot, policy)
        if instrument is not None:
            quote = snapshot.quotes[instrument.venue, instrument.symbol]
            lots[asset] = instrument.notional_quote(instrument.lot_size, quote.mark_price)
    return lots
