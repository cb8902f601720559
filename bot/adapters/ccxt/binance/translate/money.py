"""What has been paid and moved? ``income`` is signed as ours is: + when received."""

from collections.abc import Mapping
from datetime import datetime

from bot.adapters.ccxt.binance.translate.contracts import known
from bot.adapters.ccxt.binance.translate.fields import VENUE, Row, moment, number, text
from bot.domain.errors import BadPayload
from bot.domain.events import FundingSettled
from bot.domain.ids import Currency, Symbol
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferState, VenueTransfer
from bot.domain.units import ZERO

_TRANSFER_STATES = {
    "CONFIRMED": TransferState.DONE,
    "PENDING": TransferState.PENDING,
    "FAILED": TransferState.REFUSED,
}
#: Kinds of transfers between the two wallets that a hedge needs.
TRANSFER_KINDS = {
    (WalletKind.SPOT, WalletKind.LINEAR_FUTURES): "MAIN_UMFUTURE",
    (WalletKind.LINEAR_FUTURES, WalletKind.SPOT): "UMFUTURE_MAIN",
}


def funding_payment(row: Row, symbols: Mapping[str, Symbol], rate: Row, now: datetime) -> FundingSettled:
    """Return a payment from ``income``, with its rate from ``fundingRate``.

    amount = −rate × notional, so the notional follows from the two; where the rate is zero, so is what follows.
    """
    amount, per_interval = number(row, "income"), number(rate, "fundingRate")
    return FundingSettled(
        at=now,
        venue=VENUE,
        symbol=known(text(row, "symbol"), symbols),
        transaction_id=text(row, "tranId"),
        currency=Currency(text(row, "asset")),
        amount=amount,
        rate=per_interval,
        notional_quote=-amount / per_interval if per_interval else ZERO,
        settled_at=moment(rate, "fundingTime").replace(second=0, microsecond=0),
    )


def transfer(row: Row, ends: tuple[WalletKind, WalletKind]) -> VenueTransfer:
    """Return a transfer from the history; the venue takes no id of ours."""
    state = _TRANSFER_STATES.get(text(row, "status"))
    if state is None:
        raise BadPayload(f"binanceusdm: a transfer is {text(row, 'status')[:40]}")
    return VenueTransfer(
        venue=VENUE,
        transfer_id=None,
        venue_transfer_id=text(row, "tranId"),
        currency=Currency(text(row, "asset")),
        source=ends[0],
        target=ends[1],
        amount=number(row, "amount"),
        state=state,
        at=moment(row, "timestamp"),
    )
