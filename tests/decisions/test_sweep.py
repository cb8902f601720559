"""What was moved in goes back once it is needed no more, and is not asked for again."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.collateral import plan_transfer
from bot.decisions.margin_ladder import measure_wallet, surplus_after
from bot.decisions.sweep import ample, plan_sweep
from bot.decisions.wallets import Holding, Wallet
from bot.domain.books import Books
from bot.domain.ids import Currency, TransferId
from bot.domain.policy import MarginPolicy, MarginRung
from bot.domain.portfolio import WalletKind
from bot.domain.transfers import Transfer, TransferIntent, TransferState
from tests.builders import NOW, VENUE, dec, make_account, make_balance, make_instrument

WEEK = timedelta(days=7)
POLICY = MarginPolicy(sweep_after=WEEK)
STRESS = dec("0.3")
USDT = Currency("USDT")
KEY = (VENUE, WalletKind.LINEAR_FUTURES, USDT)


def _wallet(balance, contracts=-1, kind=WalletKind.LINEAR_FUTURES):
    short = Holding(instrument=make_instrument(), contracts=dec(contracts), mark_price=dec(50_000))
    return Wallet(
        venue=VENUE,
        kind=kind,
        currency=USDT,
        margin_balance=Decimal(balance),
        maintenance_margin=dec(0),
        holdings=(short,) if contracts else (),
    )


def _transfer(ago, state=TransferState.DONE, source=WalletKind.SPOT, target=WalletKind.LINEAR_FUTURES):
    intent = TransferIntent(
        venue=VENUE,
        currency=USDT,
        source=source,
        target=target,
        amount=dec(100),
        why="",
        transfer_id=TransferId("T1"),
        intended_at=NOW - ago,
    )
    return Transfer(intent=intent, state=state, changed_at=NOW - ago)


def _books(moved_in="5000", calm_for=WEEK, *transfers, **more):
    return Books(
        transferred={KEY: Decimal(moved_in)},
        margin_calm_since=NOW - calm_for,
        transfers={one.intent.transfer_id: one for one in transfers},
        **more,
    )


def _sweep(wallet, books, policy=POLICY):
    return plan_sweep(wallet, books, policy, stress_frac=STRESS, usd_price=Decimal(1), is_coin=False, now=NOW)


def test_what_was_moved_in_goes_back_after_a_calm_week():
    draft = _sweep(_wallet(60_000), _books())
    assert (draft.source, draft.target, draft.currency) == (WalletKind.LINEAR_FUTURES, WalletKind.SPOT, USDT)
    assert draft.amount == 5000


def test_a_wallet_without_positions_gives_back_what_it_was_given():
    assert _sweep(_wallet(7000, 0), _books()).amount == 5000
    assert _sweep(_wallet(700, 0), _books()).amount == 700


@pytest.mark.parametrize(
    ("books", "policy"),
    [
        (_books(), MarginPolicy()),
        (_books(calm_for=WEEK - timedelta(seconds=1)), POLICY),
        (replace(_books(), margin_calm_since=None), POLICY),
        (_books(margin_rungs={(VENUE, Currency("BTC")): (MarginRung.WARN, NOW)}), POLICY),
        (_books("5000", 2 * WEEK, _transfer(WEEK / 2)), POLICY),
        (_books("5000", 2 * WEEK, _transfer(WEEK / 2, source=KEY[1], target=WalletKind.SPOT)), POLICY),
        (_books("5000", 2 * WEEK, _transfer(WEEK / 2, TransferState.REFUSED)), POLICY),
        (_books("5000", 2 * WEEK, _transfer(2 * WEEK, TransferState.UNKNOWN)), POLICY),
        (_books("0"), POLICY),
        (_books("-20"), POLICY),
        (_books("9.99"), POLICY),
    ],
    ids=[
        "not asked for",
        "not calm for long",
        "never measured",
        "another wallet is not calm",
        "moved in lately",
        "moved out lately",
        "refused lately",
        "one is open",
        "nothing moved in",
        "more moved out",
        "not worth it",
    ],
)
def test_nothing_goes_back(books, policy):
    assert _sweep(_wallet(60_000), books, policy) is None


def test_one_that_never_left_is_tried_again():
    assert _sweep(_wallet(60_000), _books("5000", WEEK, _transfer(WEEK / 2, TransferState.ABSENT))) is not None


@given(
    st.decimals("0", "100000", places=2),
    st.decimals("0", "50000", places=2),
    st.integers(-3, 3),
    st.decimals("-0.04", "0.04", places=3),
)
def test_what_goes_back_is_not_asked_for_again(balance, moved_in, contracts, move):
    wallet = _wallet(balance, contracts)
    draft = _sweep(wallet, _books(str(moved_in)))
    if draft is None:
        return
    assert 10 <= draft.amount <= moved_in
    left = replace(wallet, margin_balance=wallet.margin_balance - draft.amount)
    assert surplus_after(left, STRESS) >= 0, "what new hedges are tried with must still be survived"
    # Also when prices have moved a little by the time of the next look.
    profit = sum((one.profit_after(move) for one in left.holdings), dec(0))
    moved = replace(
        left,
        margin_balance=left.margin_balance + profit,
        holdings=tuple(replace(one, mark_price=one.mark_price * (1 + move)) for one in left.holdings),
    )
    health = measure_wallet(moved, MarginRung.CALM, POLICY, has_borrowed=False)
    assert health.rung is MarginRung.CALM
    account = make_account([make_balance("USDT", "100000")])
    assert plan_transfer(health, account, _books(), POLICY, usd_price=Decimal(1), is_coin=False, now=NOW) is None


def test_ample_is_half_as_much_again_and_no_less_than_the_stress():
    warned = ample(POLICY, dec("0.9")).warn
    assert warned.distance_frac == dec("0.9")
    assert warned.usage_frac == POLICY.warn.usage_frac / dec("1.5")
    assert ample(POLICY, dec("0")).warn.distance_frac == POLICY.warn.distance_frac * dec("1.5")
