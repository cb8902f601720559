"""What is the ``model`` market like? Constants fitted to recorded hours of Binance, spot and perpetual.

Hours of 2020-09 to 2024-12 for BTC and ETH; the same for SOL's spot price, 2023-12 to 2024-12 for its contract.
docs/model-market.md shows how well they fit, and how to look again.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """How one asset moves."""

    #: Standard deviation of an hour's diffusion, without jumps, on average over calm and storm.
    sigma: float
    #: Share of the common factor in its moves: two assets are correlated by the product of theirs.
    common: float
    #: Jumps of its own, and how many of them go up.
    jump_chance: float
    jump_up_frac: float
    #: Standard deviation of its own part of the logarithm of volatility.
    own_heat: float
    #: How wide its mood swings.
    mood_scale: float


NATURES = {
    "BTC": Nature(sigma=0.0062, common=0.89, jump_chance=0.0006, jump_up_frac=0.4, own_heat=0.15, mood_scale=1.0),
    "ETH": Nature(sigma=0.0078, common=0.97, jump_chance=0.0010, jump_up_frac=0.1, own_heat=0.15, mood_scale=1.05),
    "SOL": Nature(sigma=0.0125, common=0.71, jump_chance=0.0025, jump_up_frac=0.75, own_heat=0.35, mood_scale=0.90),
}
#: Any other asset: like SOL, a little tamer.
GENERIC = Nature(sigma=0.0115, common=0.71, jump_chance=0.0015, jump_up_frac=0.5, own_heat=0.25, mood_scale=1.0)

#: High and low of an hour are those of a Brownian path of this many times its standard deviation.
WICK = 1.07

# The logarithm of volatility is a sum: weeks, days, an hour's gust, the time of day. Each reverts by its share an hour,
# and has its own standard deviation; recorded sizes of moves are correlated over a day and still over a month.
WEEKS_REVERSION, WEEKS_DEVIATION = 1 / (24 * 30), 0.41
DAYS_REVERSION, DAYS_DEVIATION = 1 / 30, 0.33
GUST_DEVIATION = 0.25
#: A fall heats more than a rise: by this much per standard deviation of the common factor.
LEVERAGE = 0.35
#: What the two components are when a market opens: a new owner should see something happen.
OPENING_WEEKS, OPENING_DAYS = 0.35, 1.4
#: 15 o'clock UTC is the busiest hour, three the quietest.
DAYTIME = tuple(0.17 * math.cos(math.tau * (hour - 15.5) / 24) for hour in range(24))

#: Common jumps: about a dozen a year, three of four down, at least some sigmas and an exponential tail of more.
JUMP_CHANCE, JUMP_UP_FRAC = 0.0014, 0.25
JUMP_SIGMAS, JUMP_TAIL_SIGMAS = 2.0, 2.5
#: A jump heats the days after it.
JUMP_HEAT = 0.2

# Mood: how much longs want the perpetual contract; standard normal in the long run. Weeks and hours, common and own.
MOOD_WEEKS_REVERSION, MOOD_HOURS_REVERSION, MOOD_OWN_REVERSION = 1 / (24 * 25), 1 / 8, 1 / (24 * 5)
#: Their shares; the squares add up to one.
MOOD_HOURS_SHARE, MOOD_OWN_SHARE, MOOD_NOISE_SHARE = 0.35, 0.30, 0.25
MOOD_WEEKS_SHARE = math.sqrt(1 - MOOD_HOURS_SHARE**2 - MOOD_OWN_SHARE**2 - MOOD_NOISE_SHARE**2)
#: How much of the weeks' mood is made by rising prices.
MOOD_TREND = 0.4
#: A crash scares, a jump up makes greedy: the hours' mood moves by this much.
JUMP_MOOD = 1.5
#: (mood, premium in basis points): the quantiles that recorded fundings and bases tell of. Half of the time the
#: contract trades a little below spot, where its funding is about nothing.
PREMIUM_KNOTS = (
    (-4.0, -45.0),
    (-3.0, -13.0),
    (-2.33, -6.8),
    (-1.64, -5.5),
    (-1.28, -5.08),
    (-0.84, -4.74),
    (-0.52, -4.45),
    (-0.2, -4.15),
    (0.0, -3.5),
    (0.2, 0.0),
    (0.52, 5.2),
    (0.75, 6.0),
    (1.04, 7.0),
    (1.28, 8.5),
    (1.64, 11.0),
    (2.05, 16.0),
    (2.33, 20.5),
    (3.1, 32.0),
    (4.0, 50.0),
)
PREMIUM_MAX = 0.004

# Binance's formula: the average premium, weighted by age, and at most this much of the way back to the interest rate
# per eight hours.
INTEREST, CLAMP, FUNDING_MAX = 0.0001, 0.0005, 0.0075
