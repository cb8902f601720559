"""How is a decision told, asset by asset, and which corrections does it start or end?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.decisions.drift import Drift
from bot.decisions.exposure import Exposures
from bot.domain.books import Books
from bot.domain.events import CorrectionEnded, CorrectionStarted
from bot.domain.ids import Asset
from bot.domain.plan import AssetLine, HedgeLeg, Refusal, Rule
from bot.domain.units import ZERO, decimal_text, sign


def resized(leg: HedgeLeg, contracts: Decimal) -> HedgeLeg:
    """Return a leg with the contracts that the gate approved."""
    if contracts == leg.contracts:
        return leg
    share = contracts / leg.contracts
    return replace(
        leg,
        contracts=contracts,
        amount_base=leg.amount_base * share,
        notional_quote=leg.notional_quote * share,
    )


def unhedgeable(
    needs: Mapping[Asset, Decimal], lots: Mapping[Asset, Decimal], drifts: tuple[Drift, ...]
) -> tuple[Refusal, ...]:
    """Return a refusal for each asset that wants a trade and has no contract to trade."""
    return tuple(
        Refusal(
            asset=drift.asset,
            rule=Rule.UNHEDGEABLE,
            reason=f"there is no contract for {drift.asset} among those allowed",
        )
        for drift in drifts
        if drift.asset not in lots and needs[drift.asset] != 0
    )


def asset_line(
    drift: Drift,
    exposures: Exposures,
    need_quote: Decimal,
    wished: tuple[HedgeLeg, ...],
    legs: tuple[HedgeLeg, ...],
    refusals: tuple[Refusal, ...],
) -> AssetLine:
    """Return one asset's row with what is done, or why nothing is."""
    exposure = exposures.by_asset[drift.asset]
    done = sum((leg.notional_quote * leg.side.sign for leg in _of(drift.asset, legs)), ZERO)
    return AssetLine(
        asset=drift.asset,
        index_price=exposure.index_price,
        holding_base=exposure.holding_base,
        futures_delta_base=exposure.futures_delta_base,
        exposure_quote=exposure.exposure_quote,
        weight=drift.weight,
        target_weight=drift.target_weight,
        gap=drift.gap,
        band=drift.band,
        is_outside_band=drift.is_outside_band,
        hedge_need_quote=need_quote,
        residual_quote=need_quote - done,
        reason=_reason(drift, need_quote, wished, legs, refusals),
    )


def _of(asset: Asset, legs: tuple[HedgeLeg, ...]) -> list[HedgeLeg]:
    return [leg for leg in legs if leg.instrument.asset == asset]


def _reason(
    drift: Drift,
    need_quote: Decimal,
    wished: tuple[HedgeLeg, ...],
    legs: tuple[HedgeLeg, ...],
    refusals: tuple[Refusal, ...],
) -> str:
    asset = drift.asset
    against = "; ".join(refusal.reason for refusal in refusals if refusal.asset == asset)
    mine = _of(asset, legs)
    if mine:
        told = ", ".join(f"{leg.side} {decimal_text(leg.contracts)} {leg.instrument.symbol}" for leg in mine)
        return f"{told} ({against})" if against else told
    if against:
        return against
    if need_quote == 0:
        return "inside its band"
    return "below the smallest order" if not _of(asset, wished) else "refused"


def changed_corrections(
    drifts: tuple[Drift, ...],
    needs: Mapping[Asset, Decimal],
    lots: Mapping[Asset, Decimal],
    books: Books,
    now: datetime,
) -> tuple[CorrectionStarted | CorrectionEnded, ...]:
    """Return the corrections that this look starts and ends.

    One starts when an asset is outside its band and can be traded; it ends when less than a lot is left to do,
    or when the
    asset has come out on the other side of its target.
    """
    facts: list[CorrectionStarted | CorrectionEnded] = []
    for drift in drifts:
        asset = drift.asset
        is_arrived = abs(drift.gap) <= abs(drift.destination_gap) or abs(needs[asset]) < lots.get(asset, ZERO)
        if asset in books.corrections:
            if sign(books.corrections[asset]) != sign(drift.gap):
                facts.append(CorrectionEnded(at=now, asset=asset, why="the gap changed sides"))
            elif is_arrived:
                facts.append(CorrectionEnded(at=now, asset=asset, why="arrived"))
        elif drift.is_outside_band and asset in lots and not is_arrived:
            facts.append(CorrectionStarted(at=now, asset=asset, gap=drift.gap))
    return tuple(facts)
