"""What is the embedded exchange set up with? One plain record; whoever builds it has checked the owner's text
already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from bot.domain.ids import Asset, Currency
from bot.exchange.rehearsal import Rehearsed


class MarketKind(StrEnum):
    """Where prices come from."""

    #: Prices do not move, except along a script or by ``Exchange.set_price``.
    STATIC = "static"
    #: Generated from a seed, without end and without files.
    MODEL = "model"
    #: Recorded bars of a market data directory.
    HISTORY = "history"


class ExtremeOrder(StrEnum):
    """Which of its two extremes a bar reaches first; the file does not say."""

    #: The one that hurts the account.
    ADVERSE_FIRST = "adverse_first"
    #: The other one: the account is at its best before the fall, and what hurts is nearer to the close.
    FAVOURABLE_FIRST = "favourable_first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """How long the venue tells of what has ended: as long as Binance USDⓈ-M does.

    Its documentation says, of ``GET /fapi/v1/order``: not found are orders that were cancelled or expired without a
    trade three days after their creation, all others after 90 days; of ``…/income``: the last three months; of
    ``…/userTrades``, too, since August 2026, and here still six; of transfers: the last six months. Here an order's
    days are counted from its end: one that has rested for long can still be asked for when it ends, but on the wire,
    where it is denied as Binance denies it.
    """

    #: Orders that ended without a trade.
    unfilled_orders: timedelta = timedelta(days=3)
    orders: timedelta = timedelta(days=90)
    #: Movements of the wallets, funding among them.
    income: timedelta = timedelta(days=90)
    trades: timedelta = timedelta(days=180)
    transfers: timedelta = timedelta(days=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeConfig:
    """The embedded exchange as the owner wants it."""

    market: MarketKind = MarketKind.MODEL
    assets: tuple[Asset, ...] = (Asset("BTC"), Asset("ETH"), Asset("SOL"))
    #: Where market time begins. None: the first bar common to all assets (history), a fixed date (static, model).
    start: datetime | None = None
    #: Where the data is taken to end. None: with its last bar, or never.
    end: datetime | None = None
    #: Index price per asset: of the static market, and where the model starts.
    prices: Mapping[Asset, Decimal] = field(
        default_factory=lambda: {
            Asset("BTC"): Decimal(50000),
            Asset("ETH"): Decimal(2500),
            Asset("SOL"): Decimal(100),
        }
    )
    #: Static market: mark and last price of the contracts where they differ from the index.
    contract_prices: Mapping[Asset, Decimal] = field(default_factory=dict)
    #: Static market: (time, price) knots per asset, linear between them; before the first, the static price.
    script: Mapping[Asset, tuple[tuple[datetime, Decimal], ...]] = field(default_factory=dict)
    #: History: the market data directory.
    data_dir: Path | None = None
    #: Model and history: how the path goes inside a bar.
    extremes: ExtremeOrder = ExtremeOrder.ADVERSE_FIRST
    #: Model: everything random follows from it.
    seed: int = 1

    #: Coins in the spot wallet. None: coins worth ``holdings_value_quote`` at ``holdings_weights`` and the first price.
    holdings: Mapping[Asset, Decimal] | None = None
    holdings_value_quote: Decimal = Decimal(10000)
    #: Weight per asset; what is missing to 1 is not bought.
    holdings_weights: Mapping[Asset, Decimal] = field(
        default_factory=lambda: {
            Asset("BTC"): Decimal("0.5"),
            Asset("ETH"): Decimal("0.3"),
            Asset("SOL"): Decimal("0.2"),
        }
    )
    #: Deposited in the futures wallet of each currency; a coin goes to the wallet of inverse contracts.
    collateral: Mapping[Currency, Decimal] = field(default_factory=lambda: {Currency("USDT"): Decimal(6000)})
    #: Deposited in the spot wallet besides the holdings.
    spare: Mapping[Currency, Decimal] = field(default_factory=lambda: {Currency("USDT"): Decimal(4000)})
    #: One account of spot, cash and margin: what share of each coin's worth counts as margin. Empty: separate wallets.
    #: It has cash-settled contracts only, and lends cash by itself.
    unified: Mapping[Asset, Decimal] = field(default_factory=dict)
    #: What one unit of a cash currency is worth in USD; absent means 1.
    currency_rates: Mapping[Currency, Decimal] = field(default_factory=dict)

    maker_fee_frac: Decimal = Decimal("0.0002")
    taker_fee_frac: Decimal = Decimal("0.0005")
    liquidation_fee_frac: Decimal = Decimal("0.0125")
    #: The whole spread, not the half.
    spread_bps: Decimal = Decimal(2)
    #: Quote currency on offer at the touch; each level further out offers that much more than the one before.
    depth_quote: Decimal = Decimal(100000)
    #: Distance between levels.
    level_step_bps: Decimal = Decimal(1)
    #: How long the book takes to fill up again after it was taken from.
    book_recovery: timedelta = timedelta(seconds=30)
    #: Initial margin is notional ÷ this, or ÷ the most that the tier allows.
    leverage: Decimal = Decimal(20)
    max_open_orders: int = 200
    #: None: the venue forgets nothing, for whoever judges afterwards what has happened.
    remembered: Remembered | None = None
    #: How long a transfer between wallets is on its way.
    transfer_delay: timedelta = timedelta(0)
    #: Static market: rate per settlement. The other markets make their own.
    funding_rate: Decimal = Decimal(0)
    #: Static market and model.
    funding_interval: timedelta = timedelta(hours=8)
    #: Static market: (time, interval, rate) per asset; holds for the settlements after that time.
    funding_schedule: Mapping[Asset, tuple[tuple[datetime, timedelta, Decimal], ...]] = field(default_factory=dict)

    #: Contracts with an expiry: futures over index, a fraction a year, decaying to zero. None: there are none.
    dated_basis_annual: Decimal | None = None
    #: (time, annual basis) knots in the order of time, linear between them, two at one time are a jump; before the
    #: first, ``dated_basis_annual``, without which they mean nothing.
    dated_basis_curve: tuple[tuple[datetime, Decimal], ...] = ()
    #: Of the notional at settlement.
    delivery_fee_frac: Decimal = Decimal("0.00015")
    #: The whole spread of the calendar spread book, of the index.
    #: None: there are no such books.
    spread_book_bps: Decimal | None = Decimal(1)

    #: What goes wrong by chance.
    rehearsed: tuple[Rehearsed, ...] = ()
    fault_seed: int = 1
