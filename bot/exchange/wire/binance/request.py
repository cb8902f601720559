"""What was asked, and by whom? Parameters, keys, signatures, and the clock of the sender."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import parse_qsl

from bot.domain.errors import BadPayload
from bot.domain.units import to_decimal
from bot.exchange.wire.binance.errors import WireError, malformed, missing

_WINDOW_MS = 5000
_LONGEST_WINDOW_MS = 60_000
#: A sender's clock may be so far ahead.
_AHEAD_MS = 1000


@dataclass(frozen=True, slots=True)
class Params:
    """The parameters of one request."""

    values: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """Return a parameter; None where it is missing or empty."""
        return self.values.get(name) or None

    def need(self, name: str) -> str:
        """Return a parameter.

        Raises:
            WireError: it is missing.
        """
        value = self.get(name)
        if value is None:
            raise missing(name)
        return value

    def number(self, name: str) -> Decimal | None:
        """Return a number; None where it is missing.

        Raises:
            WireError: it is none.
        """
        value = self.get(name)
        if value is None:
            return None
        try:
            return to_decimal(value)
        except BadPayload:
            raise malformed(name, value) from None

    def whole(self, name: str) -> int | None:
        """Return a whole number; None where it is missing.

        Raises:
            WireError: it is none.
        """
        value = self.get(name)
        if value is None:
            return None
        if not value.isdigit():
            raise malformed(name, value)
        return int(value)


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    query: str
    body: str
    api_key: str | None

    @property
    def params(self) -> Params:
        """Return the parameters of query and body."""
        pairs = [*parse_qsl(self.query, keep_blank_values=True), *parse_qsl(self.body, keep_blank_values=True)]
        return Params(dict(pairs))


@dataclass(slots=True)
class Doorkeeper:
    """Lets in who has a key, and for what is signed who has its secret."""

    api_key: str
    api_secret: str

    def check_key(self, request: Request) -> None:
        """Refuse a request without a key that is known.

        Raises:
            WireError: it has none.
        """
        if not request.api_key:
            raise WireError(-2014, "API-key format invalid.", status=401)
        if not hmac.compare_digest(request.api_key.encode(), self.api_key.encode()):
            raise WireError(-2015, "Invalid API-key, IP, or permissions for action", status=401)

    def check_signature(self, request: Request, now_ms: int) -> None:
        """Refuse a request that is not signed, or not of now.

        Raises:
            WireError: so it is.
        """
        self.check_key(request)
        params = request.params
        given = params.need("signature")
        signed = (request.query + request.body).replace(f"&signature={given}", "").replace(f"signature={given}", "")
        expected = hmac.new(self.api_secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise WireError(-1022, "Signature for this request is not valid.")
        params.need("timestamp")
        sent_ms, window_ms = params.whole("timestamp") or 0, params.whole("recvWindow") or _WINDOW_MS
        if window_ms > _LONGEST_WINDOW_MS:
            raise WireError(-1131, "recvWindow must be less than 60000")
        if sent_ms > now_ms + _AHEAD_MS:
            raise WireError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now_ms - sent_ms > window_ms:
            raise WireError(-1021, "Timestamp for this request is outside of the recvWindow.")
