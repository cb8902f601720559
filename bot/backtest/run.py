"""How did the strategy do on history? The whole daemon on recorded markets, and one document about it."""

import sys
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.adapters.logs import configure_logging
from bot.adapters.paper import PAPER
from bot.backtest.basis import basis_of
from bot.backtest.files import time_text, write_files
from bot.backtest.invariants import InvariantChecker
from bot.backtest.losses import losses_of
from bot.backtest.pacing import pace_of, steering_settings, work_of
from bot.backtest.recorder import Recorder, RiskRecord
from bot.backtest.rolls import rolls_of
from bot.backtest.simulation import simulate
from bot.bootstrap import exchange_config
from bot.domain.errors import ConfigError
from bot.domain.events import MarginRungChanged, OrderChanged, OrderIntended, RollEnded
from bot.domain.ids import ClientOrderId
from bot.domain.orders import OrderEvent, OrderIntent, Purpose
from bot.domain.policy import MarginRung
from bot.domain.rolls import RollCause
from bot.domain.transfers import TransferState
from bot.domain.units import ZERO, edge_text
from bot.engine.risk_document import risk_entry
from bot.exchange.config import MarketKind
from bot.exchange.exchange import Exchange, open_exchange
from bot.exchange.moments import from_us
from bot.settings import Settings
from bot.settings.policies import policy_of

SCHEMA = "trimtab.backtest/1"
#: Ids of a backtest are the same every time.
_EPOCH_TAIL = "BAC"
#: Nothing is begun at the very end, where nothing could follow.
_SHORT_OF_THE_END = timedelta(seconds=1)


def run_backtest(settings: Settings, *, data: Path, start: datetime, end: datetime, out: Path | None) -> dict[str, Any]:
    """Run from ``start`` to ``end`` and return ``trimtab.backtest/1``; write the tables to ``out``.

    Raises:
        ConfigError: the period or the folder cannot be used.
        DataError: a data file cannot be used; the message names file and row.
    """
    import dataclasses

    if end <= start:
        raise ConfigError(f"--to {end:%Y-%m-%d} must be later than --from {start:%Y-%m-%d}")
    config = dataclasses.replace(
        exchange_config(settings), market=MarketKind.HISTORY, data_dir=data, start=start, end=end
    )
    exchange = open_exchange(config, None)
    if out is not None:
        _make(out)
    stream = (out / "events.jsonl").open("w", encoding="utf-8") if out is not None else sys.stderr
    level = str(settings.log_level) if out is not None else "error"
    configure_logging("json", level, stream, lambda: exchange.now)
    try:
        document, recorder, journal = _simulate(settings, exchange, start, end)
    finally:
        if out is not None:
            # Whoever logs after this must not find a closed file.
            configure_logging("text", "error", sys.stderr, lambda: exchange.now)
            stream.close()
    if out is not None:
        assets = policy_of(settings).assets
        write_files(out, exchange, recorder.rows, intents_of(journal), assets, PAPER)
    return document


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "events.jsonl").touch()
    except OSError as err:
        raise ConfigError(
            f"--out {out} cannot be written ({err.strerror}): name a folder that this user may write"
        ) from err


def _simulate(
    settings: Settings, exchange: Exchange, start: datetime, end: datetime
) -> tuple[dict[str, Any], Recorder, SqlJournal]:
    policy = policy_of(settings)
    journal = open_journal(None, now=exchange.now, epoch_tail=lambda: _EPOCH_TAIL)
    recorder = Recorder(exchange, policy)
    checker = InvariantChecker(exchange, journal, policy)
    end_us = exchange.floor.market.end_us
    until = end if end_us is None else min(end, from_us(end_us))
    began = time.process_time()
    simulate(policy, exchange, journal, until=until - _SHORT_OF_THE_END, observers=[recorder.see])
    seconds = time.process_time() - began
    checker.check_at_rest(exchange.now)
    document = {
        "schema": SCHEMA,
        "from": time_text(start),
        "to": time_text(until),
        "settings": _settings(settings),
        **_activity(exchange, journal, recorder),
        **_figures(recorder),
        "pace": pace_of(journal),
        "work": work_of(exchange, intents_of(journal)),
        "refusals": {rule.value: count for rule, count in sorted(recorder.refusals.items())},
        "risk": _risk(recorder.risk),
        "roll_list": rolls_of(journal),
        "breaker": losses_of(journal, policy.breaker),
        "basis": basis_of(journal, policy.watch.basis, until),
        "unprotected_seconds_max": edge_text(Decimal(str(checker.unprotected_seconds_max))),
        "derived_spans": exchange.floor.market.derived_spans(),
        "invariants": {"checked": checker.checked, "violated": list(checker.violated)},
        "cpu_seconds": f"{seconds:.2f}",
    }
    return document, recorder, journal


def _settings(settings: Settings) -> dict[str, Any]:
    return {
        "targets": {asset: edge_text(weight) for asset, weight in settings.targets.items()},
        "band": edge_text(settings.band),
        "band_relative": edge_text(settings.band_relative),
        "band_total": "off" if settings.band_total is None else edge_text(settings.band_total),
        "rebalance_to": settings.rebalance_to.value,
        "cadence": settings.cadence,
        **steering_settings(settings),
        "leverage": edge_text(settings.leverage),
        "stress": edge_text(settings.risk.stress),
        "collateral": {name: edge_text(amount) for name, amount in settings.paper.collateral.items()},
        "spare": {name: edge_text(amount) for name, amount in settings.paper.spare.items()},
        "holdings": str(settings.paper.holdings),
    }


