"""What did the market do? Recorded hourly bars, walked along paths of straight lines.

- A look at a moment knows the bars that have ended and the path so far; the bar that has begun is revealed by walking.
- Before the first and after the last row of a perpetual, mark or funding file, or without one, the series is derived:
  prices from spot without a premium, funding at the venue's interest of 0.01 % per 8 hours. Derived spans are named.
- A hole inside a file is stale: the series stays where it was, and the leg says since when. The others go on from their
  files; what is derived from spot stays with it.
- Contracts with an expiry are never recorded: they are derived from spot, from the start to the end.
- A coarser mark file is no gap: its premium over spot at the beginning of its bar holds for the hours of the bar.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.domain.errors import ConfigError
from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig
from bot.exchange.data_files import Bars, Intervals, Rates, Recorded, find_file, read_bars, read_rates
from bot.exchange.market import Bar, Leg, Settlement, legs_of, next_multiple_us
from bot.exchange.moments import DAY_US, FAR_US, HOUR_US, from_us, to_us

#: Loaded before the start, so that there is a volatility to speak of.
_WARM_UP_US = 100 * DAY_US
_INTEREST = Decimal("0.0001")
_INTERVAL_US = 8 * HOUR_US
_QUANTUM_DIGITS = 8


@dataclass(slots=True)
class _AssetData:
    """Everything recorded of one asset."""

    spot: Recorded
    perp: Recorded | None
    mark: Recorded | None
    rates: Rates
    #: Recorded intervals of funding by settlement; empty where the file has no column for them.
    intervals: Intervals
    #: What prices are rounded to.
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
        asked_end = None if config.end is None else to_us(config.end)
        load_from = 0 if asked_start is None else asked_start - _WARM_UP_US
        load_to = FAR_US if asked_end is None else asked_end
        self._has_dated = config.dated_basis_annual is not None
        self._data = {asset: self._load(asset, load_from, load_to) for asset in config.assets}
        self.start_us, self.end_us = self._period(asked_start, asked_end)

    def _period(self, asked_start: int | None, asked_end: int | None) -> tuple[int, int]:
        """Return where market time begins and ends; inside the spot files of all assets."""
        spots = [data.spot for data in self._data.values()]
        assets = ", ".join(self._data)
        common = set.intersection(*(set(spot.bars) for spot in spots))
        if not common:
            raise ConfigError(f"{self._folder}: no hour is in the spot files of all of {assets}; choose another period")
        start_us = min(common) if asked_start is None else asked_start
        end_us = max(common) + HOUR_US if asked_end is None else asked_end
        first_us = max(_first_us(spot) for spot in spots)
        if start_us < first_us:
            raise ConfigError(
                f"{self._folder}: the start {_text(start_us)} is before the first spot bar of all of {assets};"
                f" start at {_text(first_us)} or later"
            )
        last_us = min(spot.end_us for spot in spots)
        if end_us > last_us:
            raise ConfigError(
                f"{self._folder}: the end {_text(end_us)} is after the last spot bar of all of {assets};"
                f" end at {_text(last_us)} or earlier"
            )
        if start_us >= end_us:
            raise ConfigError(
                f"{self._folder}: there is nothing between the start {_text(start_us)} and the end {_text(end_us)};"
                " choose another period"
            )
        return start_us, end_us

    def _load(self, asset: Asset, from_us_: int, to_us_: int) -> _AssetData:
        spot = self._series("spot", asset, from_us_, to_us_)
        if spot is None:
            raise ConfigError(
                f"{self._folder}: there is no spot file for {asset}; expected VENUE_spot_{asset}USDT_1h.csv.gz"
            )
        first = spot.bars[_first_us(spot)].open
        rates_file = find_file(self._folder, "usdm_funding", asset)
        rates, intervals = ([], {}) if rates_file is None else read_rates(rates_file[0], from_us_, to_us_)
        return _AssetData(
            spot=spot,
            perp=self._series("usdm_perp", asset, from_us_, to_us_),
            mark=self._series("usdm_mark", asset, from_us_, to_us_),
            rates=rates,
            intervals=intervals,
            quantum=Decimal(1).scaleb(first.adjusted() - _QUANTUM_DIGITS),
            day_closes=_day_closes(spot.bars),
        )

    def _series(self, kind: str, asset: Asset, from_us_: int, to_us_: int) -> Recorded | None:
        found = find_file(self._folder, kind, asset)
        if found is None:
            return None
        recorded = read_bars(*found, from_us_, to_us_)
        if recorded.bars:
            return recorded
        if kind == "spot":
            raise ConfigError(
                f"{found[0].name}: has no row between {_text(max(0, from_us_))} and {_text(to_us_)};"
                " choose another period"
            )
        return None

    def legs(self, asset: Asset, at_us: int, lean: int) -> tuple[Leg, ...]:
        """Return the legs of the hour that holds ``at_us``; at the end of the data, what stays."""
        hour_us = at_us // HOUR_US * HOUR_US
        quantum = self._data[asset].quantum
        if at_us >= self.end_us and at_us == hour_us:
            bars, stale_since_us = self._bars(asset, hour_us - HOUR_US)
            index, mark, last = (bar.close for bar in bars)
            return (Leg(at_us, FAR_US, (index, mark, last), (index, mark, last), quantum, stale_since_us),)
        bars, stale_since_us = self._bars(asset, hour_us)
        return legs_of(hour_us, hour_us + HOUR_US, bars, lean, quantum, stale_since_us)

    def _bars(self, asset: Asset, hour_us: int) -> tuple[tuple[Bar, Bar, Bar], int | None]:
        """Return the bars of an hour, and since when one of them is stale."""
        data = self._data[asset]
        index, index_stale_us = _held_bar(data.spot, hour_us)
        mark, mark_stale_us = _contract_bar(data.mark, data, hour_us, index)
        last, last_stale_us = _contract_bar(data.perp, data, hour_us, index)
        stale = [since_us for since_us in (index_stale_us, mark_stale_us, last_stale_us) if since_us is not None]
        return (index, mark, last), min(stale, default=None)

    def next_settlement(self, asset: Asset, after_us: int) -> Settlement:
        """Return the next settlement; its rate is the last that was settled, for the next is not known."""
        due_us = self._due_us(asset, after_us)
        interval_us = self._data[asset].intervals.get(due_us) or due_us - self._settled_us(asset, due_us - 1)
        return Settlement(due_us, interval_us, self._known_rate(asset, after_us))

    def _due_us(self, asset: Asset, after_us: int) -> int:
        """Return the first settlement after a moment: a row, or a derived one outside of the rows."""
        rates = self._data[asset].rates
        derived_us = next_multiple_us(after_us, _INTERVAL_US)
        place = bisect_right(rates, after_us, key=_at_us)
        if place == len(rates):
            return derived_us
        return min(rates[0][0], derived_us) if place == 0 else rates[place][0]

    def _settled_us(self, asset: Asset, at_us: int) -> int:
        """Return the last settlement by a moment."""
        rates = self._data[asset].rates
        derived_us = at_us // _INTERVAL_US * _INTERVAL_US
        place = bisect_right(rates, at_us, key=_at_us)
        if place == 0:
            return derived_us
        recorded_us = rates[place - 1][0]
        return max(recorded_us, derived_us) if place == len(rates) else recorded_us

    def _known_rate(self, asset: Asset, at_us: int) -> Decimal:
        """Return the rate of the last settlement by a moment: the next one's is not known before it."""
        return self.settled_rate(asset, self._settled_us(asset, at_us))

    def settled_rate(self, asset: Asset, at_us: int) -> Decimal:
        """Return the rate that was settled at a moment."""
        rates = self._data[asset].rates
        place = bisect_left(rates, at_us, key=_at_us)
        return rates[place][1] if place < len(rates) and rates[place][0] == at_us else _INTEREST

    def closes(self, asset: Asset, at_us: int, days: int) -> list[tuple[int, Decimal]]:
        """Return the closes of days that have ended."""
        closes = self._data[asset].day_closes
        place = bisect_right(closes, at_us - DAY_US, key=lambda pair: pair[0])
        return closes[max(0, place - days) : place]

    def derived_spans(self) -> list[dict[str, str]]:
        """Name what is derived from spot because it was not recorded."""
        spans = []
        for asset, data in self._data.items():
            for series, recorded in (("last", data.perp), ("mark", data.mark)):
                if recorded is None:
                    spans.append(_span(asset, series, self.start_us, self.end_us))
                    continue
                first_us = _covered_from_us(recorded, data.spot)
                if first_us > self.start_us:
                    spans.append(_span(asset, series, self.start_us, min(first_us, self.end_us)))
                if recorded.end_us < self.end_us:
                    spans.append(_span(asset, series, max(recorded.end_us, self.start_us), self.end_us))
            spans += self._derived_funding(asset)
            if self._has_dated:
                spans.append(_span(asset, "dated", self.start_us, self.end_us))
        return spans

    def _derived_funding(self, asset: Asset) -> list[dict[str, str]]:
        """Name where there are settlements that are not recorded."""
        rates, spans = self._data[asset].rates, []
        first_us, last_us = (rates[0][0], rates[-1][0]) if rates else (FAR_US, 0)
        if next_multiple_us(self.start_us, _INTERVAL_US) < first_us:
            spans.append(_span(asset, "funding", self.start_us, min(first_us, self.end_us)))
        from_us_ = max(last_us, self.start_us)
        if rates and next_multiple_us(from_us_, _INTERVAL_US) <= self.end_us:
            spans.append(_span(asset, "funding", from_us_, self.end_us))
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


