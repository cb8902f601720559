"""Cases worked out by hand; they must come out exactly."""

from decimal import Decimal

import pytest

from bot.decisions.cycle import decide
from bot.domain.ids import Asset, Currency
from bot.domain.instruments import ContractKind
from bot.domain.policy import BandPolicy, Destination, Scope
from bot.domain.portfolio import Alias, ExternalHolding, WalletKind
from tests.builders import (
    NOW,
    dec,
    make_account,
    make_balance,
    make_instrument,
    make_margin,
    make_policy,
    make_position,
    make_quote,
    make_snapshot,
)

PRICES = {"BTC": 50_000, "ETH": 2_500, "SOL": 100}
TARGETS = {"BTC": "0.5", "ETH": "0.3", "SOL": "0.2"}


def _linear_market():
    pairs = []
    for asset, price in PRICES.items():
        instrument = make_instrument(asset)
        pairs.append((instrument, make_quote(instrument, price)))
    return pairs


def _orders(decision):
    return {leg.instrument.asset: (leg.side.value, leg.notional_quote) for leg in decision.legs}


@pytest.mark.parametrize(
    ("worth", "orders"),
    [
        (
            {"BTC": 6000, "ETH": 2500, "SOL": 1500},
            {"BTC": ("sell", 1000), "ETH": ("buy", 500), "SOL": ("buy", 500)},
        ),
        (
            {"BTC": 5500, "ETH": 2000, "SOL": 2500},
            {"BTC": ("sell", 500), "ETH": ("buy", 1000), "SOL": ("sell", 500)},
        ),
    ],
)
def test_worked_case_goes_to_target_exactly(worth, orders):
    balances = [make_balance(asset, Decimal(usd) / PRICES[asset]) for asset, usd in worth.items()]
    policy = make_policy(
        TARGETS,
        bands=BandPolicy(
            absolute_frac=dec("0.01"), relative_frac=dec(1), destination=Destination.TARGET, total_frac=None
        ),
    )

    decision = decide(make_snapshot(make_account(balances), _linear_market()), policy, NOW)

    assert decision.valuation.portfolio_value_quote == 10_000
    assert _orders(decision) == orders
    assert not decision.refusals


def test_inverse_contracts_are_sized_at_mark_and_rounded_toward_zero():
    inverse = make_instrument("BTC", inverse=True, lot_size=dec(1))
    pairs = [(inverse, make_quote(inverse, 50_000, mark_price=51_000)), *_linear_market()[1:]]
    balances = [make_balance("BTC", "0.12"), make_balance("ETH", 1), make_balance("SOL", 15)]
    policy = make_policy(TARGETS, asset_contract_kinds={Asset("BTC"): (ContractKind.INVERSE,)})
    account = make_account(balances, margins=[make_margin(), make_margin("BTC", "0.05")])

    decision = decide(make_snapshot(account, pairs), policy, NOW)

    short = next(leg for leg in decision.legs if leg.instrument.asset == "BTC")
    # 0.02 BTC × 51,000 = 1,020 dollars are 10.2 contracts of 100.
    assert (short.side.value, short.contracts) == ("sell", 10)
    line = next(line for line in decision.lines if line.asset == "BTC")
    assert line.hedge_need_quote == -1000
    assert line.residual_quote == -1000 + dec(10) * 100 / 51_000 * 50_000


def test_collateral_of_an_inverse_short_counts_with_its_profit():
    """A short of 10,000 dollars opened at 40,000 against 0.25 BTC is worth 10,000 at any price."""
    inverse = make_instrument("BTC", inverse=True)
    for mark in (25_000, 40_000, 50_000, 80_000):
        profit = dec(-100) * 100 * (1 / dec(40_000) - 1 / dec(mark))
        collateral = make_balance("BTC", "0.25", wallet=WalletKind.INVERSE_FUTURES, unrealised=profit)
        account = make_account(
            [collateral, make_balance("BTC", "0.75")],
            [make_position(inverse, -100, 40_000)],
            [make_margin("BTC", dec("0.25") + profit)],
        )
        decision = decide(
            make_snapshot(account, [(inverse, make_quote(inverse, mark))]),
            make_policy({"BTC": "1"}),
            NOW,
        )
        line = decision.lines[0]
        assert abs(line.holding_base + line.futures_delta_base - dec("0.75")) < dec("1e-20")


def test_cash_in_the_targets_leaves_its_share_unhedged():
    """Scope equity: 0.10 BTC at 50,000 and 5,000 USDT make 10,000; 30 % BTC and 70 % cash want 2,000 less BTC."""
    btc = make_instrument("BTC")
    account = make_account([make_balance("BTC", "0.1"), make_balance("USDT", 5000)])
    policy = make_policy({"BTC": "0.3", "CASH": "0.7"}, scope=Scope.EQUITY)

    decision = decide(make_snapshot(account, [(btc, make_quote(btc, 50_000))]), policy, NOW)

    assert decision.valuation.portfolio_value_quote == 10_000
    assert _orders(decision) == {"BTC": ("sell", 2000)}


def test_external_holdings_and_aliases_are_counted_once():
    """0.12 BTC here, a fifth of them wrapped, 1 stETH (1.04 ETH) elsewhere: 6,000 + 2,600; half is 4,300."""
    market = [pair for pair in _linear_market() if pair[0].asset != "SOL"]
    account = make_account([make_balance("BTC", "0.1"), make_balance("WBTC", "0.02")])
    policy = make_policy(
        {"BTC": "0.5", "ETH": "0.5"},
        aliases=(
            Alias(coin=Currency("WBTC"), asset=Asset("BTC")),
            Alias(coin=Currency("STETH"), asset=Asset("ETH"), ratio=dec("1.04")),
        ),
    )
    external = [ExternalHolding(asset=Asset("STETH"), amount_base=dec(1), as_of=NOW)]

    decision = decide(make_snapshot(account, market, external=external), policy, NOW)

    assert decision.valuation.portfolio_value_quote == 8600
    assert _orders(decision) == {"BTC": ("sell", 1700), "ETH": ("buy", 1700)}
