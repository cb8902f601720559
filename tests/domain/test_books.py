"""All facts add up to the books."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain import events
from bot.domain.books import Books, Ceiling, Correction, LegLedger
from bot.domain.errors import InvariantViolated
from bot.domain.folding import apply
from bot.domain.ids import Asset, ClientOrderId, Currency, CycleId, TradeId, TransferId, VenueOrderId
from bot.domain.orders import OrderEvent, OrderState, Purpose, Side
from bot.domain.policy import MarginRung, TradingState
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import TransferIntent, TransferState
from tests.builders import NOW, VENUE, dec, make_fill, make_instrument, make_intent

BTC = Asset("BTC")
INSTRUMENT = make_instrument()
LEG = (INSTRUMENT.venue, INSTRUMENT.symbol)
ORDER_ID = make_intent().client_order_id
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOW + HOUR


def _books(*facts):
    books = Books()
    for fact in facts:
        apply(books, fact)
    return books


def _intended(**changes):
    return events.OrderIntended(at=NOW, intent=make_intent(**changes))


def _changed(event, at=NOW, **changes):
    return events.OrderChanged(at=at, client_order_id=ORDER_ID, event=event, **changes)


def _filled(**changes):
    return events.TradeFilled(at=NOW, fill=make_fill(**changes))


def _looked(at=NOW, **prices):
    return events.LookTaken(
        at=at,
        cycle_id=CycleId("TT0A1-1"),
        trigger="calendar",
        outcome="in_band",
        index_prices={Asset(asset): dec(price) for asset, price in prices.items()},
    )


def test_a_journal_keeps_its_first_opening_and_every_epoch():
    books = _books(
        events.JournalOpened(at=NOW, epoch="TT0A1", reason="created"),
        events.JournalOpened(at=LATER, epoch="TT0B2", reason="restored"),
    )

    assert (books.epoch, books.epochs, books.opened_at) == ("TT0B2", {"TT0A1", "TT0B2"}, NOW)


def test_facts_without_a_meaning_for_the_books_change_nothing():
    assert _books(events.BotStopped(at=NOW, reason="done")) == Books()


def test_an_order_is_intended_once():
    books = _books(_intended())

    with pytest.raises(InvariantViolated, match="twice"):
        apply(books, _intended())


def test_an_order_without_an_intent_cannot_change():
    with pytest.raises(InvariantViolated, match="without an intent"):
        apply(Books(), _changed(OrderEvent.ACCEPTED))


def test_an_impossible_change_leaves_the_books_as_they_were():
    books = _books(_intended(), _changed(OrderEvent.REFUSED, reason="too small"))

    with pytest.raises(InvariantViolated):
        apply(books, _changed(OrderEvent.OUTCOME_LOST))

    order = books.orders[ORDER_ID]
    assert (order.state, order.reason) == (OrderState.REJECTED, "too small")


def test_an_order_whose_cancel_was_asked_for_is_not_relied_on_and_a_stranger_s_changes_nothing():
    books = Books()
    intent = make_intent()
    apply(books, events.OrderIntended(at=NOW, intent=intent))
    apply(books, events.CancelRequested(at=NOW, client_order_id=ClientOrderId("stranger"), reason="an orphan"))
    assert not books.orders[intent.client_order_id].is_doomed
    apply(books, events.CancelRequested(at=NOW, client_order_id=intent.client_order_id, reason="the touch has moved"))
    assert books.orders[intent.client_order_id].is_doomed
    assert set(books.orders) == {intent.client_order_id}


def test_an_order_learns_its_venue_id_and_keeps_it():
    books = _books(
        _intended(),
        _changed(OrderEvent.ACCEPTED, venue_order_id=VenueOrderId("77")),
        _changed(OrderEvent.OUTCOME_LOST),
    )

    assert books.orders[ORDER_ID].venue_order_id == "77"
    assert books.working_orders() == [books.orders[ORDER_ID]]


def test_fills_move_an_order_to_filled_and_add_up():
    books = _books(
        _intended(contracts=dec(3)),
        _filled(contracts=dec(1), price=dec(50_000)),
        _filled(trade_id=TradeId("2"), contracts=dec(2), price=dec(49_000), venue_order_id=VenueOrderId("9")),
    )

    order = books.orders[ORDER_ID]
    assert order.state is OrderState.FILLED
    assert (order.filled_contracts, order.filled_value, order.venue_order_id) == (3, 148_000, "9")
    assert not books.working_orders()


@pytest.mark.parametrize("changes", [{"symbol": "ETH/USDT:USDT"}, {"side": Side.BUY}, {"client_order_id": None}])
def test_a_trade_that_cannot_be_of_an_order_is_booked_and_leaves_it_as_it_is(changes):
    books = _books(_intended(), _filled(**changes))

    assert books.order_of(make_fill(**changes)) is None
    assert books.orders[ORDER_ID].state is OrderState.INTENDED
    assert sum(abs(one.contracts) for one in books.ledgers.values()) == 1


def test_a_fill_after_a_cancel_is_counted():
    books = _books(_intended(contracts=dec(2)), _changed(OrderEvent.CANCEL_CONFIRMED), _filled())

    assert books.orders[ORDER_ID].state is OrderState.CANCELLED
    assert books.orders[ORDER_ID].filled_contracts == 1
    assert books.ledger(*LEG).contracts == -1


def test_profit_comes_from_cash_and_position_without_an_entry_price():
    books = _books(
        _intended(contracts=dec(2)),
        _filled(contracts=dec(2), price=dec(50_000), fee_paid=dec(50)),
        _filled(
            trade_id=TradeId("2"),
            client_order_id=None,
            side=Side.BUY,
            contracts=dec(1),
            price=dec(45_000),
            fee_paid=dec(20),
        ),
    )

    ledger = books.ledgers[LEG]
    mark = 48_000
    assert ledger.cash_contract_value + ledger.contracts * mark == 5000 + 2000
    assert ledger.fees_paid == {Currency("USDT"): 70}
    assert ledger.inverse_contract_value == -2 / dec(50_000) + 1 / dec(45_000)


@pytest.mark.parametrize(
    ("purpose", "worse"), [(Purpose.HEDGE, 200), (Purpose.TAKE_PROFIT, 0)], ids=["hedge", "take-profit"]
)
def test_what_a_fill_was_worse_than_expected_is_booked_but_not_of_a_take_profit(purpose, worse):
    books = _books(_intended(purpose=purpose, decision_price=dec(50_200), reduce_only=True), _filled())

    assert books.ledger(*LEG).slippage_contract_value == worse


def test_a_contract_that_was_never_traded_has_an_empty_ledger():
    assert Books().ledger(*LEG) == LegLedger()


def test_increasing_hedge_fills_are_remembered_for_a_day():
    books = _books(
        _intended(contracts=dec(9)),
        _filled(),
        _filled(trade_id=TradeId("2"), filled_at=NOW + timedelta(hours=23)),
        _filled(trade_id=TradeId("3"), filled_at=NOW + timedelta(hours=25)),
    )

    assert [entry[0] for entry in books.recent_increases] == [NOW + timedelta(hours=23), NOW + timedelta(hours=25)]
    assert books.recent_increases[0][1:] == (50_000, LEG)


@pytest.mark.parametrize("changes", [{"reduce_only": True}, {"purpose": Purpose.ROLL_OPEN}])
def test_other_fills_do_not_count_as_turnover(changes):
    assert not _books(_intended(**changes), _filled()).recent_increases


def test_reading_starts_at_the_newest_trade_and_payment():
    def paid(number, at):
        return events.FundingSettled(
            at=LATER,
            venue=VENUE,
            symbol=INSTRUMENT.symbol,
            transaction_id=str(number),
            currency=Currency("USDT"),
            amount=dec("-1.5"),
            rate=dec("0.0001"),
            notional_quote=dec(15_000),
            settled_at=at,
        )

    books = _books(
        _filled(filled_at=LATER),
        _filled(trade_id=TradeId("2"), filled_at=NOW),
        paid(1, LATER),
        paid(2, NOW),
    )

    assert books.fills_until == {VENUE: LATER}
    assert books.funding_until == {VENUE: LATER}
    assert books.ledgers[LEG].funding == -3


def test_an_adopted_position_starts_without_profit():
    adopted = events.PositionAdopted(
        at=NOW, venue=VENUE, symbol=INSTRUMENT.symbol, contracts=dec(-2), mark_price=dec(50_000)
    )
    ledger = _books(adopted).ledgers[LEG]

    assert ledger.contracts == -2
    assert ledger.cash_contract_value + ledger.contracts * 50_000 == 0
    assert ledger.inverse_contract_value - ledger.contracts / 50_000 == 0


def test_a_trade_that_is_told_after_its_position_was_adopted_brings_its_fee_and_ends_its_order():
    adopted = events.PositionAdopted(
        at=LATER, venue=VENUE, symbol=INSTRUMENT.symbol, contracts=dec(-2), mark_price=dec(50_000), as_of=NOW
    )
    before = _books(_intended(), adopted)
    books = _books(_intended(), adopted, _filled(filled_at=NOW, contracts=make_intent().contracts))
    told, kept = books.ledgers[LEG], before.ledgers[LEG]

    assert (told.contracts, told.cash_contract_value, told.inverse_contract_value) == (
        kept.contracts,
        kept.cash_contract_value,
        kept.inverse_contract_value,
    )
    assert sum(told.fees_paid.values()) == make_fill().fee_paid
    assert books.orders[ORDER_ID].state is OrderState.FILLED


def test_a_trade_that_follows_an_adoption_counts():
    adopted = events.PositionAdopted(
        at=NOW, venue=VENUE, symbol=INSTRUMENT.symbol, contracts=dec(-2), mark_price=dec(50_000)
    )
    fill = make_fill(filled_at=LATER)
    books = _books(adopted)
    expected = books.ledgers[LEG].contracts_after(fill)
    apply(books, events.TradeFilled(at=LATER, fill=fill))

    assert books.ledgers[LEG].contracts == expected == -2 + fill.contracts * fill.side.sign


def test_ceilings_come_and_go():
    fact = events.CeilingSet(
        at=NOW, asset=BTC, cause="stop_out", max_delta_base=dec("0.1"), release_at=LATER, why="a stop traded"
    )
    books = _books(fact)

    assert books.ceilings == {
        (BTC, "stop_out"): Ceiling(
            asset=BTC,
            cause="stop_out",
            max_delta_base=dec("0.1"),
            set_at=NOW,
            release_at=LATER,
            why="a stop traded",
        )
    }
    released = events.CeilingReleased(at=LATER, asset=BTC, cause="stop_out", why="time")
    apply(books, released)
    apply(books, released)
    assert not books.ceilings


def test_since_when_the_trading_state_is_in_force_is_kept_and_normal_forgets_abnormal_ends():
    books = Books(abnormal_ends=[NOW])
    for minutes, state in ((0, TradingState.HALTED), (5, TradingState.HALTED), (9, TradingState.NORMAL)):
        at = NOW + timedelta(minutes=minutes)
        apply(books, events.TradingStateSet(at=at, state=state, caller="owner", why=""))
        if state is TradingState.HALTED:
            assert (books.trading_state_since, books.abnormal_ends) == (NOW, [NOW])
    assert (books.trading_state_since, books.abnormal_ends) == (NOW + timedelta(minutes=9), [])


def test_trading_state_and_settled_profit_are_kept():
    books = _books(
        events.TradingStateSet(at=NOW, state=TradingState.HALTED, caller="owner", why="holiday"),
        events.HedgeProfitSettled(at=NOW, amount_quote=dec(100), caller="owner"),
        events.HedgeProfitSettled(at=NOW, amount_quote=dec(-30), caller="owner"),
    )

    assert (books.trading_state, books.trading_state_why) == (TradingState.HALTED, "holiday")
    assert books.settled_profit_quote == 70


def test_a_suspected_flow_waits_until_the_holding_is_accepted():
    books = _books(
        events.HoldingsAccepted(at=NOW, holdings_base={BTC: dec(1)}, how="start"),
        events.FlowSuspected(at=LATER, asset=BTC, from_base=dec(1), to_base=dec(2)),
    )
    assert books.flows[BTC].since == LATER

    apply(books, events.HoldingsAccepted(at=LATER, holdings_base={BTC: dec(2)}, how="confirmed"))
    assert not books.flows
    assert books.accepted_holdings == {BTC: 2}


def test_a_wallet_is_anchored():
    anchored = events.WalletAnchored(
        at=NOW,
        venue=VENUE,
        wallet=WalletKind.LINEAR_FUTURES,
        currency=Currency("USDT"),
        baseline=dec(6000),
        why="start",
    )

    assert _books(anchored).wallet_baselines == {(VENUE, WalletKind.LINEAR_FUTURES, "USDT"): 6000}


def test_corrections_start_and_end():
    books = _books(events.CorrectionStarted(at=NOW, asset=BTC, gap=dec("0.06")))
    assert books.corrections == {BTC: Correction(first_gap=dec("0.06"))}

    apply(books, events.CorrectionEnded(at=LATER, asset=BTC, why="arrived"))
    assert not books.corrections


def test_being_unprotected_or_locked_is_counted_from_its_first_moment():
    books = _books(
        events.LegUnprotected(at=NOW, venue=VENUE, symbol=INSTRUMENT.symbol, why="no stop"),
        events.LegUnprotected(at=LATER, venue=VENUE, symbol=INSTRUMENT.symbol, why="still none"),
        events.SymbolLocked(at=NOW, venue=VENUE, symbol=INSTRUMENT.symbol, why="a fill is missing"),
        events.SymbolLocked(at=LATER, venue=VENUE, symbol=INSTRUMENT.symbol, why="two are"),
    )

    assert books.unprotected == {LEG: (NOW, "no stop")}
    assert books.locks == {LEG: (NOW, "a fill is missing")}
    apply(books, events.LegProtected(at=LATER, venue=VENUE, symbol=INSTRUMENT.symbol))
    apply(books, events.SymbolUnlocked(at=LATER, venue=VENUE, symbol=INSTRUMENT.symbol))
    assert not books.unprotected
    assert not books.locks


def test_a_look_keeps_its_prices_and_one_without_prices_keeps_the_old_ones():
    books = _books(_looked(BTC="50000"), _looked(at=LATER))

    assert books.last_look_at == LATER
    assert books.last_look_index_prices == {BTC: 50_000}


def test_old_orders_are_forgotten_when_they_are_final():
    working = ClientOrderId("TT0A100000000200")
    books = _books(
        _intended(),
        _changed(OrderEvent.CANCEL_CONFIRMED),
        _intended(client_order_id=working),
        _looked(at=NOW + timedelta(days=2)),
    )
    assert set(books.orders) == {ORDER_ID, working}

    apply(books, _looked(at=NOW + timedelta(days=3)))
    assert set(books.orders) == {working}


def test_an_order_that_worked_for_long_is_forgotten_when_it_has_been_final_for_long():
    books = _books(
        _intended(),
        _changed(OrderEvent.ACCEPTED),
        _looked(at=NOW + timedelta(days=9)),
        _changed(OrderEvent.CANCEL_CONFIRMED, at=NOW + timedelta(days=9)),
        _looked(at=NOW + timedelta(days=10)),
    )
    assert books.orders[ORDER_ID].ended_at == NOW + timedelta(days=9)

    apply(books, _looked(at=NOW + timedelta(days=12)))
    assert not books.orders


def test_an_order_that_has_come_back_has_not_ended():
    books = _books(_intended(), _changed(OrderEvent.FOUND_ABSENT), _changed(OrderEvent.ACCEPTED))

    assert books.orders[ORDER_ID].ended_at is None
    apply(books, _looked(at=NOW + timedelta(days=9)))
    assert set(books.orders) == {ORDER_ID}


def test_what_works_is_listed_in_the_order_of_intents_also_when_an_earlier_one_has_come_back():
    later = ClientOrderId("TT0A100000000200")
    books = _books(
        _intended(),
        _changed(OrderEvent.FOUND_ABSENT),
        _intended(client_order_id=later),
        _changed(OrderEvent.ACCEPTED),
    )

    assert [one.intent.client_order_id for one in books.working_orders()] == [ORDER_ID, later]


def test_facts_that_may_be_offered_twice_have_a_key_and_others_have_none():
    stop = events.StopFired(
        at=NOW,
        venue=VENUE,
        symbol=INSTRUMENT.symbol,
        asset=BTC,
        client_order_id=ORDER_ID,
        contracts=dec(1),
        source="fill/paper/x/1",
    )
    ceiling = {"at": NOW, "asset": BTC, "cause": "stop_out", "max_delta_base": dec(0), "release_at": None, "why": ""}

    assert _looked().dedup_key is None
    assert _filled().dedup_key == f"fill/{VENUE}/{INSTRUMENT.symbol}/1"
    assert stop.dedup_key == "stop_fired/fill/paper/x/1"
    assert events.CeilingSet(**ceiling).dedup_key is None
    assert events.CeilingSet(**ceiling, source="s").dedup_key == "ceiling/BTC/stop_out/s"


def test_a_funding_payment_is_keyed_by_venue_symbol_and_transaction():
    payment = events.FundingSettled(
        at=NOW,
        venue=VENUE,
        symbol=INSTRUMENT.symbol,
        transaction_id="5",
        currency=Currency("USDT"),
        amount=dec(1),
        rate=dec(0),
        notional_quote=dec(0),
        settled_at=NOW,
    )

    assert payment.dedup_key == f"funding/{VENUE}/{INSTRUMENT.symbol}/5"


def test_a_settlement_is_judged_once():
    judged = events.FundingJudged(
        at=NOW,
        venue=VENUE,
        symbol=INSTRUMENT.symbol,
        due_at=NOW,
        side=1,
        paid_annual=dec("0.5"),
        level="above",
        basis="settled",
    )
    assert judged.dedup_key == f"funding_judged/{VENUE}/{INSTRUMENT.symbol}/{NOW.isoformat()}"


# --- pacing, steering, ends --------------------------------------------------------------------


def test_a_tranche_belongs_to_a_correction():
    books = Books()
    taken = events.TrancheTaken(at=NOW, asset=BTC, left=2, next_at=NOW + timedelta(hours=6))
    with pytest.raises(InvariantViolated, match="without a correction"):
        apply(books, taken)
    apply(books, events.CorrectionStarted(at=NOW, asset=BTC, gap=dec("0.06"), tranches=3))
    apply(books, taken)
    assert books.corrections[BTC] == Correction(
        first_gap=dec("0.06"), tranches_left=2, next_tranche_at=NOW + timedelta(hours=6)
    )


def test_flattening_goes_on_until_it_is_said_to_have_ended():
    books = Books()
    apply(books, events.FlattenStarted(at=NOW, caller="owner"))
    assert books.is_flattening
    apply(books, events.FlattenEnded(at=NOW, why="flat"))
    assert not books.is_flattening


def test_an_end_is_abnormal_when_the_next_start_finds_that_nobody_said_goodbye():
    books = Books()
    start = events.BotStarted(at=NOW, version="1", mode="paper")
    apply(books, start)
    assert books.abnormal_ends == []
    apply(books, events.BotStopped(at=NOW, reason="asked to"))
    apply(books, start)
    assert books.abnormal_ends == []
    apply(books, start)
    apply(books, events.BotStopped(at=NOW, reason="broken", is_orderly=False))
    apply(books, start)
    assert books.abnormal_ends == [NOW, NOW]
    for _ in range(20):
        apply(books, start)
    assert len(books.abnormal_ends) == 10


def test_only_a_halt_is_hard():
    books = Books()
    apply(books, events.TradingStateSet(at=NOW, state=TradingState.HALTED, caller="owner", why="", is_hard=True))
    assert books.is_hard_halt
    apply(books, events.TradingStateSet(at=NOW, state=TradingState.REDUCE_ONLY, caller="owner", why="", is_hard=True))
    assert not books.is_hard_halt


# --- margin and transfers ----------------------------------------------------------------------


def _rung(rung, at=NOW):
    return events.MarginRungChanged(at=at, venue=VENUE, currency=Currency("USDT"), rung=rung, why="")


def test_a_wallet_is_on_its_rung_until_it_is_calm_and_all_calm_has_a_moment():
    books = Books()
    apply(books, _rung(MarginRung.WARN))
    apply(books, _rung(MarginRung.REDUCE, NOW + HOUR))
    assert books.margin_rungs == {(VENUE, "USDT"): (MarginRung.REDUCE, NOW + HOUR)}
    apply(books, replace(_rung(MarginRung.WARN), currency=Currency("BTC")))
    apply(books, _rung(MarginRung.CALM, NOW + 2 * HOUR))
    assert books.margin_calm_since is None, "the other wallet is not"
    apply(books, replace(_rung(MarginRung.CALM, NOW + 3 * HOUR), currency=Currency("BTC")))
    assert (books.margin_rungs, books.margin_calm_since) == ({}, NOW + 3 * HOUR)


INTENT = TransferIntent(
    venue=VENUE,
    currency=Currency("USDT"),
    source=WalletKind.SPOT,
    target=WalletKind.LINEAR_FUTURES,
    amount=dec(100),
    why="",
    transfer_id=TransferId("T1"),
    intended_at=NOW,
)


def _moved(state, reason=""):
    return events.TransferChanged(at=NOW + HOUR, transfer_id=INTENT.transfer_id, state=state, reason=reason)


def test_a_transfer_counts_once_it_has_arrived():
    books = Books()
    apply(books, events.TransferIntended(at=NOW, intent=INTENT))
    apply(books, _moved(TransferState.UNKNOWN, "the reply never came"))
    assert [one.state for one in books.open_transfers()] == [TransferState.UNKNOWN]
    assert books.transferred == {}
    apply(books, _moved(TransferState.DONE))
    (transfer,) = books.transfers.values()
    assert (transfer.state, transfer.reason, books.open_transfers()) == (
        TransferState.DONE,
        "the reply never came",
        [],
    )
    assert books.transferred == {
        (VENUE, WalletKind.SPOT, "USDT"): -100,
        (VENUE, WalletKind.LINEAR_FUTURES, "USDT"): 100,
    }
    assert sum(books.transferred.values()) == 0


def test_a_transfer_is_intended_once_and_ends_once():
    books = Books()
    with pytest.raises(InvariantViolated, match="changed without an intent"):
        apply(books, _moved(TransferState.DONE))
    apply(books, events.TransferIntended(at=NOW, intent=INTENT))
    with pytest.raises(InvariantViolated, match="intended twice"):
        apply(books, events.TransferIntended(at=NOW, intent=INTENT))
    apply(books, _moved(TransferState.REFUSED))
    with pytest.raises(InvariantViolated, match="is refused and cannot become done"):
        apply(books, _moved(TransferState.DONE))
    assert books.transferred == {}


def test_old_transfers_are_forgotten_when_they_are_final():
    books = Books()
    apply(books, events.TransferIntended(at=NOW, intent=INTENT))
    look = events.LookTaken(at=NOW + 9 * DAY, cycle_id=CycleId("c"), trigger="t", outcome="in_band", index_prices={})
    apply(books, look)
    assert len(books.transfers) == 1, "it is still open"
    apply(books, _moved(TransferState.ABSENT))
    apply(books, look)
    assert books.transfers == {}
