"""Which wallets carry the futures, and what is in them?

A wallet is all futures of one venue that settle in one currency, with cross margin. Amounts are in that currency,
so the collateral of a coin-settled wallet moves with its coin by itself. In a unified account coins stand for the
cash-settled futures, too, and what they count for moves with their prices.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from bot.domain.books import Leg
from bot.domain.ids import Asset, Currency, Symbol, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.portfolio import AccountState, FuturesPosition, MarginAccount, WalletKind
from bot.domain.units import ONE, ZERO

#: A wallet in the sense of this file.
WalletKey = tuple[VenueId, Currency]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One contract in a wallet: a position as it is, or as it would be."""

    instrument: Instrument
    #: Signed.
    contracts: Decimal
    mark_price: Decimal

    @property
    def notional(self) -> Decimal:
        """Unsigned worth at mark, in quote currency."""
        return self.instrument.notional_quote(self.contracts, self.mark_price)

    @property
    def notional_settle(self) -> Decimal:
        """Unsigned worth at mark, in the settlement currency."""
        return self.notional if self.instrument.is_linear else self.notional / self.mark_price

    def profit_after(self, move_frac: Decimal) -> Decimal:
        """Return what a move of the price brings, in the settlement currency."""
        amount = self.contracts * self.instrument.contract_size
        if self.instrument.is_linear:
            return amount * self.mark_price * move_frac
        return amount / self.mark_price * (ONE - ONE / (ONE + move_frac))

    def maintenance_after(self, move_frac: Decimal) -> Decimal:
        """Return the maintenance margin after a move, in the settlement currency."""
        price = self.mark_price * (ONE + move_frac)
        needed = self.instrument.maintenance_quote(self.instrument.notional_quote(self.contracts, price))
        return needed if self.instrument.is_linear else needed / price


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """A margin wallet with its contracts."""

    venue: VenueId
    kind: WalletKind
    currency: Currency
    margin_balance: Decimal
    #: As the venue reports it, with the positions that are open.
    maintenance_margin: Decimal
    holdings: tuple[Holding, ...]
    #: What the coins of a unified account count for, per asset; part of the margin balance.
    pledged: Mapping[Asset, Decimal] = field(default_factory=dict)

    @property
    def key(self) -> WalletKey:
        """Venue and currency."""
        return self.venue, self.currency

    @property
    def gross(self) -> Decimal:
        """Σ |notional| in the settlement currency."""
        return sum((one.notional_settle for one in self.holdings), ZERO)

    def with_contracts(self, changes: Mapping[Symbol, Holding]) -> "Wallet":
        """Return the wallet with contracts added; what comes to nothing is left out."""
        merged = {one.instrument.symbol: one for one in self.holdings}
        for symbol, change in changes.items():
            before = merged.get(symbol)
            total = change.contracts + (before.contracts if before is not None else ZERO)
            merged[symbol] = replace(change, contracts=total)
        return replace(self, holdings=tuple(one for one in merged.values() if one.contracts))


def wallets_of(
    account: AccountState, instruments: Mapping[Leg, Instrument], quotes: Mapping[Leg, Quote]
) -> tuple[Wallet, ...]:
    """Return the margin wallets of one venue with the positions in them, foreign ones too."""
    return tuple(
        Wallet(
            venue=account.venue,
            kind=margin.wallet,
            currency=margin.currency,
            margin_balance=margin.margin_balance,
            maintenance_margin=margin.maintenance_margin,
            holdings=tuple(_holdings_in(margin, account.positions, instruments, quotes)),
            pledged={Asset(one.currency): one.worth for one in margin.pledged},
        )
        for margin in account.margins
    )


def _holdings_in(
    margin: MarginAccount,
    positions: Sequence[FuturesPosition],
    instruments: Mapping[Leg, Instrument],
    quotes: Mapping[Leg, Quote],
) -> Iterable[Holding]:
    for position in positions:
        leg = (position.venue, position.symbol)
        instrument, quote = instruments.get(leg), quotes.get(leg)
        if instrument is not None and quote is not None and instrument.settle == margin.currency:
            yield Holding(instrument=instrument, contracts=position.contracts, mark_price=quote.mark_price)


def empty_wallet(instrument: Instrument) -> Wallet:
    """Return the wallet that a contract would settle in, with nothing in it."""
    kind = WalletKind.LINEAR_FUTURES if instrument.is_linear else WalletKind.INVERSE_FUTURES
    return _empty((instrument.venue, instrument.settle), kind)


def _empty(key: WalletKey, kind: WalletKind) -> Wallet:
    venue, currency = key
    return Wallet(venue=venue, kind=kind, currency=currency, margin_balance=ZERO, maintenance_margin=ZERO, holdings=())


def emptied_wallets(
    keys: Iterable[WalletKey], account: AccountState, instruments: Mapping[Leg, Instrument]
) -> tuple[Wallet, ...]:
    """Return those of the wallets that the venue lists no more, with nothing in them, as there is.

    None while the terms of a position are not known, which may settle in any of them.
    """
    if any((one.venue, one.symbol) not in instruments for one in account.positions):
        return ()
    in_use = {(one.venue, one.currency) for one in account.margins}
    in_use |= {(one.venue, one.settle) for one in instruments.values()}
    return tuple(
        _empty(key, WalletKind.LINEAR_FUTURES) for key in keys if key[0] == account.venue and key not in in_use
    )


def leverage(wallet: Wallet) -> Decimal | None:
    """Return gross notional ÷ margin balance; None when there is no balance to divide by."""
    return wallet.gross / wallet.margin_balance if wallet.margin_balance > 0 else None


def coins_pledged(account: AccountState, coin: Currency) -> Decimal:
    """Return how much of a coin lies in futures wallets of an account, and what is on its way there."""
    return sum(
        (
            line.balance + line.pending
            for line in account.balances
            if line.wallet is not WalletKind.SPOT and line.currency == coin
        ),
        ZERO,
    )
