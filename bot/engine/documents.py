"""What do scripts and pages read? Decisions and books as plain JSON values.

Pure translation, no judgement. Every number is exact decimal text, every time ISO 8601 UTC with ``Z``. Keys may be
added, never renamed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from bot.domain.books import Books, Leg
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Order, OrderState, OrderType, Side, VenueOrder, side_of
from bot.domain.plan import (
    AssetLine,
    Decision,
    HedgeLeg,
    MarginLine,
    ProtectiveReduction,
    Refusal,
    StopTarget,
)
from bot.domain.policy import Scope, TradingState
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.domain.units import decimal_text, edge_text
from bot.engine.risk_document import risk_entry

PLAN_SCHEMA = "trimtab.plan/1"
STATUS_SCHEMA = "trimtab.status/1"
CHECK_SCHEMA = "trimtab.check/1"

#: What the venue compares a stop's trigger with.
_TRIGGER_SOURCE = "mark"
#: An intent without an outcome is as unknown as a lost reply.
_UNPROVED = frozenset({OrderState.INTENDED, OrderState.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that ``check`` looked at."""

    level: Literal["ok", "warn", "fail"]
    #: What was looked at, in a word or two.
    subject: str
    sentence: str
    #: What to do about it; empty when nothing need be done.
    mend: str = ""
    #: What ``check`` exits with when this is the first that fails.
    exit_code: int = 3


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


def _optional(value: Decimal | None) -> str | None:
    return None if value is None else edge_text(value)


def _optional_time(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)


