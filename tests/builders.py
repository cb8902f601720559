"""Values for tests, with everything that does not matter filled in."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bot.domain.books import Books, Leg
from bot.domain.ids import Asset, ClientOrderId, Currency, CycleId, Symbol, TradeId, VenueId
from bot.domain.instruments import ContractKind, Instrument, MarginTier
from bot.domain.market import CurrencyRate, FundingRate, PriceHistory, Quote
from bot.domain.orders import Fill, Order, OrderIntent, OrderState, OrderType, Purpose, Side
from bot.domain.policy import BandPolicy, Destination, Policy
from bot.domain.portfolio import (
    AccountState,
    ExternalHolding,
    FuturesPosition,
    MarginAccount,
    WalletBalance,
    WalletKind,
)
from bot.domain.snapshot import Snapshot

NOW = datetime(2024, 6, 3, 12, tzinfo=UTC)
VENUE = VenueId("paper")
TIERS = (
    MarginTier(
        notional_cap_quote=Decimal(10**9),
        maintenance_frac=Decimal("0.005"),
        maintenance_amount_quote=Decimal(0),
        max_leverage=Decimal(50),
    ),
)


def dec(text: str | int) -> Decimal:
    """Write numbers short."""
    return Decimal(text)


def make_instrument(asset: str = "BTC", *, inverse: bool = False, **changes: Any) -> Instrument:
    """Return a perpetual: linear in coins, or inverse in contracts of 100 (BTC) or 10 dollars."""
    values: dict[str, Any] = {
        "venue": VENUE,
        "symbol": Symbol(f"{asset}/USD:{asset}" if inverse else f"{asset}/USDT:USDT"),
        "asset": Asset(asset),
        "quote": Currency("USD" if inverse else "USDT"),
        "settle": Currency(asset if inverse else "USDT"),
        "kind": ContractKind.INVERSE if inverse else ContractKind.LINEAR,
        "contract_size": dec(100 if asset == "BTC" else 10) if inverse else dec(1),
        "tick_size": dec("0.01"),
        "lot_size": dec(1) if inverse else dec("0.0001"),
        "min_contracts": dec(1) if inverse else dec("0.0001"),
        "min_notional_quote": dec(5),
        "maker_fee_frac": dec("0.0002"),
        "taker_fee_frac": dec("0.0005"),
        "margin_tiers": TIERS,
    }
    return Instrument(**{**values, **changes})


def make_quote(instrument: Instrument, index: str | int | Decimal, **changes: Any) -> Quote:
    """Return a quote around an index price, mark and last equal to it."""
    index = Decimal(index)
    mark = Decimal(changes.pop("mark_price", index))
    values: dict[str, Any] = {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "bid_price": mark,
        "ask_price": mark,
        "mark_price": mark,
        "index_price": index,
        "last_price": mark,
        "bid_contracts": dec(1000),
        "ask_contracts": dec(1000),
        "as_of": NOW,
    }
    return Quote(**{**values, **changes})


def make_balance(currency: str, amount: str | int | Decimal, **changes: Any) -> WalletBalance:
    """Return a balance in the spot wallet."""
    values: dict[str, Any] = {
        "venue": VENUE,
        "wallet": WalletKind.SPOT,
        "currency": Currency(currency),
        "balance": Decimal(amount),
    }
    return WalletBalance(**{**values, **changes})


def make_position(
    instrument: Instrument, contracts: str | int | Decimal, entry: str | int | Decimal, **changes: Any
) -> FuturesPosition:
    """Return an open position without a liquidation price of the venue's."""
    values: dict[str, Any] = {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "contracts": Decimal(contracts),
        "entry_price": Decimal(entry),
        "liquidation_price": None,
    }
    return FuturesPosition(**{**values, **changes})


def make_margin(
    currency: str = "USDT", balance: str | int | Decimal = 100_000, maintenance: str | int | Decimal = 0
) -> MarginAccount:
    """Return a futures wallet's margin."""
    return MarginAccount(
        venue=VENUE,
        wallet=WalletKind.LINEAR_FUTURES if currency == "USDT" else WalletKind.INVERSE_FUTURES,
        currency=Currency(currency),
        margin_balance=Decimal(balance),
        maintenance_margin=Decimal(maintenance),
        initial_margin=dec(0),
    )


def make_account(
    balances: Iterable[WalletBalance] = (),
    positions: Iterable[FuturesPosition] = (),
    margins: Iterable[MarginAccount] | None = None,
    **changes: Any,
) -> AccountState:
    """Return a venue's account, with ample USDT margin unless told otherwise."""
    values: dict[str, Any] = {
        "venue": VENUE,
        "balances": tuple(balances),
        "positions": tuple(positions),
        "margins": (make_margin(),) if margins is None else tuple(margins),
        "open_orders": (),
        "as_of": NOW,
    }
    return AccountState(**{**values, **changes})


