"""What did a kill do? Judged from the exchange's own truth, and the journal that was left behind."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.domain.events import TradeFilled
from bot.domain.ids import carries_marker
from bot.domain.orders import OrderState, Purpose

#: So long may a position be without its stop while the daemon is up: the deadline, and a round of the loop that acts.
DEADLINE_SECONDS = 30.0 + 3.0
#: By then it has been said.
_TOLD_SECONDS = DEADLINE_SECONDS + 5.0
_TAIL_BYTES = 30_000
_RESTING = ("open", "partially_filled")
#: Of the portfolio: so far may a hedge be from what the oracle asks for, by lots, fees and the bound of an order.
_TOLERANCE_FRAC = Decimal("0.004")


@dataclass(slots=True)
class Report:
    """What was found. Lists of sentences are what must not be."""

    kills: int = 0
    #: Where the kills hit, by what was going on.
    moments: Counter[str] = field(default_factory=Counter)
    #: Kills after which the journal had an order whose outcome it did not know, or a cancel that was not answered.
    interrupted_orders: int = 0
    interrupted_cancels: int = 0
    #: Kills of a daemon that was up, and of one that was still starting.
    up: int = 0
    starting: int = 0
    #: Processes that were started from nothing, and not forked from one that has imported everything.
    fresh: int = 0
    #: Lives that sent an order or a stop.
    traded_lives: int = 0
    orders: int = 0
    stops: int = 0
    trades: int = 0
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    overshot: list[str] = field(default_factory=list)
    unprotected_late: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    #: Positions without a stop of their size for longer than the deadline that the daemon told of, and took care of.
    unprotected_told: int = 0
    #: Assets that a stop-out has left under a ceiling at the end: they are away from their target, and are to be.
    held_back: list[str] = field(default_factory=list)
    #: How long a position was without a stop of its size while a daemon ran that had loaded everything; lives are added
    #: together until it had its stop.
    unprotected_up_longest: float = 0.0
    #: The same, from the start of the process: a start is part of it.
    unprotected_alive_longest: float = 0.0
    #: Seconds from the start of the process until it answered, of the slowest life and on the average.
    start_longest: float = 0.0
    start_mean: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    #: How often its owner has resumed: three abnormal ends in ten minutes leave reductions only.
    resumed: int = 0
    #: How often it has given up by itself, because the venue did not answer.
    gave_up: int = 0

    @property
    def is_well(self) -> bool:
        """True when nothing was found."""
        return not (self.duplicates or self.lost or self.overshot or self.unprotected_late or self.apart)

    def add(self, other: "Report") -> None:
        """Take in what was found beside another exchange."""
        self.start_mean = self.start_mean or other.start_mean
        for name in type(self).__dataclass_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if name.endswith("_longest"):
                setattr(self, name, max(mine, theirs))
            elif name != "start_mean":
                setattr(self, name, mine + theirs)


@dataclass(slots=True)
class ProtectionWatch:
    """How long is each position without a stop of its size? Counted while the daemon lives, over all of its lives."""

    report: Report
    log: Path
    _alive: dict[str, float] = field(default_factory=dict)
    _up: dict[str, float] = field(default_factory=dict)

    def note(self, standing: Mapping[str, Any], *, alive: float, up: float) -> None:
        """Take in what stands after so many seconds more of a living daemon, and of one that is up."""
        held = {symbol: Decimal(amount) for symbol, amount in standing["positions"].items()}
        for symbol in {*held, *self._alive}:
            if symbol not in held or is_protected(symbol, held[symbol], standing["orders"]):
                self._alive.pop(symbol, None)
                self._up.pop(symbol, None)
                continue
            if symbol not in self._alive:
                # It was protected when last seen: what has passed since is not counted against it.
                self._alive[symbol] = self._up[symbol] = 0.0
                continue
            before = self._up[symbol]
            self._alive[symbol] += alive
            self._up[symbol] += up
            report = self.report
            report.unprotected_alive_longest = max(report.unprotected_alive_longest, self._alive[symbol])
            report.unprotected_up_longest = max(report.unprotected_up_longest, self._up[symbol])
            if before <= _TOLD_SECONDS < self._up[symbol]:
                self._note_late(symbol, held[symbol])

    def _note_late(self, symbol: str, held: Decimal) -> None:
        """A position that is late is told of, and acted on; one that is not is what must not be."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            told = [line for line in file.read().splitlines() if b'"event": "unprotected"' in line]
        if any(symbol.encode() in line for line in told):
            self.report.unprotected_told += 1
        else:
            self.report.unprotected_late.append(f"{symbol}: {held} for {self._up[symbol]:.0f} s of running daemons")


