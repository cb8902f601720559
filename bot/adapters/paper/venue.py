"""How does the bot reach the embedded exchange? Translates, and decides nothing.

Every call first lets market time pass to the present of the clock: the exchange lives only while somebody looks.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from bot.adapters.paper.slips import slipped_account, slipped_quotes
from bot.adapters.paper.translate import PAPER, to_fill, to_funding, to_instrument, to_order, to_quote, to_transfer
from bot.domain.errors import VenueOutcomeUnknown, VenueRefused, VenueUnavailable
from bot.domain.events import FundingSettled
from bot.domain.ids import Asset, ClientOrderId, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import CoinPrice, CurrencyRate, FundingRate, PriceHistory, Quote, SpreadQuote
from bot.domain.orders import Fill, OrderIntent, Side, VenueOrder
from bot.domain.policy import VALIDITY_SENT
from bot.domain.portfolio import AccountState, FuturesPosition, MarginAccount, PledgedCoin, WalletBalance
from bot.domain.transfers import TransferIntent, VenueTransfer
from bot.exchange.exchange import Exchange
from bot.exchange.faults import (
    Effect,
    ForgetTrades,
    FreezeQuotes,
    HideOrders,
    LagTrades,
    LagTransfers,
    OmitFunding,
    ReadFailed,
    RepeatTrades,
    ReplyLost,
    RequestLost,
    ShiftTime,
)
from bot.exchange.orders import OrderRequest, Refused
from bot.exchange.records import FundingPayment, MarginSummary
from bot.exchange.spread import SpreadRequest
from bot.ports import Clock

log = structlog.get_logger()

_USDT = Currency("USDT")


class PaperVenue:
    """The ``Venue`` port on the embedded exchange."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        #: The account as of one moment and one state of the exchange: asked for twice, it is put together once.
        self._account: tuple[int, int, AccountState] | None = None
        #: The open orders as of one state of the exchange: they do not change with time alone.
        self._orders: tuple[int, tuple[VenueOrder, ...]] | None = None
        #: The trades that were told last, by number, as they are told; a trade does not change.
        self._fills: dict[int, Fill] = {}
        #: What is told for as long as quotes do not move.
        self._frozen_quotes: dict[Symbol, Quote] = {}
        exchange.rehearsal.observers.append(_tell_fault)

    @property
    def id(self) -> VenueId:
        """Name the venue."""
        return PAPER

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Keep the exchange's state."""
        self._exchange.close()

    def _reach(self, call: str) -> Effect | None:
        """Let market time pass, fail a read that was asked to fail, and return what is wrong with another's answer.

        Raises:
            VenueUnavailable: the read was asked to fail.
        """
        self._exchange.advance(self._clock.now())
        try:
            return self._exchange.check_read(call)
        except ReadFailed as err:
            raise VenueUnavailable(f"{call} was not answered") from err

    async def fetch_instruments(self) -> tuple[Instrument, ...]:
        """Return every contract that is listed, or was and has been traded."""
        self._reach("fetch_instruments")
        config = self._exchange.config
        return tuple(
            to_instrument(contract, maker_fee_frac=config.maker_fee_frac, taker_fee_frac=config.taker_fee_frac)
            for contract in self._exchange.listing()
        )

    async def fetch_account(self) -> AccountState:
        """Return balances, positions, margin and open orders."""
        slip = self._reach("fetch_account")
        floor = self._exchange.floor
        kept = self._account
        if kept is None or kept[:2] != (floor.version, floor.now_us):
            kept = self._account = (floor.version, floor.now_us, self._put_together())
        return slipped_account(kept[2], slip, floor)

    def _put_together(self) -> AccountState:
        floor = self._exchange.floor
        margins = self._exchange.margins()
        unrealised = {(one.wallet, one.currency): one.unrealised for one in margins}
        liquidation_prices = floor.margin.liquidation_prices(floor)
        return AccountState(
            venue=PAPER,
            balances=tuple(
                WalletBalance(
                    venue=PAPER,
                    wallet=key[0],
                    currency=key[1],
                    balance=held,
                    unrealised=unrealised[key] if key in unrealised else Decimal(0),
                    pending=floor.accounts.in_transit.get(key, Decimal(0)),
                )
                for key, held in (
                    {key: Decimal(0) for key in floor.accounts.in_transit} | floor.accounts.wallets
                ).items()
            ),
            positions=tuple(self._position(symbol, liquidation_prices[symbol]) for symbol in floor.accounts.positions),
            margins=tuple(
                MarginAccount(
                    venue=PAPER,
                    wallet=one.wallet,
                    currency=one.currency,
                    margin_balance=one.margin_balance,
                    maintenance_margin=one.maintenance,
                    initial_margin=one.initial,
                    pledged=tuple(self._pledged(one)),
                )
                for one in margins
            ),
            open_orders=self._open_orders(),
            as_of=floor.now,
        )

    def _open_orders(self) -> tuple[VenueOrder, ...]:
        floor = self._exchange.floor
        if self._orders is None or self._orders[0] != floor.version:
            self._orders = (floor.version, tuple(to_order(order) for order in floor.open_orders.values()))
        return self._orders[1]

    def _pledged(self, one: MarginSummary) -> Iterator[PledgedCoin]:
        floor = self._exchange.floor
        for asset in floor.margin.pledged((one.wallet, one.currency)):
            currency = Currency(asset)
            yield PledgedCoin(
                currency=currency,
                amount=floor.accounts.wallets[one.wallet, currency],
                index_price=floor.index_of(asset),
                counted_frac=floor.config.unified[asset],
            )

    def _position(self, symbol: Symbol, liquidation_price: Decimal) -> FuturesPosition:
        floor = self._exchange.floor
        contract = floor.contracts[symbol]
        return FuturesPosition(
            venue=PAPER,
            symbol=symbol,
            contracts=floor.accounts.contracts_of(symbol),
            entry_price=floor.accounts.entry_price(contract),
            liquidation_price=liquidation_price,
        )

    async def fetch_quotes(self, symbols: Sequence[Symbol]) -> tuple[Quote, ...]:
        """Return one quote per symbol that can be traded."""
        slip = self._reach("fetch_quotes")
        floor = self._exchange.floor
        listed = [floor.contracts[symbol] for symbol in symbols if symbol in floor.contracts]
        quotes = [to_quote(self._exchange.top(contract)) for contract in listed if not floor.has_expired(contract)]
        if isinstance(slip, FreezeQuotes):
            return tuple(self._frozen_quotes.setdefault(quote.symbol, quote) for quote in quotes)
        self._frozen_quotes.clear()
        return slipped_quotes(quotes, slip)

    async def fetch_funding_rates(self, symbols: Sequence[Symbol]) -> tuple[FundingRate, ...]:
        """Return the forecast for each perpetual."""
        slip = self._reach("fetch_funding_rates")
        found = []
        for symbol in symbols:
            contract = self._exchange.floor.contracts[symbol]
            if contract.expires_us is not None:
                continue
            next_at, interval_us, rate = self._exchange.next_funding(contract.asset)
            found.append(
                FundingRate(
                    venue=PAPER,
                    symbol=symbol,
                    rate=rate,
                    interval=timedelta(microseconds=interval_us),
                    next_at=next_at,
                    as_of=self._exchange.now + _ahead(slip),
                )
            )
        return tuple(found)

    async def fetch_currency_rates(self, currencies: Sequence[Currency]) -> tuple[CurrencyRate, ...]:
        """Return what cash is worth: a dollar, unless configured otherwise."""
        as_of = self._exchange.now + _ahead(self._reach("fetch_currency_rates"))
        rates = self._exchange.config.currency_rates
        return tuple(CurrencyRate(currency=one, usd=rates.get(one, Decimal(1)), as_of=as_of) for one in currencies)

    async def fetch_coin_prices(self, assets: Sequence[Asset]) -> tuple[CoinPrice, ...]:
        """Return what coins cost, whether or not there is a contract."""
        as_of = self._exchange.now + _ahead(self._reach("fetch_coin_prices"))
        floor = self._exchange.floor
        return tuple(
            CoinPrice(asset=asset, quote=_USDT, price=floor.index_of(asset), as_of=as_of)
            for asset in assets
            if asset in self._exchange.config.assets
        )

    async def fetch_history(self, asset: Asset, days: int) -> PriceHistory:
        """Return daily closes of days that have ended."""
        self._reach("fetch_history")
        closes = self._exchange.closes(asset, days)
        return PriceHistory(
            asset=asset,
            days=tuple(day for day, _ in closes),
            closes=tuple(close for _, close in closes),
            as_of=self._exchange.now,
        )

    async def submit(self, intent: OrderIntent) -> VenueOrder:
        """Send one order."""
        self._exchange.advance(self._clock.now())
        request = OrderRequest(
            symbol=intent.symbol,
            side=intent.side,
            type=intent.type,
            contracts=intent.contracts,
            price=intent.price,
            trigger_price=intent.trigger_price,
            time_in_force=intent.time_in_force,
            reduce_only=intent.reduce_only,
            client_order_id=intent.client_order_id,
            valid_until=self._clock.now() + VALIDITY_SENT,
        )
        try:
            return to_order(self._exchange.submit(request))
        except Refused as err:
            raise VenueRefused(str(err), code=err.code) from err
        except (RequestLost, ReplyLost) as err:
            raise VenueOutcomeUnknown("the reply never came") from err

    async def fetch_spread(self, near: Symbol, far: Symbol) -> SpreadQuote | None:
        """Return the price of a calendar spread of two contracts that expire, None of any other two."""
        self._reach("fetch_spread")
        try:
            ask, bid = (self._exchange.spread_price(near, far, side) for side in (Side.BUY, Side.SELL))
        except Refused:
            return None
        return SpreadQuote(venue=PAPER, near=near, far=far, ask_price=ask, bid_price=bid, as_of=self._exchange.now)

    async def submit_spread(
        self, near: OrderIntent, far: OrderIntent, *, limit_spread_price: Decimal
    ) -> tuple[VenueOrder, VenueOrder]:
        """Send both legs of a calendar spread."""
        self._exchange.advance(self._clock.now())
        request = SpreadRequest(
            near=near.symbol,
            far=far.symbol,
            side=far.side,
            contracts=far.contracts,
            limit_spread_price=limit_spread_price,
            near_client_order_id=near.client_order_id,
            far_client_order_id=far.client_order_id,
            reduce_only_near=near.reduce_only,
            valid_until=self._clock.now() + VALIDITY_SENT,
        )
        try:
            first, second = self._exchange.submit_spread(request)
        except Refused as err:
            raise VenueRefused(str(err), code=err.code) from err
        except (RequestLost, ReplyLost) as err:
            raise VenueOutcomeUnknown("the reply never came") from err
        return to_order(first), to_order(second)

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder:
        """Cancel one order and return its last state."""
        self._exchange.advance(self._clock.now())
        try:
            return to_order(self._exchange.cancel(symbol, client_order_id))
        except Refused as err:
            raise VenueRefused(str(err), code=err.code) from err
        except (RequestLost, ReplyLost) as err:
            raise VenueOutcomeUnknown("the reply never came") from err

    async def transfer(self, intent: TransferIntent) -> VenueTransfer:
        """Move collateral between wallets."""
        self._exchange.advance(self._clock.now())
        source, target = (intent.source, intent.currency), (intent.target, intent.currency)
        try:
            return to_transfer(self._exchange.transfer(source, target, intent.amount, intent.transfer_id))
        except Refused as err:
            raise VenueRefused(str(err), code=err.code) from err
        except (RequestLost, ReplyLost) as err:
            raise VenueOutcomeUnknown("the reply never came") from err

    async def fetch_transfers(self, since: datetime) -> tuple[VenueTransfer, ...]:
        """Return the account's transfers at or after ``since``."""
        slip = self._reach("fetch_transfers")
        seen = (to_transfer(one) for one in self._exchange.transfers.since(since))
        if isinstance(slip, LagTransfers):
            shown = self._exchange.now - slip.by
            return tuple(replace(one, transfer_id=None) for one in seen if one.at <= shown)
        return tuple(seen)

    async def fetch_order(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        """Return one order of any age, None when there is none."""
        slip = self._reach("fetch_order")
        found = next(self._exchange.floor.orders_named(symbol, client_order_id), None)
        if found is None or (isinstance(slip, HideOrders) and slip.hides(found.type)):
            return None
        return to_order(found)

    async def fetch_fills(self, since: datetime) -> tuple[Fill, ...]:
        """Return the account's trades at or after ``since``."""
        slip = self._reach("fetch_fills")
        trades = self._exchange.floor.trades
        first = bisect_left(trades, since, key=lambda trade: trade.at)
        last = len(trades)
        if isinstance(slip, ForgetTrades):
            first = max(first, bisect_left(trades, self._exchange.now - slip.by, key=lambda trade: trade.at))
        if isinstance(slip, LagTrades):
            last = bisect_left(trades, self._exchange.now - slip.by, key=lambda trade: trade.at)
        times = 2 if isinstance(slip, RepeatTrades) else 1
        self._fills = {trade.id: self._fills.get(trade.id) or to_fill(trade) for trade in trades[first:last]}
        return tuple(fill for fill in self._fills.values() for _ in range(times))

    async def fetch_funding(self, since: datetime) -> tuple[FundingSettled, ...]:
        """Return the account's funding at or after ``since``."""
        slip = self._reach("fetch_funding")
        payments = self._exchange.floor.funding
        first = bisect_left(payments, since, key=lambda payment: payment.at)
        listed = [payment for payment in payments[first:] if not _is_omitted(payment, slip)]
        return tuple(to_funding(payment, self._exchange.now) for payment in listed)


def _tell_fault(kind: str, call: str) -> None:
    log.info("The venue does what is rehearsed", code="fault_rehearsed", fault=str(kind), call=call)


def _is_omitted(payment: FundingPayment, slip: Effect | None) -> bool:
    if not isinstance(slip, OmitFunding):
        return False
    return payment.id % 2 == 0 if slip.settled is None else payment.at in slip.settled


def _ahead(slip: Effect | None) -> timedelta:
    return slip.by if isinstance(slip, ShiftTime) else timedelta(0)
