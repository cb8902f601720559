# ruff: noqa: T201 - a report on the terminal
"""How like a real market is the model? Moments and tails of recorded and of modelled hours, side by side.

``python -m tests.moments --data DATA`` prints the table of docs/model-market.md.
"""

import argparse
import csv
import gzip
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import correlation, fmean, median, pstdev

from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig
from bot.exchange.market import Series
from bot.exchange.market_model import ModelMarket
from bot.exchange.moments import HOUR_US, to_us

ASSETS = ("BTC", "ETH", "SOL")
BEGIN, END = datetime(2020, 9, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
HOURS = (to_us(END) - to_us(BEGIN)) // HOUR_US
#: The constants were chosen with seeds 1 to 8 in view; others judge them.
FIRST_SEED = 101
#: Hours of a model that opens hot, left out: the table is about the market that follows.
WARM_UP_HOURS = 24 * 30


@dataclass
class Track:
    """One asset's hours, keyed by the hour since 1970, and its fundings in order."""

    closes: dict[int, float] = field(default_factory=dict)
    ranges: list[float] = field(default_factory=list)
    basis: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def _rows(path: Path) -> Iterable[tuple[int, dict[str, str]]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if BEGIN.isoformat() <= row["time"] < END.isoformat():
                yield to_us(datetime.fromisoformat(row["time"])) // HOUR_US, row


def read_track(folder: Path, asset: str) -> Track:
    """Return what was recorded of an asset."""
    track = Track()
    for hour, row in _rows(folder / f"binance_spot_{asset}USDT_1h.csv.gz"):
        track.closes[hour] = float(row["close"])
        track.ranges.append(math.log(float(row["high"]) / float(row["low"])))
    for hour, row in _rows(folder / f"binance_usdm_perp_{asset}USDT_1h.csv.gz"):
        if hour in track.closes:
            track.basis.append(float(row["close"]) / track.closes[hour] - 1)
    track.rates = [float(r["funding_rate"]) for _, r in _rows(folder / f"binance_usdm_funding_{asset}USDT_8h.csv.gz")]
    return track


def run_model(seed: int, hours: int = HOURS, warm_up: int = WARM_UP_HOURS) -> dict[str, Track]:
    """Return what the model makes of a seed."""
    market = ModelMarket(ExchangeConfig(seed=seed))
    tracks = {asset: Track() for asset in ASSETS}
    for hour in range(warm_up, warm_up + hours):
        at_us = market.start_us + hour * HOUR_US
        for name, track in tracks.items():
            # The settlement of this moment is asked for before the hour that begins with it is opened.
            if at_us % (8 * HOUR_US) == 0:
                track.rates.append(float(market.settled_rate(Asset(name), at_us)))
            legs = market.legs(Asset(name), at_us, 1)
            index, _, last = legs[-1].end
            track.closes[at_us // HOUR_US] = float(index)
            low, high = legs[0].end[Series.INDEX], legs[1].end[Series.INDEX]
            track.ranges.append(math.log(float(high) / float(low)))
            track.basis.append(float(last / index - 1))
    return tracks


def returns_of(closes: dict[int, float], hours: int) -> dict[int, float]:
    """Return logarithmic changes over whole spans of ``hours`` that are both recorded."""
    ends = sorted(hour for hour in closes if (hour + 1) % hours == 0 and hour - hours in closes)
    return {hour: math.log(closes[hour] / closes[hour - hours]) for hour in ends}


def standard_moment(values: Sequence[float], power: int) -> float:
    """Return a moment in units of the standard deviation: 3 is skew, 4 is kurtosis (3 when normal)."""
    mean, deviation = fmean(values), pstdev(values)
    return fmean([((value - mean) / deviation) ** power for value in values])


def autocorrelation(values: Sequence[float], lag: int) -> float:
    """Return the correlation of a series with itself, ``lag`` places later."""
    return correlation(values[:-lag], values[lag:])


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _price_figures(track: Track) -> dict[str, float]:
    hourly, daily = list(returns_of(track.closes, 1).values()), list(returns_of(track.closes, 24).values())
    sizes = [abs(value) for value in hourly]
    found = {"hourly std %": 100 * pstdev(hourly), "daily std %": 100 * pstdev(daily)}
    found["annualised vol % (daily)"] = found["daily std %"] * math.sqrt(365)
    for name, values in (("hourly", hourly), ("daily", daily)):
        found[f"{name} kurtosis"] = standard_moment(values, 4)
        found[f"{name} skew"] = standard_moment(values, 3)
        for share in (0.001, 0.01, 0.99, 0.999):
            found[f"{name} quantile {100 * share:g} %"] = 100 * quantile(values, share)
        found[f"worst {name} %"] = 100 * min(values)
        found[f"best {name} %"] = 100 * max(values)
    for lag in (1, 24, 168):
        found[f"autocorrelation of hourly sizes, lag {lag}"] = autocorrelation(sizes, lag)
    found["hour's return to size of next"] = correlation(hourly[:-1], sizes[1:])
    found["mean range / hourly std"] = 100 * fmean(track.ranges) / found["hourly std %"]
    return found


def _funding_figures(track: Track) -> dict[str, float]:
    rates = [10_000 * rate for rate in track.rates]
    basis = [10_000 * value for value in track.basis]
    return {
        "funding mean bp": fmean(rates),
        "funding std bp": pstdev(rates),
        "funding lowest bp": min(rates),
        "funding quantile 1 % bp": quantile(rates, 0.01),
        "funding median bp": median(rates),
        "funding quantile 99 % bp": quantile(rates, 0.99),
        "funding highest bp": max(rates),
        "funding lag-1 autocorrelation": autocorrelation(rates, 1),
        "funding negative %": 100 * fmean([rate < 0 for rate in rates]),
        "funding at interest (1 bp) %": 100 * fmean([abs(rate - 1) < 1e-6 for rate in rates]),
        "basis mean bp": fmean(basis),
        "basis std bp": pstdev(basis),
        "basis lag-1 autocorrelation": autocorrelation(basis, 1),
        "basis lag-24 autocorrelation": autocorrelation(basis, 24),
    }


def figures(tracks: dict[str, Track]) -> dict[tuple[str, str], float]:
    """Return every figure of the table by (what, whose)."""
    found = {}
    for name, track in tracks.items():
        for part in (_price_figures(track), _funding_figures(track)):
            found.update({(what, name): value for what, value in part.items()})
    for hours, word in ((1, "hourly"), (24, "daily")):
        for first, second in (("BTC", "ETH"), ("BTC", "SOL"), ("ETH", "SOL")):
            one, two = (returns_of(tracks[name].closes, hours) for name in (first, second))
            both = sorted(one.keys() & two.keys())
            pair = correlation([one[hour] for hour in both], [two[hour] for hour in both])
            found[f"{word} correlation", f"{first}-{second}"] = pair
    return found


def model_figures(seed: int) -> dict[tuple[str, str], float]:
    """Return the figures of one seed over as many hours as are recorded."""
    return figures(run_model(seed))


def _cells(real: float, values: list[float]) -> str:
    """Return real, model and the span of its seeds."""
    middle = median(values)
    mark = "" if abs(middle - real) <= 0.25 * abs(real) else " *"
    mark += "!" if mark and not min(values) <= real <= max(values) else ""
    return f"{real:.3g} | {middle:.3g}{mark} | {min(values):.3g} … {max(values):.3g}"


def print_table(real: dict[tuple[str, str], float], seeds: list[dict[tuple[str, str], float]]) -> None:
    """Print real figure, median of the seeds, and their span.

    A star marks a median more than a quarter off, with an exclamation mark where real lies outside the seeds' span.
    """
    columns: list[str] = []
    for what in dict.fromkeys(what for what, _ in real):
        whose = [one for name, one in real if name == what]
        if whose != columns:
            columns = whose
            print("\n| | " + " | ".join(f"{one} real | model | seeds" for one in columns) + " |")
            print("| --- |" + " ---: |" * 3 * len(columns))
        cells = (_cells(real[what, one], [found[what, one] for found in seeds]) for one in columns)
        print(f"| {what} | " + " | ".join(cells) + " |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="market data directory")
    parser.add_argument("--seeds", type=int, default=16, help="how many")
    options = parser.parse_args()
    with ProcessPoolExecutor() as pool:
        modelled = pool.map(model_figures, range(FIRST_SEED, FIRST_SEED + options.seeds))
        real = figures({asset: read_track(options.data, asset) for asset in ASSETS})
        print_table(real, list(modelled))


if __name__ == "__main__":
    main()
