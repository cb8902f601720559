"""A market out of a seed: correlated assets, clusters of volatility, crashes, and funding that follows the premium.

A jump-diffusion. Each asset's hour is a share of a common factor and a part of its own; the logarithm of volatility is
a sum of what weeks, days and the hour bring; jumps, of which more go down than up, heat the days after. The premium of
the perpetual contract follows a mood, and funding the premium. docs/model-market.md sets it beside recorded years.

Floats live here and nowhere else in the exchange: they make the path, which is written down as decimal text of
a fixed length.
Each hour draws from a generator of its own, seeded with seed and hour, so that a restart goes on exactly where
it stopped.
"""

import math
import random  # noqa: TID251 - seeded generators only: the market is made here
from bisect import bisect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.ids import Asset
from bot.exchange import calibration as fit
from bot.exchange.config import ExchangeConfig
from bot.exchange.market import Bar, Leg, Settlement, legs_of, next_multiple_us
from bot.exchange.moments import DAY_US, HOUR_US, span_us, to_us

#: Where market time begins unless told otherwise.
DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
_GENERIC_PRICE = Decimal(10)
_FUNDING_STEP = Decimal("1e-8")
_HISTORY_DAYS = 120
#: The interval that the formula of funding is stated for.
_WHOLE_INTERVAL_US = 8 * HOUR_US
_MOODS = tuple(mood for mood, _ in fit.PREMIUM_KNOTS)
#: What an hour's volatility is divided by, so that its square is right on average.
_MEAN_HEAT = fit.WEEKS_DEVIATION**2 + fit.DAYS_DEVIATION**2 + fit.GUST_DEVIATION**2


@dataclass(slots=True)
class _Shared:
    """What all assets have in common: volatility (as a logarithm) and mood, by how long they last."""

    heat_weeks: float = fit.OPENING_WEEKS
    heat_days: float = fit.OPENING_DAYS
    mood_weeks: float = 0.0
    mood_hours: float = 0.0


@dataclass(slots=True)
class _Own:
    """What an asset has for itself besides its price."""

    heat: float = 0.0
    mood: float = 0.0
    premium: float = 0.0
    #: Of the funding interval that is open: its premiums, each times its place, and how many.
    premium_sum: float = 0.0
    premiums: int = 0
    #: The settlement that came last before the open hour, or with its beginning.
    settled_us: int = 0
    settled_premium: float = 0.0


def _revert(value: float, reversion: float, deviation: float, shock: float) -> float:
    """Pull a value towards zero and shake it, so that it has that standard deviation in the long run."""
    return value * (1 - reversion) + deviation * math.sqrt(reversion * (2 - reversion)) * shock


def _jump(draw: random.Random, up_frac: float) -> float:
    """Return a jump in standard deviations."""
    size = fit.JUMP_SIGMAS + draw.expovariate(1 / fit.JUMP_TAIL_SIGMAS)
    return size if draw.random() < up_frac else -size


def _mean_jump(nature: fit.Nature) -> float:
    """Return what jumps come to on average, in standard deviations an hour; taken out again, there is no trend."""
    common = fit.JUMP_CHANCE * (2 * fit.JUMP_UP_FRAC - 1)
    own = nature.jump_chance * (2 * nature.jump_up_frac - 1)
    return (common + own) * (fit.JUMP_SIGMAS + fit.JUMP_TAIL_SIGMAS)


def _premium_at(mood: float) -> float:
    """Return the premium that belongs to a mood: a straight line between knots, and no further than the last."""
    place = min(max(bisect(_MOODS, mood), 1), len(_MOODS) - 1)
    (left, low), (right, high) = fit.PREMIUM_KNOTS[place - 1 : place + 1]
    share = min(max((mood - left) / (right - left), 0.0), 1.0)
    return (low + (high - low) * share) / 10_000


