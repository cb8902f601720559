"""The move that liquidates a wallet, worked out a second time: in fractions, bracket by bracket, from bare numbers."""

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.decisions.liquidation import joint_liquidation_frac
from bot.decisions.wallets import Holding, Wallet
from bot.domain.ids import Currency
from bot.domain.instruments import MarginTier
from bot.domain.portfolio import WalletKind
from tests.builders import VENUE, dec, make_instrument

#: (cap, fraction): the amounts that make maintenance continuous follow from them.
BRACKETS = ((10_000, "0.01"), (25_000, "0.02"), (50_000, "0.05"), (100_000, "0.1"), (10**9, "0.125"))
COINS = ("BTC", "ETH", "SOL")


def _maintenance(notional):
    """Sum the brackets one by one: each part of the notional needs the fraction of the bracket that it lies in."""
    needed, below = Fraction(0), 0
    for cap, frac in BRACKETS:
        needed += max(Fraction(0), min(notional, Fraction(cap)) - below) * Fraction(frac)
        below = cap
    return needed


def _left(balance, legs, move):
    """Return what is over maintenance after every leg (signed worth) has moved against us."""
    left = Fraction(balance)
    for worth in legs:
        left -= abs(worth) * move
        left -= _maintenance(abs(worth) * (1 + move if worth < 0 else 1 - move))
    return left


def _bends(legs):
    """Return the moves at which some leg crosses from one bracket into the next, in order."""
    moves = {Fraction(1)}
    for worth in legs:
        for cap, _ in BRACKETS:
            reached = Fraction(cap, abs(worth))
            moves.add(reached - 1 if worth < 0 else 1 - reached)
    return sorted(move for move in moves if move > 0 and (move <= 1 or max(legs) < 0))


def liquidation_by_hand(balance, legs):
    """Walk from bend to bend; between two of them what is left is a straight line, whose zero is asked for.

    None where a long is left when its price has come to nothing.
    """
    start, at_start = Fraction(0), _left(balance, legs, Fraction(0))
    for bend in _bends(legs):
        at_bend = _left(balance, legs, bend)
        if at_bend <= 0:
            return start + (bend - start) * at_start / (at_start - at_bend)
        start, at_start = bend, at_bend
    return None


def _tiers():
    tiers, amount, before = [], dec(0), dec(0)
    for cap, text in BRACKETS:
        frac = dec(text)
        amount += (frac - before) * (tiers[-1].notional_cap_quote if tiers else 0)
        before = frac
        tiers.append(
            MarginTier(
                notional_cap_quote=dec(cap),
                maintenance_frac=frac,
                maintenance_amount_quote=amount,
                max_leverage=dec(5),
            )
        )
    return tuple(tiers)


def _wallet(balance, legs):
    """Return a wallet of linear contracts at a mark of 100."""
    return Wallet(
        venue=VENUE,
        kind=WalletKind.LINEAR_FUTURES,
        currency=Currency("USDT"),
        margin_balance=dec(balance),
        maintenance_margin=dec(0),
        holdings=tuple(
            Holding(
                instrument=make_instrument(coin, margin_tiers=_tiers()),
                contracts=dec(worth) / 100,
                mark_price=dec(100),
            )
            for coin, worth in zip(COINS, legs, strict=False)
        ),
    )


def test_the_calculation_by_hand_is_right_where_it_can_be_seen():
    """A short of 9,000 with 2,000: 2,000 − 9,000 x = 100 + 0.02 × (9,000 (1 + x) − 10,000), so x = 1,920 ÷ 9,180."""
    assert liquidation_by_hand(2000, (-9000,)) == Fraction(1920, 9180)


@given(
    st.integers(1, 300_000),
    st.lists(st.integers(-120_000, 120_000).filter(lambda worth: abs(worth) >= 1000), min_size=1, max_size=3),
)
@example(42_000, [-9000])
@example(60_000, [-9000, -12_000])
@example(30_000, [60_000])
def test_the_joint_liquidation_move_agrees_with_the_calculation_by_hand(balance, legs):
    found = joint_liquidation_frac(_wallet(balance, legs))

    if _left(balance, legs, Fraction(0)) <= 0:
        assert found is not None
        assert found <= 0
    else:
        by_hand = liquidation_by_hand(balance, legs)
        if by_hand is None:
            assert found > 1
            return
        assert abs(Fraction(found) - by_hand) <= by_hand * Fraction(1, 10**20)


@pytest.mark.parametrize("legs", [(-9000,), (60_000,), (-9000, 12_000), (120_000, -120_000, 40_000)])
def test_more_balance_moves_liquidation_away(legs):
    moves = [joint_liquidation_frac(_wallet(balance, legs)) for balance in range(13_000, 90_000, 1000)]

    assert moves == sorted(moves)
    assert len(set(moves)) == len(moves)
