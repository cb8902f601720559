"""How is one venue of ccxt loaded without the hundred others? In processes of their own, as what is loaded stays."""

import subprocess
import sys

import pytest

_LEAN = "from bot.adapters.ccxt.lean import lean_exchange; kind = lean_exchange('binanceusdm');"


def said_by(code: str) -> str:
    """Return what a process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_venue_is_loaded_and_no_other() -> None:
    code = f"import sys; {_LEAN} print(*sorted(name for name in sys.modules if name.startswith('ccxt.async_support.')))"
    loaded = said_by(code).split()
    assert "ccxt.async_support.binanceusdm" in loaded
    assert not {"ccxt.async_support.okx", "ccxt.async_support.bybit", "ccxt.async_support.kraken"} & set(loaded)
    assert said_by(f"{_LEAN} print(kind.__mro__[1].__module__)") == "ccxt.async_support.binance"


def test_ccxt_that_is_loaded_already_is_used_as_it_is() -> None:
    assert said_by(f"import ccxt.async_support as whole; {_LEAN} print(kind is whole.binanceusdm)") == "True"


@pytest.mark.parametrize("wanted", ["NetworkError", "Exchange", "binanceusdm"])
def test_the_packages_give_what_they_are_asked_for(wanted: str) -> None:
    code = f"{_LEAN} import ccxt.async_support as lean; print(getattr(lean, '{wanted}').__name__)"
    assert said_by(code) == wanted


@pytest.mark.parametrize("wanted", ["nonsense", "_private"])
def test_what_ccxt_does_not_have_is_no_attribute(wanted: str) -> None:
    code = f"{_LEAN} import ccxt.async_support as lean; print(hasattr(lean, '{wanted}'))"
    assert said_by(code) == "False"
