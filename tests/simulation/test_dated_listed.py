"""Does the bot stand a venue that lists contracts with an expiry? It does what it would do without them."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bot.adapters.clock import FixedClock
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.paper import PAPER, PaperVenue
from bot.backtest.invariants import InvariantChecker
from bot.backtest.simulation import simulate
from bot.bootstrap import Bot, World, assemble, exchange_config
from bot.domain.ids import Asset, Currency
from bot.domain.instruments import ContractKind
from bot.domain.policy import CadencePolicy, Policy
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.settings import load_settings

pytestmark = pytest.mark.usefixtures("quiet")

BTC, ETH, SOL = Asset("BTC"), Asset("ETH"), Asset("SOL")
#: Two days before the end of a quarter.
START = datetime(2024, 3, 27, tzinfo=UTC)
POLICY = Policy(
    targets={BTC: Decimal("0.4"), ETH: Decimal("0.3"), SOL: Decimal("0.3")},
    cadence=CadencePolicy(cron="0 * * * *"),
    asset_contract_kinds={ETH: (ContractKind.INVERSE,)},
)


def _run(basis: str | None) -> tuple[Exchange, SqlJournal, InvariantChecker, Bot]:
    exchange = open_exchange(
        ExchangeConfig(
            market=MarketKind.MODEL,
            seed=5,
            start=START,
            holdings={BTC: Decimal("0.1"), ETH: Decimal(1), SOL: Decimal(25)},
            collateral={Currency("USDT"): Decimal(6000), Currency("ETH"): Decimal(1)},
            dated_basis_annual=None if basis is None else Decimal(basis),
        ),
        None,
    )
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "DAT")
    checker = InvariantChecker(exchange, journal, POLICY)
    bot = simulate(POLICY, exchange, journal, until=START + timedelta(days=4))
    checker.check_at_rest(exchange.now)
    return exchange, journal, checker, bot


def test_the_bot_decides_as_it_would_without_them() -> None:
    without, journal_without, _, _ = _run(None)
    exchange, journal, checker, bot = _run("0.08")
    assert len(exchange.listing()) == len(without.listing()) * 3
    assert exchange.floor.trades
    assert exchange.floor.trades == without.floor.trades
    assert list(exchange.floor.orders.values()) == list(without.floor.orders.values())
    assert exchange.floor.accounts.wallets == without.floor.accounts.wallets
    assert [fact for _, fact in journal.facts()] == [fact for _, fact in journal_without.facts()]
    assert not checker.violated
    assert not bot.desk.alerts.open_alerts


def test_a_plan_is_what_it_would_be_without_them() -> None:
    plans = []
    for basis in ("off", "8%"):
        settings = load_settings({"TRIMTAB_PAPER__DATED_BASIS": basis, "TRIMTAB_ENV_FILE": ""})
        config = exchange_config(settings)
        assert (config.dated_basis_annual is None) == (basis == "off")
        plans.append(asyncio.run(_plan(open_exchange(config, None))))
    assert plans[0] == plans[1]


async def _plan(exchange: Exchange) -> Any:
    clock = FixedClock(exchange.now)
    world = World(clock=clock, venues={PAPER: PaperVenue(exchange, clock)}, exchange=exchange)
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: "DAT")
    return await assemble(load_settings({"TRIMTAB_ENV_FILE": ""}), world, journal).control.plan()
