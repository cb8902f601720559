"""A wallet that losses have put over its leverage cap is looked at like any other."""

from bot.decisions.cycle import decide
from tests.builders import (
    NOW,
    make_account,
    make_balance,
    make_instrument,
    make_margin,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)


def test_a_wallet_beyond_its_leverage_cap_that_is_not_added_to_is_no_error():
    """1,000 dollars short on 200 of margin is five-fold; with nothing to add, the fraction is 0 ÷ 0."""
    btc = make_instrument("BTC")
    account = make_account(
        [make_balance("BTC", "0.1")], [make_position(btc, "-0.02", 50_000)], [make_margin("USDT", 200, 5)]
    )
    decision = decide(make_snapshot(account, [(btc, make_quote(btc, 50_000))]), make_policy({"BTC": "0.8"}), NOW)
    assert decision.capacity_short_quote > 0
    assert all(leg.reduce_only for leg in decision.legs)
