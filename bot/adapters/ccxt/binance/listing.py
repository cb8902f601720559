"""Which contracts are there, and what are they called? Read from the venue, and kept for as long as the process lives.

Six hundred and fifty contracts are parsed in small portions, so that nobody waits for it. What vanishes from the
listing keeps its name: a position in it may still be open, and its trades are still to be booked.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import structlog

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls
from bot.adapters.ccxt.limiter import Lane
from bot.domain.errors import BadPayload
from bot.domain.ids import Asset, Currency, Symbol
from bot.domain.instruments import Instrument
from bot.ports import Clock

log = structlog.get_logger()

_USDT = Currency("USDT")
#: So many contracts are parsed before others have their turn.
_PORTION = 20


class _Symbols(dict[str, Symbol]):
    """Unified symbols by the venue's names. What was taken off before this process began has its regular one."""

    def __missing__(self, name: str) -> Symbol:
        self[name] = translate.symbol_by_name(name)
        return self[name]


class _Names(dict[Symbol, str]):
    """The venue's names by unified symbols, likewise."""

    def __missing__(self, symbol: Symbol) -> str:
        return translate.name_by_symbol(symbol)


class Listing:
    """The contracts of the venue, and the names of each."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        #: Unified symbol per venue name, of everything that was ever listed.
        self.symbols: dict[str, Symbol] = _Symbols()
        #: Venue name per unified symbol.
        self.names: dict[Symbol, str] = _Names()
        #: What trades now.
        self.trading: frozenset[Symbol] = frozenset()
        #: What the venue calls each coin's index, and how many coins that is the price of.
        self.pairs: dict[Asset, tuple[str, Decimal]] = {}
        #: Venue names of the contracts whose margin is not shared: nothing is opened there.
        self.isolated: set[str] = set()

    async def read(self, lane: Lane = Lane.READ) -> tuple[Instrument, ...]:
        """Return every contract that trades; learn on the way what the venue lets through in a minute.

        Raises:
            VenueUnavailable, BadPayload: the listing could not be read.
        """
        document = await self._calls.read("fapiPublicGetExchangeInfo", lane=lane)
        self._calls.limiter.set_limit(translate.weight_limit(document))
        brackets = {
            translate.text(row, "symbol"): translate.rows_of(row.get("brackets"))
            for row in translate.rows_of(await self._calls.read("fapiPrivateGetLeverageBracket", lane=lane))
        }
        self.isolated = {
            translate.text(row, "symbol")
            for row in translate.rows_of(await self._calls.read("fapiPrivateGetSymbolConfig", weight=5, lane=lane))
            if translate.text(row, "marginType") != "CROSSED"
        }
        told = translate.rows_of(document.get("symbols"))
        rows = [row for row in told if translate.is_listed(row)]
        if not rows:
            raise BadPayload("binanceusdm: the listing is empty")
        maker, taker = await self._fees(translate.text(rows[0], "symbol"), lane)
        found = []
        for place, row in enumerate(told):
            if place % _PORTION == 0:
                await self._clock.sleep(timedelta(0))
            if not translate.is_listed(row):
                self._remember(row)
                continue
            one = self._instrument(row, brackets, maker, taker)
            if one is not None:
                found.append(one)
        self.trading = frozenset(one.symbol for one in found)
        return tuple(found)

    def _remember(self, row: Row) -> None:
        """Learn the name of what trades no more, or not yet: a position in it may still be open."""
        try:
            name, symbol = translate.text(row, "symbol"), translate.symbol_of(row)
        except BadPayload:
            # Without a name or a currency nothing can be held in it.
            return
        self.symbols.setdefault(name, symbol)
        self.names.setdefault(symbol, name)

    async def _fees(self, name: str, lane: Lane) -> tuple[Decimal, Decimal]:
        """Return what maker and taker pay: one account has one tier, and contracts on sale are cheaper still."""
        row: Row = await self._calls.read("fapiPrivateGetCommissionRate", {"symbol": name}, weight=20, lane=lane)
        return translate.number(row, "makerCommissionRate"), translate.number(row, "takerCommissionRate")

    def _instrument(self, row: Row, brackets: Mapping[str, Any], maker: Decimal, taker: Decimal) -> Instrument | None:
        """Return one contract; one that cannot be understood is left out, and said so: nothing is traded in it."""
        try:
            name = translate.text(row, "symbol")
            one = translate.instrument(row, brackets.get(name, ()), maker=maker, taker=taker)
        except BadPayload as failure:
            log.warning(
                "A contract is left out", code="contract_unreadable", contract=row.get("symbol"), why=str(failure)
            )
            return None
        self.symbols[name] = one.symbol
        self.names[one.symbol] = name
        if one.is_perpetual and (one.quote == _USDT or one.asset not in self.pairs):
            self.pairs[one.asset] = (str(row.get("pair") or name), one.contract_size)
        return one
