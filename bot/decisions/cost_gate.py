"""Is a trade worth what it costs?

Of an owner with mean-variance utility, a gap g costs ½·γ·σ²·g² of V a year. A trade that makes it smaller brings
½·γ·σ²·(gap_before² − gap_after²)·V·H/365 over the horizon H, and is made when that is more than fee + half spread +
impact + carry over H.

The gate saves money; it keeps nobody safe. So it stands aside where it does not know enough (missing is not zero),
beyond twice the band, and for what only shrinks positions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from bot.decisions.cadence import periods_per_year
from bot.decisions.drift import Drift
from bot.decisions.volatility import daily_sigma
from bot.domain.ids import Asset
from bot.domain.market import FundingRate, Quote
from bot.domain.orders import Side
from bot.domain.plan import HedgeLeg, Refusal, Rule
from bot.domain.policy import CostGatePolicy, Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import DAYS_PER_YEAR, ZERO

#: Beyond this many half-widths of the band nothing is blocked.
_FREE_BEYOND_BANDS = 2
#: How often a day the depth that is quoted is taken and comes back: depth × this stands for a day's volume. Once a
#: minute is low for the contracts that hold hedges, which makes impact dear rather than cheap.
_DEPTHS_PER_DAY = Decimal(1440)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCost:
    """What one leg is expected to cost, in USD; + is paid. None is unknown."""

    #: As a taker: the dearest way a leg may be worked.
    fee: Decimal
    half_spread: Decimal
    impact: Decimal | None
    #: Expected over the horizon for what the leg opens; negative is received, and then it does not count.
    carry: Decimal | None
    #: True of a leg that can only shrink a position.
    reduce_only: bool

    @property
    def total(self) -> Decimal | None:
        """All of it, with carry received counted as zero; None where a part is unknown."""
        if self.impact is None or self.carry is None:
            return None
        return self.fee + self.half_spread + self.impact + max(ZERO, self.carry)


def trade_cost_quote(
    leg: HedgeLeg, quote: Quote, funding: FundingRate | None, *, sigma_daily: Decimal | None, horizon: timedelta
) -> TradeCost:
    """Return what a leg costs; ``sigma_daily`` is its asset's σ as a fraction."""
    spread_frac = (quote.ask_price - quote.bid_price) / (quote.ask_price + quote.bid_price)
    impact_frac = _impact_frac(leg, quote, sigma_daily)
    return TradeCost(
        fee=leg.notional_quote * leg.instrument.taker_fee_frac,
        half_spread=leg.notional_quote * spread_frac,
        impact=None if impact_frac is None else leg.notional_quote * impact_frac,
        carry=_carry_quote(leg, funding, horizon),
        reduce_only=leg.reduce_only,
    )


def _impact_frac(leg: HedgeLeg, quote: Quote, sigma_daily: Decimal | None) -> Decimal | None:
    """Return how far a leg moves its price against itself; None where that is not known.

    Nothing within the depth that is quoted. Of the rest Q, the square-root law σ_daily × √(Q ÷ a day's volume) (Tóth
    et al. 2011), at most one σ_daily.
    """
    depth = quote.ask_contracts if leg.side is Side.BUY else quote.bid_contracts
    beyond = leg.contracts - depth
    if beyond <= 0:
        return ZERO
    if sigma_daily is None:
        return None
    volume = depth * _DEPTHS_PER_DAY
    return sigma_daily if beyond >= volume else sigma_daily * (beyond / volume).sqrt()


def _carry_quote(leg: HedgeLeg, funding: FundingRate | None, horizon: timedelta) -> Decimal | None:
    """Return the funding that a leg pays over the horizon if it stays as forecast; + is paid.

    None where it is not known: a perpetual without a forecast, and every dated contract.
    """
    if leg.reduce_only:
        return ZERO
    if funding is None or not leg.instrument.is_perpetual:
        return None
    paid_annual = funding.rate * leg.side.sign * periods_per_year(funding.interval)
    return leg.notional_quote * paid_annual * _days(horizon) / DAYS_PER_YEAR


