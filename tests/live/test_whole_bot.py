"""What an owner would see: the whole daemon through ccxt, on the venue's own documents."""

from datetime import timedelta
from decimal import Decimal

import pytest

from bot.domain.events import FundingSettled, OrderIntended, StopFired, TransferChanged
from bot.domain.ids import Symbol
from bot.domain.orders import OrderType, Purpose
from bot.domain.policy import WatchIntervals
from bot.domain.transfers import TransferState
from tests.live.rig import BTC, BTC_PERP, ETH, HOUR, MINUTE, SOL, USDT, LiveOwner

pytestmark = [pytest.mark.slow, pytest.mark.seconds(40), pytest.mark.usefixtures("quiet")]

#: For hours in which prices stand still or move slowly: each loop has its turns, and not hundreds that see the same.
EVERY_FEW_MINUTES = WatchIntervals(
    protection=5 * MINUTE, reconcile=5 * MINUTE, prices=5 * MINUTE, margin=5 * MINUTE, roll=5 * MINUTE
)


@pytest.mark.parametrize(
    ("holdings", "hedges"),
    [
        ({BTC: "0.12", ETH: "1", SOL: "15"}, {"BTC": "-0.02", "ETH": "0.2", "SOL": "5"}),
        ({BTC: "0.11", ETH: "0.8", SOL: "25"}, {"BTC": "-0.01", "ETH": "0.4", "SOL": "-5"}),
    ],
)
def test_the_worked_cases_come_out_at_the_venue(holdings: dict, hedges: dict[str, str]) -> None:
    owner = LiveOwner(holdings=holdings, targets={BTC: "0.5", ETH: "0.3", SOL: "0.2"})
    owner.run(HOUR)
    positions = {asset: owner.held(Symbol(f"{asset}/USDT:USDT")) for asset in hedges}
    assert positions == {asset: Decimal(amount) for asset, amount in hedges.items()}
    for asset, amount in positions.items():
        (stop,) = [one for one in owner.exchange.floor.open_orders.values() if one.symbol.startswith(asset)]
        assert (stop.type, stop.contracts, stop.reduce_only) == (OrderType.STOP_MARKET, abs(amount), True)
    owner.is_well()


def test_a_hedge_that_grows_has_its_stop_resized_before_the_old_one_goes() -> None:
    owner = LiveOwner(script=[(1.5 * HOUR, "50000"), (1.6 * HOUR, "60000")])
    owner.run(HOUR)
    before = owner.held()
    assert before < 0
    owner.run(1.25 * HOUR)
    assert owner.held() < before
    (stop,) = [one for one in owner.exchange.floor.open_orders.values() if one.symbol == BTC_PERP]
    assert stop.contracts == abs(owner.held())
    assert owner.checker.unprotected_seconds_max < 2
    owner.is_well()


def test_funding_is_booked_as_the_wallet_has_it() -> None:
    owner = LiveOwner(exchange={"funding_rate": Decimal("0.0003")}, watch=EVERY_FEW_MINUTES)
    owner.run(9 * HOUR)
    paid = {payment.amount for payment in owner.exchange.floor.funding}
    booked = owner.facts(FundingSettled)
    assert {fact.amount for fact in booked} == paid
    assert len(booked) == len(owner.exchange.floor.funding) > 0
    assert {fact.rate for fact in booked} == {Decimal("0.0003")}
    assert all(fact.amount > 0 for fact in booked if fact.symbol == BTC_PERP), "a short receives"
    owner.is_well()


def test_margin_that_gets_short_is_topped_up_from_the_spot_wallet_once() -> None:
    script = [(HOUR, "50000"), (5 * HOUR, "75000")]
    owner = LiveOwner(script=script, collateral="250", watch=EVERY_FEW_MINUTES)
    owner.run(8 * HOUR)
    transfers = owner.exchange.transfers.all
    assert transfers
    done = [fact for fact in owner.facts(TransferChanged) if fact.state is TransferState.DONE]
    assert len(done) == len(transfers)
    assert "wallet_moved" not in owner.alerts()
    assert owner.exchange.floor.liquidations == []
    owner.is_well()


def test_a_stop_out_is_found_by_the_order_that_it_became() -> None:
    owner = LiveOwner(script=[(2.2 * HOUR, "50000"), (2.4 * HOUR, "70000")], watch=EVERY_FEW_MINUTES)
    owner.run(8 * HOUR)
    assert owner.held() == 0
    (fired,) = owner.facts(StopFired)
    stops = [fact.intent for fact in owner.facts(OrderIntended) if fact.intent.purpose is Purpose.STOP]
    assert fired.client_order_id in {intent.client_order_id for intent in stops}
    assert (BTC, "stop_out") in owner.journal.books.ceilings
    owner.is_well()


def test_a_restart_finds_everything_again() -> None:
    owner = LiveOwner()
    owner.run(HOUR)
    held, orders = owner.held(), len(owner.exchange.floor.orders)
    owner.run(timedelta(minutes=30))
    assert owner.held() == held
    assert len(owner.exchange.floor.orders) == orders, "nothing was sent again"
    assert USDT in {key[1] for key in owner.exchange.floor.accounts.wallets}
    owner.is_well()