def is_protected(symbol: str, held: Decimal, orders: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a stop of the position's size rests on the side that closes it."""
    return any(
        order["symbol"] == symbol
        and order["type"] == "stop_market"
        and order["state"] == "open"
        and order["side"] == ("sell" if held > 0 else "buy")
        and Decimal(order["contracts"]) == abs(held)
        for order in orders
    )


@dataclass(slots=True)
class Oracle:
    """How large should each hedge be? Worked out from the exchange alone, without a line of the bot's arithmetic.

    Between two looks a position is somewhere between what it was, nothing, and what present and former prices ask for.
    An order that was sent twice leaves that range.
    """

    holdings: Mapping[str, Decimal]
    weights: Mapping[str, Decimal]
    #: Range per asset: everything that a hedge was or should be since the life before the last.
    _seen: list[dict[str, tuple[Decimal, Decimal]]] = field(default_factory=list)

    def begin(self, state: Mapping[str, Any], prices: Mapping[str, Decimal]) -> None:
        """Take in what a life begins with; of the lives before, two are remembered."""
        self._seen = self._seen[-2:]
        self._seen.append({})
        self.widen(state, prices)

    def widen(self, state: Mapping[str, Any], prices: Mapping[str, Decimal]) -> None:
        """Take in the prices of this moment."""
        positions = _by_asset(state)
        for asset, needed in self._needs(state, prices).items():
            low, high = self._seen[-1].get(asset, (Decimal(0), Decimal(0)))
            held = positions.get(asset, Decimal(0))
            self._seen[-1][asset] = (min(low, held, needed), max(high, held, needed))

    def overshot(self, state: Mapping[str, Any], prices: Mapping[str, Decimal]) -> list[str]:
        """Return what is larger than anything has asked for."""
        positions, found = _by_asset(state), []
        room = self._value(state, prices) * _TOLERANCE_FRAC
        for asset, held in positions.items():
            low = min(one[asset][0] for one in self._seen)
            high = max(one[asset][1] for one in self._seen)
            beside = room / prices[asset]
            if not low - beside <= held <= high + beside:
                found.append(f"{asset}: {held} is held, between {low:.4f} and {high:.4f} was asked for")
        return found

    def gaps(self, state: Mapping[str, Any], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return how far each hedge is from what is needed, as a fraction of the portfolio."""
        value, positions = self._value(state, prices), _by_asset(state)
        needs = self._needs(state, prices)
        return {asset: (positions.get(asset, Decimal(0)) - needs[asset]) * prices[asset] / value for asset in needs}

    def _needs(self, state: Mapping[str, Any], prices: Mapping[str, Decimal]) -> dict[str, Decimal]:
        value = self._value(state, prices)
        return {asset: weight * value / prices[asset] - self.holdings[asset] for asset, weight in self.weights.items()}

    def _value(self, state: Mapping[str, Any], prices: Mapping[str, Decimal]) -> Decimal:
        coins = sum((amount * prices[asset] for asset, amount in self.holdings.items()), Decimal(0))
        traded = Decimal(0)
        for trade in state["trades"]:
            sign = -1 if trade["side"] == "buy" else 1
            traded += sign * Decimal(trade["contracts"]) * Decimal(trade["price"]) - Decimal(trade["fee_paid"])
        open_ones = sum((held * prices[asset] for asset, held in _by_asset(state).items()), Decimal(0))
        return coins + traded + open_ones


def _by_asset(state: Mapping[str, Any]) -> dict[str, Decimal]:
    return {symbol.partition("/")[0]: Decimal(amount) for symbol, amount in state["positions"].items()}


def read_journal(folder: Path) -> SqlJournal:
    """Open the journal that a daemon has left, to read."""
    now = datetime.now(UTC)
    return open_journal(folder / JOURNAL_FILE, now=now, epoch_tail=lambda: "XXX", read_only=True)


def interrupted(folder: Path) -> tuple[bool, bool]:
    """Return whether an order, and whether a cancel, was under way when the process ended."""
    if not (folder / JOURNAL_FILE).exists():
        return False, False
    journal = read_journal(folder)
    working = journal.books.working_orders()
    journal.connection.close()
    return (
        any(order.state is OrderState.INTENDED for order in working),
        any(order.is_doomed for order in working),
    )


def judge(report: Report, state: Mapping[str, Any], folder: Path, gaps: Mapping[str, Decimal], band: Decimal) -> None:
    """Compare the exchange's truth with the journal, after the last life has settled."""
    journal = read_journal(folder)
    books = journal.books
    ours = [order for order in state["orders"] if carries_marker(order["client_order_id"] or "")]
    report.orders, report.trades = len(ours), len(state["trades"])
    report.stops = sum(order["type"] == "stop_market" for order in ours)
    report.faults.update(state["faults"])
    ids = Counter(order["client_order_id"] for order in ours)
    report.duplicates += sorted(one for one, count in ids.items() if count > 1)
    intended = _intended(journal)
    report.lost += [f"order {one} is in no journal" for one in ids if one not in intended]
    booked = Counter(
        str(fact.fill.trade_id) for _, fact in journal.facts(kind="TradeFilled") if isinstance(fact, TradeFilled)
    )
    report.lost += [f"trade {one['id']} was not booked" for one in state["trades"] if not booked[str(one["id"])]]
    report.duplicates += [f"trade {one} was booked {count} times" for one, count in booked.items() if count > 1]
    ledgers = {symbol: ledger.contracts for (_, symbol), ledger in books.ledgers.items() if ledger.contracts}
    held = {symbol: Decimal(amount) for symbol, amount in state["positions"].items()}
    if ledgers != held:
        report.apart.append(f"the journal has {ledgers}, the exchange {held}")
    resting = {order["client_order_id"]: order for order in ours if order["state"] in _RESTING}
    working = {order.intent.client_order_id: order.intent.purpose for order in books.working_orders()}
    report.apart += [f"{one} is open in the journal alone" for one in working if one not in resting]
    report.apart += [f"{one} is open at the exchange alone" for one in resting if one not in working]
    report.apart += [
        f"{symbol} is held without its stop"
        for symbol, amount in held.items()
        if not is_protected(symbol, amount, state["orders"])
    ]
    stops = Counter(
        resting[one]["symbol"] for one, purpose in working.items() if purpose is Purpose.STOP and one in resting
    )
    report.apart += [f"{count} stops rest for {symbol}" for symbol, count in stops.items() if count > 1]
    report.apart += [f"a stop rests for {symbol}, which is not held" for symbol in stops if symbol not in held]
    bounded = {str(asset) for asset, _ in books.ceilings}
    away = {asset: gap for asset, gap in gaps.items() if abs(gap) > band}
    report.apart += [f"{asset} is {gap:.2%} from its target" for asset, gap in away.items() if asset not in bounded]
    report.held_back += sorted(bounded & away.keys())
    journal.connection.close()


def _intended(journal: SqlJournal) -> set[str]:
    rows = journal.connection.exec_driver_sql("SELECT client_order_id FROM facts WHERE kind = 'OrderIntended'")
    return {str(one) for (one,) in rows}
