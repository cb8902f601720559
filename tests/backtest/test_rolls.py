"""Four years in contracts that expire: is every position passed on, at the price that the curve asks for?

Recomputed from the tables that a backtest leaves, by code of its own.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.backtest.invariants import InvariantChecker
from bot.backtest.simulation import simulate
from bot.domain.events import RollEnded
from bot.domain.ids import Asset, Currency
from bot.domain.instruments import Tenor
from bot.domain.orders import Purpose
from bot.domain.policy import CadencePolicy, Policy, WatchIntervals
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from tests.backtest.command import backtest
from tests.data_folder import data_folder

pytestmark = [pytest.mark.seconds(75), pytest.mark.usefixtures("quiet")]

_BASIS = Fraction(8, 100)
_ASSETS = ("BTC", "ETH")
_DAY = timedelta(days=1)


def last_fridays(first_year: int, last_year: int) -> list[datetime]:
    """Return 08:00 UTC of the last Friday of each quarter."""
    found = []
    for year in range(first_year, last_year + 1):
        for month in (3, 6, 9, 12):
            day = datetime(year + month // 12, month % 12 + 1, 1, 8, tzinfo=UTC) - _DAY
            while day.weekday() != 4:
                day -= _DAY
            found.append(day)
    return found


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[Any], list[Any]]:
    """The document of 2021 to 2024, its trades and its rows."""
    data = data_folder()
    out = tmp_path_factory.mktemp("rolls")
    environ = {
        "TRIMTAB_TARGETS": "BTC=60%,ETH=40%",
        "TRIMTAB_TENORS": "dated",
        "TRIMTAB_PAPER__DATED_BASIS": "8%",
        "TRIMTAB_PAPER__COLLATERAL": "USDT=60000",
        "TRIMTAB_WATCH__PROTECTION": "6h",
        "TRIMTAB_WATCH__RECONCILE": "12h",
        "TRIMTAB_WATCH__PRICES": "12h",
        "TRIMTAB_WATCH__BASIS": "1d",
        "TRIMTAB_WATCH__BREAKER": "1d",
        "TRIMTAB_WATCH__MARGIN": "6h",
        "TRIMTAB_WATCH__FUNDING": "1d",
        "TRIMTAB_WATCH__ROLL": "30m",
    }
    document = backtest(data, out, environ, begin="2021-01-01", end="2025-01-01")
    return document, _rows(out / "trades.csv"), _rows(out / "equity.csv")


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def _legs(trades: list[Any]) -> dict[tuple[str, str], list[Any]]:
    """Return the trades of each roll by asset and the day that its near contract ends."""
    rolls: dict[tuple[str, str], list[Any]] = defaultdict(list)
    near = ""
    for row in trades:
        if row["purpose"] == "roll_close":
            near = row["symbol"].rpartition("-")[2]
        if row["purpose"] in ("roll_open", "roll_close"):
            rolls[row["symbol"].partition("/")[0], near].append(row)
    return rolls


def test_every_open_position_is_passed_on_at_each_of_sixteen_expiries(
    years: tuple[dict[str, Any], list[Any], list[Any]],
) -> None:
    document, trades, rows = years
    expiries = last_fridays(2021, 2024)
    assert len(expiries) == 16
    expected = set()
    for expiry in expiries:
        before = [row for row in rows if datetime.fromisoformat(row["time"]) < expiry - timedelta(hours=9)][-1]
        expected |= {(asset, f"{expiry:%y%m%d}") for asset in _ASSETS if Fraction(before[f"delta_{asset}"]) != 0}

    assert set(_legs(trades)) == expected
    assert document["rolls"] == len(expected) >= 24
    assert document["missed_expiries"] == 0
    assert not [row for row in trades if row["purpose"] == "settlement"]
    assert document["liquidations"] == 0
    assert document["invariants"]["violated"] == []


def test_both_legs_are_of_the_same_size_and_never_apart(years: tuple[dict[str, Any], list[Any], list[Any]]) -> None:
    _, trades, _ = years
    for (asset, _), legs in _legs(trades).items():
        near = sum(Fraction(row["amount_base"]) for row in legs if row["purpose"] == "roll_close")
        apart = Fraction(0)
        for row in legs:
            apart += Fraction(row["amount_base"]) * (1 if row["side"] == "buy" else -1)
            assert abs(apart) <= near, f"{asset}: a pair is at most one position apart"
        assert apart == 0
        assert len({row["time"] for row in legs}) == 1, "as one order of the venue"


def test_a_roll_costs_what_the_curve_implies(years: tuple[dict[str, Any], list[Any], list[Any]]) -> None:
    document, trades, rows = years
    index = {(row["time"], asset): Fraction(row[f"index_{asset}"]) for row in rows for asset in _ASSETS}
    paid = fees = Fraction(0)
    told = {(row["symbol"], row["to_symbol"]): row for row in document["roll_list"]}
    assert len(told) == document["rolls"] == len(_legs(trades))
    for (asset, _), legs in _legs(trades).items():
        difference = sum(
            Fraction(row["price"]) * Fraction(row["amount_base"]) * (1 if row["side"] == "buy" else -1) for row in legs
        )
        opened = next(row for row in legs if row["purpose"] == "roll_open")
        direction = 1 if opened["side"] == "buy" else -1
        near, far = (
            datetime.strptime(row["symbol"].rpartition("-")[2], "%y%m%d").replace(hour=8, tzinfo=UTC)
            for row in sorted(legs, key=lambda row: str(row["symbol"]))
        )
        price = index[opened["time"], asset]
        implied = price * _BASIS * Fraction((far - near) // _DAY, 365) * Fraction(opened["amount_base"]) * direction
        # The spread's own book is one basis point wide, and prices stand on their ticks.
        crossing = price * Fraction(opened["amount_base"]) / 10_000
        assert abs(difference - implied) < crossing, (asset, float(difference), float(implied))
        paid += difference
        fees += sum(Fraction(row["fee_quote"]) for row in legs)
        line = told[min(row["symbol"] for row in legs), max(row["symbol"] for row in legs)]
        cost = difference + sum(Fraction(row["fee_quote"]) for row in legs)
        assert abs(Fraction(line["cost_quote"]) - cost) < Fraction(1, 10**6)
        assert abs(Fraction(line["yield_annual"]) + direction * _BASIS) < Fraction(1, 1000)
        assert not line["is_missed"]

    assert abs(paid + fees - Fraction(document["roll_cost_quote"])) < Fraction(1, 100)
    assert abs(fees - Fraction(document["roll_fees_quote"])) < Fraction(1, 100)


# --- around one expiry, by the days before and after it ----------------------------------------

_WATCH = WatchIntervals(
    protection=timedelta(hours=1),
    reconcile=timedelta(hours=1),
    prices=timedelta(hours=1),
    margin=timedelta(hours=1),
    roll=timedelta(minutes=15),
)
_POLICY = Policy(
    targets={Asset("BTC"): Decimal("0.6"), Asset("ETH"): Decimal("0.4")},
    tenors=(Tenor.DATED,),
    cadence=CadencePolicy(cron="0 * * * *"),
    watch=_WATCH,
)


@dataclass(slots=True)
class _Window:
    """A recorded market around an expiry, and what the daemon leaves there."""

    exchange: Exchange
    journal: SqlJournal
    checker: InvariantChecker
    lines: list[Any] = field(default_factory=list)

    def run(self, until: datetime) -> None:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
        with capture_logs() as lines:
            simulate(_POLICY, self.exchange, self.journal, until=until)
        self.lines += lines

    def alerts(self) -> set[str]:
        return {line["code"] for line in self.lines if line.get("alert_state") == "opened"}

    def held(self) -> dict[str, Decimal]:
        positions = self.exchange.floor.accounts.positions
        return {symbol: position.contracts for symbol, position in positions.items()}

    def trades(self, *purposes: Purpose) -> list[tuple[Purpose, Any]]:
        orders, found = self.journal.books.orders, []
        for trade in self.exchange.floor.trades:
            order = orders.get(trade.client_order_id) if trade.client_order_id else None
            if order is not None and order.intent.purpose in purposes:
                found.append((order.intent.purpose, trade))
        return found

    def is_well(self) -> None:
        self.checker.check_at_rest(self.exchange.now)
        assert self.checker.violated == []
        assert not self.journal.books.locks
        assert not self.journal.books.rolls


def _window(expiry: datetime, *, days_before: int, days_after: int, **changes: Any) -> _Window:
    config: dict[str, Any] = {
        "market": MarketKind.HISTORY,
        "data_dir": data_folder(),
        "assets": (Asset("BTC"), Asset("ETH")),
        "start": expiry - timedelta(days=days_before),
        "end": expiry + timedelta(days=days_after),
        "holdings": {Asset("BTC"): Decimal("0.3"), Asset("ETH"): Decimal("1.5")},
        "collateral": {Currency("USDT"): Decimal(20000)},
        "dated_basis_annual": Decimal("0.08"),
    }
    exchange = open_exchange(ExchangeConfig(**(config | changes)), None)
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "EXP")
    return _Window(exchange, journal, InvariantChecker(exchange, journal, _POLICY))


def test_after_a_day_without_the_bot_the_settlement_is_known_and_the_hedge_is_back() -> None:
    """Down from twelve hours before an expiry to twelve hours after it."""
    expiry = datetime(2021, 6, 25, 8, tzinfo=UTC)
    one = _window(expiry, days_before=40, days_after=10)
    one.run(expiry - timedelta(hours=12))
    held = one.held()
    assert {symbol.rpartition("-")[2] for symbol in held} == {"210625"}

    one.exchange.advance(expiry + timedelta(hours=12))

    assert not one.held()
    settled = [trade for trade in one.exchange.floor.trades if trade.forced is Purpose.SETTLEMENT]
    assert {trade.symbol for trade in settled} == set(held)
    assert "expiry_missed" not in one.alerts()
    one.run(expiry + timedelta(hours=12, minutes=5))
    assert "expiry_missed" in one.alerts()
    assert {symbol.rpartition("-")[2] for symbol in one.held()} == {"210924"}
    booked = one.journal.books.ledgers
    assert all(ledger.contracts == 0 for leg, ledger in booked.items() if leg[1] in held)
    one.run(expiry + timedelta(days=9))
    one.is_well()


def test_where_the_margin_does_not_carry_both_legs_near_is_closed_first() -> None:
    """No book for spreads, and a day before the expiry the venue asks for nearly all of the balance as margin.

    It refuses what the margin does not carry, also what was carried a moment before: prices move meanwhile.
    """
    expiry = datetime(2021, 9, 24, 8, tzinfo=UTC)
    one = _window(
        expiry,
        days_before=4,
        days_after=1,
        spread_book_bps=None,
        collateral={Currency("USDT"): Decimal(5000)},
        spare={},
    )
    one.run(expiry - timedelta(hours=26))
    near = one.held()
    assert {symbol.rpartition("-")[2] for symbol in near} == {"210924"}
    (margin,) = [line for line in one.exchange.margins() if line.initial]
    usual = Decimal(20)
    tight = usual * margin.initial / margin.margin_balance / Decimal("0.97")
    for symbol in one.exchange.floor.contracts:
        one.exchange.set_leverage(symbol, tight)

    one.run(expiry + timedelta(hours=2))

    far = one.held()
    assert {symbol.rpartition("-")[2] for symbol in far} == {"211231"}
    assert not [trade for trade in one.exchange.floor.trades if trade.forced]
    for asset in _ASSETS:
        legs = [
            (purpose, trade)
            for purpose, trade in one.trades(Purpose.ROLL_OPEN, Purpose.ROLL_CLOSE)
            if trade.symbol.startswith(asset)
        ]
        whole = sum(trade.contracts for purpose, trade in legs if purpose is Purpose.ROLL_CLOSE)
        apart = widest = Decimal(0)
        for _, trade in legs:
            apart += trade.contracts * trade.side.sign
            widest = max(widest, abs(apart))
        assert legs[0][0] is Purpose.ROLL_CLOSE, "near first"
        # A lot is what the margin does not carry in the end.
        assert abs(apart) <= Decimal("0.001")
        assert 0 < widest <= whole * Decimal("0.26"), "a quarter of the position, to the lot"
        (ended,) = [
            fact
            for _, fact in one.journal.facts(kind="RollEnded")
            if isinstance(fact, RollEnded) and fact.asset == asset
        ]
        assert ended.closed == whole
        assert ended.closed - ended.opened == abs(apart)
        assert not ended.is_missed
        # What prices have done between the parts is in it, too.
        direction = 1 if far[legs[0][1].symbol.replace("210924", "211231")] > 0 else -1
        assert ended.yield_annual == pytest.approx(Decimal("-0.08") * direction, abs=Decimal("0.02"))
    one.is_well()
