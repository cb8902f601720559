"""Recorded markets: what is known when, which way prices go, what stands in for what is missing."""

import csv
import gzip
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.domain.ids import Asset, ClientOrderId, Symbol
from bot.domain.orders import OrderType, Side
from bot.exchange.config import ExtremeOrder
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.history import HistoryMarket
from bot.exchange.market import Leg
from bot.exchange.moments import DAY_US, HOUR_US, from_us, to_us
from bot.exchange.orders import OrderRequest
from bot.exchange.store import NoStore
from tests.exchange.market_files import (
    BTC,
    FUNDING,
    MARK,
    PERP,
    SPOT,
    START,
    START_US,
    at,
    bar_row,
    history_config,
    time_text,
    write_funding,
    write_rows,
)

PERPETUAL = Symbol("BTC/USDT:USDT")
COARSE_MARK = "binance_usdm_mark_BTCUSDT_8h.csv.gz"


def _market(folder: Path, **changes: Any) -> HistoryMarket:
    return HistoryMarket(history_config(folder, **changes))


def _corners(legs: tuple[Leg, ...], series: int) -> list[int]:
    return [int(legs[0].begin[series]), *(int(leg.end[series]) for leg in legs)]


def _flat_row(hour: int, price: object) -> str:
    return f"{time_text(hour)},{price},{price},{price},{price},1"


# --- the path


@pytest.mark.parametrize(
    ("lean", "passed"),
    [(-1, [100, 102, 97, 101]), (1, [100, 97, 102, 101]), (0, [100, 97, 102, 101])],
    ids=["short: high first", "long: low first", "no position: low first"],
)
def test_prices_go_to_the_adverse_extreme_first(tmp_path: Path, lean: int, passed: list[int]) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(3)])
    write_rows(tmp_path / PERP, [bar_row(hour, 100) for hour in range(3)])
    legs = _market(tmp_path).legs(BTC, at(1), lean)
    assert (legs[0].begin_us, legs[-1].end_us) == (at(1), at(2))
    assert _corners(legs, 0) == _corners(legs, 1) == _corners(legs, 2) == passed


@pytest.mark.parametrize(
    ("extremes", "side", "low_first"),
    [
        (ExtremeOrder.ADVERSE_FIRST, Side.BUY, True),
        (ExtremeOrder.ADVERSE_FIRST, Side.SELL, False),
        (ExtremeOrder.FAVOURABLE_FIRST, Side.BUY, False),
        (ExtremeOrder.FAVOURABLE_FIRST, Side.SELL, True),
    ],
)
def test_which_extreme_comes_first_is_a_setting(
    tmp_path: Path, extremes: ExtremeOrder, side: Side, low_first: bool
) -> None:
    for name in (SPOT, PERP):
        write_rows(tmp_path / name, [bar_row(hour, 100) for hour in range(4)])
    exchange = open_exchange(history_config(tmp_path, extremes=extremes), None)
    exchange.submit(_request(side, OrderType.MARKET, "0.1"))
    exchange.advance(START + timedelta(hours=1, minutes=20))
    assert exchange.floor.perpetual_mark_of(BTC) == (97 if low_first else 102)
    exchange.advance(START + timedelta(hours=1, minutes=40))
    assert exchange.floor.perpetual_mark_of(BTC) == (102 if low_first else 97)


def test_each_series_has_its_own_bar(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(3)])
    write_rows(tmp_path / MARK, [bar_row(hour, 200) for hour in range(3)])
    write_rows(tmp_path / PERP, [bar_row(hour, 300) for hour in range(3)])
    legs = _market(tmp_path).legs(BTC, at(1), 1)
    assert [_corners(legs, series)[0] for series in range(3)] == [100, 200, 300]


def test_at_the_end_prices_stay(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100 + hour) for hour in range(5)])
    write_rows(tmp_path / PERP, [bar_row(hour, 110 + hour) for hour in range(5)])
    for end in (5, 3):
        market = _market(tmp_path, end=from_us(at(end)))
        assert market.end_us == at(end)
        (leg,) = market.legs(BTC, at(end), -1)
        close = 100 + end - 1 + 1
        assert leg.prices(at(end)) == leg.prices(at(end + 100)) == (close, close, close + 10)


