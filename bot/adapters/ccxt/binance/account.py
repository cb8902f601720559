"""What does the account hold, and what works in it? Read from seven routes of three hosts.

Futures are read completely or not at all. What other hosts of the venue do not tell is an unreadable wallet, which
holds up looks and nothing else; where stops cannot be listed, the account says so.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.codes import UNKNOWN_SYMBOL
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.records import Records
from bot.adapters.ccxt.binance.timing import VenueTime
from bot.adapters.ccxt.binance.trading import Trading
from bot.adapters.ccxt.binance.translate import VENUE, Row
from bot.adapters.ccxt.calls import Calls, Params
from bot.adapters.ccxt.client import BinanceClient
from bot.adapters.ccxt.limiter import Lane
from bot.domain.errors import BadPayload, VenueUnavailable, tell
from bot.domain.ids import Currency
from bot.domain.portfolio import AccountState, WalletBalance
from bot.domain.units import ZERO
from bot.ports import Clock

log = structlog.get_logger()

#: What besides futures is asked for is not waited for any longer: stops do not depend on it.
_BESIDES_SECONDS = 4.0
#: A host that has failed is asked again after this.
_LEFT_IN_PEACE = timedelta(seconds=30)
#: Orders of contracts that were never traded here are looked for this often.
_ALL_LISTED = timedelta(minutes=1)
#: With more contracts than this, open orders of all are asked for at once.
_FEW_WITH_ORDERS = 20
#: How the list of wallets is asked for.
_WALLETS: tuple[str, Params] = ("sapiGetAssetWalletBalance", {"quoteAsset": "USDT"})
#: Wallets that are read; what lies in others is not known.
_READ_WALLETS = ("Spot", "Funding", "USDⓈ-M Futures")

Answer = TypeVar("Answer")


class Account:
    """Reads the account."""

    def __init__(
        self,
        client: BinanceClient,
        calls: Calls,
        listing: Listing,
        records: Records,
        trading: Trading,
        clock: Clock,
        time: VenueTime,
    ) -> None:
        self._client = client
        self._calls = calls
        self._listing = listing
        self._records = records
        self._trading = trading
        self._clock = clock
        self._time = time
        #: When what besides futures is asked for was last not answered, by route.
        self._besides_failed_at: dict[str, float] = {}
        #: When the open orders of the whole account were listed last, by route.
        self._all_listed_at: dict[str, datetime] = {}
        #: False while the stops that rest cannot be listed.
        self._has_stops_listed = True

    async def read(self) -> AccountState:
        """Return balances, positions, margin and open orders."""
        await self._time.compare()
        as_of = self._clock.now()
        read, lane = self._calls.read, Lane.PROTECT
        spot, funding, wallets, account, positions, plain, conditional = await asyncio.gather(
            self._besides(
                "privateGetAccount", {"omitZeroBalances": "true"}, lambda row: [*translate.spot_balances(row)]
            ),
            self._besides("sapiPostAssetGetFundingAsset", {}, lambda rows: [*translate.funding_balances(rows)]),
            self._besides(*_WALLETS, _not_read),
            read("fapiPrivateV3GetAccount", weight=5, lane=lane),
            read("fapiPrivateV3GetPositionRisk", weight=5, lane=lane),
            self._open_orders("fapiPrivateGetOpenOrders"),
            self._open_conditional(),
        )
        symbols = self._listing.symbols
        held = [translate.position(row, symbols) for row in translate.rows_of(positions)]
        orders = [self._trading.learn_plain(row) for row in plain]
        orders += [self._trading.learn_conditional(row, None) for row in conditional or ()]
        found = tuple(one for one in held if one is not None)
        self._records.traded.update(one.symbol for one in found)
        return AccountState(
            venue=VENUE,
            balances=_added_up(
                [
                    *(spot or ()),
                    *(funding or ()),
                    *translate.futures_balances(account),
                ]
            ),
            positions=found,
            margins=tuple(translate.margins(account)),
            open_orders=tuple(orders),
            unreadable_wallets=(
                *(() if spot is not None else ("Spot",)),
                *(() if funding is not None else ("Funding",)),
                *(("the list of wallets",) if wallets is None else wallets),
            ),
            has_stops_listed=conditional is not None,
            as_of=as_of,
        )

    async def _besides(self, method: str, params: Params, understood: Callable[[Any], Answer]) -> Answer | None:
        """Return what another host of the venue says of the wallets besides; None while it does not.

        Stops and margin do not depend on it. One that has failed is left in peace for a while: where it hangs, every
        account would take as long.
        """
        failed_at = self._besides_failed_at.get(method)
        if failed_at is not None and self._clock.monotonic() - failed_at < _LEFT_IN_PEACE.total_seconds():
            return None
        try:
            async with asyncio.timeout(_BESIDES_SECONDS):
                answer = understood(await self._read_wallet(method, params))
        except (VenueUnavailable, BadPayload, TimeoutError) as failure:
            self._besides_failed_at[method] = self._clock.monotonic()
            log.warning("A wallet cannot be read", code="wallet_unreadable", venue=VENUE, reason=tell(failure))
            return None
        self._besides_failed_at.pop(method, None)
        return answer

    async def _open_orders(self, method: str) -> list[Row]:
        """Return open orders: once a minute of the whole account, which weighs as much as forty contracts.

        In between, of the contracts that have traded or had an order. While a stop is missing the account is read every
        few seconds, and must not use up what the stop needs.
        """
        now, asked = self._clock.now(), sorted(self._records.traded)
        listed_at = self._all_listed_at.get(method)
        if listed_at is None or now - listed_at >= _ALL_LISTED or len(asked) > _FEW_WITH_ORDERS:
            rows = translate.rows_of(await self._calls.read(method, weight=40, lane=Lane.PROTECT))
            self._all_listed_at[method] = now
            return rows
        names = [self._listing.names[symbol] for symbol in asked]
        found = await asyncio.gather(*(self._open_orders_of(method, name) for name in names))
        return [row for rows in found for row in rows]

    async def _open_orders_of(self, method: str, name: str) -> list[Row]:
        """Return the open orders of one contract; none where the venue knows no such contract any more.

        One that trades no more is asked for, too: its stop may rest there until it is settled.
        """
        try:
            return translate.rows_of(await self._calls.read(method, {"symbol": name}, lane=Lane.PROTECT))
        except VenueUnavailable as failure:
            if self._calls.code_of(failure) == UNKNOWN_SYMBOL:
                return []
            raise

    async def _open_conditional(self) -> list[Row] | None:
        """Return the stops that rest; None where that route alone fails, as overnight when a venue moves it.

        While they are unlisted the account is read every few seconds: it is told once, and once when it is over.
        """
        try:
            rows = await self._open_orders("fapiPrivateGetOpenAlgoOrders")
        except (VenueUnavailable, BadPayload) as failure:
            if self._has_stops_listed:
                self._has_stops_listed = False
                log.warning("The stops cannot be listed", code="stops_unlisted", venue=VENUE, reason=str(failure))
            return None
        if not self._has_stops_listed:
            self._has_stops_listed = True
            log.info("The stops are listed again", code="stops_listed", venue=VENUE)
        return rows

    async def _read_wallet(self, method: str, params: Params) -> Any:
        """Read a wallet besides that of futures; the test network has the spot wallet alone."""
        if method.startswith("sapi") and not self._client.has_wallets:
            return []
        return await self._calls.read(method, params, weight=0, lane=Lane.PROTECT)

    async def unread_wallets(self) -> tuple[str, ...]:
        """Return the wallets that hold something and are not read."""
        return _not_read(await self._read_wallet(*_WALLETS))


def _added_up(lines: list[WalletBalance]) -> tuple[WalletBalance, ...]:
    """Return one line per wallet and currency: spot and funding wallet are one to us."""
    merged: dict[tuple[str, Currency], WalletBalance] = {}
    for line in lines:
        key = (line.wallet, line.currency)
        before = merged.get(key)
        merged[key] = (
            line
            if before is None
            else WalletBalance(
                venue=line.venue,
                wallet=line.wallet,
                currency=line.currency,
                balance=before.balance + line.balance,
                unrealised=before.unrealised + line.unrealised,
                pending=before.pending + line.pending,
            )
        )
    return tuple(merged.values())


def _not_read(wallets: Any) -> tuple[str, ...]:
    """Return the wallets that hold something and are not read."""
    return tuple(
        name
        for row in translate.rows_of(wallets)
        if (name := translate.text(row, "walletName")) not in _READ_WALLETS and translate.number(row, "balance") != ZERO
    )
