"""The documents that scripts rely on: every key, every number as exact text."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from bot.domain.books import Books, Ceiling, LegLedger, SuspectedFlow
from bot.domain.events import CeilingSet
from bot.domain.ids import (
    Asset,
    ClientOrderId,
    Currency,
    CycleId,
    Symbol,
    VenueId,
    VenueOrderId,
)
from bot.domain.instruments import ContractKind, Instrument, MarginTier
from bot.domain.market import Quote
from bot.domain.orders import (
    Order,
    OrderIntent,
    OrderState,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
    VenueOrder,
)
from bot.domain.plan import (
    AssetLine,
    Decision,
    HedgeLeg,
    MarginLine,
    ProtectiveReduction,
    Refusal,
    Rule,
    StopTarget,
    Valuation,
)
from bot.domain.policy import Scope, TradingState
from bot.domain.portfolio import AccountState, FuturesPosition, WalletKind
from bot.engine.documents import plan_document, time_text
from bot.engine.status_document import status_document

AT = datetime(2026, 3, 2, 10, 0, tzinfo=timezone(timedelta(hours=2)))
PAPER = VenueId("paper")
BTC = Asset("BTC")
SYMBOL = Symbol("BTC/USDT:USDT")
D = Decimal

INSTRUMENT = Instrument(
    venue=PAPER,
    symbol=SYMBOL,
    asset=BTC,
    quote=Currency("USDT"),
    settle=Currency("USDT"),
    kind=ContractKind.LINEAR,
    contract_size=D("0.001"),
    tick_size=D("0.1"),
    lot_size=D(1),
    min_contracts=D(1),
    min_notional_quote=D(5),
    maker_fee_frac=D("0.0002"),
    taker_fee_frac=D("0.0005"),
    margin_tiers=(
        MarginTier(
            notional_cap_quote=D(10) ** 9,
            maintenance_frac=D("0.004"),
            maintenance_amount_quote=D(0),
            max_leverage=D(100),
        ),
    ),
)
LEG = HedgeLeg(
    instrument=INSTRUMENT,
    side=Side.SELL,
    contracts=D("20"),
    amount_base=D("0.020"),
    notional_quote=D("1E+3"),
    reduce_only=False,
    expected_cost_bps=D("5.50"),
    limit_price=D("49850.0"),
    index_price=D(50_000),
    reason="over-weight",
)
DECISION = Decision(
    at=AT,
    trading_state=TradingState.REDUCE_ONLY,
    valuation=Valuation(
        holdings_quote=D(10_000),
        hedge_profit_quote=D("-0.00"),
        cash_quote=D("6000.10"),
        portfolio_value_quote=D(10_000),
        ignored=("DOGE",),
    ),
    lines=(
        AssetLine(
            asset=BTC,
            index_price=D(50_000),
            holding_base=D("0.12"),
            futures_delta_base=D("-0.02") / 3,
            exposure_quote=D(6_000),
            weight=D("0.6"),
            target_weight=D("0.5"),
            gap=D("0.1"),
            band=D("0.05"),
            is_outside_band=True,
            hedge_need_quote=D(-1_000),
            residual_quote=D(0),
            reason="short 1,000 USD to target",
        ),
    ),
    reductions=(
        ProtectiveReduction(
            leg=LEG,
            ceiling=CeilingSet(
                at=AT,
                asset=BTC,
                cause="stop_floor",
                max_delta_base=D("0.5"),
                release_at=None,
                why="too close",
            ),
        ),
    ),
    legs=(LEG,),
    stops=(
        StopTarget(
            venue=PAPER,
            symbol=SYMBOL,
            asset=BTC,
            side=Side.BUY,
            contracts=D(20),
            order_sizes=(D(20),),
            trigger_price=D("62500.0"),
            acceptable_low=D(1),
            acceptable_high=D(2),
            liquidation_price=None,
            mark_price=D(50_000),
        ),
    ),
    refusals=(Refusal(asset=BTC, rule=Rule.CAPACITY, reason="short"),),
    margins=(
        MarginLine(
            venue=PAPER,
            wallet=WalletKind.LINEAR_FUTURES,
            currency=Currency("USDT"),
            margin_balance=D(6_000),
            maintenance_margin=D(4),
            usage_frac=D(4) / 6_000,
            leverage_after=None,
            stress_surplus=D("-12.5"),
        ),
    ),
    capacity_short_quote=D("12.5"),
    warnings=("USDT is at 0.985",),
)


def plan(**changes: Any) -> dict[str, Any]:
    return plan_document(DECISION, mode="paper", scope=Scope.ASSETS, **changes)


def test_the_plan_has_its_keys_and_exact_numbers() -> None:
    document = plan()
    assert {key: document[key] for key in ("schema", "at", "mode", "scope", "trading_state")} == {
        "schema": "trimtab.plan/1",
        "at": "2026-03-02T08:00:00Z",
        "mode": "paper",
        "scope": "assets",
        "trading_state": "reduce_only",
    }
    assert document["portfolio_value_quote"] == "10000"
    assert document["capacity_short_quote"] == "12.5"
    assert document["valuation"]["hedge_profit_quote"] == "0"
    assert document["assets"] == [
        {
            "asset": "BTC",
            "index_price": "50000",
            "holding_base": "0.12",
            "coins_pledged": "0",
            "futures_delta_base": "-0.006666666667",
            "exposure_quote": "6000",
            "weight": "0.6",
            "target_weight": "0.5",
            "gap": "0.1",
            "band": "0.05",
            "is_outside_band": True,
            "hedge_need_quote": "-1000",
            "residual_quote": "0",
            "reason": "short 1,000 USD to target",
        }
    ]


def test_the_orders_stops_margin_and_refusals_of_a_plan() -> None:
    document = plan(foreign_symbols=["b", "a"], rolls=[{"x": "1"}])
    order = {
        "asset": "BTC",
        "venue": "paper",
        "symbol": SYMBOL,
        "side": "sell",
        "amount_base": "0.02",
        "amount_contracts": "20",
        "notional_quote": "1000",
        "reduce_only": False,
        "style": "ioc",
        "expected_cost_bps": "5.5",
        "limit_price": "49850",
        "reason": "over-weight",
    }
    assert document["orders"] == [order]
    assert document["reductions"] == [{**order, "ceiling_base": "0.5", "cause": "stop_floor", "why": "too close"}]
    assert document["stops"] == [
        {
            "asset": "BTC",
            "venue": "paper",
            "symbol": SYMBOL,
            "side": "buy",
            "amount_contracts": "20",
            "trigger_price": "62500",
            "trigger_source": "mark",
            "liquidation_price": None,
            "mark_price": "50000",
            "entry_stops_fired": None,
            "history_days": None,
        }
    ]
    assert document["margin"] == [
        {
            "venue": "paper",
            "wallet": "linear_futures",
            "currency": "USDT",
            "margin_balance": "6000",
            "maintenance_margin": "4",
            "usage_frac": "0.000666666667",
            "leverage_after": None,
            "stress_surplus": "-12.5",
        }
    ]
    assert document["refusals"] == [{"asset": "BTC", "rule": "capacity", "reason": "short"}]
    assert document["ignored"] == ["DOGE"]
    assert document["warnings"] == ["USDT is at 0.985"]
    assert document["foreign_symbols"] == ["a", "b"]
    assert document["rolls"] == [{"x": "1"}]


def venue_order(**changes: Any) -> VenueOrder:
    values: dict[str, Any] = {
        "venue": PAPER,
        "symbol": SYMBOL,
        "client_order_id": ClientOrderId("TT7KQ1"),
        "venue_order_id": VenueOrderId("1"),
        "side": Side.BUY,
        "type": OrderType.STOP_MARKET,
        "contracts": D(20),
        "filled_contracts": D(0),
        "price": None,
        "trigger_price": D(62_500),
        "reduce_only": True,
        "state": OrderState.OPEN,
        "created_at": AT,
    }
    return VenueOrder(**{**values, **changes})


def account(*orders: VenueOrder) -> AccountState:
    return AccountState(
        venue=PAPER,
        balances=(),
        positions=(
            FuturesPosition(
                venue=PAPER, symbol=SYMBOL, contracts=D(-20), entry_price=D(50_000), liquidation_price=None
            ),
        ),
        margins=(),
        open_orders=orders,
        as_of=AT,
    )


QUOTE = Quote(
    venue=PAPER,
    symbol=SYMBOL,
    bid_price=D(49_999),
    ask_price=D(50_001),
    mark_price=D(50_000),
    index_price=D(50_000),
    last_price=D(50_000),
    bid_contracts=D(1),
    ask_contracts=D(1),
    as_of=AT,
)


def status(books: Books | None = None, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "at": AT,
        "version": "1",
        "mode": "paper",
        "scope": Scope.ASSETS,
        "started_at": AT,
        "trading_state": TradingState.NORMAL,
        "trading_state_why": "",
        "readiness": (True, "ready"),
        "books": books or Books(),
        "alerts": (),
    }
    return status_document(**{**values, **changes})


def test_a_status_before_the_first_look_knows_what_it_does_not_know() -> None:
    document = status()
    assert document["schema"] == "trimtab.status/1"
    for key in (
        "last_look_at",
        "next_look_at",
        "decided_at",
        "portfolio_value_quote",
        "capacity_short_quote",
        "accounts_read_at",
    ):
        assert document[key] is None
    assert document["assets"] == document["positions"] == document["alerts"] == []
    assert json.loads(json.dumps(document)) == document


def test_the_newest_look_is_in_the_status() -> None:
    document = status(decision=DECISION)
    shown = plan()
    for key in ("assets", "orders", "margin", "refusals", "ignored", "warnings", "portfolio_value_quote"):
        assert document[key] == shown[key]


def test_a_position_is_shown_with_its_stops() -> None:
    document = status(
        accounts=[account(venue_order())],
        instruments={(PAPER, SYMBOL): INSTRUMENT},
        quotes={(PAPER, SYMBOL): QUOTE},
    )
    (position,) = document["positions"]
    assert position == {
        "asset": "BTC",
        "venue": "paper",
        "symbol": SYMBOL,
        "side": "short",
        "amount_contracts": "20",
        "delta_base": "-0.02",
        "notional_quote": "1000",
        "entry_price": "50000",
        "mark_price": "50000",
        "liquidation_price": None,
        "is_protected": True,
        "stops": [
            {
                "side": "buy",
                "amount_contracts": "20",
                "trigger_price": "62500",
                "trigger_source": "mark",
                "reduce_only": True,
                "client_order_id": "TT7KQ1",
            }
        ],
    }


@pytest.mark.parametrize(
    "orders",
    [
        (),
        (venue_order(contracts=D(19)),),
        (venue_order(filled_contracts=D(1)),),
        (venue_order(side=Side.SELL),),
        (venue_order(type=OrderType.LIMIT),),
        (venue_order(symbol=Symbol("other")),),
    ],
)
def test_a_position_without_a_stop_of_its_size_is_not_called_protected(
    orders: tuple[VenueOrder, ...],
) -> None:
    (position,) = status(accounts=[account(*orders)])["positions"]
    assert position["is_protected"] is False


def test_what_depends_on_an_unknown_price_is_null_and_not_zero() -> None:
    (position,) = status(accounts=[account()])["positions"]
    assert [position[key] for key in ("asset", "delta_base", "notional_quote", "mark_price")] == [None] * 4


def test_a_leg_that_the_books_call_unprotected_is_not_called_protected() -> None:
    books = Books(unprotected={(PAPER, SYMBOL): (AT, "the venue refused")})
    document = status(books, accounts=[account(venue_order())])
    assert document["positions"][0]["is_protected"] is False
    assert document["unprotected"] == [
        {"venue": "paper", "symbol": SYMBOL, "since": "2026-03-02T08:00:00Z", "why": "the venue refused"}
    ]


def order(state: OrderState) -> Order:
    intent = OrderIntent(
        venue=PAPER,
        symbol=SYMBOL,
        asset=BTC,
        side=Side.SELL,
        type=OrderType.LIMIT,
        contracts=D(20),
        price=D(49_850),
        time_in_force=TimeInForce.IOC,
        reduce_only=False,
        purpose=Purpose.HEDGE,
        decision_price=D(50_000),
        cycle_id=CycleId("c1"),
        client_order_id=ClientOrderId(f"TT7KQ{state}"),
        intended_at=AT,
    )
    return Order(intent=intent, state=state, filled_contracts=D(5))


def test_orders_without_a_proved_outcome_are_counted_as_unknown() -> None:
    orders = [order(state) for state in OrderState]
    document = status(Books(orders={entry.intent.client_order_id: entry for entry in orders}))
    assert document["unknown_orders"] == 2
    assert set(document["orders_by_state"].values()) == {1}
    assert [entry["state"] for entry in document["working_orders"]] == [
        "intended",
        "unknown",
        "open",
        "partially_filled",
    ]
    assert document["working_orders"][0]["filled_contracts"] == "5"
    assert document["working_orders"][0]["trigger_price"] is None


def test_what_waits_is_in_the_status() -> None:
    books = Books(
        sequence=7,
        epoch="TT7KQ",
        settled_profit_quote=D("1.50"),
        ceilings={
            (BTC, "stop_out"): Ceiling(
                asset=BTC, cause="stop_out", max_delta_base=D(1), set_at=AT, release_at=AT, why="fired"
            )
        },
        flows={BTC: SuspectedFlow(asset=BTC, from_base=D(1), to_base=D(2), since=AT)},
        locks={(PAPER, SYMBOL): (AT, "apart")},
        ledgers={(PAPER, SYMBOL): LegLedger(contracts=D(-20), fees_paid={Currency("USDT"): D("0.5")})},
    )
    alert = {"code": "x", "cause": "y", "severity": "warning", "sentence": "z", "since": AT}
    document = status(books, alerts=[alert], next_looks={"calendar": AT})
    assert document["ceilings"][0]["release_at"] == "2026-03-02T08:00:00Z"
    assert document["flows"][0]["to_base"] == "2"
    assert document["locks"][0]["why"] == "apart"
    assert document["ledgers"][0]["fees_paid"] == {"USDT": "0.5"}
    assert document["settled_profit_quote"] == "1.5"
    assert document["alerts"] == [{**alert, "since": "2026-03-02T08:00:00Z"}]
    assert document["journal"] == {"epoch": "TT7KQ", "sequence": 7}


def test_times_keep_their_microseconds() -> None:
    assert time_text(datetime(2026, 1, 1, 0, 0, 0, 5, tzinfo=UTC)) == "2026-01-01T00:00:00.000005Z"
