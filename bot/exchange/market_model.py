"""A market out of a seed: correlated assets, clusters of volatility, jumps, and funding that follows the premium.

Floats live here and nowhere else in the exchange: they make the path, which is written down as decimal text of
a fixed length.
Each hour draws from a generator of its own, seeded with seed and hour, so that a restart goes on exactly where
it stopped.
"""

import math
import random  # noqa: TID251 - seeded generators only: the market is made here
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig
from bot.exchange.market import Bar, Leg, Settlement, legs_of, next_multiple_us
from bot.exchange.moments import DAY_US, HOUR_US, span_us, to_us

#: Where market time begins unless told otherwise.
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
_GENERIC_PRICE = Decimal(10)
#: Volatility a year.
_SIGMA = {"BTC": 0.60, "ETH": 0.75, "SOL": 1.00}
_GENERIC_SIGMA = 0.9
_HOURS_PER_YEAR = 24 * 365
#: Share of the common factor in each asset's moves.
_COMMON = 0.8
#: The logarithm of the volatility multiplier reverts by this much an hour, and is shaken by that much.
_REVERSION, _SHAKE = 0.02, 0.10
_OPENING_HEAT = 1.4
_JUMP_CHANCE, _JUMP_SIGMAS = 0.0015, 6.0
#: Premium of the perpetual: reverts within hours.
_PREMIUM_REVERSION, _PREMIUM_SHAKE, _PREMIUM_MAX = 0.1, 0.0001, 0.004
_INTEREST = 0.0001
_FUNDING_MAX = 0.0075
_FUNDING_STEP = Decimal("1e-8")
_HISTORY_DAYS = 120


