"""What has happened? Trades with their owners, funding with its rate, transfers; page by page, window by window."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import structlog

from bot.domain.errors import VenueUnavailable
from bot.domain.orders import Purpose
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferState
from tests.adapters.ccxt import payloads
from tests.adapters.ccxt.orders import BTC, FIND, FIND_STOP, OURS, PLACE, hedge
from tests.adapters.ccxt.payloads import HOUR_MS, NOW, NOW_MS
from tests.adapters.ccxt.wire import Scene, failure_of, play, refuses, says, shows_page, usual
from tests.builders import dec

TRADES, INCOME, ALGOS = "GET /fapi/v1/userTrades", "GET /fapi/v1/income", "GET /fapi/v1/allAlgoOrders"
RATES, MOVES = "GET /fapi/v1/fundingRate", "GET /sapi/v1/asset/transfer"
DAY = timedelta(days=1)


def with_trades(*rows: Any) -> Any:
    """Return a venue where BTC has traded."""
    wire = usual()
    wire.say(INCOME, [payloads.income("COMMISSION", "-0.5")])
    wire.say(TRADES, list(rows))
    return wire


# --- trades --------------------------------------------------------------------------------------


def test_which_contracts_have_traded_the_income_says() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order(OURS, orderId=4711))

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert (fill.symbol, fill.client_order_id, fill.forced) == (BTC, OURS, None)
        assert "incomeType" not in at.wire.sent(INCOME)[0].params
        assert {one.params["symbol"] for one in at.wire.sent(TRADES)} == {"BTCUSDT"}

    play(scene, wire=wire)


def test_a_fee_that_is_of_no_contract_is_of_no_trade() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("COMMISSION", "-0.5", symbol="")])

    async def scene(at: Scene) -> None:
        assert await at.venue.fetch_fills(NOW - DAY) == ()

    play(scene, wire=wire)


@pytest.mark.parametrize("kind", ["REALIZED_PNL", "FUNDING_FEE", "INSURANCE_CLEAR"])
def test_a_contract_that_is_traded_for_no_fee_is_known_by_what_else_it_brings(kind: str) -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income(kind, "0.5")])
    wire.say(TRADES, [payloads.trade(1, 4711, commission="0", commissionAsset="")])
    wire.say(FIND, payloads.order(OURS, orderId=4711))

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert (fill.fee_paid, fill.fee_currency) == (dec(0), "USDT")

    play(scene, wire=wire)


def test_income_that_no_trade_has_brought_names_no_contract_to_be_read() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("OPTIONS_SETTLE_PROFIT", "0.5", symbol="BTC-261225-50000-C")])

    async def scene(at: Scene) -> None:
        assert await at.venue.fetch_fills(NOW - DAY) == ()

    play(scene, wire=wire)


def test_what_is_older_than_the_venue_serves_is_not_asked_for_and_said() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order(OURS, orderId=4711))

    async def scene(at: Scene) -> None:
        with structlog.testing.capture_logs() as lines:
            for _ in range(2):
                assert len(await at.venue.fetch_fills(NOW - timedelta(days=400))) == 1
                await at.venue.fetch_funding(NOW - timedelta(days=400))
        for route in (TRADES, INCOME):
            oldest = min(int(one.params["startTime"]) for one in at.wire.sent(route))
            assert oldest >= NOW_MS - 89 * payloads.DAY_MS
        told = [line["event"] for line in lines if line.get("code") == "history_cut"]
        assert len(told) == 2
        assert "trades from" in told[0]

    play(scene, wire=wire)


def test_an_account_that_has_never_traded_has_no_fills_and_is_not_asked_for_any() -> None:
    async def scene(at: Scene) -> None:
        assert await at.venue.fetch_fills(NOW - DAY) == ()
        assert at.wire.sent(TRADES) == []

    play(scene)


def test_whose_an_order_is_is_asked_once() -> None:
    wire = with_trades(payloads.trade(1, 4711), payloads.trade(2, 4711))
    wire.say(FIND, payloads.order(OURS, orderId=4711))

    async def scene(at: Scene) -> None:
        await at.venue.fetch_fills(NOW - DAY)
        await at.venue.fetch_fills(NOW - DAY)
        assert len(at.wire.sent(FIND)) == 1
        assert len(at.wire.sent(INCOME)) == 1, "and what has traded only now and then"

    play(scene, wire=wire)


def test_our_own_orders_are_known_without_asking() -> None:
    wire = with_trades(payloads.trade(1, 1_917_641))
    wire.say(INCOME, [])
    wire.say(PLACE, payloads.order(OURS))

    async def scene(at: Scene) -> None:
        await at.venue.submit(hedge())
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == OURS
        assert at.wire.sent(FIND) == []

    play(scene, wire=wire)


@pytest.mark.parametrize(
    ("client_id", "why"), [("autoclose-161888", Purpose.LIQUIDATION), ("adl_autoclose", Purpose.DELEVERAGE)]
)
def test_a_trade_that_the_venue_made_is_nobodys_and_says_why(client_id: str, why: Purpose) -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order(client_id, orderId=4711, type="LIMIT"))

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert (fill.client_order_id, fill.forced) == (None, why)

    play(scene, wire=wire)


def test_a_trade_whose_order_cannot_be_asked_for_leaves_the_fills_unread() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.answer(FIND, shows_page(502))

    async def scene(at: Scene) -> None:
        await failure_of(at.venue.fetch_fills(NOW - DAY), VenueUnavailable)

    play(scene, wire=wire)


def test_a_young_trade_waits_for_its_order_and_an_old_one_without_is_nobodys() -> None:
    wire = with_trades(payloads.trade(1, 4711, time=NOW_MS))
    wire.answer(FIND, refuses(-2013))

    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.fetch_fills(NOW - DAY), VenueUnavailable)
        assert "order 4711 has traded and is not shown yet" in str(failure)
        await at.clock.sleep(timedelta(seconds=16))
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert (fill.client_order_id, fill.forced) == (None, None)

    play(scene, wire=wire)


def test_trades_that_cannot_be_read_are_unknown_and_not_none() -> None:
    wire = with_trades()
    wire.answer(TRADES, shows_page(502))

    async def scene(at: Scene) -> None:
        await failure_of(at.venue.fetch_fills(NOW - DAY), VenueUnavailable)

    play(scene, wire=wire)


def test_the_trades_of_a_contract_that_is_gone_do_not_hide_the_others() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("COMMISSION", "-0.5"), payloads.income("COMMISSION", "-0.1", symbol="OLDUSDT")])
    wire.answer(TRADES, says([payloads.trade(1, 4711)]), refuses(-1121))
    wire.say(FIND, payloads.order(OURS, orderId=4711))

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - timedelta(hours=6))
        assert fill.symbol == BTC
        assert [one.params["symbol"] for one in at.wire.sent(TRADES)] == ["BTCUSDT", "OLDUSDT"]

    play(scene, wire=wire)


def stop_that_fired(number: str = "4711") -> Any:
    return payloads.conditional(OURS, algoStatus="FINISHED", actualOrderId=number)


@pytest.mark.parametrize("said", ["STOP_MARKET", "MARKET"])
def test_the_trade_of_a_stop_belongs_to_the_stop_whatever_its_order_says_that_it_was(said: str) -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order("x-auto", orderId=4711, type="MARKET", origType=said))
    wire.say(ALGOS, [payloads.conditional("web_1"), stop_that_fired()])

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == OURS

    play(scene, wire=wire)


def test_a_stop_that_had_rested_for_weeks_is_found_week_by_week() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order("x-auto", orderId=4711, type="MARKET", origType="STOP_MARKET"))
    wire.say(ALGOS, [], [], [stop_that_fired()])

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == OURS
        spans = [(int(one.params["startTime"]), int(one.params["endTime"])) for one in at.wire.sent(ALGOS)]
        assert spans[0][1] == NOW_MS
        assert all(end - start < 7 * payloads.DAY_MS for start, end in spans), "a week is too long a question"
        assert [earlier[0] for earlier in spans[:2]] == [later[1] for later in spans[1:]], "and nothing is left out"

    play(scene, wire=wire)


def test_more_stops_in_a_week_than_a_page_holds_are_read_page_by_page() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order("x-auto", orderId=4711, type="MARKET", origType="STOP_MARKET"))
    wire.say(ALGOS, [payloads.conditional(f"web_{number}") for number in range(1000)], [stop_that_fired()])

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == OURS
        assert [one.params["page"] for one in at.wire.sent(ALGOS)] == ["1", "2"]

    play(scene, wire=wire)


@pytest.mark.parametrize("ours", [True, False])
def test_an_order_that_cannot_have_been_a_stop_of_ours_is_not_sought_among_the_stops(ours: bool) -> None:
    client_id, kind = (OURS, "MARKET") if ours else ("web_7", "LIMIT")
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order(client_id, orderId=4711, type=kind, origType=kind))

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == client_id
        assert at.wire.sent(ALGOS) == []

    play(scene, wire=wire)


def test_a_young_trade_waits_for_the_list_of_stops_to_tell_whose_it_is() -> None:
    wire = with_trades(payloads.trade(1, 4711, time=NOW_MS))
    wire.say(FIND, payloads.order("x-auto", orderId=4711, type="MARKET", origType="MARKET", reduceOnly=True))
    wire.say(ALGOS, [])

    async def scene(at: Scene) -> None:
        failure = await failure_of(at.venue.fetch_fills(NOW - DAY), VenueUnavailable)
        assert "order 4711 has traded and may have been a stop" in str(failure)
        at.wire.say(ALGOS, [stop_that_fired()])
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == OURS

    play(scene, wire=wire)


def test_a_young_trade_that_may_have_increased_was_no_stop_of_ours_and_waits_for_nothing() -> None:
    wire = with_trades(payloads.trade(1, 4711, time=NOW_MS))
    wire.say(FIND, payloads.order("web_7", orderId=4711, type="MARKET", origType="MARKET", reduceOnly=False))
    wire.say(ALGOS, [])

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == "web_7"

    play(scene, wire=wire)


@pytest.mark.parametrize("hours", [0, 20])
def test_what_may_have_increased_holds_up_nothing_while_the_routes_of_stops_are_down(hours: int) -> None:
    wire = with_trades(payloads.trade(1, 4711, time=NOW_MS - hours * HOUR_MS))
    wire.say(FIND, payloads.order("web_7", orderId=4711, type="MARKET", origType="MARKET", reduceOnly=False))
    wire.answer(ALGOS, shows_page(502))

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == "web_7"

    play(scene, wire=wire)


@pytest.mark.parametrize(
    ("resting", "owner"),
    [
        ([payloads.conditional(OURS)], OURS),
        ([payloads.conditional(OURS, quantity="0.030")], None),
        ([payloads.conditional(OURS), payloads.conditional("TTABC00000000200", algoId=2)], None),
        ([], None),
    ],
    ids=["the one that it can have been", "of another size", "one of two", "none known"],
)
def test_while_nothing_is_told_of_stops_a_trade_belongs_to_the_only_one_that_it_can_be_of(
    resting: list[Any], owner: str | None
) -> None:
    wire = with_trades(payloads.trade(1, 4711, side="BUY"))
    wire.say("GET /fapi/v1/openAlgoOrders", resting)
    order = payloads.order("x", orderId=4711, type="MARKET", origType="STOP_MARKET", side="BUY", reduceOnly=True)
    wire.say(FIND, order)
    wire.answer(ALGOS, shows_page(502))

    async def scene(at: Scene) -> None:
        await at.venue.fetch_account()
        if owner is None:
            await failure_of(at.venue.fetch_fills(NOW - DAY), VenueUnavailable)
        else:
            (fill,) = await at.venue.fetch_fills(NOW - DAY)
            assert fill.client_order_id == owner

    play(scene, wire=wire)


def test_the_trade_of_a_stop_that_nobody_remembers_is_its_orders() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.say(FIND, payloads.order("web_7", orderId=4711, type="MARKET", origType="STOP_MARKET"))
    wire.say(ALGOS, [])

    async def scene(at: Scene) -> None:
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == "web_7"
        assert len(at.wire.sent(ALGOS)) == 13, "ninety days, week by week"

    play(scene, wire=wire)


def test_a_stop_that_was_seen_to_fire_is_remembered() -> None:
    wire = with_trades(payloads.trade(1, 4711))
    wire.answer(FIND, refuses(-2013), says(payloads.order("x", orderId=4711, type="MARKET", status="FILLED")))
    wire.say(FIND_STOP, stop_that_fired())

    async def scene(at: Scene) -> None:
        await at.venue.fetch_order(BTC, OURS)
        (fill,) = await at.venue.fetch_fills(NOW - DAY)
        assert fill.client_order_id == OURS
        assert at.wire.sent(ALGOS) == []

    play(scene, wire=wire)


def test_a_full_page_of_trades_is_followed_by_the_next_and_none_is_counted_twice() -> None:
    first = [payloads.trade(number, 1_917_641) for number in range(1, 1001)]
    # The next page begins where the first ended, and goes on beyond the window.
    beyond = payloads.trade(1003, 1_917_641, time=NOW_MS + 8 * payloads.DAY_MS)
    second = [payloads.trade(1001, 1_917_641), payloads.trade(1002, 1_917_641), beyond]
    wire = with_trades()
    wire.say(TRADES, first, second, [])
    wire.say(PLACE, payloads.order(OURS))

    async def scene(at: Scene) -> None:
        await at.venue.submit(hedge())
        fills = await at.venue.fetch_fills(NOW - DAY)
        assert [int(one.trade_id) for one in fills] == list(range(1, 1003))
        assert at.wire.sent(TRADES)[1].params["fromId"] == "1001"
        assert "startTime" not in at.wire.sent(TRADES)[1].params, "the venue takes the one or the other"

    play(scene, wire=wire)


def test_trades_of_a_month_are_asked_for_week_by_week() -> None:
    wire = with_trades()

    async def scene(at: Scene) -> None:
        await at.venue.fetch_fills(NOW - timedelta(days=30))
        for route in (TRADES, INCOME):
            spans = [(int(one.params["startTime"]), int(one.params["endTime"])) for one in at.wire.sent(route)]
            assert len(spans) == 5
            assert all(end - start < 7 * payloads.DAY_MS for start, end in spans)
            assert all(later[0] == earlier[1] + 1 for earlier, later in pairwise(spans))

    play(scene, wire=wire)


def test_weeks_without_a_trade_are_not_read_again_at_every_reading() -> None:
    wire = with_trades()
    since = NOW - timedelta(days=89)

    async def scene(at: Scene) -> None:
        await at.venue.fetch_fills(since)
        whole = len(at.wire.sent(TRADES))
        at.wire.say(TRADES, [payloads.trade(1, 4711)])
        at.wire.say(FIND, payloads.order(OURS, orderId=4711))
        assert len(await at.venue.fetch_fills(since)) == 1, "and what is young is always asked for"
        assert (whole, len(at.wire.sent(TRADES)) - whole) == (13, 1)
        # An empty answer is not believed for ever.
        at.wire.say(TRADES, [])
        await at.clock.sleep(timedelta(hours=6))
        at.wire.asked.clear()
        await at.venue.fetch_fills(since)
        assert len(at.wire.sent(TRADES)) == 13

    play(scene, wire=wire)


def test_a_long_history_that_is_cut_short_is_gone_on_with_and_not_begun_again() -> None:
    wire = with_trades()
    since = NOW - timedelta(days=89)

    async def scene(at: Scene) -> None:
        quiet = says([])
        at.wire.answer(INCOME, *[quiet] * 10, shows_page(502), says([payloads.income("COMMISSION", "-0.5")]))
        await failure_of(at.venue.fetch_fills(since), VenueUnavailable)
        at.wire.answer(TRADES, *[quiet] * 8, shows_page(502), quiet)
        await failure_of(at.venue.fetch_fills(since), VenueUnavailable)
        await at.venue.fetch_fills(since)
        assert (len(at.wire.sent(INCOME)), len(at.wire.sent(TRADES))) == (11 + 3, 9 + 5)

    play(scene, wire=wire)


def test_what_has_traded_is_asked_again_after_a_while_and_for_an_earlier_time_at_once() -> None:
    wire = with_trades()

    async def scene(at: Scene) -> None:
        await at.venue.fetch_fills(NOW - DAY)
        await at.clock.sleep(timedelta(minutes=6))
        await at.venue.fetch_fills(NOW - DAY)
        await at.venue.fetch_fills(NOW - 2 * DAY)
        starts = [(NOW_MS - int(one.params["startTime"])) / HOUR_MS for one in at.wire.sent(INCOME)]
        assert [round(hours) for hours in starts] == [24, 0, 48]

    play(scene, wire=wire)


# --- funding -------------------------------------------------------------------------------------


def test_a_payment_is_booked_with_the_rate_that_was_settled() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("FUNDING_FEE", "0.102", 1), payloads.income("FUNDING_FEE", "0.051", 2)])
    wire.say(
        RATES, [payloads.settled_rate("0.0009", fundingTime=NOW_MS - 12 * HOUR_MS), payloads.settled_rate("0.0001")]
    )

    async def scene(at: Scene) -> None:
        paid = await at.venue.fetch_funding(NOW - DAY)
        assert [(one.transaction_id, one.rate) for one in paid] == [("1", dec("0.0001")), ("2", dec("0.0001"))]
        assert len(at.wire.sent(RATES)) == 1, "once for each contract"

    play(scene, wire=wire)


def test_rates_are_asked_for_month_by_month() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("FUNDING_FEE", "0.102")], [])
    wire.say(RATES, [payloads.settled_rate("0.0001")])

    async def scene(at: Scene) -> None:
        await at.venue.fetch_funding(NOW - timedelta(days=40))
        assert len(at.wire.sent(RATES)) == 2

    play(scene, wire=wire)


ETH = "ETHUSDT"


def paid(name: str, number: int, hours_ago: int) -> Any:
    return payloads.income("FUNDING_FEE", "0.102", number, symbol=name, time=NOW_MS - hours_ago * HOUR_MS + 2)


def rate_of(hours_ago: int) -> Any:
    return payloads.settled_rate("0.0001", fundingTime=NOW_MS - hours_ago * HOUR_MS)


def test_a_payment_that_waits_for_its_rate_holds_up_no_other_of_its_settlement_and_is_not_passed_over() -> None:
    wire = usual()
    now = [paid("BTCUSDT", 1, 8), paid("BTCUSDT", 2, 0), paid(ETH, 3, 0)]
    wire.say(INCOME, now)
    # Of one contract nothing is told yet of the newest settlement.
    wire.say(RATES, [rate_of(8)], [rate_of(8), rate_of(0)])

    async def scene(at: Scene) -> None:
        first = await at.venue.fetch_funding(NOW - DAY)
        assert [one.transaction_id for one in first] == ["1", "3"]
        until = max(one.settled_at for one in first) - timedelta(minutes=1)
        at.wire.say(INCOME, [*now, paid(ETH, 4, -1)])
        at.wire.say(RATES, [rate_of(8), rate_of(0)], [rate_of(8), rate_of(0), rate_of(-1)])
        await at.clock.sleep(timedelta(hours=1))
        again = await at.venue.fetch_funding(until)
        assert [(one.transaction_id, one.rate) for one in again if one.settled_at >= until] == [
            ("2", dec("0.0001")),
            ("3", dec("0.0001")),
            ("4", dec("0.0001")),
        ]

    play(scene, wire=wire)


def test_what_was_settled_after_a_payment_that_waits_waits_too_or_it_would_be_passed_over() -> None:
    wire = usual()
    waiting = payloads.income("FUNDING_FEE", "0.1", 1, time=NOW_MS - HOUR_MS // 2)
    later = payloads.income("FUNDING_FEE", "0.1", 2, symbol=ETH, time=NOW_MS - HOUR_MS // 3)
    wire.say(INCOME, [later, waiting])
    wire.say(RATES, [], [payloads.settled_rate("0.0001", fundingTime=NOW_MS - HOUR_MS // 3)])

    async def scene(at: Scene) -> None:
        assert await at.venue.fetch_funding(NOW - DAY) == ()

    play(scene, wire=wire)


def test_a_rate_that_is_never_told_holds_up_its_payment_until_the_next_settlement_at_most() -> None:
    wire = usual()
    wire.say(INCOME, [paid("BTCUSDT", 1, 1), paid(ETH, 2, 0)])
    wire.say(RATES, [], [rate_of(0)])

    async def scene(at: Scene) -> None:
        seen = await at.venue.fetch_funding(NOW - DAY)
        assert [(one.transaction_id, one.amount, one.rate) for one in seen] == [
            ("1", dec("0.102"), dec(0)),
            ("2", dec("0.102"), dec("0.0001")),
        ]

    play(scene, wire=wire)


def test_rates_of_one_contract_that_cannot_be_read_hold_up_no_other() -> None:
    wire = usual()
    wire.say(INCOME, [paid("BTCUSDT", 1, 0), paid(ETH, 2, 0)])
    wire.answer(RATES, shows_page(502), says([rate_of(0)]))

    async def scene(at: Scene) -> None:
        (seen,) = await at.venue.fetch_funding(NOW - DAY)
        assert (seen.transaction_id, seen.rate) == ("2", dec("0.0001"))

    play(scene, wire=wire)


def test_a_payment_of_a_contract_whose_rates_are_gone_with_it_is_booked_all_the_same() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("FUNDING_FEE", "0.102", symbol="OLDUSDT")])
    wire.answer(RATES, refuses(-1121))

    async def scene(at: Scene) -> None:
        (paid,) = await at.venue.fetch_funding(NOW - DAY)
        assert (paid.symbol, paid.amount, paid.rate) == ("OLD/USDT:USDT", dec("0.102"), dec(0))

    play(scene, wire=wire)


def test_rates_that_cannot_be_read_leave_the_payments_unread() -> None:
    wire = usual()
    wire.say(INCOME, [payloads.income("FUNDING_FEE", "0.102")])
    wire.answer(RATES, shows_page(502))

    async def scene(at: Scene) -> None:
        await failure_of(at.venue.fetch_funding(NOW - DAY), VenueUnavailable)

    play(scene, wire=wire)


def test_a_full_page_of_income_is_followed_by_what_happened_from_its_last_moment_on() -> None:
    """The venue has numbered no pages of it since October 2026, and may refuse who asks for one."""
    paid_ms = payloads.NOW_MS - 4 * payloads.HOUR_MS
    rows = [payloads.income("FUNDING_FEE", "0.001", number, time=paid_ms + number // 2) for number in range(1001)]
    wire = usual()
    wire.say(INCOME, rows[:1000], rows[998:])
    wire.say(RATES, [payloads.settled_rate("0.0001", fundingTime=paid_ms)])

    async def scene(at: Scene) -> None:
        assert len(await at.venue.fetch_funding(NOW - DAY)) == 1001
        first, second = at.wire.sent(INCOME)
        assert second.params["startTime"] == str(paid_ms + 499)
        assert (first.params["endTime"], "page" in first.params) == (second.params["endTime"], False)

    play(scene, wire=wire)


def test_more_income_at_one_moment_than_a_page_holds_is_not_asked_for_for_ever() -> None:
    rows = [payloads.income("FUNDING_FEE", "0.001", number) for number in range(1000)]
    wire = usual()
    wire.say(INCOME, rows, rows, [])
    wire.say(RATES, [payloads.settled_rate("0.0001")])

    async def scene(at: Scene) -> None:
        assert len(await at.venue.fetch_funding(NOW - DAY)) == 1000
        asked = [int(one.params["startTime"]) for one in at.wire.sent(INCOME)]
        assert asked[1:] == [rows[0]["time"], rows[0]["time"] + 1]

    play(scene, wire=wire)


def test_income_that_cannot_be_read_is_unknown_and_not_none() -> None:
    async def scene(at: Scene) -> None:
        at.wire.answer(INCOME, shows_page(502))
        await failure_of(at.venue.fetch_funding(NOW - DAY), VenueUnavailable)
        await failure_of(at.venue.fetch_fills(NOW - DAY), VenueUnavailable)

    play(scene)


# --- transfers -----------------------------------------------------------------------------------


def test_transfers_of_both_ways_are_read_oldest_first() -> None:
    wire = usual()
    out = payloads.moved("10", 2, type="UMFUTURE_MAIN", timestamp=NOW_MS - 2 * HOUR_MS, status="PENDING")
    wire.say(MOVES, {"total": 1, "rows": [payloads.moved("250.5", 1)]}, {"total": 1, "rows": [out]})

    async def scene(at: Scene) -> None:
        seen = await at.venue.fetch_transfers(NOW - DAY)
        assert [(one.amount, one.source, one.state) for one in seen] == [
            (dec(10), WalletKind.LINEAR_FUTURES, TransferState.PENDING),
            (dec("250.5"), WalletKind.SPOT, TransferState.DONE),
        ]

    play(scene, wire=wire)


def test_without_a_single_transfer_the_venue_leaves_the_rows_out() -> None:
    wire = usual()
    wire.say(MOVES, {"total": 0})

    async def scene(at: Scene) -> None:
        assert await at.venue.fetch_transfers(NOW - DAY) == ()

    play(scene, wire=wire)


@pytest.mark.parametrize("document", [{}, {"rows": None, "total": 1}, {"success": True}])
def test_a_history_of_transfers_that_cannot_be_read_is_not_an_empty_one(document: Any) -> None:
    wire = usual()
    wire.say(MOVES, document)

    async def scene(at: Scene) -> None:
        await failure_of(at.venue.fetch_transfers(NOW - DAY), VenueUnavailable)

    play(scene, wire=wire)


def test_a_full_page_of_transfers_is_followed_by_the_next() -> None:
    wire = usual()
    full = {"total": 101, "rows": [payloads.moved("1", number) for number in range(100)]}
    wire.say(MOVES, full, {"total": 101, "rows": [payloads.moved("1", 100)]}, {"total": 0})

    async def scene(at: Scene) -> None:
        assert len(await at.venue.fetch_transfers(NOW - DAY)) == 101
        assert [one.params["current"] for one in at.wire.sent(MOVES)] == ["1", "2", "1"]

    play(scene, wire=wire)
