"""Where should a position's profit be taken?

A resting reduce-only limit of the position's size beside its stop, measured from the average entry. Whichever of the
two trades first, what is left of the other is made to fit: neither can trade more than the position holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.decisions.sizing import at_most_one_order
from bot.domain.books import Leg
from bot.domain.ids import Asset, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.orders import Side, VenueOrder, side_of
from bot.domain.policy import Policy
from bot.domain.portfolio import AccountState
from bot.domain.units import ONE, ceil_to_step, floor_to_step

#: A resting price that is off by less than this share is left where it is.
_TOLERANCE_FRAC = Decimal("0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitTarget:
    """The take-profit that should rest at the venue for one position."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    #: Opposite to the position.
    side: Side
    #: Size of the position, unsigned, or of the largest order: what is beyond that comes after it.
    contracts: Decimal
    price: Decimal
    entry_price: Decimal

    def is_met_by(self, order: VenueOrder) -> bool:
        """Return True when a resting order is the one that the position needs."""
        return (
            order.side is self.side
            and order.reduce_only
            and order.contracts - order.filled_contracts == self.contracts
            and order.price is not None
            and abs(order.price / self.price - ONE) <= _TOLERANCE_FRAC
        )


def want_take_profits(
    account: AccountState, instruments: Mapping[Leg, Instrument], policy: Policy
) -> tuple[ProfitTarget, ...]:
    """Return the take-profit of every position that is ours; none where it is off."""
    distance = policy.stops.take_profit_frac
    if distance is None:
        return ()
    targets = []
    for position in account.positions:
        instrument = instruments.get((position.venue, position.symbol))
        if position.symbol in policy.foreign_symbols or instrument is None:
            continue
        is_long = position.contracts > 0
        price = position.entry_price * (ONE + distance if is_long else ONE - distance)
        to_tick = ceil_to_step if is_long else floor_to_step
        targets.append(
            ProfitTarget(
                venue=position.venue,
                symbol=position.symbol,
                asset=instrument.asset,
                side=side_of(-position.contracts),
                contracts=at_most_one_order(abs(position.contracts), instrument),
                price=to_tick(price, instrument.tick_size),
                entry_price=position.entry_price,
            )
        )
    return tuple(targets)
