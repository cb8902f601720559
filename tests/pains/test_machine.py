"""What does the bot do when its own machine fails it: disk, database, secrets, a second instance, or itself?"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.clock import LoopClock, SimulatedLoop
from bot.adapters.datafolder import own_folder
from bot.adapters.journal.care import JOURNAL_FILE, verify_file
from bot.adapters.journal.journal import SqlJournal, open_journal
from bot.bootstrap import Bot
from bot.domain.errors import BotError, ConfigError, JournalError
from bot.domain.events import CancelRequested
from bot.domain.orders import OrderState, Purpose
from bot.domain.policy import BandPolicy, Destination, Policy, TradingState
from bot.exchange.faults import FailRead
from bot.exchange.static_market import DEFAULT_START
from bot.settings.load import load_settings
from tests.engine.rig import BTC, BTC_PERP, ETH_PERP, Rig, a_policy
from tests.live.rig import LiveOwner, run_on_wire
from tests.pains.scenes import DAY, HOUR, MINUTE, SHORT, stops
from tests.simulation.test_scenarios import Owner

pytestmark = [pytest.mark.seconds(25), pytest.mark.usefixtures("quiet")]


def journal_in(folder: Path, now: datetime = DEFAULT_START) -> SqlJournal:
    """Return a journal in a file, a new one as of a moment."""
    return open_journal(folder / JOURNAL_FILE, now=now, epoch_tail=lambda: "RYG")


def is_hedged_once(rig: Rig) -> None:
    """Both hedges are there, once, each with its stop, and the exchange knows no order that the journal does not."""
    assert (rig.held(), rig.held(ETH_PERP)) == (SHORT, Decimal("0.36"))
    assert sorted(one.contracts for one in rig.stops()) == [-SHORT, Decimal("0.36")]
    known = set(rig.journal.books.orders)
    assert {one.client_order_id for one in rig.exchange.floor.orders.values()} <= known


# --- the disk is full, the database is locked ---------------------------------------------------


def test_a_disk_that_is_full_in_the_middle_stops_the_bot_before_it_sends_and_a_restart_goes_on(tmp_path: Path) -> None:
    rig = Rig(journal=journal_in(tmp_path))
    pages = rig.journal.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    rig.journal.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="disk is full"):
        rig.run(HOUR)
    known = set(rig.journal.reopened().books.orders)
    assert {one.client_order_id for one in rig.exchange.floor.orders.values()} <= known, "nothing without an intent"
    rig.journal.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    rig.run(HOUR)
    rig.run(2 * HOUR)
    is_hedged_once(rig)
    rig.is_well()


@pytest.mark.parametrize("room", range(1, 8))
def test_wherever_the_disk_runs_full_no_order_is_sent_that_the_journal_does_not_know(tmp_path: Path, room: int) -> None:
    rig = Rig(journal=journal_in(tmp_path))
    pages = rig.journal.connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    rig.journal.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + room}")
    try:
        rig.run(HOUR)
    except JournalError:
        known = set(rig.journal.reopened().books.orders)
        assert {one.client_order_id for one in rig.exchange.floor.orders.values()} <= known
    rig.journal.connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    rig.run(30 * MINUTE)
    rig.run(2 * HOUR)
    is_hedged_once(rig)


def test_a_database_that_somebody_else_locks_stops_the_bot_before_it_sends_and_a_restart_goes_on(
    tmp_path: Path,
) -> None:
    rig = Rig(journal=journal_in(tmp_path))
    rig.run(HOUR + MINUTE)
    orders = len(rig.exchange.floor.orders)
    rig.journal.connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(tmp_path / JOURNAL_FILE, isolation_level=None)) as other:

        async def lock(_: Bot) -> None:
            other.execute("BEGIN IMMEDIATE")
            rig.exchange.set_price(BTC, Decimal(36_000))

        with pytest.raises(JournalError, match="database is locked"):
            rig.run(3 * HOUR, lock)
        assert len(rig.exchange.floor.orders) == orders
        other.execute("ROLLBACK")
    rig.run(2 * HOUR)
    assert rig.held() > SHORT, "the hedge that was due is made up for"
    assert {one.client_order_id for one in rig.exchange.floor.orders.values()} <= set(rig.journal.books.orders)
    rig.is_well()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_log_that_cannot_be_written_ends_no_daemon_and_keeps_no_stop_from_its_place(tmp_path: Path) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TRIMTAB_")}
    environ = inherited | {
        "TRIMTAB_DATA_DIR": str(tmp_path),
        "TRIMTAB_HTTP__PORT": "0",
        "TRIMTAB_TARGETS": "BTC=70%,ETH=30%",
        "TRIMTAB_PAPER__MARKET": "static",
        "TRIMTAB_PAPER__SPEED": "1",
        "TRIMTAB_PAPER__HOLDINGS": "BTC=0.2,ETH=1",
        "TRIMTAB_EXECUTION__STYLE": "ioc",
    }

    def stops_of(folder: Path) -> int:
        if not (folder / JOURNAL_FILE).exists():
            return 0
        try:
            kept = open_journal(folder / JOURNAL_FILE, now=DEFAULT_START, epoch_tail=lambda: "RYG", read_only=True)
        except JournalError:
            # It is being made.
            return 0
        orders = kept.books.orders.values()
        kept.connection.close()
        return sum(one.intent.purpose is Purpose.STOP and one.state is OrderState.OPEN for one in orders)

    with Path("/dev/full").open("wb") as full:
        daemon = subprocess.Popen([sys.executable, "-m", "bot", "run"], env=environ, stdout=full, stderr=full)
    try:
        until = time.monotonic() + 120
        while stops_of(tmp_path) < 2:
            assert daemon.poll() is None, "it goes on"
            assert time.monotonic() < until
            time.sleep(0.1)
    finally:
        daemon.terminate()
        daemon.wait(60)
    stopped = open_journal(tmp_path / JOURNAL_FILE, now=DEFAULT_START, epoch_tail=lambda: "RYG", read_only=True)
    assert [fact.is_orderly for _, fact in stopped.facts(kind="BotStopped")] == [True]  # type: ignore[attr-defined]  # its kind
    stopped.connection.close()


# --- the database is corrupt, or somebody else's ------------------------------------------------


def a_day_old(folder: Path) -> Rig:
    """Return an account that was hedged, with its journal closed in a file."""
    rig = Rig(journal=journal_in(folder))
    rig.run(DAY)
    asyncio.run(rig.journal.close())
    return rig


def go_on(rig: Rig, folder: Path) -> None:
    """Start again on what lies in the folder."""
    rig.journal = journal_in(folder)
    rig.run(2 * HOUR)


def tear(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scribble(path: Path) -> None:
    """Put rubbish in the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096)