# --- nothing is known early


def _walked_row(hour: int, scale: int, level: int) -> str:
    first, last = (level + (step * 7919) % 1009 for step in (hour, hour + 1))
    high, low = max(first, last) + 300, min(first, last) - 300
    prices = (Decimal(price) * scale / 10 for price in (first, high, low, last))
    return f"{time_text(hour)},{','.join(str(price) for price in prices)},1"


def _write_market(folder: Path, changed_from: int | None, mark_name: str) -> Path:
    """Write four days; from an hour on everything is another market, up to what the hour before it could not know."""
    folder.mkdir()

    def scale(hour: int) -> int:
        return 10 if changed_from is None or hour < changed_from else 13

    hours = range(-48, 96)
    write_rows(folder / SPOT, [_walked_row(hour, scale(hour), 50_000) for hour in hours])
    write_rows(folder / PERP, [_walked_row(hour, scale(hour), 50_020) for hour in hours])
    if mark_name == MARK:
        write_rows(folder / MARK, [_walked_row(hour, scale(hour), 50_010) for hour in hours])
    else:
        write_rows(folder / COARSE_MARK, [_coarse_row(hour, scale) for hour in hours[::8]])
    rates = {hour: f"{(hour % 7 - 3) * scale(hour)}e-5" for hour in (*range(-48, 24, 8), *range(24, 96, 4))}
    write_funding(folder / FUNDING, rates)
    return folder


def _coarse_row(hour: int, scale: Any) -> str:
    """Return a bar of eight hours: its open is known when it begins, the rest when it ends."""
    first, last = 50_000 + hour * scale(hour), 50_000 + hour * scale(hour + 7)
    return f"{time_text(hour)},{first},{max(first, last) + scale(hour + 7)},{min(first, last) - 9},{last},1"


def _trading_exchange(folder: Path) -> Exchange:
    config = history_config(folder, start=START)
    exchange = Exchange(config, HistoryMarket(config), NoStore())
    exchange.submit(_request(Side.SELL, OrderType.MARKET, "0.2"))
    return exchange


def _quote_around(exchange: Exchange) -> None:
    """Leave an order on either side of the price, and a stop beyond them."""
    prices = exchange.floor.prices_of(exchange.floor.contracts[PERPETUAL])
    _, mark, last = (price.quantize(Decimal(1)) for price in prices)
    for order in list(exchange.floor.open_orders.values()):
        exchange.cancel(PERPETUAL, order.client_order_id)
    for name, side, kind, changes in (
        ("sell", Side.SELL, OrderType.LIMIT, {"price": last + 350}),
        ("buy", Side.BUY, OrderType.LIMIT, {"price": last - 350}),
        ("stop", Side.BUY, OrderType.STOP_MARKET, {"trigger_price": mark + 500}),
    ):
        exchange.submit(_request(side, kind, "0.005", client_order_id=ClientOrderId(name), **changes))


def _request(side: Side, kind: OrderType, contracts: str, **changes: Any) -> OrderRequest:
    return OrderRequest(symbol=PERPETUAL, side=side, type=kind, contracts=Decimal(contracts), **changes)


def _told(exchange: Exchange) -> list[object]:
    """Return everything that anyone can learn from the exchange now."""
    floor = exchange.floor
    return [
        exchange.now,
        exchange.margins(),
        exchange.top(floor.contracts[PERPETUAL]),
        exchange.closes(BTC, 90),
        exchange.next_funding(BTC),
        [repr(order) for order in floor.orders.values()],
        list(floor.trades),
        list(floor.accounts.movements),
        list(floor.funding),
        list(floor.liquidations),
    ]


