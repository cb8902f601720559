"""How far is the machine's clock from the venue's? By the venue's requests are stamped, and history is asked for."""

from datetime import datetime, timedelta

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls
from bot.adapters.ccxt.client import BinanceClient
from bot.adapters.ccxt.limiter import Lane
from bot.ports import Clock

_CHECKED = timedelta(minutes=15)


class VenueTime:
    """The venue's clock, as far as it is known."""

    def __init__(self, client: BinanceClient, calls: Calls, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._clock = clock
        self._compared_at: float | None = None

    async def compare(self) -> None:
        """Measure how far both are apart, now and then, and when the venue has found our time wrong.

        The venue's time is of some moment between question and answer. What was known before is kept where it was
        right at such a moment: an answer that took seconds would have every request refused that is stamped by it.
        """
        now = self._clock.monotonic()
        is_old = self._compared_at is None or now - self._compared_at >= _CHECKED.total_seconds()
        if not is_old and not self._calls.is_clock_doubted:
            return
        asked_at = self._clock.now()
        row: Row = await self._calls.read("fapiPublicGetTime", lane=Lane.PROTECT)
        served_at = translate.moment(row, "serverTime")
        least, most = asked_at - served_at, self._clock.now() - served_at
        if not least <= self.ahead <= most:
            self._client.ahead_ms = int(most.total_seconds() * 1000)
        self._compared_at, self._calls.is_clock_doubted = now, False

    @property
    def ahead(self) -> timedelta:
        """How far our clock is ahead of the venue's."""
        return timedelta(milliseconds=self._client.ahead_ms)

    def now(self) -> datetime:
        """Return the present by the venue's clock."""
        return self._clock.now() - self.ahead

    def reach_back(self, since: datetime) -> datetime:
        """Return from when on history is asked for: where our clock is ahead, what is young there is younger here."""
        return since - max(self.ahead, timedelta(0))
