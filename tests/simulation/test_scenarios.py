"""What does the whole bot do when …? Read as: given a market and an account, when this happens, then that is so."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.alerts import LogAlerts
from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.holdings import DeclaredHoldings
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.bootstrap import Bot, build
from bot.domain.errors import VenueUnavailable
from bot.domain.events import FlowSuspected, OrderIntended, StopFired, TradingStateSet
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol
from bot.domain.orders import OrderType, Purpose, Side, TimeInForce
from bot.domain.policy import BandPolicy, CadencePolicy, Destination, Policy, TradingState, WatchIntervals
from bot.domain.portfolio import WalletKind
from bot.engine.reconcile import UnadoptedPositions
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.faults import FailRead, LoseReply, LoseRequest
from bot.exchange.orders import OrderRequest
from bot.exchange.static_market import DEFAULT_START

pytestmark = pytest.mark.usefixtures("quiet")

BTC = Asset("BTC")
BTC_PERP = Symbol("BTC/USDT:USDT")
USDT = Currency("USDT")
HOUR = timedelta(hours=1)
_FEW = timedelta(minutes=5)
#: For days in which little happens: each loop has its turns, and not thousands that see the same.
EVERY_FEW_MINUTES = WatchIntervals(protection=_FEW, reconcile=_FEW, prices=_FEW, margin=_FEW)


class Owner:
    """An account with one coin, a bot that looks hourly, and a checker that watches both."""

    def __init__(
        self,
        *,
        held: str = "0.2",
        target: str = "0.7",
        script: Any = (),
        collateral: str = "6000",
        spare: str = "4000",
        transfer_delay: timedelta = timedelta(0),
        start: datetime = DEFAULT_START,
        exchange: Mapping[str, Any] | None = None,
        **policy: Any,
    ) -> None:
        self.exchange: Exchange = open_exchange(
            ExchangeConfig(
                market=MarketKind.STATIC,
                assets=(BTC, Asset("ETH")),
                holdings={BTC: Decimal(held), Asset("ETH"): Decimal("1.2")},
                spare={USDT: Decimal(spare)},
                transfer_delay=transfer_delay,
                start=start,
                script={BTC: tuple((start + after, Decimal(price)) for after, price in script)},
                **({"collateral": {USDT: Decimal(collateral)}} | dict(exchange or {})),
            ),
            None,
        )
        self.policy = Policy(
            targets={BTC: Decimal(target), Asset("ETH"): 1 - Decimal(target)},
            bands=BandPolicy(destination=Destination.TARGET, total_frac=None),
            **{"cadence": CadencePolicy(cron="0 * * * *", move_sigmas=None)} | policy,
        )
        self.journal: SqlJournal = open_journal(None, now=self.exchange.now, epoch_tail=lambda: "SCE")
        self.checker = InvariantChecker(self.exchange, self.journal, self.policy)
        self.bot: Bot | None = None

    def run(self, duration: timedelta, during: Callable[[Bot], None] | None = None) -> Bot:
        """Run a fresh bot on the same account and journal."""
        self.journal = self.journal.reopened()
        self.checker.follow(self.journal)
        loop = SimulatedLoop()
        until = self.exchange.now + duration

        async def live() -> Bot:
            clock = LoopClock(loop, self.exchange.now)
            bot = build(
                policy=self.policy,
                mode="paper",
                clock=clock,
                venues={PAPER: PaperVenue(self.exchange, clock)},
                journal=self.journal,
                alerts=LogAlerts(clock),
                holdings=DeclaredHoldings(),
            )
            await bot.supervisor.start()
            if during is not None:
                loop.call_later(60, during, bot)
            loop.call_later((until - clock.now()).total_seconds(), bot.supervisor.stop)
            await bot.supervisor.run()
            await bot.supervisor.wind_up("the scenario has ended")
            return bot

        try:
            self.bot = loop.run_until_complete(live())
        finally:
            loop.close()
        return self.bot

    def held(self) -> Decimal:
        """Return the position in the BTC perpetual."""
        return self.exchange.floor.accounts.contracts_of(BTC_PERP)

    def facts(self, kind: type) -> list[Any]:
        """Return the journal's facts of a kind."""
        return [fact for _, fact in self.journal.facts(kind=kind.__name__)]

    def alerts(self) -> set[str]:
        """Return the codes of what is open."""
        assert self.bot is not None
        return {alert["code"] for alert in self.bot.desk.alerts.open_alerts}

    def is_well(self) -> None:
        """Nothing that must never happen has happened."""
        self.checker.check_at_rest(self.exchange.now)
        assert self.checker.violated == []


def test_an_over_weight_coin_gets_a_short_with_a_stop_of_its_size() -> None:
    owner = Owner()
    owner.run(HOUR)
    # 10,000 in BTC, 3,000 in ETH: 70 % of 13,000 are 9,100, so 0.018 BTC too much.
    assert owner.held() == Decimal("-0.018")
    (stop,) = [order for order in owner.exchange.floor.open_orders.values() if order.symbol == BTC_PERP]
    assert (stop.type, stop.side, stop.contracts, stop.reduce_only) == (
        OrderType.STOP_MARKET,
        Side.BUY,
        Decimal("0.018"),
        True,
    )
    owner.is_well()


def test_a_stop_out_is_told_and_not_undone_by_the_next_looks() -> None:
    owner = Owner(script=((2.2 * HOUR, 50_000), (2.4 * HOUR, 70_000)))
    owner.run(8 * HOUR)
    assert owner.held() == 0
    assert len(owner.facts(StopFired)) == 1
    assert (BTC, "stop_out") in owner.journal.books.ceilings
    assert "stop_out" in owner.alerts()
    owner.is_well()
    owner.run(24 * HOUR)
    assert owner.held() < 0, "the ceiling is released after a day"
    owner.is_well()