@pytest.mark.parametrize("mark_name", [MARK, COARSE_MARK], ids=["hourly mark", "coarse mark"])
@pytest.mark.parametrize("changed_from", [3, 24, 37, 60])
def test_the_future_changes_nothing_before_it(tmp_path: Path, changed_from: int, mark_name: str) -> None:
    one = _trading_exchange(_write_market(tmp_path / "one", None, mark_name))
    other = _trading_exchange(_write_market(tmp_path / "other", changed_from, mark_name))
    moment, border = START, from_us(at(changed_from)) - timedelta(microseconds=1)
    while moment < border:
        moment = min(moment + timedelta(minutes=20), border)
        for exchange in (one, other):
            exchange.advance(moment)
            if moment.minute == 20:
                _quote_around(exchange)
        assert _told(one) == _told(other)
    assert len(one.floor.trades) > changed_from / 3
    for exchange in (one, other):
        exchange.advance(from_us(at(changed_from + 8)))
    assert _told(one) != _told(other)


def test_how_often_it_is_asked_changes_nothing(tmp_path: Path) -> None:
    folder = _write_market(tmp_path / "one", None, COARSE_MARK)
    often, once = _trading_exchange(folder), _trading_exchange(folder)
    for hour in range(0, 90, 5):
        _quote_around(often)
        _quote_around(once)
        for quarter in range(20):
            often.advance(START + timedelta(hours=hour, minutes=15 * quarter))
        once.advance(often.now)
        assert _told(often) == _told(once)


def test_the_rate_to_come_is_not_known(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(40)])
    write_funding(tmp_path / FUNDING, {0: "0.001", 8: "0.002", 16: "-0.003"})
    market = _market(tmp_path)
    assert market.next_settlement(BTC, at(8) - 1).rate == Decimal("0.001")
    assert market.settled_rate(BTC, at(8)) == Decimal("0.002")
    assert market.next_settlement(BTC, at(8)).rate == Decimal("0.002")


# --- holes and what is derived


def test_a_hole_of_spot_is_stale_while_contracts_go_on(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100 + hour) for hour in range(12) if not 4 <= hour < 8])
    write_rows(tmp_path / PERP, [bar_row(hour, 200 + hour) for hour in range(12)])
    market = _market(tmp_path)
    for hour in range(4, 8):
        legs = market.legs(BTC, at(hour), 1)
        assert {leg.stale_since_us for leg in legs} == {at(4)}
        assert _corners(legs, 0) == _corners(legs, 1) == [104] * 4
        assert _corners(legs, 2) == [200 + hour, 197 + hour, 202 + hour, 201 + hour]
    assert [market.legs(BTC, at(hour), 1)[0].stale_since_us for hour in (3, 8)] == [None, None]


def test_a_hole_of_a_contract_is_stale_while_spot_goes_on(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100 + hour) for hour in range(8)])
    write_rows(tmp_path / PERP, [bar_row(hour, 200 + hour) for hour in (0, 1, 4, 5, 6, 7)])
    market = _market(tmp_path)
    legs = market.legs(BTC, at(3), 1)
    assert legs[0].stale_since_us == at(2)
    assert _corners(legs, 0) == [103, 100, 105, 104]
    assert _corners(legs, 2) == [202] * 4
    assert market.derived_spans()[0]["series"] == "mark"


def test_a_hole_that_outlasts_the_period_is_still_a_hole(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(10)])
    write_rows(tmp_path / PERP, [bar_row(hour, 200) for hour in (0, 1, 9)])
    market = _market(tmp_path, end=from_us(at(6)))
    assert market.legs(BTC, at(5), 1)[0].stale_since_us == at(2)
    assert [span["series"] for span in market.derived_spans()] == ["mark", "funding"]


def test_the_exchange_says_since_when_prices_are_stale(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 50_000) for hour in range(12) if not 4 <= hour < 8])
    config = history_config(tmp_path)
    exchange = Exchange(config, HistoryMarket(config), NoStore())
    contract = exchange.floor.contracts[PERPETUAL]
    seen = {}
    for hour in (3, 5, 7, 9):
        exchange.advance(START + timedelta(hours=hour, minutes=30))
        seen[hour] = exchange.top(contract).as_of
    hours = {hour: (as_of - START) / timedelta(hours=1) for hour, as_of in seen.items()}
    assert hours == {3: 3.5, 5: 4, 7: 4, 9: 9.5}


