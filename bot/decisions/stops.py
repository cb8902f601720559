"""Where does the stop of each position belong, and how large may a position be so that a stop fits?

The stop is a catastrophe bound between looks, not a signal: a multiple of daily σ from the price of the last
look, never beyond
the buffered liquidation price. Where liquidation is so near that the stop would stand within ordinary noise,
the leg is made
smaller instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.decisions.margin import Wallet, joint_liquidation_frac, wallets_of
from bot.decisions.sizing import cost_bps, limit_price
from bot.domain.books import Leg
from bot.domain.events import CeilingSet
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Side, side_of
from bot.domain.plan import HedgeLeg, ProtectiveReduction, StopTarget
from bot.domain.policy import Policy, StopAnchor, StopPolicy
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.domain.units import ONE, ZERO, ceil_to_step, floor_to_step

#: What is assumed of an asset whose history says nothing.
_ASSUMED_DAILY_SIGMA = Decimal("0.05")
#: A long cannot fall by more than everything.
_FARTHEST = Decimal("0.9")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlan:
    """What protection of one venue asks for."""

    stops: tuple[StopTarget, ...] = ()
    #: Legs that must shrink before their stops fit.
    reductions: tuple[ProtectiveReduction, ...] = ()


def want_stops(
    account: AccountState,
    *,
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    daily_sigmas: Mapping[Asset, Decimal | None],
    anchors: Mapping[Asset, Decimal],
    policy: Policy,
    now: datetime,
) -> StopPlan:
    """Return the stop of every position that is ours, and the reductions without which a stop does not fit.

    ``anchors`` holds the price of each asset at the last look, from which distances are measured; mark where
    there is none.
    """
    stops: list[StopTarget] = []
    reductions: list[ProtectiveReduction] = []
    for wallet in wallets_of(account, instruments, quotes):
        joint_frac = joint_liquidation_frac(wallet)
        for position in account.positions:
            leg = (position.venue, position.symbol)
            if position.symbol in policy.foreign_symbols or instruments[leg].settle != wallet.currency:
                continue
            one = _OneLeg(
                position=position,
                instrument=instruments[leg],
                quote=quotes[leg],
                sigma=_sigma_of(daily_sigmas.get(instruments[leg].asset)),
                anchor=anchors.get(instruments[leg].asset),
                joint_frac=joint_frac,
            )
            reduction = _reduction(one, wallet, policy, now)
            if reduction is not None:
                reductions.append(reduction)
            stops.append(_target(one, policy.stops))
    return StopPlan(stops=tuple(stops), reductions=tuple(reductions))


def _sigma_of(measured: Decimal | None) -> Decimal:
    return _ASSUMED_DAILY_SIGMA if measured is None else measured


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneLeg:
    """What the stop of one position depends on."""

    position: FuturesPosition
    instrument: Instrument
    quote: Quote
    sigma: Decimal
    anchor: Decimal | None
    #: Move against every leg of the wallet at which it is liquidated.
    joint_frac: Decimal | None

    @property
    def direction(self) -> int:
        """+1 for a long."""
        return 1 if self.position.contracts > 0 else -1

    def liquidation_distance(self) -> Decimal:
        """Return the nearer of the venue's liquidation price and our own, as a fraction of mark."""
        mark = self.quote.mark_price
        known = [frac for frac in (self.joint_frac,) if frac is not None]
        if self.position.liquidation_price is not None:
            known.append((mark - self.position.liquidation_price) / mark * self.direction)
        return max(ZERO, min(known, default=_FARTHEST))

    def cap_frac(self, stops: StopPolicy) -> Decimal:
        """Return how far from mark a stop may stand at most."""
        return min(_FARTHEST, self.liquidation_distance() * (ONE - stops.liquidation_buffer_frac))


