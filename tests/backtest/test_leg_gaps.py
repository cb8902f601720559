"""Does the checker see a roll that opens far and leaves near? A position too small for the bound on the gap."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bot.adapters.journal.journal import open_journal
from bot.adapters.paper import PAPER
from bot.backtest.leg_gaps import LegGaps
from bot.domain.events import OrderIntended, RollMoved, SymbolLocked
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.orders import OrderType, Purpose, Side
from bot.domain.policy import Policy
from bot.domain.rolls import RollCause, RollStage
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange
from bot.exchange.orders import OrderRequest
from tests.builders import make_intent

BTC, USDT = Asset("BTC"), Currency("USDT")
NEAR, FAR = Symbol("BTC/USDT:USDT-240329"), Symbol("BTC/USDT:USDT-240628")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SMALL = Decimal("0.001")


class World:
    """A short of the smallest size in a contract that expires in sixteen hours, on its way to the next one."""

    def __init__(self) -> None:
        config = ExchangeConfig(
            market=MarketKind.STATIC,
            start=datetime(2024, 3, 28, 16, tzinfo=UTC),
            assets=(BTC,),
            prices={BTC: Decimal(50_000)},
            holdings={BTC: Decimal("0.2")},
            collateral={USDT: Decimal(5000)},
            dated_basis_annual=Decimal("0.05"),
        )
        self.exchange = open_exchange(config, None)
        self.journal = open_journal(None, now=self.exchange.now, epoch_tail=lambda: "RST")
        self.gaps = LegGaps(self.exchange, Policy(targets={BTC: Decimal(1)}))
        self._trade(NEAR, Side.SELL, Purpose.HEDGE)
        size = self.exchange.floor.contracts[NEAR].size
        self.journal.commit(
            RollMoved(
                at=self.exchange.now,
                venue=PAPER,
                asset=BTC,
                near=NEAR,
                far=FAR,
                near_size=size,
                far_size=size,
                cause=RollCause.EXPIRY,
                stage=RollStage.SPREAD,
                why="a test",
            )
        )

    def _trade(self, symbol: Symbol, side: Side, purpose: Purpose) -> None:
        request = OrderRequest(symbol=symbol, side=side, type=OrderType.MARKET, contracts=SMALL)
        self.exchange.submit(request)
        self.gaps.see(self.exchange.now, self.exchange.floor.trades[-1], purpose, self.journal.books)

    def open_far(self) -> None:
        """Let the roll open all of its far leg."""
        self._trade(FAR, Side.SELL, Purpose.ROLL_OPEN)

    def close_near(self) -> None:
        """Let it close its near leg."""
        self._trade(NEAR, Side.BUY, Purpose.ROLL_CLOSE)

    def wait(self, duration: timedelta) -> list[str]:
        """Return what is said meanwhile."""
        return list(self._said(self.exchange.now + duration))

    def _said(self, until: datetime) -> Iterator[str]:
        while self.exchange.now < until:
            self.exchange.advance(self.exchange.now + MINUTE)
            judged = self.gaps.judge(self.exchange.now, self.journal.books)
            yield from [told for holds, told in judged if not holds]


def test_a_small_position_that_stays_in_both_contracts_is_told() -> None:
    world = World()
    world.open_far()
    assert world.wait(HOUR) == []

    said = world.wait(HOUR)
    assert said == [f"{SMALL} of {NEAR} were in {FAR}, too, since 16:01:00, and nothing was done about it"]


def test_a_roll_that_closes_near_in_time_is_well() -> None:
    world = World()
    world.open_far()
    world.wait(HOUR)
    world.close_near()
    assert world.wait(3 * HOUR) == []


def test_an_order_that_was_tried_meanwhile_is_enough() -> None:
    world = World()
    world.open_far()
    world.wait(HOUR)
    intent = make_intent(
        venue=PAPER, symbol=NEAR, purpose=Purpose.ROLL_CLOSE, reduce_only=True, intended_at=world.exchange.now
    )
    world.journal.commit(OrderIntended(at=world.exchange.now, intent=intent))
    assert world.wait(MINUTE) == []
    assert world.wait(3 * HOUR) == []  # What became of it is not known: nothing more may be sent.


def test_time_in_which_the_bot_cannot_see_the_venue_does_not_count() -> None:
    world = World()
    world.open_far()
    for _ in range(180):
        world.gaps.pause()
        assert world.wait(MINUTE) == []


def test_a_contract_that_is_locked_is_left_alone() -> None:
    world = World()
    world.open_far()
    world.journal.commit(SymbolLocked(at=world.exchange.now, venue=PAPER, symbol=NEAR, why="a test"))
    assert world.wait(3 * HOUR) == []
