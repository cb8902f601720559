"""What is the next step of a roll?

Open far, then close near, in chunks that the free margin carries and that are a bounded part of the position; as one
order where the venue has a book for the spread. Where not even the smallest chunk is carried, close near first. What is
even between the two is counted from the trades of the roll's own orders, so that a crash in the middle changes nothing,
and a stop that closes a leg meanwhile is not undone.

A pair changes no exposure: it needs no turnover, and goes on in ``reduce_only``. Halted, only what reduces is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.decisions.roll import LAST_CALL_SHARE, is_within
from bot.decisions.sizing import limit_price, meets_minimum, smallest_contracts
from bot.domain.books import Books, Leg
from bot.domain.instruments import Instrument
from bot.domain.market import Quote, SpreadQuote
from bot.domain.orders import OrderState, Purpose, Side, side_of
from bot.domain.policy import MarginRung, Policy, TradingState
from bot.domain.portfolio import AccountState
from bot.domain.rolls import Roll, RollCause, RollStage
from bot.domain.units import BPS_PER_ONE, ONE, ZERO, ceil_to_step, floor_to_step, sign

#: An order's own price may be so much lower than mark.
_PRICE_ROOM = Decimal("1.01")
#: Of the free margin, this much is used for a chunk.
_USED_MARGIN_FRAC = Decimal("0.8")
#: Less than this share of a chunk is no step forward: there would be too many of them.
_LEAST_CHUNK_FRAC = Decimal("0.2")
#: One refusal says little; after so many in a row near goes first.
_REFUSALS_BELIEVED = 2
#: Half of what was refused is tried, half of that, and so on.
_MOST_HALVINGS = 6
#: What has not come through the books by then is called off where nothing expires.
_PATIENCE = timedelta(hours=6)


class RollStepKind(StrEnum):
    """What is done now."""

    WAIT = "wait"
    #: Both legs as one order of the venue.
    SPREAD = "spread"
    #: One order in the far contract, or in the near one.
    FAR = "far"
    NEAR = "near"
    #: Nothing is left in the near contract, and the far one has what it should.
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollStep:
    """One step of a roll."""

    kind: RollStepKind
    side: Side = Side.BUY
    #: Unsigned, on the lot; of each leg for a spread.
    contracts: Decimal = ZERO
    #: Limit, on the tick; far − near for a spread.
    price: Decimal = ZERO
    reduce_only: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollView:
    """What a step is decided on."""

    roll: Roll
    near: Instrument
    #: None while there is nowhere to go.
    far: Instrument | None
    account: AccountState
    #: Of the contracts that have a price.
    quotes: Mapping[Leg, Quote]
    spread: SpreadQuote | None
    books: Books
    policy: Policy
    now: datetime

    def held(self, one: Instrument) -> Decimal:
        """Return the signed position in a contract."""
        return self.account.contracts_of(one.symbol)

    def quote(self, one: Instrument) -> Quote | None:
        """Return the prices of a contract, None where there are none that may be traded on."""
        quote = self.quotes.get((one.venue, one.symbol))
        if quote is None or self.now - quote.as_of > self.policy.limits.max_quote_age:
            return None
        return quote


def next_roll_step(view: RollView) -> RollStep:
    """Return what is to be done with a roll now."""
    roll, near = view.roll, view.near
    held = view.held(near)
    missing = _tradable_missing(view)
    if held == 0 and missing == 0:
        return _done("nothing was left to pass on" if roll.closed == 0 else "the position is in the far contract")
    if _has_open_question(view):
        return _wait("the outcome of an order is not known")
    if held != 0 and sign(missing) == -sign(held):
        # The far leg is ahead: the near one follows.
        return _close_near(view, min(abs(held), _contracts(abs(missing), near)), "near follows far")
    is_halted = view.books.trading_state is TradingState.HALTED
    if missing != 0:
        if held == 0 and (why := _why_not_put_back(view)):
            return _done(f"{why}: what the far contract lacks is not put back")
        return _follow_near(view, held, missing)
    if is_halted:
        return _wait("trading is halted")
    step = _next_chunk(view, held)
    if step.kind is RollStepKind.WAIT and roll.cause is RollCause.COST and view.now - roll.begun_at > _PATIENCE:
        return _done(f"called off: {step.why}")
    return step


def _wait(why: str) -> RollStep:
    return RollStep(kind=RollStepKind.WAIT, why=why)


def _done(why: str) -> RollStep:
    return RollStep(kind=RollStepKind.DONE, why=why)


def _has_open_question(view: RollView) -> bool:
    symbols = {view.near.symbol} | (set() if view.far is None else {view.far.symbol})
    return any(
        order.state.is_unproved
        and order.intent.venue == view.near.venue
        and order.intent.symbol in symbols
        and order.intent.purpose is not Purpose.STOP
        for order in view.books.working_orders()
    )


def _why_not_put_back(view: RollView) -> str:
    """Return why what far lacks is for the next look, once near is flat; empty where it is the roll's."""
    if view.books.trading_state is TradingState.HALTED:
        return "trading is halted"
    since = view.roll.uneven_since
    if since is not None and view.books.has_ceiling_since(view.near.asset, since):
        return "protection has closed the rest of it"
    return ""


