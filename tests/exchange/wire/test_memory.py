"""What does the served exchange deny as Binance does, and does the adapter live with that?"""

from datetime import timedelta
from typing import Any

from bot.adapters.ccxt.binance.venue import BinanceUsdm
from bot.domain.orders import OrderState, OrderType
from bot.exchange.wire.server import WireServer
from tests.adapters.ccxt.orders import BTC, OURS, hedge, stop
from tests.live.rig import run_on_wire


def test_a_stop_that_has_rested_for_days_is_denied_once_it_is_cancelled_and_is_known_to_be() -> None:
    async def rest(venue: BinanceUsdm, _server: WireServer, clock: Any) -> None:
        number = OURS.replace("1", "2")
        await venue.submit(hedge(price=None, type=OrderType.MARKET))
        await venue.submit(stop(client_order_id=number))
        await clock.sleep(timedelta(days=3, hours=1))
        resting = await venue.fetch_order(BTC, number)
        assert resting is not None
        assert resting.state is OrderState.OPEN
        assert (await venue.cancel(BTC, number)).state is OrderState.CANCELLED
        assert await venue.fetch_order(BTC, number) is None

    run_on_wire(rest)
