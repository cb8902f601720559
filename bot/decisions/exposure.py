"""What does the owner hold, net of futures, and what is it all worth?

- Holding: equity of the coin in every wallet (unrealised profit of coin-settled futures included), aliases folded in,
  plus what is declared as held elsewhere; each counted once.
- Delta: contracts × contract size (linear), ÷ mark (inverse). Collateral *with* its profit plus delta is exact: a
short
  of N dollars opened at E against C coins is worth (C + N/P − N/E)·P, and moves with P as C − N/E coins do.
- V by scope: targeted holdings + hedge profit, or targeted holdings + cash.
- Prices are in USD: an index that is quoted in a stablecoin is converted at the stablecoin's rate.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from bot.domain.books import Leg, LegLedger
from bot.domain.errors import IncompleteData
from bot.domain.events import ContractTermsNoted
from bot.domain.ids import Asset, Currency, VenueId
from bot.domain.instruments import Instrument
from bot.domain.market import Quote
from bot.domain.plan import Valuation
from bot.domain.policy import Policy, Scope
from bot.domain.portfolio import AccountState, WalletKind
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO

_USD = Currency("USD")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What one asset adds up to."""

    asset: Asset
    #: USD; the median over the venues in scope.
    index_price: Decimal
    holding_base: Decimal
    #: Signed coins of all futures that are ours.
    futures_delta_base: Decimal
    #: The part of the holding that lies in futures wallets, as collateral.
    pledged_base: Decimal = ZERO

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

    @property
    def index_prices(self) -> dict[Asset, Decimal]:
        """USD per coin."""
        return {asset: one.index_price for asset, one in self.by_asset.items()}


def measure_exposure(snapshot: Snapshot, policy: Policy) -> Exposures:
    """Measure every targeted asset and V.

    Raises:
        IncompleteData: a wallet could not be read, or a targeted asset or held cash has no price.
    """
    _refuse_unreadable(snapshot)
    rates, warnings = usd_rates(snapshot, policy)
    holdings = measure_holdings(snapshot, policy)
    deltas, pledged = _measure_deltas(snapshot, policy), measure_pledged(snapshot, policy)
    prices = _index_prices(snapshot, policy, rates)
    by_asset = {
        asset: Exposure(
            asset=asset,
            index_price=prices[asset],
            holding_base=holdings.get(asset, ZERO),
            futures_delta_base=deltas.get(asset, ZERO),
            pledged_base=pledged.get(asset, ZERO),
        )
        for asset in policy.assets
    }
    held = sum((line.holding_base * line.index_price for line in by_asset.values()), ZERO)
    profit = sum(hedge_profits(snapshot, policy, rates).values(), -snapshot.books.settled_profit_quote)
    cash = _cash_equity(snapshot, policy, rates)
    value = held + (profit if policy.scope is Scope.ASSETS else cash)
    if value <= 0:
        raise IncompleteData(f"the portfolio is worth {value:.2f} USD: there is nothing to keep weights of")
    valuation = Valuation(
        holdings_quote=held,
        hedge_profit_quote=profit,
        cash_quote=cash,
        portfolio_value_quote=value,
        ignored=tuple(sorted(coin for coin, amount in holdings.items() if amount and coin not in by_asset)),
    )
    return Exposures(by_asset=by_asset, valuation=valuation, usd_rates=rates, warnings=warnings)


def terms_of(leg: Leg, snapshot: Snapshot) -> tuple[Instrument, Quote]:
    """Return the terms and the prices of a contract that is held or was traded.

    Raises:
        IncompleteData: the venue no longer lists it, or gives no price.
    """
    instrument, quote = snapshot.instruments.get(leg), snapshot.quotes.get(leg)
    if instrument is None or quote is None:
        raise IncompleteData(f"{leg[0]} gives no terms or no price for {leg[1]}, which is held or was traded")
    return instrument, quote


def traded_terms(leg: Leg, snapshot: Snapshot) -> tuple[Instrument | ContractTermsNoted, Decimal]:
    """Return the terms of a contract that was traded, and its mark.

    One that has expired has no mark any more; nothing of it is open, so what it is multiplied by is zero. What was
    settled unseen, and is locked for that, is worth what the coin is.

    Raises:
        IncompleteData: the venue no longer lists it or gives no price, and it is still open.
    """
    noted = snapshot.books.terms.get(leg)
    if leg not in snapshot.quotes and noted is not None:
        if snapshot.books.ledgers[leg].contracts == 0:
            return noted, ONE
        price = _price_of_coin(noted.asset, snapshot)
        if leg in snapshot.books.locks and snapshot.position(*leg) is None and price is not None:
            return noted, price
    instrument, quote = terms_of(leg, snapshot)
    return instrument, quote.mark_price


def _price_of_coin(asset: Asset, snapshot: Snapshot) -> Decimal | None:
    """Return what a coin costs, by another of its contracts or on the spot market; None where neither is known."""
    indices = [quote.index_price for leg, quote in snapshot.quotes.items() if snapshot.instruments[leg].asset == asset]
    coin = snapshot.coin_prices.get(asset)
    return median(indices) if indices else None if coin is None else coin.price