def _tradable_missing(view: RollView) -> Decimal:
    """Return what the far leg lacks, signed, or zero where that is less than it trades in.

    While the near leg holds something, less than the far contract's smallest order can be evened out with the next
    chunk; once it is flat, the next look takes it up.
    """
    missing, far = view.roll.missing, view.far
    if missing == 0:
        return ZERO
    if far is None:
        return missing
    contracts = far.floor_contracts(_contracts(abs(missing), far))
    if contracts == 0:
        return ZERO
    quote = view.quotes.get((far.venue, far.symbol))
    is_too_small = quote is not None and not meets_minimum(contracts, far, quote.mark_price)
    is_reduction = view.held(far) != 0 and sign(missing) == -sign(view.held(far))
    return ZERO if is_too_small and not is_reduction else missing


def _contracts(amount: Decimal, one: Instrument) -> Decimal:
    return amount / one.contract_size


def _follow_near(view: RollView, held: Decimal, missing: Decimal) -> RollStep:
    """Return what brings the far leg what it lacks: all of it, or what the venue may take once it has refused that.

    What it asks for as margin is known to it alone. While near holds something, closing more of that, as far as the
    legs may be apart, frees some; about to expire, all of it. Else half of what was refused is tried, and so on.
    """
    refusals = _refusals(view)
    quote = view.quote(view.near)
    if held == 0 and refusals > _MOST_HALVINGS:
        return _done("the venue refuses what the far contract still lacks; the next look takes it up")
    if refusals and held != 0 and quote is not None:
        if _is_last_call(view):
            return _close_near(view, abs(held), "it is about to expire, and the far leg is refused")
        room = _widest_gap(view, held) - _contracts(abs(missing), view.near)
        if room >= _smallest(view.near, quote):
            return _close_near(view, view.near.floor_contracts(room), "the far leg is refused; this frees margin")
    return _trade_far(view, missing, "far follows near", refusals)


def _refusals(view: RollView) -> int:
    """Count how often in a row the venue has refused the far leg since anything of the roll has traded."""
    near, far = view.near, view.far
    count = 0
    for order in reversed(view.books.orders.values()):
        intent = order.intent
        if far is None or intent.intended_at < view.roll.begun_at:
            break
        if intent.venue != near.venue or intent.purpose not in (Purpose.ROLL_OPEN, Purpose.ROLL_CLOSE):
            continue
        if intent.symbol in (near.symbol, far.symbol) and order.filled_contracts > 0:
            break
        count += intent.symbol == far.symbol and order.state is OrderState.REJECTED
    return count


def _is_last_call(view: RollView) -> bool:
    return is_within(view.near, view.now, view.policy.roll.outright_before / LAST_CALL_SHARE)


