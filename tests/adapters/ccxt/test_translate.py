"""What do Binance's documents mean?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.ccxt.binance import translate
from bot.domain.errors import BadPayload
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol
from bot.domain.instruments import ContractKind
from bot.domain.orders import OrderState, OrderType, Purpose, Side
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferState
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.payloads import DAY_MS, NOW, NOW_MS
from tests.builders import dec

BTC, PEPE = Symbol("BTC/USDT:USDT"), Symbol("1000PEPE/USDT:USDT")
SYMBOLS = {"BTCUSDT": BTC, "1000PEPEUSDT": PEPE}
OURS = "TTABC00000000100"


def as_text(document: Any) -> Any:
    """Return a document as the client parses it: numbers with a point are text."""
    match document:
        case dict():
            return {key: as_text(value) for key, value in document.items()}
        case list():
            return [as_text(value) for value in document]
        case float():
            return str(document)
        case _:
            return document


# --- fields --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, "", {}, [], 0.5])
def test_a_field_that_is_missing_is_an_error_and_no_zero(value: Any) -> None:
    with pytest.raises(BadPayload, match="walletBalance is missing"):
        translate.number({"walletBalance": value}, "walletBalance")
    with pytest.raises(BadPayload, match="walletBalance is missing"):
        translate.number({}, "walletBalance")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-", "1,000", "abc"])
def test_what_is_no_number_is_an_error(value: str) -> None:
    with pytest.raises(BadPayload):
        translate.number({"price": value}, "price")


@pytest.mark.parametrize("value", ["-1", "1.5", "soon"])
def test_what_is_no_time_is_an_error(value: str) -> None:
    with pytest.raises(BadPayload, match="time is no time"):
        translate.moment({"time": value}, "time")


def test_flags_come_as_booleans_or_as_words_and_nothing_else() -> None:
    rows = ({"on": True}, {"on": "true"}, {"on": False}, {"on": "false"})
    assert [translate.is_set(row, "on") for row in rows] == [True, True, False, False]
    for row in ({}, {"on": None}, {"on": 1}, {"on": "yes"}):
        with pytest.raises(BadPayload, match="on is neither true nor false"):
            translate.is_set(row, "on")


@pytest.mark.parametrize("document", [None, {}, "rows", [1], [{}, None]])
def test_what_is_no_list_of_rows_is_an_error(document: Any) -> None:
    with pytest.raises(BadPayload, match="a list was asked for"):
        translate.rows_of(document)


# --- contracts -----------------------------------------------------------------------------------


def instrument_of(row: dict[str, Any], **changes: Any) -> Any:
    brackets = changes.pop("brackets", as_text(payloads.brackets(row["symbol"])["brackets"]))
    return translate.instrument(row, brackets, maker=dec("0.0002"), taker=dec("0.0005"))


def test_a_perpetual_is_read_with_its_filters_and_brackets() -> None:
    one = instrument_of(payloads.BTC)
    assert (one.symbol, one.asset, one.settle, one.kind) == (BTC, "BTC", "USDT", ContractKind.LINEAR)
    assert (one.contract_size, one.tick_size, one.lot_size) == (dec(1), dec("0.10"), dec("0.001"))
    assert (one.min_contracts, one.min_notional_quote, one.expires_at) == (dec("0.001"), dec(100), None)
    assert (one.maker_fee_frac, one.taker_fee_frac) == (dec("0.0002"), dec("0.0005"))


def test_brackets_are_sorted_and_their_numbers_are_exact() -> None:
    first, second = instrument_of(payloads.BTC).margin_tiers
    assert (first.notional_cap_quote, first.maintenance_frac, first.max_leverage) == (
        dec(300_000),
        dec("0.004"),
        dec(125),
    )
    assert (second.notional_cap_quote, second.maintenance_amount_quote) == (dec(3_000_000), dec("300.0"))


def test_an_order_is_no_larger_than_a_stop_may_be() -> None:
    assert instrument_of(payloads.BTC).max_contracts == dec(120)


def test_a_dated_contract_has_its_day_in_its_name_and_expires() -> None:
    one = instrument_of(payloads.DATED)
    assert one.symbol == "BTC/USDT:USDT-261225"
    assert one.expires_at == datetime(2026, 12, 25, 8, tzinfo=UTC)


def test_a_perpetual_that_is_being_delisted_keeps_its_name_and_gets_no_expiry() -> None:
    row = payloads.contract("MATICUSDT", "MATIC", contractType="PERPETUAL_DELIVERING", deliveryDate=NOW_MS)
    assert translate.symbol_of(row) == "MATIC/USDT:USDT"
    assert instrument_of(row).expires_at is None


@pytest.mark.parametrize(
    ("base", "asset", "coins"),
    [
        ("1000PEPE", "PEPE", 1000),
        ("1000000MOG", "MOG", 1_000_000),
        ("1MBABYDOGE", "BABYDOGE", 1_000_000),
        ("1000X", "X", 1000),
        ("1INCH", "1INCH", 1),
        ("BTC", "BTC", 1),
    ],
)
def test_a_multiplier_in_the_name_is_the_size_of_a_contract(base: str, asset: str, coins: int) -> None:
    one = instrument_of(payloads.contract(f"{base}USDT", base))
    assert (one.asset, one.contract_size) == (asset, dec(coins))
    assert translate.coins_in(one.symbol) == dec(coins)


@pytest.mark.parametrize("kind", ["LOT_SIZE", "MARKET_LOT_SIZE", "PRICE_FILTER", "MIN_NOTIONAL"])
def test_a_contract_without_one_of_its_filters_is_an_error(kind: str) -> None:
    filters = [one for one in payloads.BTC["filters"] if one["filterType"] != kind]
    with pytest.raises(BadPayload, match=f"the filter {kind} is missing"):
        instrument_of(payloads.contract("BTCUSDT", "BTC", filters=filters))


def test_a_contract_without_brackets_is_an_error() -> None:
    with pytest.raises(BadPayload, match="no margin brackets"):
        instrument_of(payloads.BTC, brackets=[])


def test_only_what_trades_is_listed() -> None:
    others = [{"status": status} for status in ("PENDING_TRADING", "PRE_SETTLE", "SETTLING", "CLOSE", "DELIVERED")]
    others.append({"contractType": "TRADIFI_PERPETUAL"})
    assert translate.is_listed(payloads.BTC)
    assert not any(translate.is_listed(payloads.contract("XUSDT", "X", **change)) for change in others)


def test_the_weight_of_a_minute_is_read_from_the_listing() -> None:
    assert translate.weight_limit(payloads.EXCHANGE_INFO) == 2400
    with pytest.raises(BadPayload, match="names no rate limit"):
        translate.weight_limit({"rateLimits": [{"rateLimitType": "ORDERS", "interval": "MINUTE"}]})


# --- account -------------------------------------------------------------------------------------


def test_what_is_locked_in_orders_is_held_all_the_same() -> None:
    (btc, usdt) = translate.spot_balances(payloads.SPOT_ACCOUNT)
    assert (btc.currency, btc.balance, btc.wallet) == ("BTC", dec("0.12500000"), WalletKind.SPOT)
    assert usdt.balance == dec(4000)


def test_the_funding_wallet_counts_as_spot_and_withdrawals_under_way_as_held() -> None:
    (btc,) = translate.funding_balances(payloads.FUNDING_ASSET)
    assert (btc.balance, btc.pending, btc.wallet) == (dec("0.012"), dec("0.003"), WalletKind.SPOT)


def test_a_futures_balance_says_what_is_not_realised_and_empty_lines_are_none() -> None:
    (usdt,) = translate.futures_balances(payloads.FUTURES_ACCOUNT)
    assert (usdt.currency, usdt.balance, usdt.unrealised) == ("USDT", dec(6000), dec("-12.5"))
    assert usdt.wallet is WalletKind.LINEAR_FUTURES


def test_margin_is_the_accounts_own_sum() -> None:
    (usdt,) = translate.margins(payloads.FUTURES_ACCOUNT)
    assert (usdt.margin_balance, usdt.maintenance_margin, usdt.initial_margin) == (dec("5987.5"), dec(4), dec(50))


def test_a_short_is_negative() -> None:
    seen = translate.position(payloads.position("BTCUSDT", "-0.020"), SYMBOLS)
    assert seen is not None
    assert (seen.symbol, seen.contracts, seen.entry_price) == (BTC, dec("-0.020"), dec(50_000))


def test_no_liquidation_price_is_none_and_neither_zero_nor_far_away() -> None:
    none = translate.position(payloads.position("BTCUSDT", "-0.020"), SYMBOLS)
    told = translate.position(payloads.position("BTCUSDT", "-0.020", liquidationPrice="91234.5"), SYMBOLS)
    assert (none.liquidation_price, told.liquidation_price) == (None, dec("91234.5"))  # type: ignore[union-attr]


def test_a_row_of_an_open_order_without_a_position_is_no_position() -> None:
    assert translate.position(payloads.position("BTCUSDT", "0.000"), SYMBOLS) is None


def test_a_position_of_hedge_mode_is_an_error() -> None:
    with pytest.raises(BadPayload, match="hedge mode"):
        translate.position(payloads.position("BTCUSDT", "-0.020", positionSide="SHORT"), SYMBOLS)


def test_a_position_in_what_is_the_name_of_nothing_is_an_error() -> None:
    with pytest.raises(BadPayload, match="NEWUSDT is in the account and names no contract"):
        translate.position(payloads.position("NEWUSDT", "1"), SYMBOLS)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("MATICUSDT", "MATIC/USDT:USDT"),
        ("BTCUSDC", "BTC/USDC:USDC"),
        ("BTCUSDT_260925", "BTC/USDT:USDT-260925"),
        ("1000LUNCUSDT", "1000LUNC/USDT:USDT"),
    ],
)
def test_names_are_regular_so_that_what_is_listed_no_more_can_be_named(name: str, symbol: str) -> None:
    assert translate.symbol_by_name(name) == symbol
    assert translate.name_by_symbol(Symbol(symbol)) == name


@pytest.mark.parametrize("name", ["BTCUSD_PERP", "", "btcusdt", "BTCUSDT_SETTLED"])
def test_a_name_that_is_not_regular_names_nothing(name: str) -> None:
    with pytest.raises(KeyError):
        translate.symbol_by_name(name)


# --- orders --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("NEW", OrderState.OPEN),
        ("PARTIALLY_FILLED", OrderState.PARTIALLY_FILLED),
        ("FILLED", OrderState.FILLED),
        ("CANCELED", OrderState.CANCELLED),
        ("EXPIRED", OrderState.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderState.EXPIRED),
        ("REJECTED", OrderState.REJECTED),
        # Of the venue itself, when the account is in trouble: against its insurance fund, and deleveraging.
        ("NEW_INSURANCE", OrderState.OPEN),
        ("NEW_ADL", OrderState.OPEN),
    ],
)
def test_an_order_stands_as_the_venue_says(status: str, state: OrderState) -> None:
    assert translate.order(payloads.order(OURS, status=status), SYMBOLS).state is state


def test_a_status_that_is_not_known_is_an_error_and_never_guessed() -> None:
    with pytest.raises(BadPayload, match="an order is PENDING_SOMETHING"):
        translate.order(payloads.order(OURS, status="PENDING_SOMETHING"), SYMBOLS)
    with pytest.raises(BadPayload, match="a conditional order is ARCHIVED"):
        translate.conditional(payloads.conditional(OURS, algoStatus="ARCHIVED"), SYMBOLS, None)


def test_a_limit_order_is_read_whole() -> None:
    seen = translate.order(payloads.order(OURS, executedQty="0.005", status="PARTIALLY_FILLED"), SYMBOLS)
    assert (seen.client_order_id, seen.venue_order_id, seen.symbol) == (OURS, "1917641", BTC)
    assert (seen.side, seen.type, seen.price) == (Side.SELL, OrderType.LIMIT, dec(51_000))
    assert (seen.contracts, seen.filled_contracts, seen.reduce_only) == (dec("0.020"), dec("0.005"), False)
    assert seen.created_at == NOW


def test_a_market_order_has_no_price_and_the_reply_to_it_no_time_of_its_own() -> None:
    row = payloads.order(OURS, type="MARKET", origType="MARKET", price="0", updateTime=NOW_MS + 5)
    del row["time"]
    seen = translate.order(row, SYMBOLS)
    assert (seen.type, seen.price, seen.created_at) == (
        OrderType.MARKET,
        None,
        NOW + timedelta(milliseconds=5),
    )


def test_a_stop_that_rests_is_open_with_its_trigger() -> None:
    seen = translate.conditional(payloads.conditional(OURS), SYMBOLS, None)
    assert (seen.client_order_id, seen.venue_order_id, seen.type) == (OURS, "algo-2146760", OrderType.STOP_MARKET)
    assert (seen.contracts, seen.filled_contracts, seen.trigger_price) == (dec("0.020"), dec(0), dec(60_000))
    assert (seen.state, seen.side, seen.reduce_only) == (OrderState.OPEN, Side.BUY, True)


@pytest.mark.parametrize(
    ("status", "state"),
    [("CANCELED", OrderState.CANCELLED), ("EXPIRED", OrderState.EXPIRED), ("REJECTED", OrderState.REJECTED)],
)
def test_a_stop_that_has_ended_without_firing_says_how(status: str, state: OrderState) -> None:
    assert translate.conditional(payloads.conditional(OURS, algoStatus=status), SYMBOLS, None).state is state


@pytest.mark.parametrize("status", ["TRIGGERING", "TRIGGERED", "FINISHED"])
def test_a_stop_that_has_fired_is_what_the_order_that_it_became_is(status: str) -> None:
    row = payloads.conditional(OURS, algoStatus=status, actualOrderId="4711")
    traded = payloads.order("x", type="MARKET", status="FILLED", executedQty="0.020", side="BUY")
    assert translate.is_triggered(row)
    seen = translate.conditional(row, SYMBOLS, traded)
    assert (seen.state, seen.filled_contracts) == (OrderState.FILLED, dec("0.020"))
    # Not told yet: it works, and nobody says that it has filled, or that it has not.
    unseen = translate.conditional(row, SYMBOLS, None)
    assert (unseen.state, unseen.filled_contracts) == (OrderState.OPEN, dec(0))


def test_stops_that_the_owner_has_placed_by_hand_do_not_hide_the_account() -> None:
    closing = payloads.conditional("web_1", closePosition=True, quantity="", reduceOnly=True)
    trailing = payloads.conditional("web_2", orderType="TRAILING_STOP_MARKET", triggerPrice="", callbackRate="1.0")
    assert translate.conditional(closing, SYMBOLS, None).contracts == 0
    assert translate.conditional(trailing, SYMBOLS, None).trigger_price is None


@pytest.mark.parametrize(
    ("client_id", "why"),
    [
        ("autoclose-1618886455551", Purpose.LIQUIDATION),
        ("adl_autoclose", Purpose.DELEVERAGE),
        ("settlement_autoclose-BTCUSDT", Purpose.SETTLEMENT),
        ("delivery_autoclose-BTCUSDT_261225", Purpose.SETTLEMENT),
        (OURS, None),
        ("web_autoclose-1", None),
    ],
)
def test_the_venues_own_orders_are_known_by_how_their_ids_begin(client_id: str, why: Purpose | None) -> None:
    assert translate.forced_by(client_id) is why


def test_a_trade_has_its_fee_in_the_currency_that_it_was_paid_in() -> None:
    row = payloads.trade(55, 4711, commission="0.00045", commissionAsset="BNB", maker=True)
    seen = translate.fill(row, SYMBOLS, ClientOrderId(OURS), None)
    assert (seen.fee_paid, seen.fee_currency, seen.is_maker) == (dec("0.00045"), "BNB", True)
    assert (seen.trade_id, seen.venue_order_id, seen.client_order_id) == ("55", "4711", OURS)
    assert (seen.contracts, seen.price, seen.side) == (dec("0.020"), dec("50997.5"), Side.SELL)


@pytest.mark.parametrize("changes", [{"commissionAsset": ""}, {"commission": ""}])
def test_a_fee_that_is_not_told_is_an_error_and_not_nothing(changes: dict[str, str]) -> None:
    with pytest.raises(BadPayload):
        translate.fill(payloads.trade(1, 2) | changes, SYMBOLS, None, None)


def test_a_fee_of_nothing_need_not_name_its_currency() -> None:
    row = payloads.trade(1, 2, commission="0", commissionAsset="")
    seen = translate.fill(row, SYMBOLS, None, None)
    assert (seen.fee_paid, seen.fee_currency) == (dec(0), "USDT")


def test_a_rebate_is_a_negative_fee() -> None:
    assert translate.fill(payloads.trade(1, 2, commission="-0.01"), SYMBOLS, None, None).fee_paid == dec("-0.01")


# --- prices of a thousand coins ------------------------------------------------------------------


def test_prices_of_a_thousand_coins_become_prices_of_one_wherever_they_come_from() -> None:
    name = "1000PEPEUSDT"
    quote = translate.quote(
        PEPE,
        payloads.book(name, "0.0123450", "0.0123460"),
        payloads.premium(name, "0.01234567", "0.01234000"),
        payloads.last(name, "0.0123455"),
        ahead=timedelta(0),
    )
    assert (quote.bid_price, quote.ask_price, quote.last_price) == (
        dec("0.0000123450"),
        dec("0.0000123460"),
        dec("0.0000123455"),
    )
    assert (quote.mark_price, quote.index_price) == (dec("0.00001234567"), dec("0.00001234"))
    one = instrument_of(payloads.PEPE)
    assert one.tick_size == dec("0.0000000001")
    assert one.notional_quote(dec(100), quote.mark_price) == dec("1.234567"), "as the venue's own notional has it"
    row = payloads.position(name, "-100", entryPrice="0.0120", liquidationPrice="0.0240")
    held = translate.position(row, SYMBOLS)
    assert (held.entry_price, held.liquidation_price) == (dec("0.000012"), dec("0.000024"))  # type: ignore[union-attr]
    limit = translate.order(payloads.order(OURS, symbol=name, price="0.0120"), SYMBOLS)
    stop = translate.conditional(payloads.conditional(OURS, symbol=name, triggerPrice="0.0150"), SYMBOLS, None)
    fill = translate.fill(payloads.trade(1, 2, symbol=name, price="0.0121"), SYMBOLS, None, None)
    assert (limit.price, stop.trigger_price, fill.price) == (dec("0.000012"), dec("0.000015"), dec("0.0000121"))


# --- market --------------------------------------------------------------------------------------


def test_a_quote_is_as_old_as_the_oldest_price_that_moves_it() -> None:
    rows = (payloads.book("BTCUSDT"), payloads.premium("BTCUSDT"), payloads.last("BTCUSDT"))
    quote = translate.quote(BTC, *rows, ahead=timedelta(0))
    assert quote.as_of == NOW - timedelta(milliseconds=40)
    assert translate.quote(BTC, *rows, ahead=timedelta(seconds=3)).as_of - quote.as_of == timedelta(seconds=3)
    assert (quote.bid_contracts, quote.ask_contracts) == (dec("4.310"), dec("9.120"))


def test_the_interval_of_funding_is_what_the_venue_names_or_eight_hours() -> None:
    row = payloads.premium("BTCUSDT")
    usual, short = translate.funding_rate(BTC, row, None), translate.funding_rate(BTC, row, dec(4))
    assert (usual.interval, short.interval) == (timedelta(hours=8), timedelta(hours=4))
    assert (usual.rate, usual.next_at) == (dec("-0.000125"), NOW + timedelta(hours=4))


def test_a_history_leaves_out_the_day_that_is_not_over() -> None:
    midnight = NOW_MS - 12 * payloads.HOUR_MS
    bars = [
        [midnight - DAY_MS, "1", "1", "1", "51000.5", "0", midnight - 1, "0", 1440, "0", "0", "0"],
        [midnight, "1", "1", "1", "51500.5", "0", midnight + DAY_MS - 1, "0", 720, "0", "0", "0"],
    ]
    seen = translate.history(Asset("BTC"), bars, NOW, Decimal(1))
    assert seen.days == (NOW - timedelta(hours=36),)
    assert seen.closes == (dec("51000.5"),)


@pytest.mark.parametrize(("days_ago", "close"), [((2, 3), "1"), ((2, 2), "1"), ((3, 2), "0"), ((3, 2), "-1")])
def test_closes_that_are_out_of_order_or_none_are_an_error(days_ago: tuple[int, int], close: str) -> None:
    ends = [NOW_MS - days * DAY_MS for days in days_ago]
    bars = [[end - DAY_MS, "1", "1", "1", close, "0", end - 1, "0", 0, "0", "0", "0"] for end in ends]
    with pytest.raises(BadPayload, match="out of order, or none"):
        translate.history(Asset("BTC"), bars, NOW, Decimal(1))


@pytest.mark.parametrize("bars", [{"code": 0}, [{}], [[1, 2]], ["bar"]])
def test_bars_of_another_form_are_an_error(bars: Any) -> None:
    with pytest.raises(BadPayload, match="bars were asked for"):
        translate.history(Asset("BTC"), bars, NOW, Decimal(1))


def test_cash_is_worth_what_the_index_says() -> None:
    rate = translate.currency_rate(Currency("USDT"), {"symbol": "USDTUSD", "index": "0.99920000", "time": NOW_MS})
    assert (rate.usd, rate.as_of) == (dec("0.9992"), NOW)


# --- money ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "income", "notional"),
    # A short receives at a positive rate, and a long pays.
    [("0.00010000", "0.10200000", "-1020"), ("0.00010000", "-0.10200000", "1020"), ("0", "0", "0")],
)
def test_a_payment_has_the_sign_of_the_income_and_the_notional_follows(rate: str, income: str, notional: str) -> None:
    paid = translate.funding_payment(payloads.income("FUNDING_FEE", income), SYMBOLS, payloads.settled_rate(rate), NOW)
    assert (paid.amount, paid.rate, paid.notional_quote) == (dec(income), dec(rate), dec(notional))
    assert (paid.transaction_id, paid.currency, paid.symbol) == ("9689322392", "USDT", BTC)
    assert paid.settled_at == NOW - timedelta(hours=4), "of the settlement, not of the booking"


@pytest.mark.parametrize(
    ("status", "state"),
    [("CONFIRMED", TransferState.DONE), ("PENDING", TransferState.PENDING), ("FAILED", TransferState.REFUSED)],
)
def test_a_transfer_stands_as_the_venue_says(status: str, state: TransferState) -> None:
    ends = (WalletKind.SPOT, WalletKind.LINEAR_FUTURES)
    seen = translate.transfer(payloads.moved("250.5", 77, status=status), ends)
    assert (seen.amount, seen.venue_transfer_id, seen.state) == (dec("250.5"), "77", state)
    assert (seen.transfer_id, seen.source, seen.target) == (None, *ends)


def test_a_transfer_of_an_unknown_status_is_an_error() -> None:
    with pytest.raises(BadPayload, match="a transfer is LOST"):
        translate.transfer(payloads.moved("1", 1, status="LOST"), (WalletKind.SPOT, WalletKind.LINEAR_FUTURES))
