"""How often would a stop at this distance from entry have fired in the history at hand?

For an owner who thinks of stops as signals: entry-anchored ones fire on what a hedge is for, and each time the hedge
has to be opened again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from bot.decisions.volatility import daily_sigma
from bot.domain.ids import Asset
from bot.domain.market import PriceHistory
from bot.domain.plan import EntryStopRecord, StopTarget
from bot.domain.policy import StopAnchor, StopPolicy
from bot.domain.units import ONE


def entry_stops_fired(history: PriceHistory, direction: int, distance_frac: Decimal) -> int:
    """Return how many daily closes would have stopped a position out, entered anew at each of them.

    ``direction`` is +1 for a long; ``distance_frac`` is the stop's distance from entry as a share of it.
    """
    fired = 0
    entry: Decimal | None = None
    for close in history.closes:
        if entry is None:
            entry = close
        elif (ONE - close / entry) * direction >= distance_frac:
            fired += 1
            entry = close
    return fired


def tell_entry_stops(
    targets: tuple[StopTarget, ...], histories: Mapping[Asset, PriceHistory], stops: StopPolicy, now: datetime
) -> tuple[StopTarget, ...]:
    """Return the stops with what the history says of them, where the owner has anchored them to entry."""
    if stops.anchor is not StopAnchor.ENTRY:
        return targets
    return tuple(_told(target, histories.get(target.asset), stops, now) for target in targets)


def record_entry_stops(
    assets: Iterable[Asset], histories: Mapping[Asset, PriceHistory], stops: StopPolicy, now: datetime
) -> tuple[EntryStopRecord, ...]:
    """Return the record of each asset, held or not, where the owner has anchored stops to entry."""
    if stops.anchor is not StopAnchor.ENTRY:
        return ()
    known = [(asset, histories[asset]) for asset in assets if asset in histories]
    return tuple(
        EntryStopRecord(
            asset=asset,
            distance_frac=_distance_frac(history, stops, now),
            long_fired=entry_stops_fired(history, 1, _distance_frac(history, stops, now)),
            short_fired=entry_stops_fired(history, -1, _distance_frac(history, stops, now)),
            history_days=len(history.closes),
        )
        for asset, history in known
    )


def _distance_frac(history: PriceHistory, stops: StopPolicy, now: datetime) -> Decimal:
    sigma = daily_sigma(history, now)
    return stops.min_distance_frac if sigma is None else max(stops.min_distance_frac, stops.daily_sigmas * sigma)


def _told(target: StopTarget, history: PriceHistory | None, stops: StopPolicy, now: datetime) -> StopTarget:
    if history is None:
        return target
    fired = entry_stops_fired(history, -target.side.sign, _distance_frac(history, stops, now))
    return replace(target, entry_stops_fired=fired, history_days=len(history.closes))
