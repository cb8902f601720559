"""What does the log say when the owner has resumed too early?"""

import asyncio
from decimal import Decimal

from structlog.testing import capture_logs

from bot.bootstrap import Bot
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderType, Side, TimeInForce
from bot.domain.policy import TradingState
from bot.exchange.orders import OrderRequest
from tests.engine.rig import BTC_PERP, MINUTE, Rig


def test_each_halt_for_an_order_of_another_writer_is_said() -> None:
    rig = Rig()

    async def resume_too_early(bot: Bot) -> None:
        rig.exchange.submit(
            OrderRequest(
                symbol=BTC_PERP,
                side=Side.BUY,
                type=OrderType.LIMIT,
                contracts=Decimal("0.01"),
                price=Decimal(40_000),
                time_in_force=TimeInForce.GTC,
                client_order_id=ClientOrderId("TTXYZ00000000100"),
            )
        )
        await asyncio.sleep(120)
        await bot.control.resume("test")

    with capture_logs() as said:
        rig.run(10 * MINUTE, resume_too_early)
    assert rig.journal.books.trading_state is TradingState.HALTED
    told = [line["why"] for line in said if line.get("code") == "halted"]
    assert told == ["order TTXYZ00000000100 of another writer under our mark"] * 2
