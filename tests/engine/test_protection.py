"""What is protected, and what is done about the rest?"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.backtest.invariants import InvariantChecker
from bot.backtest.simulation import simulate
from bot.domain.orders import OrderType
from bot.domain.policy import CadencePolicy, Policy, WatchIntervals
from bot.exchange.exchange import Exchange
from bot.exchange.faults import Effect, LoseRequest, Refuse
from bot.exchange.orders import OrderRequest
from bot.exchange.static_market import DEFAULT_START
from tests.engine.rig import BTC, one_coin_exchange


def a_long_hedge_whose_market_falls() -> tuple[Exchange, SqlJournal]:
    # Far enough for the stop to be moved at the look after it.
    falls = (
        (DEFAULT_START + timedelta(minutes=30), Decimal(50_000)),
        (DEFAULT_START + timedelta(minutes=50), Decimal(47_000)),
    )
    exchange = one_coin_exchange(script={BTC: falls})
    return exchange, open_journal(None, now=exchange.now, epoch_tail=lambda: "STP")


POLICY = Policy(targets={BTC: Decimal("0.5")}, cadence=CadencePolicy(cron="0 * * * *", move_sigmas=None))


def run(exchange: Exchange, journal: SqlJournal, lasting: timedelta, policy: Policy = POLICY) -> None:
    simulate(policy, exchange, journal, until=exchange.now + lasting)


def test_a_position_whose_stop_cannot_be_moved_is_neither_reduced_nor_called_unprotected() -> None:
    exchange, journal = a_long_hedge_whose_market_falls()

    def refuse_stops(call: str, request: OrderRequest | None) -> Effect | None:
        is_stop = call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
        return Refuse(code="invalid_trigger") if is_stop and exchange.floor.open_orders else None

    exchange.faults.add(refuse_stops, times=100)
    run(exchange, journal, timedelta(minutes=58))
    (resting,) = exchange.floor.open_orders.values()
    held = exchange.floor.accounts.contracts_of(resting.symbol)
    run(exchange, journal, timedelta(minutes=40))
    assert exchange.floor.accounts.contracts_of(resting.symbol) == held
    assert list(exchange.floor.open_orders.values()) == [resting]
    assert not journal.books.unprotected
    assert "unprotected" not in {cause for _, cause in journal.books.ceilings}


def test_a_stop_that_was_lost_on_its_way_is_placed_again_within_the_deadline() -> None:
    exchange, journal = a_long_hedge_whose_market_falls()
    policy = replace(POLICY, watch=WatchIntervals(protection=timedelta(minutes=10), reconcile=timedelta(minutes=10)))
    checker = InvariantChecker(exchange, journal, policy)

    def lose_the_first_stop(call: str, request: OrderRequest | None) -> Effect | None:
        is_stop = call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
        return LoseRequest() if is_stop else None

    exchange.faults.add(lose_the_first_stop)
    run(exchange, journal, timedelta(minutes=20), policy)
    (position,) = exchange.floor.accounts.positions.values()
    (stop,) = exchange.floor.open_orders.values()
    assert stop.contracts == abs(position.contracts)
    assert checker.unprotected_seconds_max < POLICY.stops.deadline.total_seconds()


def test_a_leg_found_without_its_stop_after_an_outage_gets_its_stop_and_is_not_closed() -> None:
    exchange, journal = a_long_hedge_whose_market_falls()

    def lose_the_first_stop(call: str, request: OrderRequest | None) -> Effect | None:
        is_stop = call == "submit" and request is not None and request.type is OrderType.STOP_MARKET
        return LoseRequest() if is_stop else None

    exchange.faults.add(lose_the_first_stop)
    run(exchange, journal, timedelta(seconds=6))
    assert journal.books.unprotected
    (held,) = exchange.floor.accounts.positions.values()
    contracts = held.contracts
    exchange.advance(exchange.now + timedelta(minutes=20))
    run(exchange, journal.reopened(), timedelta(minutes=1))
    (stop,) = exchange.floor.open_orders.values()
    assert exchange.floor.accounts.contracts_of(stop.symbol) == contracts
    assert stop.contracts == abs(contracts)
