"""Does the checker see what the bot has to keep from for a while? Each promise broken once, and kept once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from bot.adapters.journal.journal import open_journal
from bot.backtest.restraints import Restraints
from bot.domain.events import HoldingsAccepted
from bot.domain.ids import Asset, Currency, Symbol, client_order_id
from bot.domain.orders import OrderState, OrderType, Side
from bot.domain.policy import Policy
from bot.domain.portfolio import WalletKind
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange
from bot.exchange.orders import ExchangeOrder, OrderRequest
from bot.exchange.records import Movement, Trade
from tests.builders import make_intent

BTC, PERP, USDT = Asset("BTC"), Symbol("BTC/USDT:USDT"), Currency("USDT")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
POLICY = Policy(targets={BTC: Decimal(1)})


class World:
    """One coin, an exchange where nothing moves by itself, and what the checker says."""

    def __init__(self, **changes: Any) -> None:
        config = ExchangeConfig(
            market=MarketKind.STATIC,
            assets=(BTC,),
            prices={BTC: Decimal(50_000)},
            holdings={BTC: Decimal("0.2")},
            collateral={USDT: Decimal(5000)},
            spare={USDT: Decimal(3000)},
            transfer_delay=timedelta(seconds=20),
        )
        self.exchange = open_exchange(replace(config, **changes), None)
        self.journal = open_journal(None, now=self.exchange.now, epoch_tail=lambda: "RST")
        self.restraints = Restraints(self.exchange, self.journal, POLICY)
        self.said: list[str] = []
        #: Whether what is traded is the owner's own doing.
        self.is_by_hand = False
        self.exchange.floor.observers.append(self._see)

    def _see(self, at: Any, _kind: str, record: Any) -> None:
        if isinstance(record, Movement):
            self.said.extend(told for holds, told in self.restraints.see_movement(record) if not holds)
        elif isinstance(record, Trade):
            self.restraints.see_trade(at, record, is_ours=not self.is_by_hand)

    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        self.exchange.advance(self.exchange.now + duration)

    def send(self, side: Side, contracts: str, **changes: Any) -> None:
        """Send an order by hand."""
        request = OrderRequest(symbol=PERP, side=side, type=OrderType.MARKET, contracts=Decimal(contracts))
        self.exchange.submit(replace(request, **changes))

    def increase(self, side: Side, contracts: str, decided_on: Decimal | None = None) -> list[str]:
        """Return what is said about an increase that is intended now."""
        now = self.exchange.now
        index = self.exchange.floor.index_of(BTC)
        intent = make_intent(
            side=side,
            contracts=Decimal(contracts),
            reduce_only=False,
            decision_price=decided_on or index,
            intended_at=now,
        )
        order = ExchangeOrder(
            id=99,
            symbol=PERP,
            side=side,
            type=OrderType.LIMIT,
            contracts=Decimal(contracts),
            price=None,
            trigger_price=None,
            time_in_force=intent.time_in_force,
            reduce_only=False,
            client_order_id=client_order_id("TTRST", 9),
            state=OrderState.OPEN,
            created_at=now,
            updated_at=now,
        )
        return [told for holds, told in self.restraints.judge_increase(now, order, intent) if not holds]

    def accept(self, amount: str) -> None:
        """Let the journal know what is held."""
        held = {BTC: Decimal(amount)}
        self.journal.commit(HoldingsAccepted(at=self.exchange.now, holdings_base=held, how="confirmed"))


def _stopped_out() -> World:
    """A short of 0.1 BTC whose stop has closed it."""
    world = World()
    world.send(Side.SELL, "0.1")
    world.send(Side.BUY, "0.1", type=OrderType.STOP_MARKET, trigger_price=Decimal(55_000), reduce_only=True)
    world.exchange.set_price(BTC, Decimal(56_000))
    assert world.exchange.floor.accounts.contracts_of(PERP) == 0
    return world


def test_what_a_stop_has_closed_is_not_put_back_before_its_time() -> None:
    world = _stopped_out()
    world.wait(10 * MINUTE)
    (told,) = world.increase(Side.SELL, "0.05")
    assert "was put back" in told
    world.wait(POLICY.stops.ceiling_duration)
    assert world.increase(Side.SELL, "0.05") == []


def test_an_order_that_was_on_its_way_when_the_stop_fired_is_excused() -> None:
    world = _stopped_out()
    world.wait(timedelta(seconds=20))
    assert world.increase(Side.SELL, "0.05") == []


def test_an_order_that_crosses_a_trade_of_the_owner_is_excused() -> None:
    world = World()
    world.send(Side.SELL, "0.1")
    world.send(Side.BUY, "0.08", type=OrderType.STOP_MARKET, trigger_price=Decimal(55_000), reduce_only=True)
    world.exchange.set_price(BTC, Decimal(56_000))
    world.wait(10 * MINUTE)
    assert world.increase(Side.BUY, "0.01") == []
    world.is_by_hand = True
    world.send(Side.SELL, "0.05")
    assert world.increase(Side.SELL, "0.05") == []
    world.wait(MINUTE)
    (told,) = world.increase(Side.SELL, "0.05")
    assert "was put back" in told


def test_nothing_is_increased_before_the_owner_has_said_what_became_of_his_coins() -> None:
    world = World()
    world.accept("0.2")
    assert world.increase(Side.SELL, "0.05") == []
    world.exchange.deposit(WalletKind.SPOT, Currency(BTC), Decimal("0.05"))
    world.wait(10 * MINUTE)
    (told,) = world.increase(Side.SELL, "0.05")
    assert "before the owner had said" in told
    world.accept("0.25")
    assert world.increase(Side.SELL, "0.05") == []


def test_a_small_change_of_holdings_is_no_flow() -> None:
    world = World()
    world.accept("0.2")
    world.exchange.deposit(WalletKind.SPOT, Currency(BTC), Decimal("0.01"))
    world.wait(10 * MINUTE)
    assert world.increase(Side.SELL, "0.05") == []


def test_collateral_is_sent_for_once() -> None:
    world = World()
    source, target = (WalletKind.SPOT, USDT), (WalletKind.LINEAR_FUTURES, USDT)
    world.exchange.transfer(source, target, Decimal(100))
    world.wait(MINUTE)
    world.exchange.transfer(source, target, Decimal(100))
    assert world.said == []
    world.wait(timedelta(seconds=5))
    world.exchange.transfer(source, target, Decimal(100))
    assert world.said == ["2 transfers were on their way at once for one need of USDT"]


def test_a_price_of_long_ago_is_not_a_price_of_now() -> None:
    world = World()
    world.wait(HOUR)
    world.exchange.set_price(BTC, Decimal(56_000))
    world.wait(timedelta(seconds=20))
    now = world.exchange.now
    assert world.restraints.is_present(BTC, Decimal(50_000), now)
    assert world.restraints.is_present(BTC, Decimal(56_000), now)
    assert not world.restraints.is_present(BTC, Decimal(60_000), now)
    world.wait(10 * MINUTE)
    assert not world.restraints.is_present(BTC, Decimal(50_000), world.exchange.now)


def test_coins_that_come_are_known_from_then_on() -> None:
    world = World()
    began_at = world.exchange.now
    assert not world.restraints.has_moved_since(began_at)
    world.wait(HOUR)
    world.exchange.deposit(WalletKind.SPOT, Currency("BTC"), Decimal("0.1"))
    assert world.restraints.has_moved_since(world.exchange.now)
    world.wait(MINUTE)
    assert world.restraints.has_moved_since(began_at)
    assert not world.restraints.has_moved_since(world.exchange.now)


def test_an_increase_is_decided_on_a_price_of_its_time() -> None:
    world = World()
    old = world.exchange.floor.index_of(BTC)
    world.exchange.set_price(BTC, old * 2)
    assert world.increase(Side.SELL, "0.01", decided_on=old) == []  # It was so a moment ago.

    world.wait(HOUR)
    said = world.increase(Side.SELL, "0.01", decided_on=old)
    assert said == [f"an increase of BTC was decided on a price of {old}, which was not the price of the time"]
    assert world.increase(Side.SELL, "0.01") == []
    assert world.increase(Side.SELL, "0.01", decided_on=old * 2 - Decimal("0.00000001")) == []


def test_a_price_that_came_and_went_while_nobody_looked_was_a_price_of_the_time() -> None:
    began_at = World().exchange.now
    world = World(script={BTC: ((began_at + HOUR, Decimal(50_000)), (began_at + HOUR + MINUTE, Decimal(53_000)))})
    world.wait(HOUR + MINUTE)
    world.exchange.set_price(BTC, Decimal(49_000))
    world.wait(timedelta(seconds=40))
    assert world.increase(Side.SELL, "0.05", decided_on=Decimal(53_000)) == []
    (told,) = world.increase(Side.SELL, "0.05", decided_on=Decimal(53_100))
    assert "not the price of the time" in told


def test_a_price_that_leapt_and_came_back_between_two_readings_was_a_price_of_the_time() -> None:
    world = World()
    for price in (56_000, 50_000):
        world.wait(timedelta(seconds=2))
        world.exchange.set_price(BTC, Decimal(price))
    world.wait(timedelta(seconds=2))
    assert world.increase(Side.SELL, "0.05", decided_on=Decimal(56_000)) == []
    (told,) = world.increase(Side.SELL, "0.05", decided_on=Decimal(58_000))
    assert "not the price of the time" in told
