"""Is one venue loaded without the hundred others, and is ccxt whole for whoever asks it for more?"""

import subprocess
import sys


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_one_venue_is_loaded_alone() -> None:
    code = """
import sys
import bot.adapters.ccxt.client
loaded = {name for name in sys.modules if name.startswith("ccxt.")}
print([name for name in loaded if name.endswith((".kraken", ".bybit", ".okx"))], "ccxt.async_support.binance" in loaded)
"""
    assert _run(code) == "[] True"


def test_what_is_asked_for_by_name_is_there() -> None:
    code = """
import bot.adapters.ccxt.client as client
import ccxt.async_support as ccxt
from ccxt import Exchange, NetworkError
from ccxt.base.errors import NetworkError as original
assert issubclass(client.BinanceClient, ccxt.binanceusdm)
assert NetworkError is original is ccxt.NetworkError
assert issubclass(ccxt.binanceusdm, ccxt.Exchange) and Exchange.__module__ == "ccxt.base.exchange"
assert ccxt.kraken.__module__ == "ccxt.async_support.kraken"
assert not hasattr(ccxt, "no_such_exchange")
print("whole")
"""
    assert _run(code) == "whole"


def test_where_ccxt_is_loaded_already_it_is_used_as_it_is() -> None:
    code = """
import ccxt.async_support as ccxt
import bot.adapters.ccxt.client as client
assert client.BinanceClient.__mro__[1] is ccxt.binanceusdm
assert "kraken" in ccxt.exchanges
print("as it is")
"""
    assert _run(code) == "as it is"
