"""In which contract is a hedge held?

Of the contracts that the owner allows, the one that costs least to hold on the side that is needed: funding or basis,
smoothed over days, and the trades that keep it. A contract that is held is left only when what that saves over the
expected holding time is worth more than the switch by a margin; the position then passes over as a roll does. What is
equal, or not known, is decided by the owner's order of kinds and tenors, the venues as configured, the nearer expiry
and the symbol. The same answer for the same inputs, always.

A contract that ends so soon that it would have to be left at once opens nothing, nor does one whose book is thin
beside that of the deepest of its sort.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.decisions.basis import annual_basis, expected_basis_cost
from bot.decisions.cadence import periods_per_year
from bot.decisions.exposure import Exposures
from bot.decisions.roll import is_opened_in
from bot.decisions.sizing import depth_quote
from bot.domain.books import Books, Leg
from bot.domain.events import CarryNoted, Fact, RollMoved
from bot.domain.ids import Asset
from bot.domain.instruments import ContractKind, Instrument, Tenor
from bot.domain.market import Quote
from bot.domain.plan import HoldingCost
from bot.domain.policy import ChoicePolicy, Policy, TradingState
from bot.domain.portfolio import FuturesPosition
from bot.domain.rolls import RollCause, RollStage
from bot.domain.snapshot import Snapshot
from bot.domain.units import DAYS_PER_YEAR, ZERO, sign

_DAY = timedelta(days=1)
_LAST = datetime.max.replace(tzinfo=UTC)
#: How often a year a dated contract is followed by the next, and what that costs: fee and spread of one trade, as both
#: legs of a spread pay half.
_ROLLS_PER_YEAR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What opens each asset's hedge, and why."""

    #: Assets without a contract are left out.
    chosen: Mapping[Asset, Instrument]
    #: The comparison, for assets that have more than one contract to choose from.
    costs: tuple[HoldingCost, ...] = ()
    #: Smoothed costs to remember, and positions that are to pass into another contract.
    facts: tuple[Fact, ...] = field(default=())


def choose_instruments(snapshot: Snapshot, policy: Policy, exposures: Exposures, now: datetime) -> Choice:
    """Return the contract for new exposure in each asset, and the positions that are cheaper held in another."""
    chosen: dict[Asset, Instrument] = {}
    costs: list[HoldingCost] = []
    facts: list[Fact] = []
    able = _able(snapshot, policy, now)
    held = frozenset((one.venue, one.symbol) for one in snapshot.positions())
    for asset in policy.assets:
        candidates = _best_first(able.get(asset, []), policy.kinds_for(asset), snapshot, policy)
        taken = _taken_by_roll(asset, snapshot, policy)
        if taken is not None:
            chosen[asset] = taken
        elif len(candidates) == 1:
            chosen[asset] = candidates[0]
        elif candidates:
            compared, noted = _compare(asset, candidates, held, snapshot, policy, exposures, now)
            best = _pick(compared, policy.choice)
            chosen[asset] = best.instrument
            costs.extend(_as_line(one, is_chosen=one is best) for one in compared)
            facts.extend(noted)
            facts.extend(_moves(asset, best, compared, snapshot, policy, now))
    return Choice(chosen=chosen, costs=tuple(costs), facts=tuple(facts))


def _able(snapshot: Snapshot, policy: Policy, now: datetime) -> dict[Asset, list[Instrument]]:
    """Return what may open a hedge in each asset."""
    able: dict[Asset, list[Instrument]] = {}
    for one in snapshot.instruments.values():
        if policy.may_hold(one) and one.venue in snapshot.accounts and is_opened_in(one, now, policy.roll):
            able.setdefault(one.asset, []).append(one)
    return able


