"""What the owner has asked for."""

import pytest

from bot.domain.errors import StaleData, VenueRefused
from bot.domain.ids import Asset
from bot.domain.instruments import ContractKind
from bot.domain.policy import MarginPolicy, MarginRung, TradingState
from tests.builders import (
    VENUE,
    dec,
    make_account,
    make_balance,
    make_instrument,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)


def test_cash_is_a_target_and_not_an_asset():
    policy = make_policy({"BTC": "0.3", "CASH": "0.7"})

    assert policy.assets == ("BTC",)


def test_an_asset_may_have_kinds_of_contract_of_its_own():
    policy = make_policy({"BTC": "1"}, asset_contract_kinds={Asset("BTC"): (ContractKind.INVERSE,)})

    assert policy.kinds_for(Asset("BTC")) == (ContractKind.INVERSE,)
    assert policy.kinds_for(Asset("ETH")) == (ContractKind.LINEAR,)


def test_trading_states_are_ordered_from_free_to_strict():
    assert [state.strictness for state in TradingState] == [0, 1, 2]


def test_equity_is_everything_a_wallet_line_is_worth():
    line = make_balance("BTC", 2, unrealised=dec("-0.5"), pending=dec("0.25"))

    assert line.equity == dec("1.75")


def test_a_snapshot_finds_a_position_or_says_that_there_is_none():
    btc, eth = make_instrument("BTC"), make_instrument("ETH")
    position = make_position(btc, -1, 50_000)
    snapshot = make_snapshot(
        make_account(positions=[position]), [(btc, make_quote(btc, 50_000)), (eth, make_quote(eth, 2500))]
    )

    assert snapshot.position(VENUE, btc.symbol) == position
    assert snapshot.position(VENUE, eth.symbol) is None
    assert list(snapshot.positions()) == [position]


def test_an_error_without_words_says_what_its_class_says():
    assert str(StaleData()) == "An input is older than its bound."
    assert str(StaleData("the price is old")) == "the price is old"
    assert VenueRefused("no", code="too_small").code == "too_small"


def test_a_rung_begins_where_the_owner_says_and_calm_nowhere():
    policy = MarginPolicy()
    assert policy.bound(MarginRung.REDUCE) is policy.reduce
    assert str(policy.warn) == "30%/25%"
    with pytest.raises(KeyError):
        policy.bound(MarginRung.CALM)
