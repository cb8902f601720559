"""Has the overlay lost more than the owner allows?

Never on the profit of futures alone: a short loses exactly when the coins beside it gain. Two growth indices, both
free of what the owner moved in or out, are compared: coins with futures, and the same coins without. From a point of
comparison a loss counts only as far as the owner is poorer both than the coins alone would have made them *and* than
they were: a short that loses what the coins have gained leaves them where they were, and says nothing; within a day
that holds for each coin by itself. Besides, what is lost for certain is counted: fees, slippage, whipsaw, net funding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.decisions.exposure import Exposures, folded, hedge_profits, measure_exposure, traded_terms
from bot.decisions.flows import owned_holdings
from bot.domain.events import BreakerTripped, OverlayMeasured
from bot.domain.ids import Asset, Currency
from bot.domain.overlay import OverlayPoint, OverlayRecord
from bot.domain.policy import BreakerPolicy, LossMeasure, Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO

#: Coins are told apart to here: what a division leaves beyond it is no change of a position.
_COIN_DIGITS = 12

_SENTENCES = {
    LossMeasure.DAY: "beside the coins alone within a day",
    LossMeasure.DRAWDOWN: "from its best against the coins alone",
    LossMeasure.COST: "in fees, slippage, whipsaw and funding within 30 days",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LossReading:
    """How much has been lost by one measure, and how much may be."""

    measure: LossMeasure
    #: Fractions of the portfolio's value; + is loss. A cost is negative when carry has paid more.
    loss_frac: Decimal
    limit_frac: Decimal


# --- measuring ---------------------------------------------------------------------------------


def measure_overlay(snapshot: Snapshot, policy: Policy, now: datetime) -> OverlayMeasured | None:
    """Return what the overlay is worth; None where there is nothing that it could be measured against.

    Raises:
        IncompleteData: a holding, a price or a rate is missing.
    """
    exposures, before = measure_exposure(snapshot, policy), snapshot.books.overlay.last
    prices, valuation = exposures.index_prices, exposures.valuation
    owned, settled = owned_holdings(snapshot, policy), snapshot.books.settled_profit_quote
    alone = _worth(owned, prices)
    profits = hedge_profits(snapshot, policy, exposures.usd_rates)
    for asset, one in exposures.by_asset.items():
        profits[asset] = profits.get(asset, ZERO) + (one.holding_base - owned[asset]) * one.index_price
    profit = sum(profits.values(), ZERO)
    idle = valuation.portfolio_value_quote - alone - profit + settled
    if alone + idle <= 0:
        return None
    overlay_index, never_index = _growth(before, prices, profit)
    spent, cost, unpriced = _cost(before, _spent(snapshot, policy), _usd_prices(exposures, policy))
    return OverlayMeasured(
        at=now,
        holdings_base=owned,
        added_base={
            asset: round(one.holding_base + one.futures_delta_base - owned[asset], _COIN_DIGITS)
            for asset, one in exposures.by_asset.items()
        },
        index_prices=prices,
        idle_quote=idle,
        profits_quote=profits,
        settled_quote=settled,
        value_quote=valuation.portfolio_value_quote,
        spent=spent,
        cost_quote=cost,
        unpriced=unpriced,
        overlay_index=overlay_index,
        never_index=never_index,
    )


def _worth(holdings: Mapping[Asset, Decimal], prices: Mapping[Asset, Decimal]) -> Decimal:
    return sum((held * prices[asset] for asset, held in holdings.items()), ZERO)


def _growth(
    before: OverlayMeasured | None, prices: Mapping[Asset, Decimal], profit: Decimal
) -> tuple[Decimal, Decimal]:
    """Return both indices: what was held before, at today's prices, with what futures brought meanwhile.

    What came or went since then is in neither: it begins to count from here. So does a changed list of targets.
    """
    if before is None:
        return ONE, ONE
    held = {asset: amount for asset, amount in before.holdings_base.items() if asset in prices}
    then = before.idle_quote + _worth(held, before.index_prices)
    today = before.idle_quote + _worth(held, prices)
    brought_then, brought_today = before.profit_quote - before.settled_quote, profit - before.settled_quote
    if min(then, today, then + brought_then, today + brought_today) <= 0:
        return before.overlay_index, before.never_index
    grown = (today + brought_today) / (then + brought_then)
    return before.overlay_index * grown, before.never_index * today / then


def _spent(snapshot: Snapshot, policy: Policy) -> dict[Currency, Decimal]:
    """Return fees + slippage − funding received of all our contracts since the journal began, per currency."""
    spent: dict[Currency, Decimal] = {}
    for leg, ledger in snapshot.books.ledgers.items():
        if leg[1] in policy.foreign_symbols:
            continue
        terms, _ = traded_terms(leg, snapshot)
        slipped = ledger.slippage_contract_value if terms.is_linear else ledger.inverse_slippage_contracts
        for currency, amount in (
            (terms.quote, slipped * terms.contract_size),
            (terms.settle, -ledger.funding),
            *ledger.fees_paid.items(),
        ):
            spent[currency] = spent.get(currency, ZERO) + amount
    return spent


def _usd_prices(exposures: Exposures, policy: Policy) -> dict[Currency, Decimal]:
    """Return USD per unit of what costs can be counted in: cash, targeted coins and what counts as one."""
    coins = {Currency(asset): price for asset, price in exposures.index_prices.items()}
    for alias in policy.aliases:
        asset, ratio = folded(alias.coin, policy)
        if asset in exposures.by_asset:
            coins[alias.coin] = exposures.by_asset[asset].index_price * ratio
    return {**coins, **exposures.usd_rates}


def _cost(
    before: OverlayMeasured | None, spent: Mapping[Currency, Decimal], prices: Mapping[Currency, Decimal]
) -> tuple[dict[Currency, Decimal], Decimal, tuple[Currency, ...]]:
    """Return what is counted per currency, what it has cost in USD so far, and what has no price.

    Only what is new is turned into USD: what was paid earlier does not become dearer with the coin it was paid in.
    """
    unpriced = tuple(sorted(currency for currency, amount in spent.items() if amount and currency not in prices))
    known = {currency: amount for currency, amount in spent.items() if currency in prices}
    if before is None:
        return known, ZERO, unpriced
    cost = before.cost_quote
    for currency, amount in known.items():
        cost += (amount - before.spent.get(currency, ZERO)) * prices[currency]
    return {**before.spent, **known}, cost, unpriced


# --- judging -----------------------------------------------------------------------------------


def judge_overlay(record: OverlayRecord, policy: BreakerPolicy, now: datetime) -> BreakerTripped | None:
    """Return why the breaker trips; None while it does not, or when it has already."""
    if record.tripped is not None:
        return None
    for one in read_losses(record, policy):
        if one.loss_frac > one.limit_frac:
            lost, allowed = f"{one.loss_frac:.1%} of the portfolio", f"{one.limit_frac:.1%}"
            why = f"the overlay has lost {lost} {_SENTENCES[one.measure]}, where {allowed} are allowed"
            return BreakerTripped(
                at=now, measure=one.measure, loss_frac=one.loss_frac, limit_frac=one.limit_frac, why=why
            )
    return None


def read_losses(record: OverlayRecord, policy: BreakerPolicy) -> tuple[LossReading, ...]:
    """Return what was lost by each measure; nothing before the first measurement."""
    if record.last is None or record.best is None or record.cost is None:
        return ()
    newest = record.points[-1]
    losses = {
        LossMeasure.DAY: _largest_day_loss_frac(record.points, newest),
        LossMeasure.DRAWDOWN: loss_frac(record.best, newest),
        LossMeasure.COST: record.cost.since(record.costs[0]) / record.last.value_quote,
    }
    return tuple(
        LossReading(measure=measure, loss_frac=loss, limit_frac=policy.limit(measure))
        for measure, loss in losses.items()
    )


def _largest_day_loss_frac(points: Sequence[OverlayPoint], now: OverlayPoint) -> Decimal:
    largest = ZERO
    for since in points:
        # What the coins of each asset have covered can only make it less.
        if loss_frac(since, now) > largest:
            largest = max(largest, day_loss_frac(since, now))
    return largest


def loss_frac(since: OverlayPoint, now: OverlayPoint) -> Decimal:
    """Return the loss between two points as a fraction: the lesser of beside the coins alone and at all."""
    if now.overlay >= since.overlay or now.relative >= since.relative:
        return ZERO
    return min(ONE - now.overlay / since.overlay, ONE - now.relative / since.relative)


def day_loss_frac(since: OverlayPoint, now: OverlayPoint) -> Decimal:
    """Return the loss between two points of a day: besides, the gain of one asset's coins is not hidden by another's.

    A short on a coin that rises loses what that coin gains, whatever the others do meanwhile.
    """
    return min(loss_frac(since, now), max(ZERO, now.uncovered_quote(since) / since.value_quote))
