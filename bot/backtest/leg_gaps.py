"""Do near and far of a roll stay as near to each other as promised? Judged by what has traded at the exchange.

Between two orders of a roll no more may be open than one chunk: the policy's share of the position, or the smallest
order there is, with the useless rest that is not left behind. What looks have asked for besides, and what an earlier
roll has left open, belongs to the far leg. In its last minutes a position leaves its contract at once.

Nor may the bot stand still while both legs are held: of a small position the whole is no more than the bound, and that
much twice is as wrong as any other position that nobody asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile

from bot.decisions.roll import LAST_CALL_SHARE
from bot.domain.books import Books, Leg
from bot.domain.ids import Symbol
from bot.domain.orders import OrderType, Purpose
from bot.domain.policy import Policy
from bot.domain.rolls import Roll
from bot.exchange.contracts import Contract
from bot.exchange.exchange import Exchange
from bot.exchange.moments import span_us
from bot.exchange.records import Trade

_ZERO = Decimal(0)
_MOMENT = timedelta(microseconds=1)
#: So long nothing may be done about a position that is held twice: longer than prices stay old, or a journal slow.
_PATIENCE = timedelta(hours=1)


@dataclass(slots=True, kw_only=True)
class _Passed:
    """One roll as it has traded, in coins (linear) or quote currency (inverse)."""

    begun_at: datetime
    #: The position when it first traded, unsigned.
    whole: Decimal
    closed: Decimal = _ZERO
    opened: Decimal = _ZERO
    #: What has traded under an id that the venue has given to two orders: as much of it may be one too many.
    doubled: Decimal = _ZERO
    #: From when on its newest trade can be judged: at once, or after the moment at which a spread trades both legs.
    #: None once it has been.
    due_at: datetime | None = None
    #: Since when far is ahead of near; None while it is not.
    twice_since: datetime | None = None
    #: For how long since then the bot could have done something about it, and that it could when it was last seen.
    idle: timedelta = timedelta(0)
    able_at: datetime | None = None


class LegGaps:
    """Follows the trades of rolls."""

    def __init__(self, exchange: Exchange, policy: Policy) -> None:
        self._exchange = exchange
        self._policy = policy.roll
        self._patience = _PATIENCE + 2 * policy.watch.roll
        self._passed: dict[Leg, _Passed] = {}

    def pause(self) -> None:
        """Do not count the time until the next judgement: nobody can do anything about a roll now."""
        for passed in self._passed.values():
            passed.able_at = None

    def see(self, at: datetime, trade: Trade, purpose: Purpose, books: Books) -> None:
        """Take in a trade of a roll."""
        for leg, roll in books.rolls.items():
            is_close = purpose is Purpose.ROLL_CLOSE and roll.near == trade.symbol
            is_open = purpose is Purpose.ROLL_OPEN and roll.far == trade.symbol
            if is_close or is_open:
                self._take(at, trade, leg, roll, is_close=is_close)

    def _take(self, at: datetime, trade: Trade, leg: Leg, roll: Roll, *, is_close: bool) -> None:
        floor = self._exchange.floor
        amount = trade.contracts * trade.side.sign * floor.contracts[trade.symbol].size
        passed = self._passed.get(leg)
        if passed is None or passed.begun_at != roll.begun_at:
            near = floor.accounts.contracts_of(roll.near) * floor.contracts[roll.near].size
            whole = abs(near - amount) if is_close else abs(near)
            passed = self._passed[leg] = _Passed(begun_at=roll.begun_at, whole=whole)
        if is_close:
            passed.closed -= amount
        else:
            passed.opened += amount
        if trade.client_order_id in self._exchange.deceived:
            passed.doubled += abs(amount)
        order = None if trade.order_id is None else floor.orders[trade.order_id]
        is_of_spread = order is not None and order.type is OrderType.MARKET
        passed.due_at = at + _MOMENT if is_of_spread else at

    def judge(self, now: datetime, books: Books) -> Iterator[tuple[bool, str]]:
        """Yield whether each roll that has traded keeps its bound."""
        for leg, passed in self._passed.items():
            roll = books.rolls.get(leg)
            is_on = roll is not None and roll.begun_at == passed.begun_at
            if passed.due_at is not None and passed.due_at <= now:
                passed.due_at = None
                if roll is not None and is_on and not self._is_last_call(roll.near):
                    gap = abs(_missing(roll, passed))
                    bound = self._bound(roll, passed) + passed.doubled
                    yield gap <= bound, f"near and far of {roll.near} were {gap} apart, {bound} at most is allowed"
            if roll is None or not is_on or not self._is_held_twice(roll, passed):
                passed.twice_since, passed.idle = None, timedelta(0)
            else:
                yield from self._judge_patience(now, leg, roll, passed, books)

    def _is_held_twice(self, roll: Roll, passed: _Passed) -> bool:
        """Return whether some of a position is in both contracts, and not too little to be closed in the near one."""
        floor = self._exchange.floor
        near, missing = floor.contracts[roll.near], _missing(roll, passed)
        least = max(floor.contracts[symbol].lot * floor.contracts[symbol].size for symbol in _ends(roll))
        is_ahead = floor.accounts.contracts_of(roll.near) * missing < 0
        return is_ahead and abs(missing) >= least + passed.doubled and not floor.has_expired(near)

    def _judge_patience(
        self, now: datetime, leg: Leg, roll: Roll, passed: _Passed, books: Books
    ) -> Iterator[tuple[bool, str]]:
        """Yield whether something has been done lately about a position that is held twice."""
        passed.twice_since = since = passed.twice_since or now
        if passed.able_at is not None:
            passed.idle += now - passed.able_at
        passed.able_at = now if self._is_able(leg, roll, books) else None
        if passed.idle <= self._patience:
            return
        orders = takewhile(lambda one: one.intent.intended_at >= since, reversed(books.orders.values()))
        is_tried = any(o.intent.purpose is Purpose.ROLL_CLOSE and o.intent.symbol == roll.near for o in orders)
        twice = f"{abs(_missing(roll, passed))} of {roll.near} were in {roll.far}, too"
        yield is_tried, f"{twice}, since {since:%H:%M:%S}, and nothing was done about it"
        passed.twice_since, passed.idle = now, timedelta(0)

    def _is_able(self, leg: Leg, roll: Roll, books: Books) -> bool:
        """Return whether the bot may close the near contract now."""
        return not (
            books.is_hard_halt
            or any((leg[0], symbol) in books.locks for symbol in _ends(roll))
            or any(books.has_open_question((leg[0], symbol), roll.asset) for symbol in _ends(roll))
        )

    def _bound(self, roll: Roll, passed: _Passed) -> Decimal:
        contracts = self._exchange.floor.contracts
        smallest = max(self._smallest(contracts[symbol]) for symbol in _ends(roll))
        return max(passed.whole * self._policy.max_leg_gap_frac, smallest) + smallest

    def _smallest(self, one: Contract) -> Decimal:
        """Return the smallest order that opens, and a lot on top of it for prices that move."""
        per_contract = one.notional_quote(Decimal(1), self._exchange.floor.mark_of(one))
        least = one.min_notional_quote / per_contract // one.lot * one.lot + 2 * one.lot
        return max(one.lot, least) * one.size

    def _is_last_call(self, near: Symbol) -> bool:
        floor = self._exchange.floor
        expires_us = floor.contracts[near].expires_us
        last_call_us = span_us(self._policy.outright_before) // LAST_CALL_SHARE
        return expires_us is not None and expires_us - floor.now_us <= last_call_us


def _ends(roll: Roll) -> list[Symbol]:
    return [symbol for symbol in (roll.near, roll.far) if symbol is not None]


def _missing(roll: Roll, passed: _Passed) -> Decimal:
    """Return what the far leg lacks, signed as the position; of the other sign where it has too much.

    What looks have asked for is traded in the far leg by and by: from none of it to all of it is even.
    """
    apart = passed.closed - passed.opened + roll.carried
    least, most = sorted((_ZERO, -roll.folded))
    return max(apart - most, _ZERO) + min(apart - least, _ZERO)
