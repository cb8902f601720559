"""Is the modelled market the same for the same seed, restart or not, and does it move as recorded years did?"""

import json
import math
import os
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import correlation, median, pstdev
from typing import Any

import pytest

from bot.domain.ids import Asset
from bot.exchange.config import ExchangeConfig
from bot.exchange.market import Leg, Series
from bot.exchange.market_model import ModelMarket
from bot.exchange.moments import DAY_US, HOUR_US
from tests import moments

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
ASSETS = (BTC, ETH, SOL)
TWO_YEARS_HOURS = 2 * 365 * 24
Figures = dict[tuple[str, str], float]


def market(seed: int = 29, **changes: Any) -> ModelMarket:
    return ModelMarket(ExchangeConfig(seed=seed, **changes))


def walk(model: ModelMarket, first: int, last: int) -> list[tuple[tuple[Leg, ...], Decimal]]:
    """Return legs and coming funding of all assets in the hours from ``first`` to before ``last``."""
    seen = []
    for hour in range(first, last):
        at_us = model.start_us + hour * HOUR_US
        for asset in ASSETS:
            legs = model.legs(asset, at_us, 1)
            seen.append((legs, model.next_settlement(asset, at_us).rate))
    return seen


@pytest.fixture(scope="module")
def tracks() -> dict[str, moments.Track]:
    """Two years of one seed, after its opening."""
    return moments.run_model(29, TWO_YEARS_HOURS)


@pytest.fixture(scope="module")
def modelled(tracks: dict[str, moments.Track]) -> Figures:
    return moments.figures(tracks)


# --- the same again --------------------------------------------------------------------------------


def test_one_seed_makes_one_market() -> None:
    assert walk(market(), 0, 200) == walk(market(), 0, 200)
    assert walk(market(), 0, 10) != walk(market(seed=30), 0, 10)


def test_hours_that_nobody_looked_at_change_nothing() -> None:
    hasty = market()
    hasty.legs(BTC, hasty.start_us + 99 * HOUR_US, 1)
    assert walk(hasty, 99, 120) == walk(market(), 0, 120)[99 * len(ASSETS) :]


def test_a_restart_in_any_hour_changes_nothing() -> None:
    unbroken, restarted = market(), market()
    for hour in range(60):
        at_us = unbroken.start_us + hour * HOUR_US
        assert walk(unbroken, hour, hour + 1) == walk(restarted, hour, hour + 1)
        kept = json.dumps(restarted.to_document())
        restarted = market()
        restarted.load(json.loads(kept))
        assert json.dumps(restarted.to_document()) == kept
        for asset in ASSETS:
            assert restarted.closes(asset, at_us, 5) == unbroken.closes(asset, at_us, 5)
            assert restarted.settled_rate(asset, at_us) == unbroken.settled_rate(asset, at_us)
    assert walk(unbroken, 60, 300) == walk(restarted, 60, 300)


def _first_version(document: dict[str, Any]) -> dict[str, Any]:
    """Return what the version before would have written: one heat, one premium per asset."""
    old = {key: value for key, value in document.items() if key != "shared"} | {"heat": "0.25"}
    for one in old["assets"].values():
        one["premium"] = one.pop("own")["premium"]
    return old


def test_a_document_of_the_version_before_is_gone_on_with() -> None:
    before = market()
    walk(before, 0, 50)
    last = {asset: before.legs(asset, before.start_us + 49 * HOUR_US, 1)[-1].end for asset in ASSETS}
    after = market()
    after.load(_first_version(json.loads(json.dumps(before.to_document()))))
    assert after.to_document()["shared"]["heat_days"] == "0.25"
    at_us = after.start_us + 49 * HOUR_US
    for asset in ASSETS:
        assert after.legs(asset, at_us, 1)[-1].end == last[asset]
        assert after.closes(asset, at_us, 5) == before.closes(asset, at_us, 5)
    for asset in ASSETS:
        assert after.legs(asset, at_us + HOUR_US, 1)[0].begin == last[asset]
    walk(after, 51, 80)


def test_an_asset_that_is_new_since_begins_at_its_configured_price() -> None:
    before = market(assets=(BTC,))
    walked = before.legs(BTC, before.start_us + 30 * HOUR_US, 1)
    after = market(assets=(BTC, ETH))
    after.load(before.to_document())
    assert after.legs(BTC, after.start_us + 30 * HOUR_US, 1) == walked
    assert after.legs(ETH, after.start_us + 30 * HOUR_US, 1)[0].begin[Series.INDEX] == Decimal(2500)
    assert after.legs(ETH, after.start_us + 31 * HOUR_US, 1)


