"""Do the books follow a roll by the trades of its own orders, and by nothing else?"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.domain import events
from bot.domain.books import Books, Leg
from bot.domain.errors import InvariantViolated
from bot.domain.folding import apply
from bot.domain.ids import Asset, CycleId, Symbol
from bot.domain.orders import Purpose, Side
from bot.domain.rolls import Roll, RollCause, RollStage
from tests.builders import NOW, VENUE, dec, make_fill, make_intent

NEAR, FAR = Symbol("BTC/USDT:USDT-240628"), Symbol("BTC/USDT:USDT-240927")
LEG: Leg = (VENUE, NEAR)


def moved(stage: RollStage = RollStage.SPREAD, **changes: object) -> events.RollMoved:
    values: dict[str, object] = {
        "at": NOW,
        "venue": VENUE,
        "asset": Asset("BTC"),
        "near": NEAR,
        "far": FAR,
        "near_size": dec(1),
        "far_size": dec(1),
        "cause": RollCause.EXPIRY,
        "stage": stage,
        "why": "",
    }
    return events.RollMoved(**{**values, **changes})  # type: ignore[arg-type]


def trade(books: Books, purpose: Purpose, symbol: Symbol, side: Side, contracts: str, price: str, number: int) -> None:
    intent = make_intent(
        symbol=symbol, side=side, contracts=dec(contracts), purpose=purpose, client_order_id=f"TTA{number}"
    )
    apply(books, events.OrderIntended(at=NOW, intent=intent))
    fill = make_fill(
        symbol=symbol,
        side=side,
        contracts=dec(contracts),
        price=dec(price),
        trade_id=f"t{number}",
        client_order_id=intent.client_order_id,
        filled_at=NOW + timedelta(seconds=1),
    )
    apply(books, events.TradeFilled(at=NOW, fill=fill))


def test_both_legs_are_counted_and_what_is_missing_follows() -> None:
    books = Books()
    apply(books, moved())

    trade(books, Purpose.ROLL_OPEN, FAR, Side.BUY, "0.4", "51000", 1)
    ahead = books.rolls[LEG]
    assert (ahead.opened, ahead.closed, ahead.missing) == (dec("0.4"), 0, dec("-0.4"))
    assert ahead.uneven_since == NOW + timedelta(seconds=1)

    trade(books, Purpose.ROLL_CLOSE, NEAR, Side.SELL, "0.4", "50000", 2)
    even = books.rolls[LEG]
    assert (even.closed, even.missing, even.uneven_since) == (dec("0.4"), 0, None)
    assert (even.closed_value, even.opened_value) == (20_000, 20_400)


@pytest.mark.parametrize("purpose", [Purpose.HEDGE, Purpose.STOP, Purpose.DELEVERAGE, Purpose.FLATTEN])
def test_what_others_trade_is_no_part_of_it(purpose: Purpose) -> None:
    books = Books()
    apply(books, moved())

    trade(books, purpose, NEAR, Side.SELL, "0.4", "50000", 1)

    assert books.rolls[LEG].missing == 0


def test_a_roll_of_another_contract_is_not_touched() -> None:
    books = Books()
    apply(books, moved())

    trade(books, Purpose.ROLL_CLOSE, FAR, Side.SELL, "0.4", "50000", 1)
    trade(books, Purpose.ROLL_OPEN, NEAR, Side.SELL, "0.4", "50000", 2)

    assert books.rolls[LEG].missing == 0


def test_a_stage_keeps_what_was_done_and_an_end_forgets_it() -> None:
    books = Books()
    apply(books, moved(RollStage.PASSIVE))
    trade(books, Purpose.ROLL_OPEN, FAR, Side.BUY, "0.4", "51000", 1)
    later = NOW + timedelta(hours=1)

    apply(books, replace(moved(RollStage.OUTRIGHT), at=later))

    assert books.rolls[LEG].stage is RollStage.OUTRIGHT
    assert (books.rolls[LEG].begun_at, books.rolls[LEG].stage_since) == (NOW, later)
    assert books.rolls[LEG].opened == dec("0.4")
    apply(books, ended())
    assert not books.rolls


def ended() -> events.RollEnded:
    return events.RollEnded(
        at=NOW,
        venue=VENUE,
        asset=Asset("BTC"),
        near=NEAR,
        far=FAR,
        cause=RollCause.EXPIRY,
        why="",
        is_missed=False,
        closed=dec(0),
        opened=dec(0),
        difference_quote=dec(0),
        fees_quote=dec(0),
        cost_bps=None,
        yield_annual=None,
    )


def test_a_need_is_folded_in_and_what_was_left_open_is_carried_over() -> None:
    books = Books()
    apply(books, moved(carried=dec("0.3")))
    assert books.rolls[LEG].missing == dec("0.3")
    assert books.rolls[LEG].uneven_since == NOW

    apply(books, events.RollFolded(at=NOW, venue=VENUE, near=NEAR, folded=dec("-0.1")))

    assert books.rolls[LEG].missing == dec("0.2")


def test_a_need_cannot_be_folded_into_what_is_not_under_way() -> None:
    with pytest.raises(InvariantViolated, match="not under way"):
        apply(Books(), events.RollFolded(at=NOW, venue=VENUE, near=NEAR, folded=dec(1)))


def test_smoothed_costs_are_kept_for_a_month() -> None:
    books = Books()
    apply(books, events.CarryNoted(at=NOW, venue=VENUE, symbol=NEAR, annual=dec("0.1")))
    apply(books, events.CarryNoted(at=NOW + timedelta(days=29), venue=VENUE, symbol=FAR, annual=dec("0.2")))
    looked = events.LookTaken(at=NOW, cycle_id=CycleId("x"), trigger="start", outcome="in_band", index_prices={})
    apply(books, replace(looked, at=NOW + timedelta(days=29)))
    assert set(books.carries) == {(VENUE, NEAR), (VENUE, FAR)}

    apply(books, replace(looked, at=NOW + timedelta(days=31)))

    assert books.carries == {(VENUE, FAR): (NOW + timedelta(days=29), dec("0.2"))}


@pytest.mark.parametrize("stage", RollStage)
def test_a_position_moves_in_the_last_two_stages(stage: RollStage) -> None:
    assert stage.is_moving is (stage in (RollStage.SPREAD, RollStage.OUTRIGHT))


def test_sizes_of_contracts_may_differ() -> None:
    roll = Roll(
        venue=VENUE,
        asset=Asset("BTC"),
        near=NEAR,
        far=FAR,
        near_size=dec("0.01"),
        far_size=dec("0.001"),
        cause=RollCause.COST,
        stage=RollStage.SPREAD,
        begun_at=NOW,
        stage_since=NOW,
    )

    opened = roll.with_opened(make_fill(symbol=FAR, side=Side.SELL, contracts=dec(500), price=dec(50_000)))

    assert (opened.opened, opened.opened_value) == (dec("-0.5"), Decimal(-25_000))


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, 1), (Side.SELL, -1)])
def test_what_looks_have_asked_for_is_told_apart_from_what_was_taken_out_of_near(side: Side, sign: int) -> None:
    books = Books()
    apply(books, moved())

    def fold(amount: str) -> None:
        apply(books, events.RollFolded(at=NOW, venue=VENUE, near=NEAR, folded=dec(amount) * sign))

    trade(books, Purpose.ROLL_CLOSE, NEAR, side.opposite, "0.3", "50000", 1)
    assert books.rolls[LEG].asked == 0
    fold("0.5")
    assert books.rolls[LEG].asked == dec("0.5") * sign
    assert books.rolls[LEG].missing == dec("0.8") * sign
    trade(books, Purpose.ROLL_OPEN, FAR, side, "0.6", "51000", 2)
    assert books.rolls[LEG].asked == books.rolls[LEG].missing == dec("0.2") * sign
    fold("0.1")
    assert books.rolls[LEG].asked == books.rolls[LEG].missing == dec("-0.2") * sign
