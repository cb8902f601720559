"""How much does an asset move in a day?

σ is an exponentially weighted root mean square of daily log returns with λ = 0.94 (RiskMetrics, 1996), which follows
clusters quickly and needs no mean. A hole of n days counts as one return over n days: its square is divided by n.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from bot.domain.ids import Asset
from bot.domain.market import PriceHistory
from bot.domain.units import ONE, ZERO

_LAMBDA = Decimal("0.94")
#: Fewer returns than this say nothing.
_LEAST_RETURNS = 10
_DAY = timedelta(days=1)
#: A history whose last day is older than this describes another market.
_OLDEST = timedelta(days=7)


def daily_sigma(history: PriceHistory, now: datetime) -> Decimal | None:
    """Return the daily σ as a fraction; None when the history is too short or too old."""
    if len(history.closes) <= _LEAST_RETURNS or now - history.days[-1] > _OLDEST:
        return None
    return _sigma(history)


@lru_cache(maxsize=64)
def _sigma(history: PriceHistory) -> Decimal:
    total = weight = ZERO
    factor = ONE
    for place in range(len(history.closes) - 1, 0, -1):
        days = (history.days[place] - history.days[place - 1]) // _DAY
        change = (history.closes[place] / history.closes[place - 1]).ln()
        total += factor * change * change / days
        weight += factor
        factor *= _LAMBDA
    return (total / weight).sqrt()


def daily_moves(history: PriceHistory) -> dict[datetime, Decimal]:
    """Return the simple return of each day whose previous day is there too."""
    return {
        history.days[place]: history.closes[place] / history.closes[place - 1] - 1
        for place in range(1, len(history.closes))
        if history.days[place] - history.days[place - 1] == _DAY
    }


def extreme_days(histories: tuple[PriceHistory, ...], beyond_frac: Decimal) -> tuple[dict[Asset, Decimal], ...]:
    """Return the days on which some asset moved by more than ``beyond_frac``, with the moves of all.

    Milder days need not be looked at where a move of ``beyond_frac`` against every leg at once is looked at.
    """
    moves = {history.asset: daily_moves(history) for history in histories}
    days = {day for by_day in moves.values() for day, move in by_day.items() if abs(move) > beyond_frac}
    return tuple({asset: by_day[day] for asset, by_day in moves.items() if day in by_day} for day in sorted(days))
