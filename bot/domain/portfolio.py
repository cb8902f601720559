"""What does the owner have, and where?

Signs: long +, short −. Equity and balances may be negative (borrowing). Missing is not zero: a venue that was read
completely and lists nothing has nothing; a venue that could not be read completely has no ``AccountState``.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.orders import VenueOrder
from bot.domain.units import ZERO


class WalletKind(StrEnum):
    """What a wallet is for."""

    #: Coins and cash that carry no futures.
    SPOT = "spot"
    #: Margin of cash-settled futures.
    LINEAR_FUTURES = "linear_futures"
    #: Margin of coin-settled futures.
    INVERSE_FUTURES = "inverse_futures"
    #: Spot, cash and margin in one.
    UNIFIED = "unified"


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletBalance:
    """One currency in one wallet of one venue."""

    venue: VenueId
    wallet: WalletKind
    currency: Currency
    #: Total, not free; net of borrowing and interest; without unrealised profit.
    balance: Decimal
    #: Unrealised profit of the futures that settle in this currency from this wallet.
    unrealised: Decimal = Decimal(0)
    #: Coins in pending deposits and withdrawals, which still count as held.
    pending: Decimal = Decimal(0)

    @property
    def equity(self) -> Decimal:
        """Everything that this line is worth, in its own currency."""
        return self.balance + self.unrealised + self.pending


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturesPosition:
    """One open position, as the venue reports it."""

    venue: VenueId
    symbol: Symbol
    #: Signed: long +, short −; never zero.
    contracts: Decimal
    entry_price: Decimal
    #: The venue's own number; None when it gives none, which is an alarm and never "far away".
    liquidation_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgedCoin:
    """A coin of a unified account that counts as margin."""

    currency: Currency
    amount: Decimal
    #: In the settlement currency.
    index_price: Decimal
    #: What share of its worth the venue counts.
    counted_frac: Decimal

    @property
    def worth(self) -> Decimal:
        """What it counts for, in the settlement currency."""
        return self.amount * self.index_price * self.counted_frac


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAccount:
    """The margin of one wallet in one settlement currency, in that currency."""

    venue: VenueId
    wallet: WalletKind
    currency: Currency
    #: Wallet balance + unrealised profit + what pledged coins count for.
    margin_balance: Decimal
    maintenance_margin: Decimal
    initial_margin: Decimal
    #: The coins of a unified account; none in a wallet of cash or of one coin.
    pledged: tuple[PledgedCoin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """Everything one venue says about the account, read completely."""

    venue: VenueId
    balances: tuple[WalletBalance, ...]
    positions: tuple[FuturesPosition, ...]
    margins: tuple[MarginAccount, ...]
    #: Every order of the account that is working or resting, stops included, whoever placed it.
    open_orders: tuple[VenueOrder, ...]
    #: Wallet types that exist but could not be read.
    unreadable_wallets: tuple[str, ...] = ()
    #: False where the venue tells all of this but its stop orders: which of them rest is not known then.
    has_stops_listed: bool = True
    as_of: datetime

    def contracts_of(self, symbol: Symbol) -> Decimal:
        """Return the signed position in a contract as it is listed; zero where none is."""
        return next((one.contracts for one in self.positions if one.symbol == symbol), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalHolding:
    """Coins that the owner keeps outside the venues and declares."""

    asset: Asset
    amount_base: Decimal
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A coin that counts as another: wrapped or staked. One ``coin`` is worth ``ratio`` of ``asset``."""

    coin: Currency
    asset: Asset
    ratio: Decimal = Decimal(1)