def test_without_contract_files_everything_is_derived_and_named(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(30)])
    market = _market(tmp_path)
    leg = market.legs(BTC, at(1), 1)[0]
    assert leg.begin == (100, 100, 100)
    whole = {"from": time_text(0), "to": time_text(30)}
    assert market.derived_spans() == [
        {"asset": "BTC", "series": series, **whole} for series in ("last", "mark", "funding")
    ]


def test_derived_spans_lie_before_the_first_and_after_the_last_row(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(48)])
    write_rows(tmp_path / PERP, [bar_row(hour, 200) for hour in range(5, 20)])
    write_rows(tmp_path / COARSE_MARK, [_flat_row(hour, 300) for hour in (8, 16)])
    write_funding(tmp_path / FUNDING, {16: "0.001", 24: "0.002"})
    market = _market(tmp_path)
    assert [(span["series"], span["from"], span["to"]) for span in market.derived_spans()] == [
        ("last", time_text(0), time_text(5)),
        ("last", time_text(20), time_text(48)),
        ("mark", time_text(0), time_text(8)),
        ("mark", time_text(24), time_text(48)),
        ("funding", time_text(0), time_text(16)),
        ("funding", time_text(24), time_text(48)),
    ]
    lasts = [market.legs(BTC, at(hour), 1)[0].begin[2] for hour in (4, 5, 19, 20)]
    assert lasts == [100, 200, 200, 100]


def test_a_period_within_all_files_has_nothing_derived(tmp_path: Path) -> None:
    for name in (SPOT, PERP, MARK):
        write_rows(tmp_path / name, [bar_row(hour, 100) for hour in range(48)])
    write_funding(tmp_path / FUNDING, dict.fromkeys(range(0, 41, 8), "0.001"))
    assert _market(tmp_path, start=from_us(at(3)), end=from_us(at(30))).derived_spans() == []


def test_a_coarse_mark_keeps_the_premium_of_its_open(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [_flat_row(hour, 100 + hour) for hour in range(24)])
    write_rows(tmp_path / COARSE_MARK, [_flat_row(0, 110), _flat_row(8, "109.08"), _flat_row(16, 116)])
    market = _market(tmp_path)
    marks = [market.legs(BTC, at(hour), 1)[0].begin[1] for hour in (0, 7, 8, 15, 16)]
    assert marks == [Decimal(110), Decimal("117.7"), Decimal("109.08"), Decimal("116.15"), Decimal(116)]
    assert all(market.legs(BTC, at(hour), 1)[0].stale_since_us is None for hour in range(24))


def test_a_coarse_mark_waits_for_the_spot_of_its_open(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [_flat_row(hour, 100) for hour in range(3, 24)])
    write_rows(tmp_path / COARSE_MARK, [_flat_row(hour, 150) for hour in (0, 8, 16)])
    market = _market(tmp_path)
    assert [market.legs(BTC, at(hour), 1)[0].begin[1] for hour in (3, 7, 8)] == [100, 100, 150]
    assert {"asset": "BTC", "series": "mark", "from": time_text(3), "to": time_text(8)} in market.derived_spans()


# --- funding


def test_intervals_come_from_the_rows(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(48)])
    write_funding(tmp_path / FUNDING, {0: "0.001", 8: "0.002", 12: "0.003", 14: "0.004", 15: "0.005", 23: "0.006"})
    market = _market(tmp_path)
    seen, moment = [], at(0)
    while moment < at(40):
        coming = market.next_settlement(BTC, moment)
        moment = coming.at_us
        hours = (moment - START_US) / HOUR_US, coming.interval_us / HOUR_US
        seen.append((*hours, str(coming.rate), str(market.settled_rate(BTC, moment))))
    assert seen == [
        (8, 8, "0.001", "0.002"),
        (12, 4, "0.002", "0.003"),
        (14, 2, "0.003", "0.004"),
        (15, 1, "0.004", "0.005"),
        (23, 8, "0.005", "0.006"),
        (24, 1, "0.006", "0.0001"),
        (32, 8, "0.0001", "0.0001"),
        (40, 8, "0.0001", "0.0001"),
    ]


