"""What has the overlay lost beside the coins alone?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from bot.domain.events.fact import Fact
from bot.domain.ids import Asset, Currency
from bot.domain.policy import LossMeasure
from bot.domain.units import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayMeasured(Fact):
    """What coins with futures are worth beside the same coins without, free of what the owner moved in or out."""

    #: Coins of the owner, without what futures have brought or cost.
    holdings_base: Mapping[Asset, Decimal]
    #: Signed coins by which futures change the exposure to each.
    added_base: Mapping[Asset, Decimal]
    index_prices: Mapping[Asset, Decimal]
    #: Cash that counts as portfolio and was not brought by futures; zero with scope ``assets``.
    idle_quote: Decimal
    #: What our futures on each asset have brought, less fees, with funding; what was settled is still in.
    profits_quote: Mapping[Asset, Decimal]
    settled_quote: Decimal
    #: V.
    value_quote: Decimal
    #: Fees + slippage − funding received since the journal began, + is cost; of currencies that have a price.
    spent: Mapping[Currency, Decimal]
    #: The same in USD since the first measurement, each part at the prices of its time.
    cost_quote: Decimal
    #: Currencies of costs that have no price: not counted until they have one.
    unpriced: tuple[Currency, ...]
    #: Growth since the first measurement, 1 there: with futures, and without.
    overlay_index: Decimal
    never_index: Decimal

    @property
    def profit_quote(self) -> Decimal:
        """All that our futures have brought."""
        return sum(self.profits_quote.values(), ZERO)


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerTripped(Fact):
    """The overlay has lost more than the owner allows."""

    measure: LossMeasure
    #: Fractions of the portfolio's value; + is loss.
    loss_frac: Decimal
    limit_frac: Decimal
    why: str