def _refuse_unreadable(snapshot: Snapshot) -> None:
    for account in snapshot.accounts.values():
        if account.unreadable_wallets:
            listed = ", ".join(account.unreadable_wallets)
            raise IncompleteData(f"{account.venue}: these wallets could not be read: {listed}")


def usd_rates(snapshot: Snapshot, policy: Policy) -> tuple[dict[Currency, Decimal], tuple[str, ...]]:
    """Return what each cash currency counts for, with a sentence for each that is off its peg."""
    rates: dict[Currency, Decimal] = {_USD: ONE}
    warnings = []
    for currency, measured in snapshot.currency_rates.items():
        is_off_peg = abs(measured.usd - 1) > policy.limits.peg_tolerance_frac
        rates[currency] = measured.usd if is_off_peg else ONE
        if is_off_peg:
            warnings.append(f"{currency} trades at {measured.usd} USD, off its peg")
    return rates, tuple(warnings)


def folded(currency: Currency, policy: Policy) -> tuple[Asset, Decimal]:
    """Return the asset that a coin counts as, and how much of it one coin is."""
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
            asset, ratio = folded(line.currency, policy)
            holdings[asset] = holdings.get(asset, ZERO) + line.equity * ratio
    for external in snapshot.external_holdings:
        asset, ratio = folded(Currency(external.asset), policy)
        holdings[asset] = holdings.get(asset, ZERO) + external.amount_base * ratio
    return holdings


def coins_in(account: AccountState, policy: Policy) -> dict[Asset, Decimal]:
    """Return the coins that one account has of each targeted asset, without what open positions have made or lost."""
    coins = dict.fromkeys(policy.assets, ZERO)
    for line in account.balances:
        asset, ratio = folded(line.currency, policy)
        if asset in coins:
            coins[asset] += line.balance * ratio
    return coins


def measure_pledged(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    """Return the coins that lie in futures wallets, and those on their way there: what a liquidation would take."""
    pledged: dict[Asset, Decimal] = {}
    for account in snapshot.accounts.values():
        for line in account.balances:
            if line.wallet is WalletKind.SPOT or line.currency in policy.cash_currencies:
                continue
            asset, ratio = folded(line.currency, policy)
            pledged[asset] = pledged.get(asset, ZERO) + (line.balance + line.pending) * ratio
    return pledged


def _measure_deltas(snapshot: Snapshot, policy: Policy) -> dict[Asset, Decimal]:
    deltas: dict[Asset, Decimal] = {}
    for position in snapshot.positions():
        if position.symbol in policy.foreign_symbols:
            continue
        instrument, quote = terms_of((position.venue, position.symbol), snapshot)
        delta = instrument.base_from_contracts(position.contracts, quote.mark_price)
        deltas[instrument.asset] = deltas.get(instrument.asset, ZERO) + delta
    return deltas


def _index_prices(snapshot: Snapshot, policy: Policy, rates: Mapping[Currency, Decimal]) -> dict[Asset, Decimal]:
    """Return the median over the venues of each asset's index in USD; a venue counts once.

    Where no contract tells an index, it is the coin's own price.
    """
    seen: dict[Asset, dict[VenueId, list[Decimal]]] = {asset: {} for asset in policy.assets}
    for leg, quote in snapshot.quotes.items():
        instrument = snapshot.instruments[leg]
        rate = rates.get(instrument.quote)
        if instrument.asset in seen and rate is not None:
            by_venue = seen[instrument.asset]
            by_venue.setdefault(instrument.venue, []).append(quote.index_price * rate)
    return {
        asset: median([median(prices) for prices in by_venue.values()])
        if by_venue
        else _coin_price(asset, snapshot, rates)
        for asset, by_venue in seen.items()
    }


def _coin_price(asset: Asset, snapshot: Snapshot, rates: Mapping[Currency, Decimal]) -> Decimal:
    """Return what a coin without a contract costs in USD.

    Raises:
        IncompleteData: that is not known.
    """
    coin = snapshot.coin_prices.get(asset)
    if coin is None or coin.quote not in rates:
        raise IncompleteData(f"no venue gives an index price for {asset} that can be told in USD")
    return coin.price * rates[coin.quote]


def hedge_profits(snapshot: Snapshot, policy: Policy, rates: Mapping[Currency, Decimal]) -> dict[Asset, Decimal]:
    """Return realised + unrealised + funding − fees of our cash-settled futures per asset; what was settled is in it.

    Profit that settles in a coin, and fees paid in one, are in the holding of that coin already.
    """
    profits: dict[Asset, Decimal] = {}
    for leg, ledger in snapshot.books.ledgers.items():
        if leg[1] in policy.foreign_symbols:
            continue
        instrument, mark_price = traded_terms(leg, snapshot)
        if instrument.is_linear:
            traded = ledger.cash_contract_value + ledger.contracts * mark_price
            settled = traded * instrument.contract_size + ledger.funding
            profit = settled * _rate(instrument.settle, rates) - _cash_fees(ledger, rates)
            profits[instrument.asset] = profits.get(instrument.asset, ZERO) + profit
    return profits


def _cash_fees(ledger: LegLedger, rates: Mapping[Currency, Decimal]) -> Decimal:
    return sum((paid * rates[currency] for currency, paid in ledger.fees_paid.items() if currency in rates), ZERO)


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
