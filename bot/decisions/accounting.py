"""What has the account realised, paid and received? Rows for accounting, from facts alone.

Profit is realised against the average entry of the position: in quote currency for a linear contract, in the coin for
an inverse one, where the average is that of 1 ÷ price. A position that was adopted enters at the mark it had then. What
a closed position has realised is, to the last digit but the rounding of a division, what its trades have brought.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.domain.books import Leg
from bot.domain.events import ContractTermsNoted, Fact, FundingSettled, OrderIntended, PositionAdopted, TradeFilled
from bot.domain.ids import ClientOrderId
from bot.domain.orders import Fill, OrderIntent
from bot.domain.units import ZERO, sign


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One trade, with what it has realised."""

    fill: Fill
    #: None for trades that the venue or the owner made.
    intent: OrderIntent | None
    #: None for trades that were booked before terms were noted: then what depends on them is not known.
    terms: ContractTermsNoted | None
    #: In the currency that the contract settles in, before fees; None without terms.
    realised: Decimal | None

    @property
    def amount_base(self) -> Decimal | None:
        """Coins that changed hands, unsigned; None without terms."""
        if self.terms is None:
            return None
        amount = self.fill.contracts * self.terms.contract_size
        return amount if self.terms.is_linear else amount / self.fill.price

    @property
    def notional_quote(self) -> Decimal | None:
        """Worth of the trade at its price, unsigned; None without terms."""
        if self.terms is None:
            return None
        amount = self.fill.contracts * self.terms.contract_size
        return amount * self.fill.price if self.terms.is_linear else amount


@dataclass(slots=True)
class _Position:
    #: Signed.
    contracts: Decimal = ZERO
    #: Σ signed contracts × price of what is open, or ÷ price where the contract is inverse.
    cost: Decimal = ZERO
    #: Trades up to then were in it when it was adopted.
    adopted_until: datetime | None = None


def trade_rows(facts: Sequence[Fact]) -> Iterator[TradeRow]:
    """Yield every trade in the order in which they were booked; ``facts`` begin with the journal's first."""
    intents: dict[ClientOrderId, OrderIntent] = {}
    # What was noted later holds before, too, where nothing else was known then.
    terms = {(one.venue, one.symbol): one for one in reversed(facts) if isinstance(one, ContractTermsNoted)}
    positions: dict[Leg, _Position] = {}
    for fact in facts:
        match fact:
            case OrderIntended():
                intents[fact.intent.client_order_id] = fact.intent
            case ContractTermsNoted():
                terms[fact.venue, fact.symbol] = fact
            case PositionAdopted():
                _adopt(fact, positions, terms.get((fact.venue, fact.symbol)))
            case TradeFilled():
                fill = fact.fill
                known = terms.get((fill.venue, fill.symbol))
                position = positions.setdefault((fill.venue, fill.symbol), _Position())
                yield TradeRow(
                    fill=fill,
                    intent=intents.get(fill.client_order_id) if fill.client_order_id else None,
                    terms=known,
                    realised=None if known is None else _trade(position, fill, known),
                )
            case _:
                continue


def _adopt(fact: PositionAdopted, positions: dict[Leg, _Position], terms: ContractTermsNoted | None) -> None:
    is_linear = terms is None or terms.is_linear
    cost = fact.contracts * fact.mark_price if is_linear else fact.contracts / fact.mark_price
    positions[fact.venue, fact.symbol] = _Position(fact.contracts, cost, fact.includes_until)


def _trade(position: _Position, fill: Fill, terms: ContractTermsNoted) -> Decimal:
    """Book a trade into a position and return what it has realised: nothing, where that was adopted with it."""
    if fill.has_come_with(position.adopted_until):
        return ZERO
    traded = fill.contracts * fill.side.sign
    closing = ZERO
    if position.contracts * traded < 0:
        closing = sign(traded) * min(abs(traded), abs(position.contracts))
    released = position.cost * -closing / position.contracts if closing else ZERO
    value = fill.price if terms.is_linear else 1 / fill.price
    position.cost += (traded - closing) * value - released
    position.contracts += traded
    if position.contracts == 0:
        position.cost = ZERO
    # What is given back at today's value against what it cost; for an inverse contract the other way round.
    way = -1 if terms.is_linear else 1
    return terms.contract_size * way * (closing * value + released)


def funding_rows(facts: Iterable[Fact]) -> Iterator[FundingSettled]:
    """Yield every funding payment."""
    return (fact for fact in facts if isinstance(fact, FundingSettled))


def is_within(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    """Return True from ``start`` on and before ``end``; None is without a bound."""
    return (start is None or at >= start) and (end is None or at < end)
