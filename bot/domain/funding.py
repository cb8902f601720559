"""What do the books keep of funding, per contract, in bounded size?

Payments that were settled, the settlements that the venue has announced, the position's changes as far as they are
needed to say what was held at a settlement, and how the cap has been counting. Folded from facts alone by
``folding.apply``; nothing else writes it.

Signs: ``paid`` is + when it cost us, the opposite of a cash flow. Amounts are in quote currency, times are aware UTC.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.domain.events import FundingDue, FundingJudged, FundingSettled
from bot.domain.units import ZERO, sign

#: Venues stamp a payment some moments after its settlement.
STAMP_TOLERANCE = timedelta(minutes=5)
#: Payments are remembered one by one this long: as long as a rate of the last week needs them, and a day.
PAYMENTS_KEPT = timedelta(days=8)
#: A settlement without its payment is looked for this long.
GAPS_KEPT = timedelta(days=30)
#: Settlements of a time in which nobody asked are worked out this far back, for that long payments are remembered.
_INFERRED = timedelta(days=7)
#: Settlements whose payment is booked are remembered this long, for the cap to count them.
_BOOKED_KEPT = timedelta(days=2)
#: No venue settles less often: a longer way from one payment to the next is no interval.
_LONGEST_INTERVAL = timedelta(hours=8)


class FundingLevel(StrEnum):
    """What a settlement says about the cap."""

    #: More than the cap is being paid.
    ABOVE = "above"
    #: Neither the one nor the other; it interrupts both counts.
    BETWEEN = "between"
    #: Less than half the cap was paid.
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """One settled payment."""

    settled_at: datetime
    #: Fraction of notional; + when longs pay.
    rate: Decimal
    #: Signed, long +, at the mark of the settlement.
    notional_quote: Decimal
    #: The time that it pays for; None where the venue's settlements around it are not known.
    span: timedelta | None

    @property
    def paid_quote(self) -> Decimal:
        """What it cost, + when paid by us."""
        return self.rate * self.notional_quote

    @property
    def paid_rate(self) -> Decimal:
        """Fraction of the position's worth, + when paid by us."""
        return self.rate * sign(self.notional_quote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A settlement that the venue has announced, or that follows from two announcements."""

    due_at: datetime
    interval: timedelta
    #: The time since the settlement before it.
    span: timedelta
    #: The forecast at its first announcement; None where it was worked out.
    rate: Decimal | None
    is_booked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingSum:
    """Payments added up."""

    paid_quote: Decimal = ZERO
    #: Σ |notional| × hours that were paid for.
    notional_hours: Decimal = ZERO
    payments: int = 0
    #: False once the time that a payment was for is not known: then there is no rate.
    is_complete: bool = True

    def plus(self, payment: FundingPayment) -> "FundingSum":
        """Return the sum with one more payment."""
        hours = ZERO if payment.span is None else hours_of(payment.span)
        return FundingSum(
            paid_quote=self.paid_quote + payment.paid_quote,
            notional_hours=self.notional_hours + abs(payment.notional_quote) * hours,
            payments=self.payments + 1,
            is_complete=self.is_complete and payment.span is not None,
        )


@dataclass(slots=True, kw_only=True)
class LegFunding:
    """What is known of one contract's funding."""

    #: Signed position that our trades add up to.
    contracts: Decimal = ZERO
    #: When the present position was opened, or turned over; None when flat.
    opened_at: datetime | None = None
    #: Changes of the position, as far back as a settlement asks for them: when, by how many contracts.
    changes: list[tuple[datetime, Decimal]] = field(default_factory=list)
    #: The last days one by one, by time of settlement.
    payments: list[FundingPayment] = field(default_factory=list)
    since_open: FundingSum = field(default_factory=FundingSum)
    #: Σ of what was received since the position was opened.
    earned_quote: Decimal = ZERO
    #: Oldest first; those to come are as the venue said last.
    settlements: list[Settlement] = field(default_factory=list)
    #: Settlements in a row that were above the cap, and below half of it.
    above: int = 0
    below: int = 0
    #: Newest settlement that was counted, and the side (+1 long, −1 short) it was counted for.
    judged_until: datetime | None = None
    judged_side: int = 0

    def contracts_at(self, moment: datetime) -> Decimal:
        """Return the signed position at a moment for which changes are kept; a change at that moment is in."""
        return self.contracts - sum((change for at, change in self.changes if at > moment), ZERO)


def hours_of(span: timedelta) -> Decimal:
    """Return a duration in hours."""
    return Decimal(span // timedelta(seconds=1)) / 3600


def fold_change(record: LegFunding, at: datetime, contracts: Decimal) -> None:
    """Take up what a trade or an adoption has made of the position."""
    before = record.contracts
    record.changes.append((at, contracts - before))
    record.contracts = contracts
    if contracts == 0:
        record.opened_at = None
        record.above = 0
    elif sign(before) != sign(contracts):
        record.opened_at = at
        record.since_open = FundingSum()
        record.earned_quote = ZERO
        record.above = 0
    _forget_changes(record, at)


def fold_payment(record: LegFunding, fact: FundingSettled) -> None:
    """Take up a settled payment, in whatever order payments are booked.

    One whose rate was never told is no longer missing, and says nothing of what holding costs.
    """
    place = next((at for at, one in enumerate(record.settlements) if _belongs(fact.settled_at, one.due_at)), None)
    span = None
    if place is not None:
        span = record.settlements[place].span
        record.settlements[place] = replace(record.settlements[place], is_booked=True)
    if fact.amount and not fact.rate:
        return
    payment = FundingPayment(
        settled_at=fact.settled_at,
        rate=fact.rate,
        notional_quote=fact.notional_quote,
        span=span or _span_since_last(record, fact.settled_at),
    )
    record.payments.append(payment)
    record.payments.sort(key=lambda one: one.settled_at)
    horizon = record.payments[-1].settled_at - PAYMENTS_KEPT
    record.payments = [one for one in record.payments if one.settled_at > horizon]
    if record.opened_at is not None and fact.settled_at >= record.opened_at:
        record.since_open = record.since_open.plus(payment)
        record.earned_quote += max(ZERO, -payment.paid_quote)


def _belongs(settled_at: datetime, due_at: datetime) -> bool:
    return abs(settled_at - due_at) <= STAMP_TOLERANCE


def _span_since_last(record: LegFunding, settled_at: datetime) -> timedelta | None:
    earlier = [one.settled_at for one in record.payments if one.settled_at < settled_at - STAMP_TOLERANCE]
    if not earlier or settled_at - earlier[-1] > _LONGEST_INTERVAL:
        return None
    return settled_at - earlier[-1]


def fold_due(record: LegFunding, fact: FundingDue) -> None:
    """Take up when the venue settles next. What it said before of times to come holds no longer."""
    passed = [one for one in record.settlements if one.due_at <= fact.at]
    if passed:
        step = max(passed[-1].interval, fact.interval)
        between = passed[-1].due_at + step
        while between < fact.due_at:
            # Nobody asked meanwhile. Of two intervals the longer one names what has been settled in any case.
            if between > fact.at - _INFERRED:
                passed.append(_settlement(record, between, step, step, None))
            between += step
    span = fact.interval
    if passed and fact.due_at - passed[-1].due_at <= max(passed[-1].interval, fact.interval):
        # An interval that has just changed has begun with the settlement before, whatever it is called.
        span = fact.due_at - passed[-1].due_at
    record.settlements = [*passed, _settlement(record, fact.due_at, fact.interval, span, fact.rate)]
    _forget_settlements(record, fact.at)
    _forget_changes(record, fact.at)


def _settlement(
    record: LegFunding, due_at: datetime, interval: timedelta, span: timedelta, rate: Decimal | None
) -> Settlement:
    is_booked = any(_belongs(one.settled_at, due_at) for one in record.payments)
    return Settlement(due_at=due_at, interval=interval, span=span, rate=rate, is_booked=is_booked)


def fold_judgement(record: LegFunding, fact: FundingJudged) -> None:
    """Count a settlement for or against the cap."""
    record.above = record.above + 1 if fact.level == FundingLevel.ABOVE else 0
    record.below = record.below + 1 if fact.level == FundingLevel.BELOW else 0
    record.judged_until = fact.due_at
    record.judged_side = fact.side


def _forget_settlements(record: LegFunding, now: datetime) -> None:
    """Drop what is booked, what nothing was held at, and what is too old to be found, but never the newest passed."""
    passed = [one for one in record.settlements if one.due_at <= now]
    kept = [one for one in passed[:-1] if _is_wanted(record, one, now)]
    record.settlements = [*kept, *passed[-1:], *(one for one in record.settlements if one.due_at > now)]


def _is_wanted(record: LegFunding, one: Settlement, now: datetime) -> bool:
    if one.due_at > now - _BOOKED_KEPT:
        return True
    return not one.is_booked and one.due_at > now - GAPS_KEPT and record.contracts_at(one.due_at) != 0


def _forget_changes(record: LegFunding, now: datetime) -> None:
    oldest = min((one.due_at for one in record.settlements if not one.is_booked), default=now)
    horizon = min(oldest, now) - timedelta(days=1)
    record.changes = [change for change in record.changes if change[0] > horizon]
