"""What would the owner have without the bot? Two other ledgers that begin with the same coins and the same idle cash.

``never`` does nothing. ``spot_rebalance`` buys and sells the coins themselves at the same looks, with the same
bands and
destination; what it sells for and pays with stays inside V, as the profit of a hedge does.
"""

from collections.abc import Mapping
from decimal import Decimal

from bot.decisions.drift import measure_drift
from bot.decisions.exposure import Exposure, Exposures
from bot.decisions.plan import needs_quote, wanted_gaps
from bot.domain.ids import Asset
from bot.domain.plan import Valuation
from bot.domain.policy import Policy
from bot.domain.units import ZERO

#: What a spot trade costs besides the spread: a venue's ordinary fee.
SPOT_FEE_FRAC = Decimal("0.001")


class NeverLedger:
    """Coins and cash, left alone."""

    def __init__(self, holdings: Mapping[Asset, Decimal], cash_quote: Decimal) -> None:
        self._holdings = dict(holdings)
        self._cash = cash_quote

    def value(self, prices: Mapping[Asset, Decimal]) -> Decimal:
        """Return coins and cash in USD."""
        return self._cash + sum((held * prices[asset] for asset, held in self._holdings.items()), ZERO)


class SpotLedger:
    """Coins that are traded themselves."""

    def __init__(
        self,
        holdings: Mapping[Asset, Decimal],
        cash_quote: Decimal,
        policy: Policy,
        half_spread_frac: Decimal,
    ) -> None:
        self._holdings = dict(holdings)
        self._idle_cash = cash_quote
        self._traded_cash = ZERO
        self._policy = policy
        self._cost_frac = SPOT_FEE_FRAC + half_spread_frac

    def look(self, prices: Mapping[Asset, Decimal]) -> None:
        """Rebalance as the bot would, at index ± half spread and the fee."""
        exposures = self._exposures(prices)
        value = exposures.valuation.portfolio_value_quote
        if value <= 0:
            return
        # Spot arrives at once, so no correction is ever on its way.
        drifts = measure_drift(exposures, self._policy, corrections={}, lots_quote=dict.fromkeys(prices, ZERO))
        for asset, need in needs_quote(drifts, wanted_gaps(drifts, self._policy.bands), value).items():
            if need:
                self._holdings[asset] += need / prices[asset]
                self._traded_cash -= need + abs(need) * self._cost_frac

    def _exposures(self, prices: Mapping[Asset, Decimal]) -> Exposures:
        by_asset = {
            asset: Exposure(asset=asset, index_price=prices[asset], holding_base=held, futures_delta_base=ZERO)
            for asset, held in self._holdings.items()
        }
        held = sum((one.exposure_quote for one in by_asset.values()), ZERO)
        valuation = Valuation(
            holdings_quote=held,
            hedge_profit_quote=self._traded_cash,
            cash_quote=self._idle_cash,
            portfolio_value_quote=held + self._traded_cash,
        )
        return Exposures(by_asset=by_asset, valuation=valuation, usd_rates={}, warnings=())

    def value(self, prices: Mapping[Asset, Decimal]) -> Decimal:
        """Return coins and cash in USD."""
        held = sum((held * prices[asset] for asset, held in self._holdings.items()), ZERO)
        return self._idle_cash + self._traded_cash + held


class Drawdown:
    """The deepest fall of a value from its best, as a fraction."""

    def __init__(self) -> None:
        self._best = ZERO
        self.deepest_frac = ZERO

    def see(self, value: Decimal) -> None:
        """Take the next value."""
        self._best = max(self._best, value)
        if self._best > 0:
            self.deepest_frac = max(self.deepest_frac, 1 - value / self._best)
