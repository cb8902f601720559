"""A bot that does nothing and remembers what it was asked."""

from decimal import Decimal
from typing import Any

from bot.domain.errors import BotError
from bot.domain.ids import Asset, Symbol, VenueId

AT = "2026-03-02T08:00:00Z"


def asset_row(asset: str, **changes: Any) -> dict[str, Any]:
    """Return one asset of a status or plan document."""
    row = {
        "asset": asset,
        "index_price": "50000",
        "holding_base": "0.12",
        "futures_delta_base": "-0.02",
        "exposure_quote": "5000",
        "weight": "0.5",
        "target_weight": "0.5",
        "gap": "0",
        "band": "0.05",
        "is_outside_band": False,
        "hedge_need_quote": "0",
        "residual_quote": "0",
        "reason": "inside its band",
    }
    return {**row, **changes}


def position_row(symbol: str, **changes: Any) -> dict[str, Any]:
    """Return one position of a status document."""
    row = {
        "asset": "BTC",
        "venue": "paper",
        "symbol": symbol,
        "side": "short",
        "amount_contracts": "0.02",
        "delta_base": "-0.02",
        "notional_quote": "1000",
        "entry_price": "50120.5",
        "mark_price": "50010",
        "liquidation_price": "318000",
        "is_protected": True,
        "stops": [
            {
                "side": "buy",
                "amount_contracts": "0.02",
                "trigger_price": "62500",
                "trigger_source": "mark",
                "reduce_only": True,
                "client_order_id": "TT7KQ0000000120",
            }
        ],
    }
    return {**row, **changes}


def status_document() -> dict[str, Any]:
    """Return a status with something of everything in it."""
    return {
        "schema": "trimtab.status/1",
        "at": AT,
        "version": "0.1.0",
        "mode": "paper",
        "scope": "assets",
        "started_at": "2026-03-01T00:00:00Z",
        "trading_state": "normal",
        "trading_state_why": "",
        "is_hard_halt": False,
        "is_flattening": False,
        "foreign_symbols": [],
        "is_ready": True,
        "readiness": "ready",
        "last_look_at": "2026-03-02T07:58:30Z",
        "next_look_at": "2026-03-02T09:00:00Z",
        "next_looks": {"tranche": "2026-03-02T12:00:00Z", "calendar": "2026-03-02T09:00:00Z"},
        "accounts_read_at": "2026-03-02T07:59:30Z",
        "decided_at": "2026-03-02T07:58:30Z",
        "portfolio_value_quote": "10000",
        "capacity_short_quote": "1240.5",
        "assets": [
            asset_row("BTC", weight="0.482", gap="-0.018"),
            asset_row(
                "ETH",
                index_price="2534.12",
                weight="0.391",
                target_weight="0.3",
                gap="0.091",
                band="0.05",
                is_outside_band=True,
                hedge_need_quote="-910",
                reason="short ETH 910 USD to half of the band",
            ),
            asset_row(
                "SOL",
                index_price="101.2",
                weight="0.127",
                target_weight="0.2",
                gap="-0.073",
                band="0.05",
                is_outside_band=True,
                hedge_need_quote="730",
                residual_quote="430",
                reason="long SOL 300 USD; the rest is short of capacity",
            ),
        ],
        "orders": [],
        "margin": [
            {
                "venue": "paper",
                "wallet": "linear_futures",
                "currency": "USDT",
                "margin_balance": "6000",
                "maintenance_margin": "42.5",
                "usage_frac": "0.007083333333",
                "leverage_after": "0.61",
                "stress_surplus": "2133.21",
            }
        ],
        "risk": {
            "sigma_annual": "0.5512",
            "sigma_target_annual": "0.57",
            "shares": {"BTC": "0.4", "ETH": "0.4", "SOL": "0.2"},
            "target_shares": {"BTC": "0.4", "ETH": "0.35", "SOL": "0.25"},
            "effective_bets": "1.4231",
            "target_effective_bets": "1.45",
            "correlated_pairs": [],
            "missing": [],
        },
        "refusals": [{"asset": "SOL", "rule": "capacity", "reason": "needs 1,240.50 USDT more to hold the targets"}],
        "ignored": ["DOGE"],
        "warnings": [],
        "positions": [
            position_row("BTC/USDT:USDT"),
            position_row("SOL/USDT:USDT", asset="SOL", side="long", is_protected=False, stops=[]),
        ],
        "unprotected": [],
        "locks": [],
        "ceilings": [],
        "flows": [],
        "corrections": [
            {
                "asset": "ETH",
                "first_gap": "0.102",
                "tranches_left": 2,
                "next_tranche_at": "2026-03-02T12:00:00Z",
            }
        ],
        "margin_rungs": [
            {
                "venue": "paper",
                "wallet": "linear_futures",
                "currency": "USDT",
                "rung": "warn",
                "since": "2026-03-02T07:00:00Z",
                "usage_frac": "0.31",
                "liquidation_distance_frac": "0.241",
            }
        ],
        "rolls": [],
        "rolling": [],
        "basis": [],
        "funding": [],
        "breaker": None,
        "transfers": [],
        "working_orders": [],
        "unknown_orders": 1,
        "orders_by_state": {"filled": 3, "unknown": 1},
        "ledgers": [],
        "settled_profit_quote": "0",
        "alerts": [
            {
                "code": "capacity_short",
                "cause": "paper/USDT",
                "severity": "warning",
                "sentence": "The wallet needs 1,240.50 USDT more to hold the targets",
                "since": "2026-03-02T01:00:00Z",
            }
        ],
        "journal": {"epoch": "TT7KQ", "sequence": 120},
    }


