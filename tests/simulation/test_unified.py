"""What does the whole bot do on one account of spot, cash and margin, where coins stand for the hedge?"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.domain.events import CeilingSet, MarginRungChanged
from bot.domain.ids import Asset, Symbol
from bot.domain.policy import MarginRung
from bot.domain.portfolio import WalletKind
from bot.exchange.accounts import WalletKey
from bot.exchange.records import MovementKind
from tests.simulation.test_margin import FAR_STOP
from tests.simulation.test_scenarios import BTC, EVERY_FEW_MINUTES, HOUR, USDT, Owner

ETH = Asset("ETH")
ETH_PERP = Symbol("ETH/USDT:USDT")
ACCOUNT: WalletKey = (WalletKind.UNIFIED, USDT)


def owner(**changes: Any) -> Owner:
    """10,000 in BTC and 3,000 in ETH, that are to be 70 % and 30 %, and next to no cash."""
    unified = {"unified": {BTC: Decimal("0.95"), ETH: Decimal("0.9")}}
    return Owner(**({"collateral": "20", "spare": "0", "exchange": unified} | changes))


def test_coins_carry_the_hedge_and_no_more_cash_is_asked_for() -> None:
    one = owner()
    one.run(6 * HOUR)
    assert one.held() == Decimal("-0.018")
    assert one.exchange.floor.accounts.contracts_of(ETH_PERP) > 0
    assert not one.alerts() & {"capacity_short", "liquidation_doubt", "owner_flow", "wallet_moved"}
    assert one.bot is not None
    document = one.bot.control.status()
    (wallet,) = document["margin"]
    assert (wallet["wallet"], wallet["currency"]) == ("unified", "USDT")
    pledged = {row["asset"]: row["coins_pledged"] for row in document["assets"]}
    assert pledged["BTC"].startswith("0.2"), "a liquidation would take them"
    one.is_well()


def test_what_is_paid_beyond_the_cash_is_borrowed_and_told_as_the_first_rung() -> None:
    script = [(HOUR, "50000"), (6 * HOUR, "90000"), (9 * HOUR, "72000")]
    one = owner(script=script, stops=FAR_STOP, collateral="1")
    one.run(14 * HOUR)
    accounts = one.exchange.floor.accounts
    assert accounts.wallets[ACCOUNT] < 0, "the fees were more than there was"
    assert "margin" in one.alerts()
    assert {fact.rung for fact in one.facts(MarginRungChanged)} == {MarginRung.WARN}
    assert one.facts(CeilingSet) == [], "coins stand for it: nothing is cut"
    assert one.exchange.floor.liquidations == []
    one.is_well()


def test_a_fall_of_coins_and_hedge_together_climbs_the_ladder_and_liquidates_nothing() -> None:
    # A long of twice the coins: the fall takes its margin and its worth at once.
    script = [(HOUR, "50000"), (30 * HOUR, "22000"), (40 * HOUR, "22000")]
    one = owner(script=script, stops=FAR_STOP, held="0.05", target="0.95", watch=EVERY_FEW_MINUTES)
    one.run(HOUR)
    assert one.held() > 0
    one.run(45 * HOUR)
    assert one.exchange.floor.liquidations == []
    kinds = {movement.kind for movement in one.exchange.floor.accounts.movements}
    assert not kinds & {MovementKind.LIQUIDATION_FEE, MovementKind.INSURANCE}
    one.is_well()


def test_a_restart_takes_the_account_as_it_is() -> None:
    one = owner()
    one.run(3 * HOUR)
    before = dict(one.exchange.floor.accounts.wallets)
    one.run(timedelta(minutes=30))
    assert dict(one.exchange.floor.accounts.wallets) == before
    assert not one.alerts() & {"wallet_moved", "owner_flow"}
    one.is_well()