def _at_us(row: tuple[int, Decimal]) -> int:
    return row[0]


def _first_us(recorded: Recorded) -> int:
    return next(iter(recorded.bars))


def _covered_from_us(recorded: Recorded, spot: Recorded) -> int:
    """Return where a contract's file begins to be of use: a coarse bar needs the spot of its beginning."""
    if recorded.step_us == HOUR_US:
        return _first_us(recorded)
    return next((at_us for at_us in recorded.bars if at_us >= _first_us(spot)), recorded.end_us)


def _held_bar(recorded: Recorded, hour_us: int) -> tuple[Bar, int | None]:
    """Return the bar that holds an hour; in a hole the last close, and since when it is stale."""
    begin_us = hour_us // recorded.step_us * recorded.step_us
    bar = recorded.bars.get(begin_us)
    if bar is not None:
        return bar, None
    while begin_us not in recorded.bars:
        begin_us -= recorded.step_us
    close = recorded.bars[begin_us].close
    return Bar(close, close, close, close), begin_us + recorded.step_us


def _contract_bar(recorded: Recorded | None, data: _AssetData, hour_us: int, index: Bar) -> tuple[Bar, int | None]:
    """Return the hour of a contract's series: recorded, or derived from spot where the file does not reach."""
    if recorded is None or not _covered_from_us(recorded, data.spot) <= hour_us < recorded.end_us:
        return index, None
    bar, stale_since_us = _held_bar(recorded, hour_us)
    if recorded.step_us == HOUR_US or stale_since_us is not None:
        return bar, stale_since_us
    # Of a bar that has begun only the open is known.
    reference, _ = _held_bar(data.spot, hour_us // recorded.step_us * recorded.step_us)
    factor = bar.open / reference.open
    open_price, high, low, close = (
        (price * factor).quantize(data.quantum) for price in (index.open, index.high, index.low, index.close)
    )
    return Bar(open_price, high, low, close), None


def _day_closes(bars: Bars) -> list[tuple[int, Decimal]]:
    closes: dict[int, Decimal] = {}
    for at_us, bar in bars.items():
        closes[at_us // DAY_US * DAY_US] = bar.close
    return list(closes.items())
