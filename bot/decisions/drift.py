"""How far is each asset from its target, and where should a correction stop?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.decisions.exposure import Exposures
from bot.domain.books import Correction
from bot.domain.ids import Asset
from bot.domain.policy import BandPolicy, Destination, Policy
from bot.domain.units import ZERO, sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The distance of one asset from its target weight."""

    asset: Asset
    #: Exposure (holdings + futures) as a fraction of V.
    weight: Decimal
    target_weight: Decimal
    #: Half-width of the no-trade band around the target.
    band: Decimal
    #: Signed gap at which a correction stops, on the side that the asset is on.
    destination_gap: Decimal
    #: True while an earlier correction is on its way.
    is_correcting: bool
    #: False where no contract can carry a trade: the gap stays what it is.
    is_hedgeable: bool
    #: Net exposure in USD, from which a need is counted without dividing.
    exposure_quote: Decimal

    @property
    def gap(self) -> Decimal:
        """Signed; positive means over-weight, so the hedge is short."""
        return self.weight - self.target_weight

    @property
    def is_outside_band(self) -> bool:
        """True when trading is worth its cost; exactly on the edge is inside."""
        return abs(self.gap) > self.band

    @property
    def wanted_gap(self) -> Decimal:
        """The gap that the asset should have after this look: its destination, or the one it has."""
        is_due = self.is_outside_band or self.is_correcting
        return self.gap if not is_due or self.has_arrived else self.destination_gap

    @property
    def distance(self) -> Decimal:
        """How far it is to the destination, in weight; zero once there."""
        return max(ZERO, abs(self.gap) - abs(self.destination_gap))

    @property
    def has_arrived(self) -> bool:
        """True at the destination or nearer to the target."""
        return abs(self.gap) <= abs(self.destination_gap)


def band_of(target_weight: Decimal, bands: BandPolicy) -> Decimal:
    """Return the half-width: the lesser of the absolute points and the share of the target.

    A target of zero has no band: whatever is held is outside.
    """
    return min(bands.absolute_frac, bands.relative_frac * target_weight)


def measure_drift(
    exposures: Exposures,
    policy: Policy,
    *,
    corrections: Mapping[Asset, Correction],
    lots_quote: Mapping[Asset, Decimal],
) -> tuple[Drift, ...]:
    """Measure every asset.

    ``corrections`` are the open ones, ``lots_quote`` holds the worth of the smallest step that can be traded in an
    asset; an asset without one has no contract. A correction whose gap has changed sides
    is over.
    """
    value = exposures.valuation.portfolio_value_quote
    drifts = []
    for asset, exposure in exposures.by_asset.items():
        target = policy.targets[asset]
        weight = exposure.exposure_quote / value
        gap = weight - target
        band = band_of(target, policy.bands)
        stop = _distance_to_stop(band, lots_quote.get(asset, ZERO) / value, policy.bands)
        drifts.append(
            Drift(
                asset=asset,
                weight=weight,
                target_weight=target,
                band=band,
                destination_gap=stop * sign(gap),
                is_correcting=asset in corrections and sign(corrections[asset].first_gap) == sign(gap),
                is_hedgeable=asset in lots_quote,
                exposure_quote=exposure.exposure_quote,
            )
        )
    return tuple(drifts)


def _distance_to_stop(band: Decimal, lot: Decimal, bands: BandPolicy) -> Decimal:
    """Return how far from the target a correction stops, unsigned."""
    if bands.destination is Destination.TARGET:
        return ZERO
    if bands.destination is Destination.HALF:
        return band / 2
    # Exactly on the edge the next tick would trade again.
    return max(ZERO, min(band * (1 - bands.edge_inset_frac), band - lot))
