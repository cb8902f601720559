"""Owner flows are asked about, never guessed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.decisions.flows import (
    accept_flows,
    anchor_wallets,
    judge_flows,
    judge_wallets,
    owned_holdings,
    pending_flows,
)
from bot.domain.books import Books, LegLedger, SuspectedFlow
from bot.domain.errors import IncompleteData
from bot.domain.events import FlowSuspected, HoldingsAccepted
from bot.domain.ids import Asset, Currency, TransferId, VenueId
from bot.domain.plan import Rule
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import Transfer, TransferIntent, TransferState
from tests.builders import (
    NOW,
    VENUE,
    dec,
    make_account,
    make_balance,
    make_instrument,
    make_margin,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)
from tests.decisions.market import BTC, PRICES, decide_now, linear_market, rules_of, snapshot_worth

INVERSE = make_instrument("BTC", inverse=True)
POLICY = make_policy({"BTC": "1"})
A = Asset("BTC")
BTC_LEG = (BTC.venue, BTC.symbol)
LINE = (VENUE, WalletKind.LINEAR_FUTURES, Currency("USDT"))


def _flow(to, since=NOW):
    return {A: SuspectedFlow(asset=A, from_base=dec(1), to_base=dec(to), since=since)}


def _judge(held, *, accepted="1", flows=None, value="50000"):
    books = Books(accepted_holdings={} if accepted is None else {A: dec(accepted)}, flows=flows or {})
    snapshot = make_snapshot(make_account([make_balance("BTC", held)]), linear_market("BTC"), books=books)
    facts = judge_flows(snapshot, POLICY, index_prices={A: dec(PRICES["BTC"])}, value_quote=dec(value))
    return facts, pending_flows(snapshot, facts)


def test_the_first_look_takes_the_holdings_as_they_are():
    facts, pending = _judge("1.7", accepted=None)

    assert facts == (HoldingsAccepted(at=NOW, holdings_base={A: dec("1.7")}, how="start"),)
    assert not pending


@pytest.mark.parametrize("held", ["1", "1.0000009"])
def test_nothing_is_said_of_what_has_not_changed(held):
    assert _judge(held)[0] == ()


@pytest.mark.parametrize("held", ["1.000002", "1.1", "0.9"])
def test_a_small_change_is_taken_as_drift(held):
    (fact,), pending = _judge(held)

    assert (fact.how, fact.holdings_base) == ("drifted", {A: dec(held)})
    assert not pending


@pytest.mark.parametrize("held", ["1.1001", "0.8999", "0"])
def test_more_than_a_tenth_of_the_asset_is_a_flow(held):
    facts, pending = _judge(held)

    assert facts == (FlowSuspected(at=NOW, asset=A, from_base=dec(1), to_base=dec(held)),)
    assert pending == {A}


@pytest.mark.parametrize(("held", "is_flow"), [("1.2", False), ("1.2001", True)])
def test_two_percent_of_the_portfolio_count_where_they_are_more(held, is_flow):
    """2 % of 500,000 dollars are 0.2 BTC."""
    _, pending = _judge(held, value="500000")

    assert bool(pending) is is_flow


@pytest.mark.parametrize(("since", "how"), [(timedelta(hours=24), "settled"), (timedelta(hours=23, minutes=59), None)])
def test_a_flow_settles_by_itself_after_a_day(since, how):
    facts, pending = _judge("2", flows=_flow(2, NOW - since))

    assert [fact.how for fact in facts] == ([how] if how else [])
    assert bool(pending) is (how is None)


def test_a_flow_whose_last_digits_move_goes_on_waiting_and_one_that_grows_waits_anew():
    assert _judge("2.00001", flows=_flow(2, NOW - timedelta(hours=1)))[0] == ()

    (fact,), _ = _judge("2.2", flows=_flow(2, NOW - timedelta(hours=30)))
    assert isinstance(fact, FlowSuspected)
    assert fact.from_base == 1


def test_a_flow_that_goes_back_is_over():
    facts, pending = _judge("1", flows=_flow(2))

    assert [fact.how for fact in facts] == ["drifted"]
    assert not pending


def test_a_pending_flow_of_one_asset_holds_back_increases_of_all():
    books = Books(accepted_holdings={A: dec("0.06"), Asset("ETH"): dec(1), Asset("SOL"): dec(15)})

    decision = decide_now(snapshot_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}, books=books))

    assert not decision.legs
    assert rules_of(decision, "ETH") == {Rule.OWNER_FLOW}


def test_the_profit_of_our_coin_settled_futures_is_not_the_owner_s_doing():
    """Sold 10 × 100 at 40,000, now 50,000: −0.005; funding +0.001; fees 0.0002; 1 BTC was put in."""
    ledger = LegLedger(
        contracts=dec(-10),
        inverse_contract_value=dec(-10) / 40_000,
        funding=dec("0.001"),
        fees_paid={Currency("BTC"): dec("0.0002")},
    )
    held = dec(1) - dec("0.005") + dec("0.001") - dec("0.0002")
    account = make_account([make_balance("BTC", held)], [make_position(INVERSE, -10, 40_000)])
    books = Books(ledgers={(INVERSE.venue, INVERSE.symbol): ledger})

    snapshot = make_snapshot(account, [(INVERSE, make_quote(INVERSE, 50_000))], books=books)

    assert owned_holdings(snapshot, POLICY) == {A: 1}


def test_profit_in_coins_that_are_no_target_changes_nothing():
    doge = make_instrument("DOGE", inverse=True)
    books = Books(ledgers={(doge.venue, doge.symbol): LegLedger(funding=dec(5), fees_paid={Currency("DOGE"): dec(1)})})
    market = [*linear_market("BTC"), (doge, make_quote(doge, "0.1"))]

    snapshot = make_snapshot(make_account([make_balance("BTC", 1)]), market, books=books)

    assert owned_holdings(snapshot, POLICY) == {A: 1}


@pytest.mark.parametrize("asset", [None, A])
def test_the_owner_s_word_accepts_what_is_held(asset):
    snapshot = make_snapshot(make_account([make_balance("BTC", 3)]), linear_market("BTC"))

    (fact,) = accept_flows(snapshot, POLICY, asset)

    assert (fact.how, fact.holdings_base) == ("confirmed", {A: 3})


# --- futures wallets ---------------------------------------------------------------------------


def _wallets(balance, *, ledgers=None, baseline=None, positions=(), policy=POLICY, others=(), market=None):
    lines = (
        [] if balance is None else [make_balance("USDT", balance, wallet=WalletKind.LINEAR_FUTURES, unrealised=dec(7))]
    )
    account = make_account([make_balance("BTC", 1), *lines, *others], positions)
    books = Books(ledgers=ledgers or {}, wallet_baselines={} if baseline is None else {LINE: dec(baseline)})
    return make_snapshot(account, market or linear_market("BTC"), books=books), policy


def test_the_first_look_anchors_what_the_owner_has_put_in():
    anchors, questions = judge_wallets(*_wallets(6000))

    assert [(one.venue, one.wallet, one.currency, one.baseline, one.why) for one in anchors] == [(*LINE, 6000, "start")]
    assert not questions


def test_trades_funding_and_fees_explain_a_wallet():
    """Bought 0.2 at 50,000 and sold 0.1 at 52,000: +200 realised; funding −3; fees 5."""
    ledger = LegLedger(
        contracts=dec("0.1"),
        cash_contract_value=dec(-10_000) + dec(5200),
        funding=dec(-3),
        fees_paid={Currency("USDT"): dec(5)},
    )
    arguments = {"ledgers": {BTC_LEG: ledger}, "positions": [make_position(BTC, "0.1", 50_000)], "baseline": "6000"}

    assert judge_wallets(*_wallets(6192, **arguments)) == ((), ())
    ((), (question,)) = judge_wallets(*_wallets(6292, **arguments))
    assert (question.venue, question.wallet, question.currency, question.difference) == (*LINE, 100)


def test_a_closed_position_is_explained_without_an_entry():
    ledger = LegLedger(cash_contract_value=dec(200))

    assert judge_wallets(*_wallets(6200, ledgers={BTC_LEG: ledger}, baseline="6000")) == ((), ())


@pytest.mark.parametrize(
    ("balance", "asks"), [("6000.016", False), ("6000.0161", True), ("5999.9841", False), ("5999.983", True)]
)
def test_rounding_is_no_question(balance, asks):
    """A hundredth and a millionth of the balance: 0.016."""
    _, questions = judge_wallets(*_wallets(balance, baseline="6000"))

    assert bool(questions) is asks


def test_while_a_transfer_of_ours_is_on_its_way_nothing_is_asked():
    intent = TransferIntent(
        venue=VENUE,
        currency=Currency("USDT"),
        source=WalletKind.SPOT,
        target=WalletKind.LINEAR_FUTURES,
        amount=dec(500),
        why="",
        transfer_id=TransferId("T1"),
        intended_at=NOW,
    )
    snapshot, policy = _wallets(6500, baseline="6000")
    pending = Transfer(intent=intent, state=TransferState.INTENDED, changed_at=NOW)
    snapshot.books.transfers[intent.transfer_id] = pending

    assert judge_wallets(snapshot, policy) == ((), ())
    snapshot.books.transfers[intent.transfer_id] = pending.moved_to(TransferState.ABSENT, NOW, "")
    _, (question,) = judge_wallets(snapshot, policy)
    assert question.difference == 500


def test_a_wallet_that_is_no_longer_listed_is_empty_and_asked_about():
    _, (question,) = judge_wallets(*_wallets(None, baseline="6000"))

    assert question.difference == -6000


def test_fees_in_another_coin_explain_the_line_that_they_came_from():
    ledger = LegLedger(fees_paid={Currency("BNB"): dec("0.5")})
    bnb = make_balance("BNB", "1.5", wallet=WalletKind.LINEAR_FUTURES)

    anchors, _ = judge_wallets(*_wallets(6000, ledgers={BTC_LEG: ledger}, others=[bnb]))

    assert {one.currency: one.baseline for one in anchors} == {"USDT": 6000, "BNB": 2}


def test_of_a_unified_account_only_what_futures_settle_in_is_anchored():
    """Its coins are holdings: what happens to them is asked about as a flow, and not twice."""
    unified = [make_balance(one, amount, wallet=WalletKind.UNIFIED) for one, amount in (("USDT", 6000), ("BTC", 1))]
    account = make_account(unified, margins=[replace(make_margin(), wallet=WalletKind.UNIFIED)])

    anchors = anchor_wallets(make_snapshot(account, linear_market("BTC")), POLICY, why="confirmed")

    assert [(one.wallet, one.currency, one.baseline) for one in anchors] == [(WalletKind.UNIFIED, "USDT", 6000)]


def test_a_coin_wallet_is_explained_in_its_coin():
    ledger = LegLedger(contracts=dec(-10), inverse_contract_value=dec(-10) / 40_000, funding=dec("0.001"))
    coin = make_balance("BTC", "0.051", wallet=WalletKind.INVERSE_FUTURES, unrealised=dec("-0.005"))
    snapshot, policy = _wallets(
        None,
        ledgers={(INVERSE.venue, INVERSE.symbol): ledger, (VenueId("other"), BTC.symbol): LegLedger(funding=dec(9))},
        positions=[make_position(INVERSE, -10, 40_000)],
        others=[coin],
        market=[(INVERSE, make_quote(INVERSE, 50_000))],
    )

    (anchor,) = anchor_wallets(snapshot, policy, why="confirmed")

    assert (anchor.baseline, anchor.why) == (dec("0.05"), "confirmed")


def test_wallets_that_the_owner_trades_in_are_not_judged():
    policy = make_policy({"BTC": "1"}, foreign_symbols=frozenset({BTC.symbol}))

    assert judge_wallets(*_wallets(7000, baseline="6000", policy=policy)) == ((), ())


def test_a_contract_that_is_gone_refuses_the_judgement():
    snapshot, policy = _wallets(6000, ledgers={(VENUE, INVERSE.symbol): LegLedger()})

    with pytest.raises(IncompleteData):
        judge_wallets(snapshot, policy)
