"""What do scripts and pages read? Decisions and books as plain JSON values.

Pure translation, no judgement. Every number is exact decimal text, every time ISO 8601 UTC with ``Z``. Keys may be
added, never renamed.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bot.domain.findings import Finding
from bot.domain.plan import (
    AssetLine,
    Decision,
    EntryStopRecord,
    HedgeLeg,
    MarginLine,
    ProtectiveReduction,
    Refusal,
    StopTarget,
)
from bot.domain.policy import Scope
from bot.domain.units import decimal_text, edge_text
from bot.engine.risk_document import risk_entry

PLAN_SCHEMA = "trimtab.plan/1"
CHECK_SCHEMA = "trimtab.check/1"

#: What the venue compares a stop's trigger with.
TRIGGER_SOURCE = "mark"


def check_document(findings: Iterable[Finding]) -> dict[str, Any]:
    """Return ``trimtab.check/1``."""
    entries = [
        {
            "level": finding.level,
            "subject": finding.subject,
            "sentence": finding.sentence,
            "mend": finding.mend,
        }
        for finding in findings
    ]
    return {
        "schema": CHECK_SCHEMA,
        "is_fine": all(entry["level"] != "fail" for entry in entries),
        "findings": entries,
    }


def time_text(moment: datetime) -> str:
    """Write a moment: ISO 8601, UTC, with ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def optional_text(value: Decimal | None) -> str | None:
    """Write a number, or ``null`` where it is not known."""
    return None if value is None else edge_text(value)


def optional_time(moment: datetime | None) -> str | None:
    """Write a moment, or ``null``."""
    return None if moment is None else time_text(moment)


def plan_document(
    decision: Decision,
    *,
    mode: str,
    scope: Scope,
    rolls: Sequence[Mapping[str, Any]] = (),
    contracts: Sequence[Mapping[str, Any]] = (),
    basis: Sequence[Mapping[str, Any]] = (),
    foreign_symbols: Iterable[str] = (),
    funding: Sequence[Mapping[str, Any]] = (),
    breaker: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return ``trimtab.plan/1``: one look's answer, whether or not it is acted on."""
    valuation = decision.valuation
    return {
        "schema": PLAN_SCHEMA,
        "at": time_text(decision.at),
        "mode": mode,
        "scope": scope.value,
        "trading_state": decision.trading_state.value,
        "portfolio_value_quote": edge_text(valuation.portfolio_value_quote),
        "capacity_short_quote": edge_text(decision.capacity_short_quote),
        "valuation": {
            "holdings_quote": edge_text(valuation.holdings_quote),
            "hedge_profit_quote": edge_text(valuation.hedge_profit_quote),
            "cash_quote": edge_text(valuation.cash_quote),
        },
        "assets": [asset_entry(line) for line in decision.lines],
        "reductions": [_reduction_entry(reduction) for reduction in decision.reductions],
        "orders": [order_entry(leg) for leg in decision.legs],
        "stops": [_stop_entry(stop) for stop in decision.stops],
        "entry_stops": [_entry_stop_entry(one) for one in decision.entry_stops],
        "rolls": [dict(roll) for roll in rolls],
        "contracts": [dict(one) for one in contracts],
        "basis": [dict(row) for row in basis],
        "margin": [margin_entry(line) for line in decision.margins],
        "funding": [dict(row) for row in funding],
        "breaker": breaker,
        "risk": risk_entry(decision.risk),
        "next_paced_at": optional_time(decision.next_paced_at),
        "next_tranche_at": optional_time(decision.next_tranche_at),
        "refusals": [refusal_entry(refusal) for refusal in decision.refusals],
        "ignored": list(valuation.ignored),
        "foreign_symbols": sorted(foreign_symbols),
        "warnings": list(decision.warnings),
    }


def asset_entry(line: AssetLine) -> dict[str, Any]:
    """Return one asset's row."""
    return {
        "asset": line.asset,
        "index_price": edge_text(line.index_price),
        "holding_base": edge_text(line.holding_base),
        "coins_pledged": edge_text(line.pledged_base),
        "futures_delta_base": edge_text(line.futures_delta_base),
        "exposure_quote": edge_text(line.exposure_quote),
        "weight": edge_text(line.weight),
        "target_weight": edge_text(line.target_weight),
        "gap": edge_text(line.gap),
        "band": edge_text(line.band),
        "is_outside_band": line.is_outside_band,
        "hedge_need_quote": edge_text(line.hedge_need_quote),
        "residual_quote": edge_text(line.residual_quote),
        "reason": line.reason,
    }


def order_entry(leg: HedgeLeg) -> dict[str, Any]:
    """Return one order of the plan."""
    return {
        "asset": leg.instrument.asset,
        "venue": leg.instrument.venue,
        "symbol": leg.instrument.symbol,
        "side": leg.side.value,
        "amount_base": edge_text(leg.amount_base),
        "amount_contracts": decimal_text(leg.contracts),
        "notional_quote": edge_text(leg.notional_quote),
        "reduce_only": leg.reduce_only,
        "style": leg.style.value,
        "expected_cost_bps": edge_text(leg.expected_cost_bps),
        "limit_price": decimal_text(leg.limit_price),
        "reason": leg.reason,
    }


def _reduction_entry(reduction: ProtectiveReduction) -> dict[str, Any]:
    ceiling = reduction.ceiling
    return {
        **order_entry(reduction.leg),
        "ceiling_base": edge_text(ceiling.max_delta_base),
        "cause": ceiling.cause,
        "why": ceiling.why,
    }


def _entry_stop_entry(record: EntryStopRecord) -> dict[str, Any]:
    return {
        "asset": record.asset,
        "distance_frac": edge_text(record.distance_frac),
        "long_fired": record.long_fired,
        "short_fired": record.short_fired,
        "history_days": record.history_days,
    }


def _stop_entry(stop: StopTarget) -> dict[str, Any]:
    return {
        "asset": stop.asset,
        "venue": stop.venue,
        "symbol": stop.symbol,
        "side": stop.side.value,
        "amount_contracts": decimal_text(stop.contracts),
        "trigger_price": decimal_text(stop.trigger_price),
        "trigger_source": TRIGGER_SOURCE,
        "liquidation_price": optional_text(stop.liquidation_price),
        "mark_price": edge_text(stop.mark_price),
        "entry_stops_fired": stop.entry_stops_fired,
        "history_days": stop.history_days,
    }


def margin_entry(line: MarginLine) -> dict[str, Any]:
    """Return one wallet."""
    return {
        "venue": line.venue,
        "wallet": line.wallet.value,
        "currency": line.currency,
        "margin_balance": edge_text(line.margin_balance),
        "maintenance_margin": edge_text(line.maintenance_margin),
        "usage_frac": optional_text(line.usage_frac),
        "leverage_after": optional_text(line.leverage_after),
        "stress_surplus": edge_text(line.stress_surplus),
    }


def refusal_entry(refusal: Refusal) -> dict[str, Any]:
    """Return why something is not done."""
    return {"asset": refusal.asset, "rule": refusal.rule.value, "reason": refusal.reason}