# --- prices ----------------------------------------------------------------------------------------


def test_prices_are_positive_decimals_with_the_first_price_s_places() -> None:
    for legs, _ in walk(market(), 0, 500):
        for leg in legs:
            assert all(price > 0 for price in leg.begin + leg.end)
            assert all(price == price.quantize(leg.quantum) for price in leg.begin + leg.end)


def test_a_price_near_nothing_stays_above_it() -> None:
    # The smallest quantum of this price is the price itself: it cannot fall, and must not reach zero.
    model = market(assets=(BTC,), prices={BTC: Decimal("0.01")})
    kept = model.to_document()
    quantum = kept["assets"][BTC]["quantum"]
    kept["assets"][BTC] |= {"price": quantum, "bars": [[quantum] * 4] * 3}
    model.load(kept)
    for hour in range(1, 200):
        for leg in model.legs(BTC, model.start_us + hour * HOUR_US, 1):
            assert min(leg.begin + leg.end) >= Decimal(quantum)


def test_the_end_of_an_hour_is_the_beginning_of_the_next() -> None:
    model = market()
    hours = [model.legs(ETH, model.start_us + hour * HOUR_US, -1) for hour in range(100)]
    for one, next_one in pairwise(hours):
        assert one[-1].end == next_one[0].begin


def test_high_and_low_hold_what_lies_between() -> None:
    model = market()
    for hour in range(300):
        up, down, back = model.legs(SOL, model.start_us + hour * HOUR_US, -1)
        for series in Series:
            corners = up.begin[series], up.end[series], down.end[series], back.end[series]
            assert corners[1] == max(corners)
            assert corners[2] == min(corners)


def test_an_asset_that_nobody_fitted_moves_as_well() -> None:
    model = market(assets=(BTC, Asset("XYZ")))
    prices = [model.legs(Asset("XYZ"), model.start_us + hour * HOUR_US, 1)[-1].end[0] for hour in range(100)]
    assert len(set(prices)) > 90
    assert model.closes(Asset("XYZ"), model.start_us, 120)[0][1] > 0


def test_it_opens_in_turbulence() -> None:
    def heat(first: int, last: int) -> float:
        sizes = []
        for seed in range(1, 21):
            model = market(seed)
            ends = [model.legs(BTC, model.start_us + hour * HOUR_US, 1)[-1].end[0] for hour in range(first, last)]
            sizes += [abs(math.log(after / before)) for before, after in pairwise(ends)]
        return median(sizes)

    assert heat(0, 24) > 2 * heat(15 * 24, 17 * 24)


def test_days_before_the_start_move_as_the_days_after_it_do() -> None:
    changes: dict[Asset, list[float]] = {asset: [] for asset in ASSETS}
    for seed in range(1, 21):
        model = market(seed)
        for asset in ASSETS:
            closes = model.closes(asset, model.start_us, 120)
            assert len(closes) == 120
            assert closes[-1][0] == model.start_us - DAY_US
            changes[asset] += [math.log(after / before) for (_, before), (_, after) in pairwise(closes)]
    assert 100 * pstdev(changes[BTC]) == pytest.approx(3.24, rel=0.25)
    assert 100 * pstdev(changes[ETH]) == pytest.approx(4.21, rel=0.25)
    assert 100 * pstdev(changes[SOL]) == pytest.approx(6.52, rel=0.25)
    assert correlation(changes[BTC], changes[ETH]) == pytest.approx(0.83, abs=0.08)
    assert correlation(changes[BTC], changes[SOL]) == pytest.approx(0.60, abs=0.08)


# --- funding ---------------------------------------------------------------------------------------


def test_a_settlement_keeps_its_rate_when_its_hour_begins() -> None:
    model = market()
    for hour in range(8, 200, 8):
        due_us = model.start_us + hour * HOUR_US
        model.legs(BTC, due_us - 1, 1)
        announced = model.next_settlement(BTC, due_us - 1)
        assert announced.at_us == due_us
        assert announced.rate == model.settled_rate(BTC, due_us)
        model.legs(BTC, due_us, 1)
        assert model.settled_rate(BTC, due_us) == announced.rate


