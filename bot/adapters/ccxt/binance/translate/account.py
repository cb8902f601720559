"""What does the account hold, and what stands behind it? Signs are ours: ``positionAmt`` is long +."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.adapters.ccxt.binance.translate.contracts import coins_in, known
from bot.adapters.ccxt.binance.translate.fields import VENUE, Row, number, rows_of, text
from bot.domain.errors import BadPayload
from bot.domain.ids import Currency, Symbol
from bot.domain.portfolio import FuturesPosition, MarginAccount, WalletBalance, WalletKind


def spot_balances(account: Row) -> Iterator[WalletBalance]:
    """Yield the lines of ``/api/v3/account``: free and locked together."""
    for row in rows_of(account.get("balances")):
        held = number(row, "free") + number(row, "locked")
        yield WalletBalance(venue=VENUE, wallet=WalletKind.SPOT, currency=Currency(text(row, "asset")), balance=held)


def funding_balances(document: Any) -> Iterator[WalletBalance]:
    """Yield the lines of the funding wallet, which is spot to us."""
    for row in rows_of(document):
        held = number(row, "free") + number(row, "locked") + number(row, "freeze")
        yield WalletBalance(
            venue=VENUE,
            wallet=WalletKind.SPOT,
            currency=Currency(text(row, "asset")),
            balance=held,
            pending=number(row, "withdrawing"),
        )


def futures_balances(account: Row) -> Iterator[WalletBalance]:
    """Yield the lines of ``/fapi/v3/account``."""
    for row in rows_of(account.get("assets")):
        balance, unrealised = number(row, "walletBalance"), number(row, "unrealizedProfit")
        if balance or unrealised:
            yield WalletBalance(
                venue=VENUE,
                wallet=WalletKind.LINEAR_FUTURES,
                currency=Currency(text(row, "asset")),
                balance=balance,
                unrealised=unrealised,
            )


def margins(account: Row) -> Iterator[MarginAccount]:
    """Yield the margin of each settlement currency, from the account's own sums."""
    for row in rows_of(account.get("assets")):
        margin = MarginAccount(
            venue=VENUE,
            wallet=WalletKind.LINEAR_FUTURES,
            currency=Currency(text(row, "asset")),
            margin_balance=number(row, "marginBalance"),
            maintenance_margin=number(row, "maintMargin"),
            initial_margin=number(row, "initialMargin"),
        )
        if margin.margin_balance or margin.maintenance_margin:
            yield margin


def position(row: Row, symbols: Mapping[str, Symbol]) -> FuturesPosition | None:
    """Return a row of ``positionRisk``; None where nothing is held.

    Raises:
        BadPayload: the position is of one side of a hedge-mode account, or of a contract that is not known.
    """
    held = number(row, "positionAmt")
    if held == 0:
        return None
    if text(row, "positionSide") != "BOTH":
        raise BadPayload("binanceusdm: the account holds positions in hedge mode; switch to one-way mode")
    # 0 is how the venue says that it gives none.
    liquidation = number(row, "liquidationPrice")
    symbol = known(text(row, "symbol"), symbols)
    coins = coins_in(symbol)
    return FuturesPosition(
        venue=VENUE,
        symbol=symbol,
        contracts=held,
        entry_price=number(row, "entryPrice") / coins,
        liquidation_price=liquidation / coins or None,
    )
