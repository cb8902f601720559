"""How many contracts is a need, and at what price may they trade?

Rounded toward zero to the lot, once and last; dropped below the venue's minimums, judged at the order's own price.
A need comes in USD, unsigned, and is divided once: dividing twice loses a lot where the answer is a whole number.
"""

from decimal import Decimal

from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Side
from bot.domain.plan import HedgeLeg
from bot.domain.policy import ExecutionPolicy
from bot.domain.units import BPS_PER_ONE, ONE, ZERO, ceil_to_step, floor_to_step

#: A sale is never offered below this share of the bid, however far prices disagree.
_LOWEST_BID_FRAC = Decimal("0.5")


def contracts_for(need_quote: Decimal, instrument: Instrument, *, index_price: Decimal, mark_price: Decimal) -> Decimal:
    """Return the unrounded contracts whose delta is worth ``need_quote`` at the index."""
    if instrument.is_linear:
        return need_quote / (index_price * instrument.contract_size)
    return need_quote * mark_price / (index_price * instrument.contract_size)


def meets_minimum(contracts: Decimal, instrument: Instrument, price: Decimal) -> bool:
    """Return True when the venue takes an order of this size at this price."""
    return (
        contracts > 0
        and contracts >= instrument.min_contracts
        and instrument.notional_quote(contracts, price) >= instrument.min_notional_quote
    )


def opening_contracts(wanted: Decimal, instrument: Instrument, *, limit_price: Decimal) -> Decimal:
    """Return the contracts (unsigned, on the lot) of an order that opens; zero below a minimum."""
    contracts = instrument.floor_contracts(at_most_one_order(wanted, instrument))
    return contracts if meets_minimum(contracts, instrument, limit_price) else ZERO


def reducing_contracts(
    wanted: Decimal, position_contracts: Decimal, instrument: Instrument, *, limit_price: Decimal
) -> Decimal:
    """Return the contracts (unsigned) of an order that takes ``wanted`` contracts off a position.

    Never more than the position. All of it where what would stay is too small to be traded, unless that takes off
    more than twice what is wanted: then the asset would end further away, on the other side. Venues waive the
    minimum notional for what only reduces.
    """
    size = abs(position_contracts)
    floored = instrument.floor_contracts(min(wanted, size))
    stays = size - floored
    is_dust = stays < instrument.lot_size or not meets_minimum(stays, instrument, limit_price)
    if wanted >= size or (is_dust and size <= 2 * wanted):
        return at_most_one_order(size, instrument)
    floored = at_most_one_order(floored, instrument)
    return floored if floored >= instrument.min_contracts else ZERO


def at_most_one_order(contracts: Decimal, instrument: Instrument) -> Decimal:
    """Return so much, or what the largest order takes."""
    return contracts if instrument.max_contracts is None else min(contracts, instrument.max_contracts)


def smallest_contracts(instrument: Instrument, price: Decimal) -> Decimal:
    """Return the smallest order that opens at a price, on the lot."""
    least = ceil_to_step(instrument.min_notional_quote / instrument.notional_quote(ONE, price), instrument.lot_size)
    return max(instrument.lot_size, instrument.min_contracts, least)


def smallest_order_quote(instrument: Instrument, quote: Quote) -> Decimal:
    """Return the worth of the smallest order that can be opened, in quote currency."""
    contracts = max(instrument.lot_size, instrument.min_contracts)
    return max(instrument.notional_quote(contracts, quote.mark_price), instrument.min_notional_quote)


def limit_price(
    side: Side, quote: Quote, instrument: Instrument, execution: ExecutionPolicy, *, reduces: bool
) -> Decimal:
    """Return the worst price that an order may trade at, on the tick and never beyond its bound.

    A reduction gets a wider bound, wider still where mark and last disagree: it must get through. How far both are
    from the index is no reason: it trades in its own contract's book, and venues refuse what is far beyond mark.
    """
    wide = execution.max_reduce_slippage_frac + _disagreement_frac(quote)
    bound = wide if reduces else execution.max_slippage_frac
    if side is Side.BUY:
        return floor_to_step(quote.ask_price * (ONE + bound), instrument.tick_size)
    return ceil_to_step(quote.bid_price * max(ONE - bound, _LOWEST_BID_FRAC), instrument.tick_size)


def _disagreement_frac(quote: Quote) -> Decimal:
    prices = (quote.mark_price, quote.last_price)
    return max(prices) / min(prices) - 1


def cost_bps(quote: Quote, instrument: Instrument) -> Decimal:
    """Return taker fee + half spread in basis points of notional."""
    spread_frac = (quote.ask_price - quote.bid_price) / (quote.ask_price + quote.bid_price)
    return (instrument.taker_fee_frac + spread_frac) * BPS_PER_ONE


def reducing_leg(
    instrument: Instrument,
    quote: Quote,
    *,
    side: Side,
    contracts: Decimal,
    execution: ExecutionPolicy,
    reason: str,
) -> HedgeLeg:
    """Return the leg of a protective reduction of so many contracts (unsigned)."""
    amount = instrument.base_from_contracts(contracts, quote.mark_price)
    return HedgeLeg(
        instrument=instrument,
        side=side,
        contracts=contracts,
        amount_base=amount,
        notional_quote=amount * quote.index_price,
        reduce_only=True,
        expected_cost_bps=cost_bps(quote, instrument),
        limit_price=limit_price(side, quote, instrument, execution, reduces=True),
        index_price=quote.index_price,
        reason=reason,
    )


def depth_quote(one: Instrument, quote: Quote) -> Decimal:
    """Return the worth of the thinner side of a book, in quote currency."""
    return one.notional_quote(min(quote.bid_contracts, quote.ask_contracts), quote.mark_price)
