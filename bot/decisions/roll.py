"""When does a position leave its contract, where does it go, and what does that cost?

``hold → passive → spread → outright``, by the time that is left; a stage is never taken back. While a position moves
its asset has one worker: what looks need there is folded into the far leg.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from bot.decisions.sizing import cost_bps, depth_quote
from bot.domain.books import Books, Leg
from bot.domain.events import RollEnded, RollFolded, RollMoved
from bot.domain.ids import Symbol
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.plan import HedgeLeg, Refusal, RollLine, Rule
from bot.domain.policy import Policy, RollPolicy
from bot.domain.rolls import Roll, RollCause, RollStage
from bot.domain.snapshot import Snapshot
from bot.domain.units import BPS_PER_ONE, DAYS_PER_YEAR, ONE, ZERO, sign

#: In the last half of the outright stage the far contract is a perpetual; in the last quarter near goes first.
_FALLBACK_SHARE = 2
LAST_CALL_SHARE = 4
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_ORDER = tuple(RollStage)


def stage_at(expires_at: datetime, now: datetime, policy: RollPolicy) -> RollStage:
    """Return the stage that the time left asks for."""
    left = expires_at - now
    if left <= policy.outright_before:
        return RollStage.OUTRIGHT
    if left <= policy.spread_before:
        return RollStage.SPREAD
    return RollStage.PASSIVE if left <= policy.passive_before else RollStage.HOLD


def next_stage_at(expires_at: datetime, now: datetime, policy: RollPolicy) -> tuple[RollStage, datetime] | None:
    """Return the next stage and when it begins; None when it is the last one."""
    for stage, before in (
        (RollStage.PASSIVE, policy.passive_before),
        (RollStage.SPREAD, policy.spread_before),
        (RollStage.OUTRIGHT, policy.outright_before),
    ):
        if expires_at - now > before:
            return stage, expires_at - before
    return None


def is_opened_in(instrument: Instrument, now: datetime, policy: RollPolicy) -> bool:
    """Return True for a contract that does not end so soon that it would have to be left again at once."""
    return instrument.expires_at is None or instrument.expires_at - now > policy.passive_before


def far_contract(
    near: Instrument,
    listed: Iterable[Instrument],
    policy: Policy,
    now: datetime,
    *,
    quotes: Mapping[Leg, Quote],
    taken: Symbol | None = None,
) -> Instrument | None:
    """Return where a position goes: the next expiry of the same kind and currency, else the perpetual.

    One whose book is thin beside the deepest is passed over, unless it was ``taken`` already: what has begun is not
    turned round for what a book shows at the moment. The perpetual, too, once the outright stage is half over: then
    nothing but getting out in time counts. None where the venue lists neither.
    """
    alike = [
        one
        for one in listed
        if (one.venue, one.asset, one.kind, one.settle) == (near.venue, near.asset, near.kind, near.settle)
        and one.symbol not in policy.foreign_symbols
        and one.symbol != near.symbol
    ]
    perpetual = next((one for one in sorted(alike, key=lambda one: one.symbol) if one.is_perpetual), None)
    if perpetual is not None and is_within(near, now, policy.roll.outright_before / _FALLBACK_SHARE):
        return perpetual
    dated = [one for one in alike if one.expires_at is not None and is_opened_in(one, now, policy.roll)]
    thin = _thin(dated, quotes, policy)
    later = [
        (one.expires_at, one)
        for one in dated
        if one.expires_at is not None and (one.symbol not in thin or one.symbol == taken)
    ]
    nearest = min(later, key=lambda pair: (pair[0], pair[1].symbol), default=None)
    return perpetual if nearest is None else nearest[1]


def _thin(dated: Iterable[Instrument], quotes: Mapping[Leg, Quote], policy: Policy) -> set[Symbol]:
    """Return the contracts with a book that is thin beside the deepest; one that is not known is none of them."""
    books = [(one, quotes.get((one.venue, one.symbol))) for one in dated]
    depths = {one.symbol: depth_quote(one, quote) for one, quote in books if quote is not None}
    enough = max(depths.values(), default=ZERO) * policy.choice.min_depth_frac
    return {symbol for symbol, depth in depths.items() if depth < enough}


def is_within(near: Instrument, now: datetime, span: timedelta) -> bool:
    """Return True when a contract expires within a span."""
    return near.expires_at is not None and near.expires_at - now <= span


def judge_stage(
    near: Instrument, roll: Roll | None, far: Instrument | None, now: datetime, policy: RollPolicy
) -> RollMoved | None:
    """Return the stage that a position in an expiring contract has newly reached; None when nothing is new."""
    if near.expires_at is None:
        return None
    stage = stage_at(near.expires_at, now, policy)
    if stage is RollStage.HOLD or (roll is not None and _ORDER.index(stage) <= _ORDER.index(roll.stage)):
        return None
    return RollMoved(
        at=now,
        venue=near.venue,
        asset=near.asset,
        near=near.symbol,
        far=roll.far if roll is not None else None if far is None else far.symbol,
        near_size=near.contract_size,
        far_size=roll.far_size if roll is not None else ZERO if far is None else far.contract_size,
        cause=RollCause.EXPIRY if roll is None else roll.cause,
        stage=stage,
        why=f"{near.symbol} expires at {near.expires_at:%Y-%m-%d %H:%M} UTC",
    )


def replacement(
    roll: Roll, near: Instrument, far: Instrument | None, now: datetime
) -> tuple[RollEnded, RollMoved] | None:
    """Return the facts by which a roll takes another far contract; None when it keeps the one it has."""
    if far is None or far.symbol == roll.far:
        return None
    why = f"{roll.far or 'nothing'} could not take it in time" if roll.far else "a contract to go to is listed now"
    begun = RollMoved(
        at=now,
        venue=roll.venue,
        asset=roll.asset,
        near=roll.near,
        far=far.symbol,
        near_size=roll.near_size,
        far_size=far.contract_size,
        cause=roll.cause,
        stage=roll.stage,
        why=why,
        carried=roll.missing,
    )
    return end_of(roll, now, why, is_linear=near.is_linear), begun


# --- looks while it lasts ---------------------------------------------------------------------


def fold_needs(
    legs: tuple[HedgeLeg, ...], books: Books, now: datetime
) -> tuple[tuple[HedgeLeg, ...], tuple[RollFolded, ...], tuple[Refusal, ...]]:
    """Return the legs that may be traded as they are, what is folded into rolls instead, and that it is.

    The asset of a roll that moves has one worker. What a look needs there is what near and far together should hold
    more, or less, than they do now. Of an asset that does not add up nobody knows what that is: what would be taken out
    of near, and may not be there, would be opened in the far leg.
    """
    moving = {roll.asset: roll for roll in books.rolls.values() if roll.stage.is_moving}
    kept = tuple(leg for leg in legs if leg.instrument.asset not in moving)
    folded, told = [], []
    for asset, roll in moving.items():
        mine = [leg for leg in legs if leg.instrument.asset == asset]
        if not mine:
            continue
        fitting = [leg for leg in mine if (leg.instrument.venue, leg.instrument.symbol) in _contracts_of(roll)]
        why = f"{roll.near} is being passed on"
        lock = books.lock_on((roll.venue, roll.near), asset)
        if lock is not None:
            why += f"; {lock[0]} does not add up: {lock[1]}"
        elif fitting:
            change = sum((one.contracts * one.instrument.contract_size * one.side.sign for one in fitting), ZERO)
            wanted = change + roll.opened - roll.closed - roll.carried
            folded.append(RollFolded(at=now, venue=roll.venue, near=roll.near, folded=wanted))
            why += "; the need is folded into the far leg"
        told.append(Refusal(asset=asset, rule=Rule.ROLLING, reason=why))
    return kept, tuple(folded), tuple(told)


def _contracts_of(roll: Roll) -> set[Leg]:
    return {(roll.venue, symbol) for symbol in (roll.near, roll.far) if symbol is not None}


def coming_rolls(snapshot: Snapshot, policy: Policy, now: datetime) -> tuple[RollLine, ...]:
    """Return every position that will have to leave its contract, or is leaving it, the earliest first."""
    lines = []
    for position in snapshot.positions():
        leg = (position.venue, position.symbol)
        near, roll = snapshot.instruments.get(leg), snapshot.books.rolls.get(leg)
        if near is None or position.symbol in policy.foreign_symbols or (near.is_perpetual and roll is None):
            continue
        lines.append(_line(near, position.contracts, roll, snapshot, policy, now))
    return tuple(sorted(lines, key=lambda one: (one.expires_at is None, one.expires_at or now, one.near)))


def _line(
    near: Instrument, contracts: Decimal, roll: Roll | None, snapshot: Snapshot, policy: Policy, now: datetime
) -> RollLine:
    taken = None if roll is None else roll.far
    far = far_contract(near, snapshot.instruments.values(), policy, now, quotes=snapshot.quotes, taken=taken)
    if roll is not None and roll.far is not None:
        far = snapshot.instruments.get((roll.venue, roll.far), far)
    coming = None if near.expires_at is None else next_stage_at(near.expires_at, now, policy.roll)
    cost, cost_bps, yearly = _expected(near, far, contracts, snapshot, policy.roll, now)
    return RollLine(
        venue=near.venue,
        asset=near.asset,
        near=near.symbol,
        far=None if far is None else far.symbol,
        contracts=contracts,
        expires_at=near.expires_at,
        cause=RollCause.EXPIRY if roll is None else roll.cause,
        stage=RollStage.HOLD if roll is None else roll.stage,
        next_stage=None if coming is None else coming[0],
        next_stage_at=None if coming is None else coming[1],
        expected_cost_quote=cost,
        expected_cost_bps=cost_bps,
        yield_annual=yearly,
    )


def _expected(
    near: Instrument,
    far: Instrument | None,
    contracts: Decimal,
    snapshot: Snapshot,
    policy: RollPolicy,
    now: datetime,
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return cost in quote currency, in basis points, and what the difference in price brings a year."""
    near_quote = snapshot.quotes.get((near.venue, near.symbol))
    far_quote = None if far is None else snapshot.quotes.get((far.venue, far.symbol))
    if far is None or near_quote is None or far_quote is None:
        return None, None, None
    near_price = near_quote.mark_price if far.expires_at is not None else _price_at_roll(near, near_quote, policy, now)
    premium = far_quote.mark_price / near_price - ONE
    trading_bps = cost_bps(near_quote, near) / 2 + cost_bps(far_quote, far) / 2
    total_bps = premium * BPS_PER_ONE * sign(contracts) + trading_bps
    notional = near.notional_quote(contracts, near_quote.mark_price)
    yearly = None
    tenor = tenor_between(near, far)
    if tenor is not None:
        yearly = -sign(contracts) * premium * DAYS_PER_YEAR / Decimal(tenor / _DAY)
    return total_bps * notional / BPS_PER_ONE, total_bps, yearly


