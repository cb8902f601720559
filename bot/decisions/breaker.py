"""Has the overlay lost more than the owner allows?

Never on the profit of futures alone: a short loses exactly when the coins beside it gain. Two growth indices, both
free of what the owner moved in or out, are compared: coins with futures, and the same coins without. From a point of
comparison a loss counts only as far as the owner is poorer both than the coins alone would have made them *and* than
they were: a short that loses what the coins have gained leaves them where they were, and says nothing. Besides, what is
lost for certain is counted by itself: fees, slippage and net funding.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from bot.decisions.exposure import measure_exposure, measure_holdings, terms_of
from bot.decisions.flows import owned_holdings
from bot.domain.books import LegLedger
from bot.domain.events import BreakerTripped, OverlayMeasured
from bot.domain.ids import Asset, Currency
from bot.domain.instruments import Instrument
from bot.domain.overlay import OverlayPoint, OverlayRecord
from bot.domain.policy import BreakerPolicy, Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO


def measure_overlay(snapshot: Snapshot, policy: Policy, now: datetime) -> OverlayMeasured | None:
    """Return what the overlay is worth; None where there is nothing that it could be measured against.

    Raises:
        IncompleteData: a holding, a price or a rate is missing.
    """
    exposures = measure_exposure(snapshot, policy)
    prices = exposures.index_prices
    owned = owned_holdings(snapshot, policy)
    never = _worth(owned, prices)
    settled = snapshot.books.settled_profit_quote
    in_coins = _worth(measure_holdings(snapshot, policy), prices) - never
    profit = in_coins + exposures.valuation.hedge_profit_quote + settled
    value = never + profit - settled
    if never <= 0 or value <= 0:
        return None
    overlay_growth, never_growth = _growth(snapshot.books.overlay.last, prices, profit)
    return OverlayMeasured(
        at=now,
        holdings_base=owned,
        index_prices=prices,
        profit_quote=profit,
        settled_quote=settled,
        cost_quote=_cost(snapshot, policy, prices, exposures.usd_rates),
        value_quote=value,
        overlay_index=overlay_growth,
        never_index=never_growth,
    )


def _worth(holdings: Mapping[Asset, Decimal], prices: Mapping[Asset, Decimal]) -> Decimal:
    return sum((held * prices[asset] for asset, held in holdings.items() if asset in prices), ZERO)


def _growth(
    before: OverlayMeasured | None, prices: Mapping[Asset, Decimal], profit: Decimal
) -> tuple[Decimal, Decimal]:
    """Return both indices: the coins that were held before, at today's prices, with what futures brought meanwhile.

    Coins that came or went since then are in neither: they begin to count from here. So does a changed list of targets.
    """
    if before is None:
        return ONE, ONE
    held = {asset: amount for asset, amount in before.holdings_base.items() if asset in prices}
    then, today = _worth(held, before.index_prices), _worth(held, prices)
    with_futures = then + before.profit_quote - before.settled_quote
    if then <= 0 or today <= 0 or with_futures <= 0:
        return before.overlay_index, before.never_index
    grown = (today + profit - before.settled_quote) / with_futures
    return before.overlay_index * grown, before.never_index * today / then


def _cost(
    snapshot: Snapshot, policy: Policy, prices: Mapping[Asset, Decimal], rates: Mapping[Currency, Decimal]
) -> Decimal:
    """Return fees + slippage − funding received of all our contracts since the journal began, in USD."""
    total = ZERO
    for leg, ledger in snapshot.books.ledgers.items():
        if leg[1] in policy.foreign_symbols:
            continue
        instrument, _ = terms_of(leg, snapshot)
        total += slippage_quote(ledger, instrument) * rates.get(instrument.quote, ONE)
        total -= ledger.funding * _usd(instrument.settle, prices, rates)
        total += sum((paid * _usd(currency, prices, rates) for currency, paid in ledger.fees_paid.items()), ZERO)
    return total


def slippage_quote(ledger: LegLedger, instrument: Instrument) -> Decimal:
    """Return what trades have cost against the prices they were decided on, in quote currency; + is cost."""
    summed = ledger.slippage_contract_value if instrument.is_linear else ledger.inverse_slippage_contracts
    return summed * instrument.contract_size


def _usd(currency: Currency, prices: Mapping[Asset, Decimal], rates: Mapping[Currency, Decimal]) -> Decimal:
    rate = rates.get(currency)
    return prices.get(Asset(currency), ZERO) if rate is None else rate


def judge_overlay(record: OverlayRecord, policy: BreakerPolicy, now: datetime) -> BreakerTripped | None:
    """Return why the breaker trips; None while it does not, or when it has already."""
    if record.tripped is not None or record.last is None:
        return None
    for measure, loss, limit, sentence in (
        ("day", day_loss_frac(record), policy.max_day_frac, "beside the coins alone within a day"),
        ("drawdown", drawdown_frac(record), policy.max_drawdown_frac, "from its best against the coins alone"),
        ("cost", cost_frac(record), policy.max_cost_frac, "in fees, slippage and funding within 30 days"),
    ):
        if loss > limit:
            why = f"the overlay has lost {loss:.1%} of the portfolio {sentence}, more than {limit:.1%}"
            return BreakerTripped(at=now, measure=measure, loss_frac=loss, limit_frac=limit, why=why)
    return None


def day_loss_frac(record: OverlayRecord) -> Decimal:
    """Return the largest loss since any point of the last day; zero where there is none."""
    return max((loss_frac(point, record.points[-1]) for point in record.points), default=ZERO)


def drawdown_frac(record: OverlayRecord) -> Decimal:
    """Return the loss since the point at which the overlay stood best against the coins alone."""
    return loss_frac(record.best, record.points[-1]) if record.best is not None else ZERO


def loss_frac(since: OverlayPoint, now: OverlayPoint) -> Decimal:
    """Return the loss between two points as a fraction: the lesser of beside the coins alone and at all."""
    own = ONE - now.overlay / since.overlay
    return max(ZERO, min(own, ONE - now.relative / since.relative))


def cost_frac(record: OverlayRecord) -> Decimal:
    """Return what was spent in the last 30 days as a share of the portfolio's value; negative when carry paid it."""
    if record.last is None or not record.costs:
        return ZERO
    return (record.last.cost_quote - record.costs[0].cost_quote) / record.last.value_quote
