"""Which terms do contracts have, and does their arithmetic agree with a reckoning in fractions?"""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.ids import Asset, Symbol
from bot.exchange.contracts import list_contracts
from tests.exchange.trading import INVERSE, LINEAR

CONTRACTS = list_contracts({Asset("BTC"): Decimal(50000), Asset("ETH"): Decimal(2500), Asset("SOL"): Decimal(100)})
prices = st.integers(1_000, 2_000_000).map(lambda ticks: Decimal(ticks) / 10)
sizes = st.integers(-100_000, 100_000).filter(bool)


def test_each_asset_has_a_linear_and_an_inverse_perpetual() -> None:
    assert set(CONTRACTS) == {
        f"{asset}/{rest}" for asset in ("BTC", "ETH", "SOL") for rest in ("USDT:USDT", f"USD:{asset}")
    }


@pytest.mark.parametrize(
    ("price", "tick", "lot"),
    [("0.00001", "1E-9", "10000"), ("0.25", "0.00001", "1"), ("12", "0.001", "0.01"), ("90000", "1", "0.00001")],
)
def test_terms_of_other_assets_suit_their_price(price: str, tick: str, lot: str) -> None:
    contract = list_contracts({Asset("XYZ"): Decimal(price)})[Symbol("XYZ/USDT:USDT")]
    assert contract.tick == Decimal(tick)
    # A tick is between 0.1 and 1 bp, a lot not more than some dollars.
    assert Decimal("1e-5") <= contract.tick / Decimal(price) <= Decimal("1e-4")
    assert contract.lot * Decimal(price) <= 10
    assert lot


@given(sizes, prices, prices)
def test_profit_is_the_difference_of_values(contracts: int, entry: Decimal, now: Decimal) -> None:
    linear, inverse = CONTRACTS[LINEAR], CONTRACTS[INVERSE]
    lots = Decimal(contracts) * linear.lot
    profit = linear.value(lots, now) - linear.value(lots, entry)
    assert Fraction(profit) == Fraction(lots) * (Fraction(now) - Fraction(entry))
    coins = inverse.value(Decimal(contracts), now) - inverse.value(Decimal(contracts), entry)
    exact = Fraction(contracts) * 100 * (1 / Fraction(entry) - 1 / Fraction(now))
    assert abs(Fraction(coins) - exact) < Fraction(1, 10**18)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda one: one.symbol)
def test_maintenance_is_continuous_where_brackets_meet(contract) -> None:  # type: ignore[no-untyped-def]
    for below, above in zip(contract.tiers, contract.tiers[1:], strict=False):
        assert below.cap_quote < above.cap_quote
        assert below.max_leverage > above.max_leverage
        at_cap = below.cap_quote * below.maintenance_frac - below.deduction_quote
        assert at_cap == below.cap_quote * above.maintenance_frac - above.deduction_quote


def test_beyond_the_table_the_last_bracket_holds() -> None:
    contract = CONTRACTS[LINEAR]
    assert contract.tier(Decimal(10) ** 12) is contract.tiers[-1]


def test_initial_margin_follows_the_bracket_where_it_allows_less_leverage() -> None:
    contract = CONTRACTS[LINEAR]
    assert contract.initial(Decimal(1), Decimal(50000), Decimal(20)) == 2500
    assert contract.initial(Decimal(2000), Decimal(50000), Decimal(20)) == 10_000_000
