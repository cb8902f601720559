"""Is every payment booked, and is a hedge that costs too much made smaller and kept small?"""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from bot.adapters.paper import PAPER
from bot.domain.errors import VenueUnavailable
from bot.domain.events import CeilingReleased, CeilingSet, FundingSettled, LookTaken, OrderIntended
from bot.domain.ids import Currency, Symbol
from bot.domain.instruments import Tenor
from bot.domain.market import FundingRate
from bot.domain.orders import OrderType, Purpose, Side, TimeInForce
from bot.exchange.faults import FailRead, LoseRequest, OmitFunding
from bot.exchange.orders import OrderRequest
from bot.exchange.static_market import DEFAULT_START
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, HOUR, MINUTE, RARE, Died, Rig, a_policy

pytestmark = [pytest.mark.slow, pytest.mark.seconds(45)]

DAY = timedelta(days=1)
#: A crisis: −2 % at each settlement, every 8 hours, then 4, then 2, then 8 again, and at last it is over.
CRISIS = (
    (0.5, 8, "-0.02"),
    (16, 4, "-0.02"),
    (24, 2, "-0.02"),
    (32, 8, "-0.02"),
    (40, 8, "0.0001"),
)
#: When the crisis settles, in hours from the start.
SETTLED = [8, 16, 20, 24, 26, 28, 30, 32, 40]


def hours(count: float) -> datetime:
    return DEFAULT_START + timedelta(hours=count)


def rig(*schedule: tuple[float, int, str], **more: Any) -> Rig:
    """BTC's funding follows the script, once the hedge is on; ETH pays nothing."""
    script = tuple((hours(begin), timedelta(hours=every), Decimal(rate)) for begin, every, rate in schedule)
    return Rig(**{"funding_schedule": {BTC: script}, "policy": a_policy(watch=RARE)} | more)


def purposes(one: Rig) -> list[Purpose]:
    return [fact.intent.purpose for fact in one.facts(OrderIntended)]


def paid(one: Rig, symbol: str = BTC_PERP) -> list[FundingSettled]:
    return [fact for fact in one.facts(FundingSettled) if fact.symbol == symbol]


def test_every_payment_of_a_changing_interval_is_booked_to_the_last_digit() -> None:
    one = rig(*CRISIS)
    held: dict[datetime, Decimal] = {}
    for hour in SETTLED:
        one.run(hours(hour) - one.exchange.now - MINUTE)
        held[hours(hour)] = one.held()
        one.run(2 * MINUTE)
    one.run(20 * MINUTE)

    by_hand = {at: -Fraction("-0.02") * Fraction(contracts) * 50_000 for at, contracts in held.items()}
    booked = {fact.settled_at: Fraction(fact.amount) for fact in paid(one)}
    assert booked == by_hand
    ledger = one.journal.books.ledger(PAPER, BTC_PERP)
    assert Fraction(ledger.funding) == sum(by_hand.values())
    assert "funding_gap" not in one.alerts()
    # The time that each pays for is the time since the one before.
    record = one.journal.books.funding[PAPER, BTC_PERP]
    assert [payment.span / HOUR for payment in record.payments if payment.span] == [8, 8, 4, 4, 2, 2, 2, 2, 8]


def test_a_crisis_alerts_then_halves_the_hedge_and_the_ceiling_holds_until_it_is_over() -> None:
    one = rig(*CRISIS)
    one.run(HOUR)
    full = one.held()
    assert full < 0
    assert "funding_high" in one.alerts()
    # Two settlements are not three.
    one.run(18 * HOUR)
    assert one.held() == full
    assert one.facts(CeilingSet) == []
    # The third is at 20 o'clock.
    one.run(90 * MINUTE)
    assert one.held() == full / 2
    assert "leg_reduced" in one.alerts()
    (ceiling,) = one.facts(CeilingSet)
    assert (ceiling.cause, ceiling.max_delta_base, ceiling.release_at) == ("funding", abs(full / 2), None)
    assert purposes(one).count(Purpose.DELEVERAGE) == 1

    # Looks every hour want the hedge back and do not get it; after three more settlements half of it goes again.
    looks = len(one.facts(LookTaken))
    one.run(5 * HOUR)
    assert len(one.facts(LookTaken)) >= looks + 5
    assert one.held() == full / 2
    one.run(3 * HOUR)
    # 24, 26 and 28 o'clock; of nine lots four go.
    assert one.held() == Decimal("-0.005")
    one.is_well()

    # 30, 32 and 40 o'clock are dear, 48 and 56 are not, and the third that is not is at 64.
    one.run(hours(63.9) - one.exchange.now)
    kept = one.held()
    assert kept == Decimal("-0.003")
    assert one.facts(CeilingReleased) == []
    one.run(3 * HOUR)
    (released,) = one.facts(CeilingReleased)
    assert released.cause == "funding"
    # What the crisis has cost makes the same coins weigh more, so that a lot more is hedged.
    assert one.held() == full - Decimal("0.001")
    assert one.alerts() == set()
    one.is_well()


