"""Collateral is moved once for one need, within what the owner allows."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.collateral import ask_in_time, is_room_coming, on_the_way, plan_transfer
from bot.decisions.liquidation import joint_liquidation_frac
from bot.decisions.margin_ladder import measure_wallet
from bot.decisions.wallets import Holding, Wallet, coins_pledged
from bot.domain.books import Books
from bot.domain.ids import Currency, TransferId
from bot.domain.policy import MarginPolicy, MarginRung
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import Transfer, TransferIntent, TransferState
from tests.builders import NOW, VENUE, dec, make_account, make_balance, make_instrument

POLICY = MarginPolicy()
SHORT = Holding(instrument=make_instrument(), contracts=dec(-1), mark_price=dec(50_000))
MINUTE = timedelta(minutes=1)


def _wallet(balance="9000", *holdings, currency="USDT"):
    return Wallet(
        venue=VENUE,
        kind=WalletKind.LINEAR_FUTURES if currency == "USDT" else WalletKind.INVERSE_FUTURES,
        currency=Currency(currency),
        margin_balance=Decimal(balance),
        maintenance_margin=dec(0),
        holdings=holdings or (SHORT,),
    )


def _transfer(number, state, *, ago=timedelta(0), amount="100", currency="USDT"):
    intent = TransferIntent(
        venue=VENUE,
        currency=Currency(currency),
        source=WalletKind.SPOT,
        target=WalletKind.LINEAR_FUTURES,
        amount=Decimal(amount),
        why="",
        transfer_id=TransferId(f"T{number}"),
        intended_at=NOW - ago,
    )
    return Transfer(intent=intent, state=state, changed_at=NOW - ago)


def _books(*transfers):
    return Books(transfers={one.intent.transfer_id: one for one in transfers})


def _plan(wallet=None, *, spare="5000", books=None, policy=POLICY, price="1", is_coin=False, more=()):
    wallet = wallet or _wallet()
    account = make_account([make_balance(wallet.currency, spare), *more])
    health = measure_wallet(wallet, MarginRung.CALM, policy, has_borrowed=False)
    return plan_transfer(health, account, books or _books(), policy, usd_price=Decimal(price), is_coin=is_coin, now=NOW)


def test_as_much_is_moved_as_takes_it_off_the_ladder():
    draft = _plan(spare="50000")
    assert (draft.source, draft.target, draft.currency) == (WalletKind.SPOT, WalletKind.LINEAR_FUTURES, "USDT")
    richer = replace(_wallet(), margin_balance=_wallet().margin_balance + draft.amount)
    assert measure_wallet(richer, MarginRung.FLATTEN, POLICY, has_borrowed=False).rung is MarginRung.CALM
    assert draft.amount == draft.amount.quantize(dec("0.01"))


def test_a_wallet_that_is_only_warned_of_gets_nothing():
    assert _plan(_wallet("12400")) is None


def test_no_more_is_moved_than_there_is_nor_less_than_is_worth_it():
    assert _plan(spare="1234.567").amount == dec("1234.56")
    assert _plan(spare="9.99") is None
    assert _plan(spare="10").amount == 10


@pytest.mark.parametrize("state", [TransferState.INTENDED, TransferState.UNKNOWN, TransferState.PENDING])
def test_while_one_is_open_nothing_else_is_moved(state):
    books = _books(_transfer(1, state))
    assert _plan(books=books) is None
    assert on_the_way(_wallet(), books, NOW) == 100


@pytest.mark.parametrize(
    ("state", "counts_for"),
    [
        (TransferState.INTENDED, timedelta(seconds=10)),
        (TransferState.UNKNOWN, timedelta(seconds=10)),
        (TransferState.PENDING, 30 * MINUTE),
    ],
)
def test_one_that_is_overdue_is_not_counted_on_and_not_repeated(state, counts_for):
    def books(ago):
        return _books(_transfer(1, state, ago=ago))

    assert on_the_way(_wallet(), books(counts_for - timedelta(seconds=1)), NOW) == 100
    assert on_the_way(_wallet(), books(counts_for), NOW) == 0
    assert _plan(books=books(counts_for)) is None


def test_cash_is_asked_for_before_a_leg_has_to_be_cut_for_its_stop():
    """15,000 carry a short of 50,000 29 % up: calm as a rule, and not where stops need liquidation 28 % away."""
    wallet, needed = _wallet("15000"), dec("0.28")
    policy = ask_in_time(POLICY, needed)

    assert _plan(wallet) is None
    draft = _plan(wallet, policy=policy, spare="50000")

    richer = replace(wallet, margin_balance=wallet.margin_balance + draft.amount)
    assert joint_liquidation_frac(richer) > needed * dec("1.1")
    assert _plan(richer, policy=policy, spare="50000") is None


def test_stops_that_need_little_change_nothing_on_the_ladder():
    assert ask_in_time(POLICY, dec("0.15")) == POLICY


@pytest.mark.parametrize(("coming", "suffices"), [(None, False), ("900", False), ("1100", True)])
def test_room_is_coming_when_what_is_on_its_way_suffices(coming, suffices):
    """At a rise of 30 % a short of 50,000 loses 15,000 and needs 325 of maintenance: 14,325 are 1,000 short."""
    books = _books(*([] if coming is None else [_transfer(1, TransferState.PENDING, amount=coming)]))

    assert is_room_coming(_wallet("14325"), books, dec("0.3"), NOW) is suffices


def test_transfers_to_other_wallets_are_not_ours_to_wait_for():
    books = _books(_transfer(1, TransferState.PENDING, currency="USDC"))
    assert _plan(books=books) is not None
    assert on_the_way(_wallet(), books, NOW) == 0


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 5), (3, 30), (4, 120), (9, 120)])
def test_after_a_failure_the_next_waits_and_ever_longer(failures, minutes):
    def after(ago):
        failed = [
            _transfer(number, TransferState.REFUSED if number % 2 else TransferState.ABSENT, ago=ago)
            for number in range(failures)
        ]
        return _plan(books=_books(*failed))

    assert after(minutes * MINUTE - timedelta(seconds=1)) is None
    assert after(minutes * MINUTE) is not None


def test_one_that_arrived_ends_the_waiting():
    books = _books(_transfer(1, TransferState.REFUSED), _transfer(2, TransferState.DONE))
    assert _plan(books=books) is not None


def test_a_day_has_its_bound():
    policy = replace(POLICY, max_transfer_day_quote=dec(300))
    books = _books(
        _transfer(1, TransferState.DONE, ago=timedelta(hours=25), amount="250"),
        _transfer(2, TransferState.DONE, ago=timedelta(hours=2), amount="200"),
        _transfer(3, TransferState.REFUSED, ago=timedelta(hours=1), amount="50"),
    )
    assert _plan(policy=policy, books=books).amount == 100
    spent = _books(_transfer(1, TransferState.DONE, amount="300"))
    assert _plan(policy=policy, books=spent) is None


def test_a_coin_is_moved_only_where_the_owner_has_named_it_and_never_beyond_its_share():
    inverse = make_instrument(inverse=True)
    long = Holding(instrument=inverse, contracts=dec(90), mark_price=dec(50_000))
    wallet = _wallet("0.02", long, currency="BTC")
    lying_there = make_balance("BTC", "0.02", wallet=WalletKind.INVERSE_FUTURES)
    assert _plan(wallet, spare="0.1", price="50000", is_coin=True, more=[lying_there]) is None
    policy = replace(POLICY, transfer_assets=(Currency("USDT"), Currency("BTC")))
    draft = _plan(wallet, spare="0.1", price="50000", is_coin=True, more=[lying_there], policy=policy)
    assert draft.amount == dec("0.01"), "a quarter of 0.12 coins, of which 0.02 lie there already"
    assert coins_pledged(make_account([make_balance("BTC", "0.1"), lying_there]), wallet.currency) == dec("0.02")


@given(
    balance=st.integers(0, 30_000),
    spare=st.decimals(min_value=0, max_value=100_000, places=4),
    bound=st.none() | st.integers(10, 5_000),
)
def test_whatever_is_moved_is_there_is_allowed_and_is_needed(balance, spare, bound):
    policy = replace(POLICY, max_transfer_day_quote=None if bound is None else Decimal(bound))
    draft = _plan(_wallet(balance), spare=str(spare), policy=policy)
    if draft is None:
        return
    assert policy.min_transfer_quote <= draft.amount <= spare
    assert bound is None or draft.amount <= bound
    before = replace(_wallet(balance), margin_balance=Decimal(balance) + draft.amount - dec("0.02") - 40)
    assert measure_wallet(before, MarginRung.FLATTEN, policy, has_borrowed=False).rung is not MarginRung.CALM
