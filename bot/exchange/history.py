"""What did the market do? Recorded hourly bars, walked along paths of straight lines.

- A look at a moment knows the bars that have ended and the path so far; the bar that has begun is revealed by walking it.
- Before the first and after the last row of a perpetual, mark or funding file, or without one, the series is derived from
  spot: no premium, and the venue's interest of 0.01 % per 8 hours as funding. Derived spans are named.
- A hole inside the spot file is stale: the index stays where it was and says since when. Derivatives go on from their files.
- A coarser mark file is no gap: its premium over spot at the beginning of its bar holds for the hours of the bar.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.errors import ConfigError
from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig
from bot.exchange.data_files import Bars, Rates, find_file, read_bars, read_rates
from bot.exchange.market import Bar, Leg, Settlement, legs_of, next_multiple_us
from bot.exchange.moments import DAY_US, FAR_US, HOUR_US, from_us, to_us

#: Loaded before the start, so that there is a volatility to speak of.
_WARM_UP_US = 100 * DAY_US
_INTEREST = Decimal("0.0001")
_INTERVAL_US = 8 * HOUR_US
_QUANTUM_DIGITS = 8


@dataclass(slots=True)
class _Series:
    """One price file."""

    bars: Bars
    step_us: int
    first_us: int
    #: End of the last bar.
    last_us: int


@dataclass(slots=True)
class _AssetData:
    """Everything recorded of one asset."""

    spot: _Series
    perp: _Series | None
    mark: _Series | None
    rates: Rates
    quantum: Decimal
    day_closes: list[tuple[int, Decimal]]


class HistoryMarket:
    """Recorded markets of a folder."""

    def __init__(self, config: ExchangeConfig) -> None:
        folder = config.data_dir
        if folder is None:
            raise ConfigError("TRIMTAB_PAPER__DATA: must name the folder of market data")
        self._folder = folder
        asked_start = None if config.start is None else to_us(config.start)
        asked_end = FAR_US if config.end is None else to_us(config.end)
        load_from = 0 if asked_start is None else asked_start - _WARM_UP_US
        self._data = {asset: self._load(asset, load_from, asked_end) for asset in config.assets}
        common = max(data.spot.first_us for data in self._data.values())
        self.start_us = max(common, asked_start) if asked_start is not None else common
        self.end_us: int | None = min(asked_end, min(data.spot.last_us for data in self._data.values()))
        if self.start_us >= self.end_us:
            raise ConfigError(
                f"{folder}: there is no bar common to {', '.join(config.assets)} between"
                f" {_text(asked_start or common)} and {_text(min(asked_end, self.end_us))}; choose another period"
            )

    def _load(self, asset: Asset, from_us_: int, to_us_: int) -> _AssetData:
        spot = self._series("spot", asset, from_us_, to_us_)
        if spot is None:
            raise ConfigError(
                f"{self._folder}: there is no spot file for {asset}; expected VENUE_spot_{asset}USDT_1h.csv.gz"
            )
        first = spot.bars[spot.first_us].open
        rates_file = find_file(self._folder, "usdm_funding", asset)
        return _AssetData(
            spot=spot,
            perp=self._series("usdm_perp", asset, from_us_, to_us_),
            mark=self._series("usdm_mark", asset, from_us_, to_us_),
            rates=[] if rates_file is None else read_rates(rates_file[0], from_us_, to_us_),
            quantum=Decimal(1).scaleb(first.adjusted() - _QUANTUM_DIGITS),
            day_closes=_day_closes(spot.bars),
        )

    def _series(self, kind: str, asset: Asset, from_us_: int, to_us_: int) -> _Series | None:
        found = find_file(self._folder, kind, asset)
        if found is None:
            return None
        path, step_us = found
        bars = read_bars(path, step_us, from_us_, to_us_)
        if not bars:
            if kind == "spot":
                raise ConfigError(f"{path.name}: has no row between {_text(from_us_)} and {_text(to_us_)}")
            return None
        return _Series(bars, step_us, next(iter(bars)), next(reversed(bars)) + step_us)

    def legs(self, asset: Asset, at_us: int, lean: int) -> tuple[Leg, ...]:
        """Return the legs of the hour that holds ``at_us``."""
        hour_us = at_us // HOUR_US * HOUR_US
        data = self._data[asset]
        index, stale_since_us = _index_bar(data.spot, hour_us)
        perp = _covered(data.perp, hour_us)
        mark = _covered(data.mark, hour_us)
        last_bar = index if perp is None else perp.bars.get(hour_us, index)
        mark_bar = index if mark is None else _mark_bar(mark, data.spot, hour_us, index)
        return legs_of(hour_us, hour_us + HOUR_US, (index, mark_bar, last_bar), lean, data.quantum, stale_since_us)

    def next_settlement(self, asset: Asset, after_us: int) -> Settlement:
        """Return the next settlement; its rate is the last that was settled, for the next is not known."""
        rates = self._data[asset].rates
        place = bisect_right(rates, after_us, key=lambda row: row[0])
        known = rates[place - 1][1] if place else _INTEREST
        if rates and rates[0][0] <= after_us < rates[-1][0]:
            due_us = rates[place][0]
            interval_us = due_us - rates[place - 1][0]
            return Settlement(due_us, interval_us, known)
        due_us = next_multiple_us(after_us, _INTERVAL_US)
        if rates and after_us < rates[0][0] <= due_us:
            due_us = rates[0][0]
        return Settlement(due_us, _INTERVAL_US, known if rates and place < len(rates) else _INTEREST)

    def settled_rate(self, asset: Asset, at_us: int) -> Decimal:
        """Return the rate that was settled at a moment."""
        rates = self._data[asset].rates
        place = bisect_left(rates, at_us, key=lambda row: row[0])
        return rates[place][1] if place < len(rates) and rates[place][0] == at_us else _INTEREST

    def closes(self, asset: Asset, at_us: int, days: int) -> list[tuple[int, Decimal]]:
        """Return the closes of days that have ended."""
        closes = self._data[asset].day_closes
        place = bisect_right(closes, at_us - DAY_US, key=lambda pair: pair[0])
        return closes[max(0, place - days) : place]

    def derived_spans(self) -> list[dict[str, str]]:
        """Name what is derived from spot because it was not recorded."""
        spans = []
        end_us = self.end_us or FAR_US
        for asset, data in self._data.items():
            covers = {
                "last": None if data.perp is None else (data.perp.first_us, data.perp.last_us),
                "mark": None if data.mark is None else (data.mark.first_us, data.mark.last_us),
                "funding": (data.rates[0][0], data.rates[-1][0]) if data.rates else None,
            }
            for series, cover in covers.items():
                first_us, last_us = cover or (end_us, end_us)
                # Funding is recorded by settlements: the one before the first row may lie an interval earlier.
                slack_us = _INTERVAL_US if series == "funding" else 0
                if first_us > self.start_us + slack_us:
                    spans.append(_span(asset, series, self.start_us, min(first_us, end_us)))
                if last_us + slack_us < end_us and cover is not None:
                    spans.append(_span(asset, series, max(last_us, self.start_us), end_us))
        return spans

    def to_document(self) -> Any:
        """Return nothing: the folder says it all."""
        return {}

    def load(self, document: Any) -> None:
        """Nothing to take up."""


def _span(asset: Asset, series: str, begin_us: int, end_us: int) -> dict[str, str]:
    return {"asset": asset, "series": series, "from": _text(begin_us), "to": _text(end_us)}


def _text(moment_us: int) -> str:
    return from_us(moment_us).strftime("%Y-%m-%dT%H:%M:%SZ") if moment_us < FAR_US else "the end"


def _covered(series: _Series | None, hour_us: int) -> _Series | None:
    """Return the series where it reaches."""
    return series if series is not None and series.first_us <= hour_us < series.last_us else None


def _index_bar(spot: _Series, hour_us: int) -> tuple[Bar, int | None]:
    """Return the hour's bar; in a hole the last close, and since when it is stale."""
    bar = spot.bars.get(hour_us)
    if bar is not None:
        return bar, None
    before_us = hour_us - HOUR_US
    while before_us not in spot.bars:
        before_us -= HOUR_US
    close = spot.bars[before_us].close
    return Bar(close, close, close, close), before_us + HOUR_US


def _mark_bar(mark: _Series, spot: _Series, hour_us: int, index: Bar) -> Bar:
    begin_us = hour_us // mark.step_us * mark.step_us
    bar = mark.bars.get(begin_us)
    if bar is None:
        return index
    if mark.step_us == HOUR_US:
        return bar
    reference, _ = _index_bar(spot, begin_us) if begin_us >= spot.first_us else (index, None)
    factor = bar.open / reference.open
    return Bar(index.open * factor, index.high * factor, index.low * factor, index.close * factor)


def _day_closes(bars: Bars) -> list[tuple[int, Decimal]]:
    closes: dict[int, Decimal] = {}
    for at_us, bar in bars.items():
        closes[at_us // DAY_US * DAY_US] = bar.close
    return list(closes.items())
