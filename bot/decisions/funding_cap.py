"""Does a leg pay more funding than the owner allows, for how long already, and what goes?

Each settlement counts once, in the journal: above the cap, between, or below half of it. So many above it in a row
halve the leg and leave a ceiling; so many below half of it end the ceiling. What is not known counts for nothing.
The ceiling is the reduction's memory: what is over it is taken off, also after a crash between the two.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from bot.decisions.funding import paid_annual, settlement_annual
from bot.decisions.sizing import meets_minimum, reducing_leg
from bot.domain.books import Books, Ceiling, Leg
from bot.domain.events import CeilingReleased, CeilingSet, FundingJudged
from bot.domain.funding import STAMP_TOLERANCE, FundingLevel, FundingPayment, LegFunding, Settlement, hours_of
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import FundingRate, Quote
from bot.domain.orders import side_of
from bot.domain.plan import HedgeLeg
from bot.domain.policy import Policy
from bot.domain.portfolio import FuturesPosition
from bot.domain.units import DAYS_PER_YEAR, ONE, ZERO, sign

CAUSE = "funding"

#: Below this share of the cap a settlement speaks for the end of a ceiling.
_RELEASE_FRAC = Decimal("0.5")
_STEP_FRAC = Decimal("0.5")
#: An inverse contract's delta moves with its mark: so much over the ceiling is left alone.
_OVER_FRAC = Decimal("0.10")
#: A division leaves a hair; a lot that is there but for it is there.
_HAIR = Decimal("1e-9")
#: Older settlements are not counted any more: who comes back after days begins anew.
_COUNTED = timedelta(days=1)
#: A position's side at a settlement is beyond doubt only so much later.
_MOMENT = timedelta(minutes=1)
_HOURS_PER_YEAR = DAYS_PER_YEAR * 24


def judge_settlements(
    leg: Leg, record: LegFunding, rate: FundingRate | None, policy: Policy, *, is_capped: bool, now: datetime
) -> tuple[FundingJudged, ...]:
    """Return how the settlements that have passed and were not counted yet count, oldest first.

    ``is_capped``: a ceiling is in force on the asset, so that settlements at which nothing was held count, too, by
    the forecast. Without one, what says nothing against the cap is not worth a fact.
    """
    since = max(now - _COUNTED, record.judged_until or now - _COUNTED)
    passed = [one for one in record.settlements if since < one.due_at <= now - _MOMENT]
    found: list[FundingJudged] = []
    above = record.above
    for one in passed:
        own = _settled(record, one) or (_estimated(record, one) if is_capped else None)
        if own is None:
            continue
        side, annual, basis = own
        level = _level(record, one, rate if one is passed[-1] else None, own, policy)
        if level is FundingLevel.ABOVE or above or is_capped:
            found.append(
                FundingJudged(
                    at=now,
                    venue=leg[0],
                    symbol=leg[1],
                    due_at=one.due_at,
                    side=side,
                    paid_annual=annual,
                    level=level.value,
                    basis=basis,
                )
            )
        above = above + 1 if level is FundingLevel.ABOVE else 0
    return tuple(found)


def _settled(record: LegFunding, one: Settlement) -> tuple[int, Decimal, str] | None:
    payment = _payment_of(record, one)
    annual = None if payment is None else settlement_annual(payment)
    return None if payment is None or annual is None else (sign(payment.notional_quote), annual, "settled")


def _payment_of(record: LegFunding, one: Settlement) -> FundingPayment | None:
    return next(
        (payment for payment in record.payments if abs(payment.settled_at - one.due_at) <= STAMP_TOLERANCE), None
    )


def _estimated(record: LegFunding, one: Settlement) -> tuple[int, Decimal, str] | None:
    """Return what a settlement at which nothing was held would have cost the side that was held before."""
    if one.rate is None or record.judged_side == 0 or record.contracts_at(one.due_at) != 0:
        return None
    annual = one.rate * record.judged_side / hours_of(one.span) * _HOURS_PER_YEAR
    return record.judged_side, annual, "estimated"


def _level(
    record: LegFunding, one: Settlement, rate: FundingRate | None, own: tuple[int, Decimal, str], policy: Policy
) -> FundingLevel:
    cap = policy.funding.reduce_annual
    side, annual, basis = own
    if annual < cap * _RELEASE_FRAC:
        return FundingLevel.BELOW
    worst = paid_annual(record, side, rate, one.due_at + STAMP_TOLERANCE) if basis == "settled" else None
    return FundingLevel.ABOVE if (annual if worst is None else worst) > cap else FundingLevel.BETWEEN


def is_step_due(record: LegFunding, policy: Policy) -> bool:
    """Return True when another run of settlements above the cap is full."""
    return record.above > 0 and record.above % policy.funding.settlements == 0


def step_down(
    position: FuturesPosition,
    record: LegFunding,
    *,
    positions: Iterable[FuturesPosition],
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    policy: Policy,
    now: datetime,
) -> CeilingSet | None:
    """Return the ceiling that halves a leg; None while no step is due, or where half is less than an order can be."""
    leg = (position.venue, position.symbol)
    instrument, quote = instruments[leg], quotes[leg]
    half = instrument.floor_contracts(abs(position.contracts) * _STEP_FRAC)
    if not is_step_due(record, policy) or not meets_minimum(half, instrument, quote.mark_price):
        return None
    held = _held_base(instrument.asset, sign(position.contracts), positions, instruments, quotes)
    paid = paid_annual(record, sign(position.contracts), None)
    cost = "" if paid is None else f" {paid:.0%} a year"
    counted = record.judged_until or now
    return CeilingSet(
        at=now,
        asset=instrument.asset,
        cause=CAUSE,
        max_delta_base=held - instrument.base_from_contracts(half, quote.mark_price),
        release_at=None,
        why=f"{position.symbol} has paid{cost} in funding for {record.above} settlements in a row;"
        " released after three below half the cap",
        source=f"{position.venue}/{position.symbol}/{counted.isoformat()}",
    )


def _held_base(
    asset: Asset,
    side: int,
    positions: Iterable[FuturesPosition],
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
) -> Decimal:
    """Return the coins, unsigned, that all positions of one side have in an asset."""
    total = ZERO
    for one in positions:
        leg = (one.venue, one.symbol)
        instrument = instruments[leg]
        if instrument.asset == asset and sign(one.contracts) == side:
            total += instrument.base_from_contracts(abs(one.contracts), quotes[leg].mark_price)
    return total


def reduce_to_ceiling(
    position: FuturesPosition,
    ceiling: Ceiling,
    *,
    positions: Iterable[FuturesPosition],
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    policy: Policy,
) -> HedgeLeg | None:
    """Return what takes a leg down to the asset's funding ceiling; None where it is not over it by an order's worth.

    Never more than the position, so that it neither flips nor grows.
    """
    leg = (position.venue, position.symbol)
    instrument, quote = instruments[leg], quotes[leg]
    held = _held_base(ceiling.asset, sign(position.contracts), positions, instruments, quotes)
    over = held - ceiling.max_delta_base
    if over <= ceiling.max_delta_base * _OVER_FRAC:
        return None
    wanted = instrument.contracts_from_base(over, quote.mark_price) * (ONE + _HAIR)
    contracts = instrument.floor_contracts(min(wanted, abs(position.contracts)))
    if not meets_minimum(contracts, instrument, quote.mark_price):
        return None
    return reducing_leg(
        instrument,
        quote,
        side=side_of(-position.contracts),
        contracts=contracts,
        execution=policy.execution,
        reason=ceiling.why,
    )


def release_ceiling(
    asset: Asset, books: Books, assets: Mapping[Leg, Asset], policy: Policy, now: datetime
) -> CeilingReleased | None:
    """Return the end of an asset's funding ceiling, once every leg that has counted was cheap for long enough."""
    if (asset, CAUSE) not in books.ceilings:
        return None
    counted = [record for leg, record in books.funding.items() if assets.get(leg) == asset and record.judged_side != 0]
    if any(one.below < policy.funding.settlements for one in counted):
        return None
    return CeilingReleased(
        at=now,
        asset=asset,
        cause=CAUSE,
        why=f"funding was below half the cap for {policy.funding.settlements} settlements",
    )
