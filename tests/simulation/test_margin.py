"""What does the whole bot do while a wallet is on its way to liquidation?"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.paper import PAPER
from bot.domain.events import CeilingReleased, CeilingSet, LookTaken, MarginRungChanged, TransferIntended
from bot.domain.ids import Currency, Symbol
from bot.domain.orders import OrderType, Purpose, Side, TimeInForce
from bot.domain.policy import MarginPolicy, MarginRung, StopPolicy, WatchIntervals
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferState
from bot.exchange.faults import Effect, FailRead, LagTransfers, LoseReply, LoseRequest, Refuse
from bot.exchange.orders import OrderRequest
from tests.simulation.test_scenarios import BTC, BTC_PERP, EVERY_FEW_MINUTES, HOUR, USDT, Owner

pytestmark = pytest.mark.seconds(30)

MINUTE = timedelta(minutes=1)
INVERSE, DATED = Symbol("BTC/USD:BTC"), Symbol("BTC/USDT:USDT-240329")
#: Wide, so that it is margin that has to act and not the stop.
FAR_STOP = StopPolicy(min_distance_frac=Decimal("0.95"))


def owner(*, top: str = "75000", after: timedelta = 5 * HOUR, then: str | None = None, **changes: Any) -> Owner:
    """A short of 0.003 BTC on 100 USDT, and a price that rises against it."""
    script = [(HOUR, "50000"), (after, top), (after + 3 * HOUR, then or top)]
    return Owner(**({"collateral": "100", "script": script, "stops": FAR_STOP} | changes))


def spot_cash(one: Owner) -> Decimal:
    return one.exchange.floor.accounts.wallets.get((WalletKind.SPOT, USDT), Decimal(0))


def cuts(one: Owner) -> list[Any]:
    """Protective reductions that traded."""
    orders = one.journal.books.orders
    return [
        trade
        for trade in one.exchange.floor.trades
        if trade.client_order_id and orders[trade.client_order_id].intent.purpose is Purpose.DELEVERAGE
    ]


def test_with_cash_in_the_spot_wallet_nothing_is_cut() -> None:
    one = owner()
    one.run(8 * HOUR)
    assert one.held() == Decimal("-0.003")
    assert cuts(one) == []
    moved = sum((transfer.amount for transfer in one.exchange.transfers.all), Decimal(0))
    assert 0 < moved == 4000 - spot_cash(one)
    assert "wallet_moved" not in one.alerts(), "the bot knows its own transfers"
    one.is_well()


def test_without_cash_legs_are_cut_and_no_look_undoes_it() -> None:
    one = owner(spare="0")
    one.run(7 * HOUR)
    assert one.exchange.floor.liquidations == []
    assert cuts(one)
    held = Decimal("-0.003")
    for trade in one.exchange.floor.trades:
        if trade.symbol == BTC_PERP and trade.at > one.facts(CeilingSet)[0].at:
            held += trade.contracts * trade.side.sign
            assert trade in cuts(one), "whatever trades after the ceiling, is a further cut"
    assert any(ceiling.cause == "margin" for ceiling in one.journal.books.ceilings.values())
    one.is_well()


def test_two_legs_of_an_asset_that_are_cut_together_leave_a_ceiling_of_what_both_hold_then() -> None:
    """The owner has sold in a second contract, and the margin is looked at seldom while the price rises."""
    one = owner(
        spare="0",
        top="85000",
        exchange={"dated_basis_annual": Decimal("0.08")},
        watch=replace(EVERY_FEW_MINUTES, margin=40 * MINUTE),
    )
    one.run(HOUR + 30 * MINUTE)
    dated = next(symbol for symbol in one.exchange.floor.contracts if symbol.startswith("BTC/USDT:USDT-"))
    one.exchange.submit(
        OrderRequest(
            symbol=dated,
            side=Side.SELL,
            type=OrderType.MARKET,
            contracts=Decimal("0.002"),
            time_in_force=TimeInForce.IOC,
        )
    )
    one.run(6 * HOUR)

    assert {trade.symbol for trade in cuts(one)} == {BTC_PERP, dated}
    assert {trade.at for trade in cuts(one)} == {cuts(one)[0].at}
    positions = one.exchange.floor.accounts.positions
    held = sum(abs(position.contracts) for symbol, position in positions.items() if symbol.startswith("BTC"))
    assert one.journal.books.ceilings[BTC, "margin"].max_delta_base == held
    one.is_well()


def test_what_the_owner_has_reserved_is_in_no_ceiling_of_what_was_cut() -> None:
    one = owner(
        spare="0",
        top="85000",
        exchange={"dated_basis_annual": Decimal("0.08")},
        foreign_symbols=frozenset({DATED}),
    )
    one.run(HOUR + 30 * MINUTE)
    by_hand = {"symbol": DATED, "side": Side.SELL, "type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
    one.exchange.submit(OrderRequest(**by_hand, contracts=Decimal("0.002")))
    one.run(2 * HOUR)

    first = cuts(one)[0]
    assert (first.symbol, first.contracts) == (BTC_PERP, Decimal("0.002"))
    assert one.facts(CeilingSet)[0].max_delta_base == Decimal("0.001")


def test_legs_of_two_wallets_that_are_cut_together_leave_a_ceiling_of_what_both_hold_then() -> None:
    """The owner has sold the inverse contract, too, and the margin is looked at seldom while the price rises."""
    one = owner(
        spare="0",
        top="82000",
        exchange={"collateral": {USDT: Decimal(100), Currency("BTC"): Decimal("0.00149")}},
        watch=replace(EVERY_FEW_MINUTES, margin=40 * MINUTE),
    )
    one.run(HOUR + 30 * MINUTE)
    by_hand = {"symbol": INVERSE, "side": Side.SELL, "type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
    one.exchange.submit(OrderRequest(**by_hand, contracts=Decimal(2)))
    one.run(6 * HOUR)

    assert {trade.symbol for trade in cuts(one)} == {BTC_PERP, INVERSE}
    assert {trade.at for trade in cuts(one)} == {cuts(one)[0].at}
    (trade,) = [trade for trade in cuts(one) if trade.symbol == INVERSE]
    assert {BTC_PERP, INVERSE} & one.exchange.floor.accounts.positions.keys() == {INVERSE}
    # One contract of 100 USD is left.
    ceiling = one.journal.books.ceilings[BTC, "margin"].max_delta_base
    assert ceiling == pytest.approx(100 / trade.price, rel=Decimal("0.001"))
    one.is_well()


def test_what_was_cut_may_grow_again_after_an_hour_of_calm() -> None:
    one = owner(spare="0", after=3 * HOUR, then="40000")
    one.run(9 * HOUR)
    (released, *_) = [fact for fact in one.facts(CeilingReleased) if fact.cause == "margin"]
    calm = [fact.at for fact in one.facts(MarginRungChanged) if fact.rung is MarginRung.CALM]
    assert released.at - max(at for at in calm if at <= released.at) >= HOUR
    one.is_well()


def demanding(**changes: Any) -> Owner:
    """A rise of a tenth, after which liquidation is 26 % away; at midnight it turns volatility into 2.3 % a day.

    Ten of these, and a fifth for the buffer, are 29 %: from then on a leg would be too large for its stop.
    """
    slow = dict.fromkeys(("protection", "reconcile", "prices", "margin"), 5 * MINUTE)
    watch = WatchIntervals(**slow | changes.pop("watch", {}))
    one = owner(top="55000", stops=StopPolicy(floor_sigmas=Decimal(10)), watch=watch, **changes)
    one.run(23 * HOUR)
    assert cuts(one) == []
    assert one.exchange.transfers.all == []
    return one


#: The margin is measured when protection asks, and not by itself.
ASKED = {"margin": timedelta(days=365)}


@pytest.mark.parametrize("watch", [{}, ASKED], ids=["watched", "asked"])
def test_cash_comes_before_a_cut_that_a_stop_asks_for(watch: dict[str, timedelta]) -> None:
    one = demanding(watch=watch)
    one.run(2 * HOUR)
    assert cuts(one) == []
    assert len(one.exchange.transfers.all) == 1
    one.is_well()


def test_without_cash_a_leg_is_cut_for_its_stop_and_not_lot_by_lot() -> None:
    one = demanding(spare="0")
    one.run(2 * HOUR)
    assert 1 <= len(cuts(one)) <= 2
    one.is_well()


def test_a_cut_waits_for_cash_that_is_on_its_way_and_suffices() -> None:
    one = demanding(watch=ASKED, transfer_delay=20 * MINUTE)
    one.run(HOUR + 15 * MINUTE)
    assert [transfer.state for transfer in one.exchange.transfers.all] == [TransferState.PENDING]
    one.run(HOUR)
    assert cuts(one) == []
    one.is_well()


def test_a_margin_that_cannot_be_measured_is_told_and_holds_up_no_cut() -> None:
    one = owner()
    answers: list[Any] = []

    def ask(bot: Any) -> None:
        one.exchange.faults.on("fetch_account", FailRead())
        answers.append(asyncio.ensure_future(bot.protection.relieve(PAPER)))
        answers[0].add_done_callback(lambda _: answers.append({alert["code"] for alert in bot.desk.alerts.open_alerts}))

    one.run(HOUR, ask)
    assert answers[0].result() is False
    assert "margin_unknown" in answers[1]
    one.is_well()


def test_without_the_ladder_the_stop_would_have_had_to_close_what_cash_could_hold() -> None:
    never = WatchIntervals(margin=timedelta(days=365))
    without, with_it = owner(top="86000", watch=never), owner(top="86000")
    for one in (without, with_it):
        one.run(8 * HOUR)
        assert one.exchange.floor.liquidations == []
    assert without.held() == 0
    assert with_it.held() == Decimal("-0.003")


def test_rungs_are_climbed_one_after_the_other_and_told() -> None:
    one = owner(spare="0")
    one.run(7 * HOUR)
    rungs = [fact.rung for fact in one.facts(MarginRungChanged)]
    assert rungs[:4] == [MarginRung.WARN, MarginRung.TRANSFER, MarginRung.CANCEL, MarginRung.REDUCE]
    assert "margin" in one.alerts()
    refused = [look for look in one.facts(LookTaken) if '"margin_ladder"' in look.document]
    assert all(look.outcome in ("refused", "traded") for look in refused)


@pytest.mark.parametrize("effect", [LoseReply(), LoseRequest(), Refuse(code="insufficient_funds")])
def test_whatever_is_lost_on_the_way_money_moves_once(effect: Effect) -> None:
    one = owner(top="62000")
    one.exchange.faults.on("transfer", effect)
    one.run(8 * HOUR)
    arrived = [transfer.amount for transfer in one.exchange.transfers.all]
    assert len(arrived) == 1
    states = [transfer.state for transfer in one.journal.books.transfers.values()]
    expected = {
        LoseReply: [TransferState.DONE],
        LoseRequest: [TransferState.ABSENT, TransferState.DONE],
        Refuse: [TransferState.REFUSED, TransferState.DONE],
    }
    assert states == expected[type(effect)]
    tries = [fact.at for fact in one.facts(TransferIntended)]
    assert len(tries) == 1 or tries[1] - tries[0] >= MINUTE
    one.is_well()


def test_money_on_its_way_is_waited_for_and_not_sent_again_after_a_restart() -> None:
    one = owner(top="62000", transfer_delay=20 * MINUTE)
    one.run(4 * HOUR + 40 * MINUTE)
    assert [transfer.state for transfer in one.journal.books.transfers.values()] == [TransferState.PENDING]
    one.run(10 * MINUTE)
    one.run(3 * HOUR)
    (transfer,) = one.exchange.transfers.all
    assert transfer.state is TransferState.DONE
    assert spot_cash(one) == 4000 - transfer.amount
    assert "wallet_moved" not in one.alerts()
    one.is_well()


def test_a_hard_halt_changes_nothing_and_still_tells() -> None:
    one = owner(top="62000")

    def halt(bot: Any) -> None:
        halting.append(asyncio.ensure_future(bot.control.halt("owner", why="a look at it", is_hard=True)))

    halting: list[Any] = []
    one.run(6 * HOUR, halt)
    assert one.exchange.transfers.all == []
    assert "margin" in one.alerts()


def test_an_owner_may_forbid_transfers() -> None:
    one = owner(margin=replace(MarginPolicy(), transfer_assets=()))
    one.run(7 * HOUR)
    assert spot_cash(one) == 4000
    assert cuts(one)
    assert one.exchange.floor.liquidations == []


@settings(max_examples=8, deadline=None)
@given(
    prices=st.lists(st.integers(30_000, 90_000), min_size=1, max_size=4),
    spare=st.sampled_from(("0", "30", "4000")),
    restarts=st.booleans(),
)
def test_no_rung_adds_exposure_blocks_a_reduction_or_repeats_a_transfer(
    prices: list[int], spare: str, restarts: bool
) -> None:
    script = [((place + 1) * HOUR, str(price)) for place, price in enumerate(prices)]
    one = Owner(collateral="100", spare=spare, script=script, stops=FAR_STOP)
    for _ in range(4 if restarts else 1):
        one.run((len(prices) + 2) * HOUR / (4 if restarts else 1))
    assert one.checker.violated == []
    held: dict[str, Decimal] = {}
    for trade in one.exchange.floor.trades:
        before = held.get(trade.symbol, Decimal(0))
        held[trade.symbol] = before + trade.contracts * trade.side.sign
        if trade in cuts(one):
            assert abs(held[trade.symbol]) < abs(before)
            assert held[trade.symbol] * before >= 0
    ids = [transfer.transfer_id for transfer in one.exchange.transfers.all]
    assert len(set(ids)) == len(ids)
    assert spot_cash(one) >= 0
    _nothing_is_undone(one)


def _nothing_is_undone(one: Owner) -> None:
    """No look brings the position back above a ceiling of the ladder while that is in force."""
    changes: list[tuple[datetime, Any]] = [
        (fact.at, fact)
        for fact in (*one.facts(CeilingSet), *one.facts(CeilingReleased))
        if fact.cause == "margin" and fact.asset == BTC
    ]
    changes += [(trade.at, trade) for trade in one.exchange.floor.trades if trade.symbol == BTC_PERP]
    ceiling: Decimal | None = None
    held = Decimal(0)
    for _, change in sorted(changes, key=lambda pair: pair[0]):
        if isinstance(change, CeilingSet):
            ceiling = change.max_delta_base
        elif isinstance(change, CeilingReleased):
            ceiling = None
        else:
            before, held = held, held + change.contracts * change.side.sign
            assert ceiling is None or abs(held) <= max(ceiling, abs(before)), "what was cut has come back"


def test_what_was_moved_in_goes_back_after_a_calm_day_and_is_not_asked_for_again() -> None:
    one = owner(margin=MarginPolicy(sweep_after=timedelta(days=1)))
    one.run(8 * HOUR)
    moved_in = 4000 - spot_cash(one)
    assert moved_in > 0, "nothing was moved in"
    # The owner brings more than is needed: what was moved can be spared from then on.
    one.exchange.deposit(WalletKind.LINEAR_FUTURES, USDT, Decimal(5000))
    one.run(18 * HOUR)
    assert spot_cash(one) == 4000 - moved_in, "not before a day"
    one.run(12 * HOUR)
    assert spot_cash(one) == 4000
    one.run(48 * HOUR)
    swept = [transfer for transfer in one.exchange.transfers.all if transfer.target is WalletKind.SPOT]
    assert [transfer.amount for transfer in swept] == [moved_in]
    assert one.exchange.transfers.all[-1] is swept[0], "neither asked for again, nor more sent back"
    one.is_well()


# --- a transfer whose outcome is not known -------------------------------------------------------

#: In force for as long as a scenario lasts.
ALWAYS = 1_000_000


@pytest.mark.parametrize("late", [MINUTE, 20 * MINUTE, 5 * HOUR])
def test_a_history_that_lags_has_no_money_sent_twice(late: timedelta) -> None:
    one = owner(top="62000")
    one.exchange.faults.on("transfer", LoseReply())
    one.exchange.faults.on("fetch_transfers", LagTransfers(late), times=ALWAYS)
    one.run(7 * HOUR)
    one.run(5 * HOUR)
    assert len(one.exchange.transfers.all) == 1
    assert [transfer.state for transfer in one.journal.books.transfers.values()] == [TransferState.DONE]
    assert "wallet_moved" not in one.alerts()
    one.is_well()


def test_while_it_is_not_known_the_owner_is_told_and_legs_are_cut() -> None:
    one = owner()

    def lose(call: str, _: Any) -> Effect | None:
        if call != "transfer":
            return None
        # What the owner spends at that moment leaves it open whether the transfer has left.
        one.exchange.deposit(WalletKind.SPOT, USDT, Decimal(-1))
        return LoseRequest()

    one.exchange.faults.add(lose)
    one.run(7 * HOUR)
    assert len(one.facts(TransferIntended)) == 1
    assert "transfer_unknown" in one.alerts()
    assert cuts(one)
    assert one.exchange.floor.liquidations == []
    one.is_well()
