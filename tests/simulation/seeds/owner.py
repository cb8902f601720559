"""What does an owner do who reads the alerts? Every half hour, what they say."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.bootstrap import Bot
from bot.domain.ids import Symbol
from bot.domain.policy import TradingState

CALLER = "owner"
EVERY = timedelta(minutes=30)
#: A halt lasts so long before the owner has found its cause.
_THINKS = timedelta(minutes=40)
#: A question is answered after this.
_ANSWERS = timedelta(hours=1)


class Owner:
    """Reads and answers."""

    def __init__(self, end_other_bot: Callable[[], None]) -> None:
        #: Ends the other bot and what it has resting.
        self.end_other_bot = end_other_bot
        self._restrained_since: datetime | None = None
        #: How often he has resumed.
        self.resumed = 0

    async def command(self, bot: Bot, name: str) -> None:
        """Give a command."""
        match name:
            case "halt" | "hard halt":
                await bot.control.halt(CALLER, why="trying it out", is_hard=name == "hard halt")
            case "reduce-only":
                await bot.control.reduce_only(CALLER, why="trying it out")
            case "flatten":
                await bot.control.flatten(CALLER)

    async def attend(self, bot: Bot, now: datetime) -> None:
        """Do what the open alerts ask for."""
        await self._resume(bot, now)
        for alert in bot.desk.alerts.open_alerts:
            if alert["code"] == "second_writer":
                self.end_other_bot()
            since = datetime.fromisoformat(str(alert["since"]))
            if now - since < _ANSWERS:
                continue
            if alert["code"] in ("owner_flow", "wallet_moved"):
                await bot.control.confirm_flow(CALLER, None)
            elif alert["code"] == "symbol_locked":
                await bot.control.adopt(CALLER, None, Symbol(str(alert["cause"]).partition("/")[2]))

    async def _resume(self, bot: Bot, now: datetime) -> None:
        books = bot.desk.journal.books
        if books.trading_state is TradingState.NORMAL or books.is_flattening:
            self._restrained_since = None
            return
        if self._restrained_since is None:
            self._restrained_since = now
        elif now - self._restrained_since >= _THINKS:
            self.resumed += 1
            await bot.control.resume(CALLER)
