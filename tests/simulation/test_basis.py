"""What does the bot do when a contract leaves the spot price of its asset?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from bot.domain.events import BasisNoted, LookTaken
from bot.domain.instruments import Tenor
from bot.domain.orders import Purpose
from bot.domain.plan import Rule
from tests.simulation.test_scenarios import HOUR, Owner

START = datetime(2024, 1, 10, tzinfo=UTC)


def owner() -> Owner:
    """Hedges in quarterlies at 5 % a year, which go to 80 % for six hours while bitcoin falls, and come back."""
    curve = tuple(
        (START + hour * HOUR, Decimal(annual))
        for hour, annual in ((0, "0.05"), (5, "0.05"), (6, "0.80"), (12, "0.80"), (13, "0.05"))
    )
    return Owner(
        start=START,
        held="0.1",
        tenors=(Tenor.DATED,),
        exchange={"dated_basis_annual": Decimal("0.05"), "dated_basis_curve": curve},
        script=[(7 * HOUR, "50000"), (8 * HOUR, "28000")],
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
    times = [fact.at for fact in one.facts(BasisNoted) if fact.symbol == "BTC/USDT:USDT-240329"]
    assert len(times) == 5
    assert all(later - earlier >= HOUR for earlier, later in pairwise(times))
    (record,) = [
        rec for (_, symbol), rec in one.journal.reopened().books.basis.items() if symbol == "BTC/USDT:USDT-240329"
    ]
    assert len(record.samples) == 5
    assert timedelta(0) <= one.exchange.now - record.samples[-1].at <= HOUR
