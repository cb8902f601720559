"""What does the exchange keep for ever? Trades, movements of wallets, funding, liquidations: written once."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import ClientOrderId, Currency, Symbol
from bot.domain.orders import Purpose, Side
from bot.domain.portfolio import WalletKind


class MovementKind(StrEnum):
    """Why a wallet changed."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"
    #: Profit of contracts that were closed.
    REALISED = "realised"
    FEE = "fee"
    LIQUIDATION_FEE = "liquidation_fee"
    FUNDING = "funding"
    #: The venue pays what a bankrupt wallet cannot.
    INSURANCE = "insurance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One change of one wallet. The wallet is the sum of its movements, exactly."""

    id: int
    at: datetime
    wallet: WalletKind
    currency: Currency
    #: + when received.
    amount: Decimal
    kind: MovementKind
    symbol: Symbol | None = None
    trade_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One trade of the account."""

    id: int
    at: datetime
    symbol: Symbol
    #: None for trades of the venue.
    order_id: int | None
    client_order_id: ClientOrderId | None
    side: Side
    contracts: Decimal
    price: Decimal
    #: In the settlement currency, as is ``realised``.
    fee_paid: Decimal
    realised: Decimal
    currency: Currency
    is_maker: bool
    forced: Purpose | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingPayment:
    """One funding settlement of one position."""

    #: Number of the movement.
    id: int
    at: datetime
    symbol: Symbol
    currency: Currency
    rate: Decimal
    mark_price: Decimal
    #: Signed, long +.
    notional_quote: Decimal
    #: + when received, in ``currency``.
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidation:
    """A wallet that could not keep its maintenance margin."""

    id: int
    at: datetime
    wallet: WalletKind
    currency: Currency
    margin_balance: Decimal
    maintenance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginSummary:
    """The margin of one wallet, in its currency."""

    wallet: WalletKind
    currency: Currency
    balance: Decimal
    unrealised: Decimal
    #: What the coins of a unified account count for.
    collateral: Decimal
    maintenance: Decimal
    initial: Decimal

    @property
    def margin_balance(self) -> Decimal:
        """Balance with unrealised profit, and with what coins count for."""
        return self.balance + self.unrealised + self.collateral


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTop:
    """What anyone can see of a contract."""

    symbol: Symbol
    bid_price: Decimal
    ask_price: Decimal
    bid_contracts: Decimal
    ask_contracts: Decimal
    mark_price: Decimal
    index_price: Decimal
    last_price: Decimal
    as_of: datetime
