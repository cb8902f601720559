"""``export``: trades, fees and funding as CSV, for accounting and for tax tools."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from bot.decisions.accounting import TradeRow
    from bot.domain.events import Fact, FundingSettled

Row = Sequence[str]


class What(StrEnum):
    """What is exported."""

    TRADES = "trades"
    FEES = "fees"
    FUNDING = "funding"


class Form(StrEnum):
    """Who reads it."""

    GENERIC = "generic"
    KOINLY = "koinly"
    COINTRACKING = "cointracking"


def export(
    what: What = typer.Argument(help="trades, fees or funding."),
    start: str = typer.Option("", "--from", help="First day or moment, UTC; from the beginning when left out."),
    end: str = typer.Option("", "--to", help="Day or moment before which it ends, UTC; to the present when left out."),
    form: Form = typer.Option(Form.GENERIC, "--format", help="generic, or the import format of a tax tool."),
    out: Path | None = typer.Option(None, "--out", help="File to write; stdout when left out."),
) -> None:
    """Write what the journal knows as CSV: what was realised by trades, fees paid, funding paid and received.

    Reads the journal and asks nobody else, also while the daemon runs. For a tax tool import all three, each once.
    """
    import csv
    import sys

    from bot.cli.context import open_settings
    from bot.cli.dates import moment_of
    from bot.cli.explain import open_journal_to_read

    since = moment_of(start, "--from") if start else None
    until = moment_of(end, "--to") if end else None
    if since is not None and until is not None and until <= since:
        raise typer.BadParameter("--to has to be later than --from", param_hint="--to")
    journal = open_journal_to_read(open_settings().data_dir)
    facts = [fact for _, fact in journal.facts()]
    journal.connection.close()
    header, rows = _TABLES[form, what](facts, since, until)
    if out is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows([header, *rows])
        return
    try:
        with out.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
    except OSError as err:
        raise typer.BadParameter(f"{out} cannot be written ({err.strerror})", param_hint="--out") from err
    typer.echo(f"{out} was written.", err=True)


Facts = Sequence["Fact"]
Bound = datetime | None


def _trades(facts: Facts, since: Bound, until: Bound) -> "Iterator[TradeRow]":
    from bot.decisions.accounting import is_within, trade_rows

    return (row for row in trade_rows(facts) if is_within(row.fill.filled_at, since, until))


def _payments(facts: Facts, since: Bound, until: Bound) -> "Iterator[FundingSettled]":
    from bot.decisions.accounting import funding_rows, is_within

    return (row for row in funding_rows(facts) if is_within(row.settled_at, since, until))


def _text(value: Decimal | None) -> str:
    """Write an exact amount; empty where it is not known."""
    from bot.domain.units import edge_text

    return "" if value is None else edge_text(value)


# --- generic -------------------------------------------------------------------------------------


def _generic_trades(facts: Facts, since: Bound, until: Bound) -> tuple[Row, list[Row]]:
    from bot.engine.documents import time_text

    header = [
        *("time", "venue", "symbol", "side", "amount_contracts", "amount_base", "price", "notional_quote"),
        *("realised_pnl", "pnl_currency", "fee", "fee_currency", "is_maker", "reduce_only", "purpose"),
        *("client_order_id", "trade_id"),
    ]
    rows: list[Row] = [
        [
            time_text(row.fill.filled_at),
            row.fill.venue,
            row.fill.symbol,
            row.fill.side.value,
            _text(row.fill.contracts),
            _text(row.amount_base),
            _text(row.fill.price),
            _text(row.notional_quote),
            _text(row.realised),
            "" if row.terms is None else row.terms.settle,
            _text(row.fill.fee_paid),
            row.fill.fee_currency,
            str(row.fill.is_maker).lower(),
            "" if row.intent is None else str(row.intent.reduce_only).lower(),
            _purpose(row),
            row.fill.client_order_id or "",
            row.fill.trade_id,
        ]
        for row in _trades(facts, since, until)
    ]
    return header, rows


def _purpose(row: "TradeRow") -> str:
    if row.intent is not None:
        return row.intent.purpose.value
    return row.fill.forced.value if row.fill.forced is not None else "foreign"


def _generic_fees(facts: Facts, since: Bound, until: Bound) -> tuple[Row, list[Row]]:
    from bot.engine.documents import time_text

    header = ["time", "venue", "symbol", "fee", "fee_currency", "client_order_id", "trade_id"]
    rows: list[Row] = [
        [
            time_text(one.filled_at),
            one.venue,
            one.symbol,
            _text(one.fee_paid),
            one.fee_currency,
            one.client_order_id or "",
            one.trade_id,
        ]
        for one in (row.fill for row in _trades(facts, since, until))
    ]
    return header, rows


def _generic_funding(facts: Facts, since: Bound, until: Bound) -> tuple[Row, list[Row]]:
    from bot.engine.documents import time_text

    header = ["time", "venue", "symbol", "currency", "amount", "rate", "notional_quote", "transaction_id"]
    rows: list[Row] = [
        [
            time_text(one.settled_at),
            one.venue,
            one.symbol,
            one.currency,
            _text(one.amount),
            _text(one.rate),
            _text(one.notional_quote),
            one.transaction_id,
        ]
        for one in _payments(facts, since, until)
    ]
    return header, rows


# --- tax tools -----------------------------------------------------------------------------------

#: (when, amount: + received, currency, kind, venue, symbol, reference).
Movement = tuple[datetime, Decimal, str, What, str, str, str]


def _movements(what: What, facts: Facts, since: Bound, until: Bound) -> Iterator[Movement]:
    """Yield what has come in and gone out."""
    if what is What.FUNDING:
        for one in _payments(facts, since, until):
            number = f"{one.venue}-{one.symbol}-funding-{one.transaction_id}"
            yield one.settled_at, one.amount, one.currency, what, one.venue, one.symbol, number
        return
    for row in _trades(facts, since, until):
        fill = row.fill
        # One trade may be in both files: a tool that drops what it has seen must keep both.
        number = f"{fill.venue}-{fill.symbol}-{what}-{fill.trade_id}"
        if what is What.FEES:
            yield fill.filled_at, -fill.fee_paid, fill.fee_currency, what, fill.venue, fill.symbol, number
        elif row.realised and row.terms is not None:
            yield fill.filled_at, row.realised, row.terms.settle, what, fill.venue, fill.symbol, number


_WORDS = {What.TRADES: "Realised by", What.FEES: "Trading fee on", What.FUNDING: "Funding of"}


def _koinly(what: What) -> "Callable[[Facts, Bound, Bound], tuple[Row, list[Row]]]":
    """Return the maker of Koinly's universal format."""
    labels = {What.TRADES: "realized gain", What.FEES: "margin fee", What.FUNDING: "realized gain"}
    header = [
        *("Date", "Sent Amount", "Sent Currency", "Received Amount", "Received Currency", "Fee Amount"),
        *("Fee Currency", "Net Worth Amount", "Net Worth Currency", "Label", "Description", "TxHash"),
    ]

    def table(facts: Facts, since: Bound, until: Bound) -> tuple[Row, list[Row]]:
        rows: list[Row] = []
        for at, amount, currency, kind, venue, symbol, reference in _movements(what, facts, since, until):
            if amount == 0:
                continue
            paid = [_text(-amount), currency, "", ""] if amount < 0 else ["", "", _text(amount), currency]
            told = f"{_WORDS[kind]} {symbol} on {venue}"
            rows.append([f"{at:%Y-%m-%d %H:%M:%S} UTC", *paid, "", "", "", "", labels[kind], told, reference])
        return header, rows

    return table


