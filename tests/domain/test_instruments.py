"""Contracts become coins and coins become contracts."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bot.domain.instruments import MarginTier
from tests.builders import dec, make_instrument

TIERS = (
    MarginTier(
        notional_cap_quote=dec(50_000),
        maintenance_frac=dec("0.004"),
        maintenance_amount_quote=dec(0),
        max_leverage=dec(125),
    ),
    MarginTier(
        notional_cap_quote=dec(250_000),
        maintenance_frac=dec("0.005"),
        maintenance_amount_quote=dec(50),
        max_leverage=dec(100),
    ),
)


def test_a_linear_contract_is_sized_in_coins():
    thousand = make_instrument("PEPE", contract_size=dec(1000))

    assert thousand.base_from_contracts(dec(-3), dec("0.01")) == -3000
    assert thousand.contracts_from_base(dec(-3000), dec("0.01")) == -3
    assert thousand.notional_quote(dec(-3), dec("0.01")) == 30


def test_an_inverse_contract_is_sized_in_dollars_and_its_delta_falls_as_mark_rises():
    inverse = make_instrument("BTC", inverse=True)

    assert inverse.base_from_contracts(dec(-10), dec(50_000)) == dec("-0.02")
    assert inverse.base_from_contracts(dec(-10), dec(100_000)) == dec("-0.01")
    assert inverse.contracts_from_base(dec("0.02"), dec(51_000)) == dec("10.2")
    assert inverse.notional_quote(dec(-10), dec(51_000)) == 1000


def test_contracts_are_rounded_toward_zero_to_the_lot():
    instrument = make_instrument(lot_size=dec("0.1"))

    assert instrument.floor_contracts(dec("1.29")) == dec("1.2")
    assert instrument.floor_contracts(dec("-1.29")) == dec("-1.2")


@pytest.mark.parametrize(
    ("notional", "leverage", "maintenance"),
    [("50000", 125, "200"), ("50001", 100, "200.005"), ("250000", 100, "1200"), ("900000", 100, "4450")],
)
def test_the_margin_tier_is_the_first_whose_cap_is_not_exceeded(notional, leverage, maintenance):
    instrument = make_instrument(margin_tiers=TIERS)

    assert instrument.tier_for(dec(notional)).max_leverage == leverage
    assert instrument.maintenance_quote(dec(notional)) == Decimal(maintenance)


def test_a_contract_with_an_expiry_is_not_perpetual():
    assert make_instrument().is_perpetual
    assert not make_instrument(expires_at=datetime(2024, 6, 28, 8, tzinfo=UTC)).is_perpetual


@pytest.mark.parametrize(
    ("contracts", "largest", "asked_for"),
    [
        ("0.9", None, ["0.9"]),
        ("0.4", "0.4", ["0.4"]),
        ("0.9", "0.4", ["0.4", "0.4", "0.1"]),
        ("0.8", "0.45", ["0.4", "0.4"]),
        ("0.85", "0.4", ["0.4", "0.4", "0.1"]),
        ("1.2", "0.4", ["0.4", "0.4", "0.4"]),
        ("1.3", "0.4", ["0.4", "0.4", "0.4"]),
        ("9", "0.4", ["0.4", "0.4", "0.4"]),
        ("0.9", "0.04", ["0.9"]),
    ],
)
def test_what_is_beyond_the_largest_order_is_taken_off_by_several(contracts, largest, asked_for):
    one = make_instrument(lot_size=dec("0.1"), max_contracts=None if largest is None else dec(largest))
    assert one.reducing_orders(dec(contracts), 3) == tuple(map(dec, asked_for))