def test_a_crisis_moves_the_hedge_to_a_contract_that_is_cheaper_before_it_costs_anything() -> None:
    crisis = tuple((begin + 24, every, rate) for begin, every, rate in CRISIS)
    tenors = (Tenor.PERPETUAL, Tenor.DATED)
    one = rig(
        (0.2, 8, "0.0001"), *crisis, policy=a_policy(tenors=tenors, watch=RARE), dated_basis_annual=Decimal("-0.02")
    )
    one.run(23 * HOUR)
    full = one.held()
    assert full < 0
    one.run(hours(24.9) - one.exchange.now)
    assert "funding_high" in one.alerts()
    one.run(2 * HOUR)
    held = {symbol: position.contracts for symbol, position in one.exchange.floor.accounts.positions.items()}
    (dated,) = [symbol for symbol in held if symbol.startswith("BTC/")]
    assert dated != BTC_PERP
    assert held[dated] == full
    assert one.facts(CeilingSet) == []
    # What was paid is from before the crisis: received, by a short.
    one.run(2 * DAY)
    assert all(fact.amount > 0 for fact in paid(one))
    assert one.alerts() == set()
    one.is_well()


def test_a_ceiling_survives_a_restart_and_the_stop_has_the_size_of_what_is_left() -> None:
    one = rig((0.5, 1, "-0.001"))
    one.run(220 * MINUTE)
    held = one.held()
    assert purposes(one).count(Purpose.DELEVERAGE) == 1
    one.run(2 * HOUR)
    assert one.held() == held
    assert [stop.contracts for stop in one.stops() if stop.symbol == BTC_PERP] == [abs(held)]
    one.is_well()


def test_two_legs_of_an_asset_that_are_halved_together_leave_a_ceiling_of_what_both_hold_then() -> None:
    """The owner has sold the inverse perpetual besides, which pays as much."""
    one = rig((0.5, 1, "-0.001"), collateral={Currency("USDT"): Decimal(6000), Currency("BTC"): Decimal("0.05")})
    one.run(40 * MINUTE)
    inverse = Symbol("BTC/USD:BTC")
    by_hand = {"symbol": inverse, "side": Side.SELL, "type": OrderType.MARKET, "time_in_force": TimeInForce.IOC}
    one.exchange.submit(OrderRequest(**by_hand, contracts=Decimal(4)))
    one.run(180 * MINUTE)

    assert one.held() == Decimal("-0.017")
    assert one.exchange.floor.accounts.contracts_of(inverse) == -2
    # Two contracts of 100 USD are 0.004 BTC.
    assert one.journal.books.ceilings[BTC, "funding"].max_delta_base == Decimal("0.021")
    assert purposes(one).count(Purpose.DELEVERAGE) == 2
    one.is_well()


def test_a_reduction_that_never_arrived_is_made_up_for_and_made_once() -> None:
    one = rig((0.5, 1, "-0.001"))
    one.run(170 * MINUTE)
    full = one.held()

    def lose_the_reduction(call: str, request: Any) -> Any:
        is_reduction = call == "submit" and request.reduce_only and request.trigger_price is None
        return LoseRequest() if is_reduction else None

    one.exchange.faults.add(lose_the_reduction)
    one.run(80 * MINUTE)
    assert one.held() == full / 2
    assert purposes(one).count(Purpose.DELEVERAGE) == 2
    assert len(one.facts(CeilingSet)) == 1


def test_a_crash_between_ceiling_and_order_is_made_up_for() -> None:
    one = rig((0.5, 1, "-0.001"))
    one.run(170 * MINUTE)
    full = one.held()

    def die(call: str, request: Any) -> None:
        if call == "submit" and request.reduce_only and request.trigger_price is None:
            raise Died

    one.exchange.faults.add(die)
    with pytest.raises(Died):
        one.run(HOUR)
    one.exchange.faults.clear()
    assert (BTC, "funding") in one.journal.reopened().books.ceilings
    one.run(HOUR)
    assert one.held() == full / 2


