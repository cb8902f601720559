"""What does the bot do when a contract leaves the spot price of its asset?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from bot.adapters.journal.journal import open_journal
from bot.adapters.paper import PAPER
from bot.backtest.basis import basis_of
from bot.bootstrap import Bot
from bot.domain.basis import BasisRecord, BasisSample
from bot.domain.events import BasisNoted, LookTaken, OrderIntended
from bot.domain.ids import Symbol
from bot.domain.instruments import Tenor
from bot.domain.orders import Purpose
from bot.domain.plan import Rule
from bot.domain.policy import ExecutionPolicy, ExecutionStyle
from tests.simulation.test_scenarios import HOUR, Owner

START = datetime(2024, 1, 10, tzinfo=UTC)


MINUTE = timedelta(minutes=1)
DATED = "BTC/USDT:USDT-240329"


def owner(bitcoin: str = "28000") -> Owner:
    """Hedges in quarterlies at 5 % a year, which go to 80 % for six hours while bitcoin moves, and come back."""
    curve = tuple(
        (START + hour * HOUR, Decimal(annual))
        for hour, annual in ((0, "0.05"), (5, "0.05"), (6, "0.80"), (12, "0.80"), (13, "0.05"))
    )
    return Owner(
        start=START,
        held="0.1",
        tenors=(Tenor.DATED,),
        exchange={"dated_basis_annual": Decimal("0.05"), "dated_basis_curve": curve},
        script=[(7 * HOUR, "50000"), (8 * HOUR, bitcoin)],
    )


def test_a_wide_basis_is_told_and_nothing_is_added_while_it_is_too_wide() -> None:
    one = owner()
    one.run(11 * HOUR)
    assert "basis_wide" in one.alerts()
    lines = {line.symbol: line for line in one.bot.control._basis.newest} if one.bot else {}
    assert any(line.is_blocked for line in lines.values())
    orders = one.journal.books.orders.values()
    hedges = [o for o in orders if o.intent.purpose is Purpose.HEDGE and o.intent.intended_at > START + 7 * HOUR]
    assert [o for o in hedges if not o.intent.reduce_only] == []
    refused = [look for look in one.facts(LookTaken) if f'"{Rule.PRICE_SANITY}"' in look.document]
    assert refused

    one.run(8 * HOUR)

    assert "basis_wide" not in one.alerts()
    later = [o for o in one.journal.books.orders.values() if o.intent.intended_at >= START + 13 * HOUR]
    assert [o for o in later if o.intent.purpose is Purpose.HEDGE and not o.intent.reduce_only]
    one.is_well()


def test_the_history_is_sampled_hourly_and_outlives_a_restart() -> None:
    one = owner()
    one.run(3 * HOUR)
    one.run(2 * HOUR)
    times = [fact.at for fact in one.facts(BasisNoted) if fact.symbol == DATED]
    assert len(times) == 5
    assert all(later - earlier >= HOUR for earlier, later in pairwise(times))
    (record,) = [rec for (_, symbol), rec in one.journal.reopened().books.basis.items() if symbol == DATED]
    assert len(record.samples) == 5
    assert timedelta(0) <= one.exchange.now - record.samples[-1].at <= HOUR


def test_a_reduction_goes_on_while_the_basis_is_too_wide() -> None:
    """Bitcoin rises while nothing may be added: of its long a part is too many, and that part is sold."""
    one = owner("70000")
    one.run(7 * HOUR)
    before = one.exchange.floor.accounts.contracts_of(Symbol(DATED))
    one.run(4 * HOUR)

    after = one.exchange.floor.accounts.contracts_of(Symbol(DATED))
    assert 0 < after < before
    assert one.journal.books.basis[PAPER, Symbol(DATED)].is_blocked
    hedges = [fact.intent for fact in one.facts(OrderIntended) if fact.at > START + 7 * HOUR]
    assert {intent.reduce_only for intent in hedges if intent.purpose is Purpose.HEDGE} == {True}
    one.is_well()


def test_what_is_being_worked_stops_when_the_mark_leaves_the_index() -> None:
    """Ten minutes into half an hour of slices; the prices are good for a short, and not to be believed."""
    jump = START + 10 * MINUTE
    one = Owner(
        start=START,
        tenors=(Tenor.DATED,),
        execution=ExecutionPolicy(style=ExecutionStyle.TWAP),
        exchange={
            "dated_basis_annual": Decimal("0.05"),
            "dated_basis_curve": ((jump, Decimal("0.05")), (jump, Decimal("0.80"))),
        },
    )
    one.run(3 * HOUR)

    slices = [
        fact.at for fact in one.facts(OrderIntended) if fact.intent.symbol == DATED and not fact.intent.reduce_only
    ]
    assert 0 < len(slices) < 10
    assert max(slices) < jump + timedelta(seconds=5)
    one.is_well()


def test_what_is_neither_held_nor_to_be_held_any_more_is_no_longer_told() -> None:
    """The perpetual of a bot whose hedges expire: it was held once, and was too far off then."""
    one = owner()
    perpetual = "BTC/USDT:USDT"

    def tell_as_before(bot: Bot) -> None:
        known = BasisRecord(samples=(BasisSample(at=START, basis=Decimal("0.02")),), is_wide=True)
        bot.desk.journal.books.basis[PAPER, Symbol(perpetual)] = known
        bot.desk.alerts.raise_alert("basis_wide", "It is wide", severity="warning", cause=f"{PAPER}/{perpetual}")
        assert "basis_wide" in {alert["code"] for alert in bot.desk.alerts.open_alerts}

    one.run(10 * MINUTE, during=tell_as_before)

    assert "basis_wide" not in one.alerts()


def test_a_backtest_tells_how_far_and_for_how_long() -> None:
    one = owner()
    one.run(19 * HOUR)

    told = basis_of(one.journal, one.policy.watch.basis, one.exchange.now)

    (dated,) = [row for row in told["contracts"] if row["symbol"] == DATED]
    facts = [fact for fact in one.facts(BasisNoted) if fact.symbol == DATED]
    assert dated["noted"] == len(facts)
    assert Decimal(dated["furthest_frac"]) == round(max(fact.basis for fact in facts), 12) > Decimal("0.15")
    assert Decimal(told["max_abs_frac"]) >= Decimal(dated["furthest_frac"])
    # Beyond 9.5 % from half past five to half past twelve, as often as it is watched.
    assert 6.5 * 3600 < Decimal(dated["blocked_seconds"]) < 7 * 3600
    assert Decimal(dated["blocked_seconds"]) < Decimal(dated["wide_seconds"]) < 8 * 3600
    quiet = [row for row in told["contracts"] if row["symbol"].startswith("BTC") and row["symbol"] != DATED]
    assert all(Decimal(row["wide_seconds"]) <= 8 * 3600 for row in quiet)


def test_nothing_is_told_of_a_basis_that_nobody_has_watched() -> None:
    told = basis_of(open_journal(None, now=START, epoch_tail=lambda: "BAS"), timedelta(minutes=5), START)
    assert told == {"max_abs_frac": "0", "wide_seconds": "0", "blocked_seconds": "0", "contracts": []}
