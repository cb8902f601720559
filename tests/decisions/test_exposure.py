"""What is held, net of futures, and what it is worth."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.decisions.exposure import measure_exposure, terms_of, traded_terms
from bot.domain.books import Books, LegLedger
from bot.domain.errors import IncompleteData
from bot.domain.events import ContractTermsNoted
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.market import CoinPrice
from bot.domain.policy import Scope
from bot.domain.portfolio import Alias, WalletKind
from bot.domain.snapshot import Snapshot
from tests.builders import (
    NOW,
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
from tests.decisions.market import BTC, linear_market, snapshot_worth

POLICY = make_policy({"BTC": "1"})
INVERSE = make_instrument("BTC", inverse=True)
LEG = (BTC.venue, BTC.symbol)


def _btc(snapshot, policy=POLICY):
    return measure_exposure(snapshot, policy).by_asset[Asset("BTC")]


def _profit(ledger, *, rates=None, foreign=(), settled="0"):
    books = Books(ledgers={LEG: ledger}, settled_profit_quote=dec(settled))
    policy = make_policy({"BTC": "1"}, foreign_symbols=frozenset(foreign))
    snapshot = snapshot_worth({"BTC": 5000}, market=linear_market("BTC"), books=books, rates=rates)
    return measure_exposure(snapshot, policy).valuation.hedge_profit_quote


def test_a_holding_is_the_equity_of_every_wallet_pending_coins_and_borrowing_included():
    account = make_account(
        [
            make_balance("BTC", "1", pending=dec("0.5")),
            make_balance("BTC", "-0.25", wallet=WalletKind.UNIFIED),
            make_balance("BTC", "0.1", wallet=WalletKind.INVERSE_FUTURES, unrealised=dec("-0.05")),
        ]
    )

    assert _btc(make_snapshot(account, linear_market("BTC"))).holding_base == dec("1.3")


def test_delta_adds_up_over_instruments_and_leaves_out_reserved_symbols():
    other = make_instrument("BTC", symbol=Symbol("BTC/USDC:USDC"))
    positions = [
        make_position(BTC, "-0.5", 50_000),
        make_position(INVERSE, "100", 50_000),
        make_position(other, "3", 50_000),
    ]
    market = [*linear_market("BTC"), (INVERSE, make_quote(INVERSE, 50_000)), (other, make_quote(other, 50_000))]
    account = make_account([make_balance("BTC", 1)], positions)
    policy = make_policy({"BTC": "1"}, foreign_symbols=frozenset({other.symbol}))

    exposure = _btc(make_snapshot(account, market), policy)

    assert exposure.futures_delta_base == dec("-0.5") + dec("0.2")
    assert exposure.exposure_quote == 35_000


def test_untargeted_coins_are_listed_and_count_for_nothing():
    account = make_account([make_balance("BTC", 1), make_balance("DOGE", 5), make_balance("XRP", 0)])

    valuation = measure_exposure(make_snapshot(account, linear_market("BTC")), POLICY).valuation

    assert valuation.ignored == ("DOGE",)
    assert valuation.portfolio_value_quote == 50_000


def test_the_index_is_the_median_over_the_venues_and_each_venue_counts_once():
    market = linear_market("BTC")
    for name, price in (("a", 50_100), ("b", 60_000)):
        for symbol in ("BTC/USDT:USDT", "BTC/USDC:USDC"):
            one = make_instrument(venue=VenueId(name), symbol=Symbol(symbol))
            market.append((one, make_quote(one, price)))

    exposure = _btc(make_snapshot(make_account([make_balance("BTC", 1)]), market))

    assert exposure.index_price == 50_100


def test_an_asset_without_an_index_refuses_the_look():
    with pytest.raises(IncompleteData, match="ETH"):
        measure_exposure(
            make_snapshot(make_account([make_balance("BTC", 1)]), linear_market("BTC")),
            make_policy({"BTC": "0.5", "ETH": "0.5"}),
        )


def test_an_asset_without_a_contract_is_worth_what_the_coin_costs():
    whole = make_snapshot(make_account([make_balance("BTC", 1), make_balance("ETH", 2)]), linear_market("BTC"))
    policy = make_policy({"BTC": "0.5", "ETH": "0.5"})
    exposures = measure_exposure(replace(whole, coin_prices={Asset("ETH"): _coin("ETH", 2500)}), policy)
    assert exposures.by_asset[Asset("ETH")].index_price == 2500
    with pytest.raises(IncompleteData, match="told in USD"):
        measure_exposure(replace(whole, coin_prices={Asset("ETH"): _coin("ETH", 2500, "FDUSD")}), policy)


def _coin(asset, price, quote="USDT"):
    return CoinPrice(asset=Asset(asset), quote=Currency(quote), price=dec(price), as_of=NOW)


def test_an_index_in_a_currency_of_unknown_worth_is_no_index():
    account = make_account([make_balance("BTC", 1)])

    with pytest.raises(IncompleteData, match="told in USD"):
        measure_exposure(make_snapshot(account, linear_market("BTC"), rates={"USDC": "1"}), POLICY)


def test_a_wallet_that_cannot_be_read_refuses_the_look():
    account = make_account([make_balance("BTC", 1)], unreadable_wallets=("earn", "margin"))

    with pytest.raises(IncompleteData, match="earn, margin"):
        measure_exposure(make_snapshot(account, linear_market("BTC")), POLICY)


def test_an_empty_portfolio_refuses_the_look():
    with pytest.raises(IncompleteData, match="nothing to keep weights of"):
        measure_exposure(snapshot_worth({}), POLICY)


@pytest.mark.parametrize(
    ("rate", "counts_for", "warnings"),
    [("0.99", "1", 0), ("1.01", "1", 0), ("0.9899", "0.9899", 1), ("1.0101", "1.0101", 1)],
)
def test_a_stablecoin_counts_as_a_dollar_within_a_hundredth(rate, counts_for, warnings):
    exposures = measure_exposure(snapshot_worth({"BTC": 5000}, rates={"USDT": rate}), POLICY)

    assert exposures.usd_rates[Currency("USDT")] == dec(counts_for)
    assert len(exposures.warnings) == warnings
    assert exposures.by_asset[Asset("BTC")].index_price == 50_000 * dec(counts_for)


def test_hedge_profit_is_trades_funding_and_fees_less_what_was_settled():
    """Sold 0.1 at 52,000, marked at 50,000: +200; funding −3; fees 2 USDT; 50 were taken out."""
    ledger = LegLedger(
        contracts=dec("-0.1"),
        cash_contract_value=dec(5200),
        funding=dec(-3),
        fees_paid={Currency("USDT"): dec(2), Currency("BNB"): dec(1)},
    )

    assert _profit(ledger) == 195
    assert _profit(ledger, settled="50") == 145
    assert _profit(ledger, rates={"USDT": "0.9"}) == dec(195) * dec("0.9")
    assert _profit(ledger, foreign={BTC.symbol}) == 0


def test_contract_size_is_part_of_the_profit():
    thousand = make_instrument("BTC", contract_size=dec("0.001"))
    books = Books(ledgers={LEG: LegLedger(contracts=dec(100), cash_contract_value=dec(-4_900_000))})
    snapshot = make_snapshot(
        make_account([make_balance("BTC", 1)]), [(thousand, make_quote(thousand, 50_000))], books=books
    )

    assert measure_exposure(snapshot, POLICY).valuation.hedge_profit_quote == 100


def test_profit_in_coins_is_in_the_holding_and_not_counted_again():
    books = Books(ledgers={(INVERSE.venue, INVERSE.symbol): LegLedger(contracts=dec(-10), funding=dec(1))})
    snapshot = make_snapshot(
        make_account([make_balance("BTC", 1)]), [(INVERSE, make_quote(INVERSE, 50_000))], books=books
    )

    assert measure_exposure(snapshot, POLICY).valuation.hedge_profit_quote == 0


def test_scope_assets_adds_profit_and_scope_equity_adds_cash():
    books = Books(ledgers={LEG: LegLedger(cash_contract_value=dec(300))})
    account = make_account(
        [
            make_balance("BTC", "0.1"),
            make_balance("USDT", 4000, wallet=WalletKind.LINEAR_FUTURES, unrealised=dec(-500)),
            make_balance("USD", 500),
            make_balance("USDC", 0),
        ]
    )
    snapshot = make_snapshot(account, linear_market("BTC"), books=books)

    assets = measure_exposure(snapshot, POLICY).valuation
    equity = measure_exposure(snapshot, make_policy({"BTC": "1"}, scope=Scope.EQUITY)).valuation

    assert (assets.portfolio_value_quote, assets.hedge_profit_quote) == (5300, 300)
    assert (equity.portfolio_value_quote, equity.cash_quote) == (9000, 4000)


def test_cash_off_its_peg_counts_for_what_it_is_worth():
    account = make_account([make_balance("BTC", "0.1"), make_balance("USDT", 4000)])
    snapshot = make_snapshot(account, linear_market("BTC"), rates={"USDT": "0.9"})

    assert measure_exposure(snapshot, POLICY).valuation.cash_quote == 3600


def test_a_coin_that_counts_as_another_counts_by_its_ratio():
    account = make_account([make_balance("BTC", "0.1"), make_balance("TWO", "0.1", pending=dec("0.05"))])
    policy = make_policy({"BTC": "1"}, aliases=(Alias(coin=Currency("TWO"), asset=Asset("BTC"), ratio=dec(2)),))

    assert _btc(make_snapshot(account, linear_market("BTC")), policy).holding_base == dec("0.4")


def test_cash_of_unknown_worth_refuses_the_look():
    account = make_account([make_balance("BTC", 1), make_balance("USDC", 5)])

    with pytest.raises(IncompleteData, match="no rate for USDC"):
        measure_exposure(make_snapshot(account, linear_market("BTC")), POLICY)


@pytest.mark.parametrize("lacks", ["instruments", "quotes"])
def test_a_position_without_terms_or_price_refuses_the_look(lacks):
    whole = make_snapshot(
        make_account([make_balance("BTC", 1)], [make_position(BTC, 1, 50_000)]),
        [*linear_market("BTC"), (INVERSE, make_quote(INVERSE, 50_000))],
    )
    parts = {name: getattr(whole, name) for name in Snapshot.__dataclass_fields__}
    parts[lacks] = {leg: one for leg, one in parts[lacks].items() if leg != LEG}
    if lacks == "instruments":
        parts["quotes"] = {leg: one for leg, one in parts["quotes"].items() if leg != LEG}

    with pytest.raises(IncompleteData, match="gives no terms or no price"):
        measure_exposure(Snapshot(**parts), POLICY)


def test_terms_of_a_known_leg_are_its_contract_and_quote():
    snapshot = snapshot_worth({"BTC": 5000}, at=NOW + timedelta(0))

    assert terms_of((VENUE, BTC.symbol), snapshot)[0] is BTC


def test_what_has_expired_counts_by_the_terms_it_was_traded_with():
    """The venue has forgotten the contract; what it brought stays: 300 of contract value, at ten coins a contract."""
    gone = (VENUE, Symbol("BTC/USDT:USDT-240329"))
    terms = ContractTermsNoted(
        at=NOW,
        venue=VENUE,
        symbol=gone[1],
        asset=Asset("BTC"),
        is_linear=True,
        contract_size=dec(10),
        quote=Currency("USDT"),
        settle=Currency("USDT"),
    )
    flat = Books(ledgers={gone: LegLedger(cash_contract_value=dec(300))}, terms={gone: terms})
    snapshot = snapshot_worth({"BTC": 5000}, market=linear_market("BTC"), books=flat)

    assert measure_exposure(snapshot, POLICY).valuation.hedge_profit_quote == 3_000

    settled_unseen = Books(
        ledgers={gone: LegLedger(contracts=dec("0.01"))}, terms={gone: terms}, locks={gone: (NOW, "it does not add up")}
    )
    locked = snapshot_worth({"BTC": 5000}, market=linear_market("BTC"), books=settled_unseen)
    assert measure_exposure(locked, POLICY).valuation.hedge_profit_quote == 5_000
    alone = make_snapshot(make_account([make_balance("BTC", 1)]), [], books=settled_unseen)
    with pytest.raises(IncompleteData, match="gives an index price for BTC"):
        measure_exposure(alone, POLICY)
    told = replace(alone, coin_prices={Asset("BTC"): _coin("BTC", 40_000)})
    assert measure_exposure(told, POLICY).valuation.hedge_profit_quote == 4_000
    with pytest.raises(IncompleteData, match="held or was traded"):
        traded_terms(gone, alone)

    still_open = Books(ledgers={gone: LegLedger(contracts=dec(1))}, terms={gone: terms})
    with pytest.raises(IncompleteData, match="held or was traded"):
        measure_exposure(snapshot_worth({"BTC": 5000}, market=linear_market("BTC"), books=still_open), POLICY)
