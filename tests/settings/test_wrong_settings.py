# ruff: noqa: E501 - messages stand whole
"""Is every wrong value one clear line with its name, its value and the mend?"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bot.adapters.holdings import DeclaredHoldings
from bot.domain.errors import ConfigError, DataError
from bot.domain.ids import Asset
from bot.domain.portfolio import ExternalHolding
from bot.settings import load_settings
from bot.settings.load import variables

ACCOUNT = {
    "TRIMTAB_VENUES__BINANCEUSDM__API_KEY": "key",
    "TRIMTAB_VENUES__BINANCEUSDM__API_SECRET": "secret",
}

WRONG = [
    ({"TRIMTAB_TARGETS": "BTC=60%,ETH=30%"}, "TRIMTAB_TARGETS=BTC=60%,ETH=30%: the weights add up to 90%, not 100%"),
    (
        {"TRIMTAB_TARGETS": "BTC=60"},
        "TRIMTAB_TARGETS=BTC=60: BTC: write 60% if you mean percent, or a fraction up to 1",
    ),
    ({"TRIMTAB_TARGETS": "BTC"}, "TRIMTAB_TARGETS=BTC: write it like BTC=50%,ETH=30%,SOL=20%"),
    ({"TRIMTAB_TARGETS": "BTC=50%,BTC=50%"}, "TRIMTAB_TARGETS=BTC=50%,BTC=50%: BTC is named twice"),
    ({"TRIMTAB_TARGETS": "BTC=-5%,ETH=105%"}, "TRIMTAB_TARGETS=BTC=-5%,ETH=105%: BTC: write 0% or more"),
    ({"TRIMTAB_TARGETS": "BTC=50%,CASH=50%"}, "TRIMTAB_TARGETS=BTC=50%,CASH=50%: CASH needs TRIMTAB_SCOPE=equity"),
    ({"TRIMTAB_TARGETS": ","}, "TRIMTAB_TARGETS=,: name at least one asset, for example BTC=60%,ETH=40%"),
    ({"TRIMTAB_TARGETS": "B TC=100%"}, "TRIMTAB_TARGETS=B TC=100%: 'B TC' is not the name of a coin"),
    (
        {"TRIMTAB_TARGETS": "BTC=80%,CASH=30%", "TRIMTAB_SCOPE": "equity"},
        "TRIMTAB_TARGETS=BTC=80%,CASH=30%: the weights add up to 110%; with scope equity 100% at most, CASH being the rest",
    ),
    ({"TRIMTAB_TARGETS": "CASH=100%", "TRIMTAB_SCOPE": "equity"}, "TRIMTAB_TARGETS=CASH=100%: name at least one coin"),
    ({"TRIMTAB_TARGETS": "BTC=50%,DOGE=50%"}, "TRIMTAB_PAPER__PRICES: names no price for DOGE, for example DOGE=10"),
    ({"TRIMTAB_MODE": "real"}, "TRIMTAB_MODE=real: write one of paper, live, dry-run"),
    (
        {"TRIMTAB_MODE": "live"},
        "TRIMTAB_TARGETS: must be set with TRIMTAB_MODE=live, for example BTC=60%,ETH=40%\nTRIMTAB_MODE=live: needs an account, for example TRIMTAB_VENUES__BINANCEUSDM__API_KEY",
    ),
    (
        {"TRIMTAB_MODE": "dry-run", "TRIMTAB_TARGETS": "BTC=100%"},
        "TRIMTAB_MODE=dry-run: needs an account, for example TRIMTAB_VENUES__BINANCEUSDM__API_KEY",
    ),
    (
        {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "BTC=100%", "TRIMTAB_VENUES__BYBIT__API_KEY": "k"},
        "TRIMTAB_VENUES__BYBIT: API_KEY and API_SECRET go together; one of them is missing",
    ),
    ({"TRIMTAB_SCOPE": "all"}, "TRIMTAB_SCOPE=all: write one of assets, equity"),
    ({"TRIMTAB_BAND": "5"}, "TRIMTAB_BAND=5: write 5% if you mean percent, or a fraction up to 1"),
    ({"TRIMTAB_BAND": "wide"}, "TRIMTAB_BAND=wide: write a percentage, for example 5%"),
    ({"TRIMTAB_BAND": "0%"}, "TRIMTAB_BAND=0%: write a band above 0% and below 100%"),
    ({"TRIMTAB_BAND": "NaN"}, "TRIMTAB_BAND=NaN: write a percentage, for example 5%"),
    ({"TRIMTAB_BAND_RELATIVE": "0"}, "TRIMTAB_BAND_RELATIVE=0%: write a share above 0%"),
    (
        {"TRIMTAB_BAND_TOTAL": "0%"},
        "TRIMTAB_BAND_TOTAL=0%: total exposure cannot be held exactly; write a share above 0%, or off",
    ),
    ({"TRIMTAB_BAND_TOTAL": "never"}, "TRIMTAB_BAND_TOTAL=never: write a percentage, for example 5%"),
    ({"TRIMTAB_EDGE_INSET": "100%"}, "TRIMTAB_EDGE_INSET=100%: write a share above 0% and below 100%"),
    ({"TRIMTAB_REBALANCE_TO": "middle"}, "TRIMTAB_REBALANCE_TO=middle: write one of target, half, edge"),
    (
        {"TRIMTAB_CADENCE": "often"},
        "TRIMTAB_CADENCE=often: write one of hourly, daily, weekly, monthly, quarterly, yearly or a crontab expression of five fields: 1 were given",
    ),
    (
        {"TRIMTAB_CADENCE": "* * * *"},
        "TRIMTAB_CADENCE=* * * *: write one of hourly, daily, weekly, monthly, quarterly, yearly or a crontab expression of five fields: 4 were given",
    ),
    (
        {"TRIMTAB_TIMEZONE": "Mars/Base"},
        "TRIMTAB_TIMEZONE=Mars/Base: write the name of a time zone, for example UTC or Europe/Berlin",
    ),
    ({"TRIMTAB_LEVERAGE": "50"}, "TRIMTAB_LEVERAGE=50: write a leverage from 1 to 20"),
    (
        {"TRIMTAB_RETENTION__DETAILS": "30d"},
        "TRIMTAB_RETENTION__DETAILS=30d: write 40d or more, or off: as much is measured over",
    ),
    ({"TRIMTAB_LEVERAGE": "-1"}, "TRIMTAB_LEVERAGE=-1: write a number above 0"),
    ({"TRIMTAB_LEVERAGE": "three"}, "TRIMTAB_LEVERAGE=three: write a number, for example 2.5"),
    (
        {"TRIMTAB_CONTRACTS": "perpetual"},
        "TRIMTAB_CONTRACTS=perpetual: write linear, inverse, or for one asset BTC:inverse",
    ),
    (
        {"TRIMTAB_CONTRACTS": "linear,XRP:inverse"},
        "TRIMTAB_CONTRACTS=linear,XRP:inverse: XRP is not one of the targets",
    ),
    ({"TRIMTAB_EXTERNAL_HOLDINGS": "BTC=-1"}, "TRIMTAB_EXTERNAL_HOLDINGS=BTC=-1: BTC: write 0 or more"),
    (
        {"TRIMTAB_EXTERNAL_HOLDINGS": "DOGE=5"},
        "TRIMTAB_EXTERNAL_HOLDINGS: DOGE is not one of the targets, nor an alias of one",
    ),
    (
        {"TRIMTAB_ALIASES": "WBTC=BTC,BTC=WBTC"},
        "TRIMTAB_ALIASES=WBTC=BTC,BTC=WBTC: WBTC stands for BTC, which stands for something else: name the coin itself",
    ),
    ({"TRIMTAB_ALIASES": "WBTC"}, "TRIMTAB_ALIASES=WBTC: write it like WBTC=BTC,STETH=ETH"),
    ({"TRIMTAB_FOREIGN": "BTC/USDT:USDT"}, "TRIMTAB_FOREIGN=BTC/USDT:USDT: write it like BTC/USDT:USDT:ignore"),
    (
        {"TRIMTAB_FLOW_SETTLE": "24"},
        "TRIMTAB_FLOW_SETTLE=24: write a duration with its unit, for example 30s, 15m, 8h or 2d",
    ),
    ({"TRIMTAB_FLOW_SETTLE": "0h"}, "TRIMTAB_FLOW_SETTLE=0h: write a duration above 0"),
    ({"TRIMTAB_LOG_LEVEL": "loud"}, "TRIMTAB_LOG_LEVEL=loud: write one of debug, info, warning, error"),
    ({"TRIMTAB_LOG_FORMAT": "xml"}, "TRIMTAB_LOG_FORMAT=xml: write one of auto, json, text"),
    ({"TRIMTAB_STOP__ANCHOR": "open"}, "TRIMTAB_STOP__ANCHOR=open: write one of look, entry"),
    (
        {"TRIMTAB_STOP__MIN_DISTANCE": "150"},
        "TRIMTAB_STOP__MIN_DISTANCE=150: write 150% if you mean percent, or a fraction up to 1",
    ),
    ({"TRIMTAB_STOP__FLOOR_SIGMAS": "6"}, "TRIMTAB_STOP__FLOOR_SIGMAS: must not be above TRIMTAB_STOP__DAILY_SIGMAS"),
    (
        {"TRIMTAB_STOP__DEADLINE": "soon"},
        "TRIMTAB_STOP__DEADLINE=soon: write a duration with its unit, for example 30s, 15m, 8h or 2d",
    ),
    ({"TRIMTAB_RISK__STRESS": "0%"}, "TRIMTAB_RISK__STRESS=0%: write a move above 0% and below 100%"),
    (
        {"TRIMTAB_RISK__MAX_INCREASING_ORDERS_PER_MINUTE": "0"},
        "TRIMTAB_RISK__MAX_INCREASING_ORDERS_PER_MINUTE=0: write 1 or more",
    ),
    ({"TRIMTAB_RISK__MAX_TURNOVER": "inf"}, "TRIMTAB_RISK__MAX_TURNOVER=inf: write a number, for example 2.5"),
    ({"TRIMTAB_EXECUTION__MAX_ROUNDS": "0"}, "TRIMTAB_EXECUTION__MAX_ROUNDS=0: write 1 or more"),
    ({"TRIMTAB_EXECUTION__MAX_ROUNDS": "2.5"}, "TRIMTAB_EXECUTION__MAX_ROUNDS=2.5: write a whole number"),
    ({"TRIMTAB_HTTP__PORT": "99999"}, "TRIMTAB_HTTP__PORT=99999: write a port from 0 (any free one) to 65535"),
    ({"TRIMTAB_HTTP__PORT": "http"}, "TRIMTAB_HTTP__PORT=http: write a whole number"),
    ({"TRIMTAB_PAPER__MARKET": "real"}, "TRIMTAB_PAPER__MARKET=real: write one of static, model, history"),
    (
        {"TRIMTAB_PAPER__MARKET": "history"},
        "TRIMTAB_PAPER__DATA: must name the folder of market data with TRIMTAB_PAPER__MARKET=history",
    ),
    ({"TRIMTAB_PAPER__PRICES": "BTC=0"}, "TRIMTAB_PAPER__PRICES=BTC=0: BTC: write a number above 0"),
    (
        {"TRIMTAB_PAPER__HOLDINGS": "10000@target"},
        "TRIMTAB_PAPER__HOLDINGS=10000@target: write 10000USD@target, or amounts like BTC=0.12,ETH=1",
    ),
    (
        {"TRIMTAB_PAPER__COLLATERAL": "USDT=0"},
        "TRIMTAB_PAPER__COLLATERAL: there is no collateral, so nothing could be hedged; for example USDT=6000",
    ),
    ({"TRIMTAB_PAPER__SPEED": "fast"}, "TRIMTAB_PAPER__SPEED=fast: write a number, for example 2.5"),
    (
        {"TRIMTAB_PAPER__START": "yesterday"},
        "TRIMTAB_PAPER__START=yesterday: write a date or time in UTC, for example 2021-01-01 or 2021-01-01T08:00:00Z",
    ),
    ({"TRIMTAB_PAPER__SEED": "x"}, "TRIMTAB_PAPER__SEED=x: write a whole number"),
    ({"TRIMTAB_VENUES__BYBIT__TESTNET": "maybe"}, "TRIMTAB_VENUES__BYBIT__TESTNET=maybe: write true or false"),
    ({"TRIMTAB_BNAD": "5%"}, "TRIMTAB_BNAD: there is no such variable; did you mean TRIMTAB_BAND?"),
    (
        {"TRIMTAB_FUNDING__REDUCE_ANNUAL": "50%"},
        "TRIMTAB_FUNDING__REDUCE_ANNUAL: must not be below TRIMTAB_FUNDING__MAX_ANNUAL",
    ),
    (
        {"TRIMTAB_TENORS": "monthly"},
        "TRIMTAB_TENORS=monthly: write perpetual, dated, or perpetual,dated",
    ),
    (
        {"TRIMTAB_TENORS": "dated"},
        "TRIMTAB_TENORS=dated: the embedded exchange lists such contracts with TRIMTAB_PAPER__DATED_BASIS only",
    ),
    (
        {"TRIMTAB_ROLL__SPREAD_BEFORE": "30h"},
        "TRIMTAB_ROLL__SPREAD_BEFORE: must be shorter than TRIMTAB_ROLL__PASSIVE_BEFORE and longer than"
        " TRIMTAB_ROLL__OUTRIGHT_BEFORE",
    ),
    (
        {"TRIMTAB_WATCH__ROLL": "1h"},
        "TRIMTAB_WATCH__ROLL: must be at most a quarter of TRIMTAB_ROLL__OUTRIGHT_BEFORE, or it comes too late",
    ),
    (
        {"TRIMTAB_ROLL__MAX_LEG_GAP": "0%"},
        "TRIMTAB_ROLL__MAX_LEG_GAP=0%: write a share above 0% and up to 100%",
    ),
    ({"TRIMTAB_DCA__TRANCHES": "1"}, "TRIMTAB_DCA__TRANCHES=1: write a number from 2 to 100, or off"),
    (
        {"TRIMTAB_CADENCE": "off"},
        "TRIMTAB_CADENCE=off: nothing would make a look due; set TRIMTAB_VOLATILITY__REFERENCE, for example 60%",
    ),
    (
        {"TRIMTAB_VOLATILITY__REFERENCE": "60%", "TRIMTAB_VOLATILITY__MIN_INTERVAL": "2d"},
        "TRIMTAB_VOLATILITY__INTERVAL: must lie between TRIMTAB_VOLATILITY__MIN_INTERVAL and"
        " TRIMTAB_VOLATILITY__MAX_INTERVAL",
    ),
    (
        {"TRIMTAB_MARGIN__WARN": "30%"},
        "TRIMTAB_MARGIN__WARN=30%: write usage and distance, for example 30%/25%",
    ),
    (
        {"TRIMTAB_MARGIN__TRANSFER": "20%/30%"},
        "TRIMTAB_MARGIN__TRANSFER: must have a higher usage and a shorter distance than TRIMTAB_MARGIN__WARN",
    ),
    (
        {"TRIMTAB_MARGIN__FLATTEN": "100%/1%"},
        "TRIMTAB_MARGIN__FLATTEN: at a usage of 100% the venue liquidates; write less",
    ),
    (
        {"TRIMTAB_MARGIN__HYSTERESIS": "1"},
        "TRIMTAB_MARGIN__HYSTERESIS=100%: write a share below 100%",
    ),
    (
        {"TRIMTAB_VENUES__BINANCEUSDM__REST_URL": "https://me:pw@host.example"},
        "TRIMTAB_VENUES__BINANCEUSDM__REST_URL=https://***@host.example: write host and port alone, for example"
        " http://127.0.0.1:8090",
    ),
    (
        {"TRIMTAB_MARGIN__TRANSFER_ASSETS": "US$"},
        "TRIMTAB_MARGIN__TRANSFER_ASSETS=US$: 'US$' is not the name of a coin",
    ),
    (
        {"TRIMTAB_VOLATILITY__MIN_ACTION": "0%"},
        "TRIMTAB_VOLATILITY__MIN_ACTION=0%: write a share above 0% and up to 100%",
    ),
    (
        {"TRIMTAB_STOP__TAKE_PROFIT": "100%"},
        "TRIMTAB_STOP__TAKE_PROFIT=100%: write a distance above 0% and below 100%, or off",
    ),
    (
        {"TRIMTAB_EXECUTION__STYLE": "fast"},
        "TRIMTAB_EXECUTION__STYLE=fast: write one of auto, ioc, chase, twap",
    ),
    (
        {"TRIMTAB_EXECUTION__WORK_INTERVAL": "1h"},
        "TRIMTAB_EXECUTION__WORK_INTERVAL: must be shorter than TRIMTAB_EXECUTION__CHASE_DEADLINE and"
        " TRIMTAB_EXECUTION__TWAP_DURATION",
    ),
    (
        {"TRIMTAB_COST_GATE__HORIZON": "30"},
        "TRIMTAB_COST_GATE__HORIZON=30: write a duration with its unit, for example 30s, 15m, 8h or 2d",
    ),
    (
        {"TRIMTAB_HTTP__TOKEN": "long-enough-to-be-one", "TRIMTAB_HTTP__TOKEN_FILE": "/nowhere"},
        "TRIMTAB_HTTP__TOKEN and TRIMTAB_HTTP__TOKEN_FILE are both set: keep one of them",
    ),
    (
        {"TRIMTAB_HTTP__TOKEN_FILE": "/nowhere/token"},
        "TRIMTAB_HTTP__TOKEN_FILE=/nowhere/token: the file cannot be read (No such file or directory)",
    ),
    (
        {"TRIMTAB_HTTP__TOKEN": "too-short"},
        "TRIMTAB_HTTP__TOKEN=***: write 16 characters or more, for example what 'openssl rand -hex 32' prints",
    ),
    (
        {"TRIMTAB_HTTP__TOKEN": "one and another word"},
        "TRIMTAB_HTTP__TOKEN=***: write letters, digits and signs without spaces or line breaks: it is sent in a header",
    ),
    (
        {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "  ", **ACCOUNT},
        "TRIMTAB_TARGETS: must be set with TRIMTAB_MODE=live, for example BTC=60%,ETH=40%",
    ),
    (
        {"TRIMTAB_EXECUTION__VALIDITY": "1s"},
        "TRIMTAB_EXECUTION__VALIDITY=1s: write 5s or more: until then the venue may still take the order",
    ),
    (
        {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "BTC=100%", "TRIMTAB_WATCH__PROTECTION": "1h", **ACCOUNT},
        "TRIMTAB_WATCH__PROTECTION: must be at most 10m with TRIMTAB_MODE=live, or a lost stop is seen too late",
    ),
    (
        {"TRIMTAB_MODE": "live", "TRIMTAB_TARGETS": "BTC=100%", "TRIMTAB_WATCH__MARGIN": "1h", **ACCOUNT},
        "TRIMTAB_WATCH__MARGIN: must be at most 10m with TRIMTAB_MODE=live, or margin that runs out is seen too late",
    ),
    ({"TRIMTAB_ENV_FILE": "/nowhere/.env"}, "TRIMTAB_ENV_FILE=/nowhere/.env: there is no such file"),
]


@pytest.mark.parametrize(("environ", "message"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_value_is_one_clear_line(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    assert str(caught.value) == message


def test_a_coin_that_is_declared_in_two_places_is_refused_and_not_counted_twice(tmp_path: Path) -> None:
    file = tmp_path / "held.csv"
    file.write_text("asset, amount, as_of\nbtc, 1.25, 2024-01-01\nETH, 3, 2024-01-01\n", encoding="utf-8")
    environ = {"TRIMTAB_EXTERNAL_HOLDINGS": "BTC=1.25", "TRIMTAB_EXTERNAL_HOLDINGS_FILE": str(file)}
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    line = f"BTC: named in TRIMTAB_EXTERNAL_HOLDINGS and in {file}; leave each coin in one of the two"
    assert line in str(caught.value)
    file.write_text("asset, amount, as_of\nETH, 3, 2024-01-01\n", encoding="utf-8")
    settings = load_settings(environ)
    now = datetime(2024, 2, 1, tzinfo=UTC)
    # A file is watched: it may come to name the coin later.
    fixed = ExternalHolding(asset=Asset("BTC"), amount_base=Decimal("1.25"), as_of=now)
    source = DeclaredHoldings((fixed,), settings.external_holdings_file)
    assert [one.asset for one in source.read(now)] == ["BTC", "ETH"]
    file.write_text("asset, amount, as_of\nBTC, 1, 2024-01-01\n", encoding="utf-8")
    with pytest.raises(DataError, match="leave each coin in one of the two"):
        source.read(now)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({"TRIMTAB_BAND": "5", "TRIMTAB_SCOPE": "all", "TRIMTAB_BNAD": "1%"})
    assert len(str(caught.value).splitlines()) == 3


def test_a_secret_is_never_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(
            {"TRIMTAB_HTTP__TOKEN": "canary-secret", "TRIMTAB_HTTP__TOKEN_FILE": "/nowhere", "TRIMTAB_BAND": "x"}
        )
    assert "canary" not in str(caught.value)


def test_secrets_keep_their_form(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's path
    file = tmp_path / "token"
    file.write_text("0012345678901234\n", encoding="utf-8")
    token = load_settings({"TRIMTAB_HTTP__TOKEN_FILE": str(file)}).http.token
    assert token is not None
    assert token.get_secret_value() == "0012345678901234"
    assert "0012345678901234" not in repr(token)
    quoted = load_settings({"TRIMTAB_HTTP__TOKEN": "'quoted-and-long-enough'"}).http.token
    assert quoted is not None
    assert quoted.get_secret_value() == "'quoted-and-long-enough'"


def test_a_token_loses_what_files_and_editors_leave_around_it(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's path
    """A line break in it would be one in a header: the page would never let its owner in, nor 'trimtab halt' be sent."""
    file = tmp_path / "token"
    file.write_text(" long-enough-to-be-one \n\n", encoding="utf-8")
    token = load_settings({"TRIMTAB_HTTP__TOKEN_FILE": str(file)}).http.token
    assert token is not None
    assert token.get_secret_value() == "long-enough-to-be-one"


def test_an_empty_name_of_a_secret_file_is_none() -> None:
    assert load_settings({"TRIMTAB_HTTP__TOKEN_FILE": ""}).http.token is None


def test_names_that_kubernetes_injects_are_passed_over() -> None:
    environ = {"TRIMTAB_SERVICE_HOST": "10.0.0.1", "TRIMTAB_PORT": "tcp://10.0.0.1:80", "TRIMTAB_PORT_80_TCP": "x"}
    assert load_settings(environ).http.port == 8080


def test_the_environment_wins_over_the_file(tmp_path) -> None:  # type: ignore[no-untyped-def]  # pytest's path
    file = tmp_path / "my.env"
    file.write_text("# mine\nTRIMTAB_BAND='4%'\nexport TRIMTAB_LEVERAGE=2 # twice\n", encoding="utf-8")
    settings = load_settings({"TRIMTAB_ENV_FILE": str(file), "TRIMTAB_LEVERAGE": "5"})
    assert (str(settings.band), str(settings.leverage)) == ("0.04", "5")


_ABSURD = (
    *(
        "x",
        "-1",
        "0",
        "nan",
        "inf",
        "true",
        "=",
        ",",
        "A=",
        "=1",
        "BTC=1e999999",
        "{}",
        "[]",
        "\x00",
        "é",
        "\uff11\uff12",
    ),
    *("1e400", "1e-400", "1e400%", "1e999999999", "9" * 5000, "10%/", "1e999%/1e999%", "a/b/c"),
    *("99999999999d", "9" * 5000 + "d", "0.0000001s", "1000000w", "2d", "off"),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9999-99-99"),
    *("http://[::1", "https://a:b", "99999999999999 * * * *", "*/0 * * * *", "nanUSD@target", "1e99USD@target"),
    *("outage=1e999%:99999999999d", "outage=1%:1000000w", "refuse=nan"),
)


@pytest.mark.parametrize("value", _ABSURD, ids=lambda value: repr(value)[:20])
def test_no_value_of_any_variable_ends_in_anything_but_settings_or_a_sentence(value: str) -> None:
    """Found with durations that no calendar holds: they ended in a traceback."""
    everywhere = {name: value for name, _ in variables()}
    with pytest.raises(ConfigError) as caught:
        load_settings(everywhere)
    assert all(line.startswith("TRIMTAB_") for line in str(caught.value).splitlines())


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"TRIMTAB_DCA__INTERVAL": "99999999999d"}, "TRIMTAB_DCA__INTERVAL=99999999999d: write a duration of at most 3650d"),
        ({"TRIMTAB_WATCH__MARGIN": "0.0000001s"}, "TRIMTAB_WATCH__MARGIN=0.0000001s: write a duration of at least 0.001s"),
        (
            {"TRIMTAB_STOP__DAILY_SIGMAS": "1e400"},
            "TRIMTAB_STOP__DAILY_SIGMAS=1e400: write a number that is neither smaller than 1e-12 nor larger than 1e15",
        ),
        ({"TRIMTAB_FUNDING__MAX_ANNUAL": "1000000%"}, "TRIMTAB_FUNDING__MAX_ANNUAL=1000000%: write at most 100000%"),
        ({"TRIMTAB_PAPER__START": "0001-01-01"}, "TRIMTAB_PAPER__START=0001-01-01: write a date from 2010 on and before 2100"),
    ],
)  # fmt: skip
def test_what_no_calendar_and_no_decimal_holds_is_a_slip(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    assert message in str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"TRIMTAB_BAND=5%\nTRIMTAB_TARG", "{path} line 2: write NAME=value"),
        (b'TRIMTAB_TARGETS="BTC=50%,ETH', '{path} line 1: the quote " is not closed'),
        (b"TRIMTAB_BAND='5%' 6%", "{path} line 1: the quote ' is not closed"),
        (b"TRIMTAB_BAND=5%\n\nTRIMTAB_BAND=6%\n", "{path} line 3: TRIMTAB_BAND is set twice; keep one of the lines"),
        (b"TRIMTAB_BAND=\xff\xfe\n", "{path} cannot be read (not text in UTF-8)"),
        (b"\x00\x00", "{path} line 1: write NAME=value"),
    ],
)
def test_an_env_file_that_is_half_written_is_not_half_believed(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "my.env"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_settings({"TRIMTAB_ENV_FILE": str(file)})
    assert problem.format(path=file) in str(caught.value).splitlines()


def test_an_env_file_of_another_editor_is_read(tmp_path: Path) -> None:
    file = tmp_path / "my.env"
    file.write_bytes(b'\xef\xbb\xbfTRIMTAB_BAND="4%" # narrow\r\nTRIMTAB_LEVERAGE=2\r\n')
    settings = load_settings({"TRIMTAB_ENV_FILE": str(file)})
    assert (str(settings.band), str(settings.leverage)) == ("0.04", "2")


def test_a_folder_in_the_place_of_the_env_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what a container gets for a file that was not there to be mounted."""
    (tmp_path / ".env").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"\.env is a folder"):
        load_settings({})


def test_nothing_is_moved_where_the_owner_says_off() -> None:
    assert load_settings({"TRIMTAB_MARGIN__TRANSFER_ASSETS": "off"}).margin.transfer_assets == ()
    assert load_settings({"TRIMTAB_MARGIN__TRANSFER_ASSETS": ""}).margin.transfer_assets == ("USDT", "USDC")
