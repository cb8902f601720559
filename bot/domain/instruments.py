"""What is a contract, and how do coins become contracts?

Linear contracts are sized in coins and settle in cash; inverse contracts are sized in quote currency and settle
in the coin itself. Multipliers (``1000PEPE``) are part of the contract size.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.units import ceil_to_step, floor_to_step


class ContractKind(StrEnum):
    """How a contract is sized and settled."""

    #: Sized in base coins, margined and settled in the quote currency.
    LINEAR = "linear"
    #: Sized in quote currency, margined and settled in the base coin.
    INVERSE = "inverse"


class Tenor(StrEnum):
    """How long a contract lives."""

    #: For ever, at the price of funding.
    PERPETUAL = "perpetual"
    #: Until it expires, at the price of its basis.
    DATED = "dated"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginTier:
    """One bracket of a venue's margin table."""

    #: The bracket holds notionals (quote; base coins' worth for inverse is converted at mark) up to here.
    notional_cap_quote: Decimal
    maintenance_frac: Decimal
    #: Amount subtracted so that maintenance is continuous over the brackets:
    #: maintenance = notional × maintenance_frac − maintenance_amount.
    maintenance_amount_quote: Decimal
    max_leverage: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One futures contract of one venue."""

    venue: VenueId
    symbol: Symbol
    asset: Asset
    quote: Currency
    #: What margin and profit are paid in: the quote currency (linear) or the asset (inverse).
    settle: Currency
    kind: ContractKind
    #: Base coins per contract (linear) or quote currency per contract (inverse).
    contract_size: Decimal
    tick_size: Decimal
    #: Quantity step in contracts.
    lot_size: Decimal
    min_contracts: Decimal
    max_contracts: Decimal | None = None
    min_notional_quote: Decimal
    maker_fee_frac: Decimal
    taker_fee_frac: Decimal
    #: Ascending by cap; never empty.
    margin_tiers: tuple[MarginTier, ...]
    #: None for a perpetual.
    expires_at: datetime | None = None

    @property
    def is_linear(self) -> bool:
        """True when sized in coins and settled in cash."""
        return self.kind is ContractKind.LINEAR

    @property
    def is_perpetual(self) -> bool:
        """True when the contract never expires."""
        return self.expires_at is None

    @property
    def tenor(self) -> Tenor:
        """Whether it expires."""
        return Tenor.PERPETUAL if self.expires_at is None else Tenor.DATED

    def has_expired(self, now: datetime) -> bool:
        """Return True from the moment of expiry on; always False for a perpetual."""
        return self.expires_at is not None and now >= self.expires_at

    def base_from_contracts(self, contracts: Decimal, mark_price: Decimal) -> Decimal:
        """Return the delta in coins of a signed number of contracts."""
        amount = contracts * self.contract_size
        return amount if self.is_linear else amount / mark_price

    def contracts_from_base(self, amount_base: Decimal, mark_price: Decimal) -> Decimal:
        """Return the unrounded number of contracts that carries ``amount_base`` coins."""
        amount = amount_base if self.is_linear else amount_base * mark_price
        return amount / self.contract_size

    def floor_contracts(self, contracts: Decimal) -> Decimal:
        """Round toward zero to the lot."""
        return floor_to_step(contracts, self.lot_size)

    def reducing_order(self, contracts: Decimal) -> Decimal:
        """Return what an order asks for that takes off so much: on the lot, which may have grown since.

        An order that only reduces trades no more than there is.
        """
        return ceil_to_step(contracts, self.lot_size)

    def reducing_orders(self, contracts: Decimal, at_most: int) -> tuple[Decimal, ...]:
        """Return what orders ask for that take off so much together: one, where it is not beyond the largest.

        They take off less where it would need more than ``at_most`` of them.
        """
        rest = self.reducing_order(contracts)
        largest = rest if self.max_contracts is None else self.floor_contracts(self.max_contracts)
        if rest <= largest or largest <= 0:
            return (rest,)
        whole, last = divmod(rest, largest)
        if whole >= at_most:
            return (largest,) * at_most
        return (largest,) * int(whole) + ((last,) if last else ())

    def notional_quote(self, contracts: Decimal, price: Decimal) -> Decimal:
        """Return the unsigned worth of ``contracts`` in quote currency at ``price``."""
        amount = abs(contracts) * self.contract_size
        return amount * price if self.is_linear else amount

    def tier_for(self, notional_quote: Decimal) -> MarginTier:
        """Return the bracket that a position of this notional reaches; the last one beyond the table."""
        for tier in self.margin_tiers:
            if notional_quote <= tier.notional_cap_quote:
                return tier
        return self.margin_tiers[-1]

    def maintenance_quote(self, notional_quote: Decimal) -> Decimal:
        """Return the maintenance margin of a position of this notional, in quote currency."""
        tier = self.tier_for(notional_quote)
        return notional_quote * tier.maintenance_frac - tier.maintenance_amount_quote