def intents_of(journal: SqlJournal) -> dict[ClientOrderId, OrderIntent]:
    """Return every intent of a journal by its id."""
    found = {}
    for _, fact in journal.facts(kind=OrderIntended.__name__):
        assert isinstance(fact, OrderIntended)  # noqa: S101 - asked for by kind
        found[fact.intent.client_order_id] = fact.intent
    return found


def _activity(exchange: Exchange, journal: SqlJournal, recorder: Recorder) -> dict[str, Any]:
    floor = exchange.floor
    intents = intents_of(journal)
    learned = [fact.event for _, fact in journal.facts(kind=OrderChanged.__name__) if isinstance(fact, OrderChanged)]
    rolls = [fact for _, fact in journal.facts(kind=RollEnded.__name__) if isinstance(fact, RollEnded)]
    traded = {trade.client_order_id for trade in floor.trades}
    notional = sum(
        (floor.contracts[trade.symbol].notional_quote(trade.contracts, trade.price) for trade in floor.trades),
        ZERO,
    )
    return {
        "looks": len(recorder.rows),
        "rebalances": recorder.rebalances,
        "orders": {
            "submitted": len(intents),
            "filled": len(traded - {None}),
            "rejected": learned.count(OrderEvent.REFUSED),
            "unknown": learned.count(OrderEvent.OUTCOME_LOST),
        },
        "traded_notional_quote": edge_text(notional),
        "fees_quote": edge_text(sum((_in_quote(exchange, t.symbol, t.fee_paid, t.price) for t in floor.trades), ZERO)),
        "funding_quote": edge_text(
            sum((_in_quote(exchange, p.symbol, p.amount, p.mark_price) for p in floor.funding), ZERO)
        ),
        "roll_cost_quote": edge_text(sum((one.difference_quote + one.fees_quote for one in rolls), ZERO)),
        "roll_fees_quote": edge_text(sum((one.fees_quote for one in rolls), ZERO)),
        "stop_outs": len(
            {
                trade.client_order_id
                for trade in floor.trades
                if trade.client_order_id in intents and intents[trade.client_order_id].purpose is Purpose.STOP
            }
        ),
        "rolls": sum(one.cause is RollCause.EXPIRY and one.closed > 0 for one in rolls),
        "moves": sum(one.cause is RollCause.COST and one.closed > 0 for one in rolls),
        "missed_expiries": sum(trade.forced is Purpose.SETTLEMENT for trade in floor.trades),
        "liquidations": len(floor.liquidations),
        "margin": _margin_ladder(exchange, journal, intents),
    }


def _margin_ladder(
    exchange: Exchange, journal: SqlJournal, intents: Mapping[ClientOrderId, OrderIntent]
) -> dict[str, Any]:
    """Return what the margin ladder did: rungs reached, money moved, legs made smaller."""
    rungs = [
        one.rung for _, one in journal.facts(kind=MarginRungChanged.__name__) if isinstance(one, MarginRungChanged)
    ]
    arrived = [one for one in exchange.transfers.all if one.state is TransferState.DONE]
    sent = {name for name, intent in intents.items() if intent.purpose is Purpose.DELEVERAGE}
    cuts = sent & {trade.client_order_id for trade in exchange.floor.trades}
    return {
        "rungs": {rung.value: rungs.count(rung) for rung in MarginRung if rung is not MarginRung.CALM},
        "transfers": len(arrived),
        "transferred": {
            currency: edge_text(sum((one.amount for one in arrived if one.currency == currency), ZERO))
            for currency in sorted({one.currency for one in arrived})
        },
        "reductions": len(cuts),
    }


def _in_quote(exchange: Exchange, symbol: Any, amount: Decimal, price: Decimal) -> Decimal:
    return amount if exchange.floor.contracts[symbol].is_linear else amount * price


def _figures(recorder: Recorder) -> dict[str, Any]:
    rows = recorder.rows
    cells = [one for row in rows for one in row.assets.values()]
    gaps = [abs(one.gap) for one in cells]
    return {
        "capacity_short_max_quote": edge_text(_most(row.capacity_short_quote for row in rows)),
        "capacity_short_looks": sum(row.capacity_short_quote > 0 for row in rows),
        "collateral_peak_quote": edge_text(recorder.collateral_peak_quote),
        "max_margin_usage_frac": edge_text(_most(row.margin_usage_frac for row in rows)),
        "time_in_band_frac": edge_text(Decimal(sum(one.is_in_band for one in cells)) / len(cells) if cells else ZERO),
        "median_abs_gap_frac": edge_text(median(gaps) if gaps else ZERO),
        "max_abs_gap_frac": edge_text(_most(gaps)),
        "final_value_quote": {name: edge_text(value) for name, value in recorder.final_values.items()},
        "max_drawdown_frac": {name: edge_text(drawdown.deepest_frac) for name, drawdown in recorder.drawdowns.items()},
    }


def _risk(record: RiskRecord) -> dict[str, Any] | None:
    """Return the mean of what the looks said of risk, and the newest; None where it was never known."""
    if not record.looks or record.fewest_bets is None:
        return None
    return {
        "looks": record.looks,
        "sigma_annual_mean": edge_text(record.sigma / record.looks),
        "sigma_target_annual_mean": edge_text(record.sigma_target / record.looks),
        "effective_bets_mean": edge_text(record.effective_bets / record.looks),
        "effective_bets_min": edge_text(record.fewest_bets),
        "shares_mean": {asset: edge_text(total / record.looks) for asset, total in record.shares.items()},
        "last": risk_entry(record.newest),
    }


def _most(values: Iterable[Decimal]) -> Decimal:
    return max(values, default=ZERO)
