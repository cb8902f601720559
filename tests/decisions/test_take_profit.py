"""Where profits are taken, and what entry stops would have done."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.decisions.stop_history import entry_stops_fired, record_entry_stops
from bot.decisions.take_profit import want_take_profits
from bot.domain.ids import Symbol
from bot.domain.market import PriceHistory
from bot.domain.orders import Side
from bot.domain.policy import StopAnchor, StopPolicy
from tests.builders import (
    NOW,
    VENUE,
    dec,
    make_account,
    make_history,
    make_instrument,
    make_policy,
    make_position,
    make_quote,
)
from tests.decisions.market import decide_now, snapshot_worth

ONE = make_instrument(tick_size=dec("0.5"))
POLICY = make_policy({"BTC": "1"}, stops=StopPolicy(take_profit_frac=dec("0.2")))


def _wanted(contracts, entry="50001", policy=POLICY, instruments=None):
    account = make_account([], [make_position(ONE, contracts, entry)])
    terms = {(VENUE, ONE.symbol): ONE} if instruments is None else instruments
    return want_take_profits(account, terms, policy)


def test_a_profit_is_taken_on_the_far_side_of_entry():
    (short,) = _wanted("-0.3")
    assert (short.side, short.contracts, short.price) == (Side.BUY, dec("0.3"), dec("40000.5"))
    (long,) = _wanted("0.3")
    assert (long.side, long.price) == (Side.SELL, dec("60001.5"))


def test_no_more_is_asked_for_than_the_largest_order_takes():
    small = replace(ONE, max_contracts=dec("0.2"))
    (short,) = _wanted("-0.3", instruments={(VENUE, ONE.symbol): small})
    assert short.contracts == dec("0.2")


def test_it_is_off_unless_asked_for_and_never_on_what_is_not_ours():
    assert _wanted("1", policy=make_policy({"BTC": "1"})) == ()
    assert _wanted("1", policy=replace(POLICY, foreign_symbols=frozenset({Symbol("BTC/USDT:USDT")}))) == ()
    assert _wanted("1", instruments={}) == ()


def _history(*closes):
    days = tuple(NOW - timedelta(days=len(closes) - place) for place in range(len(closes)))
    return PriceHistory(asset=ONE.asset, days=days, closes=tuple(map(Decimal, closes)), as_of=NOW)


@pytest.mark.parametrize(
    ("closes", "direction", "fired"),
    [
        ((100, 91, 90, 82, 81), 1, 2),
        ((100, 91, 90, 82, 81), -1, 0),
        ((100, 110, 121), -1, 2),
        ((), 1, 0),
    ],
)
def test_entry_stops_fire_again_and_again(closes, direction, fired):
    assert entry_stops_fired(_history(*closes), direction, dec("0.1")) == fired


@given(
    closes=st.lists(st.integers(50, 200), max_size=40),
    near=st.integers(1, 50),
    more=st.integers(0, 49),
)
def test_a_stop_that_never_fires_nearer_never_fires_further_away(closes, near, more):
    nearer = entry_stops_fired(_history(*closes), 1, Decimal(near) / 100)
    further = entry_stops_fired(_history(*closes), 1, Decimal(near + more) / 100)
    assert further == 0 or nearer > 0


def test_an_owner_with_entry_stops_is_told_what_they_would_have_done():
    def told(**changes):
        snapshot = snapshot_worth(
            {"BTC": 10_000},
            positions=[make_position(ONE, "-0.02", "50000")],
            market=[(ONE, make_quote(ONE, 50_000))],
            **changes,
        )
        policy = make_policy({"BTC": "1"}, stops=StopPolicy(anchor=StopAnchor.ENTRY))
        (stop,) = decide_now(snapshot, policy).stops
        return stop.entry_stops_fired, stop.history_days

    assert told() == (None, None)
    assert told(histories=[make_history("BTC", "0.01")]) == (0, 60)
    assert told(histories=[make_history("BTC", "0.01", days=5)]) == (0, 5)


def test_an_owner_with_entry_stops_is_told_before_anything_is_held():
    def told(anchor, **changes):
        policy = make_policy({"BTC": "1"}, stops=StopPolicy(anchor=anchor))
        return decide_now(snapshot_worth({"BTC": 10_000}, market=[(ONE, make_quote(ONE, 50_000))], **changes), policy)

    histories = [make_history("BTC", "0.01")]
    assert told(StopAnchor.LOOK, histories=histories).entry_stops == ()
    assert told(StopAnchor.ENTRY).entry_stops == ()
    (record,) = told(StopAnchor.ENTRY, histories=histories).entry_stops
    assert (record.asset, record.distance_frac, record.history_days) == ("BTC", dec("0.25"), 60)
    assert (record.long_fired, record.short_fired) == (0, 0)


@given(
    closes=st.lists(st.integers(50, 200), min_size=1, max_size=40),
    distance=st.decimals(min_value="0.05", max_value="0.9", places=2),
)
def test_the_record_of_an_asset_is_that_of_its_longs_and_of_its_shorts(closes, distance):
    history = _history(*closes)
    (record,) = record_entry_stops(
        [ONE.asset], {ONE.asset: history}, StopPolicy(anchor=StopAnchor.ENTRY, min_distance_frac=distance), NOW
    )
    assert record.distance_frac >= distance
    assert record.long_fired == entry_stops_fired(history, 1, record.distance_frac)
    assert record.short_fired == entry_stops_fired(history, -1, record.distance_frac)
