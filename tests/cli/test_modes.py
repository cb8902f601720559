"""Does a journal stay with the account that it was written for? Play money is never taken for real."""

from pathlib import Path

import pytest

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.journal.journal import open_journal
from bot.bootstrap import World, assemble, open_world
from bot.daemon import look_once
from bot.domain.errors import ConfigError
from bot.settings import Settings, load_settings

_LIVE = {
    "TRIMTAB_MODE": "live",
    "TRIMTAB_TARGETS": "BTC=70%,ETH=30%",
    "TRIMTAB_VENUES__BINANCEUSDM__API_KEY": "key-of-nobody",
    "TRIMTAB_VENUES__BINANCEUSDM__API_SECRET": "secret-of-nobody",
}
_TESTNET = {"TRIMTAB_VENUES__BINANCEUSDM__TESTNET": "true"}


def _settings(folder: Path, *more: dict[str, str]) -> Settings:
    environ = {"TRIMTAB_DATA_DIR": str(folder)}
    for one in more:
        environ |= one
    return load_settings(environ)


async def _begin(folder: Path, settings: Settings) -> None:
    """Start a bot as these settings ask for, on a venue that needs no network, and end it."""
    world: World = open_world(_settings(folder, {"TRIMTAB_PAPER__MARKET": "static", "TRIMTAB_PAPER__SPEED": "1"}))
    journal = open_journal(folder / JOURNAL_FILE, now=world.clock.now(), epoch_tail=lambda: "ABC")
    bot = assemble(settings, world, journal)
    await bot.supervisor.start()
    await bot.supervisor.close("the test has ended")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("before", "after", "named"),
    [(_TESTNET, {}, "live-testnet"), ({}, _TESTNET, "live"), (_TESTNET, {"TRIMTAB_MODE": "dry-run"}, "live-testnet")],
    ids=["from the test network", "to the test network", "to a dry run of the real account"],
)
async def test_the_test_network_and_the_real_account_have_a_folder_each(
    tmp_path: Path, before: dict[str, str], after: dict[str, str], named: str
) -> None:
    """Its profit would have counted as the real portfolio's, and its positions as lost ones."""
    await _begin(tmp_path, _settings(tmp_path, _LIVE, before))
    with pytest.raises(ConfigError, match=rf"was written in {named} mode"):
        await look_once(_settings(tmp_path, _LIVE, after))
