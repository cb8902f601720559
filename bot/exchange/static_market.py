"""A market that stands still, or moves along a script. For working cases, for tests and for rehearsal."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig
from bot.exchange.market import Leg, Prices, Settlement, flat_leg, next_multiple_us
from bot.exchange.moments import DAY_US, FAR_US, span_us, to_us

#: Where market time begins unless told otherwise.
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
_QUANTUM = Decimal("1e-8")


class StaticMarket:
    """Fixed prices, and straight lines between the knots of a script."""

    end_us: int | None = None

    def __init__(self, config: ExchangeConfig) -> None:
        self.start_us = to_us(config.start or DEFAULT_START)
        usual = (0, span_us(config.funding_interval), config.funding_rate)
        #: (from when on, interval, rate) per asset, in the order of time.
        self._funding: dict[Asset, list[tuple[int, int, Decimal]]] = {
            asset: [
                usual,
                *((to_us(at), span_us(every), rate) for at, every, rate in config.funding_schedule.get(asset, ())),
            ]
            for asset in config.assets
        }
        self._ratio = {
            asset: config.contract_prices.get(asset, config.prices[asset]) / config.prices[asset]
            for asset in config.assets
        }
        self._knots: dict[Asset, list[tuple[int, Decimal]]] = {
            asset: sorted(
                [
                    (self.start_us, config.prices[asset]),
                    *((to_us(at), price) for at, price in config.script.get(asset, ())),
                ],
                key=_begin_of,
            )
            for asset in config.assets
        }

    def set_price(self, asset: Asset, at_us: int, price: Decimal) -> None:
        """Let the price jump at ``at_us``; knots after it are forgotten."""
        kept = [knot for knot in self._knots[asset] if knot[0] < at_us]
        before = self._index(asset, at_us)
        self._knots[asset] = [*kept, (at_us, before), (at_us, price)]

    def _index(self, asset: Asset, at_us: int) -> Decimal:
        return self.legs(asset, at_us, 0)[0].prices(at_us)[0]

    def legs(self, asset: Asset, at_us: int, lean: int) -> tuple[Leg, ...]:  # noqa: ARG002 - nothing leans here
        """Return the line that holds ``at_us``."""
        knots = self._knots[asset]
        place = bisect_right(knots, at_us, key=_begin_of)
        if place == len(knots):
            return (flat_leg(knots[-1][0], self._prices(asset, knots[-1][1]), _QUANTUM),)
        if place == 0:
            first = self._prices(asset, knots[0][1])
            return (Leg(at_us, knots[0][0], first, first, _QUANTUM),)
        (begin_us, before), (end_us, after) = knots[place - 1], knots[place]
        return (Leg(begin_us, end_us, self._prices(asset, before), self._prices(asset, after), _QUANTUM),)

    def _prices(self, asset: Asset, index: Decimal) -> Prices:
        other = (index * self._ratio[asset]).quantize(_QUANTUM)
        return index, other, other

    def next_settlement(self, asset: Asset, after_us: int) -> Settlement:
        """Return the next settlement with the rate as it stands now: what the script says later is not known yet."""
        due_us, interval_us, _ = self._due(asset, after_us)
        return Settlement(due_us, interval_us, self._funding[asset][self._place(asset, after_us)][2])

    def settled_rate(self, asset: Asset, at_us: int) -> Decimal:
        """Return the rate of the settlement that is due at ``at_us``."""
        return self._due(asset, at_us - 1)[2]

    def _due(self, asset: Asset, after_us: int) -> tuple[int, int, Decimal]:
        """Return the next settlement; one that falls on a change of the script is still of the old entry."""
        script = self._funding[asset]
        place = self._place(asset, after_us)
        while True:
            begin_us, interval_us, rate = script[place]
            due_us = next_multiple_us(max(after_us, begin_us), interval_us)
            place += 1
            if place == len(script) or due_us <= script[place][0]:
                return due_us, interval_us, rate

    def _place(self, asset: Asset, at_us: int) -> int:
        """Return which entry of the script is in force."""
        return max(0, bisect_right(self._funding[asset], at_us, key=_begin_us) - 1)

    def closes(self, asset: Asset, at_us: int, days: int) -> list[tuple[int, Decimal]]:
        """Return the index at the end of each day; before all that is scripted it was what it is there."""
        today_us = at_us // DAY_US * DAY_US
        first_us = min(FAR_US, self._knots[asset][0][0])
        return [
            (day_us, self._index(asset, max(first_us, day_us + DAY_US)))
            for day_us in range(today_us - days * DAY_US, today_us, DAY_US)
        ]

    def derived_spans(self) -> list[dict[str, str]]:
        """Nothing is recorded, so nothing is derived."""
        return []

    def to_document(self) -> Any:
        """Return the knots."""
        return {asset: [[at_us, str(price)] for at_us, price in knots] for asset, knots in self._knots.items()}

    def load(self, document: Mapping[str, Any]) -> None:
        """Take up the knots."""
        self._knots = {
            Asset(asset): [(at_us, Decimal(price)) for at_us, price in knots] for asset, knots in document.items()
        }


def _begin_us(entry: tuple[int, int, Decimal]) -> int:
    return entry[0]


def _begin_of(knot: tuple[int, Decimal]) -> int:
    return knot[0]
