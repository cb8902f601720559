"""What has happened? Trades, funding and transfers, read page by page until there is nothing more.

Trades are asked for per contract, and which contracts have traded the account's income says: whatever trades pays a
commission, or where that is zero leaves a profit, or a position that pays funding. A trade names an order by number;
whose it is, is looked up once: ours by client id, a triggered stop by the conditional order that became it, the
venue's own by how its id begins.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.adapters.ccxt.binance import translate
from bot.adapters.ccxt.binance.codes import NOT_FOUND, UNKNOWN_SYMBOL
from bot.adapters.ccxt.binance.listing import Listing
from bot.adapters.ccxt.binance.quiet import Quiet
from bot.adapters.ccxt.binance.translate import Row
from bot.adapters.ccxt.calls import Calls, Params
from bot.adapters.ccxt.limiter import Lane
from bot.domain.errors import VenueUnavailable
from bot.domain.events import FundingSettled
from bot.domain.ids import ClientOrderId, Symbol, carries_marker
from bot.domain.orders import Fill, Purpose, VenueOrder
from bot.domain.transfers import VenueTransfer
from bot.ports import Clock

log = structlog.get_logger()

_PAGE = 1000
_TRANSFER_PAGE = 100
#: The longest span that may be asked for at once.
_WINDOW = timedelta(days=7) - timedelta(seconds=1)
#: A payment and the rate that it was paid at bear the same time, but for the venue's haste.
_SAME_SETTLEMENT = timedelta(minutes=5)
#: A rate is waited for so long, no longer than until the next settlement; then the payment is booked without.
_RATE_TOLD = timedelta(minutes=55)
#: Whoever has booked what was settled until then asks again from before a payment that waits since.
_ASKED_AGAIN = timedelta(seconds=30)
#: How far back the venue serves trades and income: three months, of which the shortest are meant here.
_KEPT = timedelta(days=89)
#: Income by which a contract that has traded is known.
_TRADES_TELL = ("COMMISSION", "REALIZED_PNL", "FUNDING_FEE", "INSURANCE_CLEAR")
_MILLISECOND = timedelta(milliseconds=1)
#: A trade may be listed this much earlier than its order.
_ORDERS_LAG = timedelta(seconds=15)
#: The venue forgets conditional orders after ninety days.
_CONDITIONALS_KEPT = timedelta(days=90) - timedelta(hours=1)
#: So often the income is asked which contracts trade besides those that are known.
_DISCOVERY = timedelta(minutes=5)

#: Whose an order is: its client id, and why the venue made it.
Owner = tuple[ClientOrderId | None, Purpose | None]


class Records:
    """Reads what is written down at the venue."""

    def __init__(self, calls: Calls, listing: Listing, clock: Clock, venue_now: Callable[[], datetime]) -> None:
        self._calls = calls
        self._listing = listing
        self._clock = clock
        #: The present by the venue's clock, which stamps what is written down there.
        self._venue_now = venue_now
        #: Contracts that have traded, or may have.
        self.traded: set[Symbol] = set()
        #: Orders by number.
        self.owners: dict[str, Owner] = {}
        #: Stops that rest, as this process has seen them last.
        self.resting: dict[ClientOrderId, VenueOrder] = {}
        self._quiet = Quiet(venue_now)
        self._discovered_since: datetime | None = None
        #: How far the income has been read for it; what is cut short goes on from here.
        self._discovered_until: datetime | None = None
        self._discovered_at: datetime | None = None
        #: Histories that were asked for from further back than they are served, and that was told.
        self._cut_short: set[str] = set()

    # --- trades

    async def fills(self, since: datetime) -> tuple[Fill, ...]:
        """Return every trade at or after ``since``, oldest first."""
        await self._discover(since)
        found: dict[str, Fill] = {}
        symbols = sorted(self.traded)
        for symbol, rows in zip(
            symbols, await asyncio.gather(*(self._trades(symbol, since) for symbol in symbols)), strict=True
        ):
            for row in rows:
                number = translate.text(row, "orderId")
                owner, forced = await self._owner_of(number, symbol, translate.moment(row, "time"))
                one = translate.fill(row, self._listing.symbols, owner, forced)
                found[f"{one.symbol}/{one.trade_id}"] = one
        return tuple(sorted(found.values(), key=lambda one: (one.filled_at, int(one.trade_id))))

    async def _discover(self, since: datetime) -> None:
        """Learn which contracts have traded since then: at the first time, further back, and now and then."""
        now = self._venue_now()
        since = max(since, now - _KEPT)
        if self._discovered_since is None or self._discovered_until is None or since < self._discovered_since:
            self._discovered_since, self._discovered_until, self._discovered_at = since, since, None
        elif self._discovered_at is not None and now - self._discovered_at < _DISCOVERY:
            return
        start = max(self._discovered_since, self._discovered_until - _DISCOVERY)
        while start <= now:
            async for row in self._income_from(start, None):
                name = str(row.get("symbol") or "")
                if name and row.get("incomeType") in _TRADES_TELL:
                    self.traded.add(translate.known(name, self._listing.symbols))
            start += _WINDOW + _MILLISECOND
            self._discovered_until = min(start, now)
        self._discovered_at = now

    async def _trades(self, symbol: Symbol, since: datetime) -> list[Row]:
        name = self._listing.names[symbol]
        since = self._served_from("trades", since)
        return await self._by_windows(f"trades of {symbol}", since, lambda start: self._trades_from(start, name))

    def _served_from(self, history: str, since: datetime) -> datetime:
        """Return from when on a history can be asked for: what is older is served no more, and refused for ever.

        What is missing then shows when positions and books are compared, and the owner is asked.
        """
        oldest = self._venue_now() - _KEPT
        if since >= oldest:
            return since
        if history not in self._cut_short:
            self._cut_short.add(history)
            told = f"The venue serves {history} from {oldest:%Y-%m-%d} on; what happened before that is not to be had"
            log.warning(
                told,
                code="history_cut",
                venue=translate.VENUE,
                asked_from=since,
                served_from=oldest,
            )
        return oldest

    async def _by_windows(
        self, history: str, since: datetime, read: Callable[[datetime], AsyncIterator[Row]]
    ) -> list[Row]:
        """Return what a history holds since a moment, window by window; what was found empty is passed over."""
        found: list[Row] = []
        start, now = since, self._venue_now()
        while (start := self._quiet.skip(history, start)) <= now:
            rows = [row async for row in read(start)]
            found += rows
            until = start + _WINDOW + _MILLISECOND
            if not rows:
                self._quiet.note(history, start, until)
            start = until
        return found

    async def _trades_from(self, start: datetime, name: str) -> AsyncIterator[Row]:
        """Yield the trades of one window, page by page."""
        end = start + _WINDOW
        rows = await self._trade_page({"symbol": name, "startTime": _ms(start), "endTime": _ms(end)})
        while len(rows) == _PAGE:
            for row in rows:
                yield row
            last = int(translate.text(rows[-1], "id"))
            rows = [
                row
                for row in await self._trade_page({"symbol": name, "fromId": last + 1})
                if translate.moment(row, "time") <= end
            ]
        for row in rows:
            yield row

    async def _trade_page(self, params: Params) -> list[Row]:
        try:
            document = await self._calls.read(
                "fapiPrivateGetUserTrades", {**params, "limit": _PAGE}, weight=5, lane=Lane.PROTECT
            )
        except VenueUnavailable as failure:
            if self._calls.code_of(failure) == UNKNOWN_SYMBOL:
                # Taken off, and its history with it: what is missing then shows when books and positions are compared.
                return []
            raise
        return translate.rows_of(document)

    async def _owner_of(self, number: str, symbol: Symbol, traded_at: datetime) -> Owner:
        """Return whose an order is that is known by number alone; nobody's where the venue knows no such order.

        Trades come before orders here and there, so a young trade waits for its order. One that waits for ever, of an
        order that the venue has purged or denies, would keep all the others from the books.

        Raises:
            VenueUnavailable: the venue does not say, or not yet.
        """
        if number in self.owners:
            return self.owners[number]
        name = self._listing.names[symbol]
        row = await self._calls.find("fapiPrivateGetOrder", {"symbol": name, "orderId": number}, NOT_FOUND)
        if row is None:
            if self._is_young(traded_at):
                raise VenueUnavailable(f"binanceusdm: order {number} has traded and is not shown yet")
            return None, None
        self.owners[number] = await self._owner_in(row, number, name, is_young=self._is_young(traded_at))
        return self.owners[number]

    def _is_young(self, traded_at: datetime) -> bool:
        return self._venue_now() - traded_at < _ORDERS_LAG

    async def _owner_in(self, row: Row, number: str, name: str, *, is_young: bool) -> Owner:
        """Return whose an order is, from its document.

        What a stop became need not say that it was one, and its id is the venue's. A stop of ours only reduces.

        Raises:
            VenueUnavailable: it may have been a stop, and the venue does not say, or not yet.
        """
        client_id = translate.text(row, "clientOrderId")
        forced = translate.forced_by(client_id)
        if forced is not None:
            return None, forced
        if str(row.get("origType")) != "LIMIT" and not carries_marker(client_id):
            may_open = row.get("reduceOnly") is False
            try:
                stop = await self._stop_that_became(number, name, row)
            except VenueUnavailable:
                # While the routes of stops are down, what is no stop of ours must not hold up the account.
                if not may_open:
                    raise
                stop = None
            if stop is not None:
                return stop, None
            if is_young and not may_open:
                raise VenueUnavailable(f"binanceusdm: order {number} has traded and may have been a stop")
        return ClientOrderId(client_id), None

    async def _stop_that_became(self, number: str, name: str, order: Row) -> ClientOrderId | None:
        """Return the stop that an order was; where that is not told, the only one known that it can have been.

        Raises:
            VenueUnavailable: it is not told, and there is none or more than one.
        """
        try:
            return await self._conditional_that_became(number, name)
        except VenueUnavailable:
            alike = (
                translate.known(name, self._listing.symbols),
                translate.text(order, "side").lower(),
                translate.number(order, "origQty"),
            )
            known = [key for key, one in self.resting.items() if (one.symbol, one.side.value, one.contracts) == alike]
            if len(known) != 1:
                raise
            return known[0]

    async def _conditional_that_became(self, number: str, name: str) -> ClientOrderId | None:
        """Return the stop that an order was: week by week further back, a stop may rest for long before it fires."""
        end = self._venue_now()
        oldest = end - _CONDITIONALS_KEPT
        while end > oldest:
            async for row in self._conditionals(name, max(oldest, end - _WINDOW), end):
                if str(row.get("actualOrderId") or "") == number:
                    return ClientOrderId(translate.text(row, "clientAlgoId"))
            end -= _WINDOW
        return None

    async def _conditionals(self, name: str, start: datetime, end: datetime) -> AsyncIterator[Row]:
        page, is_full = 1, True
        while is_full:
            params: Params = {
                "symbol": name,
                "startTime": _ms(start),
                "endTime": _ms(end),
                "limit": _PAGE,
                "page": page,
            }
            document = await self._calls.read("fapiPrivateGetAllAlgoOrders", params, weight=5, lane=Lane.PROTECT)
            rows = translate.rows_of(document)
            for row in rows:
                yield row
            page, is_full = page + 1, len(rows) == _PAGE

    def learn(self, number: Any, client_order_id: str) -> None:
        """Remember whose an order is."""
        if number:
            self.owners[str(number)] = (ClientOrderId(client_order_id), translate.forced_by(client_order_id))

    # --- money

    async def funding(self, since: datetime) -> tuple[FundingSettled, ...]:
        """Return the funding payments since a moment, oldest first, until after the settlement of one that waits.

        One whose rate is not told yet waits for it a while, and others of its settlement do not: they are booked, and
        asked for again with it. None of a later settlement is given before it, for from the newest on is asked again.

        Raises:
            VenueUnavailable: payments cannot be read, or no rate at all.
        """
        since = self._served_from("income", since)
        rows = sorted(await self._income("FUNDING_FEE", since), key=lambda row: translate.moment(row, "time"))
        rates = await self._rates_of({translate.text(row, "symbol") for row in rows}, since)
        found: list[FundingSettled] = []
        waiting_since: datetime | None = None
        for row in rows:
            paid_at = translate.moment(row, "time")
            rate = _rate_of(row, rates[translate.text(row, "symbol")])
            if rate is None and self._venue_now() - paid_at < _RATE_TOLD:
                waiting_since = waiting_since or paid_at
                continue
            told = rate or _no_rate(row)
            found.append(translate.funding_payment(row, self._listing.symbols, told, self._clock.now()))
        if waiting_since is not None:
            found = [one for one in found if one.settled_at < waiting_since + _ASKED_AGAIN]
        return tuple(sorted(found, key=lambda one: one.settled_at))

    async def _rates_of(self, names: Iterable[str], since: datetime) -> dict[str, list[Row] | None]:
        """Return the rates of contracts; of one whose rates cannot be read, none are told yet.

        Raises:
            VenueUnavailable: none can be read.
        """
        rates: dict[str, list[Row] | None] = {}
        failed: VenueUnavailable | None = None
        has_read = False
        for name in sorted(names):
            try:
                rates[name] = await self._rates(name, since)
                has_read = True
            except VenueUnavailable as failure:
                rates[name], failed = [], failure
        if failed is not None and not has_read:
            raise failed
        return rates

    async def _rates(self, name: str, since: datetime) -> list[Row] | None:
        """Return the rates that were settled, window by window; None where the venue knows the contract no more."""
        start, now = since - _SAME_SETTLEMENT, self._venue_now()
        found: list[Row] = []
        while start <= now:
            end = start + timedelta(days=30)
            params: Params = {"symbol": name, "startTime": _ms(start), "endTime": _ms(end), "limit": _PAGE}
            try:
                found.extend(translate.rows_of(await self._calls.read("fapiPublicGetFundingRate", params)))
            except VenueUnavailable as failure:
                if self._calls.code_of(failure) == UNKNOWN_SYMBOL:
                    return None
                raise
            start = end + _MILLISECOND
        return found

    async def _income(self, kind: str, since: datetime) -> list[Row]:
        return await self._by_windows(f"income of {kind}", since, lambda start: self._income_from(start, kind))

    async def _income_from(self, start: datetime, kind: str | None) -> AsyncIterator[Row]:
        """Yield the income of one window, of one kind or all, page by page.

        The venue numbers these pages no more: the next begins at the last moment of one, and what bears that moment
        comes twice. Of more than a page at one moment the rest is not to be had.
        """
        since, until = _ms(start), _ms(start + _WINDOW)
        border: list[Row] = []
        is_full = True
        while is_full:
            params: Params = {
                **({} if kind is None else {"incomeType": kind}),
                "startTime": since,
                "endTime": until,
                "limit": _PAGE,
            }
            rows = translate.rows_of(await self._calls.read("fapiPrivateGetIncome", params, weight=30))
            for row in rows:
                if row not in border:
                    yield row
            is_full = len(rows) == _PAGE
            if is_full:
                last = max(_ms(translate.moment(row, "time")) for row in rows)
                border = [row for row in rows if _ms(translate.moment(row, "time")) == last]
                since = last if last > since else since + 1

    # --- transfers

    async def transfers(self, since: datetime) -> tuple[VenueTransfer, ...]:
        """Return every transfer between spot and futures wallet at or after ``since``, oldest first."""
        found: list[VenueTransfer] = []
        for ends, kind in translate.TRANSFER_KINDS.items():
            page = 1
            while True:
                params: Params = {
                    "type": kind,
                    "startTime": _ms(since),
                    "size": _TRANSFER_PAGE,
                    "current": page,
                }
                document: Row = await self._calls.read("sapiGetAssetTransfer", params, lane=Lane.PROTECT)
                # Without a single one the venue leaves the rows out.
                rows = translate.rows_of(document.get("rows", []) if document.get("total") is not None else None)
                found.extend(translate.transfer(row, ends) for row in rows)
                if len(rows) < _TRANSFER_PAGE:
                    break
                page += 1
        return tuple(sorted(found, key=lambda one: one.at))


def _rate_of(row: Row, rates: Iterable[Row] | None) -> Row | None:
    """Return the rate that a payment was paid at; None where it is not told yet.

    Where the contract is gone its rates are gone with it.
    """
    if rates is None:
        return _no_rate(row)
    paid_at = translate.moment(row, "time")
    return next((one for one in rates if abs(translate.moment(one, "fundingTime") - paid_at) < _SAME_SETTLEMENT), None)


def _no_rate(row: Row) -> Row:
    """Return what stands for a rate that is not told: what was paid is known, and would be missing for ever."""
    return {"fundingRate": "0", "fundingTime": translate.text(row, "time")}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
