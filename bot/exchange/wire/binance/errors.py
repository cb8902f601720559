"""How does it say no? A status, a code, a sentence.

Codes from the venue's documented error list for the futures API, one table.
"""

from dataclasses import dataclass

from bot.exchange.orders import RefusalCode, Refused


@dataclass(slots=True)
class WireError(Exception):
    """A request that is answered with an error."""

    code: int
    message: str
    status: int = 400
    retry_after: int | None = None

    def body(self) -> dict[str, int | str]:
        """Return what is sent."""
        return {"code": self.code, "msg": self.message}


#: Why the exchange refuses, and what the venue says then.
_SAYS: dict[str, tuple[int, str]] = {
    RefusalCode.DUPLICATE: (-4116, "ClientOrderId is duplicated."),
    RefusalCode.DUPLICATE_TRANSFER: (-9000, "Duplicate transfer."),
    RefusalCode.TOO_LATE: (-1021, "Timestamp for this request is outside of the recvWindow."),
    RefusalCode.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RefusalCode.BAD_REQUEST: (-1102, "Mandatory parameter was not sent, was empty/null, or malformed."),
    RefusalCode.BAD_AMOUNT: (-1111, "Precision is over the maximum defined for this asset."),
    RefusalCode.BAD_PRICE: (-4014, "Price not increased by tick size."),
    RefusalCode.PRICE_BOUND: (-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
    RefusalCode.MIN_NOTIONAL: (-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
    RefusalCode.REDUCE_ONLY: (-2022, "ReduceOnly Order is rejected."),
    RefusalCode.WOULD_TAKE: (
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    RefusalCode.WOULD_TRIGGER: (-2021, "Order would immediately trigger."),
    RefusalCode.NO_MARGIN: (-2019, "Margin is insufficient."),
    RefusalCode.TOO_MANY_ORDERS: (-2025, "Reach max open order limit."),
    RefusalCode.NOT_FOUND: (-2011, "Unknown order sent."),
    RefusalCode.MARKET_CLOSED: (-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading."),
    RefusalCode.NO_FUNDS: (-9000, "user have no avaliable amount"),
    RefusalCode.CLOSE_ONLY: (-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading."),
    RefusalCode.EXPIRED: (-4108, "Symbol is on delivering or delivered or settling or closed or pre-trading."),
}


def of_refusal(refusal: Refused) -> WireError:
    """Return what the venue says to a refusal of the exchange; what it has no word for is an error of its own."""
    code, message = _SAYS.get(refusal.code, (-1000, str(refusal)))
    return WireError(code, message)


def missing(name: str) -> WireError:
    """Return what it says where a parameter is missing."""
    return WireError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def malformed(name: str, value: str) -> WireError:
    """Return what it says to a parameter that cannot be read."""
    return WireError(-1100, f"Illegal characters found in parameter '{name}'; legal range is a number: {value[:20]}.")
