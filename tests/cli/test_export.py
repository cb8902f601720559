"""``export`` writes what the journal knows, once, in the words of who reads it."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Trimtab
from tests.cli.journals import write_journal

FIRST, MINUTE = datetime(2024, 6, 2, tzinfo=UTC), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def journal(folder: Path) -> None:
    write_journal(folder)


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_trades_say_what_they_realised(trimtab: Trimtab) -> None:
    sold, bought = _rows(trimtab("export", "trades").out)
    assert sold == {
        "time": "2024-06-03T12:00:02Z",
        "venue": "paper",
        "symbol": "BTC/USDT:USDT",
        "side": "sell",
        "amount_contracts": "1",
        "amount_base": "1",
        "price": "49950",
        "notional_quote": "49950",
        "realised_pnl": "0",
        "pnl_currency": "USDT",
        "fee": "25",
        "fee_currency": "USDT",
        "is_maker": "false",
        "reduce_only": "false",
        "purpose": "hedge",
        "client_order_id": "TTABC00000000800",
        "trade_id": "1",
    }
    assert (bought["realised_pnl"], bought["fee"], bought["reduce_only"]) == ("1950", "-2.5", "true")


def test_fees_and_funding_have_their_own_tables(trimtab: Trimtab) -> None:
    assert [row["fee"] for row in _rows(trimtab("export", "fees").out)] == ["25", "-2.5"]
    [paid] = _rows(trimtab("export", "funding").out)
    assert (paid["amount"], paid["currency"], paid["rate"]) == ("-4.5", "USDT", "-0.00009")


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(trimtab: Trimtab) -> None:
    def numbers(what: str, *period: str) -> list[str]:
        rows = _rows(trimtab("export", what, *period).out)
        return [row.get("trade_id") or row["transaction_id"] for row in rows]

    assert numbers("trades", "--from", "2024-06-04") == ["2"]
    assert numbers("trades", "--to", "2024-06-05T12:00") == ["1"]
    assert numbers("funding", "--from", "2024-06-03", "--to", "2024-06-04T12:00") == []
    assert numbers("funding", "--from", "2024-06-04T12:00", "--to", "2024-06-04T12:00:01") == ["31"]


def test_a_period_that_ends_before_it_begins_gets_one_line(trimtab: Trimtab) -> None:
    ended = trimtab("export", "trades", "--from", "2024-06-05", "--to", "2024-06-04")
    assert (ended.code, ended.out) == (2, "")
    assert "--to has to be later than --from" in ended.err


@pytest.mark.parametrize(("form", "columns"), [("koinly", ("Received", "Sent")), ("cointracking", ("Buy", "Sell"))])
def test_for_a_tax_tool_all_three_add_up_to_what_the_account_gained(
    trimtab: Trimtab, form: str, columns: tuple[str, str]
) -> None:
    rows = [
        row for what in ("trades", "fees", "funding") for row in _rows(trimtab("export", what, "--format", form).out)
    ]
    into, out = (sum(Decimal(row[f"{word} Amount"] or 0) for row in rows) for word in columns)
    assert into - out == 1950 - 25 + Decimal("2.5") - Decimal("4.5")
    for row in rows:
        assert bool(row[f"{columns[0]} Amount"]) != bool(row[f"{columns[1]} Amount"]), "either came in or went out"
    references = [row.get("TxHash") or row["Tx-ID"] for row in rows]
    assert len(set(references)) == len(references), "a tool that drops what it has seen keeps every row"


def test_the_words_are_those_that_the_tools_know(trimtab: Trimtab) -> None:
    labels = [_rows(trimtab("export", what, "--format", "koinly").out)[0] for what in ("trades", "fees", "funding")]
    assert [(row["Label"], row["Date"]) for row in labels] == [
        ("realized gain", "2024-06-05 12:00:00 UTC"),
        ("margin fee", "2024-06-03 12:00:02 UTC"),
        ("realized gain", "2024-06-04 12:00:00 UTC"),
    ]
    types = [
        row["Type"]
        for what in ("trades", "fees", "funding")
        for row in _rows(trimtab("export", what, "--format", "cointracking").out)
    ]
    assert types == [
        "Derivatives / Futures Profit",
        "Other Fee",
        "Other Income",
        "Derivatives / Futures Loss",
    ]


def test_a_file_is_written_where_it_is_asked_for(trimtab: Trimtab, tmp_path: Path) -> None:
    target = tmp_path / "trades.csv"
    ended = trimtab("export", "trades", "--out", str(target))
    assert ended.out == ""
    assert f"{target} was written." in ended.err
    assert target.read_text(encoding="utf-8") == trimtab("export", "trades").out


def test_a_date_that_is_none_gets_one_line(trimtab: Trimtab) -> None:
    ended = trimtab("export", "trades", "--from", "yesterday")
    assert ended.code == 2
    assert "'yesterday' is no date; write it as 2021-01-31" in ended.err


@pytest.mark.parametrize("words", [("--out", "{folder}/nowhere/trades.csv"), ("--out", "{folder}")])
def test_a_file_that_cannot_be_written_gets_one_line(trimtab: Trimtab, tmp_path: Path, words: tuple[str, str]) -> None:
    ended = trimtab("export", "trades", words[0], words[1].format(folder=tmp_path))
    assert (ended.code, ended.out) == (2, "")
    assert "cannot be written (" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("form", ["generic", "koinly", "cointracking"])
@pytest.mark.parametrize("what", ["trades", "fees", "funding"])
@given(cuts=st.lists(st.integers(0, 5 * 1440).map(lambda minutes: FIRST + minutes * MINUTE), max_size=4))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_periods_that_follow_each_other_have_every_row_once(
    trimtab: Trimtab, form: str, what: str, cuts: list[datetime]
) -> None:
    """Whoever exports year by year declares everything, and nothing twice."""
    bounds = [None, *sorted(set(cuts)), None]
    whole = trimtab("export", what, "--format", form).out.splitlines()
    pieces: list[str] = whole[:1]
    for since, until in pairwise(bounds):
        period = [*(("--from", since.isoformat()) if since else ()), *(("--to", until.isoformat()) if until else ())]
        pieces.extend(trimtab("export", what, "--format", form, *period).out.splitlines()[1:])
    assert pieces == whole
