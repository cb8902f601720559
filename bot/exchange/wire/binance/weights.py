"""Who asks too much? Weight and orders by the minute; too much is 429, going on regardless is 418 and a ban."""

from dataclasses import dataclass, field

from bot.exchange.wire.binance.errors import WireError

WEIGHT_LIMIT = 2400
ORDER_LIMIT = 1200
_MINUTE_MS = 60_000
#: Whoever goes on so often after a 429 is banned.
_PATIENCE = 20
_BAN_MS = 120_000


@dataclass(slots=True)
class Weights:
    """What has been used in the minute that runs."""

    minute: int = 0
    used: int = 0
    orders: int = 0
    #: Requests that were made although 429 was said.
    ignored: int = 0
    banned_until_ms: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    def take(self, weight: int, *, is_order: bool, now_ms: int, limit: int = WEIGHT_LIMIT) -> None:
        """Count a request.

        Raises:
            WireError: it is one too many.
        """
        if now_ms < self.banned_until_ms:
            raise self._banned(now_ms)
        if now_ms // _MINUTE_MS != self.minute:
            self.minute, self.used, self.orders, self.ignored = now_ms // _MINUTE_MS, 0, 0, 0
        self.used += weight
        self.orders += is_order
        self.headers = {"X-MBX-USED-WEIGHT-1M": str(self.used), "X-MBX-ORDER-COUNT-1M": str(self.orders)}
        if self.used > limit or self.orders > ORDER_LIMIT:
            self.ignored += 1
            if self.ignored > _PATIENCE:
                self.ban(now_ms + _BAN_MS)
                raise self._banned(now_ms)
            left = -(-((self.minute + 1) * _MINUTE_MS - now_ms) // 1000)
            raise WireError(
                -1003, f"Too many requests; current limit is {limit} request weight per 1 MINUTE.", 429, left
            )

    def ban(self, until_ms: int) -> None:
        """Answer nobody until then."""
        self.banned_until_ms = until_ms

    def _banned(self, now_ms: int) -> WireError:
        left = -(-(self.banned_until_ms - now_ms) // 1000)
        return WireError(
            -1003,
            f"Way too many requests; IP banned until {self.banned_until_ms}. Please use the websocket.",
            418,
            left,
        )
