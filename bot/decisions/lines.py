"""How is a decision told, asset by asset, and which corrections does it start or end?"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.decisions.drift import Drift, band_of
from bot.decisions.exposure import Exposures
from bot.decisions.pace import Pace
from bot.domain.books import Books
from bot.domain.events import CorrectionEnded, CorrectionStarted
from bot.domain.ids import Asset
from bot.domain.plan import AssetLine, HedgeLeg, Refusal, Rule, Verdict
from bot.domain.policy import CASH, Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO, decimal_text, sign


def approved_legs(judged: Iterable[tuple[HedgeLeg, Verdict]]) -> tuple[HedgeLeg, ...]:
    """Return what the gate let through, with the contracts that it let through."""
    return tuple(_resized(leg, verdict.approved_contracts) for leg, verdict in judged if verdict.approved_contracts)


def _resized(leg: HedgeLeg, contracts: Decimal) -> HedgeLeg:
    if contracts == leg.contracts:
        return leg
    # Multiplied first: a share that does not end would leave its last digit in the sums.
    return replace(
        leg,
        contracts=contracts,
        amount_base=leg.amount_base * contracts / leg.contracts,
        notional_quote=leg.notional_quote * contracts / leg.contracts,
    )


def untraded(
    drifts: tuple[Drift, ...],
    needs: Mapping[Asset, Decimal],
    wished: tuple[HedgeLeg, ...],
    shrinking: frozenset[Asset],
    unworthy: AbstractSet[Asset] = frozenset(),
) -> tuple[Refusal, ...]:
    """Return why an asset that needs a trade has no leg that the gate could judge.

    ``unworthy`` are those for which that has been said.
    """
    tried = {leg.instrument.asset for leg in wished} | unworthy
    return tuple(
        _untraded(drift, needs[drift.asset], shrinking)
        for drift in drifts
        if needs[drift.asset] != 0 and drift.asset not in tried
    )


def _untraded(drift: Drift, need_quote: Decimal, shrinking: frozenset[Asset]) -> Refusal:
    asset = drift.asset
    if asset in shrinking:
        reason = "protection makes its leg smaller first; the next look measures again"
        return Refusal(asset=asset, rule=Rule.CEILING, reason=reason)
    if not drift.is_hedgeable:
        reason = f"there is no contract for {asset} among those allowed"
        return Refusal(asset=asset, rule=Rule.UNHEDGEABLE, reason=reason)
    reason = f"{abs(need_quote):.2f} USD are less than the smallest order; they are carried"
    return Refusal(asset=asset, rule=Rule.BELOW_MINIMUM, reason=reason)


def asset_lines(
    drifts: tuple[Drift, ...],
    exposures: Exposures,
    needs: Mapping[Asset, Decimal],
    legs: tuple[HedgeLeg, ...],
    refusals: tuple[Refusal, ...],
    paces: Mapping[Asset, Pace],
    policy: Policy,
) -> tuple[AssetLine, ...]:
    """Return one row per asset, cash last where it has a target."""
    lines = [
        _asset_line(drift, exposures, needs[drift.asset], legs, refusals, paces[drift.asset].why) for drift in drifts
    ]
    if CASH in policy.targets:
        lines.append(_cash_line(exposures, policy))
    return tuple(lines)


def _asset_line(
    drift: Drift,
    exposures: Exposures,
    need_quote: Decimal,
    legs: tuple[HedgeLeg, ...],
    refusals: tuple[Refusal, ...],
    pace: str,
) -> AssetLine:
    """Return one asset's row with what is done, or why nothing is."""
    exposure = exposures.by_asset[drift.asset]
    mine = [leg for leg in legs if leg.instrument.asset == drift.asset]
    done = sum((leg.notional_quote * leg.side.sign for leg in mine), ZERO)
    against = [one.reason for one in refusals if one.asset == drift.asset]
    return AssetLine(
        asset=drift.asset,
        index_price=exposure.index_price,
        holding_base=exposure.holding_base,
        pledged_base=exposure.pledged_base,
        futures_delta_base=exposure.futures_delta_base,
        exposure_quote=drift.exposure_quote,
        weight=drift.weight,
        target_weight=drift.target_weight,
        gap=drift.gap,
        band=drift.band,
        is_outside_band=drift.is_outside_band,
        hedge_need_quote=need_quote,
        residual_quote=need_quote - done,
        reason=_reason(mine, [one for one in (_why_inside(drift, mine), pace) if one] + against),
    )