@pytest.mark.parametrize("fault", [LoseReply(), LoseRequest()], ids=["reply lost", "request lost"])
def test_an_order_whose_outcome_is_unknown_is_never_sent_again(fault: Any) -> None:
    owner = Owner()
    owner.exchange.faults.on("submit", fault)
    owner.run(3 * HOUR)
    assert owner.held() == Decimal("-0.018")
    hedges = [
        fact
        for fact in owner.facts(OrderIntended)
        if fact.intent.purpose is Purpose.HEDGE and fact.intent.symbol == BTC_PERP
    ]
    assert len(hedges) == (1 if isinstance(fault, LoseReply) else 2)
    owner.is_well()


def _trade_by_hand(owner: Owner, contracts: str, mark: str | None = None) -> None:
    owner.exchange.submit(
        OrderRequest(
            symbol=BTC_PERP,
            side=Side.BUY,
            type=OrderType.MARKET,
            contracts=Decimal(contracts),
            time_in_force=TimeInForce.IOC,
            client_order_id=None if mark is None else ClientOrderId(mark),
        )
    )


def test_a_position_that_nobody_claimed_keeps_the_bot_from_starting() -> None:
    owner = Owner()
    owner.exchange.advance(DEFAULT_START - timedelta(0))
    _trade_by_hand(owner, "0.05")
    owner.exchange.advance(DEFAULT_START + HOUR)
    owner.journal = open_journal(None, now=owner.exchange.now, epoch_tail=lambda: "NEW")
    with pytest.raises(UnadoptedPositions, match="trimtab adopt BTC/USDT:USDT"):
        owner.run(HOUR)


def test_a_reserved_symbol_is_left_alone() -> None:
    owner = Owner(foreign_symbols=frozenset({BTC_PERP}))
    _trade_by_hand(owner, "0.05")
    owner.exchange.advance(DEFAULT_START + HOUR)
    owner.journal = open_journal(None, now=owner.exchange.now, epoch_tail=lambda: "NEW")
    owner.run(2 * HOUR)
    assert owner.held() == Decimal("0.05")
    assert not [order for order in owner.exchange.floor.open_orders.values() if order.symbol == BTC_PERP]


def test_an_order_of_another_writer_under_our_mark_halts() -> None:
    owner = Owner()

    def intrude(_bot: Bot) -> None:
        owner.exchange.submit(
            OrderRequest(
                symbol=BTC_PERP,
                side=Side.BUY,
                type=OrderType.LIMIT,
                contracts=Decimal("0.01"),
                price=Decimal(40_000),
                time_in_force=TimeInForce.GTC,
                client_order_id=ClientOrderId("TTXYZ00000000100"),
            )
        )

    owner.run(HOUR, during=intrude)
    assert owner.journal.books.trading_state is TradingState.HALTED
    assert "second_writer" in owner.alerts()


def test_a_deposit_of_coins_waits_for_the_owner_or_for_a_day() -> None:
    owner = Owner()
    owner.run(1.5 * HOUR)
    owner.exchange.deposit(WalletKind.SPOT, Currency("BTC"), Decimal("0.1"))
    owner.run(3 * HOUR)
    assert owner.held() == Decimal("-0.018"), "increases wait"
    assert len(owner.facts(FlowSuspected)) == 1
    assert "owner_flow" in owner.alerts()
    owner.run(26 * HOUR)
    assert owner.held() < Decimal("-0.018"), "what has lasted a day is meant"
    owner.is_well()


def test_money_that_left_the_futures_wallet_is_asked_about() -> None:
    owner = Owner()
    owner.run(1.5 * HOUR)
    owner.exchange.deposit(WalletKind.LINEAR_FUTURES, USDT, Decimal(-500))
    owner.run(2 * HOUR)
    assert "wallet_moved" in owner.alerts()


def test_a_halt_outlives_a_restart_and_keeps_the_stops() -> None:
    owner = Owner(script=((2 * HOUR, 50_000), (5 * HOUR, 60_000)))
    owner.run(1.5 * HOUR)
    now = owner.exchange.now
    owner.journal.commit(TradingStateSet(at=now, state=TradingState.HALTED, caller="owner", why="holiday"))
    before = owner.held()
    owner.run(8 * HOUR)
    assert owner.held() == before
    stops = [order for order in owner.exchange.floor.open_orders.values() if order.symbol == BTC_PERP]
    assert [order.contracts for order in stops] == [abs(before)]
    owner.is_well()


def test_a_venue_that_does_not_answer_is_not_an_empty_account() -> None:
    owner = Owner()
    owner.run(1.5 * HOUR)
    before = owner.held()
    owner.exchange.faults.on("fetch_account", FailRead(), times=60)
    with pytest.raises(VenueUnavailable):
        owner.run(HOUR)
    owner.exchange.faults.clear()
    owner.run(2 * HOUR)
    assert owner.held() == before
    owner.is_well()


def test_too_little_collateral_hedges_what_it_carries_and_says_the_rest() -> None:
    owner = Owner(held="2", target="0.7", collateral="1000")
    bot = owner.run(3 * HOUR)
    decision = bot.rebalance.last_decision
    assert decision is not None
    assert decision.capacity_short_quote > 0
    assert 0 < abs(owner.held()) < Decimal("0.06")
    assert "capacity_short" in owner.alerts()
    assert owner.exchange.floor.liquidations == []
    owner.is_well()