def _widest_gap(view: RollView, held: Decimal) -> Decimal:
    """Return by how many near contracts the legs may be apart."""
    whole = abs(held) + abs(_contracts(view.roll.closed, view.near))
    return view.near.floor_contracts(whole * view.policy.roll.max_leg_gap_frac)


def _next_chunk(view: RollView, held: Decimal) -> RollStep:
    """Return how the next part of the position is passed on."""
    near, far = view.near, view.far
    if _is_last_call(view):
        return _close_near(view, abs(held), "it is about to expire; the far leg follows")
    far_quote = None if far is None else view.quote(far)
    near_quote = view.quote(near)
    if far is None or far_quote is None or near_quote is None:
        return _wait("there is no contract to go to" if far is None else "the books cannot be read")
    if far.expires_at is not None and near.contract_size == far.contract_size and view.spread is not None:
        return _spread(view, held, view.spread, near_quote, far_quote)
    if not _is_cheap(view, near_quote, far_quote, side_of(held)):
        return _wait("the books ask for more than the marks say")
    chunk = _chunk(view, held, near_quote)
    smallest = _smallest(far, far_quote)
    carried = far.floor_contracts(_carried_contracts(view, far, far_quote))
    wanted = _contracts(chunk * near.contract_size, far)
    if wanted < smallest:
        return _close_near(view, chunk, "it is too small for the far contract")
    if carried < max(smallest, wanted * _LEAST_CHUNK_FRAC):
        return _close_near(view, chunk, "the free margin does not carry both")
    if _refusals(view) >= _REFUSALS_BELIEVED:
        return _close_near(view, chunk, "the far leg is refused")
    return _trade_far(view, min(wanted, carried) * far.contract_size * sign(held), "far first")


def _spread(view: RollView, held: Decimal, spread: SpreadQuote, near_quote: Quote, far_quote: Quote) -> RollStep:
    """Pass on everything as one order, at a price near what the marks say, or at any while time presses."""
    side = side_of(held)
    price = spread.ask_price if side is Side.BUY else spread.bid_price
    fair = far_quote.mark_price - near_quote.mark_price
    worse = (price - fair) * side.sign
    allowed = view.policy.roll.max_cost_frac * near_quote.mark_price
    if view.roll.stage is not RollStage.OUTRIGHT:
        if worse > allowed:
            return _wait(
                f"the spread costs {worse / near_quote.mark_price * BPS_PER_ONE:.1f} bp more than the marks say"
            )
        price = fair + allowed * side.sign
    else:
        price += allowed * side.sign
    tick = view.near.tick_size
    limit = floor_to_step(price, tick) if side is Side.BUY else ceil_to_step(price, tick)
    contracts = _at_most_one_order(abs(held), view.near)
    return RollStep(kind=RollStepKind.SPREAD, side=side, contracts=contracts, price=limit, why="as a calendar spread")


def _is_cheap(view: RollView, near_quote: Quote, far_quote: Quote, side: Side) -> bool:
    """Return True when crossing both books costs no more than the stage allows beyond the marks."""
    if view.roll.stage is RollStage.OUTRIGHT:
        return True
    far_price = far_quote.ask_price if side is Side.BUY else far_quote.bid_price
    near_price = near_quote.bid_price if side is Side.BUY else near_quote.ask_price
    paid = (far_price / far_quote.mark_price - near_price / near_quote.mark_price) * side.sign
    return paid <= view.policy.roll.max_cost_frac


def _chunk(view: RollView, held: Decimal, quote: Quote) -> Decimal:
    """Return the near contracts of the next chunk, unsigned: a bounded part of the whole, and no useless rest."""
    least = _smallest(view.near, quote)
    part = max(_widest_gap(view, held), least)
    return abs(held) if abs(held) - part < least else part


def _smallest(one: Instrument, quote: Quote) -> Decimal:
    """Return the smallest order that opens, on the lot."""
    # The order's own price may be a little lower than mark.
    return smallest_contracts(one, quote.mark_price / _PRICE_ROOM)