def _target(one: _OneLeg, stops: StopPolicy) -> StopTarget:
    mark = one.quote.mark_price
    anchor = one.position.entry_price if stops.anchor is StopAnchor.ENTRY else one.anchor or mark
    distance = min(_FARTHEST, max(stops.min_distance_frac, stops.daily_sigmas * one.sigma))
    farthest = mark * (ONE - one.direction * one.cap_frac(stops))
    wanted = anchor * (ONE - one.direction * distance)
    slack = mark * stops.reanchor_frac
    tick = one.instrument.tick_size
    if one.direction > 0:
        trigger = ceil_to_step(max(wanted, farthest), tick)
        low, high = max(farthest, trigger - slack), trigger + slack
    else:
        trigger = floor_to_step(min(wanted, farthest), tick)
        low, high = trigger - slack, min(farthest, trigger + slack)
    return StopTarget(
        venue=one.position.venue,
        symbol=one.position.symbol,
        asset=one.instrument.asset,
        side=side_of(-one.position.contracts),
        contracts=abs(one.position.contracts),
        trigger_price=trigger,
        acceptable_low=min(low, trigger),
        acceptable_high=max(high, trigger),
        liquidation_price=one.position.liquidation_price,
        mark_price=mark,
    )


def _reduction(one: _OneLeg, wallet: Wallet, policy: Policy, now: datetime) -> ProtectiveReduction | None:
    """Return what the leg must give up so that its stop can stand outside ordinary noise."""
    floor = policy.stops.floor_sigmas * one.sigma
    if one.cap_frac(policy.stops) >= floor:
        return None
    contracts = _excess_contracts(one, wallet, floor / (ONE - policy.stops.liquidation_buffer_frac))
    left = abs(one.position.contracts) - contracts
    mark = one.quote.mark_price
    amount = abs(one.instrument.base_from_contracts(contracts, mark))
    side = side_of(-one.position.contracts)
    why = f"liquidation is {one.liquidation_distance():.1%} away, less than a stop needs"
    leg = HedgeLeg(
        instrument=one.instrument,
        side=side,
        contracts=contracts,
        amount_base=amount,
        notional_quote=amount * one.quote.index_price,
        reduce_only=True,
        expected_cost_bps=cost_bps(one.quote, one.instrument),
        limit_price=limit_price(Side(side), one.quote, one.instrument, policy.execution, reduces=True),
        index_price=one.quote.index_price,
        reason=why,
    )
    ceiling = CeilingSet(
        at=now,
        asset=one.instrument.asset,
        cause="stop_floor",
        max_delta_base=abs(one.instrument.base_from_contracts(left, mark)),
        release_at=now + policy.stops.ceiling_duration,
        why=why,
    )
    return ProtectiveReduction(leg=leg, ceiling=ceiling)


def _excess_contracts(one: _OneLeg, wallet: Wallet, needed_frac: Decimal) -> Decimal:
    """Return how many contracts must go so that liquidation is ``needed_frac`` away; rounded up to the lot.

    Solves (balance − maintenance) ÷ slope = needed for the share of this leg, the other legs as they are.
    """
    size = abs(one.position.contracts)
    slope = room = ZERO
    own_slope = own_room = ZERO
    for holding in wallet.holdings:
        notional = holding.notional
        grown = notional * (ONE + holding.instrument.tier_for(notional).maintenance_frac)
        grown = grown if holding.instrument.is_linear else grown / holding.mark_price
        slope += grown
        room += holding.maintenance
        if holding.instrument.symbol == one.instrument.symbol:
            own_slope, own_room = grown, holding.maintenance
    short = needed_frac * slope - (wallet.margin_balance - room)
    share = short / (needed_frac * own_slope + own_room) if own_slope > 0 else ONE
    wanted = ceil_to_step(size * max(ZERO, share), one.instrument.lot_size)
    return min(size, max(wanted, one.instrument.lot_size))


def ceiling_after_stop_out(
    *,
    instrument: Instrument,
    remaining_contracts: Decimal,
    mark_price: Decimal,
    policy: Policy,
    now: datetime,
    cause: str,
    source: str,
) -> CeilingSet:
    """Return the ceiling that keeps the next look from putting back what a stop took off."""
    return CeilingSet(
        at=now,
        asset=instrument.asset,
        cause=cause,
        max_delta_base=abs(instrument.base_from_contracts(remaining_contracts, mark_price)),
        release_at=now + policy.stops.ceiling_duration,
        why=f"{instrument.symbol} was closed at {mark_price} without a look",
        source=source,
    )