def test_before_the_first_row_funding_is_derived(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(48)])
    write_funding(tmp_path / FUNDING, {13: "0.007", 21: "0.008"})
    market = _market(tmp_path)
    first, second, third = (market.next_settlement(BTC, at(hour)) for hour in (0, 8, 13))
    assert (first.at_us, first.interval_us, str(first.rate)) == (at(8), 8 * HOUR_US, "0.0001")
    assert (second.at_us, second.interval_us, str(second.rate)) == (at(13), 5 * HOUR_US, "0.0001")
    assert (third.at_us, third.interval_us, str(third.rate)) == (at(21), 8 * HOUR_US, "0.007")


def test_a_settlement_at_the_very_end_is_paid_as_recorded(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [_flat_row(hour, 50_000) for hour in range(24)])
    write_funding(tmp_path / FUNDING, {0: "0.001", 8: "0.002", 16: "0.003", 20: "0.004"})
    config = history_config(tmp_path, end=from_us(at(16)))
    exchange = Exchange(config, HistoryMarket(config), NoStore())
    exchange.submit(_request(Side.SELL, OrderType.MARKET, "0.1"))
    exchange.advance(from_us(at(30)))
    assert exchange.has_ended
    assert [(payment.at, str(payment.rate)) for payment in exchange.floor.funding] == [
        (from_us(at(8)), "0.002"),
        (from_us(at(16)), "0.003"),
    ]
    assert [payment.amount for payment in exchange.floor.funding] == [10, 15]
    assert exchange.next_funding(BTC) == (from_us(at(20)), 4 * HOUR_US, Decimal("0.003"))


# --- the period and the days


def test_time_begins_and_ends_with_the_common_bars(tmp_path: Path) -> None:
    eth = Asset("ETH")
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(20) if hour not in (4, 15)])
    write_rows(tmp_path / "binance_spot_ETHUSDT_1h.csv.gz", [bar_row(hour, 10) for hour in range(4, 16)])
    market = _market(tmp_path, assets=(BTC, eth))
    assert (market.start_us, market.end_us) == (at(5), at(15))


def test_closes_are_of_days_that_have_ended(tmp_path: Path) -> None:
    hours = [hour for hour in range(-60, 72) if not 20 <= hour < 26]
    write_rows(tmp_path / SPOT, [_flat_row(hour, 1000 + hour) for hour in hours])
    market = _market(tmp_path, start=START)
    assert market.closes(BTC, at(0), 90) == [(at(-72), 951), (at(-48), 975), (at(-24), 999)]
    assert market.closes(BTC, at(24) - 1, 1) == [(at(-24), 999)]
    assert market.closes(BTC, at(24), 1) == [(at(0), 1019)]
    assert market.closes(BTC, at(60), 2) == [(at(0), 1019), (at(24), 1047)]


def test_a_restart_needs_nothing_but_the_files(tmp_path: Path) -> None:
    write_rows(tmp_path / SPOT, [bar_row(hour, 100) for hour in range(8)])
    market, again = _market(tmp_path), _market(tmp_path)
    assert market.to_document() == {}
    again.load({})
    assert again.legs(BTC, at(5), -1) == market.legs(BTC, at(5), -1)


# --- real recordings