def _cointracking(what: What) -> "Callable[[Facts, Bound, Bound], tuple[Row, list[Row]]]":
    """Return the maker of CoinTracking's CSV import."""
    header = [
        *("Type", "Buy Amount", "Buy Currency", "Sell Amount", "Sell Currency", "Fee", "Fee Currency"),
        *("Exchange", "Trade-Group", "Comment", "Date", "Tx-ID"),
    ]

    def table(facts: Facts, since: Bound, until: Bound) -> tuple[Row, list[Row]]:
        rows: list[Row] = []
        for at, amount, currency, kind, venue, symbol, reference in _movements(what, facts, since, until):
            if amount == 0:
                continue
            is_loss = amount < 0
            paid = ["", "", _text(-amount), currency] if is_loss else [_text(amount), currency, "", ""]
            fee_or_profit = "Other Fee" if is_loss else "Other Income"
            futures = f"Derivatives / Futures {'Loss' if is_loss else 'Profit'}"
            name = fee_or_profit if kind is What.FEES else futures
            told = f"{_WORDS[kind]} {symbol}"
            rows.append([name, *paid, "", "", venue, kind.value, told, f"{at:%Y-%m-%d %H:%M:%S}", reference])
        return header, rows

    return table


_TABLES: dict[tuple[Form, What], Any] = {
    (Form.GENERIC, What.TRADES): _generic_trades,
    (Form.GENERIC, What.FEES): _generic_fees,
    (Form.GENERIC, What.FUNDING): _generic_funding,
    **{(Form.KOINLY, what): _koinly(what) for what in What},
    **{(Form.COINTRACKING, what): _cointracking(what) for what in What},
}
