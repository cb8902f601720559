"""How many contracts is a need, and at what price may they trade?

Rounded toward zero to the lot, once and last; dropped below the venue's minimums, judged at the order's own price.
"""

from decimal import Decimal

from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Side
from bot.domain.policy import ExecutionPolicy
from bot.domain.units import ONE, ZERO, ceil_to_step, floor_to_step


def opening_contracts(
    amount_base: Decimal, instrument: Instrument, *, mark_price: Decimal, limit_price: Decimal
) -> Decimal:
    """Return the unsigned contracts that carry ``amount_base`` (unsigned) coins; zero below a minimum."""
    wanted = instrument.contracts_from_base(amount_base, mark_price)
    if instrument.max_contracts is not None:
        wanted = min(wanted, instrument.max_contracts)
    contracts = instrument.floor_contracts(wanted)
    is_large_enough = (
        contracts >= instrument.min_contracts
        and instrument.notional_quote(contracts, limit_price) >= instrument.min_notional_quote
    )
    return contracts if is_large_enough and contracts > 0 else ZERO


def reducing_contracts(
    amount_base: Decimal, position_contracts: Decimal, instrument: Instrument, mark_price: Decimal
) -> Decimal:
    """Return the unsigned contracts that take ``amount_base`` (unsigned) coins off a position.

    Never more than the position. The whole of it when less than a lot would be left over: what only reduces may round up.
    """
    size = abs(position_contracts)
    wanted = instrument.contracts_from_base(amount_base, mark_price)
    if wanted > size - instrument.lot_size:
        return size if wanted >= size else instrument.floor_contracts(wanted)
    contracts = instrument.floor_contracts(wanted)
    return contracts if contracts >= instrument.min_contracts else ZERO


def limit_price(
    side: Side, quote: Quote, instrument: Instrument, execution: ExecutionPolicy, *, reduces: bool
) -> Decimal:
    """Return the worst price that an order may trade at, on the tick.

    A reduction gets a wider bound, wider still where mark, last and index disagree: it must get through.
    """
    if reduces:
        bound = execution.max_reduce_slippage_frac + _disagreement(quote)
    else:
        bound = execution.max_slippage_frac
    if side is Side.BUY:
        return floor_to_step(quote.ask_price * (ONE + bound), instrument.tick_size)
    # Rounding up keeps a sale from reaching below its bound.
    return ceil_to_step(quote.bid_price * (ONE - min(bound, Decimal("0.5"))), instrument.tick_size)


def _disagreement(quote: Quote) -> Decimal:
    prices = (quote.mark_price, quote.last_price, quote.index_price)
    return max(prices) / min(prices) - 1


def cost_bps(quote: Quote, instrument: Instrument) -> Decimal:
    """Return taker fee + half spread in basis points of notional."""
    mid = (quote.bid_price + quote.ask_price) / 2
    half_spread = (quote.ask_price - quote.bid_price) / 2 / mid
    return (instrument.taker_fee_frac + half_spread) * 10_000
