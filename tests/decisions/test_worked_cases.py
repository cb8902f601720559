"""Cases worked out by hand; they must come out exactly."""

import pytest

from bot.domain.books import Books, LegLedger
from bot.domain.ids import Asset, Currency
from bot.domain.instruments import ContractKind
from bot.domain.policy import CASH, Scope
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
from tests.decisions.market import (
    BTC,
    TARGETS,
    coins_worth,
    decide_now,
    line_of,
    linear_market,
    orders_of,
    snapshot_worth,
    to_target,
)

INVERSE = make_instrument("BTC", inverse=True)
INVERSE_BTC = {"asset_contract_kinds": {Asset("BTC"): (ContractKind.INVERSE,)}}


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
def test_ten_thousand_dollars_go_to_target_exactly(worth, orders):
    decision = decide_now(snapshot_worth(worth))

    assert decision.valuation.portfolio_value_quote == 10_000
    assert orders_of(decision) == orders
    assert [line.residual_quote for line in decision.lines] == [0, 0, 0]
    assert not decision.refusals


def test_inverse_contracts_are_sized_at_mark_and_rounded_toward_zero():
    """0.02 BTC × 51,000 = 1,020 dollars are 10.2 contracts of 100: ten are sold."""
    market = [(INVERSE, make_quote(INVERSE, 50_000, mark_price=51_000)), *linear_market("ETH", "SOL")]
    account = make_account(
        coins_worth({"BTC": 6000, "ETH": 2500, "SOL": 1500}), margins=[make_margin(), make_margin("BTC", "0.05")]
    )

    decision = decide_now(make_snapshot(account, market), make_policy(TARGETS, bands=to_target(), **INVERSE_BTC))

    short = next(leg for leg in decision.legs if leg.instrument.asset == "BTC")
    assert (short.side.value, short.contracts) == ("sell", 10)
    line = line_of(decision, "BTC")
    assert line.hedge_need_quote == -1000
    assert line.residual_quote == -1000 + dec(10) * 100 / 51_000 * 50_000


def test_a_whole_number_of_contracts_stays_whole_where_a_coin_count_does_not_end():
    """1,000 dollars at 30,000 are 0.0333… BTC, and exactly ten inverse contracts."""
    account = make_account([make_balance("BTC", "0.2"), make_balance("ETH", 1)], margins=[make_margin("BTC", 1)])
    eth = make_instrument("ETH")
    market = [(INVERSE, make_quote(INVERSE, 30_000)), (eth, make_quote(eth, 4000))]
    policy = make_policy({"BTC": "0.5", "ETH": "0.5"}, bands=to_target(), **INVERSE_BTC)

    decision = decide_now(make_snapshot(account, market), policy)

    assert line_of(decision, "BTC").hedge_need_quote == -1000
    assert [leg.contracts for leg in decision.legs if leg.instrument is INVERSE] == [10]


@pytest.mark.parametrize("mark", [25_000, 40_000, 50_000, 80_000])
def test_an_inverse_short_against_its_coins_is_a_synthetic_dollar(mark):
    """0.25 BTC and a short of 10,000 dollars opened at 40,000 are worth 10,000 dollars at any price."""
    profit = dec(-100) * 100 * (1 / dec(40_000) - 1 / dec(mark))
    account = make_account(
        [
            make_balance("BTC", "0.25", wallet=WalletKind.INVERSE_FUTURES, unrealised=profit),
            make_balance("BTC", "0.75"),
        ],
        [make_position(INVERSE, -100, 40_000)],
        [make_margin("BTC", dec("0.25") + profit)],
    )

    decision = decide_now(make_snapshot(account, [(INVERSE, make_quote(INVERSE, mark))]), make_policy({"BTC": "1"}))

    line = decision.lines[0]
    assert line.holding_base == dec(1) + profit
    assert abs(line.holding_base + line.futures_delta_base - dec("0.75")) < dec("1e-20")
    assert abs(line.exposure_quote - mark * dec("0.75")) < dec("1e-15")


