"""What does an owner with an account see at the terminal? Live mode and dry run, against an exchange on loopback."""

import asyncio
import json
import os
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.adapters.clock import SystemClock
from bot.adapters.logs import forget_secrets
from bot.cli.app import run_command_line
from bot.exchange.config import ExchangeConfig, MarketKind
from bot.exchange.exchange import open_exchange
from bot.exchange.wire.server import API_KEY, API_SECRET, WireServer
from tests.cli.conftest import Ended

ACCOUNT = "TRIMTAB_VENUES__BINANCEUSDM__"
#: The reads that the venue wants posted.
READS_BY_POST = {"POST /sapi/v1/asset/get-funding-asset"}


class Served:
    """An exchange that is served from a thread, as another process would."""

    def __init__(self) -> None:
        clock = SystemClock()
        exchange = open_exchange(ExchangeConfig(market=MarketKind.STATIC, start=clock.now()), None)
        self._loop = asyncio.new_event_loop()
        self.server = WireServer(exchange, clock.now)
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.address = self._await(self.server.start("127.0.0.1", 0))

    def _await(self, call: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(30)

    def post(self, what: str, **document: Any) -> None:
        """Steer it."""
        body = json.dumps(document).encode()
        with urllib.request.urlopen(f"{self.address.admin_url}/{what}", body, timeout=30):  # noqa: S310 - loopback
            return

    def state(self) -> dict[str, Any]:
        """Return the truth."""
        with urllib.request.urlopen(f"{self.address.admin_url}/state", timeout=30) as reply:  # noqa: S310 - loopback
            document: dict[str, Any] = json.load(reply)
            return document

    def stop(self) -> None:
        """Serve no more."""
        self._await(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture
def served() -> Iterator[Served]:
    one = Served()
    yield one
    one.stop()


Trimtab = Callable[..., Ended]


@pytest.fixture
def trimtab(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Trimtab]:
    """Run a command with an account at the served exchange; names that are given as None are not set."""

    def run(*words: str, **changes: str | None) -> Ended:
        settings: dict[str, str | None] = {
            "TRIMTAB_MODE": "live",
            "TRIMTAB_TARGETS": "BTC=50%,ETH=30%,SOL=20%",
            "TRIMTAB_DATA_DIR": str(tmp_path / "bot"),
            "TRIMTAB_LOG_FORMAT": "text",
            f"{ACCOUNT}API_KEY": API_KEY,
            f"{ACCOUNT}API_SECRET": API_SECRET,
            f"{ACCOUNT}REST_URL": served.address.rest_url,
        }
        for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
            monkeypatch.delenv(name)
        for name, value in (settings | changes).items():
            if value is not None:
                monkeypatch.setenv(name, value)
        code = run_command_line(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        assert API_SECRET not in out + err
        return Ended(int(code), " ".join(out.split()), err)

    yield run
    structlog.reset_defaults()
    forget_secrets()


# --- check ---------------------------------------------------------------------------------------


def test_check_finds_an_account_fit_and_changes_nothing(trimtab: Trimtab, served: Served) -> None:
    ended = trimtab("check")
    assert (ended.code, ended.err) == (0, "")
    for told in (
        "may not withdraw",
        "may trade futures",
        "ms ahead of the venue's",
        "is in one-way mode, single-asset mode and cross margin",
        "one contract of BTC/USDT:USDT is 1 BTC, worth 50000 USDT",
        "the portfolio is worth",
        "the smallest order is worth",
    ):
        assert told in ended.out
    state = served.state()
    assert state["orders"] == []
    assert {route for route in state["requests"] if not route.startswith("GET")} == READS_BY_POST


def test_check_as_json_has_a_line_for_everything(trimtab: Trimtab) -> None:
    ended = trimtab("check", "--json")
    document = json.loads(ended.out)
    assert (ended.code, document["schema"]) == (0, "trimtab.check/1")
    subjects = [finding["subject"] for finding in document["findings"]]
    assert {"configuration", "data folder", "key", "clock", "account", "units", "collateral"} <= set(subjects)
    assert subjects.count("units") == 3


def test_check_warns_loudly_of_a_key_that_may_withdraw(trimtab: Trimtab, served: Served) -> None:
    served.post("account", may_withdraw=True)
    ended = trimtab("check")
    assert ended.code == 0, "a warning, not a failure"
    assert "THIS KEY MAY WITHDRAW" in ended.out
    assert "make a key without withdrawals, and delete this one" in ended.out


@pytest.mark.parametrize(
    ("account", "code", "told"),
    [
        ({"has_hedge_mode": True}, 2, "switch it to one-way mode"),
        ({"has_multi_assets": True}, 2, "switch it to single-asset mode"),
        ({"may_trade": False}, 3, "may not trade futures"),
        ({"isolated": ["BTCUSDT"]}, 3, "set these contracts to cross margin"),
        ({"other_wallets": {"Earn": "12.5"}}, 3, "Earn: something lies there"),
    ],
)
def test_check_fails_with_the_mend_where_the_account_is_set_up_otherwise(
    trimtab: Trimtab, served: Served, account: dict[str, Any], code: int, told: str
) -> None:
    served.post("account", **account)
    ended = trimtab("check")
    assert ended.code == code
    assert told in ended.out


@pytest.mark.parametrize(
    ("changes", "told", "code"),
    [
        ({f"{ACCOUNT}API_SECRET": "0012345678"}, "API_SECRET is not the secret of this key; copy it again", 2),
        # It may be mended at the venue: whoever starts the daemon again should go on doing so.
        (
            {f"{ACCOUNT}API_KEY": "0012345678"},
            "look at the venue whether TRIMTAB_VENUES__BINANCEUSDM__API_KEY is there",
            4,
        ),
    ],
)
@pytest.mark.parametrize("command", ["check", "plan"])
def test_a_key_that_the_venue_does_not_take_is_told_with_the_mend(
    trimtab: Trimtab, changes: dict[str, str], told: str, code: int, command: str
) -> None:
    ended = trimtab(command, **changes)
    assert ended.code == code
    assert told in ended.out + ended.err
    assert "Is the venue in maintenance" not in ended.out + ended.err
    assert "0012345678" not in ended.out + ended.err


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_a_venue_that_cannot_be_reached_exits_4_with_a_sentence_that_says_what_to_look_at(
    trimtab: Trimtab, command: str
) -> None:
    ended = trimtab(command, **{f"{ACCOUNT}REST_URL": "http://127.0.0.1:9", "TRIMTAB_HTTP__PORT": "0"})
    assert ended.code == 4
    told = " ".join((ended.out if command == "check" else ended.err).split())
    assert (
        "binanceusdm does not answer as it should: its clock could not be read (fapiPublicGetTime: ExchangeNotAvailable"
        " (ClientConnectorError)). Is the venue in maintenance, does this machine have a network, is"
        f" {ACCOUNT}REST_URL right? A container is started again by its restart policy"
    ) in told


def test_a_venue_in_maintenance_exits_4_with_a_sentence(trimtab: Trimtab, served: Served) -> None:
    served.post("fault", effect="status", path="/fapi/", status=503, times=None)
    ended = trimtab("check")
    assert ended.code == 4
    assert "HTTP 503" in ended.out


@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_a_venue_that_falls_silent_within_a_start_is_named_too(trimtab: Trimtab, served: Served, command: str) -> None:
    served.post("fault", effect="status", path="/fapi/v3/account", status=503, times=None)
    ended = trimtab(command, TRIMTAB_HTTP__PORT="0")
    assert ended.code == 4
    told = " ".join((ended.out if command == "check" else ended.err).split())
    assert "binanceusdm does not answer as it should: fapiPrivateV3GetAccount: HTTP 503" in told
    assert "Is the venue in maintenance, does this machine have a network" in told


@pytest.mark.parametrize("venue", ["BINANCECOINM", "BYBIT", "DERIBIT", "BITGET"])
@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_keys_of_a_venue_that_is_not_traded_at_yet_are_refused_with_a_line(
    trimtab: Trimtab, served: Served, venue: str, command: str
) -> None:
    keys = {f"TRIMTAB_VENUES__{venue}__API_KEY": "key", f"TRIMTAB_VENUES__{venue}__API_SECRET": "secret"}
    ended = trimtab(command, **keys)
    assert ended.code == 2
    line = f"TRIMTAB_VENUES__{venue}: this version does not trade there yet, on Binance USDⓈ-M alone"
    assert line in " ".join((ended.out + ended.err).split())
    assert served.state()["requests"] == {}


# --- probing orders ------------------------------------------------------------------------------


def test_a_probe_is_the_smallest_order_that_is_read_back_and_taken_away(trimtab: Trimtab, served: Served) -> None:
    ended = trimtab("check", "--probe-orders")
    assert ended.code == 0
    assert "was taken, read back and cancelled" in ended.out
    (order,) = served.state()["orders"]
    assert (order["state"], order["side"], order["time_in_force"]) == ("cancelled", "buy", "post_only")
    assert served.state()["positions"] == {}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"effect": "code", "code": -2015}, "is rejected"),
        ({"effect": "code", "code": -4061}, "is rejected"),
        ({"effect": "html"}, "look at the venue's own page for what is left of it"),
    ],
)
def test_a_probe_that_goes_wrong_fails_with_a_sentence(
    trimtab: Trimtab, served: Served, fault: dict[str, Any], told: str
) -> None:
    served.post("fault", method="POST", path="/fapi/v1/order", **fault)
    ended = trimtab("check", "--probe-orders")
    assert ended.code == 3
    assert told in ended.out
    assert served.state()["orders"] == []


