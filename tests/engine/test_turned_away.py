"""What becomes of a hedge that the venue has no room for?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.backtest.simulation import simulate
from bot.bootstrap import Bot
from bot.domain.orders import Purpose
from bot.domain.policy import CadencePolicy, ExecutionPolicy, ExecutionStyle, Policy
from bot.exchange.exchange import Exchange
from bot.exchange.faults import Effect, LoseRequest, Refuse
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, HOUR, Rig, let_hedges_meet, one_coin_exchange


def policy(style: ExecutionStyle) -> Policy:
    """The next look of the calendar is an hour away."""
    return Policy(
        targets={BTC: Decimal("0.5")},
        cadence=CadencePolicy(cron="30 * * * *", move_sigmas=None),
        execution=ExecutionPolicy(style=style),
    )


def an_exchange_that_refuses_hedges(code: str, times: int) -> Exchange:
    return let_hedges_meet(one_coin_exchange(), Refuse(code=code), times)


def lived(style: ExecutionStyle, exchange: Exchange, minutes: int) -> SqlJournal:
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "TAW")
    simulate(policy(style), exchange, journal, until=exchange.now + timedelta(minutes=minutes))
    return journal


#: How many orders a leg sends in one look that is refused throughout.
ORDERS = {ExecutionStyle.IOC: 1, ExecutionStyle.CHASE: 25}


@pytest.mark.parametrize("code", ["overloaded", "rate_limited"])
@pytest.mark.parametrize("style", ORDERS)
def test_a_hedge_that_was_turned_away_is_looked_at_again_soon(style: ExecutionStyle, code: str) -> None:
    exchange = an_exchange_that_refuses_hedges(code, ORDERS[style])
    lived(style, exchange, 12)
    assert list(exchange.floor.accounts.positions)


def test_a_venue_that_turns_everything_away_is_asked_every_five_minutes() -> None:
    exchange = an_exchange_that_refuses_hedges("overloaded", 1000)
    journal = lived(ExecutionStyle.IOC, exchange, 24)
    hedges = [order for order in journal.books.orders.values() if order.intent.purpose is Purpose.HEDGE]
    assert len(hedges) == 5


def test_a_hedge_that_is_refused_for_good_waits_for_the_calendar() -> None:
    exchange = an_exchange_that_refuses_hedges("min_notional", 1000)
    journal = lived(ExecutionStyle.IOC, exchange, 24)
    hedges = [order for order in journal.books.orders.values() if order.intent.purpose is Purpose.HEDGE]
    assert len(hedges) == 1


def test_a_hedge_that_the_venue_refuses_is_told_until_it_is_taken() -> None:
    one = Rig()
    begun = one.exchange.now

    def refuse(call: str, _: OrderRequest | None) -> Effect | None:
        return Refuse(code="position_mode") if call == "submit" and one.exchange.now - begun < HOUR / 2 else None

    one.exchange.faults.add(refuse, times=1000)
    while_refused: set[str] = set()

    async def reads(bot: Bot) -> None:
        while_refused.update(
            alert["cause"] for alert in bot.desk.alerts.open_alerts if alert["code"] == "hedge_refused"
        )

    one.run(3 * HOUR, reads, after=HOUR / 2)
    assert while_refused == {f"paper/{BTC_PERP}", f"paper/{ETH_PERP}"}
    assert "hedge_refused" not in one.alerts()
    assert one.held() == Decimal("-0.018")
    one.is_well()


def test_a_hedge_that_is_refused_and_lost_in_turn_is_told_once() -> None:
    one = Rig()
    sent = 0

    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        nonlocal sent
        if call != "submit" or request is None or request.symbol != BTC_PERP:
            return None
        sent += 1
        return Refuse(code="position_mode") if sent % 2 else LoseRequest()

    one.exchange.faults.add(happens, times=10_000)
    told: list[bool] = []

    async def watches(bot: Bot) -> None:
        for _ in range(60):
            told.append("hedge_refused" in one.alerts())
            await bot.desk.clock.sleep(HOUR / 20)

    one.run(4 * HOUR, watches)
    assert told == sorted(told), "from then on"
    assert told[-1]


def test_a_dry_run_says_of_no_venue_that_it_refuses() -> None:
    one = Rig()
    one.exchange.faults.on("submit", Refuse(code="dry_run"), times=10_000)
    one.run(HOUR / 2)
    assert "hedge_refused" not in one.alerts()


def test_a_hedge_that_is_refused_and_not_wanted_any_more_is_told_no_more() -> None:
    one = Rig()
    one.exchange.faults.on("submit", Refuse(code="position_mode"), times=10_000)

    async def halts(bot: Bot) -> None:
        assert "hedge_refused" in one.alerts()
        await bot.control.halt("owner", why="a look at it")

    bot = one.run(3 * HOUR, halts, after=HOUR / 2)
    assert "hedge_refused" not in one.alerts()
    assert bot.execution.refused == {}, "nor when another look wants it and sends nothing"
