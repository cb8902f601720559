"""What does ``status`` say? What is held, what protects it, what waits and what is wrong, as plain JSON values."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.decisions.margin_ladder import MarginHealth
from bot.domain.books import Books, Leg
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.orders import Order, OrderState, OrderType, Side, VenueOrder, side_of
from bot.domain.plan import Decision
from bot.domain.policy import Scope, TradingState
from bot.domain.portfolio import AccountState, FuturesPosition
from bot.domain.transfers import Transfer
from bot.domain.units import decimal_text, edge_text
from bot.engine.documents import (
    TRIGGER_SOURCE,
    asset_entry,
    margin_entry,
    optional_text,
    optional_time,
    order_entry,
    refusal_entry,
    time_text,
)
from bot.engine.risk_document import risk_entry

STATUS_SCHEMA = "trimtab.status/1"


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
    rolls: Sequence[Mapping[str, Any]] = (),
    rolling: Sequence[Mapping[str, Any]] = (),
    basis: Sequence[Mapping[str, Any]] = (),
    funding: Sequence[Mapping[str, Any]] = (),
    breaker: Mapping[str, Any] | None = None,
    foreign_symbols: Iterable[str] = (),
    margin_healths: Iterable[MarginHealth] = (),
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
        "last_look_at": optional_time(books.last_look_at),
        "next_look_at": optional_time(min((next_looks or {}).values(), default=None)),
        "next_looks": {trigger: time_text(moment) for trigger, moment in (next_looks or {}).items()},
        "accounts_read_at": optional_time(min((account.as_of for account in accounts), default=None)),
        **_newest_look(decision),
        "positions": _positions(accounts, books, instruments or {}, quotes or {}),
        "rolls": [dict(row) for row in rolls],
        "rolling": [dict(row) for row in rolling],
        "basis": [dict(row) for row in basis],
        "funding": [dict(row) for row in funding],
        "breaker": breaker,
        "unprotected": _dated_legs(books.unprotected),
        "locks": _dated_legs(books.locks),
        "ceilings": _ceilings(books),
        "flows": _flows(books),
        "corrections": _corrections(books),
        "margin_rungs": _margin_rungs(margin_healths, books),
        "transfers": [_transfer_entry(one) for one in books.transfers.values()],
        "working_orders": [_working_entry(order) for order in books.working_orders()],
        "unknown_orders": sum(order.state.is_unproved for order in books.orders.values()),
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
        "margin": [margin_entry(line) for line in decision.margins],
        "risk": risk_entry(decision.risk),
        "refusals": [refusal_entry(refusal) for refusal in decision.refusals],
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
        "delta_base": optional_text(delta),
        "notional_quote": optional_text(notional),
        "entry_price": edge_text(position.entry_price),
        "mark_price": None if quote is None else edge_text(quote.mark_price),
        "liquidation_price": optional_text(position.liquidation_price),
        "is_protected": not is_unprotected and stopped == abs(position.contracts),
        "stops": [
            {
                "side": stop.side.value,
                "amount_contracts": decimal_text(stop.contracts - stop.filled_contracts),
                "trigger_price": optional_text(stop.trigger_price),
                "trigger_source": TRIGGER_SOURCE,
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
            "release_at": optional_time(ceiling.release_at),
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


def _margin_rungs(healths: Iterable[MarginHealth], books: Books) -> list[dict[str, Any]]:
    """Return where each wallet with futures in it stood at the newest check."""
    return [
        {
            "venue": one.wallet.venue,
            "wallet": one.wallet.kind.value,
            "currency": one.wallet.currency,
            "rung": one.rung.value,
            "since": optional_time(books.margin_rungs.get(one.wallet.key, (None, None))[1]),
            "usage_frac": optional_text(one.usage_frac),
            "liquidation_distance_frac": optional_text(one.distance_frac),
        }
        for one in healths
    ]


def _transfer_entry(transfer: Transfer) -> dict[str, Any]:
    intent = transfer.intent
    return {
        "transfer_id": intent.transfer_id,
        "venue": intent.venue,
        "currency": intent.currency,
        "source": intent.source.value,
        "target": intent.target.value,
        "amount": decimal_text(intent.amount),
        "state": transfer.state.value,
        "reason": transfer.reason,
        "why": intent.why,
        "intended_at": time_text(intent.intended_at),
    }


def _corrections(books: Books) -> list[dict[str, Any]]:
    return [
        {
            "asset": asset,
            "first_gap": edge_text(correction.first_gap),
            "tranches_left": correction.tranches_left,
            "next_tranche_at": optional_time(correction.next_tranche_at),
        }
        for asset, correction in books.corrections.items()
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
        "price": optional_text(intent.price),
        "trigger_price": optional_text(intent.trigger_price),
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
