"""What does the owner hold, net of futures, and what is it all worth?

- Holding: equity of the coin in every wallet (unrealised profit of coin-settled futures included), aliases folded in, plus
  what is declared as held elsewhere; each counted once.
- Delta: contracts × contract size (linear), ÷ mark (inverse). Collateral *with* its profit plus delta is exact: a short of N
  dollars opened at E against C coins is worth (C + N/P − N/E)·P, and moves with P as C − N/E coins do.
- V by scope: targeted holdings + hedge profit, or targeted holdings + cash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from bot.domain.errors import IncompleteData
from bot.domain.ids import Asset, Currency
from bot.domain.plan import Valuation
from bot.domain.policy import Policy, Scope
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What one asset adds up to."""

    asset: Asset
    #: USD; the median over the venues in scope.
    index_price: Decimal
    holding_base: Decimal
    #: Signed coins of all futures that are ours.
    futures_delta_base: Decimal

    @property
    def exposure_quote(self) -> Decimal:
        """Net exposure in USD, signed."""
        return (self.holding_base + self.futures_delta_base) * self.index_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures:
    """All assets and their worth."""

    by_asset: Mapping[Asset, Exposure]
    valuation: Valuation
    #: USD per unit of each cash currency.
    usd_rates: Mapping[Currency, Decimal]
    warnings: tuple[str, ...]


def measure_exposure(snapshot: Snapshot, policy: Policy) -> Exposures:
    """Measure every targeted asset and V.

    Raises:
        IncompleteData: a wallet could not be read, or a targeted asset or held cash has no price.
    """
    _refuse_unreadable(snapshot)
    rates, warnings = usd_rates(snapshot, policy)
    holdings = measure_holdings(snapshot, policy)
    deltas = _measure_deltas(snapshot, policy)
    by_asset = {
        asset: Exposure(
            asset=asset,
            index_price=_index_price(asset, snapshot),
            holding_base=holdings.get(asset, ZERO),
            futures_delta_base=deltas.get(asset, ZERO),
        )
        for asset in policy.assets
    }
    held = sum((line.holding_base * line.index_price for line in by_asset.values()), ZERO)
    profit = _hedge_profit(snapshot, policy, rates)
    cash = _cash_equity(snapshot, policy, rates)
    value = held + (profit if policy.scope is Scope.ASSETS else cash)
    if value <= 0:
        raise IncompleteData(f"the portfolio is worth {value:.2f} USD: there is nothing to keep weights of")
    valuation = Valuation(
        holdings_quote=held,
        hedge_profit_quote=profit,
        cash_quote=cash,
        portfolio_value_quote=value,
        ignored=_ignored(snapshot, policy),
    )
    return Exposures(by_asset=by_asset, valuation=valuation, usd_rates=rates, warnings=warnings)


def _refuse_unreadable(snapshot: Snapshot) -> None:
    for account in snapshot.accounts.values():
        if account.unreadable_wallets:
            listed = ", ".join(account.unreadable_wallets)
            raise IncompleteData(f"{account.venue}: these wallets could not be read: {listed}")


def usd_rates(snapshot: Snapshot, policy: Policy) -> tuple[dict[Currency, Decimal], tuple[str, ...]]:
    """Return what each cash currency counts for, with a sentence for each that is off its peg."""
    rates: dict[Currency, Decimal] = {Currency("USD"): ONE}
    warnings = []
    for currency, measured in snapshot.currency_rates.items():
        off = abs(measured.usd - 1)
        if off <= policy.limits.peg_tolerance_frac:
            rates[currency] = ONE
        else:
            rates[currency] = measured.usd
            warnings.append(f"{currency} trades at {measured.usd} USD, off its peg")
    return rates, tuple(warnings)


def _coin_of(currency: Currency, policy: Policy) -> tuple[Asset, Decimal]:
    for alias in policy.aliases:
        if alias.coin == currency:
            return alias.asset, alias.ratio
    return Asset(currency), ONE


def measure_holdings(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    """Return the coins of every asset, targeted or not, wherever they are; cash currencies left out."""
    holdings: dict[Asset, Decimal] = {}
    for account in snapshot.accounts.values():
        for line in account.balances:
            if line.currency in policy.cash_currencies:
                continue
            asset, ratio = _coin_of(line.currency, policy)
            holdings[asset] = holdings.get(asset, ZERO) + line.equity * ratio
    for external in snapshot.external_holdings:
        asset, ratio = _coin_of(Currency(external.asset), policy)
        holdings[asset] = holdings.get(asset, ZERO) + external.amount_base * ratio
    return holdings


def _measure_deltas(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    deltas: dict[Asset, Decimal] = {}
    for position in snapshot.positions():
        if position.symbol in policy.foreign_symbols:
            continue
        leg = (position.venue, position.symbol)
        instrument, quote = snapshot.instruments[leg], snapshot.quotes[leg]
        delta = instrument.base_from_contracts(position.contracts, quote.mark_price)
        deltas[instrument.asset] = deltas.get(instrument.asset, ZERO) + delta
    return deltas


def _index_price(asset: Asset, snapshot: Snapshot) -> Decimal:
    by_venue = {
        venue: quote.index_price
        for (venue, symbol), quote in snapshot.quotes.items()
        if snapshot.instruments[venue, symbol].asset == asset
    }
    if not by_venue:
        raise IncompleteData(f"no venue gives an index price for {asset}")
    return median(by_venue.values())


def _hedge_profit(snapshot: Snapshot, policy: Policy, rates: Mapping[Currency, Decimal]) -> Decimal:
    """Return realised + unrealised + funding − fees of our cash-settled futures, less what was settled."""
    profit = -snapshot.books.settled_profit_quote
    for leg, ledger in snapshot.books.ledgers.items():
        instrument = snapshot.instruments.get(leg)
        if instrument is None:
            raise IncompleteData(f"{leg[0]} no longer lists {leg[1]}, which has been traded")
        if not instrument.is_linear or instrument.symbol in policy.foreign_symbols:
            continue
        mark = snapshot.quotes[leg].mark_price
        traded = (ledger.cash_contract_value + ledger.contracts * mark) * instrument.contract_size
        fees = ledger.fees_paid.get(instrument.settle, ZERO)
        profit += (traded + ledger.funding - fees) * _rate(instrument.settle, rates)
    return profit


def _rate(currency: Currency, rates: Mapping[Currency, Decimal]) -> Decimal:
    try:
        return rates[currency]
    except KeyError:
        raise IncompleteData(f"no rate for {currency}, which is held or settled in") from None


def _cash_equity(snapshot: Snapshot, policy: Policy, rates: Mapping[Currency, Decimal]) -> Decimal:
    return sum(
        (
            line.equity * _rate(line.currency, rates)
            for account in snapshot.accounts.values()
            for line in account.balances
            if line.currency in policy.cash_currencies and line.equity != 0
        ),
        ZERO,
    )


def _ignored(snapshot: Snapshot, policy: Policy) -> tuple[str, ...]:
    holdings = measure_holdings(snapshot, policy)
    return tuple(sorted(coin for coin, held in holdings.items() if held != 0 and coin not in policy.targets))