def plan_document() -> dict[str, Any]:
    """Return a plan with two orders."""
    return {
        "schema": "trimtab.plan/1",
        "at": AT,
        "mode": "paper",
        "scope": "assets",
        "trading_state": "normal",
        "portfolio_value_quote": "10000",
        "capacity_short_quote": "0",
        "valuation": {"holdings_quote": "10000", "hedge_profit_quote": "0", "cash_quote": "10000"},
        "assets": status_document()["assets"],
        "reductions": [],
        "orders": [
            {
                "asset": "ETH",
                "venue": "paper",
                "symbol": "ETH/USDT:USDT",
                "side": "sell",
                "amount_base": "0.359",
                "amount_contracts": "0.359",
                "notional_quote": "909.75",
                "reduce_only": False,
                "style": "ioc",
                "expected_cost_bps": "5.5",
                "limit_price": "2526.5",
                "reason": "over-weight by 9.10 points, to half of the band",
            }
        ],
        "stops": [
            {
                "asset": "BTC",
                "venue": "paper",
                "symbol": "BTC/USDT:USDT",
                "side": "buy",
                "amount_contracts": "0.02",
                "trigger_price": "62500",
                "trigger_source": "mark",
                "liquidation_price": "318000",
                "mark_price": "50010",
            }
        ],
        "rolls": [],
        "margin": status_document()["margin"],
        "refusals": status_document()["refusals"],
        "ignored": ["DOGE"],
        "foreign_symbols": [],
        "warnings": ["USDT is at 0.985"],
    }


def resume_document() -> dict[str, Any]:
    """Return what a resume would put aside."""
    return {
        "schema": "trimtab.resume/1",
        "clears": ["halted since 2026-03-02 01:00:00 UTC: tax", "the hard halt: stops are made to fit again"],
        "keeps": ["the ceiling on BTC: a stop fired"],
        "plan": plan_document(),
    }


class FakeControl:
    """Implements ``Control``."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.healthy = (True, "alive")
        self.ready = (True, "ready")
        self.document = status_document()
        self.failure: Exception | None = None
        #: Of how many orders a halt does not learn whether they are gone.
        self.doubtful_orders = 0
        #: How often the status is asked for until a flatten is done; 0: at once.
        self.flatten_takes = 0

    def _remember(self, *words: Any) -> None:
        self.asked.append(words)
        if self.failure is not None:
            raise self.failure

    def fail_with(self, failure: BotError | Exception) -> None:
        """Answer every further question with this failure."""
        self.failure = failure

    def health(self) -> tuple[bool, str]:
        return self.healthy

    def readiness(self) -> tuple[bool, str]:
        return self.ready

    def status(self) -> dict[str, Any]:
        self._remember("status")
        if self.document["is_flattening"]:
            self.flatten_takes -= 1
            if self.flatten_takes == 0:
                self.document |= {"is_flattening": False, "positions": []}
        return self.document

    async def plan(self) -> dict[str, Any]:
        self._remember("plan")
        return plan_document()

    def _answer(self, state: str, why: str, **more: Any) -> dict[str, Any]:
        self.document |= {"trading_state": state, "trading_state_why": why}
        return {"schema": "trimtab.command/1", "trading_state": state, **more}

    async def halt(self, caller: str, *, why: str, is_hard: bool = False) -> dict[str, Any]:
        self._remember(*("halt", caller, why), *(["hard"] if is_hard else []))
        return self._answer(
            "halted", why, cancelled_orders=2, doubtful_orders=self.doubtful_orders, is_hard_halt=is_hard
        )

    async def reduce_only(self, caller: str, *, why: str) -> dict[str, Any]:
        self._remember("reduce-only", caller, why)
        return self._answer("reduce_only", why, cancelled_orders=1)

    async def flatten(self, caller: str) -> dict[str, Any]:
        self._remember("flatten", caller)
        self.document["is_flattening"] = self.flatten_takes > 0
        return self._answer("halted", "flatten", is_flattening=self.flatten_takes > 0)

    async def resume_plan(self) -> dict[str, Any]:
        self._remember("resume-plan")
        return resume_document()

    async def resume(self, caller: str) -> dict[str, Any]:
        self._remember("resume", caller)
        return self._answer("normal", "")

    async def settle(self, caller: str, amount_quote: Decimal) -> dict[str, Any]:
        self._remember("settle", caller, amount_quote)
        return {"schema": "trimtab.command/1", "settled_profit_quote": "125.5"}

    async def adopt(
        self, caller: str, venue: VenueId | None, symbol: Symbol, *, is_gone: bool = False
    ) -> dict[str, Any]:
        self._remember("adopt", caller, venue, symbol, *(["gone"] if is_gone else []))
        return {"schema": "trimtab.command/1", "symbol": symbol, "contracts": "-3", "mark_price": "50010"}

    async def confirm_flow(self, caller: str, asset: Asset | None, *, is_gone: bool = False) -> dict[str, Any]:
        self._remember("confirm-flow", caller, asset, *(["gone"] if is_gone else []))
        return {"schema": "trimtab.command/1", "holdings_base": {"BTC": "0.12"}}