def benefit_quote(
    gap_before: Decimal, gap_after: Decimal, *, sigma_annual: Decimal, value_quote: Decimal, gate: CostGatePolicy
) -> Decimal:
    """Return what a smaller gap is worth to the owner over the horizon, in USD; negative when it grows."""
    smaller_by = gap_before * gap_before - gap_after * gap_after
    yearly = gate.risk_aversion * sigma_annual * sigma_annual * smaller_by * value_quote / 2
    return yearly * _days(gate.horizon) / DAYS_PER_YEAR


def is_worth_it(
    gap_before: Decimal,
    gap_after: Decimal,
    *,
    band: Decimal,
    costs: Sequence[TradeCost],
    sigma_annual: Decimal | None,
    value_quote: Decimal,
    gate: CostGatePolicy,
) -> tuple[bool, str]:
    """Return whether one asset's legs are worth their cost, and why in a few words.

    A no is meant for the legs that open: of a set that turns a position over, what shrinks it may go all the same.
    """
    if all(one.reduce_only for one in costs):
        return True, "only shrinks positions"
    if abs(gap_before) > _FREE_BEYOND_BANDS * band:
        return True, "its gap is more than twice its band"
    totals = [one.total for one in costs]
    known = [total for total in totals if total is not None]
    if sigma_annual is None or len(known) < len(totals):
        return True, "what it brings or costs is not known"
    brings = benefit_quote(gap_before, gap_after, sigma_annual=sigma_annual, value_quote=value_quote, gate=gate)
    cost = sum(known, ZERO)
    return brings > cost, f"brings {brings:.2f} USD over {_days(gate.horizon):.0f} days and costs {cost:.2f}"


def _days(duration: timedelta) -> Decimal:
    return Decimal(duration // timedelta(seconds=1)) / Decimal(_DAY // timedelta(seconds=1))


def drop_unworthy(
    legs: tuple[HedgeLeg, ...],
    drifts: tuple[Drift, ...],
    wanted: Mapping[Asset, Decimal],
    snapshot: Snapshot,
    policy: Policy,
    value_quote: Decimal,
) -> tuple[tuple[HedgeLeg, ...], tuple[Refusal, ...]]:
    """Return the legs that are worth their cost, and why the others are not; all of them where the gate is off.

    Judged are the assets that are on their way by themselves. One that moves for the sake of total exposure does so
    because another one's trade asks for it.
    """
    gate = policy.cost_gate
    if gate is None:
        return legs, ()
    kept, refusals = list(legs), []
    for drift in drifts:
        mine = [leg for leg in legs if leg.instrument.asset == drift.asset]
        if not mine or not (drift.is_outside_band or drift.is_correcting):
            continue
        history = snapshot.histories.get(drift.asset)
        sigma = None if history is None else daily_sigma(history, snapshot.at)
        costs = [_cost_of(leg, snapshot, sigma, gate) for leg in mine]
        is_worth, why = is_worth_it(
            drift.gap,
            wanted[drift.asset],
            band=drift.band,
            costs=costs,
            sigma_annual=None if sigma is None else sigma * DAYS_PER_YEAR.sqrt(),
            value_quote=value_quote,
            gate=gate,
        )
        if not is_worth:
            kept = [leg for leg in kept if leg.reduce_only or leg.instrument.asset != drift.asset]
            refusals.append(Refusal(asset=drift.asset, rule=Rule.COST, reason=f"not worth its cost: {why}"))
    return tuple(kept), tuple(refusals)


def _cost_of(leg: HedgeLeg, snapshot: Snapshot, sigma: Decimal | None, gate: CostGatePolicy) -> TradeCost:
    place = (leg.instrument.venue, leg.instrument.symbol)
    return trade_cost_quote(
        leg, snapshot.quotes[place], snapshot.funding_rates.get(place), sigma_daily=sigma, horizon=gate.horizon
    )