def _funding_of(premium: float) -> float:
    """Return the rate of a whole interval by Binance's formula."""
    back = max(-fit.CLAMP, min(fit.CLAMP, fit.INTEREST - premium))
    return max(-fit.FUNDING_MAX, min(fit.FUNDING_MAX, premium + back))


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
        self._shared = _Shared()
        self._own = {asset: _Own() for asset in opening}
        self._price = dict(opening)
        self._bars: dict[Asset, tuple[Bar, Bar, Bar]] = {}
        self._closes = self._past(opening)
        self._open_next_hour()

    def _past(self, opening: Mapping[Asset, Decimal]) -> dict[Asset, list[tuple[int, Decimal]]]:
        """Return days before the start, so that there is a volatility and a correlation to speak of."""
        draw = random.Random(f"{self._seed}/past")  # noqa: S311 - a market, not a secret
        today_us = self.start_us // DAY_US * DAY_US
        levels = {asset: float(price) for asset, price in opening.items()}
        closes: dict[Asset, list[tuple[int, Decimal]]] = {asset: [] for asset in opening}
        heat = self._shared.heat_weeks
        for back in range(1, _HISTORY_DAYS + 1):
            # Seen from its end, such a walk looks like any other.
            heat = _revert(heat, fit.WEEKS_REVERSION * 24, fit.WEEKS_DEVIATION, draw.gauss(0, 1))
            common = draw.gauss(0, 1)
            for asset in opening:
                nature = fit.NATURES.get(asset, fit.GENERIC)
                shock = nature.common * common + math.sqrt(1 - nature.common**2) * draw.gauss(0, 1)
                levels[asset] *= math.exp(
                    nature.sigma * math.sqrt(24) * math.exp(heat - fit.WEEKS_DEVIATION**2) * shock
                )
                closes[asset].append((today_us - DAY_US * back, self._decimal(asset, levels[asset])))
        return {asset: days[::-1] for asset, days in closes.items()}

    def _decimal(self, asset: Asset, price: float) -> Decimal:
        return max(Decimal(repr(price)).quantize(self._quantum[asset]), self._quantum[asset])

    def _open_next_hour(self) -> None:
        self._hour_us += HOUR_US
        draw = random.Random(f"{self._seed}/{self._hour_us}")  # noqa: S311 - a market, not a secret
        shared = self._shared
        common = draw.gauss(0, 1)
        heat = shared.heat_weeks + shared.heat_days + fit.GUST_DEVIATION * draw.gauss(0, 1) - _MEAN_HEAT
        heat += fit.DAYTIME[self._hour_us // HOUR_US % 24]
        jump = _jump(draw, fit.JUMP_UP_FRAC) if draw.random() < fit.JUMP_CHANCE else 0.0
        self._age(draw, common, jump)
        is_settlement = next_multiple_us(self._hour_us - HOUR_US, self._interval_us) <= self._hour_us
        is_last_of_day = (self._hour_us + HOUR_US) % DAY_US == 0
        for asset, own in self._own.items():
            if is_settlement and own.premiums:
                own.settled_us, own.settled_premium = self._hour_us, self._mean_premium(asset)
                own.premium_sum, own.premiums = 0.0, 0
            self._bars[asset] = self._draw_bars(asset, draw, heat, common, jump)
            close = self._price[asset] = self._bars[asset][0].close
            if is_last_of_day:
                self._closes[asset].append((self._hour_us // DAY_US * DAY_US, close))
                del self._closes[asset][:-_HISTORY_DAYS]

    def _age(self, draw: random.Random, common: float, jump: float) -> None:
        """Let volatility and mood move on: falls and jumps heat, crashes scare, rises make greedy."""
        shared = self._shared
        weeks, days, mood, whim = (draw.gauss(0, 1) for _ in range(4))
        shared.heat_weeks = _revert(shared.heat_weeks, fit.WEEKS_REVERSION, fit.WEEKS_DEVIATION, weeks)
        days = fit.LEVERAGE * -common + math.sqrt(1 - fit.LEVERAGE**2) * days
        shared.heat_days = _revert(shared.heat_days, fit.DAYS_REVERSION, fit.DAYS_DEVIATION, days)
        mood = fit.MOOD_TREND * common + math.sqrt(1 - fit.MOOD_TREND**2) * mood
        shared.mood_weeks = _revert(shared.mood_weeks, fit.MOOD_WEEKS_REVERSION, 1.0, mood)
        shared.mood_hours = _revert(shared.mood_hours, fit.MOOD_HOURS_REVERSION, 1.0, whim)
        if jump:
            shared.heat_days += fit.JUMP_HEAT
            shared.mood_hours += math.copysign(fit.JUMP_MOOD, jump)

    def _draw_bars(
        self, asset: Asset, draw: random.Random, heat: float, common: float, jump: float
    ) -> tuple[Bar, Bar, Bar]:
        nature, own = fit.NATURES.get(asset, fit.GENERIC), self._own[asset]
        sigma = nature.sigma * math.exp(heat + own.heat - nature.own_heat**2)
        own.heat = _revert(own.heat, fit.WEEKS_REVERSION, nature.own_heat, draw.gauss(0, 1))
        move = nature.common * common + math.sqrt(1 - nature.common**2) * draw.gauss(0, 1)
        if draw.random() < nature.jump_chance:
            jump += _jump(draw, nature.jump_up_frac)
        change = sigma * move + nature.sigma * (jump - _mean_jump(nature))
        begin = float(self._price[asset])
        # The extremes of a Brownian path between two given ends.
        spread = 2 * (sigma * fit.WICK) ** 2
        up = (change + math.sqrt(change * change - spread * math.log(1 - draw.random()))) / 2
        down = (change - math.sqrt(change * change - spread * math.log(1 - draw.random()))) / 2
        path = (begin, begin * math.exp(up), begin * math.exp(down), begin * math.exp(change))
        before, after = own.premium, self._next_premium(nature, own, draw)
        premiums = (before, max(before, after), min(before, after), after)
        index = Bar(*(self._decimal(asset, price) for price in path))
        # From rounded prices, so that an hour begins where the one before ended.
        corners = zip((index.open, index.high, index.low, index.close), premiums, strict=True)
        future = Bar(*(self._decimal(asset, float(price) * (1 + premium)) for price, premium in corners))
        return index, future, future

    def _next_premium(self, nature: fit.Nature, own: _Own, draw: random.Random) -> float:
        own.mood = _revert(own.mood, fit.MOOD_OWN_REVERSION, 1.0, draw.gauss(0, 1))
        mood = (
            fit.MOOD_WEEKS_SHARE * self._shared.mood_weeks
            + fit.MOOD_HOURS_SHARE * self._shared.mood_hours
            + fit.MOOD_OWN_SHARE * own.mood
            + fit.MOOD_NOISE_SHARE * draw.gauss(0, 1)
        )
        premium = _premium_at(mood * nature.mood_scale)
        own.premium = max(-fit.PREMIUM_MAX, min(fit.PREMIUM_MAX, premium))
        own.premiums += 1
        own.premium_sum += own.premiums * own.premium
        return own.premium

    def legs(self, asset: Asset, at_us: int, lean: int) -> tuple[Leg, ...]:
        """Return the legs of the hour that holds ``at_us``; the first to ask for an hour opens it."""
        while at_us >= self._hour_us + HOUR_US:
            self._open_next_hour()
        return legs_of(self._hour_us, self._hour_us + HOUR_US, self._bars[asset], lean, self._quantum[asset], None)

    def next_settlement(self, asset: Asset, after_us: int) -> Settlement:
        """Return the next settlement, at the rate that its premiums ask for until now."""
        due_us = next_multiple_us(after_us, self._interval_us)
        return Settlement(due_us, self._interval_us, self.settled_rate(asset, due_us))

    def settled_rate(self, asset: Asset, at_us: int) -> Decimal:
        """Return the rate of a settlement: final when it is due, what the premiums ask for before that."""
        own = self._own[asset]
        premium = own.settled_premium if at_us == own.settled_us else self._mean_premium(asset)
        rate = _funding_of(premium) * self._interval_us / _WHOLE_INTERVAL_US
        return Decimal(repr(rate)).quantize(_FUNDING_STEP)

    def _mean_premium(self, asset: Asset) -> float:
        """Average the interval's premiums, the later the heavier, as Binance does."""
        own = self._own[asset]
        weight = own.premiums * (own.premiums + 1) / 2
        return own.premium_sum / weight if weight else own.premium

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
            "shared": _texts(self._shared),
            "assets": {
                asset: {
                    "own": _texts(own),
                    "price": str(self._price[asset]),
                    "quantum": str(self._quantum[asset]),
                    "bars": [[str(bar.open), str(bar.high), str(bar.low), str(bar.close)] for bar in self._bars[asset]],
                    "closes": [[day_us, str(close)] for day_us, close in self._closes[asset]],
                }
                for asset, own in self._own.items()
            },
        }

    def load(self, document: Mapping[str, Any]) -> None:
        """Go on within the open hour; an asset that is new since begins at its configured price.

        A document of version 1 has one heat and one premium; what it lacks begins at its long-run mean.
        """
        self.start_us = document["start_us"]
        self._hour_us = document["hour_us"]
        calm = {"heat_weeks": "0.0", "heat_days": document.get("heat", "0.0")}
        self._shared = _Shared(**_numbers(document.get("shared", calm)))
        for name, one in document["assets"].items():
            asset = Asset(name)
            self._own[asset] = _Own(**_numbers(one.get("own") or {"premium": one["premium"]}))
            self._price[asset] = Decimal(one["price"])
            self._quantum[asset] = Decimal(one["quantum"])
            first, second, third = (Bar(*(Decimal(price) for price in bar)) for bar in one["bars"])
            self._bars[asset] = (first, second, third)
            self._closes[asset] = [(day_us, Decimal(close)) for day_us, close in one["closes"]]


def _texts(values: _Shared | _Own) -> dict[str, str]:
    return {name: repr(value) for name, value in asdict(values).items()}


def _numbers(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: float(text) if not text.lstrip("-").isdigit() else int(text) for name, text in texts.items()}