def test_a_dry_run_probes_no_order(trimtab: Trimtab, served: Served) -> None:
    ended = trimtab("check", "--probe-orders", TRIMTAB_MODE="dry-run")
    assert ended.code == 2
    assert "orders are probed in live mode only, and TRIMTAB_MODE is dry-run" in ended.out
    assert served.state()["orders"] == []


# --- dry run -------------------------------------------------------------------------------------


def test_a_plan_in_a_dry_run_shows_what_would_be_done_and_nothing_arrives(trimtab: Trimtab, served: Served) -> None:
    served.post("price", asset="BTC", price="64000")
    ended = trimtab("plan", "--json", TRIMTAB_MODE="dry-run")
    document = json.loads(ended.out)
    assert (ended.code, document["mode"]) == (0, "dry-run")
    assert document["orders"], "there is something to do"
    state = served.state()
    assert state["orders"] == []
    assert {route for route in state["requests"] if not route.startswith("GET")} == READS_BY_POST


@pytest.mark.parametrize(
    ("written", "code"), [(f"{API_SECRET}\n", 0), (f'"{API_SECRET}"\n', 0), (f"{API_SECRET[:5]}\n{API_SECRET[5:]}", 2)]
)
def test_a_secret_out_of_a_file_signs_or_is_one_clear_line(
    trimtab: Trimtab, tmp_path: Path, written: str, code: int
) -> None:
    file = tmp_path / "secret"
    file.write_text(written, encoding="utf-8")
    changes = {f"{ACCOUNT}API_SECRET": None, f"{ACCOUNT}API_SECRET_FILE": str(file)}
    ended = trimtab("plan", "--json", TRIMTAB_MODE="dry-run", **changes)
    assert ended.code == code
    if code:
        (line,) = ended.err.splitlines()
        assert line.startswith(f"trimtab: {ACCOUNT}API_SECRET=***: ")
