"""What happened at each look? One row when its orders are done, from the exchange's truth and not from the
bot's belief."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bot.backtest.ledgers import Drawdown, NeverLedger, SpotLedger
from bot.domain.ids import Asset, Currency
from bot.domain.plan import Decision, RiskView, Rule
from bot.domain.policy import Policy
from bot.domain.units import ZERO
from bot.exchange.exchange import Exchange

#: A row counts as in band when the weight is within the band and half a point.
IN_BAND_SLACK = Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRow:
    """One asset after one look."""

    index_price: Decimal
    mark_price: Decimal
    holding_base: Decimal
    delta_base: Decimal
    weight: Decimal
    target_weight: Decimal
    band: Decimal

    @property
    def gap(self) -> Decimal:
        """Weight − target."""
        return self.weight - self.target_weight

    @property
    def is_in_band(self) -> bool:
        """True within the band and the slack."""
        return abs(self.gap) <= self.band + IN_BAND_SLACK


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityRow:
    """The account after one look."""

    time: datetime
    #: Scope ``assets``: coins and what the hedge has brought; idle cash apart.
    portfolio_value_quote: Decimal
    #: All cash, unrealised profit included.
    cash_quote: Decimal
    margin_usage_frac: Decimal
    capacity_short_quote: Decimal
    assets: Mapping[Asset, AssetRow]


@dataclass(slots=True)
class RiskRecord:
    """What the looks said of risk, added up."""

    looks: int = 0
    sigma: Decimal = ZERO
    sigma_target: Decimal = ZERO
    effective_bets: Decimal = ZERO
    fewest_bets: Decimal | None = None
    shares: dict[Asset, Decimal] = field(default_factory=dict)
    newest: RiskView | None = None

    def see(self, view: RiskView | None) -> None:
        """Count a look whose risk is known in full."""
        if view is None:
            return
        bets, shares = view.effective_bets_actual, view.shares_actual
        if view.sigma_annual is None or view.sigma_target_annual is None or bets is None or shares is None:
            return
        self.looks += 1
        self.newest = view
        self.sigma += view.sigma_annual
        self.sigma_target += view.sigma_target_annual
        self.effective_bets += bets
        self.fewest_bets = bets if self.fewest_bets is None else min(bets, self.fewest_bets)
        for asset, share in shares.items():
            self.shares[asset] = self.shares.get(asset, ZERO) + share


class Recorder:
    """Keeps the rows, and runs the two other ledgers along."""

    def __init__(self, exchange: Exchange, policy: Policy) -> None:
        self._exchange = exchange
        self._policy = policy
        self.rows: list[EquityRow] = []
        self.rebalances = 0
        #: What looks held back, by the rule.
        self.refusals: Counter[Rule] = Counter()
        self._holdings = {asset: self._held(asset) for asset in policy.assets}
        self._cash_at_start = exchange.cash_equity()
        self._never = NeverLedger(self._holdings, self._cash_at_start)
        half_spread = exchange.config.spread_bps / 2 / 10_000
        self._spot = SpotLedger(self._holdings, self._cash_at_start, policy, half_spread)
        self.drawdowns = {"overlay": Drawdown(), "never": Drawdown(), "spot_rebalance": Drawdown()}
        self.final_values = {"overlay": ZERO, "never": ZERO, "spot_rebalance": ZERO}
        self.risk = RiskRecord()
        #: Collateral that would have carried every look's whole plan.
        self.collateral_peak_quote = ZERO
        self._collateral = sum(
            (amount for name, amount in exchange.config.collateral.items() if name in policy.cash_currencies),
            ZERO,
        )

    def _held(self, asset: Asset) -> Decimal:
        """Return the coins in every wallet, unrealised profit of coin-settled contracts included."""
        floor = self._exchange.floor
        held = sum((amount for (_, name), amount in floor.accounts.wallets.items() if name == Currency(asset)), ZERO)
        for symbol in floor.accounts.positions:
            contract = floor.contracts[symbol]
            if contract.settle == Currency(asset):
                held += floor.accounts.unrealised(contract, floor.mark_of(contract))
        return held

    def _delta(self, asset: Asset) -> Decimal:
        floor = self._exchange.floor
        delta = ZERO
        for symbol, position in floor.accounts.positions.items():
            contract = floor.contracts[symbol]
            if contract.asset == asset:
                amount = position.contracts * contract.size
                delta += amount if contract.is_linear else amount / floor.mark_of(contract)
        return delta

    def see(self, decision: Decision, now: datetime) -> None:
        """Take one row; called when the orders of a look are done."""
        cash = self._exchange.cash_equity()
        prices = {asset: self._exchange.floor.index_of(asset) for asset in self._policy.assets}
        held = {asset: self._held(asset) for asset in prices}
        coins = sum((held[asset] * price for asset, price in prices.items()), ZERO)
        value = coins + cash - self._cash_at_start
        rows = {
            line.asset: self._asset_row(line.asset, prices[line.asset], held[line.asset], value, line.band)
            for line in decision.lines
            if line.asset in prices
        }
        self.rows.append(
            EquityRow(
                time=now,
                portfolio_value_quote=value,
                cash_quote=cash,
                margin_usage_frac=self._margin_usage(),
                capacity_short_quote=decision.capacity_short_quote,
                assets=rows,
            )
        )
        self.rebalances += bool(decision.legs)
        self.refusals.update(refusal.rule for refusal in decision.refusals)
        self._need_collateral(decision)
        self.risk.see(decision.risk)
        self._spot.look(prices)
        self._compare(
            {
                "overlay": coins + cash,
                "never": self._never.value(prices),
                "spot_rebalance": self._spot.value(prices),
            }
        )

    def _asset_row(self, asset: Asset, price: Decimal, held: Decimal, value: Decimal, band: Decimal) -> AssetRow:
        delta = self._delta(asset)
        return AssetRow(
            index_price=price,
            mark_price=self._exchange.floor.perpetual_mark_of(asset),
            holding_base=held,
            delta_base=delta,
            weight=(held + delta) * price / value,
            target_weight=self._policy.targets[asset],
            band=band,
        )

    def _margin_usage(self) -> Decimal:
        """Return the highest maintenance ÷ balance of the futures wallets; 1 where a wallet is empty."""
        return max(
            (
                one.maintenance / one.margin_balance if one.margin_balance > 0 else Decimal(1)
                for one in self._exchange.margins()
                if one.maintenance > 0
            ),
            default=ZERO,
        )

    def _need_collateral(self, decision: Decision) -> None:
        for line in decision.margins:
            if line.currency in self._policy.cash_currencies:
                self.collateral_peak_quote = max(self.collateral_peak_quote, self._collateral - line.stress_surplus)

    def _compare(self, values: dict[str, Decimal]) -> None:
        self.final_values = values
        for name, value in values.items():
            self.drawdowns[name].see(value)