def _best_first(
    able: Sequence[Instrument], kinds: Sequence[ContractKind], snapshot: Snapshot, policy: Policy
) -> list[Instrument]:
    """Return those with a book that is deep enough, best first where costs do not say otherwise."""
    venues = list(snapshot.accounts)
    deepest: dict[tuple[ContractKind, Tenor], Decimal] = {}
    for one in able:
        sort = (one.kind, one.tenor)
        deepest[sort] = max(deepest.get(sort, ZERO), _depth_quote(one, snapshot))
    enough = policy.choice.min_depth_frac
    return sorted(
        (one for one in able if _depth_quote(one, snapshot) >= deepest[one.kind, one.tenor] * enough),
        key=lambda one: (
            kinds.index(one.kind),
            policy.tenors.index(one.tenor),
            venues.index(one.venue),
            one.expires_at or _LAST,
            one.symbol,
        ),
    )


def _depth_quote(one: Instrument, snapshot: Snapshot) -> Decimal:
    return depth_quote(one, snapshot.quotes[one.venue, one.symbol])


def _taken_by_roll(asset: Asset, snapshot: Snapshot, policy: Policy) -> Instrument | None:
    """Return the contract that a roll of the asset goes to: what opens, opens there, unless it is reserved since."""
    for roll in snapshot.books.rolls.values():
        if roll.asset == asset and roll.far is not None and roll.far not in policy.foreign_symbols:
            return snapshot.instruments.get((roll.venue, roll.far))
    return None


# --- costs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One candidate and what it costs."""

    instrument: Instrument
    side: int
    is_held: bool
    #: Annual cost of holding on the side that is needed, as a fraction of notional; None where it is not known.
    carry_annual: Decimal | None
    upkeep_annual: Decimal
    #: Cost of getting in or out once, as a fraction of notional.
    entry_frac: Decimal
    depth_quote: Decimal

    @property
    def total_annual(self) -> Decimal | None:
        return None if self.carry_annual is None else self.carry_annual + self.upkeep_annual


def _compare(
    asset: Asset,
    candidates: list[Instrument],
    held: frozenset[Leg],
    snapshot: Snapshot,
    policy: Policy,
    exposures: Exposures,
    now: datetime,
) -> tuple[list[_Compared], list[CarryNoted]]:
    side = _needed_side(asset, policy, exposures)
    compared, noted = [], []
    for one in candidates:
        leg = (one.venue, one.symbol)
        note = _noted_carry(one, snapshot, policy.choice, now)
        if note is not None:
            noted.append(note)
        entry = _entry_frac(one, snapshot.quotes[leg])
        compared.append(
            _Compared(
                instrument=one,
                side=side,
                is_held=leg in held,
                carry_annual=None if note is None else expected_basis_cost(side, note.annual),
                upkeep_annual=ZERO if one.is_perpetual else _ROLLS_PER_YEAR * entry,
                entry_frac=entry,
                depth_quote=_depth_quote(one, snapshot),
            )
        )
    return compared, noted


def _needed_side(asset: Asset, policy: Policy, exposures: Exposures) -> int:
    """Return +1 where the hedge is long, −1 where it is short: as it is, or as the target would have it."""
    exposure = exposures.by_asset[asset]
    if exposure.futures_delta_base != 0:
        return sign(exposure.futures_delta_base)
    target = policy.targets[asset] * exposures.valuation.portfolio_value_quote
    return 1 if target > exposure.holding_base * exposure.index_price else -1


def _noted_carry(one: Instrument, snapshot: Snapshot, choice: ChoicePolicy, now: datetime) -> CarryNoted | None:
    """Return what a long pays a year for holding a contract, smoothed; None where the venue does not tell."""
    leg = (one.venue, one.symbol)
    raw = carry_annual(one, snapshot.quotes[leg], leg, snapshot, now)
    if raw is None:
        return None
    before = snapshot.books.carries.get(leg)
    if before is not None:
        at, smoothed = before
        kept = Decimal("0.5") ** Decimal(max(timedelta(0), now - at) / choice.half_life)
        raw += (smoothed - raw) * kept
    return CarryNoted(at=now, venue=one.venue, symbol=one.symbol, annual=raw)


