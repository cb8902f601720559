"""Does the whole bot pass a position on in time, whatever the venue does meanwhile?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.backtest.invariants import InvariantChecker
from bot.domain.events import OrderIntended, RollEnded, RollFolded, RollMoved, TrancheTaken
from bot.domain.ids import Symbol
from bot.domain.instruments import Tenor
from bot.domain.orders import OrderType, Purpose, Side
from bot.domain.policy import (
    CadencePolicy,
    DcaPolicy,
    ExecutionPolicy,
    ExecutionStyle,
    RollPolicy,
    TradingState,
    WatchIntervals,
)
from bot.domain.rolls import RollCause, RollStage
from bot.exchange.faults import (
    Effect,
    FailRead,
    FillOnly,
    HideOrders,
    LagPositions,
    LagTrades,
    LoseReply,
    LoseRequest,
    Refuse,
)
from bot.exchange.orders import OrderRequest
from tests.simulation.test_scenarios import BTC, BTC_PERP, EVERY_FEW_MINUTES, HOUR, Owner

pytestmark = pytest.mark.seconds(45)

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
EXPIRY = datetime(2024, 3, 29, 8, tzinfo=UTC)
NEAR, FAR = Symbol("BTC/USDT:USDT-240329"), Symbol("BTC/USDT:USDT-240628")
LEGS: dict[str, Any] = {"spread_book_bps": None}


def owner(*, hours: float = 30, exchange: dict[str, Any] | None = None, **changes: Any) -> Owner:
    """A hedge in contracts that expire, opened so many hours before they do."""
    own = {"dated_basis_annual": Decimal("0.08")} | (exchange or {})
    start = EXPIRY - hours * HOUR
    values = {"start": start, "exchange": own, "tenors": (Tenor.DATED,), "held": "0.1", "watch": EVERY_FEW_MINUTES}
    return Owner(**(values | changes))


def held(one: Owner) -> dict[str, Decimal]:
    """Positions in bitcoin."""
    positions = one.exchange.floor.accounts.positions
    return {symbol: position.contracts for symbol, position in positions.items() if symbol.startswith("BTC")}


def trades(one: Owner, *purposes: Purpose) -> list[Any]:
    orders = one.journal.books.orders
    found = [trade for trade in one.exchange.floor.trades if trade.symbol.startswith("BTC") and trade.client_order_id]
    return [trade for trade in found if orders[trade.client_order_id].intent.purpose in purposes]


def through(one: Owner, *, after: timedelta = 2 * HOUR) -> Owner:
    """Run it past the expiry."""
    one.run(EXPIRY + after - one.exchange.now)
    return one


def is_passed_on(one: Owner) -> None:
    """What was held near is held far, nothing was settled, and nothing is left over."""
    begun = sum((t.contracts * t.side.sign for t in trades(one, Purpose.HEDGE)), Decimal(0))
    assert begun != 0
    assert held(one) == {FAR: begun}
    assert not [trade for trade in one.exchange.floor.trades if trade.forced]
    assert not one.journal.books.rolls
    one.is_well()


@pytest.mark.parametrize("exchange", [{}, LEGS], ids=["spread", "legs"])
@pytest.mark.parametrize("coins", ["0.1", "0.3"], ids=["long", "short"])
def test_a_position_is_in_the_next_contract_before_its_own_ends(exchange: dict[str, Any], coins: str) -> None:
    one = through(owner(exchange=exchange, held=coins))

    is_passed_on(one)
    stages = [fact.stage for fact in one.facts(RollMoved) if fact.asset == BTC]
    assert stages == [RollStage.PASSIVE, RollStage.SPREAD]
    (ended,) = [fact for fact in one.facts(RollEnded) if fact.asset == BTC]
    # 8 % a year, and what it takes to trade: the spread's book is one basis point wide, each leg's two.
    direction = 1 if coins == "0.1" else -1
    assert ended.yield_annual == pytest.approx(Decimal("-0.08") * direction, abs=Decimal("0.004"))
    assert ended.closed == ended.opened
    closed = sum((t.contracts for t in trades(one, Purpose.ROLL_CLOSE)), Decimal(0))
    assert closed == ended.closed


def test_leg_by_leg_near_and_far_are_never_further_apart_than_allowed() -> None:
    one = through(owner(exchange=LEGS))

    is_passed_on(one)
    whole = sum((t.contracts for t in trades(one, Purpose.ROLL_CLOSE)), Decimal(0))
    apart, widest = Decimal(0), Decimal(0)
    for trade in trades(one, Purpose.ROLL_OPEN, Purpose.ROLL_CLOSE):
        apart += trade.contracts * trade.side.sign
        widest = max(widest, abs(apart))
    assert Decimal(0) < widest <= whole * Decimal("0.25") + Decimal("0.001")
    first = trades(one, Purpose.ROLL_OPEN, Purpose.ROLL_CLOSE)[0]
    assert first.symbol == FAR, "far first"


def test_the_checker_sees_legs_that_are_further_apart_than_allowed() -> None:
    one = owner(exchange=LEGS, roll=RollPolicy(max_leg_gap_frac=Decimal("0.8")))
    strict = replace(one.policy, roll=RollPolicy())
    one.checker = InvariantChecker(one.exchange, one.journal, strict)
    through(one)
    assert any("apart" in sentence for sentence in one.checker.violated)


def test_near_is_closed_first_where_the_margin_does_not_carry_both() -> None:
    """The venue asks for as much margin as the position is worth, and there is little more."""
    one = owner(exchange=LEGS | {"leverage": Decimal(1)}, held="0.1", collateral="1240", spare="0")
    one.run(2 * HOUR)
    margin = next(line for line in one.exchange.margins() if line.initial)
    assert margin.margin_balance - margin.initial < margin.initial / 4

    through(one)

    is_passed_on(one)
    kinds = [
        one.journal.books.orders[t.client_order_id].intent.purpose
        for t in trades(one, Purpose.ROLL_OPEN, Purpose.ROLL_CLOSE)
    ]
    assert kinds[:2] == [Purpose.ROLL_CLOSE, Purpose.ROLL_OPEN]
    assert len(kinds) >= 8


@pytest.mark.parametrize("call", ["submit_spread", "submit"])
@pytest.mark.parametrize(
    "effect", [LoseReply(), LoseRequest(), Refuse(code="busy")], ids=["reply", "request", "refused"]
)
def test_what_is_lost_on_the_way_is_neither_doubled_nor_forgotten(call: str, effect: Effect) -> None:
    one = owner(exchange=LEGS if call == "submit" else {})
    one.run(2 * HOUR)
    for after in (0, 3):
        one.exchange.faults.on(call, effect, after=after)

    is_passed_on(through(one))


def test_legs_that_fill_in_part_come_out_even() -> None:
    one = owner(exchange=LEGS)
    one.run(2 * HOUR)
    for _ in range(12):
        one.exchange.faults.on("submit", FillOnly(Decimal("0.004")))

    is_passed_on(through(one))


def test_a_contract_that_is_delisted_in_mid_roll_holds_up_no_other() -> None:
    """The venue settles one early and forgets it; the bot starts again, and has another one to pass on."""
    other = Symbol("ETH/USDT:USDT-240329")
    one = owner(exchange=LEGS)
    one.run(EXPIRY - 10 * HOUR - one.exchange.now)
    assert {NEAR, other} <= set(one.exchange.floor.accounts.positions)
    assert {near for _, near in one.journal.books.rolls} == {NEAR, other}
    one.exchange.delist(NEAR)

    through(one)

    settled = [trade.symbol for trade in one.exchange.floor.trades if trade.forced]
    assert settled == [NEAR]
    assert not one.journal.books.rolls
    assert "roll_blocked" not in one.alerts()
    assert [fact.is_missed for fact in one.facts(RollEnded) if fact.near == NEAR] == [True]
    assert Symbol("ETH/USDT:USDT-240628") in one.exchange.floor.accounts.positions
    one.is_well()


def test_a_dear_spread_is_waited_for_until_time_presses() -> None:
    one = through(owner(exchange={"spread_book_bps": Decimal(60)}))

    is_passed_on(one)
    stages = [fact.stage for fact in one.facts(RollMoved) if fact.asset == BTC]
    assert stages[-1] is RollStage.OUTRIGHT
    first = trades(one, Purpose.ROLL_OPEN)[0]
    assert first.at >= EXPIRY - RollPolicy().outright_before


def test_in_reduce_only_it_goes_on_and_halted_it_says_so() -> None:
    one = owner()
    one.run(2 * HOUR)
    one.run(HOUR, lambda bot: _soon(bot.control.reduce_only("test", why="test")))
    assert one.journal.books.trading_state is TradingState.REDUCE_ONLY
    is_passed_on(through(one))

    other = owner(hours=60)
    other.run(2 * HOUR)
    other.run(HOUR, lambda bot: _soon(bot.control.halt("test", why="test")))
    assert "roll_halted" in other.alerts()
    through(other)
    assert "roll_halted" not in other.alerts(), "it is settled"
    assert held(other) == {}
    assert [trade.forced for trade in other.exchange.floor.trades if trade.forced and trade.symbol == NEAR] == [
        Purpose.SETTLEMENT
    ]


def _soon(coroutine: Any) -> None:
    import asyncio

    task = asyncio.get_running_loop().create_task(coroutine)
    _KEPT.append(task)


_KEPT: list[Any] = []


def _later(delay: timedelta, command: Any, *arguments: Any, **more: Any) -> None:
    import asyncio

    loop = asyncio.get_running_loop()
    loop.call_later(delay.total_seconds(), lambda: _soon(command(*arguments, **more)))


def test_a_hedge_need_is_folded_into_the_far_leg_meanwhile() -> None:
    """The spread stays too dear while the price falls by a fifth: looks want more, and nothing is opened near."""
    one = owner(
        exchange={"spread_book_bps": Decimal(60)},
        script=[(24 * HOUR, "50000"), (25 * HOUR, "38000")],
    )
    one.run(EXPIRY - 3 * HOUR - one.exchange.now)
    folds = [fact for fact in one.facts(RollFolded) if fact.near == NEAR]
    assert folds
    locked_at = next(f.at for f in one.facts(RollMoved) if f.asset == BTC and f.stage is RollStage.SPREAD)
    hedges = [trade for trade in trades(one, Purpose.HEDGE) if trade.at > locked_at]
    assert hedges == []
    assert held(one)[FAR] > 0

    through(one)

    assert set(held(one)) == {FAR}
    one.is_well()


def test_in_the_passive_stage_what_opens_opens_far() -> None:
    one = owner(script=[(8 * HOUR, "50000"), (9 * HOUR, "38000")])
    one.run(12 * HOUR)

    assert one.journal.books.rolls["paper", NEAR].stage is RollStage.PASSIVE
    assert held(one)[NEAR] > 0
    assert held(one)[FAR] > 0
    one.is_well()


def test_a_stop_that_closes_the_near_leg_in_the_middle_is_not_undone() -> None:
    """The far order of a chunk has filled, and the price jumps through both stops before near can follow."""
    one = owner(exchange=LEGS, script=[(23 * HOUR, "50000"), (23 * HOUR + MINUTE, "30000")])
    through(one)

    assert not [trade for trade in one.exchange.floor.trades if trade.forced]
    assert not one.journal.books.rolls
    assert one.exchange.floor.liquidations == []


# --- which contract ----------------------------------------------------------------------------


def turning(**changes: Any) -> Owner:
    """A short hedge; funding turns from +30 % a year, which shorts receive, to −20 %, which they pay."""
    start = datetime(2024, 1, 10, tzinfo=UTC)
    interval = timedelta(hours=8)
    schedule = (
        (start, interval, Decimal("0.30") / 1095),
        (start + timedelta(days=12), interval, Decimal("-0.20") / 1095),
    )
    exchange = {"dated_basis_annual": Decimal("0.05"), "funding_schedule": {BTC: schedule}}
    loops = ("protection", "reconcile", "prices", "margin", "funding", "basis")
    slow = WatchIntervals(**dict.fromkeys(loops, HOUR), roll=30 * MINUTE)
    values = {
        "start": start,
        "exchange": exchange,
        "held": "0.3",
        "cadence": CadencePolicy(cron="0 */6 * * *", move_sigmas=None),
        "watch": slow,
        "tenors": (Tenor.PERPETUAL, Tenor.DATED),
    }
    return Owner(**(values | changes))


def cost_of(one: Owner) -> Decimal:
    """Fees − funding − profit of all futures, in USDT, with what is open at mark."""
    floor = one.exchange.floor
    cost = sum((trade.fee_paid for trade in floor.trades), Decimal(0))
    cost -= sum((payment.amount for payment in floor.funding), Decimal(0))
    cost += sum((trade.contracts * trade.side.sign * trade.price for trade in floor.trades), Decimal(0))
    for symbol, position in floor.accounts.positions.items():
        cost -= position.contracts * floor.mark_of(floor.contracts[symbol])
    return cost


def test_when_funding_turns_the_hedge_moves_to_the_dated_contract_once() -> None:
    free, perpetual, dated = turning(), turning(tenors=(Tenor.PERPETUAL,)), turning(tenors=(Tenor.DATED,))
    for one in (free, perpetual, dated):
        one.run(timedelta(days=45))
        one.is_well()

    moves = [fact for fact in free.facts(RollEnded) if fact.asset == BTC and fact.cause is RollCause.COST]
    assert [(fact.near, fact.far) for fact in moves] == [(BTC_PERP, "BTC/USDT:USDT-240329")]
    assert held(free).keys() == {"BTC/USDT:USDT-240329"}
    assert cost_of(free) < min(cost_of(perpetual), cost_of(dated))
    begun = datetime(2024, 1, 22, tzinfo=UTC)
    assert begun < moves[0].at < begun + timedelta(days=6)


def test_another_far_contract_is_not_taken_while_the_outcome_of_an_order_in_the_first_is_unknown() -> None:
    one = owner(exchange=LEGS, watch=replace(EVERY_FEW_MINUTES, roll=timedelta(seconds=30)))
    turns_at = EXPIRY - RollPolicy().outright_before / 2
    exchange = one.exchange

    def happens(call: str, request: OrderRequest | None) -> Effect | None:
        left = turns_at - exchange.now
        late = {"fetch_account": LagPositions(MINUTE), "fetch_fills": LagTrades(MINUTE), "fetch_order": HideOrders()}
        if call == "fetch_quotes" and left > timedelta(seconds=40):
            return FailRead()
        if request is not None and request.symbol == FAR and left > timedelta(0):
            return LoseReply()
        return late.get(call) if -2 * MINUTE < left < MINUTE else None

    one.run(EXPIRY - 9 * HOUR - exchange.now)
    exchange.faults.add(happens, times=100_000)
    through(one)

    begun = sum((t.contracts * t.side.sign for t in trades(one, Purpose.HEDGE)), Decimal(0))
    first = next(t for t in trades(one, Purpose.ROLL_OPEN) if t.symbol == FAR)
    assert turns_at - MINUTE < first.at < turns_at
    assert sum(held(one).values()) == begun
    closed = sum((t.contracts for t in trades(one, Purpose.ROLL_CLOSE)), Decimal(0))
    assert closed == abs(begun)
    one.is_well()


#: Passed on so seldom that what a look on the hour has asked for is not traded for minutes.
SELDOM = replace(EVERY_FEW_MINUTES, roll=7 * MINUTE)
DEAR: dict[str, Any] = {"spread_book_bps": Decimal(60)}
#: By a fifth, and never so far at once that it is doubted.
FALL = [(24 * HOUR + step * 10 * MINUTE, price) for step, price in enumerate(("50000", "46000", "42000", "38000"))]


def _is_asked_for(one: Owner) -> bool:
    return any(fact.near == NEAR and fact.folded > 0 for fact in one.facts(RollFolded))


def test_what_a_look_asked_for_is_not_opened_once_nothing_may_be_opened() -> None:
    one = owner(exchange=DEAR, watch=SELDOM, script=FALL)
    told_at = 25 * HOUR + 30 * SECOND
    one.run(26 * HOUR - MINUTE, lambda bot: _later(told_at - MINUTE, bot.control.reduce_only, "test", why="test"))

    begun = sum((t.contracts * t.side.sign for t in trades(one, Purpose.HEDGE)), Decimal(0))
    assert _is_asked_for(one)
    assert held(one) == {NEAR: begun}
    is_passed_on(through(one))


def test_what_a_look_asked_for_is_not_opened_once_a_stop_has_closed_the_position() -> None:
    crash = [(25 * HOUR + MINUTE, "38000"), (25 * HOUR + 2 * MINUTE, "20000")]
    one = owner(exchange=DEAR, watch=SELDOM, script=FALL + crash)
    through(one)

    assert _is_asked_for(one)
    assert (BTC, "stop_out") in one.journal.books.ceilings
    assert held(one) == {}
    one.is_well()


def test_a_tranche_that_is_folded_in_is_taken_and_the_next_waits_for_its_time() -> None:
    one = owner(exchange=DEAR, script=FALL, dca=DcaPolicy(tranches=4, interval=timedelta(days=1)))
    one.run(27 * HOUR + 30 * MINUTE)

    (folded,) = [fact for fact in one.facts(RollFolded) if fact.near == NEAR]
    assert one.journal.books.rolls["paper", NEAR].opened == folded.folded
    taken = [fact for fact in one.facts(TrancheTaken) if fact.asset == BTC]
    assert [(fact.left, fact.at - taken[0].at) for fact in taken] == [(3, timedelta(0)), (2, timedelta(days=1))]


def test_nothing_is_opened_in_another_contract_while_an_order_may_still_rest_in_the_first() -> None:
    """What opens goes into the next contract from now on, the cancel of what rests is lost, and the market comes."""
    one = owner(
        hours=24 + 50 / 3600,
        exchange=LEGS,
        execution=ExecutionPolicy(style=ExecutionStyle.CHASE),
        script=[(80 * SECOND, "50000"), (90 * SECOND, "49900")],
    )
    for _ in range(40):
        one.exchange.faults.on("cancel", LoseRequest())
    one.run(10 * MINUTE, lambda bot: _soon(bot.control.resume("test")))

    orders = [fact.intent for fact in one.facts(OrderIntended) if fact.intent.asset == BTC]
    first = next(intent for intent in orders if intent.purpose is Purpose.HEDGE)
    assert first.symbol == NEAR
    assert sum(held(one).values()) == first.contracts
    one.is_well()


def test_what_both_stops_have_closed_is_not_turned_round() -> None:
    """The far order of a chunk has filled, near cannot follow, and the price jumps through both stops."""
    one = owner(exchange=LEGS, script=[(23 * HOUR, "50000"), (23 * HOUR + MINUTE, "30000")])

    def refuse(_call: str, request: OrderRequest | None) -> Effect | None:
        is_near = request is not None and request.symbol == NEAR and request.type is not OrderType.STOP_MARKET
        return Refuse(code="busy") if is_near else None

    one.run(21 * HOUR)
    one.exchange.faults.add(refuse, times=1000)
    one.run(HOUR + 50 * MINUTE)
    assert held(one)[NEAR] > held(one)[FAR] > 0
    one.run(HOUR)

    assert {trade.side for trade in trades(one, Purpose.ROLL_OPEN)} == {Side.BUY}
    assert not one.journal.books.rolls
    assert held(one) == {}
    one.is_well()


def test_what_a_chunk_has_taken_out_of_near_is_not_put_back_once_a_stop_has_closed_the_rest() -> None:
    """The venue refuses the far order until the price has jumped through the stop of what near still holds."""
    watch = replace(EVERY_FEW_MINUTES, roll=15 * MINUTE)
    one = owner(exchange=LEGS, watch=watch, script=[(23 * HOUR, "50000"), (23 * HOUR + MINUTE, "30000")])
    until = one.exchange.now + 23 * HOUR + 2 * MINUTE

    def refuse(_call: str, request: OrderRequest | None) -> Effect | None:
        is_far = request is not None and request.symbol == FAR and one.exchange.now < until
        return Refuse(code="busy") if is_far else None

    one.run(21 * HOUR)
    one.exchange.faults.add(refuse, times=1000)
    one.run(HOUR + 50 * MINUTE)
    assert trades(one, Purpose.ROLL_CLOSE)
    assert held(one)[NEAR] > 0
    one.run(HOUR)

    assert not trades(one, Purpose.ROLL_OPEN)
    assert not one.journal.books.rolls
    one.is_well()


def test_a_position_gets_smaller_while_an_order_may_still_rest_in_another_contract_of_its_asset() -> None:
    """More of a short rests in the next contract, its cancel is lost, and the price falls: near is bought."""
    one = owner(
        hours=26,
        held="0.2",
        exchange=LEGS,
        execution=ExecutionPolicy(style=ExecutionStyle.CHASE),
        script=[
            (2 * HOUR + 30 * MINUTE, "50000"),
            (2 * HOUR + 31 * MINUTE, "56000"),
            (3 * HOUR + SECOND, "56000"),
            (3 * HOUR + 20 * MINUTE, "44000"),
        ],
    )
    one.policy = replace(one.policy, bands=replace(one.policy.bands, absolute_frac=Decimal("0.01")))
    one.run(2 * HOUR + 40 * MINUTE)
    one.exchange.faults.add(lambda call, _: LoseRequest() if call == "cancel" else None, times=1_000_000)
    one.run(2 * HOUR)
    asked = [fact.intent for fact in one.facts(OrderIntended) if fact.intent.asset == BTC]
    hedges = [(one.symbol, one.side, one.reduce_only) for one in asked if one.purpose is Purpose.HEDGE]
    assert hedges[-2:] == [(FAR, Side.SELL, False), (NEAR, Side.BUY, True)]

    one.exchange.faults.clear()
    one.run(HOUR)
    assert -held(one)[NEAR] < Decimal("0.018")
    one.is_well()


# --- reserved since ----------------------------------------------------------------------------


def test_a_position_that_the_owner_has_reserved_since_is_passed_on_no_more() -> None:
    one = owner(exchange=DEAR)
    one.run(EXPIRY - 3 * HOUR - one.exchange.now)
    assert one.journal.books.rolls["paper", NEAR].stage is RollStage.SPREAD
    begun = held(one)[NEAR]
    one.policy = replace(one.policy, foreign_symbols=frozenset({NEAR}))
    one.run(2 * HOUR + 30 * MINUTE)

    assert not trades(one, Purpose.ROLL_OPEN, Purpose.ROLL_CLOSE)
    assert held(one)[NEAR] == begun
    assert Decimal(0) < held(one)[FAR] <= begun, "what is the owner's hedges nothing, and a look has opened its own"
    assert not one.journal.books.rolls
    one.run(10 * MINUTE, lambda bot: _soon(bot.control.halt("test", why="test")))
    assert "roll_halted" not in one.alerts()


def test_no_move_goes_on_into_a_contract_that_the_owner_has_reserved_since() -> None:
    loops = ("protection", "reconcile", "prices", "margin", "funding", "basis")
    one = turning(watch=WatchIntervals(**dict.fromkeys(loops, HOUR), roll=timedelta(days=30)))
    one.run(timedelta(days=14))
    for _ in range(8):
        if moves := [fact for fact in one.facts(RollMoved) if fact.asset == BTC]:
            break
        one.run(12 * HOUR)
    (move,) = moves
    assert (move.cause, one.journal.books.rolls["paper", BTC_PERP].far) == (RollCause.COST, move.far)
    before = held(one)

    one.policy = replace(one.policy, foreign_symbols=frozenset({move.far}))
    one.run(HOUR)

    assert held(one) == before
    (ended,) = [fact for fact in one.facts(RollEnded) if fact.asset == BTC]
    assert ended.far == move.far
    one.is_well()