def _price_at_roll(near: Instrument, quote: Quote, policy: RollPolicy, now: datetime) -> Decimal:
    """Return what a contract will stand at when it is left, beside an index as it is now: its premium decays.

    Beside another expiry that matters little, as the premium of that one decays as well; a perpetual's does not.
    """
    if near.expires_at is None or now >= near.expires_at:
        return quote.mark_price
    left = near.expires_at - now
    share = Decimal(min(left, policy.spread_before) // _SECOND) / Decimal(max(left // _SECOND, 1))
    return quote.index_price + (quote.mark_price - quote.index_price) * share


def tenor_between(near: Instrument, far: Instrument | None) -> timedelta | None:
    """Return the time from the expiry of one contract to that of another; None where one has none."""
    if far is None or near.expires_at is None or far.expires_at is None:
        return None
    return far.expires_at - near.expires_at


# --- afterwards --------------------------------------------------------------------------------


def end_of(
    roll: Roll,
    now: datetime,
    why: str,
    *,
    is_linear: bool,
    tenor: timedelta | None = None,
    is_missed: bool = False,
) -> RollEnded:
    """Return the fact that ends a roll, with what it cost. ``tenor``: from the expiry of near to that of far.

    The cost is counted over the amount that both legs have in common: what it takes to hold the same as before.
    """
    common = min(abs(roll.closed), abs(roll.opened)) if roll.closed * roll.opened > 0 else ZERO
    difference, fees, paid_bps, yearly = ZERO, roll.fees if is_linear else ZERO, None, None
    if common:
        near_price, far_price = roll.closed_value / roll.closed, roll.opened_value / roll.opened
        direction = sign(roll.closed)
        if is_linear:
            notional, fees = near_price * common, roll.fees
        else:
            notional, fees = common, roll.fees * far_price
        difference = (far_price / near_price - ONE) * notional * direction
        paid_bps = (difference + fees) / notional * BPS_PER_ONE
        if tenor is not None:
            yearly = -direction * (far_price / near_price - ONE) * DAYS_PER_YEAR / Decimal(tenor / _DAY)
    return RollEnded(
        at=now,
        venue=roll.venue,
        asset=roll.asset,
        near=roll.near,
        far=roll.far,
        cause=roll.cause,
        why=why,
        is_missed=is_missed,
        closed=abs(roll.closed),
        opened=abs(roll.opened),
        difference_quote=difference,
        fees_quote=fees,
        cost_bps=paid_bps,
        yield_annual=yearly,
    )