def carry_annual(one: Instrument, quote: Quote, leg: Leg, snapshot: Snapshot, now: datetime) -> Decimal | None:
    """Return what a long pays a year for holding a contract as things stand, as a fraction; + is paid.

    A perpetual: the forecast of its funding. A dated one: mark over index, spread over the time that is left.
    """
    if one.expires_at is None:
        funding = snapshot.funding_rates.get(leg)
        return None if funding is None else funding.rate * periods_per_year(funding.interval)
    return annual_basis(quote, one.expires_at, now)


def _entry_frac(one: Instrument, quote: Quote) -> Decimal:
    return one.taker_fee_frac + (quote.ask_price - quote.bid_price) / (quote.ask_price + quote.bid_price)


def _pick(compared: list[_Compared], choice: ChoicePolicy) -> _Compared:
    """Return the cheapest, or what is held while that is not worth leaving."""
    held = next((one for one in compared if one.is_held), None)
    if held is not None:
        return next((one for one in sorted(compared, key=_cost) if _is_worth_leaving(held, one, choice)), held)
    _, least = _cost(min(compared, key=_cost))
    return next(
        (one for one in compared if one.total_annual is not None and one.total_annual - least <= choice.indifference),
        compared[0],
    )


def _cost(one: _Compared) -> tuple[bool, Decimal]:
    """Order by cost, what is not known last."""
    return one.total_annual is None, ZERO if one.total_annual is None else one.total_annual


def _is_worth_leaving(held: _Compared, other: _Compared, choice: ChoicePolicy) -> bool:
    now, then = held.total_annual, other.total_annual
    if now is None or then is None or other is held:
        return False
    saves = (now - then) * Decimal(choice.horizon / _DAY) / DAYS_PER_YEAR
    return saves > choice.margin * (held.entry_frac + other.entry_frac)


def _as_line(one: _Compared, *, is_chosen: bool) -> HoldingCost:
    return HoldingCost(
        instrument=one.instrument,
        side=one.side,
        carry_annual=one.carry_annual,
        upkeep_annual=one.upkeep_annual,
        total_annual=one.total_annual,
        entry_frac=one.entry_frac,
        depth_quote=one.depth_quote,
        is_held=one.is_held,
        is_chosen=is_chosen,
    )


# --- moves -------------------------------------------------------------------------------------


def _moves(
    asset: Asset, best: _Compared, compared: list[_Compared], snapshot: Snapshot, policy: Policy, now: datetime
) -> list[RollMoved]:
    """Return the positions that are to pass into the contract chosen, which must be alike: venue, kind, currency."""
    to, books = best.instrument, snapshot.books
    if best.is_held or books.trading_state is TradingState.HALTED or not _is_free(asset, books):
        return []
    moves = []
    for position in snapshot.positions():
        one = snapshot.instruments.get((position.venue, position.symbol))
        if one is None or one.asset != asset or position.symbol in policy.foreign_symbols:
            continue
        if (one.venue, one.kind, one.settle) == (to.venue, to.kind, to.settle):
            moves.append(_move(position, one, best, compared, now))
    return moves if len(moves) == 1 else []


def _is_free(asset: Asset, books: Books) -> bool:
    return all(roll.asset != asset for roll in books.rolls.values())


def _move(
    position: FuturesPosition, near: Instrument, best: _Compared, compared: list[_Compared], now: datetime
) -> RollMoved:
    costs = {one.instrument.symbol: one.total_annual for one in compared}
    before, then = costs.get(near.symbol), best.total_annual
    saved = "" if before is None or then is None else f"; that saves {before - then:.1%} a year"
    return RollMoved(
        at=now,
        venue=position.venue,
        asset=near.asset,
        near=near.symbol,
        far=best.instrument.symbol,
        near_size=near.contract_size,
        far_size=best.instrument.contract_size,
        cause=RollCause.COST,
        stage=RollStage.SPREAD,
        why=f"{best.instrument.symbol} costs less to hold{saved}",
    )
