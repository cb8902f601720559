"""How is a leg worked, and what is its next step?

A step is decided afresh each time, from what is left by the venue's position and from the book as it is now; nothing
here remembers. A worked leg never has two live orders: a new price is a cancel first, and an order after it.

Price bounds: a chase never rests beyond the limit that the leg was approved with. A slice stands through the touch by
no more than the slippage allowed, and never further from the price of the decision than the drift allowed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_DOWN, Decimal
from enum import StrEnum

from bot.decisions.basis import is_apart
from bot.decisions.sizing import meets_minimum, smallest_contracts
from bot.domain.books import Books, Leg
from bot.domain.events import RollFolded
from bot.domain.ids import Asset
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Side
from bot.domain.plan import Decision, HedgeLeg
from bot.domain.policy import ExecutionPolicy, ExecutionStyle, MarginRung, RiskLimits, TradingState
from bot.domain.rolls import Roll
from bot.domain.units import ONE, ZERO, ceil_to_step, floor_to_step

#: A resting order is moved when the touch is better than its price by more than this share.
_REPEG_FRAC = Decimal("0.0002")
#: More than what trading in coins brings or costs while a leg is worked, and less than what a band is wide.
_MOVED_FRAC = Decimal("0.01")


def choose_style(contracts: Decimal, side: Side, quote: Quote, execution: ExecutionPolicy) -> ExecutionStyle:
    """Return how a leg is worked: as told, or with ``AUTO`` by its size against the depth at the touch.

    What the touch can take many times over is sliced over time, anything smaller is offered at the touch.
    """
    if execution.style is not ExecutionStyle.AUTO:
        return execution.style
    depth = quote.ask_contracts if side is Side.BUY else quote.bid_contracts
    return ExecutionStyle.TWAP if contracts > depth * execution.twap_depths else ExecutionStyle.CHASE


def styled_legs(
    legs: tuple[HedgeLeg, ...], quotes: Mapping[Leg, Quote], execution: ExecutionPolicy
) -> tuple[HedgeLeg, ...]:
    """Return the legs, each with the style that it is worked in."""
    return tuple(
        replace(
            leg,
            style=choose_style(leg.contracts, leg.side, quotes[leg.instrument.venue, leg.instrument.symbol], execution),
        )
        for leg in legs
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Where a look wanted each asset to go, so that a leg can be measured again while prices move."""

    #: V of the look, in USD.
    value_quote: Decimal
    index_prices: Mapping[Asset, Decimal]
    exposures_quote: Mapping[Asset, Decimal]
    #: Share of V at which the look's trade stops.
    weights: Mapping[Asset, Decimal]

    @classmethod
    def of(cls, decision: Decision) -> "Aim":
        """Take it from a look."""
        value = decision.valuation.portfolio_value_quote
        lines = {line.asset: line for line in decision.lines}
        return cls(
            value_quote=value,
            index_prices={asset: line.index_price for asset, line in lines.items()},
            exposures_quote={asset: line.exposure_quote for asset, line in lines.items()},
            weights={asset: (line.exposure_quote + line.hedge_need_quote) / value for asset, line in lines.items()},
        )


def needed_base(aim: Aim, asset: Asset, traded_base: Decimal, index_prices: Mapping[Asset, Decimal]) -> Decimal:
    """Return the coins, + buy, that an asset is short of where its look wanted it, at the prices of now.

    ``traded_base`` is what was traded since, signed. An asset whose price is not known is taken to stand still.
    """
    price = index_prices.get(asset, aim.index_prices[asset])
    value = aim.value_quote
    for other, exposure in aim.exposures_quote.items():
        value += exposure * (index_prices.get(other, aim.index_prices[other]) / aim.index_prices[other] - ONE)
    exposure_base = aim.exposures_quote[asset] / aim.index_prices[asset] + traded_base
    return aim.weights[asset] * value / price - exposure_base


def nearest_lots(contracts: Decimal, instrument: Instrument) -> Decimal:
    """Return what a reduction should take off, to the nearest lot: a need that ends within a lot is not left undone.

    Half a lot and less is left: taking a whole one would end as far away on the other side, or further.
    """
    lot = instrument.lot_size
    return (contracts / lot).to_integral_value(rounding=ROUND_HALF_DOWN) * lot


