"""What becomes of a hedge whose order was lost?"""

from datetime import timedelta
from decimal import Decimal

from bot.adapters.journal.journal import open_journal
from bot.backtest.simulation import simulate
from bot.domain.ids import Asset, Currency
from bot.domain.orders import OrderState, OrderType, Purpose
from bot.domain.policy import CadencePolicy, Policy
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.faults import Effect, LoseRequest
from bot.exchange.orders import OrderRequest

BTC = Asset("BTC")
#: The next look of the calendar is an hour away.
POLICY = Policy(targets={BTC: Decimal("0.5")}, cadence=CadencePolicy(cron="30 * * * *", move_sigmas=None))


def an_exchange_that_loses_hedges(times: int) -> Exchange:
    exchange = open_exchange(
        ExchangeConfig(
            market=MarketKind.STATIC,
            assets=(BTC,),
            holdings={BTC: Decimal("0.1")},
            collateral={Currency("USDT"): Decimal(6000)},
        ),
        None,
    )

    def lose(call: str, request: OrderRequest | None) -> Effect | None:
        is_hedge = call == "submit" and request is not None and request.type is OrderType.LIMIT
        return LoseRequest() if is_hedge else None

    exchange.faults.add(lose, times=times)
    return exchange


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
