# ruff: noqa: T201 - a report on the terminal
"""Which band, destination, cadence and style are a good default? ``python -m tests.grid --data DATA --out FOLDER``.

Runs the whole daemon over the recorded years once for every combination, two at a time, and prints one table. What has
been run before is in FOLDER and is not run again.
"""

import argparse
import csv
import itertools
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.backtest.run import run_backtest
from bot.settings.load import load_settings

BANDS = ("3%", "5%", "8%")
DESTINATIONS = ("target", "half", "edge")
CADENCES = ("fixed", "volatility")
STYLES = ("ioc", "chase", "twap")
FIRST, LAST = datetime(2020, 9, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
ASSETS = ("BTC", "ETH", "SOL")
LOOPS = ("PROTECTION", "RECONCILE", "PRICES", "MARGIN", "FUNDING", "BASIS")


def environment(band: str, destination: str, cadence: str, style: str) -> dict[str, str]:
    """Return the configuration of one run."""
    paced = {"TRIMTAB_CADENCE": "off", "TRIMTAB_VOLATILITY__REFERENCE": "70%"}
    return {
        "TRIMTAB_BAND": band,
        # So that the points count for the smallest target, too.
        "TRIMTAB_BAND_RELATIVE": "40%",
        "TRIMTAB_REBALANCE_TO": destination,
        "TRIMTAB_EXECUTION__STYLE": style,
        "TRIMTAB_PAPER__COLLATERAL": "USDT=100000",
        **{f"TRIMTAB_WATCH__{loop}": "1h" for loop in LOOPS},
        **(paced if cadence == "volatility" else {}),
    }


def run_one(combination: tuple[str, ...], data: Path, out: Path) -> dict[str, Any]:
    """Run one combination and return its figures."""
    folder = out / "-".join(combination).replace("%", "")
    done = folder / "figures.json"
    if not done.exists():
        settings = load_settings(environment(*combination) | {"TRIMTAB_LOG_LEVEL": "error"})
        document = run_backtest(settings, data=data, start=FIRST, end=LAST, out=folder)
        done.write_text(json.dumps(measure(document, folder)), encoding="utf-8")
    return {**dict(zip(("band", "to", "cadence", "style"), combination, strict=True)), **json.loads(done.read_text())}


def measure(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return the figures of one run, from its document and its tables."""
    with (folder / "equity.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (folder / "trades.csv").open() as file:
        trades = list(csv.DictReader(file))
    moments = [datetime.fromisoformat(row["time"]) for row in rows]
    years = (moments[-1] - moments[0]).total_seconds() / 86_400 / 365
    inside = weighed = squares = value_time = 0.0
    for (row, after), (begin, end) in zip(itertools.pairwise(rows), itertools.pairwise(moments), strict=True):
        hours = (end - begin).total_seconds() / 3600
        value_time += float(row["portfolio_value_quote"]) * hours
        apart = 0.0
        for asset in ASSETS:
            gap = float(row[f"weight_{asset}"]) - float(row[f"target_{asset}"])
            inside += hours * (abs(gap) <= float(row[f"band_{asset}"]) + 0.005)
            weighed += hours
            apart += gap * (float(after[f"index_{asset}"]) / float(row[f"index_{asset}"]) - 1)
        squares += apart * apart
    mean_value = value_time / (years * 8760)
    traded = float(document["traded_notional_quote"])
    fees = sum(float(trade["fee_quote"]) for trade in trades)
    return {
        "looks": document["looks"],
        "trades": len(trades),
        "turnover": traded / mean_value / years,
        "fees_bps": fees / mean_value / years * 10_000,
        "fee_per_trade_bps": fees / traded * 10_000 if traded else 0.0,
        "funding_bps": -float(document["funding_quote"]) / mean_value / years * 10_000,
        "in_band": inside / weighed,
        "tracking_error": math.sqrt(squares / years),
        "stop_outs": document["stop_outs"],
        "final": float(document["final_value_quote"]["overlay"]),
        "violated": len(document["invariants"]["violated"]),
        "cpu": float(document["cpu_seconds"]),
    }


HEAD = (
    "| band | to | cadence | style | looks | trades | turnover a year | fees, bp a year | funding, bp a year"
    " | hours in band | tracking error a year | final value |"
)


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    rows = (
        f"| {one['band']} | {one['to']} | {one['cadence']} | {one['style']} | {one['looks']:,} | {one['trades']:,}"
        f" | {one['turnover']:.2f} | {one['fees_bps']:.2f} | {one['funding_bps']:.0f} | {one['in_band']:.2%}"
        f" | {one['tracking_error']:.2%} | {one['final']:,.0f} |"
        for one in results
    )
    return "\n".join([HEAD, "|---" * 12 + "|", *rows])


def main() -> None:
    """Run what has not been run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of market data")
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    # What decides most is run first.
    combinations = [
        (band, to, cadence, style)
        for style, cadence, band, to in itertools.product(STYLES, CADENCES, BANDS, DESTINATIONS)
    ]
    results = []
    with ProcessPoolExecutor(options.workers) as pool:
        runs = [pool.submit(run_one, one, options.data, options.out) for one in combinations]
        for place, run in enumerate(runs, 1):
            results.append(run.result())
            print(f"{place}/{len(runs)} {results[-1]}", file=sys.stderr, flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
