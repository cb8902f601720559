"""What does the account hold, and what does the market say? Read completely, or not at all."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import structlog

from bot.adapters.ccxt.errors import KeyNotTaken
from bot.adapters.ccxt.limiter import Lane
from bot.domain.errors import ConfigError, VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from bot.domain.ids import Asset, Currency, Symbol, TransferId
from bot.domain.orders import OrderType
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferIntent, TransferState
from bot.ports import patiently
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import BTC, OURS, PEPE
from tests.adapters.ccxt.payloads import NOW
from tests.adapters.ccxt.wire import Scene, cuts_short, drops, failure_of, hangs, play, refuses, says, shows_page, usual
from tests.builders import dec

ACCOUNT = ("GET /fapi/v3/account", "GET /fapi/v3/positionRisk", "GET /fapi/v1/openOrders")
#: On other hosts of the venue, and what is unreadable without them.
BESIDES = {
    "GET /api/v3/account": "Spot",
    "POST /sapi/v1/asset/get-funding-asset": "Funding",
    "GET /sapi/v1/asset/wallet/balance": "the list of wallets",
}
MOVE = "POST /sapi/v1/asset/transfer"
BOOK, PREMIUM, LAST = "GET /fapi/v1/ticker/bookTicker", "GET /fapi/v1/premiumIndex", "GET /fapi/v2/ticker/price"


# --- start ---------------------------------------------------------------------------------------


def test_a_start_reads_clock_listing_and_modes_and_changes_nothing() -> None:
    wire = usual()

    async def scene(at: Scene) -> None:
        await at.venue.start()
        assert [one.route for one in at.wire.asked] == [
            "GET /fapi/v1/time",
            "GET /fapi/v1/exchangeInfo",
            "GET /fapi/v1/leverageBracket",
            "GET /fapi/v1/symbolConfig",
            "GET /fapi/v1/commissionRate",
            "GET /fapi/v1/positionSide/dual",
            "GET /fapi/v1/multiAssetsMargin",
        ]
        assert at.venue.id == "binanceusdm"

    play(scene, wire=wire, is_started=False)


@pytest.mark.parametrize(
    ("route", "document", "told"),
    [
        ("GET /fapi/v1/positionSide/dual", {"dualSidePosition": True}, "hedge mode; switch it to one-way mode"),
        ("GET /fapi/v1/multiAssetsMargin", {"multiAssetsMargin": True}, "multi-assets mode; switch it to single-asset"),
    ],
)
def test_an_account_in_another_mode_is_refused_at_the_start(route: str, document: Any, told: str) -> None:
    wire = usual()
    wire.say(route, document)

    async def scene(at: Scene) -> None:
        assert told in str(await failure_of(at.venue.start(), ConfigError))

    play(scene, wire=wire, is_started=False)


@pytest.mark.parametrize(
    ("answer", "verdict", "told"),
    [
        (refuses(-1022), ConfigError, "API_SECRET is not the secret of this key"),
        (refuses(-2014, 401), ConfigError, "API_KEY is no key of this venue"),
        (refuses(-2015, 401), KeyNotTaken, "may be used from this machine's address"),
        (refuses(-1007, 408), VenueUnavailable, "-1007"),
        (shows_page(403), VenueUnavailable, "HTTP 403 Forbidden"),
        (refuses(0, 451, "Service unavailable from a restricted location"), VenueUnavailable, "HTTP 451 Service unav"),
    ],
)
def test_what_is_wrong_with_a_key_here_is_a_configuration_and_what_is_wrong_there_is_asked_again(
    answer: Any, verdict: type[Exception], told: str
) -> None:
    wire = usual()
    wire.answer("GET /fapi/v1/leverageBracket", answer)

    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.start())
        assert type(failure) is verdict
        assert told in str(failure)

    play(scene, wire=wire, is_started=False)


@pytest.mark.parametrize(
    ("route", "told"),
    [
        ("GET /fapi/v1/time", "its clock could not be read (fapiPublicGetTime: "),
        ("GET /fapi/v1/exchangeInfo", "its contracts and their terms could not be read (fapiPublicGetExchangeInfo: "),
        ("GET /fapi/v1/positionSide/dual", "how the account is set up could not be read (fapiPrivateGetPositionSide"),
    ],
)
def test_a_start_that_is_not_answered_says_what_was_asked_for(route: str, told: str) -> None:
    wire = usual()
    wire.answer(route, hangs)

    async def scene(at: Scene) -> None:
        failure = str(await failure_of(at.venue.start(), VenueUnavailable))
        assert failure.startswith(told)
        assert "RequestTimeout (" in failure

    play(scene, wire=wire, is_started=False)


# --- the account ---------------------------------------------------------------------------------


def test_an_account_is_balances_positions_margin_and_the_orders_of_both_houses() -> None:
    wire = usual()
    wire.say("GET /fapi/v3/positionRisk", [payloads.position("BTCUSDT", "-0.020"), payloads.position("BTCUSDT", "0")])
    wire.say("GET /fapi/v1/openOrders", [payloads.order("TTABC00000000100")])
    wire.say("GET /fapi/v1/openAlgoOrders", [payloads.conditional("TTABC00000000200")])

    async def scene(at: Scene) -> None:
        seen = await at.venue.fetch_account()
        held = {(one.wallet, one.currency): (one.balance, one.pending) for one in seen.balances}
        assert held == {
            (WalletKind.SPOT, "BTC"): (dec("0.137"), dec("0.003")),
            (WalletKind.SPOT, "USDT"): (dec(4000), dec(0)),
            (WalletKind.LINEAR_FUTURES, "USDT"): (dec(6000), dec(0)),
        }
        assert [(one.symbol, one.contracts) for one in seen.positions] == [(BTC, dec("-0.020"))]
        assert [one.type for one in seen.open_orders] == [OrderType.LIMIT, OrderType.STOP_MARKET]
        assert [one.maintenance_margin for one in seen.margins] == [dec(4)]
        assert seen.unreadable_wallets == ()

    play(scene, wire=wire)


BROKEN = pytest.mark.parametrize(
    "answer",
    [drops, shows_page(502), shows_page(200), cuts_short(payloads.FUTURES_ACCOUNT), says({"success": True})],
    ids=["dropped", "502", "a page", "cut short", "half right"],
)


@pytest.mark.parametrize("route", ACCOUNT)
@BROKEN
def test_an_account_of_which_one_part_is_missing_is_no_account(route: str, answer: Any) -> None:
    wire = usual()

    async def scene(at: Scene) -> None:
        at.wire.answer(route, answer)
        await failure_of(at.venue.fetch_account(), VenueUnavailable)

    play(scene, wire=wire)


@pytest.mark.parametrize("route", BESIDES)
@pytest.mark.parametrize("answer", [drops, hangs, shows_page(502), says({"success": True})])
def test_a_wallet_on_another_host_that_does_not_answer_is_unreadable_and_hides_no_position(
    route: str, answer: Any
) -> None:
    wire = usual()
    wire.say("GET /fapi/v3/positionRisk", [payloads.position("BTCUSDT", "-0.020")])

    async def scene(at: Scene) -> None:
        at.wire.answer(route, answer)
        for _ in range(2):
            seen = await at.venue.fetch_account()
            assert seen.unreadable_wallets == (BESIDES[route],)
            assert [one.contracts for one in seen.positions] == [dec("-0.020")]
        assert len(at.wire.sent(route)) == 1, "it is left in peace for a while"
        at.wire.answers[route] = usual().answers[route]
        await at.clock.sleep(timedelta(seconds=30))
        assert (await at.venue.fetch_account()).unreadable_wallets == ()

    play(scene, wire=wire)


@BROKEN
def test_an_account_whose_stops_cannot_be_listed_says_so_and_is_there(answer: Any) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer("GET /fapi/v1/openAlgoOrders", answer)
        with structlog.testing.capture_logs() as lines:
            seen = await at.venue.fetch_account()
        assert (seen.has_stops_listed, seen.open_orders) == (False, ())
        assert [line["code"] for line in lines] == ["stops_unlisted"]

    play(scene)


def test_an_outage_of_the_list_of_stops_is_told_when_it_begins_and_when_it_is_over() -> None:
    route = "GET /fapi/v1/openAlgoOrders"

    async def scene(at: Scene) -> None:
        with structlog.testing.capture_logs() as lines:
            for answer in (drops, shows_page(502), says([]), says([]), drops, says([])):
                at.wire.answer(route, answer)
                await at.venue.fetch_account()
                await at.clock.sleep(timedelta(minutes=1))
        assert [(line["code"], line["log_level"]) for line in lines] == [
            ("stops_unlisted", "warning"),
            ("stops_listed", "info"),
        ] * 2

    play(scene)


def test_open_orders_are_listed_by_contract_within_a_minute_and_of_the_whole_account_after_it() -> None:
    plain, stops = "GET /fapi/v1/openOrders", "GET /fapi/v1/openAlgoOrders"
    wire = usual()
    wire.say("GET /fapi/v3/positionRisk", [payloads.position("BTCUSDT", "-0.020")])

    async def scene(at: Scene) -> None:
        for _ in range(2):
            await at.venue.fetch_account()
        await at.clock.sleep(timedelta(minutes=1))
        await at.venue.fetch_account()
        for route in (plain, stops):
            assert [one.params.get("symbol") for one in at.wire.sent(route)] == [None, "BTCUSDT", None]

    play(scene, wire=wire)


@pytest.mark.parametrize("status", ["PRE_SETTLE", "PRE_DELIVERING", "SETTLING"])
def test_a_stop_is_listed_at_every_reading_when_its_contract_trades_no_more(status: str) -> None:
    stops, stop = "GET /fapi/v1/openAlgoOrders", payloads.conditional(OURS)
    told = payloads.EXCHANGE_INFO["symbols"]
    wire = usual()
    wire.say("GET /fapi/v3/positionRisk", [payloads.position("BTCUSDT", "-0.020")])
    wire.say(stops, [stop])
    rows = [one | {"status": status} if one["symbol"] == "BTCUSDT" else one for one in told]
    wire.say("GET /fapi/v1/exchangeInfo", payloads.EXCHANGE_INFO | {"symbols": rows})

    async def scene(at: Scene) -> None:
        for _ in range(3):
            assert [one.client_order_id for one in (await at.venue.fetch_account()).open_orders] == [OURS]
        # Gone altogether, nothing rests there, and the others are told all the same.
        at.wire.answer(stops, refuses(-1121))
        assert (await at.venue.fetch_account()).has_stops_listed

    play(scene, wire=wire)


def test_what_lies_in_wallets_that_are_not_read_is_named() -> None:
    wire = usual()
    more = {"activate": True, "balance": "0.5", "walletName": "Earn"}
    wire.say("GET /sapi/v1/asset/wallet/balance", [*payloads.WALLETS[:-1], more])

    async def scene(at: Scene) -> None:
        assert (await at.venue.fetch_account()).unreadable_wallets == ("Earn",)

    play(scene, wire=wire)


# --- the market ----------------------------------------------------------------------------------


def test_a_few_contracts_are_quoted_one_by_one_and_one_that_is_quoted_no_more_hides_no_other() -> None:
    wire = usual()
    gone = refuses(-1121, message="Invalid symbol.")

    async def scene(at: Scene) -> None:
        for route, row in ((BOOK, payloads.book), (PREMIUM, payloads.premium), (LAST, payloads.last)):
            at.wire.answer(route, says(row("BTCUSDT")), gone)
        (quote,) = await at.venue.fetch_quotes([BTC, Symbol("MATIC/USDT:USDT"), Symbol("NEVER/USDT:USDT")])
        assert (quote.symbol, quote.bid_price) == (BTC, dec("50999.90"))
        assert len(at.wire.sent(BOOK)) == 2, "nobody asks for what was never listed"

    play(scene, wire=wire)


def test_many_contracts_are_quoted_at_once_and_only_those_that_were_asked_for() -> None:
    wire = usual()
    rows = [payloads.contract(f"{base}USDT", base) for base in ("BTC", "ETH", "SOL", "ADA", "XRP")]
    wire.say("GET /fapi/v1/exchangeInfo", payloads.EXCHANGE_INFO | {"symbols": rows})
    wire.say("GET /fapi/v1/leverageBracket", [payloads.brackets(row["symbol"]) for row in rows])

    async def scene(at: Scene) -> None:
        names = [row["symbol"] for row in rows]
        at.wire.say(BOOK, [payloads.book(name) for name in names])
        at.wire.say(PREMIUM, [payloads.premium(name) for name in names])
        at.wire.say(LAST, [payloads.last(name) for name in names if name != "ADAUSDT"])
        asked = [Symbol(f"{base}/USDT:USDT") for base in ("BTC", "ETH", "SOL", "ADA")]
        quotes = await at.venue.fetch_quotes(asked)
        assert [one.symbol for one in quotes] == asked[:3], "what lacks one of its prices is not quoted"
        assert "symbol" not in at.wire.sent(BOOK)[0].params

    play(scene, wire=wire)


def test_funding_is_forecast_for_perpetuals_with_the_interval_that_is_in_force() -> None:
    wire = usual()
    wire.say("GET /fapi/v1/fundingInfo", [{"symbol": "1000PEPEUSDT", "fundingIntervalHours": 4}])

    async def scene(at: Scene) -> None:
        at.wire.say(
            PREMIUM,
            payloads.premium("BTCUSDT"),
            payloads.premium("1000PEPEUSDT"),
            payloads.premium("BTCUSDT_261225", lastFundingRate="", nextFundingTime=0),
        )
        asked = [BTC, PEPE, Symbol("BTC/USDT:USDT-261225")]
        rates = {one.symbol: one.interval for one in await at.venue.fetch_funding_rates(asked)}
        assert rates == {BTC: timedelta(hours=8), PEPE: timedelta(hours=4)}

    play(scene, wire=wire)


def test_cash_that_the_venue_does_not_value_is_left_out() -> None:
    async def scene(at: Scene) -> None:
        row = {"symbol": "USDTUSD", "index": "0.99920000", "time": payloads.NOW_MS}
        at.wire.say("GET /fapi/v1/assetIndex", [row])
        (rate,) = await at.venue.fetch_currency_rates([Currency("USDT"), Currency("FDUSD")])
        assert (rate.currency, rate.usd) == ("USDT", dec("0.9992"))

    play(scene)


def test_a_coin_without_a_contract_has_the_price_of_its_spot_market() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say("GET /api/v3/ticker/price", {"symbol": "GONEUSDT", "price": "0.0123"})
        (coin,) = await at.venue.fetch_coin_prices([Asset("GONE")])
        assert (coin.asset, coin.quote, coin.price) == ("GONE", "USDT", dec("0.0123"))

    play(scene)


def test_an_account_that_is_read_for_a_look_leaves_room_for_one_that_is_read_to_protect() -> None:
    async def scene(at: Scene) -> None:
        limiter = at.venue.calls.limiter
        limiter.set_limit(2400)
        # Twenty seconds into a minute that nothing was used of yet: nobody waits for the next.
        await asyncio.sleep(80)
        await limiter.admit(1680 - 5, Lane.READ)
        with patiently(), pytest.raises(VenueUnavailable, match="rate limit"):
            await at.venue.fetch_account()
        assert (await at.venue.fetch_account()).has_stops_listed

    play(scene)


def test_a_history_is_asked_for_by_the_name_of_the_index_and_told_in_coins() -> None:
    klines = "GET /fapi/v1/indexPriceKlines"
    midnight = payloads.NOW_MS - 12 * payloads.HOUR_MS
    bar = [midnight - payloads.DAY_MS, "1", "1", "1", "0.0123", "0", midnight - 1, "0", 1440, "0", "0", "0"]

    async def scene(at: Scene) -> None:
        at.wire.say(klines, [bar])
        pepe = await at.venue.fetch_history(Asset("PEPE"), 90)
        await at.venue.fetch_history(Asset("NEVER"), 90)
        assert [one.params["pair"] for one in at.wire.sent(klines)] == ["1000PEPEUSDT", "NEVERUSDT"]
        assert pepe.closes == (dec("0.0000123"),)
        at.wire.say(klines, [{"open": 1}])
        await failure_of(at.venue.fetch_history(Asset("BTC"), 90), VenueUnavailable)

    play(scene)


# --- transfers -----------------------------------------------------------------------------------


def transfer(**changes: Any) -> TransferIntent:
    terms: dict[str, Any] = {
        "venue": "binanceusdm",
        "currency": Currency("USDT"),
        "source": WalletKind.SPOT,
        "target": WalletKind.LINEAR_FUTURES,
        "amount": dec("250.50"),
        "why": "margin is short",
        "transfer_id": TransferId("TTABC00000000300"),
        "intended_at": NOW,
    }
    return TransferIntent(**(terms | changes))


def test_a_transfer_leaves_once_and_is_under_way_until_the_history_shows_it() -> None:
    async def scene(at: Scene) -> None:
        at.wire.say(MOVE, {"tranId": 13526853623})
        seen = await at.venue.transfer(transfer())
        (asked,) = at.wire.sent(MOVE)
        left = {key: asked.params[key] for key in ("type", "asset", "amount")}
        assert left == {"type": "MAIN_UMFUTURE", "asset": "USDT", "amount": "250.5"}
        assert (seen.state, seen.venue_transfer_id) == (TransferState.PENDING, "13526853623")

    play(scene)


@pytest.mark.parametrize(
    "answer", [drops, shows_page(502), says({}), says({"success": True}), refuses(-1007), refuses(-1008)]
)
def test_a_transfer_whose_reply_says_nothing_is_unknown(answer: Any) -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(MOVE, answer)
        assert type(await failure_of(at.venue.transfer(transfer()))) is VenueOutcomeUnknown
        assert len(at.wire.sent(MOVE)) == 1

    play(scene)


def test_a_transfer_between_other_wallets_never_leaves() -> None:
    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.transfer(transfer(target=WalletKind.SPOT)), VenueRefused)
        assert failure.code == "bad_request"
        assert at.wire.asked == []

    play(scene)


# --- the test network ----------------------------------------------------------------------------


def test_the_test_network_does_without_wallets_keys_and_transfers() -> None:
    async def scene(at: Scene) -> None:
        seen = await at.venue.fetch_account()
        assert seen.unreadable_wallets == ()
        assert {one.currency for one in seen.balances} == {"BTC", "USDT"}
        assert await at.venue.fetch_transfers(NOW - timedelta(days=1)) == ()
        assert (await failure_of(at.venue.transfer(transfer()), VenueRefused)).code == "not_permitted"
        assert not any("/sapi/" in one.path for one in at.wire.asked)

    play(scene, is_testnet=True)


def test_other_tasks_have_their_turn_while_the_account_is_read() -> None:
    async def scene(at: Scene) -> None:
        reading = asyncio.ensure_future(at.venue.fetch_account())
        turns = 0
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > len(ACCOUNT) + len(BESIDES)
        reading.result()

    play(scene)
