"""The configuration in force is shown without its secrets, and reads back as it was."""

import pytest
from pydantic import BaseModel, SecretStr

from bot.cli.context import secret_texts
from bot.cli.effective import effective_variables
from bot.domain.errors import ConfigError
from bot.settings import load_settings
from bot.settings.load import variables

EVERYTHING = {
    "TRIMTAB_TARGETS": "BTC=60%,ETH=40%",
    "TRIMTAB_CONTRACTS": "linear,BTC:inverse",
    "TRIMTAB_ALIASES": "WBTC=BTC,STETH=ETH*1.04",
    "TRIMTAB_FOREIGN": "ETH/USDT:USDT:ignore,BTC/USDT:USDT:ignore",
    "TRIMTAB_EXTERNAL_HOLDINGS": "BTC=1.25",
    "TRIMTAB_EXTERNAL_HOLDINGS_FILE": "held.csv",
    "TRIMTAB_FLOW_SETTLE": "365d",
    "TRIMTAB_BAND_TOTAL": "off",
    "TRIMTAB_CADENCE": "off",
    "TRIMTAB_VOLATILITY__REFERENCE": "62.5%",
    "TRIMTAB_DCA__TRANCHES": "4",
    "TRIMTAB_COST_GATE__HORIZON": "30d",
    "TRIMTAB_LOOK__MOVE_SIGMAS": "off",
    "TRIMTAB_STOP__TAKE_PROFIT": "12%",
    "TRIMTAB_MARGIN__WARN": "21%/31%",
    "TRIMTAB_MARGIN__MAX_TRANSFER_DAY": "2500",
    "TRIMTAB_EXECUTION__WORK_INTERVAL": "1.5s",
    "TRIMTAB_TENORS": "perpetual,dated",
    "TRIMTAB_ALERTS__HEARTBEAT": "off",
    "TRIMTAB_HTTP__ALLOWED_HOSTS": "a.example,b.example",
    "TRIMTAB_PAPER__FAULTS": "outage=1%:20m,refuse=5%",
    "TRIMTAB_PAPER__DATED_BASIS": "8%",
    "TRIMTAB_PAPER__UNIFIED": "BTC=95%",
    "TRIMTAB_PAPER__START": "2021-01-01T08:00:00Z",
    "TRIMTAB_PAPER__HOLDINGS": "BTC=1,ETH=2",
    "TRIMTAB_VENUES__BYBIT__TESTNET": "true",
}


@pytest.mark.parametrize("environ", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_what_is_shown_reads_back_as_it_was(environ: dict[str, str]) -> None:
    """Found with the defaults: an env file made of them was refused, and a year was 3.1536e+07s."""
    settings = load_settings(environ)
    assert load_settings(effective_variables(settings)).model_dump() == settings.model_dump()


def test_what_is_off_is_shown_as_off() -> None:
    """Found with the journal's details: what was to be kept for ever read back as 400 days."""
    paced = {"TRIMTAB_VOLATILITY__REFERENCE": "60%"}
    for name, _ in variables():
        try:
            settings = load_settings(paced | {name: "off"})
        except ConfigError:
            continue
        shown = {key: text for key, text in effective_variables(settings).items() if text != "***"}
        assert load_settings(shown | {name: shown.get(name, "off")}).model_dump() == settings.model_dump(), name


def test_it_is_written_as_an_owner_writes_it_and_secrets_are_not() -> None:
    shown = effective_variables(load_settings({**EVERYTHING, "TRIMTAB_HTTP__TOKEN": "canary-4711-canary"}))
    assert {name: shown[name] for name in EVERYTHING if name != "TRIMTAB_FOREIGN"} == {
        **{name: text for name, text in EVERYTHING.items() if name != "TRIMTAB_FOREIGN"},
        "TRIMTAB_CONTRACTS": "linear,BTC:inverse",
        "TRIMTAB_PAPER__FAULTS": "outage=1%:1200s,refuse=5%",
        "TRIMTAB_PAPER__UNIFIED": "BTC=0.95",
        "TRIMTAB_PAPER__START": "2021-01-01T08:00:00+00:00",
    }
    assert shown["TRIMTAB_HTTP__TOKEN"] == "***"
    assert "canary-4711" not in str(shown)


class Inner(BaseModel):
    token: SecretStr | None = SecretStr("canary-4711")


class Outer(BaseModel):
    http: Inner = Inner()
    venues: dict[str, Inner] = {"bybit": Inner()}


def test_secrets_are_found_however_deep() -> None:
    assert secret_texts(Outer()) == ["canary-4711", "canary-4711"]
    assert secret_texts([{"x": SecretStr("y")}]) == ["y"]
