"""How much does an asset move?

σ is an exponentially weighted root mean square of daily log returns with λ = 0.94 (RiskMetrics, 1996), which follows
clusters quickly and needs no mean. Time is counted, not rows: a return over n days is one observation of n days'
variance, and the weight decays by λ for every day that passed.

What is derived from a history is remembered by the history's identity, so that a look costs nothing on the days on
which no new close has come in.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from weakref import WeakKeyDictionary

from bot.domain.market import PriceHistory
from bot.domain.units import ONE, ZERO

_LAMBDA = Decimal("0.94")
#: Fewer returns than this say nothing.
_LEAST_RETURNS = 10
_DAY = timedelta(days=1)
#: A history whose last day is older than this describes another market.
_OLDEST = timedelta(days=7)
#: Lengths of the windows that a joint stress looks at.
WINDOW_DAYS = (1, 3, 7)


def daily_sigma(history: PriceHistory, now: datetime) -> Decimal | None:
    """Return the daily σ as a fraction; None when the history is too short or too old."""
    if len(history.closes) <= _LEAST_RETURNS or now - history.days[-1] > _OLDEST:
        return None
    return _sigma_of(history)


#: Not an ``lru_cache``: it would keep every history of a year, each with four months of closes.
_sigmas: WeakKeyDictionary[PriceHistory, Decimal] = WeakKeyDictionary()


def _sigma_of(history: PriceHistory) -> Decimal:
    known = _sigmas.get(history)
    if known is None:
        known = _sigmas[history] = _measured_sigma(history)
    return known


def _measured_sigma(history: PriceHistory) -> Decimal:
    total = weight = ZERO
    factor = ONE
    for place in range(len(history.closes) - 1, 0, -1):
        days = (history.days[place] - history.days[place - 1]) // _DAY
        change = (history.closes[place] / history.closes[place - 1]).ln()
        total += factor * change * change / days
        weight += factor
        factor *= _LAMBDA**days
    return (total / weight).sqrt()


#: The moves of several assets over one window, as fractions; None where an asset has no close at one of its ends.
JointMoves = tuple[Decimal | None, ...]


@lru_cache(maxsize=16)
def joint_windows(histories: tuple[PriceHistory, ...]) -> tuple[JointMoves, ...]:
    """Return what the assets did together over every recorded window, one move per history, in their order."""
    closes = [dict(zip(history.days, history.closes, strict=True)) for history in histories]
    windows = []
    for day in sorted(set().union(*closes)):
        for length in WINDOW_DAYS:
            start = day - length * _DAY
            moves = tuple(one[day] / one[start] - 1 if day in one and start in one else None for one in closes)
            if any(move is not None for move in moves):
                windows.append(moves)
    return tuple(windows)
