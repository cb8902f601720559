"""How is the bot kept from trading in a dry run? Proved where requests leave: by a server that counts what arrives."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.ccxt.binance.dry import DryBinanceUsdm
from bot.adapters.ccxt.binance.venue import BinanceUsdm
from bot.adapters.ccxt.limiter import Lane
from bot.domain.errors import InvariantViolated, VenueRefused
from bot.domain.ids import Asset, Currency
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import BTC, OURS, hedge, stop
from tests.adapters.ccxt.payloads import NOW
from tests.adapters.ccxt.test_account import transfer
from tests.adapters.ccxt.test_examination import venue
from tests.adapters.ccxt.wire import Scene, failure_of, play

#: What a post may be in a dry run: a read that the venue wants posted.
READS_BY_POST = {"POST /sapi/v1/asset/get-funding-asset"}
#: ccxt's methods that a bug could call, by what they would send.
WRITES = (
    "fapiPrivatePostOrder",
    "fapiPrivatePostAlgoOrder",
    "fapiPrivatePostBatchOrders",
    "fapiPrivatePutOrder",
    "fapiPrivateDeleteOrder",
    "fapiPrivateDeleteAlgoOrder",
    "fapiPrivateDeleteAllOpenOrders",
    "fapiPrivatePostLeverage",
    "fapiPrivatePostMarginType",
    "fapiPrivatePostPositionSideDual",
    "privatePostOrder",
    "sapiPostAssetTransfer",
    "sapiPostCapitalWithdrawApply",
)


async def everything_that_may_be_read(at: Scene) -> None:
    await at.venue.fetch_account()
    await at.venue.fetch_instruments()
    await at.venue.fetch_fills(NOW - timedelta(days=1))
    await at.venue.fetch_funding(NOW - timedelta(days=1))
    await at.venue.examine([Asset("BTC")])
    await at.venue.fetch_quotes([BTC])
    at.wire.say("GET /fapi/v1/assetIndex", [])
    await at.venue.fetch_currency_rates([Currency("USDT")])


def changes_of(at: Scene) -> list[str]:
    return [one.route for one in at.wire.asked if one.method != "GET" and one.route not in READS_BY_POST]


@pytest.mark.parametrize("kind", [BinanceUsdm, DryBinanceUsdm])
def test_whatever_is_read_nothing_arrives_that_would_change_anything(kind: type[BinanceUsdm]) -> None:
    async def scene(at: Scene) -> None:
        await everything_that_may_be_read(at)
        assert changes_of(at) == []
        assert len(at.wire.asked) > 15

    play(scene, wire=venue(), kind=kind)


def test_every_order_of_a_dry_run_is_refused_by_the_port() -> None:
    async def scene(at: Scene) -> None:
        calls: list[Any] = [
            at.venue.submit(hedge()),
            at.venue.submit(stop()),
            at.venue.submit_spread(hedge(), hedge(), limit_spread_price=Decimal(1)),
            at.venue.cancel(BTC, OURS),
            at.venue.transfer(transfer()),
        ]
        assert {(await failure_of(call, VenueRefused)).code for call in calls} == {"dry_run"}
        assert at.wire.asked == []

    play(scene, kind=DryBinanceUsdm)


@pytest.mark.parametrize("method", WRITES)
def test_whatever_comes_past_the_port_never_leaves(method: str) -> None:
    async def scene(at: Scene) -> None:
        params = {"symbol": "BTCUSDT", "orderId": 1, "batchOrders": [], "coin": "BTC", "network": "BTC", "address": "x"}
        failure = await failure_of(at.venue.calls.write(method, params, lane=Lane.PROTECT))
        assert isinstance(failure, InvariantViolated)
        assert "must never leave" in str(failure)
        assert at.wire.asked == []

    play(scene, kind=DryBinanceUsdm)


def test_what_a_dry_run_may_not_read_by_mistake_is_stopped_as_well() -> None:
    async def scene(at: Scene) -> None:
        await failure_of(
            at.venue.calls.read("fapiPrivatePostCountdownCancelAll", {"symbol": "BTCUSDT"}), InvariantViolated
        )
        assert at.wire.asked == []

    play(scene, kind=DryBinanceUsdm)


def test_the_same_order_leaves_in_a_live_run() -> None:
    """So that it is the dry run that keeps it, and nothing else."""

    async def scene(at: Scene) -> None:
        at.wire.say("POST /fapi/v1/order", payloads.order(OURS))
        await at.venue.submit(hedge())
        assert changes_of(at) == ["POST /fapi/v1/order"]

    play(scene)