def make_history(asset: str = "BTC", daily_move: str = "0.02", days: int = 60, last: str = "50000") -> PriceHistory:
    """Return closes that go up and down by ``daily_move`` in turn and end at ``last``."""
    today = NOW.replace(hour=0)
    closes = [Decimal(last)]
    for back in range(1, days):
        step = 1 + Decimal(daily_move) * (1 if back % 2 else -1)
        closes.append(closes[-1] * step)
    return PriceHistory(
        asset=Asset(asset),
        days=tuple(today - timedelta(days=back) for back in range(days, 0, -1)),
        closes=tuple(reversed(closes)),
        as_of=NOW,
    )


def make_snapshot(
    account: AccountState,
    quotes: Mapping[Instrument, Quote] | Iterable[tuple[Instrument, Quote]],
    *,
    books: Books | None = None,
    external: Iterable[ExternalHolding] = (),
    histories: Iterable[PriceHistory] = (),
    rates: Mapping[str, str] | None = None,
    funding: Iterable[FundingRate] | None = None,
    at: datetime = NOW,
) -> Snapshot:
    """Return a snapshot of one venue; funding is zero unless told otherwise."""
    pairs = list(quotes.items() if isinstance(quotes, Mapping) else quotes)
    if funding is None:
        funding = [make_funding(one) for one, _ in pairs]
    instruments: dict[Leg, Instrument] = {(one.venue, one.symbol): one for one, _ in pairs}
    return Snapshot(
        at=at,
        accounts={account.venue: account},
        instruments=instruments,
        quotes={(one.venue, one.symbol): quote for one, quote in pairs},
        funding_rates={(one.venue, one.symbol): one for one in funding},
        currency_rates={
            Currency(name): CurrencyRate(currency=Currency(name), usd=Decimal(rate), as_of=at)
            for name, rate in (rates or {"USDT": "1"}).items()
        },
        histories={history.asset: history for history in histories},
        external_holdings=tuple(external),
        books=books or Books(),
    )


def make_funding(instrument: Instrument, rate: str = "0", hours: int = 8) -> FundingRate:
    """Return the forecast of a perpetual's next funding."""
    return FundingRate(
        venue=instrument.venue,
        symbol=instrument.symbol,
        rate=Decimal(rate),
        interval=timedelta(hours=hours),
        next_at=NOW + timedelta(hours=hours),
        as_of=NOW,
    )


def make_policy(targets: Mapping[str, str], **changes: Any) -> Policy:
    """Return a policy that goes to target, without the total-exposure rule, unless told otherwise."""
    values: dict[str, Any] = {
        "targets": {Asset(asset): Decimal(weight) for asset, weight in targets.items()},
        "bands": BandPolicy(destination=Destination.TARGET, total_frac=None),
    }
    return Policy(**{**values, **changes})


def make_intent(instrument: Instrument | None = None, **changes: Any) -> OrderIntent:
    """Return the intent of an IOC order that opens a hedge of one contract."""
    instrument = instrument or make_instrument()
    values: dict[str, Any] = {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "asset": instrument.asset,
        "side": Side.SELL,
        "type": OrderType.LIMIT,
        "contracts": dec(1),
        "price": dec(50_000),
        "reduce_only": False,
        "purpose": Purpose.HEDGE,
        "decision_price": dec(50_000),
        "cycle_id": CycleId("TT0A1-1"),
        "client_order_id": ClientOrderId("TT0A100000000100"),
        "intended_at": NOW,
    }
    return OrderIntent(**{**values, **changes})


def make_order(
    instrument: Instrument | None = None,
    *,
    contracts: str | int | Decimal = 1,
    state: OrderState = OrderState.INTENDED,
    **changes: Any,
) -> Order:
    """Return an order of the journal."""
    return Order(intent=make_intent(instrument, contracts=Decimal(contracts), **changes), state=state)


def make_fill(instrument: Instrument | None = None, **changes: Any) -> Fill:
    """Return a trade of the order of ``make_intent``: one contract sold at 50,000 for a fee of 25."""
    instrument = instrument or make_instrument()
    values: dict[str, Any] = {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "trade_id": TradeId("1"),
        "client_order_id": ClientOrderId("TT0A100000000100"),
        "venue_order_id": None,
        "side": Side.SELL,
        "contracts": dec(1),
        "price": dec(50_000),
        "fee_paid": dec(25),
        "fee_currency": instrument.settle,
        "is_maker": False,
        "forced": None,
        "filled_at": NOW,
    }
    return Fill(**{**values, **changes})
