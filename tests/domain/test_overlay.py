"""What the books keep of the overlay's worth: bounded, and enough to measure by."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import events
from bot.domain.books import Books
from bot.domain.folding import apply
from bot.domain.ids import Asset, Currency
from bot.domain.overlay import CostPoint, OverlayRecord, fold_measurement
from bot.domain.policy import LossMeasure, TradingState
from bot.domain.whipsaw import Stretch, turn_back
from tests.builders import NOW, dec

BTC, ETH = Asset("BTC"), Asset("ETH")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def measured(at=NOW, *, overlay="1", never="1", cost=0, prices=None, held=None, brought=None):
    prices = {BTC: 50_000} if prices is None else prices
    return events.OverlayMeasured(
        at=at,
        holdings_base={asset: dec(1) for asset in prices},
        added_base={asset: dec((held or {}).get(asset, 0)) for asset in prices},
        index_prices={asset: dec(price) for asset, price in prices.items()},
        idle_quote=dec(0),
        profits_quote={asset: dec(profit) for asset, profit in (brought or {}).items()},
        settled_quote=dec(0),
        value_quote=dec(100_000),
        spent={Currency("USDT"): dec(cost)},
        cost_quote=dec(cost),
        unpriced=(),
        overlay_index=dec(overlay),
        never_index=dec(never),
    )


def tripped(at=NOW):
    return events.BreakerTripped(
        at=at, measure=LossMeasure.DAY, loss_frac=dec("0.06"), limit_frac=dec("0.05"), why="lost"
    )


def folded(*facts):
    record = OverlayRecord()
    for fact in facts:
        fold_measurement(record, fact)
    return record


def test_the_points_of_a_day_are_kept_and_the_one_before_it():
    record = folded(*(measured(NOW + count * HOUR) for count in range(60)))
    assert [point.at for point in record.points] == [NOW + count * HOUR for count in range(35, 60)]


def test_the_best_point_is_the_newest_at_which_futures_did_most_for_the_coins():
    record = folded(
        measured(overlay="1", never="1"),
        measured(NOW + HOUR, overlay="1.2", never="1.1"),
        measured(NOW + 2 * HOUR, overlay="2.4", never="2.2"),
        measured(NOW + 3 * HOUR, overlay="3", never="2.9"),
    )
    assert record.best.at == NOW + 2 * HOUR


def test_a_cost_a_day_is_kept_for_a_month_and_the_one_before_it():
    record = folded(*(measured(NOW + count * 6 * HOUR, cost=count) for count in range(4 * 45)))
    assert record.costs[0].at.date() == (record.last.at - 30 * DAY).date()
    assert len(record.costs) == 31
    assert {point.at.hour for point in record.costs[1:]} == {0}


def test_what_turning_prices_have_brought_does_not_pay_for_fees():
    start = CostPoint(at=NOW, spent_quote=dec(10), whipsaw_quote=dec(5))
    assert CostPoint(at=NOW, spent_quote=dec(12), whipsaw_quote=dec(9)).since(start) == 6
    assert CostPoint(at=NOW, spent_quote=dec(12), whipsaw_quote=dec(-9)).since(start) == 2


def test_a_hedge_that_is_stopped_out_at_the_top_has_lost_what_the_way_back_does_not_return():
    record = folded(
        measured(prices={BTC: 50_000}, held={BTC: -1}),
        measured(NOW + HOUR, prices={BTC: 60_000}, held={BTC: -1}),
        measured(NOW + 2 * HOUR, prices={BTC: 60_000}),
    )
    # The coins have gained what it lost, so far.
    assert record.whipsaw_quote == 0
    fold_measurement(record, measured(NOW + 3 * HOUR, prices={BTC: 52_000}))
    assert record.whipsaw_quote == 8_000
    # Below where it came from there was nothing to lose.
    fold_measurement(record, measured(NOW + 4 * HOUR, prices={BTC: 40_000}))
    assert record.whipsaw_quote == 10_000
    assert record.cost.whipsaw_quote == 10_000


def test_a_position_that_changes_between_two_measurements_counts_as_its_mean():
    record = folded(
        measured(prices={BTC: 50_000}, held={BTC: -1}),
        measured(NOW + HOUR, prices={BTC: 60_000}),
        measured(NOW + 2 * HOUR, prices={BTC: 50_000}),
    )
    assert record.whipsaw_quote == 5_000


def test_ground_gone_over_more_than_a_month_ago_is_forgotten():
    way = [
        measured(prices={BTC: 50_000}, held={BTC: -1}),
        measured(NOW + HOUR, prices={BTC: 60_000}, held={BTC: -1}),
        measured(NOW + 2 * HOUR, prices={BTC: 60_000}),
    ]
    back = measured(NOW + 3 * HOUR + 30 * DAY, prices={BTC: 50_000})
    before = measured(NOW + 2 * HOUR + 30 * DAY, prices={BTC: 60_000})
    assert folded(*way, back).whipsaw_quote == 10_000
    assert folded(*way, before, back).whipsaw_quote == 0


def test_an_asset_that_was_no_target_for_a_while_begins_anew():
    both, one = {BTC: 50_000, ETH: 2_000}, {BTC: 50_000}
    record = folded(
        measured(prices=both, held={ETH: -10}),
        measured(NOW + HOUR, prices={**both, ETH: 3_000}, held={ETH: -10}),
        measured(NOW + 2 * HOUR, prices=one),
        measured(NOW + 3 * HOUR, prices={**both, ETH: 3_000}),
        measured(NOW + 4 * HOUR, prices=both),
    )
    assert record.whipsaw_quote == 0
    assert record.paths[ETH][0].from_price == 3_000


def test_what_the_very_coins_have_gained_covers_what_their_futures_have_lost():
    record = folded(
        measured(prices={BTC: 50_000, ETH: 2_000}, brought={BTC: 100, ETH: 100}),
        measured(NOW + HOUR, prices={BTC: 50_300, ETH: 2_000}, brought={BTC: -100, ETH: 50}),
        measured(NOW + 2 * HOUR, prices={BTC: 50_300, ETH: 1_900}, brought={BTC: -300, ETH: -50}),
    )
    start, middle, newest = record.points
    # BTC's coins have gained 300; ETH's have gained nothing, and lost 100 afterwards.
    assert middle.uncovered_quote(start) == 50
    assert newest.uncovered_quote(start) == 100 + 150
    assert newest.uncovered_quote(middle) == 200 + 100
    assert start.uncovered_quote(newest) == -400 - 50 - 100 + 0
    assert start.uncovered_quote(start) == 0


def test_one_position_on_one_day_is_one_stretch():
    record = folded(
        *(measured(NOW + count * HOUR, prices={BTC: 50_000 + count}, held={BTC: -1}) for count in range(30))
    )
    (first, second) = record.paths[BTC]
    assert (first.from_price, first.to_price, second.to_price) == (50_000, 50_011, 50_029)


def test_a_resume_measures_anew_from_where_things_are():
    books = Books()
    way = [
        measured(overlay="1", prices={BTC: 50_000}, held={BTC: -1}),
        measured(NOW + HOUR, overlay="0.9", cost=100, prices={BTC: 60_000}, held={BTC: -1}),
        tripped(NOW + HOUR),
    ]
    for fact in way:
        apply(books, fact)
    assert books.overlay.tripped == tripped(NOW + HOUR)
    apply(books, events.TradingStateSet(at=NOW + HOUR, state=TradingState.NORMAL, caller="owner", why=""))
    record = books.overlay
    assert record.tripped is None
    assert [point.at for point in record.points] == [NOW + HOUR]
    assert record.best == record.points[0]
    assert [point.spent_quote for point in record.costs] == [100]
    assert record.paths == {}


def test_a_resume_of_something_else_leaves_the_record_as_it_is():
    books = Books()
    apply(books, measured())
    apply(books, measured(NOW + HOUR))
    apply(books, events.TradingStateSet(at=NOW + HOUR, state=TradingState.NORMAL, caller="owner", why=""))
    assert len(books.overlay.points) == 2


def test_a_trip_without_a_measurement_is_cleared_too():
    books = Books()
    apply(books, tripped())
    apply(books, events.TradingStateSet(at=NOW + HOUR, state=TradingState.NORMAL, caller="owner", why=""))
    record = books.overlay
    assert (record.tripped, record.best, record.costs, record.cost) == (None, None, [], None)


# --- prices that turn

steps_of = st.lists(st.tuples(st.integers(1, 50), st.integers(-20, 20)), max_size=40)


def walked(steps, start=25):
    """Return the path, what was lost, and what futures have made on the way; each step is (price, position)."""
    path, lost, made, price = [], dec(0), dec(0), dec(start)
    for count, (to_price, held) in enumerate(steps):
        step = Stretch(until=NOW + count * HOUR, from_price=price, to_price=dec(to_price), held_base=dec(held))
        made += step.way * step.held_base
        lost += turn_back(path, step)
        price = dec(to_price)
    return path, lost, made


@given(steps_of)
def test_what_futures_have_made_is_what_the_path_made_less_what_turning_back_has_lost(steps):
    path, lost, made = walked(steps)
    assert made == sum((one.way * one.held_base for one in path), dec(0)) - lost


@given(steps_of)
def test_a_path_goes_one_way_and_ends_where_the_price_is(steps):
    path, _, _ = walked(steps)
    assert len({one.way > 0 for one in path}) <= 1
    assert all(one.to_price == two.from_price for one, two in pairwise(path))
    if path:
        assert (path[0].from_price, path[-1].to_price) == (25, steps[-1][0])


@given(steps_of, st.integers(-20, 20))
def test_a_position_that_does_not_change_loses_nothing_by_turning(steps, held):
    assert walked([(price, held) for price, _ in steps])[1] == 0


@given(st.lists(st.tuples(st.integers(25, 50), st.integers(-20, 20))))
def test_a_price_that_only_rises_turns_nowhere(steps):
    assert walked(sorted(steps, key=lambda step: step[0]))[1] == 0


def test_a_day_is_not_kept_minute_by_minute():
    record = folded(*(measured(NOW + timedelta(minutes=minute)) for minute in range(120)))

    kept = [(point.at - NOW) // timedelta(minutes=1) for point in record.points]
    assert kept[0] == 0
    assert kept[-1] == 119, "the newest always"
    assert all(later - earlier >= 15 for earlier, later in pairwise(kept[:-1]))
    assert len(kept) == 9