def test_inverse_perpetuals_with_coin_collateral():
    """The whole of it, by hand.

    0.05 BTC in spot; 0.05 BTC of collateral carry a short of 10 × 100 dollars opened at 40,000 and marked at 50,000.
    Its profit is −1000 × (1/40,000 − 1/50,000) = −0.005 BTC, its delta −1000/50,000 = −0.02. The holding is 0.095, net
    0.075 BTC: 3,750 dollars. With 1.7 ETH, 4,250 dollars, V is 4,750 + 4,250 = 9,000: the holding counts whole.
    Targets of 30 % and 70 % are 2,700 and 6,300: sell 1,050 of BTC, 10.5 contracts, of which 10 are traded; buy 2,050
    of ETH.
    """
    account = make_account(
        [
            make_balance("BTC", "0.05"),
            make_balance("BTC", "0.05", wallet=WalletKind.INVERSE_FUTURES, unrealised=dec("-0.005")),
            make_balance("ETH", "1.7"),
        ],
        [make_position(INVERSE, -10, 40_000, liquidation_price=None)],
        [make_margin("BTC", "0.045"), make_margin()],
    )
    market = [(INVERSE, make_quote(INVERSE, 50_000)), *linear_market("ETH")]
    policy = make_policy({"BTC": "0.3", "ETH": "0.7"}, bands=to_target(), **INVERSE_BTC)

    decision = decide_now(make_snapshot(account, market), policy)

    btc = line_of(decision, "BTC")
    assert decision.valuation.portfolio_value_quote == 9000
    assert (btc.holding_base, btc.futures_delta_base) == (dec("0.095"), dec("-0.02"))
    assert (btc.exposure_quote, btc.hedge_need_quote, btc.residual_quote) == (3750, -1050, -50)
    assert orders_of(decision) == {"BTC": ("sell", 1000), "ETH": ("buy", 2050)}


def test_cash_in_the_targets_leaves_its_share_unhedged():
    """Scope equity, by hand.

    0.1 BTC (5,000) and 5,000 USDT, of which 2,000 in the futures wallet with a long of 0.02 BTC that has lost 100: V is
    5,000 + 4,900. Net BTC is 0.12 (6,000); 40 % of 9,900 is 3,960: the long is closed, and 1,040 sold short.
    """
    account = make_account(
        [
            make_balance("BTC", "0.1"),
            make_balance("USDT", 3000),
            make_balance("USDT", 2000, wallet=WalletKind.LINEAR_FUTURES, unrealised=dec(-100)),
        ],
        [make_position(BTC, "0.02", 55_000, liquidation_price=dec(1000))],
    )
    ledgers = {(BTC.venue, BTC.symbol): LegLedger(contracts=dec("0.02"), cash_contract_value=dec(-1100))}
    policy = make_policy({"BTC": "0.4", "CASH": "0.6"}, scope=Scope.EQUITY, bands=to_target())

    decision = decide_now(make_snapshot(account, linear_market("BTC"), books=Books(ledgers=ledgers)), policy)

    assert decision.valuation.portfolio_value_quote == 9900
    assert [(leg.side.value, leg.contracts, leg.reduce_only) for leg in decision.legs] == [
        ("sell", dec("0.02"), True),
        ("sell", dec("0.0208"), False),
    ]
    cash = line_of(decision, CASH)
    assert (cash.holding_base, cash.exposure_quote, cash.hedge_need_quote) == (4900, 3900, 0)
    assert cash.weight == 1 - line_of(decision, "BTC").weight
    assert cash.target_weight == dec("0.6")


@pytest.mark.parametrize(("cash", "is_outside"), [(5999, False), (6000, False), (6300, True), (5600, True)])
def test_cash_is_outside_its_band_on_either_side(cash, is_outside):
    """4,000 dollars of BTC beside 6,000 of cash are 40 and 60 %; a point either way is inside."""
    account = make_account([make_balance("BTC", "0.08"), make_balance("USDT", cash)])
    policy = make_policy({"BTC": "0.4", "CASH": "0.6"}, scope=Scope.EQUITY, bands=to_target())

    decision = decide_now(make_snapshot(account, linear_market("BTC")), policy)

    assert line_of(decision, CASH).is_outside_band is is_outside


def test_external_holdings_and_aliases_are_counted_once():
    """0.1 BTC and 0.02 WBTC here, 1 stETH (1.04 ETH) in cold storage: 6,000 + 2,600 dollars; half is 4,300."""
    account = make_account([make_balance("BTC", "0.1"), make_balance("WBTC", "0.02")])
    policy = make_policy(
        {"BTC": "0.5", "ETH": "0.5"},
        aliases=(
            Alias(coin=Currency("WBTC"), asset=Asset("BTC")),
            Alias(coin=Currency("STETH"), asset=Asset("ETH"), ratio=dec("1.04")),
        ),
    )
    external = [ExternalHolding(asset=Asset("STETH"), amount_base=dec(1), as_of=NOW)]

    decision = decide_now(make_snapshot(account, linear_market("BTC", "ETH"), external=external), policy)

    assert decision.valuation.portfolio_value_quote == 8600
    assert orders_of(decision) == {"BTC": ("sell", 1700), "ETH": ("buy", 1700)}
    assert decision.valuation.ignored == ()
