"""What does funding cost, what will it cost next, and what has it brought?

Settled (from payments), estimated (from the venue's forecast) and unknown are three things: they stand beside each
other and are never added up. What is not known is None. Costs are + when we pay, amounts of cash + when received.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.decisions.cadence import periods_per_year
from bot.decisions.funding_gaps import open_gaps
from bot.domain.books import Books, Leg
from bot.domain.funding import FundingPayment, FundingSum, LegFunding, hours_of
from bot.domain.ids import Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import FundingRate, Quote
from bot.domain.portfolio import FuturesPosition
from bot.domain.units import DAYS_PER_YEAR, ZERO, sign

_HOURS_PER_YEAR = DAYS_PER_YEAR * 24
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


class FundingState(StrEnum):
    """How much is known of what a leg has paid."""

    #: Every settlement since the position was opened has its payment.
    SETTLED = "settled"
    #: None has been due yet: there is the forecast alone.
    ESTIMATED = "estimated"
    #: A payment is missing, or the venue tells nothing.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingLine:
    """One leg's funding."""

    venue: VenueId
    symbol: Symbol
    #: The venue's forecast; None where it could not be read.
    forecast: FundingRate | None
    #: What the next settlement would bring the present position; + when received.
    forecast_quote: Decimal | None
    #: Cost of holding a year at the rate of the last day, the last week and since the position was opened: fraction
    #: of the mean |notional| held, + when paid.
    day_annual: Decimal | None
    week_annual: Decimal | None
    since_open_annual: Decimal | None
    #: Received since the position was opened, on the side that the hedge needs anyway; None before any settlement.
    earned_quote: Decimal | None
    #: What the cap is compared with: ``paid_annual``.
    paid_annual: Decimal | None
    state: FundingState
    #: Settlements whose payment is missing.
    gaps: tuple[datetime, ...]


def funding_lines(
    positions: Iterable[FuturesPosition],
    *,
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
    rates: Mapping[Leg, FundingRate],
    books: Books,
    now: datetime,
) -> tuple[FundingLine, ...]:
    """Return a line for each position in a perpetual that our books know of."""
    lines = []
    for position in positions:
        leg = (position.venue, position.symbol)
        instrument, record = instruments.get(leg), books.funding.get(leg)
        if instrument is not None and instrument.is_perpetual and record is not None:
            lines.append(_line(position, instrument, quotes.get(leg), rates.get(leg), record, now))
    return tuple(lines)


def _line(
    position: FuturesPosition,
    instrument: Instrument,
    quote: Quote | None,
    rate: FundingRate | None,
    record: LegFunding,
    now: datetime,
) -> FundingLine:
    gaps = tuple(one.due_at for one in open_gaps(record, now))
    return FundingLine(
        venue=position.venue,
        symbol=position.symbol,
        forecast=rate,
        forecast_quote=None if rate is None or quote is None else forecast_quote(position, instrument, quote, rate),
        day_annual=holding_annual(record, gaps, now - _DAY, now),
        week_annual=holding_annual(record, gaps, now - _WEEK, now),
        since_open_annual=None if _is_torn(gaps, record.opened_at) else annual_of(record.since_open),
        earned_quote=record.earned_quote if record.since_open.payments else None,
        paid_annual=paid_annual(record, sign(position.contracts), rate),
        state=_state(record, gaps, rate),
        gaps=gaps,
    )


def _state(record: LegFunding, gaps: tuple[datetime, ...], rate: FundingRate | None) -> FundingState:
    if gaps or (rate is None and not record.since_open.payments):
        return FundingState.UNKNOWN
    return FundingState.SETTLED if record.since_open.payments else FundingState.ESTIMATED


def forecast_quote(position: FuturesPosition, instrument: Instrument, quote: Quote, rate: FundingRate) -> Decimal:
    """Return what the next settlement would bring at the present mark, in quote currency; + when received."""
    notional = instrument.notional_quote(position.contracts, quote.mark_price)
    return -rate.rate * notional * sign(position.contracts)


def holding_annual(record: LegFunding, gaps: Iterable[datetime], since: datetime, until: datetime) -> Decimal | None:
    """Return the annualised cost of what was settled after ``since`` and by ``until``; None where that is not known."""
    if _is_torn(gaps, since):
        return None
    total = FundingSum()
    for payment in record.payments:
        if since < payment.settled_at <= until:
            total = total.plus(payment)
    return annual_of(total)


def _is_torn(gaps: Iterable[datetime], since: datetime | None) -> bool:
    return any(since is None or gap > since for gap in gaps)


def annual_of(total: FundingSum) -> Decimal | None:
    """Return cost ÷ mean |notional|, for a year; None without a payment, or when one's time is not known."""
    if not total.is_complete or total.notional_hours == 0:
        return None
    return total.paid_quote / total.notional_hours * _HOURS_PER_YEAR


def settlement_annual(payment: FundingPayment) -> Decimal | None:
    """Return what one settlement costs a year, as a fraction of notional; None where its time is not known."""
    return None if payment.span is None else payment.paid_rate / hours_of(payment.span) * _HOURS_PER_YEAR


def forecast_annual(rate: FundingRate, side: int) -> Decimal:
    """Return what the next settlement would cost a year for a side (+1 long, −1 short), as a fraction of notional."""
    return rate.rate * side * periods_per_year(rate.interval)


def settled_annual(record: LegFunding, side: int, until: datetime | None = None, *, last: int = 3) -> Decimal | None:
    """Return what the last settlements of the present position cost a year, by the time they are for; None where none
    is known."""
    if record.opened_at is None:
        return None
    known = [
        one
        for one in record.payments
        if one.settled_at >= record.opened_at
        and sign(one.notional_quote) == side
        and (until is None or one.settled_at <= until)
    ][-last:]
    hours = ZERO
    for one in known:
        if one.span is None:
            return None
        hours += hours_of(one.span)
    return sum((one.paid_rate for one in known), ZERO) / hours * _HOURS_PER_YEAR if known else None


def paid_annual(
    record: LegFunding | None, side: int, rate: FundingRate | None, until: datetime | None = None
) -> Decimal | None:
    """Return what the cap is compared with: the last three settlements or the forecast, whichever is known and worse.

    Fraction of notional a year, + when ``side`` pays; None where neither is known.
    """
    settled = None if record is None else settled_annual(record, side, until)
    forecast = None if rate is None else forecast_annual(rate, side)
    return max((one for one in (settled, forecast) if one is not None), default=None)