class ModelMarket:
    """A seeded market without an end. It holds the hour that is open, and what the next one grows from."""

    end_us: int | None = None

    def __init__(self, config: ExchangeConfig) -> None:
        self.start_us = to_us(config.start or DEFAULT_START) // HOUR_US * HOUR_US
        self._seed = config.seed
        self._interval_us = span_us(config.funding_interval)
        opening = {asset: config.prices.get(asset, _GENERIC_PRICE) for asset in config.assets}
        #: Six significant digits of the first price.
        self._quantum = {asset: Decimal(1).scaleb(price.adjusted() - 5) for asset, price in opening.items()}
        self._hour_us = self.start_us - HOUR_US
        # It opens in turbulence, which calms down over some days: a new owner should see something happen.
        self._heat = _OPENING_HEAT
        self._premium = dict.fromkeys(config.assets, 0.0)
        self._price = dict(opening)
        self._bars: dict[Asset, tuple[Bar, Bar, Bar]] = {}
        self._closes = {asset: self._past(asset, price) for asset, price in opening.items()}
        self._open_next_hour()

    def _past(self, asset: Asset, price: Decimal) -> list[tuple[int, Decimal]]:
        """Return days before the start, so that there is a volatility to speak of."""
        draw = random.Random(f"{self._seed}/past/{asset}")  # noqa: S311 - a market, not a secret
        sigma = _SIGMA.get(asset, _GENERIC_SIGMA) / math.sqrt(365)
        today_us = self.start_us // DAY_US * DAY_US
        closes, level = [], float(price)
        for back in range(1, _HISTORY_DAYS + 1):
            level *= math.exp(draw.gauss(0, sigma))
            closes.append((today_us - DAY_US * back, self._decimal(asset, level)))
        return closes[::-1]

    def _decimal(self, asset: Asset, price: float) -> Decimal:
        return max(Decimal(repr(price)).quantize(self._quantum[asset]), self._quantum[asset])

    def _open_next_hour(self) -> None:
        self._hour_us += HOUR_US
        draw = random.Random(f"{self._seed}/{self._hour_us}")  # noqa: S311 - a market, not a secret
        self._heat += -_REVERSION * self._heat + _SHAKE * draw.gauss(0, 1)
        common = draw.gauss(0, 1)
        if draw.random() < _JUMP_CHANCE:
            common += draw.choice((-1.0, -1.0, 1.0)) * _JUMP_SIGMAS
            self._heat += 0.5
        is_last_of_day = (self._hour_us + HOUR_US) % DAY_US == 0
        for asset in self._price:
            self._bars[asset] = self._draw_bars(asset, draw, common)
            close = self._price[asset] = self._bars[asset][0].close
            if is_last_of_day:
                self._closes[asset].append((self._hour_us // DAY_US * DAY_US, close))
                del self._closes[asset][:-_HISTORY_DAYS]

    def _draw_bars(self, asset: Asset, draw: random.Random, common: float) -> tuple[Bar, Bar, Bar]:
        sigma = _SIGMA.get(asset, _GENERIC_SIGMA) / math.sqrt(_HOURS_PER_YEAR) * math.exp(self._heat)
        own = math.sqrt(1 - _COMMON**2) * draw.gauss(0, 1)
        begin = float(self._price[asset])
        finish = begin * math.exp(sigma * (_COMMON * common + own) - sigma * sigma / 2)
        high = max(begin, finish) * math.exp(abs(draw.gauss(0, sigma / 2)))
        low = min(begin, finish) * math.exp(-abs(draw.gauss(0, sigma / 2)))
        before = self._premium[asset]
        after = before * (1 - _PREMIUM_REVERSION) + _PREMIUM_SHAKE * draw.gauss(0, 1) + 0.02 * (finish / begin - 1)
        after = self._premium[asset] = max(-_PREMIUM_MAX, min(_PREMIUM_MAX, after))
        index = Bar(*(self._decimal(asset, price) for price in (begin, high, low, finish)))
        future = Bar(
            *(
                self._decimal(asset, price * (1 + premium))
                for price, premium in (
                    (begin, before),
                    (high, max(before, after)),
                    (low, min(before, after)),
                    (finish, after),
                )
            )
        )
        return index, future, future

    def legs(self, asset: Asset, at_us: int, lean: int) -> tuple[Leg, ...]:
        """Return the legs of the hour that holds ``at_us``; the first to ask for an hour opens it."""
        while at_us >= self._hour_us + HOUR_US:
            self._open_next_hour()
        return legs_of(self._hour_us, self._hour_us + HOUR_US, self._bars[asset], lean, self._quantum[asset], None)

    def next_settlement(self, asset: Asset, after_us: int) -> Settlement:
        """Return the next settlement, at the rate that the premium asks for now."""
        due_us = next_multiple_us(after_us, self._interval_us)
        return Settlement(due_us, self._interval_us, self.settled_rate(asset, due_us))

    def settled_rate(self, asset: Asset, at_us: int) -> Decimal:  # noqa: ARG002 - asked for when it is due
        """Return the rate that the premium asks for now."""
        rate = max(-_FUNDING_MAX, min(_FUNDING_MAX, _INTEREST + self._premium[asset]))
        return Decimal(repr(rate)).quantize(_FUNDING_STEP)

    def closes(self, asset: Asset, at_us: int, days: int) -> list[tuple[int, Decimal]]:
        """Return the closes of days that have ended."""
        return [pair for pair in self._closes[asset] if pair[0] + DAY_US <= at_us][-days:]

    def derived_spans(self) -> list[dict[str, str]]:
        """Nothing is recorded, so nothing is derived."""
        return []

    def to_document(self) -> Any:
        """Return the open hour and what the next one grows from."""
        return {
            "start_us": self.start_us,
            "hour_us": self._hour_us,
            "heat": repr(self._heat),
            "assets": {
                asset: {
                    "premium": repr(self._premium[asset]),
                    "price": str(self._price[asset]),
                    "quantum": str(self._quantum[asset]),
                    "bars": [[str(bar.open), str(bar.high), str(bar.low), str(bar.close)] for bar in self._bars[asset]],
                    "closes": [[day_us, str(close)] for day_us, close in self._closes[asset]],
                }
                for asset in self._price
            },
        }

    def load(self, document: Mapping[str, Any]) -> None:
        """Go on within the open hour; an asset that is new since begins at its configured price."""
        self.start_us = document["start_us"]
        self._hour_us = document["hour_us"]
        self._heat = float(document["heat"])
        for name, one in document["assets"].items():
            asset = Asset(name)
            self._premium[asset] = float(one["premium"])
            self._price[asset] = Decimal(one["price"])
            self._quantum[asset] = Decimal(one["quantum"])
            first, second, third = (Bar(*(Decimal(price) for price in bar)) for bar in one["bars"])
            self._bars[asset] = (first, second, third)
            self._closes[asset] = [(day_us, Decimal(close)) for day_us, close in one["closes"]]