def blank(path: Path) -> None:
    """Leave a file of the right size that holds nothing, as a crash of the machine does."""
    path.write_bytes(bytes(path.stat().st_size))


@pytest.mark.parametrize("harm", [tear, scribble, blank])
def test_a_journal_that_is_damaged_is_one_sentence_and_the_account_is_left_as_it_is(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    rig = a_day_old(tmp_path)
    orders = len(rig.exchange.floor.orders)
    harm(tmp_path / JOURNAL_FILE)
    with pytest.raises(JournalError) as caught:
        verify_file(tmp_path / JOURNAL_FILE)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(JournalError) as caught:
        go_on(rig, tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert len(rig.exchange.floor.orders) == orders
    assert len(rig.stops()) == 2, "the stops go on resting"


def test_a_journal_that_was_deleted_opens_no_second_hedge_beside_the_first(tmp_path: Path) -> None:
    rig = a_day_old(tmp_path)
    (tmp_path / JOURNAL_FILE).unlink()
    rig.journal = journal_in(tmp_path, rig.exchange.now)
    with pytest.raises(BotError, match="trimtab adopt"):
        rig.run(2 * HOUR)
    assert (rig.held(), len(rig.stops())) == (SHORT, 2)


def copied_back(folder: Path, *, price: int, policy: Policy) -> tuple[Rig, Decimal]:
    """Return an account whose bot has traded on since a copy of its journal was made, and goes on with the copy."""
    rig = Rig(journal=journal_in(folder), policy=policy)
    rig.run(30 * MINUTE)
    old = folder / "old.db"
    with closing(sqlite3.connect(folder / JOURNAL_FILE)) as now, closing(sqlite3.connect(old)) as then:
        now.backup(then)
    rig.exchange.set_price(BTC, Decimal(price))
    rig.run(3 * HOUR)
    held = rig.held()
    asyncio.run(rig.journal.close())
    rig.journal = open_journal(old, now=rig.exchange.now, epoch_tail=lambda: "OLD")
    return rig, held


def test_an_old_journal_that_was_copied_back_finds_younger_orders_of_its_own_and_halts(tmp_path: Path) -> None:
    narrow = BandPolicy(destination=Destination.TARGET, total_frac=None, absolute_frac=Decimal("0.01"))
    rig, held = copied_back(tmp_path, price=46_000, policy=a_policy(bands=narrow))
    trades = len(rig.exchange.floor.trades)
    rig.run(3 * HOUR)
    assert rig.journal.books.trading_state is TradingState.HALTED
    assert "second_writer" in rig.alerts()
    assert (rig.held(), len(rig.exchange.floor.trades)) == (held, trades), "nothing is hedged on top of what is there"


def test_what_has_the_id_of_an_order_and_is_on_another_contract_is_not_taken_for_it(tmp_path: Path) -> None:
    rig, _ = copied_back(tmp_path, price=36_000, policy=a_policy())
    there = {order.client_order_id: order for order in rig.exchange.floor.orders.values()}
    rig.run(3 * HOUR)
    orders = rig.journal.books.orders.values()
    taken = [
        one for one in orders if (other := there.get(one.intent.client_order_id)) and other.symbol != one.intent.symbol
    ]
    assert [one.state for one in taken] == [OrderState.REJECTED], "an id was used twice, for two contracts"
    asked = {fact.client_order_id for fact in rig.facts(CancelRequested)}
    assert taken[0].intent.client_order_id not in asked, "what is another's is not cancelled again and again"
    assert rig.journal.books.trading_state is TradingState.HALTED


_OTHER = 65_534


def as_another_user(do: Callable[[], Any]) -> str:
    """Do something as a user who owns nothing here, and return the sentence that it fails with."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "nothing went wrong"
        try:
            os.setgid(_OTHER)
            os.setuid(_OTHER)
            do()
        except BotError as failure:
            said = f"{type(failure).__name__}: {failure}"
        except BaseException as failure:  # noqa: BLE001 - whatever it is, the parent is told
            said = f"{failure!r}"
        os.write(write, said.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        said = told.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_data_folder_of_another_user_is_one_sentence_with_the_mend(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    for one in (tmp_path, *tmp_path.parents[:-1]):
        if not one.stat().st_mode & 0o001:
            one.chmod(one.stat().st_mode | 0o011)

    def own() -> None:
        with own_folder(folder):
            pass

    said = as_another_user(own)
    assert said.startswith("ConfigError: TRIMTAB_DATA_DIR="), said
    assert f"chown -R {_OTHER}" in said


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_journal_of_another_user_in_a_folder_of_ours_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    asyncio.run(journal_in(folder).close())
    for one in (tmp_path, *tmp_path.parents[:-1]):
        if not one.stat().st_mode & 0o001:
            one.chmod(one.stat().st_mode | 0o011)
    (folder / JOURNAL_FILE).chmod(0o600)
    said = as_another_user(lambda: journal_in(folder))
    assert said.startswith("JournalError: "), said
    assert JOURNAL_FILE in said
    (folder / JOURNAL_FILE).chmod(0o644)
    said = as_another_user(lambda: Rig(journal=journal_in(folder)).run(MINUTE))
    assert said.startswith("JournalError: the journal cannot be written"), said


# --- secrets ------------------------------------------------------------------------------------

ACCOUNT = "TRIMTAB_VENUES__BINANCEUSDM__"


@pytest.mark.parametrize("way", ["variable", "file"])
@pytest.mark.parametrize("mangled", ["{}\n", "{}\r\n", '"{}"', "'{}'\n", "  {}", "\ufeff{}\n"])
def test_a_key_with_quotes_or_line_breaks_around_it_signs_all_the_same(tmp_path: Path, mangled: str, way: str) -> None:
    environ = {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "BTC=100%"}
    for name, text in (("API_KEY", "0012345678"), ("API_SECRET", "987654e3")):
        file = tmp_path / name
        file.write_bytes(mangled.format(text).encode())
        environ |= (
            {f"{ACCOUNT}{name}": mangled.format(text)} if way == "variable" else {f"{ACCOUNT}{name}_FILE": str(file)}
        )
    account = load_settings(environ).venues.binanceusdm
    assert account.api_key is not None
    assert account.api_secret is not None
    assert (account.api_key.get_secret_value(), account.api_secret.get_secret_value()) == ("0012345678", "987654e3")


def test_numbers_for_keys_are_sent_and_signed_as_they_were_written() -> None:
    environ = {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "BTC=100%"}
    environ |= {f"{ACCOUNT}API_KEY": "0012345678", f"{ACCOUNT}API_SECRET": "987654e3"}
    account = load_settings(environ).venues.binanceusdm
    assert account.api_key is not None
    assert account.api_secret is not None

    async def read(venue: Any, _server: Any, _clock: Any) -> None:
        assert (await venue.fetch_account()).balances

    def let_in(server: Any) -> None:
        server.app._doorkeeper.__init__("0012345678", "987654e3")

    keys = {"api_key": account.api_key.get_secret_value(), "api_secret": account.api_secret.get_secret_value()}
    run_on_wire(read, before=let_in, **keys)


@pytest.mark.parametrize("broken", ["ke y", "ke\ny", "''", "k\u00e9y"])
def test_a_key_that_cannot_be_one_is_a_line_that_does_not_show_it(broken: str) -> None:
    environ = {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "BTC=100%", f"{ACCOUNT}API_SECRET": "s3cret"}
    with pytest.raises(ConfigError) as caught:
        load_settings(environ | {f"{ACCOUNT}API_KEY": broken})
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{ACCOUNT}API_KEY=***: ")


# --- alive but not working ----------------------------------------------------------------------


def test_a_bot_that_decides_nothing_for_two_intervals_calls_itself_neither_healthy_nor_ready() -> None:
    rig = Rig()
    rig.run(HOUR)
    rig.exchange.faults.on("fetch_quotes", FailRead(), times=1_000_000)
    said: list[tuple[bool, str]] = []

    async def ask(bot: Bot) -> None:
        said.extend([bot.control.health(), bot.control.readiness()])

    rig.run(4 * HOUR, ask, after=3 * HOUR)
    assert said == [(False, "overdue"), (False, "starting")]
    assert "look_skipped" in rig.alerts()


def test_a_loop_that_hangs_is_not_called_healthy() -> None:
    rig = Rig()
    said: list[tuple[bool, str]] = []

    async def hang(bot: Bot) -> None:
        await bot.desk.lock.acquire()
        await bot.desk.clock.sleep(HOUR / 2)
        said.append(bot.control.health())
        bot.desk.lock.release()

    rig.run(HOUR, hang)
    ((is_healthy, word),) = said
    assert not is_healthy
    assert word.startswith("stuck: ")


def test_a_venue_that_never_answers_holds_up_no_loop_for_longer_than_a_deadline() -> None:
    owner = LiveOwner()
    owner.run(2 * MINUTE)
    said: list[tuple[bool, str]] = []

    async def ask(bot: Bot, server: Any) -> None:
        server.app.faults.add(effect="hang", times=None, seconds=10_000)
        await bot.desk.clock.sleep(5 * MINUTE)
        said.append(bot.control.health())

    owner.run(8 * MINUTE, ask)
    assert said == [(True, "ok")]
    assert "protection_blind" in owner.alerts()
    assert stops(owner) == [-SHORT]


# --- two instances ------------------------------------------------------------------------------


def test_a_second_daemon_on_one_folder_ends_with_a_sentence_and_touches_nothing(tmp_path: Path) -> None:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("TRIMTAB_")}
    environ = inherited | {"TRIMTAB_DATA_DIR": str(tmp_path), "TRIMTAB_HTTP__PORT": "0"}
    with own_folder(tmp_path):
        before = sorted(tmp_path.iterdir())
        ended = subprocess.run(
            [sys.executable, "-m", "bot", "run"], env=environ, capture_output=True, text=True, check=False, timeout=120
        )
        assert sorted(tmp_path.iterdir()) == before
    assert ended.returncode == 3
    assert "another Trimtab runs on the data folder" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("settles", [timedelta(0), HOUR], ids=["at once", "an hour later"])
def test_two_bots_with_two_folders_on_one_account_do_not_hedge_twice_and_one_says_why(settles: timedelta) -> None:
    first = Owner()
    first.run(settles + MINUTE)
    second = Owner()
    second.exchange = first.exchange
    second.journal = open_journal(None, now=first.exchange.now, epoch_tail=lambda: "TWX")
    with pytest.raises(BotError, match="trimtab adopt"):
        second.run(HOUR)
    assert first.held() == SHORT
    first.run(2 * HOUR)
    assert (first.held(), stops(first)) == (SHORT, [-SHORT])


def test_a_second_bot_that_was_let_in_is_seen_by_its_orders_and_both_halt() -> None:
    first = Rig()
    first.run(HOUR)
    second = Rig(journal=open_journal(None, now=first.exchange.now, epoch_tail=lambda: "TWX"))
    second.exchange = first.exchange

    second.journal.commit(*[fact for _, fact in first.journal.facts(kind="TradeFilled")])
    second.run(HOUR)
    assert second.journal.books.trading_state is TradingState.HALTED
    assert "second_writer" in second.alerts()
    assert [one.intent.purpose for one in second.journal.books.orders.values()].count(Purpose.HEDGE) == 0
    first.run(HOUR)
    assert first.journal.books.trading_state is TradingState.HALTED
    assert first.held() == SHORT
    # Each keeps a stop of its own: what two of them close together is no more than there is.
    assert all(one.reduce_only for one in first.stops())


def test_two_bots_that_start_at_the_same_moment_on_an_empty_account_see_each_other_and_halt() -> None:
    first, second = Rig(), Rig(journal=open_journal(None, now=DEFAULT_START, epoch_tail=lambda: "TWX"))
    second.exchange = first.exchange
    loop = SimulatedLoop()
    clock = LoopClock(loop, first.exchange.now)

    async def live(rig: Rig) -> None:
        bot = rig.bot = rig.build(clock)
        await bot.supervisor.start()
        loop.call_later(1800, bot.supervisor.stop)
        await bot.supervisor.run()
        await bot.supervisor.wind_up("the test has ended")

    async def both() -> None:
        await asyncio.gather(live(first), live(second))

    try:
        loop.run_until_complete(both())
    finally:
        loop.close()
    for rig in (first, second):
        assert rig.journal.books.trading_state is TradingState.HALTED
        assert "second_writer" in rig.alerts()
    assert abs(first.held()) <= 2 * abs(SHORT), "at worst each has hedged once, before it could see the other"
    covered = sum((one.contracts for one in first.stops() if one.symbol == BTC_PERP), Decimal(0))
    assert covered >= abs(first.held())