def test_funding_follows_the_premium() -> None:
    """Binance's formula on the premiums that the prices show, the later the heavier."""
    model = market()
    for first in range(0, 400, 8):
        premiums = []
        for hour in range(first, first + 8):
            index, _, last = model.legs(BTC, model.start_us + hour * HOUR_US, 1)[-1].end
            premiums.append(float(last / index) - 1)
        mean = sum(place * premium for place, premium in enumerate(premiums, 1)) / 36
        rate = mean + max(-0.0005, min(0.0005, 0.0001 - mean))
        assert float(model.settled_rate(BTC, model.start_us + (first + 8) * HOUR_US)) == pytest.approx(rate, abs=1e-6)


def test_a_shorter_interval_pays_its_share() -> None:
    hourly, whole = market(funding_interval=timedelta(hours=1)), market()
    rates = [rate for _, rate in walk(hourly, 0, 800)]
    assert median(rates) == Decimal("0.0001") / 8
    assert float(sum(rates)) * 8 == pytest.approx(float(sum(rate for _, rate in walk(whole, 0, 800))), rel=0.1)


@pytest.mark.parametrize("asset", ASSETS)
def test_funding_is_within_bounds(tracks: dict[str, moments.Track], asset: Asset) -> None:
    assert len(tracks[asset].rates) == TWO_YEARS_HOURS / 8
    assert max(abs(rate) for rate in tracks[asset].rates) <= 0.0036
    # A little more than the bound of the premium, for prices are rounded.
    assert max(abs(basis) for basis in tracks[asset].basis) < 0.00405


@pytest.mark.parametrize("asset", ASSETS)
def test_funding_is_mostly_positive_persistent_and_skewed(modelled: Figures, asset: Asset) -> None:
    assert 0.6 < modelled["funding mean bp", asset] < 2.2
    assert 0.8 < modelled["funding std bp", asset] < 4.5
    assert 0.7 < modelled["funding lag-1 autocorrelation", asset] < 0.95
    assert 5 < modelled["funding negative %", asset] < 20
    assert 30 < modelled["funding at interest (1 bp) %", asset] < 60


# --- moments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asset", "daily", "kurtosis"), [(BTC, 3.24, 17.9), (ETH, 4.21, 16.5), (SOL, 6.52, 21.3)])
def test_it_moves_and_jumps_as_much_as_recorded(modelled: Figures, asset: Asset, daily: float, kurtosis: float) -> None:
    assert modelled["daily std %", asset] == pytest.approx(daily, rel=0.3)
    assert modelled["hourly std %", asset] * math.sqrt(24) == pytest.approx(daily, rel=0.3)
    assert kurtosis / 2 < modelled["hourly kurtosis", asset] < kurtosis * 2


@pytest.mark.parametrize("asset", ASSETS)
def test_storms_last(modelled: Figures, asset: Asset) -> None:
    lags = [modelled[f"autocorrelation of hourly sizes, lag {lag}", asset] for lag in (1, 24, 168)]
    assert 0.35 > lags[0] > lags[1] > lags[2] > 0.05


def test_assets_move_together(modelled: Figures) -> None:
    assert modelled["daily correlation", "BTC-ETH"] == pytest.approx(0.81, abs=0.08)
    assert modelled["daily correlation", "BTC-SOL"] == pytest.approx(0.56, abs=0.12)
    assert modelled["daily correlation", "ETH-SOL"] == pytest.approx(0.64, abs=0.12)


def test_crashes_are_deeper_than_rallies_are_high(modelled: Figures) -> None:
    assert modelled["hourly skew", ETH] < 0
    assert modelled["worst hourly %", ETH] < -modelled["best hourly %", ETH]


def test_falls_are_followed_by_larger_moves_than_rises(modelled: Figures) -> None:
    assert modelled["hour's return to size of next", BTC] < 0


def test_it_is_like_the_recorded_years(modelled: Figures) -> None:
    folder = Path(os.environ.get("TEST_MARKET_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (folder / "README.md").exists():
        pytest.skip(f"no recorded market data in {folder}; name a folder with TEST_MARKET_DATA")
    real = moments.figures({asset: moments.read_track(folder, asset) for asset in moments.ASSETS})
    loose = {
        "annualised vol % (daily)": 0.3,
        "hourly quantile 1 %": 0.35,
        "hourly quantile 99 %": 0.35,
        "mean range / hourly std": 0.15,
        "hourly correlation": 0.1,
        "daily correlation": 0.2,
        "funding lag-1 autocorrelation": 0.15,
        "basis std bp": 0.35,
    }
    far = {
        key: (value, modelled[key])
        for key, value in real.items()
        if key[0] in loose and abs(modelled[key] / value - 1) > loose[key[0]]
    }
    assert not far
