"""What do scripts read about funding? One row a leg; ``null`` where it is not known, which is not zero."""

from collections.abc import Iterable
from typing import Any

from bot.decisions.funding import FundingLine
from bot.domain.funding import hours_of
from bot.domain.units import edge_text
from bot.engine.documents import optional_text, time_text


def funding_entries(lines: Iterable[FundingLine]) -> list[dict[str, Any]]:
    """Return the rows. Rates and costs are fractions; costs + when paid, amounts in quote currency + when received."""
    return [_entry(line) for line in lines]


def _entry(line: FundingLine) -> dict[str, Any]:
    forecast = line.forecast
    return {
        "venue": line.venue,
        "symbol": line.symbol,
        "forecast_rate": None if forecast is None else edge_text(forecast.rate),
        "interval_hours": None if forecast is None else edge_text(hours_of(forecast.interval)),
        "next_at": None if forecast is None else time_text(forecast.next_at),
        "forecast_quote": optional_text(line.forecast_quote),
        "day_annual": optional_text(line.day_annual),
        "week_annual": optional_text(line.week_annual),
        "since_open_annual": optional_text(line.since_open_annual),
        "paid_annual": optional_text(line.paid_annual),
        "earned_quote": optional_text(line.earned_quote),
        "gaps": [time_text(gap) for gap in line.gaps],
        "state": line.state.value,
    }
