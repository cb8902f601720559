"""One account of spot, cash and margin: what coins stand for, what is borrowed, and where it ends."""

from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bot.domain.ids import Currency
from bot.domain.portfolio import WalletKind
from bot.exchange.exchange import Exchange
from bot.exchange.orders import Refused
from bot.exchange.records import MovementKind
from tests.exchange.trading import BTC, DAY, ETH, HOUR, INVERSE, LINEAR, START, buy, held, name, opened, script, sell

USDT = Currency("USDT")
ACCOUNT = (WalletKind.UNIFIED, USDT)
COINS = (WalletKind.UNIFIED, Currency("BTC"))
COUNTED = {BTC: Decimal("0.95"), ETH: Decimal("0.9")}


def unified(folder: Path | None = None, *, cash: int = 1000, btc: str = "1", **changes: Any) -> Exchange:
    """Open an account with one bitcoin of 50,000 and some cash."""
    values: dict[str, Any] = {
        "unified": COUNTED,
        "holdings": {BTC: Decimal(btc)},
        "collateral": {USDT: Decimal(cash)},
        "spare": {},
    }
    return opened(folder, **(values | changes))


def test_everything_lies_in_one_wallet_and_coins_count_for_their_share() -> None:
    exchange = unified(spare={USDT: Decimal(500)})
    assert exchange.floor.accounts.wallets == {ACCOUNT: Decimal(1500), COINS: Decimal(1)}
    (summary,) = exchange.margins()
    assert (summary.wallet, summary.currency) == ACCOUNT
    assert summary.collateral == 47_500
    assert summary.margin_balance == 49_000
    assert INVERSE not in exchange.floor.contracts, "only what settles in cash"


def test_fees_and_losses_beyond_the_cash_are_borrowed_and_coins_stand_for_them() -> None:
    exchange = unified(cash=10, script=script((HOUR, 50_000), (2 * HOUR, 45_000)))
    exchange.advance(START + HOUR)
    buy(exchange, "0.4")
    assert exchange.floor.accounts.wallets[ACCOUNT] > -50
    exchange.advance(START + 2 * HOUR)
    sell(exchange, "0.4")
    owed = -exchange.floor.accounts.wallets[ACCOUNT]
    assert 2000 < owed < 2050, "0.4 × 5,000 and the fees"
    (summary,) = exchange.margins()
    assert summary.margin_balance == Decimal("0.95") * 45_000 - owed
    kinds = {movement.kind for movement in exchange.floor.accounts.movements}
    assert MovementKind.INSURANCE not in kinds, "nobody pays it for us"


def test_a_short_that_the_coins_cover_is_liquidated_by_no_price() -> None:
    exchange = unified(cash=2000, script=script((HOUR, 50_000), (2 * HOUR, 400_000), (3 * HOUR, 1_000)))
    exchange.advance(START + HOUR)
    sell(exchange, "0.9")
    contract = exchange.floor.contracts[LINEAR]
    assert exchange.floor.margin.liquidation_price(contract, exchange.floor) > 1_000_000
    exchange.advance(START + 4 * HOUR)
    assert exchange.floor.liquidations == []
    assert held(exchange) == Decimal("-0.9")


def _surplus(cash: Fraction, entry: Fraction, price: Fraction) -> Fraction:
    """By hand: 3 long bitcoin and one that counts for 95 %; brackets of 50,000 and 600,000 at 0.4 % and 0.5 %."""
    notional = 3 * price
    needed = notional * Fraction(4, 1000) if notional <= 50_000 else notional * Fraction(5, 1000) - 50
    return cash + Fraction(95, 100) * price + 3 * (price - entry) - needed


def test_a_long_is_liquidated_where_coins_and_contracts_have_fallen_together() -> None:
    exchange = unified(script=script((HOUR, 50_000), (2 * HOUR, 50_000), (50 * HOUR, 26_000)))
    exchange.advance(START + HOUR)
    buy(exchange, "3")
    cash = Fraction(exchange.floor.accounts.wallets[ACCOUNT])
    entry = Fraction(exchange.floor.accounts.positions[LINEAR].cost) / 3
    said = exchange.floor.margin.liquidation_price(exchange.floor.contracts[LINEAR], exchange.floor)
    assert abs(_surplus(cash, entry, Fraction(said))) < Fraction(1, 1000)
    exchange.advance(START + 50 * HOUR)
    (liquidation,) = exchange.floor.liquidations
    assert abs(liquidation.margin_balance - liquidation.maintenance) < 1
    fallen = 50_000 - 500 * Decimal((liquidation.at - START - 2 * HOUR).total_seconds()) / 3600
    assert abs(fallen - said) < Decimal("0.1")


def test_what_a_liquidation_leaves_owing_is_owed_as_long_as_coins_stand_for_it() -> None:
    exchange = unified(script=script((HOUR, 50_000), (2 * HOUR, 50_000), (50 * HOUR, 26_000)))
    exchange.advance(START + HOUR)
    buy(exchange, "3")
    exchange.advance(START + 60 * HOUR)
    assert held(exchange) == 0
    assert exchange.floor.accounts.wallets[ACCOUNT] < 0
    assert exchange.floor.accounts.wallets[COINS] == 1, "the venue has taken no coin"
    kinds = {movement.kind for movement in exchange.floor.accounts.movements}
    assert MovementKind.INSURANCE not in kinds
    assert MovementKind.LIQUIDATION_FEE in kinds


def test_margin_bounds_what_may_be_opened_and_there_is_no_other_wallet_to_move_from() -> None:
    exchange = unified()
    with pytest.raises(Refused, match="margin needed"):
        buy(exchange, "25")
    with pytest.raises(Refused, match="0 USDT free"):
        exchange.transfer((WalletKind.SPOT, USDT), ACCOUNT, Decimal(10))


def test_a_restart_goes_on_with_the_same_debts(tmp_path: Path) -> None:
    exchange = unified(tmp_path, cash=10)
    buy(exchange, "0.4", client_order_id=name("one"))
    exchange.advance(START + DAY)
    owed, summary = exchange.floor.accounts.wallets[ACCOUNT], exchange.margins()
    assert owed < 0
    exchange.close()
    again = unified(tmp_path, cash=10)
    assert again.floor.accounts.wallets[ACCOUNT] == owed
    assert again.margins() == summary
    again.close()