class StepKind(StrEnum):
    """What to do with a leg now."""

    #: Leave it as it is.
    WAIT = "wait"
    #: Let an order rest at the touch.
    POST = "post"
    #: Take the resting order away; its successor comes with the next step.
    CANCEL = "cancel"
    #: Take what is there, within the bound.
    TAKE = "take"
    #: Nothing is left that could be traded.
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a worked leg."""

    kind: StepKind
    #: Unsigned, for POST and TAKE.
    contracts: Decimal = ZERO
    #: Limit, on the tick, for POST and TAKE.
    price: Decimal = ZERO
    #: True for the last step: what it leaves is for the next look.
    is_last: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a leg has come."""

    leg: HedgeLeg
    #: What the position is short of its goal, on the leg's side; measured at the venue, and no more than the asset
    #: still needs at the prices of now.
    remaining_contracts: Decimal
    #: Mid price when the work began.
    reference_price: Decimal
    #: For how long it has been worked.
    lasted: timedelta
    #: Price of the order that rests; None when there is none.
    resting_price: Decimal | None = None
    #: What is left of that order.
    resting_contracts: Decimal = ZERO
    #: Slices that were sent.
    slices_sent: int = 0


def next_step(progress: Progress, quote: Quote | None, style: ExecutionStyle, execution: ExecutionPolicy) -> Step:
    """Return the next step of a leg; ``quote`` is None where the book could not be read."""
    contracts = tradable_contracts(progress.remaining_contracts, progress.leg)
    if contracts == 0:
        return _ended(progress, "nothing is left that the venue would take")
    if style is ExecutionStyle.TWAP:
        return _next_slice(progress, contracts, quote, execution)
    return _next_peg(progress, contracts, quote, execution)


def tradable_contracts(remaining: Decimal, leg: HedgeLeg) -> Decimal:
    """Return what of the rest makes an order, on the lot and never more than the leg; zero below the venue's least."""
    contracts = min(leg.instrument.floor_contracts(max(remaining, ZERO)), leg.contracts)
    if leg.reduce_only:
        return contracts
    return contracts if meets_minimum(contracts, leg.instrument, leg.limit_price) else ZERO


def _ended(progress: Progress, why: str) -> Step:
    if progress.resting_price is not None:
        return Step(kind=StepKind.CANCEL, why=why)
    return Step(kind=StepKind.DONE, is_last=True, why=why)


def _next_peg(progress: Progress, contracts: Decimal, quote: Quote | None, execution: ExecutionPolicy) -> Step:
    leg, resting = progress.leg, progress.resting_price
    why = _escalation(progress, quote, execution)
    if why or quote is None:
        if resting is not None:
            return Step(kind=StepKind.CANCEL, why=why)
        return Step(kind=StepKind.TAKE, contracts=contracts, price=leg.limit_price, is_last=True, why=why)
    price = _touch(leg, quote)
    if resting is None:
        return Step(kind=StepKind.POST, contracts=contracts, price=price, why="at the touch")
    if progress.resting_contracts > contracts:
        return Step(kind=StepKind.CANCEL, why="less is needed now")
    is_behind = (price - resting) * leg.side.sign > resting * _REPEG_FRAC
    return Step(kind=StepKind.CANCEL, why="the touch has moved on") if is_behind else Step(kind=StepKind.WAIT)


def _touch(leg: HedgeLeg, quote: Quote) -> Decimal:
    if leg.side is Side.BUY:
        return min(quote.bid_price, leg.limit_price)
    return max(quote.ask_price, leg.limit_price)


def _escalation(progress: Progress, quote: Quote | None, execution: ExecutionPolicy) -> str:
    """Return why a chase should take what is there; empty while it should not."""
    if progress.lasted >= execution.chase_deadline:
        return "the deadline has passed"
    if quote is None:
        return "the book cannot be read"
    if _ran_away_frac(progress, quote) > execution.chase_adverse_frac:
        return "the price is running away"
    return ""


def _ran_away_frac(progress: Progress, quote: Quote) -> Decimal:
    """Return how far the middle of the book has moved against the leg, as a fraction; negative in its favour."""
    middle = (quote.bid_price + quote.ask_price) / 2
    return (middle / progress.reference_price - ONE) * progress.leg.side.sign


def _next_slice(progress: Progress, contracts: Decimal, quote: Quote | None, execution: ExecutionPolicy) -> Step:
    is_late = progress.lasted >= execution.twap_duration
    if quote is None:
        if is_late:
            return Step(kind=StepKind.DONE, is_last=True, why="the book cannot be read and the time is up")
        return Step(kind=StepKind.WAIT, why="the book cannot be read")
    price = _slice_bound(progress, quote, execution)
    if is_late:
        return Step(kind=StepKind.TAKE, contracts=contracts, price=price, is_last=True, why="the time is up")
    slices = _slices(progress, execution)
    if progress.lasted < execution.twap_duration * progress.slices_sent / slices:
        return Step(kind=StepKind.WAIT)
    share = slice_contracts(contracts, slices - progress.slices_sent, progress.leg)
    return Step(kind=StepKind.TAKE, contracts=share, price=price, why=f"slice {progress.slices_sent + 1} of {slices}")


