"""What do Binance's documents mean? Pure; a field that is missing or no number is an error, never a zero.

Units: amounts of USDⓈ-M contracts are coins, so a contract is one coin, or as many as a multiplier in its name says.
Signs: ``positionAmt`` and ``income`` are signed as ours are; ``commission`` is + when paid.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from bot.domain.errors import BadPayload
from bot.domain.events import FundingSettled
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, TradeId, VenueId, VenueOrderId
from bot.domain.instruments import ContractKind, Instrument, MarginTier
from bot.domain.market import CurrencyRate, FundingRate, PriceHistory, Quote
from bot.domain.orders import Fill, OrderState, OrderType, Purpose, Side, VenueOrder
from bot.domain.portfolio import FuturesPosition, MarginAccount, WalletBalance, WalletKind
from bot.domain.transfers import TransferState, VenueTransfer
from bot.domain.units import ZERO, to_decimal

VENUE = VenueId("binanceusdm")
Row = Mapping[str, Any]

_MULTIPLIED = re.compile(r"^(1000000|1000|1M)([A-Z0-9]{2,})$")
_MULTIPLIERS = {"1000": Decimal(1000), "1000000": Decimal(1_000_000), "1M": Decimal(1_000_000)}
_NAMED = re.compile(r"^([A-Z0-9]+)(USDT|USDC)(?:_(\d{6}))?$")
_CONTRACT_TYPES = ("PERPETUAL", "CURRENT_QUARTER", "NEXT_QUARTER")
_STATES = {
    "NEW": OrderState.OPEN,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "EXPIRED_IN_MATCH": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
_ALGO_STATES = {
    "NEW": OrderState.OPEN,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.EXPIRED,
    "REJECTED": OrderState.REJECTED,
}
#: Once triggered, the order that trades says what becomes of it.
_ALGO_TRIGGERED = ("TRIGGERING", "TRIGGERED", "FINISHED")
#: How the ids of the venue's own orders begin.
_FORCED = {
    "autoclose-": Purpose.LIQUIDATION,
    "adl_autoclose": Purpose.DELEVERAGE,
    "settlement_autoclose-": Purpose.SETTLEMENT,
    "delivery_autoclose-": Purpose.SETTLEMENT,
}
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
_INTERVAL = timedelta(hours=8)


# --- fields ------------------------------------------------------------------------------------


def text(row: Row, name: str) -> str:
    """Return a field as text.

    Raises:
        BadPayload: it is missing or empty.
    """
    value = row.get(name)
    if value is None or value == "" or isinstance(value, dict | list):
        raise BadPayload(f"binanceusdm: {name} is missing")
    return str(value)


def number(row: Row, name: str) -> Decimal:
    """Return a field as a number.

    Raises:
        BadPayload: it is missing, or none.
    """
    return to_decimal(text(row, name))


def moment(row: Row, name: str) -> datetime:
    """Return a field of epoch milliseconds.

    Raises:
        BadPayload: it is missing, or none.
    """
    value = text(row, name)
    if not value.isdigit():
        raise BadPayload(f"binanceusdm: {name} is no time: {value[:20]}")
    return datetime.fromtimestamp(int(value) / 1000, UTC)


def is_set(row: Row, name: str) -> bool:
    """Return a field that is true or false.

    Raises:
        BadPayload: it is neither.
    """
    value = row.get(name)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise BadPayload(f"binanceusdm: {name} is neither true nor false")


def rows_of(document: Any) -> list[Row]:
    """Return the rows of a list.

    Raises:
        BadPayload: it is none.
    """
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise BadPayload("binanceusdm: a list was asked for, and something else was told")
    return document


# --- contracts ---------------------------------------------------------------------------------


def symbol_of(row: Row) -> Symbol:
    """Return the unified symbol of a row of ``exchangeInfo``, as ccxt has it."""
    name = f"{text(row, 'baseAsset')}/{text(row, 'quoteAsset')}:{text(row, 'marginAsset')}"
    if text(row, "contractType") == "PERPETUAL":
        return Symbol(name)
    return Symbol(f"{name}-{moment(row, 'deliveryDate'):%y%m%d}")


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
    lots, prices = _filter(filters, "LOT_SIZE"), _filter(filters, "PRICE_FILTER")
    least = _filter(filters, "MIN_NOTIONAL")
    asset, size = _multiplied(text(row, "baseAsset"))
    return Instrument(
        venue=VENUE,
        symbol=symbol_of(row),
        asset=asset,
        quote=Currency(text(row, "quoteAsset")),
        settle=Currency(text(row, "marginAsset")),
        kind=ContractKind.LINEAR,
        contract_size=size,
        tick_size=number(prices, "tickSize"),
        lot_size=number(lots, "stepSize"),
        min_contracts=number(lots, "minQty"),
        max_contracts=number(lots, "maxQty"),
        min_notional_quote=number(least, "notional"),
        maker_fee_frac=maker,
        taker_fee_frac=taker,
        margin_tiers=_tiers(brackets),
        expires_at=None if text(row, "contractType") == "PERPETUAL" else moment(row, "deliveryDate"),
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


# --- account -----------------------------------------------------------------------------------


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
    return FuturesPosition(
        venue=VENUE,
        symbol=known(text(row, "symbol"), symbols),
        contracts=held,
        entry_price=number(row, "entryPrice"),
        liquidation_price=liquidation or None,
    )


def known(name: str, symbols: Mapping[str, Symbol]) -> Symbol:
    """Return the unified symbol of a venue's.

    Raises:
        BadPayload: it is the name of nothing.
    """
    try:
        return symbols[name]
    except KeyError:
        raise BadPayload(f"binanceusdm: {name[:40]} is in the account and names no contract") from None


# --- orders ------------------------------------------------------------------------------------


def order(row: Row, symbols: Mapping[str, Symbol]) -> VenueOrder:
    """Return a plain order."""
    state = _STATES.get(text(row, "status"))
    if state is None:
        raise BadPayload(f"binanceusdm: an order is {text(row, 'status')[:40]}")
    is_limit = text(row, "type") == "LIMIT"
    return VenueOrder(
        venue=VENUE,
        symbol=known(text(row, "symbol"), symbols),
        client_order_id=ClientOrderId(text(row, "clientOrderId")),
        venue_order_id=VenueOrderId(text(row, "orderId")),
        side=Side(text(row, "side").lower()),
        type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        contracts=number(row, "origQty"),
        filled_contracts=number(row, "executedQty"),
        price=number(row, "price") if is_limit else None,
        trigger_price=None,
        reduce_only=is_set(row, "reduceOnly"),
        state=state,
        created_at=moment(row, "time" if "time" in row else "updateTime"),
    )


def is_triggered(row: Row) -> bool:
    """Return whether a conditional order has become another."""
    return text(row, "algoStatus") in _ALGO_TRIGGERED


def conditional(row: Row, symbols: Mapping[str, Symbol], actual: Row | None) -> VenueOrder:
    """Return a conditional order; once triggered, with what ``actual``, the order that trades, says."""
    status = text(row, "algoStatus")
    filled = ZERO
    if status in _ALGO_TRIGGERED:
        state = OrderState.OPEN
        if actual is not None:
            seen = order(actual, symbols)
            state, filled = seen.state, seen.filled_contracts
    else:
        found = _ALGO_STATES.get(status)
        if found is None:
            raise BadPayload(f"binanceusdm: a conditional order is {status[:40]}")
        state = found
    return VenueOrder(
        venue=VENUE,
        symbol=known(text(row, "symbol"), symbols),
        client_order_id=ClientOrderId(text(row, "clientAlgoId")),
        venue_order_id=VenueOrderId(f"algo-{text(row, 'algoId')}"),
        side=Side(text(row, "side").lower()),
        type=OrderType.STOP_MARKET,
        contracts=number(row, "quantity"),
        filled_contracts=filled,
        price=None,
        trigger_price=number(row, "triggerPrice"),
        reduce_only=is_set(row, "reduceOnly"),
        state=state,
        created_at=moment(row, "createTime"),
    )


def forced_by(client_order_id: str) -> Purpose | None:
    """Return why the venue made an order itself; None for one that it did not make."""
    return next((why for prefix, why in _FORCED.items() if client_order_id.startswith(prefix)), None)


def fill(row: Row, symbols: Mapping[str, Symbol], owner: ClientOrderId | None, forced: Purpose | None) -> Fill:
    """Return a trade; ``owner`` is the client id of the order that it belongs to."""
    return Fill(
        venue=VENUE,
        symbol=known(text(row, "symbol"), symbols),
        trade_id=TradeId(text(row, "id")),
        client_order_id=owner,
        venue_order_id=VenueOrderId(text(row, "orderId")),
        side=Side(text(row, "side").lower()),
        contracts=number(row, "qty"),
        price=number(row, "price"),
        fee_paid=number(row, "commission"),
        fee_currency=Currency(text(row, "commissionAsset")),
        is_maker=is_set(row, "maker"),
        forced=forced,
        filled_at=moment(row, "time"),
    )


# --- market ------------------------------------------------------------------------------------


def quote(symbol: Symbol, book: Row, premium: Row, last: Row, *, ahead: timedelta) -> Quote:
    """Return a quote from ``bookTicker``, ``premiumIndex`` and ``ticker/price``, as old as the first two.

    ``ahead``: how far our clock is ahead of the venue's. By ours it is judged how old a price is.
    """
    return Quote(
        venue=VENUE,
        symbol=symbol,
        bid_price=number(book, "bidPrice"),
        ask_price=number(book, "askPrice"),
        mark_price=number(premium, "markPrice"),
        index_price=number(premium, "indexPrice"),
        last_price=number(last, "price"),
        bid_contracts=number(book, "bidQty"),
        ask_contracts=number(book, "askQty"),
        as_of=min(moment(book, "time"), moment(premium, "time")) + ahead,
    )


def funding_rate(symbol: Symbol, premium: Row, interval_hours: Decimal | None) -> FundingRate:
    """Return the forecast; the interval is eight hours where ``fundingInfo`` names no other."""
    return FundingRate(
        venue=VENUE,
        symbol=symbol,
        rate=number(premium, "lastFundingRate"),
        interval=_INTERVAL if interval_hours is None else timedelta(hours=int(interval_hours)),
        next_at=moment(premium, "nextFundingTime"),
        as_of=moment(premium, "time"),
    )


def currency_rate(currency: Currency, row: Row) -> CurrencyRate:
    """Return what a cash currency is worth, from ``assetIndex``."""
    return CurrencyRate(currency=currency, usd=number(row, "index"), as_of=moment(row, "time"))


def history(asset: Asset, bars: Any, now: datetime) -> PriceHistory:
    """Return daily closes from ``indexPriceKlines``, of days that have ended."""
    if not isinstance(bars, list):
        raise BadPayload("binanceusdm: bars were asked for, and something else was told")
    days, closes = [], []
    for bar in bars:
        row = {"open": bar[0], "close": bar[4], "end": bar[6]}
        if moment(row, "end") < now:
            days.append(moment(row, "open"))
            closes.append(number(row, "close"))
    if any(later <= earlier for earlier, later in pairwise(days)) or any(close <= 0 for close in closes):
        raise BadPayload(f"binanceusdm: the daily closes of {asset} are out of order, or none")
    return PriceHistory(asset=asset, days=tuple(days), closes=tuple(closes), as_of=now)


# --- money -------------------------------------------------------------------------------------


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
