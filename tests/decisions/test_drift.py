"""How far from the target, and where a correction stops."""

from decimal import Decimal

import pytest

from bot.decisions.drift import band_of, measure_drift
from bot.decisions.exposure import measure_exposure
from bot.domain.books import Correction
from bot.domain.ids import Asset
from bot.domain.policy import BandPolicy, Destination
from tests.builders import dec, make_policy
from tests.decisions.market import snapshot_worth

BTC = Asset("BTC")


def _drift(btc, *, corrections=None, lot="0", **bands):
    """Return the drift of BTC worth so much of 10,000, with a target of a half."""
    policy = make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=BandPolicy(**bands))
    exposures = measure_exposure(snapshot_worth({"BTC": btc, "ETH": 10_000 - btc}), policy)
    lots = {} if lot is None else {BTC: dec(lot)}
    drifts = measure_drift(exposures, policy, corrections=corrections or {}, lots_quote=lots)
    return drifts[0]


@pytest.mark.parametrize(
    ("target", "band"),
    [("0.5", "0.05"), ("0.2", "0.05"), ("0.1", "0.025"), ("0", "0"), ("0.19", "0.0475")],
)
def test_the_band_is_the_lesser_of_points_and_share(target, band):
    assert band_of(dec(target), BandPolicy()) == Decimal(band)


@pytest.mark.parametrize(
    ("btc", "is_outside"), [(5500, False), (5501, True), (4500, False), (4499, True), (5000, False)]
)
def test_exactly_on_the_edge_is_inside(btc, is_outside):
    assert _drift(btc).is_outside_band is is_outside


@pytest.mark.parametrize(
    ("btc", "destination", "wanted"),
    [
        (6000, Destination.TARGET, "0"),
        (6000, Destination.HALF, "0.025"),
        (6000, Destination.EDGE, "0.045"),
        (4000, Destination.HALF, "-0.025"),
        (4000, Destination.EDGE, "-0.045"),
        (5500, Destination.TARGET, "0.05"),
    ],
)
def test_a_correction_stops_at_its_destination_on_the_side_it_came_from(btc, destination, wanted):
    assert _drift(btc, destination=destination).wanted_gap == dec(wanted)


@pytest.mark.parametrize(("lot", "wanted"), [("49", "0.045"), ("100", "0.04"), ("600", "0")])
def test_the_edge_is_at_least_a_lot_inside(lot, wanted):
    assert _drift(6000, destination=Destination.EDGE, lot=lot).wanted_gap == dec(wanted)


def test_a_correction_goes_on_inside_the_band():
    drift = _drift(5400, corrections={BTC: Correction(first_gap=dec("0.06"))})

    assert drift.is_correcting
    assert drift.wanted_gap == dec("0.025")


def test_a_correction_does_not_go_back_to_its_destination():
    assert _drift(5100, corrections={BTC: Correction(first_gap=dec("0.06"))}).wanted_gap == dec("0.01")


@pytest.mark.parametrize("began", ["-0.06", "0"])
def test_a_correction_whose_gap_changed_sides_is_over(began):
    assert not _drift(5400, corrections={BTC: Correction(first_gap=dec(began))}).is_correcting


def test_an_asset_without_a_contract_cannot_be_hedged():
    assert not _drift(6000, lot=None).is_hedgeable


def test_a_zero_target_has_no_band():
    policy = make_policy({"BTC": "1", "ETH": "0"}, bands=BandPolicy())
    exposures = measure_exposure(snapshot_worth({"BTC": 9999, "ETH": 1}), policy)

    drift = measure_drift(exposures, policy, corrections={}, lots_quote={})[1]

    assert drift.is_outside_band
    assert drift.wanted_gap == 0