def _slices(progress: Progress, execution: ExecutionPolicy) -> int:
    """Return into how many slices the leg is cut: no more than it has smallest orders."""
    leg = progress.leg
    least = smallest_slice(leg)
    return max(1, min(execution.twap_slices, int(leg.contracts // least)))


def slice_contracts(remaining: Decimal, slices_left: int, leg: HedgeLeg) -> Decimal:
    """Return the size of the next slice, on the lot and not below the venue's least.

    All that remains where what would stay could not be traded by itself.
    """
    least = smallest_slice(leg)
    share = max(leg.instrument.floor_contracts(remaining / max(1, slices_left)), least)
    return remaining if remaining - share < least else share


def smallest_slice(leg: HedgeLeg) -> Decimal:
    """Return the smallest order of a leg's contract that the venue takes at the leg's limit, on the lot."""
    one = leg.instrument
    if leg.reduce_only:
        return max(one.lot_size, one.min_contracts)
    return smallest_contracts(one, leg.limit_price)


def _slice_bound(progress: Progress, quote: Quote, execution: ExecutionPolicy) -> Decimal:
    leg = progress.leg
    slip = execution.max_reduce_slippage_frac if leg.reduce_only else execution.max_slippage_frac
    drift = execution.twap_drift_frac
    tick = leg.instrument.tick_size
    if leg.side is Side.BUY:
        bound = min(quote.ask_price * (ONE + slip), progress.reference_price * (ONE + drift))
        return floor_to_step(bound, tick)
    bound = max(quote.bid_price * (ONE - slip), progress.reference_price * (ONE - drift))
    return ceil_to_step(bound, tick)


def interruption(leg: HedgeLeg, books: Books, started_at: datetime) -> str:
    """Return why a leg must not be worked any further; empty when it may.

    The gate has approved the leg as a whole; this asks what has happened since.
    """
    one = leg.instrument
    if books.trading_state is TradingState.HALTED:
        return "trading is halted"
    if books.has_open_question((one.venue, one.symbol), one.asset):
        return "the outcome of an order is not known"
    if is_rolling(one.asset, books):
        return "its contract is being passed on"
    return "" if leg.reduce_only else _holds_back(one, books, started_at)


def _holds_back(one: Instrument, books: Books, started_at: datetime) -> str:
    """Return why nothing that was decided at ``started_at`` may be opened in a contract now; empty when it may."""
    if books.trading_state is not TradingState.NORMAL:
        return f"trading is {books.trading_state}"
    if books.has_ceiling_since(one.asset, started_at):
        return "protection has made the leg smaller since"
    if books.lock_on((one.venue, one.symbol), one.asset) is not None:
        return "the symbol is locked"
    if is_held_back(one, books):
        return "the margin of its wallet is short"
    if one.asset in books.flows:
        return "holdings have changed since"
    return ""


def take_back(roll: Roll, far: Instrument, books: Books, now: datetime) -> tuple[RollFolded, str] | None:
    """Return what looks have asked for as given up, and why; None where it may be opened, or nothing is asked for.

    Between the look, which the gate let pass, and the order minutes may lie, or hours. What was taken out of the near
    contract is not touched: to put it into the far one opens nothing.
    """
    if roll.asked == 0:
        return None
    why = _holds_back(far, books, roll.uneven_since or now)
    if not why:
        return None
    return RollFolded(at=now, venue=roll.venue, near=roll.near, folded=roll.folded - roll.asked), why


def have_moved(coins: Mapping[Asset, Decimal], began: Mapping[Asset, Decimal]) -> bool:
    """Return True when an account has so many more or less coins than a look was made of that the owner has moved some,
    and every target with them: fees and profit in coins do not come to that."""
    return any(abs(coins[asset] - before) > _MOVED_FRAC * abs(before) for asset, before in began.items())


def is_off_index(leg: HedgeLeg, quote: Quote | None, limits: RiskLimits, now: datetime) -> bool:
    """Return True when mark has left the index so far that a leg must not open any more; False for what reduces.

    A book that could not be read says nothing; the style says what is done without one.
    """
    if leg.reduce_only or quote is None:
        return False
    return is_apart(quote, leg.instrument, limits, now)


def is_held_back(one: Instrument, books: Books) -> bool:
    """Return True when the margin of a contract's wallet is so short that nothing in it may grow."""
    rung, _ = books.margin_rungs.get((one.venue, one.settle), (MarginRung.CALM, None))
    return rung in (MarginRung.CANCEL, MarginRung.REDUCE, MarginRung.FLATTEN)


def is_rolling(asset: Asset, books: Books) -> bool:
    """Return True while a position of an asset is passed on from one contract into another."""
    return any(roll.asset == asset and roll.stage.is_moving for roll in books.rolls.values())
