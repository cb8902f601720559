"""Market data directories for tests."""

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.moments import HOUR_US, from_us, to_us

BTC = Asset("BTC")
START = datetime(2024, 1, 1, tzinfo=UTC)
START_US = to_us(START)
SPOT = "binance_spot_BTCUSDT_1h.csv.gz"
PERP = "binance_usdm_perp_BTCUSDT_1h.csv.gz"
MARK = "binance_usdm_mark_BTCUSDT_1h.csv.gz"
FUNDING = "binance_usdm_funding_BTCUSDT_8h.csv.gz"


def at(hour: int) -> int:
    """Return the moment ``hour`` hours after the start."""
    return START_US + hour * HOUR_US


def time_text(hour: int) -> str:
    """Write that moment as files do."""
    return from_us(at(hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def bar_row(hour: int, price: int, **changes: Any) -> str:
    """Return a bar from ``price`` to one more, reaching 2 above and 3 below."""
    values = {"open": price, "high": price + 2, "low": price - 3, "close": price + 1, "volume": 5} | changes
    return ",".join([time_text(hour), *(str(value) for value in values.values())])


def write_rows(path: Path, rows: Iterable[str], header: str = "time,open,high,low,close,volume") -> Path:
    """Write a file as a market data directory has it."""
    path.write_bytes(gzip.compress("\n".join([header, *rows, ""]).encode(), 1))
    return path


def write_funding(path: Path, rates: dict[int, str]) -> Path:
    """Write settlements by their hour."""
    return write_rows(path, (f"{time_text(hour)},{rate}" for hour, rate in rates.items()), "time,funding_rate")


def history_config(folder: Path, **changes: Any) -> ExchangeConfig:
    """Return the configuration of a market of BTC alone."""
    values: dict[str, Any] = {
        "market": MarketKind.HISTORY,
        "assets": (BTC,),
        "data_dir": folder,
        "holdings": {BTC: Decimal(1)},
    }
    return ExchangeConfig(**(values | changes))
