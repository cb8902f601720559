"""Does the bot outlive the worst days there were? The whole daemon on recorded crashes, with little collateral."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol
from bot.domain.orders import OrderState, OrderType, Side
from bot.exchange.config import ExchangeConfig, ExtremeOrder, MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.orders import OrderRequest
from tests.data_folder import data_folder
from tests.stress import Episode, Protection, Result, Run, episodes, told

pytestmark = pytest.mark.seconds(80)

NO_CASH = {"TRIMTAB_MARGIN__TRANSFER_ASSETS": "USDC"}
PERPETUAL = Symbol("BTC/USDT:USDT")
BOTH_ORDERS = pytest.mark.parametrize("extremes", list(ExtremeOrder))


def _days(name: str, first: str, last: str) -> Episode:
    """Return the worst days of an episode."""
    begin, end = (datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in (first, last))
    return Episode(name, begin, end + timedelta(days=1))


COVID = _days("COVID crash", "2020-03-12", "2020-03-13")
MAY_2021 = _days("May 2021 deleveraging", "2021-05-19", "2021-05-19")
FTX = _days("FTX", "2022-11-08", "2022-11-09")


def _run(
    episode: Episode, protection: Protection, extremes: ExtremeOrder = ExtremeOrder.ADVERSE_FIRST, **environ: str
) -> Result:
    return Run(data_folder(), episode, extremes, protection, environ).go()


@BOTH_ORDERS
@pytest.mark.parametrize("episode", [COVID, MAY_2021, FTX], ids=lambda one: one.name)
def test_cash_keeps_a_hedge_through_a_crash(episode: Episode, extremes: ExtremeOrder) -> None:
    result = _run(episode, Protection.FULL, extremes)
    assert result.liquidations == result.stop_outs == result.reductions == 0
    assert 0 < result.transferred <= 4500
    assert result.violated == []


@BOTH_ORDERS
@pytest.mark.parametrize("episode", [COVID, MAY_2021], ids=lambda one: one.name)
def test_without_cash_reductions_keep_a_wallet_from_liquidation(episode: Episode, extremes: ExtremeOrder) -> None:
    result = _run(episode, Protection.NO_CASH, extremes)
    assert result.liquidations == result.transfers == 0
    assert result.reductions > 0
    assert "leg_reduced" in result.alerts
    assert result.violated == []


@pytest.mark.parametrize("environ", [{}, NO_CASH], ids=["cash", "no cash"])
def test_the_ladder_alone_is_enough(environ: dict[str, str]) -> None:
    result = _run(COVID, Protection.LADDER, **environ)
    assert result.liquidations == 0
    assert (result.transfers > 0) is not bool(environ)
    assert (result.reductions > 0) is bool(environ)


@BOTH_ORDERS
@pytest.mark.parametrize("episode", [COVID, MAY_2021], ids=lambda one: one.name)
def test_with_nothing_to_protect_it_the_same_wallet_is_liquidated(episode: Episode, extremes: ExtremeOrder) -> None:
    result = _run(episode, Protection.NOTHING, extremes)
    assert result.liquidations >= 1
    assert result.usage_peak_frac == 1
    assert any("liquidated" in sentence for sentence in result.violated)


def test_every_episode_of_the_file_is_run_on_the_side_that_hurts() -> None:
    found = episodes(data_folder())
    assert len(found) == 12
    assert all(one.start < one.end for one in found)
    shorts = [one.name for one in found if one.environment["TRIMTAB_PAPER__HOLDINGS"].startswith("30000")]
    assert shorts == ["Jan 2021 blow-off and pullback", "ETF rally and Mar 2024 top"]


def test_alerts_are_told_in_the_order_in_which_they_came() -> None:
    assert told(["margin", "capacity_short", "margin"]) == "margin ×2, capacity_short"


# --- mark and last part company


def _long_before_the_low(data: Path, collateral: int) -> Exchange:
    """A long of one coin, bought an hour before the low of 2020-03-13: last 3,621.81, mark 3,801.83."""
    config = ExchangeConfig(
        market=MarketKind.HISTORY,
        data_dir=data,
        assets=(Asset("BTC"),),
        start=datetime(2020, 3, 13, 1, tzinfo=UTC),
        end=datetime(2020, 3, 14, tzinfo=UTC),
        holdings={Asset("BTC"): Decimal(1)},
        collateral={Currency("USDT"): Decimal(collateral)},
    )
    exchange = open_exchange(config, None)
    exchange.submit(OrderRequest(symbol=PERPETUAL, side=Side.BUY, type=OrderType.MARKET, contracts=Decimal(1)))
    return exchange


def _stop(exchange: Exchange, trigger: int) -> ClientOrderId:
    named = ClientOrderId(f"stop{trigger}")
    exchange.submit(
        OrderRequest(
            symbol=PERPETUAL,
            side=Side.SELL,
            type=OrderType.STOP_MARKET,
            contracts=Decimal("0.5"),
            trigger_price=Decimal(trigger),
            reduce_only=True,
            client_order_id=named,
        )
    )
    return named


def _reach_the_low(exchange: Exchange) -> None:
    exchange.advance(datetime(2020, 3, 13, 2, 20, tzinfo=UTC))
    contract = exchange.floor.contracts[PERPETUAL]
    assert exchange.floor.mark_of(contract) == Decimal("3801.83058")
    assert exchange.floor.last_of(contract) == Decimal("3621.81")


def test_a_stop_is_triggered_by_mark_and_filled_by_last() -> None:
    exchange = _long_before_the_low(data_folder(), 5000)
    between, above = _stop(exchange, 3700), _stop(exchange, 3850)
    _reach_the_low(exchange)
    states = {one.client_order_id: one.state for one in exchange.floor.orders.values()}
    assert states[between] is OrderState.OPEN, "last went through it, mark did not"
    assert states[above] is OrderState.FILLED
    (sold,) = [one for one in exchange.floor.trades if one.client_order_id == above]
    assert 3680 < sold.price < 3690, "what mark triggers is sold where the market is"


@pytest.mark.parametrize(("collateral", "liquidated"), [(900, 0), (700, 1)])
def test_a_wallet_is_liquidated_by_mark_and_not_by_last(collateral: int, liquidated: int) -> None:
    """Bought at 4,543: 900 carry it down to about 3,660 by mark, which 3,621 of last would have ended."""
    exchange = _long_before_the_low(data_folder(), collateral)
    liquidation_price = exchange.floor.margin.liquidation_price(exchange.floor.contracts[PERPETUAL], exchange.floor)
    assert (Decimal("3621.81") < liquidation_price < Decimal("3801.83")) is not bool(liquidated)
    _reach_the_low(exchange)
    assert len(exchange.floor.liquidations) == liquidated
