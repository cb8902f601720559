"""What is a contract of the venue's called, how large is one, and what are its terms?

Amounts and prices of ``1000PEPEUSDT`` are of a thousand coins each. The size of one contract says so for amounts;
prices are brought to one coin on their way in, and to the venue's unit on their way out.
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from bot.adapters.ccxt.binance.translate.fields import VENUE, Row, moment, number, rows_of, text
from bot.domain.errors import BadPayload
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import ContractKind, Instrument, MarginTier

_MULTIPLIED = re.compile(r"^(1000000|1000|1M)([A-Z0-9]+)$")
_MULTIPLIERS = {"1000": Decimal(1000), "1000000": Decimal(1_000_000), "1M": Decimal(1_000_000)}
_NAMED = re.compile(r"^([A-Z0-9]+)(USDT|USDC)(?:_(\d{6}))?$")
_CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER")


def symbol_of(row: Row) -> Symbol:
    """Return the unified symbol of a row of ``exchangeInfo``, as ccxt has it."""
    name = f"{text(row, 'baseAsset')}/{text(row, 'quoteAsset')}:{text(row, 'marginAsset')}"
    return Symbol(name if _is_perpetual(row) else f"{name}-{moment(row, 'deliveryDate'):%y%m%d}")


def _is_perpetual(row: Row) -> bool:
    """``BTCUSDT_240628`` expires, ``BTCUSDT`` does not, also when its type and date say that it is being delisted."""
    return "_" not in text(row, "symbol")


def coins_in(symbol: Symbol) -> Decimal:
    """Return how many coins one of the venue's units is, from the unified symbol: 1000 for 1000PEPE/USDT:USDT."""
    _, coins = _multiplied(symbol.partition("/")[0])
    return coins


def symbol_by_name(name: str) -> Symbol:
    """Return the unified symbol of a contract that is listed no more: the venue's names are regular.

    Raises:
        KeyError: this one is not.
    """
    found = _NAMED.match(name)
    if found is None:
        raise KeyError(name)
    base, quote, day = found.groups()
    return Symbol(f"{base}/{quote}:{quote}" + (f"-{day}" if day else ""))


def name_by_symbol(symbol: Symbol) -> str:
    """Return the venue's name of a contract that is listed no more."""
    pair, _, rest = symbol.partition(":")
    _, dash, day = rest.partition("-")
    return pair.replace("/", "") + (f"_{day}" if dash else "")


def is_listed(row: Row) -> bool:
    """Return whether a row of ``exchangeInfo`` is a contract that trades."""
    return row.get("contractType") in _CONTRACT_TYPES and row.get("status") == "TRADING"


def weight_limit(document: Row) -> int:
    """Return the weight that the venue allows in a minute."""
    for row in rows_of(document.get("rateLimits")):
        if row.get("rateLimitType") == "REQUEST_WEIGHT" and row.get("interval") == "MINUTE":
            return int(number(row, "limit") / number(row, "intervalNum"))
    raise BadPayload("binanceusdm: the listing names no rate limit")


def instrument(row: Row, brackets: Iterable[Row], *, maker: Decimal, taker: Decimal) -> Instrument:
    """Return a contract from its row of ``exchangeInfo`` and its ``leverageBracket``."""
    filters = {text(one, "filterType"): one for one in rows_of(row.get("filters"))}
    # Stops and market orders have a filter of their own; whatever passes both is taken in either form.
    lots = (_filter(filters, "LOT_SIZE"), _filter(filters, "MARKET_LOT_SIZE"))
    prices, least = _filter(filters, "PRICE_FILTER"), _filter(filters, "MIN_NOTIONAL")
    asset, size = _multiplied(text(row, "baseAsset"))
    return Instrument(
        venue=VENUE,
        symbol=symbol_of(row),
        asset=asset,
        quote=Currency(text(row, "quoteAsset")),
        settle=Currency(text(row, "marginAsset")),
        kind=ContractKind.LINEAR,
        contract_size=size,
        tick_size=number(prices, "tickSize") / size,
        lot_size=max(number(one, "stepSize") for one in lots),
        min_contracts=max(number(one, "minQty") for one in lots),
        max_contracts=min(number(one, "maxQty") for one in lots),
        min_notional_quote=number(least, "notional"),
        maker_fee_frac=maker,
        taker_fee_frac=taker,
        margin_tiers=_tiers(brackets),
        expires_at=None if _is_perpetual(row) else moment(row, "deliveryDate"),
    )


def _filter(filters: Mapping[str, Row], name: str) -> Row:
    if name not in filters:
        raise BadPayload(f"binanceusdm: the filter {name} is missing")
    return filters[name]


def _multiplied(base: str) -> tuple[Asset, Decimal]:
    found = _MULTIPLIED.match(base)
    return (Asset(base), Decimal(1)) if found is None else (Asset(found[2]), _MULTIPLIERS[found[1]])


def _tiers(brackets: Iterable[Row]) -> tuple[MarginTier, ...]:
    tiers = tuple(
        MarginTier(
            notional_cap_quote=number(one, "notionalCap"),
            maintenance_frac=number(one, "maintMarginRatio"),
            maintenance_amount_quote=number(one, "cum"),
            max_leverage=number(one, "initialLeverage"),
        )
        for one in brackets
    )
    if not tiers:
        raise BadPayload("binanceusdm: a contract has no margin brackets")
    return tuple(sorted(tiers, key=lambda tier: tier.notional_cap_quote))


def known(name: str, symbols: Mapping[str, Symbol]) -> Symbol:
    """Return the unified symbol of a venue's.

    Raises:
        BadPayload: it is the name of nothing.
    """
    try:
        return symbols[name]
    except KeyError:
        raise BadPayload(f"binanceusdm: {name[:40]} is in the account and names no contract") from None
