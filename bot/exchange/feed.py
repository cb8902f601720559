"""Where do prices stand now? The present leg of every asset, and when the next one begins."""

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.ids import Asset
from bot.exchange.market import Leg, Market, Prices


class Feed:
    """The present legs. It never holds more than the bar that has begun."""

    def __init__(self, market: Market, assets: tuple[Asset, ...]) -> None:
        self.market = market
        self.assets = assets
        self.legs: dict[Asset, Leg] = {}
        #: When the next leg of any asset begins.
        self.boundary_us = 0
        self._coming: dict[Asset, tuple[Leg, ...]] = {}
        self._leans: dict[Asset, int] = {}
        self._prices: dict[Asset, tuple[int, Prices]] = {}
        #: Called where a line ends and where the next one begins; in between, prices go straight.
        self.corner_observers: list[Callable[[], None]] = []

    def begin(self, at_us: int, leans: Mapping[Asset, int]) -> None:
        """Take up every asset's bar that holds ``at_us``."""
        self._tell_corner()
        for asset in self.assets:
            self._open_bar(asset, at_us, leans.get(asset, 0))
        self._settle_boundary()
        self._tell_corner()

    def pass_boundary(self, at_us: int, leans: Mapping[Asset, int]) -> None:
        """Go on to the next leg where one has ended; at the end of a bar, to the bar that begins."""
        self._tell_corner()
        for asset, leg in self.legs.items():
            if leg.end_us > at_us:
                continue
            coming = self._coming[asset]
            if coming:
                self.legs[asset], self._coming[asset] = coming[0], coming[1:]
            else:
                self._open_bar(asset, at_us, leans.get(asset, 0))
        self._settle_boundary()
        self._tell_corner()

    def _tell_corner(self) -> None:
        for observer in self.corner_observers:
            observer()

    def _open_bar(self, asset: Asset, at_us: int, lean: int) -> None:
        legs = self.market.legs(asset, at_us, lean)
        while len(legs) > 1 and legs[0].end_us <= at_us:
            legs = legs[1:]
        self.legs[asset], self._coming[asset] = legs[0], legs[1:]
        self._leans[asset] = lean

    def _settle_boundary(self) -> None:
        self._prices.clear()
        self.boundary_us = min(leg.end_us for leg in self.legs.values())

    def prices(self, asset: Asset, at_us: int) -> Prices:
        """Return index, mark and last at a moment of the present leg."""
        kept = self._prices.get(asset)
        if kept is not None and kept[0] == at_us:
            return kept[1]
        prices = self.legs[asset].prices(at_us)
        self._prices[asset] = (at_us, prices)
        return prices

    def known_until_us(self, asset: Asset, at_us: int) -> int:
        """Return when the prices were last known: now, unless the data has a hole."""
        stale_since_us = self.legs[asset].stale_since_us
        return at_us if stale_since_us is None else stale_since_us

    def to_document(self) -> dict[str, Any]:
        """Return which way each asset's present bar goes."""
        return {"leans": dict(self._leans), "market": self.market.to_document()}

    def load(self, document: dict[str, Any], at_us: int) -> None:
        """Take up the bars again where they were left."""
        self.market.load(document["market"])
        self.begin(at_us, {Asset(asset): lean for asset, lean in document["leans"].items()})
