"""What do Binance's documents mean? Pure, one question a file.

Units: an amount is as many contracts; a contract is one coin, or as many as a multiplier in its name says.
"""

from bot.adapters.ccxt.binance.translate.account import (
    funding_balances,
    futures_balances,
    margins,
    position,
    spot_balances,
)
from bot.adapters.ccxt.binance.translate.contracts import (
    coins_in,
    instrument,
    is_listed,
    known,
    name_by_symbol,
    symbol_by_name,
    symbol_of,
    weight_limit,
)
from bot.adapters.ccxt.binance.translate.fields import VENUE, Row, is_set, moment, number, rows_of, text
from bot.adapters.ccxt.binance.translate.market import currency_rate, funding_rate, history, quote
from bot.adapters.ccxt.binance.translate.money import TRANSFER_KINDS, funding_payment, transfer
from bot.adapters.ccxt.binance.translate.orders import conditional, fill, forced_by, is_triggered, order

__all__ = [
    "TRANSFER_KINDS",
    "VENUE",
    "Row",
    "coins_in",
    "conditional",
    "currency_rate",
    "fill",
    "forced_by",
    "funding_balances",
    "funding_payment",
    "funding_rate",
    "futures_balances",
    "history",
    "instrument",
    "is_listed",
    "is_set",
    "is_triggered",
    "known",
    "margins",
    "moment",
    "name_by_symbol",
    "number",
    "order",
    "position",
    "quote",
    "rows_of",
    "spot_balances",
    "symbol_by_name",
    "symbol_of",
    "text",
    "transfer",
    "weight_limit",
]