def test_in_a_hard_halt_nothing_is_reduced_and_in_a_halt_it_is() -> None:
    for is_hard in (True, False):
        one = rig((0.5, 1, "-0.001"))
        one.run(HOUR)
        full = one.held()

        async def halt(bot: Any, is_hard: bool = is_hard) -> None:
            await bot.control.halt("owner", why="a test", is_hard=is_hard)

        one.run(4 * HOUR, halt)
        assert one.held() == (full if is_hard else full / 2)


def test_carry_that_is_received_alerts_nothing_and_is_shown_as_earned() -> None:
    one = rig((0, 8, "0.001"))
    bot = one.run(9 * HOUR)
    assert "funding_high" not in one.alerts()
    row = next(row for row in bot.control.status()["funding"] if row["symbol"] == BTC_PERP)
    assert Fraction(row["earned_quote"]) == Fraction("0.001") * abs(Fraction(one.held())) * 50_000
    assert Fraction(row["day_annual"]) == -Fraction("0.001") * 3 * 365
    assert row["state"] == "settled"
    assert row["interval_hours"] == "8"


# --- gaps --------------------------------------------------------------------------------------


def omit(one: Rig, *settled: float) -> None:
    one.exchange.faults.on("fetch_funding", OmitFunding(frozenset(hours(at) for at in settled)), times=10**6)


def test_a_gap_is_alerted_and_filled_once_the_venue_lists_it() -> None:
    one = rig((0, 8, "0.001"))
    one.run(HOUR)
    omit(one, 8, 16)
    one.run(10 * HOUR)
    # Three hours are not four.
    assert "funding_gap" not in one.alerts()
    bot = one.run(7 * HOUR)
    assert "funding_gap" in one.alerts()
    row = next(row for row in bot.control.status()["funding"] if row["symbol"] == BTC_PERP)
    assert (row["state"], row["since_open_annual"]) == ("unknown", None)
    assert row["gaps"] == ["2024-01-01T08:00:00Z", "2024-01-01T16:00:00Z"]
    one.run(7 * HOUR)
    # The settlement of midnight is listed, so that reading on from the newest would never find the two.
    assert {fact.settled_at for fact in paid(one)} == {hours(24)}
    one.exchange.faults.clear()
    one.run(HOUR)
    assert sorted(fact.settled_at for fact in paid(one)) == [hours(8), hours(16), hours(24)]
    assert "funding_gap" not in one.alerts()
    assert len(paid(one)) == len(one.exchange.floor.funding) / 2


def test_payments_while_the_daemon_was_down_are_no_gap() -> None:
    one = rig((0, 8, "0.001"))
    one.run(HOUR)
    one.exchange.advance(hours(100))
    one.run(HOUR)
    assert len(paid(one)) == 12
    assert "funding_gap" not in one.alerts()


def test_a_gap_while_the_daemon_was_down_is_named() -> None:
    one = rig((0, 8, "0.001"))
    one.run(HOUR)
    one.exchange.advance(hours(50))
    omit(one, 24)
    one.run(HOUR)
    assert "funding_gap" in one.alerts()
    one.exchange.faults.clear()
    one.run(HOUR)
    assert len(paid(one)) == 6


@pytest.mark.parametrize("call", ["fetch_funding", "fetch_funding_rates"])
def test_a_question_that_is_not_answered_is_unknown_and_not_zero(call: str) -> None:
    one = rig((0.5, 1, "-0.001"))
    one.run(HOUR)
    one.exchange.faults.on(call, FailRead(), times=10**6)
    # Looks are skipped where payments cannot be read; nothing is counted, and nothing is reduced.
    bot = one.run(90 * MINUTE)
    rows = {row["symbol"]: row for row in bot.control.status()["funding"]}
    if call == "fetch_funding_rates":
        assert rows[BTC_PERP]["forecast_rate"] is None
        assert rows[BTC_PERP]["forecast_quote"] is None
        assert rows[BTC_PERP]["next_at"] is None
    else:
        assert len(paid(one)) <= 1
        assert one.journal.books.funding[PAPER, BTC_PERP].above <= 1
    one.exchange.faults.clear()
    one.run(2 * HOUR)
    assert len(paid(one)) == len([p for p in one.exchange.floor.funding if p.symbol == BTC_PERP])
    assert purposes(one).count(Purpose.DELEVERAGE) == 1


def test_a_forecast_that_is_not_listed_is_unknown() -> None:
    one = rig((0, 8, "0.001"))

    class Silent(one.venue_kind):  # type: ignore[name-defined,misc]
        async def fetch_funding_rates(self, symbols: Any) -> tuple[FundingRate, ...]:
            if ETH_PERP in symbols:
                raise VenueUnavailable("no")
            return ()

    one.venue_kind = Silent
    bot = one.run(HOUR)
    assert bot.control.status()["funding"] == []
