"""``explain`` tells an order's story from the journal alone."""

import json
import sqlite3
from pathlib import Path

import pytest

from bot.adapters.journal.care import JOURNAL_FILE
from tests.cli.conftest import Trimtab
from tests.cli.journals import CLOSE, HEDGE, LOOK, QUIET, STOP, write_journal


@pytest.fixture(autouse=True)
def journal(folder: Path) -> None:
    write_journal(folder)


def test_an_order_is_told_from_its_look_to_what_it_cost(trimtab: Trimtab) -> None:
    ended = trimtab("explain", HEDGE.client_order_id)
    told = " ".join(ended.out.split())
    assert ended.code == 0
    for part in (
        "TTABC00000000800 · hedge · filled",
        "Look TTABC-7, due by calendar, ended 2024-06-03 12:00:03 UTC: traded",
        "BTC was 60.00 % of 50.00 % ±5.00 %, 60,000.00 USD at 50,000.00; need -50,000.00 USD",
        "sent: sell 1 BTC/USDT:USDT, limit, at 50000, ioc",
        "accepted by the venue",
        "traded: 1 at 49950 as taker, fee 25 USDT",
        "Filled 1 at 49,950.00 on average, +10.0 bp against the decision; fees 25 USDT",
        "Its stop: TTABC00000000B00, 1 at 65000",
    ):
        assert part in told, told


def test_as_json_it_is_one_document(trimtab: Trimtab) -> None:
    document = json.loads(trimtab("explain", HEDGE.client_order_id, "--json").out)
    assert document["schema"] == "trimtab.explain/1"
    [order] = document["orders"]
    assert [row["asset"] for row in order["look"]["assets"]] == ["BTC"], "the row of its own asset alone"
    assert (order["filled_contracts"], order["average_price"], order["slippage_bps"]) == ("1", "49950", "10")
    assert order["fees_paid"] == {"USDT": "25"}
    assert order["stop"]["client_order_id"] == STOP.client_order_id


def test_a_look_is_told_with_all_its_rows_and_orders(trimtab: Trimtab) -> None:
    told = " ".join(trimtab("explain", LOOK).out.split())
    assert told.startswith("Look TTABC-7, due by calendar")
    assert "ETH was" in told
    assert "TTABC00000000800 · hedge · filled" in told


def test_a_look_that_had_nothing_to_do_says_so(trimtab: Trimtab) -> None:
    assert "Nothing was to be done" in trimtab("explain", QUIET).out


def test_orders_of_protection_and_of_a_look_that_did_not_end_say_so(trimtab: Trimtab) -> None:
    assert "Protection asked for it" in trimtab("explain", STOP.client_order_id).out
    assert "Its look did not end." in trimtab("explain", CLOSE.client_order_id).out


def test_a_prefix_that_fits_one_order_is_enough(trimtab: Trimtab) -> None:
    assert "· stop ·" in trimtab("explain", "TTABC00000000B").out


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ("TTABC0000000", "'TTABC0000000' fits 3 orders; write more of it"),
        ("TTA", "no order and no look is called 'TTA'; the newest orders: TTABC00000000800, "),
    ],
)
def test_what_fits_nothing_or_too_much_gets_one_line(trimtab: Trimtab, wanted: str, told: str) -> None:
    ended = trimtab("explain", wanted)
    assert ended.code == 2
    assert ended.err.startswith(f"trimtab: {told}"), ended.err
    assert ended.err.count("\n") == 1


def test_without_a_journal_nothing_is_made(trimtab: Trimtab, folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    ended = trimtab("explain", "x")
    assert (ended.code, ended.err) == (
        2,
        f"trimtab: there is no journal in {folder}: nothing was ever sent from there\n",
    )
    assert list(folder.iterdir()) == []


def test_an_older_journal_is_not_changed_by_reading_it(trimtab: Trimtab, folder: Path) -> None:
    """Another process may hold it; only the daemon brings it up to date."""
    path = folder / JOURNAL_FILE
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    ended = trimtab("explain", HEDGE.client_order_id)
    assert ended.code != 0
    assert "is of format 1, an older one; 'trimtab run' brings it to format" in ended.err
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (1,)