def _why_inside(drift: Drift, legs: list[HedgeLeg]) -> str:
    """Say why an asset is traded that is inside its band."""
    if drift.is_outside_band or not legs:
        return ""
    if drift.is_correcting:
        return "inside its band; a correction goes on to where it stops"
    return "inside its band; together the assets are outside that of the total"


def _reason(legs: list[HedgeLeg], against: list[str]) -> str:
    told = ", ".join(f"{leg.side} {decimal_text(leg.contracts)} {leg.instrument.symbol}" for leg in legs)
    objections = "; ".join(against)
    if told and objections:
        return f"{told} ({objections})"
    return told or objections or "inside its band"


def _cash_line(exposures: Exposures, policy: Policy) -> AssetLine:
    """Return the row of cash: what the assets leave of V. A short leg is cash, too; no order is for cash itself."""
    value, cash = exposures.valuation.portfolio_value_quote, exposures.valuation.cash_quote
    exposure = value - sum((one.exposure_quote for one in exposures.by_asset.values()), ZERO)
    weight = exposure / value
    target = policy.targets[CASH]
    band = band_of(target, policy.bands)
    return AssetLine(
        asset=CASH,
        index_price=ONE,
        holding_base=cash,
        futures_delta_base=exposure - cash,
        exposure_quote=exposure,
        weight=weight,
        target_weight=target,
        gap=weight - target,
        band=band,
        is_outside_band=abs(weight - target) > band,
        hedge_need_quote=ZERO,
        residual_quote=ZERO,
        reason="what the other assets leave; it has no order",
    )


def decision_warnings(
    exposures: Exposures, stop_warnings: tuple[str, ...], snapshot: Snapshot, policy: Policy, now: datetime
) -> tuple[str, ...]:
    """Return the sentences that want the owner's eye."""
    old = tuple(
        f"the declared holding of {one.asset} is of {one.as_of:%Y-%m-%d}; declare it again"
        for one in snapshot.external_holdings
        if now - one.as_of > policy.external_max_age
    )
    return (*snapshot.doubts, *exposures.warnings, *old, *stop_warnings)


def changed_corrections(
    drifts: tuple[Drift, ...],
    smallest_quote: Mapping[Asset, Decimal],
    value_quote: Decimal,
    policy: Policy,
    books: Books,
    now: datetime,
) -> tuple[CorrectionStarted | CorrectionEnded, ...]:
    """Return the corrections that this look starts and ends.

    One starts when an asset is outside its band and can be traded; it ends when less than the smallest order is
    left to do, or when the asset has come out on the other side of its target. There it may start anew.
    """
    facts: list[CorrectionStarted | CorrectionEnded] = []
    tranches = 0 if policy.dca is None else policy.dca.tranches
    for drift in drifts:
        asset = drift.asset
        is_arrived = drift.has_arrived or drift.distance * value_quote < smallest_quote.get(asset, ZERO)
        is_open = asset in books.corrections
        if is_open and sign(books.corrections[asset].first_gap) != sign(drift.gap):
            facts.append(CorrectionEnded(at=now, asset=asset, why="the gap changed sides"))
            is_open = False
        elif is_open and is_arrived:
            facts.append(CorrectionEnded(at=now, asset=asset, why="arrived"))
        if not is_open and drift.is_outside_band and drift.is_hedgeable and not is_arrived:
            facts.append(CorrectionStarted(at=now, asset=asset, gap=drift.gap, tranches=tranches))
    return tuple(facts)
