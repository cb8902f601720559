"""What does the bot do when margin, liquidation or funding are not what they seem?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.paper import PaperVenue
from bot.domain.events import FundingSettled
from bot.domain.ids import Symbol
from bot.domain.policy import RiskLimits
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.exchange.faults import FillOnly, Refuse
from tests.engine.rig import BTC_PERP, ETH_PERP, Rig
from tests.pains.scenes import HOUR, MINUTE
from tests.simulation.test_scenarios import Owner

pytestmark = [pytest.mark.seconds(20), pytest.mark.usefixtures("quiet")]


# --- liquidation price null or wrong ------------------------------------------------------------

Lie = Callable[[FuturesPosition], Decimal | None]
MARKS = {BTC_PERP: Decimal(50_000), ETH_PERP: Decimal(2_500)}
#: What a venue may say of liquidation that is not so. Hedges are a short of BTC and a long of ETH, far from it.
LIES: dict[str, Lie] = {
    "nothing": lambda _: None,
    "on the side that wins": lambda one: MARKS[one.symbol] * (Decimal("1.2") if one.contracts > 0 else Decimal("0.8")),
    "of another contract": lambda one: Decimal(50_000 if one.contracts > 0 else 2_500),
    "a thousand times as far": lambda one: MARKS[one.symbol] * 1000 if one.contracts < 0 else Decimal("0.01"),
    "below nothing": lambda _: Decimal(-70_000),
}


def lying(lie: Lie) -> type[PaperVenue]:
    """Return a venue that says of liquidation what is not so."""

    class Liar(PaperVenue):
        async def fetch_account(self) -> AccountState:
            account = await super().fetch_account()
            told = tuple(replace(one, liquidation_price=lie(one)) for one in account.positions)
            return replace(account, positions=told)

    return Liar


@pytest.mark.parametrize("lie", list(LIES))
def test_a_liquidation_price_that_cannot_be_costs_no_hedge_and_moves_no_stop(lie: str) -> None:
    honest = Rig()
    honest.run(3 * HOUR)
    wanted = {(one.symbol, one.contracts, one.trigger_price) for one in honest.stops()}
    assert len(wanted) == 2
    rig = Rig()
    rig.venue_kind = lying(LIES[lie])
    rig.run(3 * HOUR)
    assert {symbol: rig.held(symbol) for symbol in MARKS} == {symbol: honest.held(symbol) for symbol in MARKS}
    assert {(one.symbol, one.contracts, one.trigger_price) for one in rig.stops()} == wanted
    rig.is_well()


def test_a_liquidation_price_that_is_nearer_than_ours_is_believed_and_the_stop_stands_before_it() -> None:
    rig = Rig()
    rig.venue_kind = lying(lambda one: MARKS[one.symbol] * (Decimal("0.9") if one.contracts > 0 else Decimal("1.1")))
    rig.run(HOUR)
    assert len(rig.stops()) == 2
    for stop in rig.stops():
        distance = abs((stop.trigger_price or 0) / MARKS[stop.symbol] - 1)
        assert distance < Decimal("0.1"), "the stop is met first"
    assert rig.exchange.floor.liquidations == []


# --- a gate blocks a close ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "limits",
    [
        {"max_leverage": Decimal("0.000001")},
        {"max_order_frac": Decimal("0.000001")},
        {"max_turnover_frac": Decimal("0.000001")},
        {"stress_frac": Decimal("0.99"), "stress_maintenance_multiple": Decimal(1000)},
        {"max_increasing_orders_per_minute": 0},
        {"max_mark_index_frac": Decimal("0.0000001"), "max_last_mark_frac": Decimal("0.0000001")},
        {"max_order_depths": Decimal("0.000001")},
    ],
    ids=lambda limits: next(iter(limits)),
)
def test_no_limit_keeps_a_position_from_being_closed(limits: dict[str, Any]) -> None:
    rig = Rig()
    rig.run(HOUR)
    assert rig.held()
    rig.policy = replace(rig.policy, limits=RiskLimits(**limits))
    rig.run(10 * MINUTE, lambda bot: bot.control.flatten("owner"))
    assert (rig.held(), rig.held(ETH_PERP), rig.stops()) == (0, 0, [])
    rig.is_well()


def test_a_wallet_without_a_free_dollar_still_lets_a_hedge_be_closed() -> None:
    rig = Rig()
    rig.run(HOUR)
    # Nothing is free for an order any more: the whole margin balance is what the positions need.
    rig.exchange.set_leverage(BTC_PERP, Decimal(1))
    rig.exchange.set_leverage(ETH_PERP, Decimal(1))
    margin = rig.exchange.margins()[0]
    rig.exchange.deposit(margin.wallet, margin.currency, -(margin.margin_balance - margin.initial))
    rig.run(20 * MINUTE, lambda bot: bot.control.flatten("owner"))
    assert (rig.held(), rig.held(ETH_PERP), rig.stops()) == (0, 0, [])
    assert rig.exchange.floor.liquidations == []


def test_a_venue_that_refuses_a_close_for_margin_is_asked_again_and_told_of() -> None:
    rig = Rig()
    rig.run(HOUR)
    rig.exchange.faults.on("submit", Refuse(code="insufficient_margin"), times=10_000)
    rig.run(10 * MINUTE, lambda bot: bot.control.flatten("owner"))
    assert rig.held()
    assert "flatten_incomplete" in rig.alerts()
    assert len(rig.stops()) == 2, "what is still open keeps its stop"
    rig.exchange.faults.clear()
    rig.run(10 * MINUTE)
    assert (rig.held(), rig.held(ETH_PERP), rig.stops()) == (0, 0, [])
    rig.is_well()


# --- partial fill and dust ----------------------------------------------------------------------


def test_a_lot_that_grew_beyond_what_is_left_holds_up_neither_stop_nor_close_nor_the_other_coin() -> None:
    """The venue makes the lot ten times as large: of 0.018 BTC, 0.008 are dust."""
    rig = Rig()
    rig.run(HOUR)
    assert rig.held() == Decimal("-0.018")
    rig.exchange.change_terms(BTC_PERP, lot=Decimal("0.01"))
    rig.run(3 * HOUR)
    rig.is_well()
    rig.run(20 * MINUTE, lambda bot: bot.control.flatten("owner"))
    assert (rig.held(), rig.held(ETH_PERP), rig.stops()) == (0, 0, [])


@pytest.mark.parametrize("lot", ["0.001", "0.01"], ids=["a lot below the smallest order", "a tenth of a lot"])
def test_what_a_close_leaves_after_a_partial_fill_is_closed_however_small_it_is(lot: str) -> None:
    rig = Rig()
    rig.run(HOUR)
    rig.exchange.change_terms(BTC_PERP, min_notional_quote=Decimal(1_000), lot=Decimal(lot))
    rig.exchange.faults.add(
        lambda call, request: (
            FillOnly(Decimal("0.017"))
            if call == "submit" and request is not None and request.symbol == BTC_PERP and request.trigger_price is None
            else None
        )
    )
    rig.run(20 * MINUTE, lambda bot: bot.control.flatten("owner"))
    fills = [trade.contracts for trade in rig.exchange.floor.trades if trade.symbol == BTC_PERP]
    assert len(fills) == 3
    assert fills[0] == sum(fills[1:]) == Decimal("0.018")
    assert (rig.held(), rig.held(ETH_PERP), rig.stops()) == (0, 0, [])
    rig.is_well()


def test_a_smallest_order_that_grew_beyond_the_gap_is_reported_and_holds_up_nothing() -> None:
    owner = Owner()
    owner.exchange.change_terms(BTC_PERP, min_notional_quote=Decimal(5_000))
    owner.run(3 * HOUR)
    assert owner.held() == 0
    assert owner.exchange.floor.accounts.contracts_of(Symbol("ETH/USDT:USDT")) > 0, "the other coin is hedged"
    decision = owner.bot.rebalance.last_decision  # type: ignore[union-attr]
    assert decision is not None
    (line,) = [one for one in decision.lines if one.asset == "BTC"]
    assert "less than the smallest order" in line.reason
    owner.is_well()


# --- funding ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["0.0003", "-0.0003"])
def test_funding_is_booked_with_the_sign_that_the_wallet_felt(rate: str) -> None:
    rig = Rig(funding_rate=Decimal(rate))
    rig.run(9 * HOUR)
    paid = {one.symbol: one.amount for one in rig.exchange.floor.funding}
    assert len(paid) == 2
    # A short receives where the rate is positive, a long pays.
    assert (paid[BTC_PERP] > 0) is (Decimal(rate) > 0)
    assert (paid[ETH_PERP] > 0) is (Decimal(rate) < 0)
    assert {one.symbol: one.amount for one in rig.facts(FundingSettled)} == paid
    rig.is_well()


def test_an_interval_that_goes_from_eight_hours_to_one_overnight_loses_and_invents_no_payment() -> None:
    rig = Rig()
    start = rig.exchange.now
    schedule = tuple(
        (start + after, every, Decimal("0.0002"))
        for after, every in ((timedelta(0), 8 * HOUR), (8 * HOUR, HOUR), (12 * HOUR, 4 * HOUR))
    )
    rig = Rig(funding_schedule={Symbol("BTC"): schedule})
    rig.run(25 * HOUR)
    settled = [one for one in rig.exchange.floor.funding if one.symbol == BTC_PERP]
    booked = [one for one in rig.facts(FundingSettled) if one.symbol == BTC_PERP]
    assert [(one.settled_at, one.amount) for one in booked] == [(one.at, one.amount) for one in settled]
    assert len(settled) >= 7
    assert "funding_gap" not in rig.alerts()
    rig.is_well()
