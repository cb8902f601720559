"""Which files does a backtest leave? CSV tables from which every figure can be computed again by hand."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from bot.backtest.recorder import EquityRow
from bot.domain.ids import Asset, ClientOrderId
from bot.domain.orders import OrderIntent
from bot.domain.units import decimal_text, edge_text
from bot.exchange.exchange import Exchange
from bot.exchange.records import MovementKind

TRADE_COLUMNS = [
    "time",
    "venue",
    "symbol",
    "side",
    "amount_base",
    "price",
    "fee_quote",
    "reduce_only",
    "purpose",
    "client_order_id",
]
FUNDING_COLUMNS = ["time", "venue", "symbol", "rate", "notional_quote", "amount_quote"]
TRANSFER_COLUMNS = ["time", "venue", "wallet", "currency", "amount"]
_ASSET_COLUMNS = ("index", "holding", "delta", "weight", "target", "band", "mark")


def time_text(moment: datetime) -> str:
    """Write a moment in UTC with ``Z``."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def write_files(
    folder: Path,
    exchange: Exchange,
    rows: Sequence[EquityRow],
    intents: Mapping[ClientOrderId, OrderIntent],
    assets: Sequence[Asset],
    venue: str,
) -> None:
    """Write ``trades.csv``, ``funding.csv``, ``transfers.csv`` and ``equity.csv``."""
    _write(folder / "trades.csv", TRADE_COLUMNS, _trades(exchange, intents, venue))
    _write(folder / "funding.csv", FUNDING_COLUMNS, _funding(exchange, venue))
    _write(folder / "transfers.csv", TRANSFER_COLUMNS, _transfers(exchange, venue))
    columns = ["time", "portfolio_value_quote", "cash_quote", "margin_usage_frac"]
    columns += [f"{name}_{asset}" for asset in assets for name in _ASSET_COLUMNS]
    columns += ["capacity_short_quote"]
    _write(folder / "equity.csv", columns, (_equity(row, assets) for row in rows))


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a whole table or none."""
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    draft.replace(path)


def _trades(exchange: Exchange, intents: Mapping[ClientOrderId, OrderIntent], venue: str) -> Iterable[Sequence[str]]:
    for trade in exchange.floor.trades:
        contract = exchange.floor.contracts[trade.symbol]
        intent = intents.get(trade.client_order_id) if trade.client_order_id else None
        purpose = trade.forced or (intent.purpose if intent is not None else None)
        amount = trade.contracts * contract.size
        is_coin_sized = contract.is_linear
        yield (
            time_text(trade.at),
            venue,
            trade.symbol,
            trade.side.value,
            decimal_text(amount if is_coin_sized else amount / trade.price),
            decimal_text(trade.price),
            edge_text(trade.fee_paid if is_coin_sized else trade.fee_paid * trade.price),
            "true" if intent is None or intent.reduce_only else "false",
            purpose.value if purpose is not None else "",
            trade.client_order_id or "",
        )


def _funding(exchange: Exchange, venue: str) -> Iterable[Sequence[str]]:
    for payment in exchange.floor.funding:
        is_cash = exchange.floor.contracts[payment.symbol].is_linear
        amount = payment.amount if is_cash else payment.amount * payment.mark_price
        yield (
            time_text(payment.at),
            venue,
            payment.symbol,
            decimal_text(payment.rate),
            edge_text(payment.notional_quote),
            edge_text(amount),
        )


def _transfers(exchange: Exchange, venue: str) -> Iterable[Sequence[str]]:
    for movement in exchange.floor.accounts.movements:
        if movement.kind in (MovementKind.TRANSFER, MovementKind.DEPOSIT, MovementKind.WITHDRAWAL):
            yield (
                time_text(movement.at),
                venue,
                movement.wallet.value,
                movement.currency,
                edge_text(movement.amount),
            )


def _equity(row: EquityRow, assets: Sequence[Asset]) -> Sequence[str]:
    cells: list[str] = [
        time_text(row.time),
        edge_text(row.portfolio_value_quote),
        edge_text(row.cash_quote),
        edge_text(row.margin_usage_frac),
    ]
    for asset in assets:
        one = row.assets[asset]
        numbers: tuple[Decimal, ...] = (
            one.index_price,
            one.holding_base,
            one.delta_base,
            one.weight,
            one.target_weight,
            one.band,
            one.mark_price,
        )
        cells.extend(edge_text(number) for number in numbers)
    cells.append(edge_text(row.capacity_short_quote))
    return cells