def _carried_contracts(view: RollView, far: Instrument, quote: Quote) -> Decimal:
    """Return how many far contracts the wallet's free margin carries; none while its ladder holds it back."""
    rung, _ = view.books.margin_rungs.get((far.venue, far.settle), (MarginRung.CALM, None))
    if rung in (MarginRung.CANCEL, MarginRung.REDUCE, MarginRung.FLATTEN):
        return ZERO
    margin = next((one for one in view.account.margins if one.currency == far.settle), None)
    if margin is None:
        return ZERO
    free = max(ZERO, margin.margin_balance - margin.initial_margin) * _USED_MARGIN_FRAC
    per_contract = far.notional_quote(ONE, quote.mark_price)
    if not far.is_linear:
        per_contract /= quote.mark_price
    return free / (per_contract * (_initial_frac(view, far) + far.taker_fee_frac))


def _initial_frac(view: RollView, far: Instrument) -> Decimal:
    """Return the initial margin of a unit of notional, as the venue counts it for the positions there are.

    Where it tells none, the least that the cap on leverage leaves.
    """
    quote, held = view.quotes.get((view.near.venue, view.near.symbol)), view.held(view.near)
    margin = next((one for one in view.account.margins if one.currency == far.settle), None)
    cap = ONE / view.policy.limits.max_leverage
    if margin is None or quote is None or margin.initial_margin <= 0 or held == 0:
        return cap
    notional = view.near.notional_quote(held, quote.mark_price)
    if not view.near.is_linear:
        notional /= quote.mark_price
    # Other positions of the wallet are in the sum, too: at most what one alone would ask for.
    return min(ONE, margin.initial_margin / notional)


def _close_near(view: RollView, contracts: Decimal, why: str) -> RollStep:
    near = view.near
    quote = view.quote(near)
    if quote is None:
        return _wait("the near book cannot be read")
    side = side_of(-view.held(near))
    wanted = ceil_to_step(contracts, near.lot_size)
    return RollStep(
        kind=RollStepKind.NEAR,
        side=side,
        contracts=_at_most_one_order(min(wanted, abs(view.held(near))), near),
        price=limit_price(side, quote, near, view.policy.execution, reduces=True),
        reduce_only=True,
        why=why,
    )


def _trade_far(view: RollView, amount: Decimal, why: str, refusals: int = 0) -> RollStep:
    """Return an order that brings ``amount`` (signed) to the far leg; half of it for each time it was refused."""
    far = view.far
    quote = None if far is None else view.quote(far)
    if far is None or quote is None:
        return _wait("there is no contract to go to" if far is None else "the far book cannot be read")
    side, held = side_of(amount), view.held(far)
    contracts = far.floor_contracts(_contracts(abs(amount), far))
    reduces = held != 0 and sign(held) == -side.sign
    if reduces:
        contracts = min(contracts, abs(held))
    elif view.held(view.near) == 0 and view.roll.asked == 0 and side.sign == -sign(view.roll.opened):
        return _done("what the far contract had too much is closed")
    elif view.books.trading_state is TradingState.HALTED:
        return _wait("trading is halted")
    elif (far.venue, far.symbol) in view.books.locks:
        return _wait(f"{far.symbol} is locked")
    elif refusals:
        least = min(contracts, _smallest(far, quote))
        contracts = max(least, far.floor_contracts(contracts / 2 ** min(refusals, _MOST_HALVINGS)))
    is_pressing = reduces or view.roll.missing != 0 or view.roll.stage is RollStage.OUTRIGHT
    return RollStep(
        kind=RollStepKind.FAR,
        side=side,
        contracts=_at_most_one_order(contracts, far),
        price=limit_price(side, quote, far, view.policy.execution, reduces=is_pressing),
        reduce_only=reduces,
        why=why,
    )


def _at_most_one_order(contracts: Decimal, one: Instrument) -> Decimal:
    return contracts if one.max_contracts is None else min(contracts, one.max_contracts)