@pytest.fixture(scope="module")
def recorded() -> Path:
    """The folder of real market data."""
    folder = Path(os.environ.get("TEST_MARKET_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (folder / SPOT).exists():
        pytest.skip(f"no recorded market data in {folder}; name a folder with TEST_MARKET_DATA")
    return folder


def _recorded_rows(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ALL = (BTC, Asset("ETH"), Asset("SOL"))


def test_four_years_of_three_assets_name_what_is_derived(recorded: Path) -> None:
    market = _market(recorded, assets=ALL, start=datetime(2021, 1, 1, tzinfo=UTC), end=datetime(2025, 1, 1, tzinfo=UTC))
    spans = {(span["asset"], span["series"], span["from"][:10], span["to"][:10]) for span in market.derived_spans()}
    assert spans == {
        ("BTC", "funding", "2024-12-31", "2025-01-01"),
        ("ETH", "funding", "2024-12-31", "2025-01-01"),
        ("SOL", "last", "2021-01-01", "2023-12-01"),
        ("SOL", "last", "2024-12-04", "2025-01-01"),
        ("SOL", "mark", "2021-01-01", "2023-12-01"),
        ("SOL", "mark", "2024-12-04", "2025-01-01"),
        ("SOL", "funding", "2021-01-01", "2024-01-06"),
        ("SOL", "funding", "2024-12-04", "2025-01-01"),
    }


def test_the_common_start_is_the_youngest_listing(recorded: Path) -> None:
    market = _market(recorded, assets=ALL, end=datetime(2020, 9, 1, tzinfo=UTC))
    assert from_us(market.start_us) == datetime(2020, 8, 11, 6, tzinfo=UTC)


def test_recorded_days_close_as_their_last_hour(recorded: Path) -> None:
    begin, end = datetime(2021, 1, 1, tzinfo=UTC), datetime(2021, 10, 1, tzinfo=UTC)
    closes = _market(recorded, start=begin, end=end).closes(BTC, to_us(end), 300)
    days = _recorded_rows(recorded / "binance_spot_BTCUSDT_1d_from_1h.csv.gz")
    wanted = {row["time"]: Decimal(row["close"]) for row in days}
    assert len(closes) == 300
    assert all(wanted[from_us(day_us).strftime("%Y-%m-%dT%H:%M:%SZ")] == close for day_us, close in closes)
    assert closes[-1][0] == to_us(end) - DAY_US


def test_a_recorded_outage_is_stale_while_the_perpetual_trades(recorded: Path) -> None:
    begin = datetime(2021, 4, 25, tzinfo=UTC)
    market = _market(recorded, start=begin, end=begin + timedelta(days=1))
    stale = {}
    for hour in range(24):
        legs = market.legs(BTC, to_us(begin) + hour * HOUR_US, -1)
        if legs[0].stale_since_us is not None:
            stale[hour] = legs[0].stale_since_us
            assert len({leg.begin[0] for leg in legs}) == 1
            assert len({leg.begin[2] for leg in legs}) > 1
    assert stale == dict.fromkeys((5, 6, 7), to_us(begin) + 5 * HOUR_US)


def test_recorded_interval_changes_are_followed(recorded: Path, tmp_path: Path) -> None:
    rows = _recorded_rows(recorded / "binance_usdm_funding_SOLUSDT_2022-11_FTX_interval_changes.csv.gz")
    sol = Asset("SOL")
    write_rows(
        tmp_path / "binance_usdm_funding_SOLUSDT_8h.csv.gz",
        [f"{row['time']},{row['funding_rate']}" for row in rows],
        "time,funding_rate",
    )
    spot = "binance_spot_SOLUSDT_1h.csv.gz"
    (tmp_path / spot).write_bytes((recorded / spot).read_bytes())
    begin, end = (to_us(datetime.fromisoformat(rows[place]["time"])) for place in (0, -1))
    market = _market(tmp_path, assets=(sol,), start=from_us(begin), end=from_us(end))
    moment, intervals, paid = begin, [], []
    while moment < end:
        coming = market.next_settlement(sol, moment)
        assert coming.interval_us == coming.at_us - moment
        moment = coming.at_us
        intervals.append(coming.interval_us // HOUR_US)
        paid.append(market.settled_rate(sol, moment))
    assert paid == [Decimal(row["funding_rate"]) for row in rows[1:]]
    assert set(intervals) == {8, 4, 2}