def plan_document(
    decision: Decision,
    *,
    mode: str,
    scope: Scope,
    rolls: Sequence[Mapping[str, Any]] = (),
    foreign_symbols: Iterable[str] = (),
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
        "rolls": [dict(roll) for roll in rolls],
        "margin": [_margin_entry(line) for line in decision.margins],
        "risk": risk_entry(decision.risk),
        "next_paced_at": _optional_time(decision.next_paced_at),
        "next_tranche_at": _optional_time(decision.next_tranche_at),
        "refusals": [_refusal_entry(refusal) for refusal in decision.refusals],
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


def _stop_entry(stop: StopTarget) -> dict[str, Any]:
    return {
        "asset": stop.asset,
        "venue": stop.venue,
        "symbol": stop.symbol,
        "side": stop.side.value,
        "amount_contracts": decimal_text(stop.contracts),
        "trigger_price": decimal_text(stop.trigger_price),
        "trigger_source": _TRIGGER_SOURCE,
        "liquidation_price": _optional(stop.liquidation_price),
        "mark_price": edge_text(stop.mark_price),
        "entry_stops_fired": stop.entry_stops_fired,
        "history_days": stop.history_days,
    }


def _margin_entry(line: MarginLine) -> dict[str, Any]:
    return {
        "venue": line.venue,
        "wallet": line.wallet.value,
        "currency": line.currency,
        "margin_balance": edge_text(line.margin_balance),
        "maintenance_margin": edge_text(line.maintenance_margin),
        "usage_frac": _optional(line.usage_frac),
        "leverage_after": _optional(line.leverage_after),
        "stress_surplus": edge_text(line.stress_surplus),
    }


def _refusal_entry(refusal: Refusal) -> dict[str, Any]:
    return {"asset": refusal.asset, "rule": refusal.rule.value, "reason": refusal.reason}


def status_document(
    *,
    at: datetime,
    version: str,
    mode: str,
    scope: Scope,
    started_at: datetime,
    trading_state: TradingState,
    trading_state_why: str,
    readiness: tuple[bool, str],
    books: Books,
    alerts: Sequence[Mapping[str, Any]],
    next_looks: Mapping[str, datetime] | None = None,
    decision: Decision | None = None,
    accounts: Iterable[AccountState] = (),
    instruments: Mapping[Leg, Instrument] | None = None,
    quotes: Mapping[Leg, Quote] | None = None,
    foreign_symbols: Iterable[str] = (),
) -> dict[str, Any]:
    """Return ``trimtab.status/1``: what is held, what protects it, what waits, what is wrong.

    ``trading_state`` is the one in force. ``decision`` is the newest look's; ``accounts`` are the newest readings and
    may be younger.
    """
    accounts = tuple(accounts)
    return {
        "schema": STATUS_SCHEMA,
        "at": time_text(at),
        "version": version,
        "mode": mode,
        "scope": scope.value,
        "started_at": time_text(started_at),
        "trading_state": trading_state.value,
        "trading_state_why": trading_state_why,
        "is_hard_halt": books.is_hard_halt,
        "is_flattening": books.is_flattening,
        "foreign_symbols": sorted(foreign_symbols),
        "is_ready": readiness[0],
        "readiness": readiness[1],
        "last_look_at": _optional_time(books.last_look_at),
        "next_look_at": _optional_time(min((next_looks or {}).values(), default=None)),
        "next_looks": {trigger: time_text(moment) for trigger, moment in (next_looks or {}).items()},
        "accounts_read_at": _optional_time(min((account.as_of for account in accounts), default=None)),
        **_newest_look(decision),
        "positions": _positions(accounts, books, instruments or {}, quotes or {}),
        "unprotected": _dated_legs(books.unprotected),
        "locks": _dated_legs(books.locks),
        "ceilings": _ceilings(books),
        "flows": _flows(books),
        "working_orders": [_working_entry(order) for order in books.working_orders()],
        "unknown_orders": sum(order.state in _UNPROVED for order in books.orders.values()),
        "orders_by_state": _count_states(books),
        "ledgers": _ledgers(books),
        "settled_profit_quote": edge_text(books.settled_profit_quote),
        "alerts": [_alert_entry(alert) for alert in alerts],
        "journal": {"epoch": books.epoch, "sequence": books.sequence},
    }


def _newest_look(decision: Decision | None) -> dict[str, Any]:
    """Return the numbers of the newest look; ``null`` and empty before the first."""
    if decision is None:
        return {
            "decided_at": None,
            "portfolio_value_quote": None,
            "capacity_short_quote": None,
            "assets": [],
            "orders": [],
            "margin": [],
            "risk": None,
            "refusals": [],
            "ignored": [],
            "warnings": [],
        }
    return {
        "decided_at": time_text(decision.at),
        "portfolio_value_quote": edge_text(decision.valuation.portfolio_value_quote),
        "capacity_short_quote": edge_text(decision.capacity_short_quote),
        "assets": [asset_entry(line) for line in decision.lines],
        "orders": [order_entry(leg) for leg in decision.legs],
        "margin": [_margin_entry(line) for line in decision.margins],
        "risk": risk_entry(decision.risk),
        "refusals": [_refusal_entry(refusal) for refusal in decision.refusals],
        "ignored": list(decision.valuation.ignored),
        "warnings": list(decision.warnings),
    }


def _positions(
    accounts: Iterable[AccountState],
    books: Books,
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
) -> list[dict[str, Any]]:
    return [
        _position_entry(
            position,
            instruments.get((position.venue, position.symbol)),
            quotes.get((position.venue, position.symbol)),
            _stops_of(position, account),
            is_unprotected=(position.venue, position.symbol) in books.unprotected,
        )
        for account in accounts
        for position in account.positions
    ]


def _stops_of(position: FuturesPosition, account: AccountState) -> list[VenueOrder]:
    closing = side_of(-position.contracts)
    return [
        order
        for order in account.open_orders
        if order.symbol == position.symbol and order.type is OrderType.STOP_MARKET and order.side is closing
    ]


def _position_entry(
    position: FuturesPosition,
    instrument: Instrument | None,
    quote: Quote | None,
    stops: Sequence[VenueOrder],
    *,
    is_unprotected: bool,
) -> dict[str, Any]:
    """Return one position; what depends on an unknown contract or price is ``null``, not zero."""
    stopped = sum((stop.contracts - stop.filled_contracts for stop in stops), Decimal(0))
    delta = notional = None
    if instrument is not None and quote is not None:
        delta = instrument.base_from_contracts(position.contracts, quote.mark_price)
        notional = instrument.notional_quote(position.contracts, quote.mark_price)
    return {
        "asset": None if instrument is None else instrument.asset,
        "venue": position.venue,
        "symbol": position.symbol,
        "side": "long" if side_of(position.contracts) is Side.BUY else "short",
        "amount_contracts": decimal_text(abs(position.contracts)),
        "delta_base": _optional(delta),
        "notional_quote": _optional(notional),
        "entry_price": edge_text(position.entry_price),
        "mark_price": None if quote is None else edge_text(quote.mark_price),
        "liquidation_price": _optional(position.liquidation_price),
        "is_protected": not is_unprotected and stopped == abs(position.contracts),
        "stops": [
            {
                "side": stop.side.value,
                "amount_contracts": decimal_text(stop.contracts - stop.filled_contracts),
                "trigger_price": _optional(stop.trigger_price),
                "trigger_source": _TRIGGER_SOURCE,
                "reduce_only": stop.reduce_only,
                "client_order_id": stop.client_order_id,
            }
            for stop in stops
        ],
    }


def _dated_legs(legs: Mapping[Leg, tuple[datetime, str]]) -> list[dict[str, Any]]:
    return [
        {"venue": venue, "symbol": symbol, "since": time_text(since), "why": why}
        for (venue, symbol), (since, why) in legs.items()
    ]


def _ceilings(books: Books) -> list[dict[str, Any]]:
    return [
        {
            "asset": ceiling.asset,
            "cause": ceiling.cause,
            "max_delta_base": edge_text(ceiling.max_delta_base),
            "set_at": time_text(ceiling.set_at),
            "release_at": _optional_time(ceiling.release_at),
            "why": ceiling.why,
        }
        for ceiling in books.ceilings.values()
    ]


def _flows(books: Books) -> list[dict[str, Any]]:
    return [
        {
            "asset": flow.asset,
            "from_base": edge_text(flow.from_base),
            "to_base": edge_text(flow.to_base),
            "since": time_text(flow.since),
        }
        for flow in books.flows.values()
    ]


def _working_entry(order: Order) -> dict[str, Any]:
    intent = order.intent
    return {
        "client_order_id": intent.client_order_id,
        "venue_order_id": order.venue_order_id,
        "venue": intent.venue,
        "symbol": intent.symbol,
        "side": intent.side.value,
        "type": intent.type.value,
        "purpose": intent.purpose.value,
        "amount_contracts": decimal_text(intent.contracts),
        "filled_contracts": decimal_text(order.filled_contracts),
        "price": _optional(intent.price),
        "trigger_price": _optional(intent.trigger_price),
        "reduce_only": intent.reduce_only,
        "state": order.state.value,
        "reason": order.reason,
        "intended_at": time_text(intent.intended_at),
    }


def _count_states(books: Books) -> dict[str, int]:
    """Count the orders that the books still hold, by state; every state is named."""
    counts = {state.value: 0 for state in OrderState}
    for order in books.orders.values():
        counts[order.state.value] += 1
    return counts


def _ledgers(books: Books) -> list[dict[str, Any]]:
    return [
        {
            "venue": venue,
            "symbol": symbol,
            "contracts": decimal_text(ledger.contracts),
            "funding": edge_text(ledger.funding),
            "fees_paid": {currency: edge_text(amount) for currency, amount in ledger.fees_paid.items()},
        }
        for (venue, symbol), ledger in books.ledgers.items()
    ]


def _alert_entry(alert: Mapping[str, Any]) -> dict[str, Any]:
    return {key: time_text(value) if isinstance(value, datetime) else value for key, value in alert.items()}
