"""What becomes of a hedge whose order was lost?"""

from datetime import timedelta
from decimal import Decimal

from bot.adapters.journal.journal import open_journal
from bot.backtest.simulation import simulate
from bot.domain.orders import OrderState, Purpose
from bot.domain.policy import CadencePolicy, Policy
from bot.exchange.exchange import Exchange
from bot.exchange.faults import LoseRequest
from tests.engine.rig import BTC, let_hedges_meet, one_coin_exchange

#: The next look of the calendar is an hour away.
POLICY = Policy(targets={BTC: Decimal("0.5")}, cadence=CadencePolicy(cron="30 * * * *", move_sigmas=None))


def an_exchange_that_loses_hedges(times: int) -> Exchange:
    return let_hedges_meet(one_coin_exchange(), LoseRequest(), times)


def test_a_look_is_taken_as_soon_as_a_lost_order_is_known_to_be_lost() -> None:
    exchange = an_exchange_that_loses_hedges(1)
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "SET")
    simulate(POLICY, exchange, journal, until=exchange.now + timedelta(minutes=5))
    assert list(exchange.floor.accounts.positions)


def test_orders_that_are_lost_again_and_again_are_not_chased() -> None:
    exchange = an_exchange_that_loses_hedges(1000)
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "SET")
    simulate(POLICY, exchange, journal, until=exchange.now + timedelta(minutes=25))
    hedges = [order for order in journal.books.orders.values() if order.intent.purpose is Purpose.HEDGE]
    assert [order.state for order in hedges] == [OrderState.ABSENT, OrderState.ABSENT]
