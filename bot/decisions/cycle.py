"""What should be done now? ``decide`` composes every other question; nothing else does."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from bot.decisions.ceilings import lowest_ceiling, released_ceilings
from bot.decisions.drift import measure_drift
from bot.decisions.exposure import Exposures, measure_exposure
from bot.decisions.flows import judge_flows, judge_wallets
from bot.decisions.lines import asset_line, changed_corrections, resized, unhedgeable
from bot.decisions.margin import (
    Changes,
    Wallet,
    WalletKey,
    capacity_frac,
    leverage,
    shortfall,
    stress_surplus,
    wallets_of,
)
from bot.decisions.plan import lots_quote, needs_quote, plan_legs, wanted_gaps
from bot.decisions.risk import GateInputs, judge_legs
from bot.decisions.stops import StopPlan, want_stops
from bot.decisions.volatility import daily_sigma
from bot.domain.books import Ceiling
from bot.domain.events import FlowSuspected, HoldingsAccepted
from bot.domain.ids import Asset
from bot.domain.plan import Decision, HedgeLeg, MarginLine
from bot.domain.policy import Policy
from bot.domain.snapshot import Snapshot
from bot.domain.units import ONE, ZERO


def decide(snapshot: Snapshot, policy: Policy, now: datetime) -> Decision:
    """Return everything to do, in order, and everything not done, with reasons.

    Raises:
        IncompleteData: an input without which nothing can be decided is missing.
    """
    books = snapshot.books
    exposures = measure_exposure(snapshot, policy)
    prices = {asset: one.index_price for asset, one in exposures.by_asset.items()}
    value = exposures.valuation.portfolio_value_quote
    flows = judge_flows(snapshot, policy, index_prices=prices, value_quote=value)
    anchors, questions = judge_wallets(snapshot, policy)
    protection = _protection(snapshot, policy, prices, now)

    lots = lots_quote(snapshot, policy)
    drifts = measure_drift(exposures, policy, corrections=books.corrections, lots_quote=lots)
    needs = needs_quote(drifts, wanted_gaps(drifts, policy.bands), value)
    wished = plan_legs(needs, exposures, snapshot, policy)

    before, after = _wallets(snapshot, wished)
    inputs = GateInputs(
        snapshot=snapshot,
        policy=policy,
        exposures=exposures,
        state=books.trading_state,
        ceilings=_ceilings(snapshot, policy, protection, now),
        flows=_pending_flows(snapshot, flows),
        capacities=_capacities(snapshot, policy, before, wished),
        wallets=before,
        now=now,
    )
    judged = judge_legs(wished, inputs)
    legs = tuple(resized(leg, verdict.approved_contracts) for leg, verdict in judged if verdict.approved_contracts)
    refusals = tuple(refusal for _, verdict in judged for refusal in verdict.refusals)
    refusals += unhedgeable(needs, lots, drifts)
    return Decision(
        at=now,
        trading_state=books.trading_state,
        valuation=exposures.valuation,
        lines=tuple(asset_line(drift, exposures, needs[drift.asset], wished, legs, refusals) for drift in drifts),
        reductions=protection.reductions,
        legs=legs,
        stops=protection.stops,
        refusals=refusals,
        margins=_margin_lines(before, after, snapshot, policy),
        capacity_short_quote=_capacity_short(after, exposures, snapshot, policy),
        facts=(
            *flows,
            *anchors,
            *released_ceilings(books, now),
            *changed_corrections(drifts, needs, lots, books, now),
        ),
        questions=questions,
        warnings=exposures.warnings,
    )


def _protection(snapshot: Snapshot, policy: Policy, prices: Mapping[Asset, Decimal], now: datetime) -> StopPlan:
    sigmas = {asset: daily_sigma(history, now) for asset, history in snapshot.histories.items()}
    plans = [
        want_stops(
            account,
            instruments=snapshot.instruments,
            quotes=snapshot.quotes,
            daily_sigmas=sigmas,
            anchors=prices,
            policy=policy,
            now=now,
        )
        for account in snapshot.accounts.values()
        if account.positions
    ]
    return StopPlan(
        stops=tuple(stop for plan in plans for stop in plan.stops),
        reductions=tuple(reduction for plan in plans for reduction in plan.reductions),
    )


def _ceilings(snapshot: Snapshot, policy: Policy, protection: StopPlan, now: datetime) -> dict[Asset, Ceiling]:
    """Return the lowest ceiling per asset, with those that protection is about to set."""
    found = {asset: lowest_ceiling(asset, snapshot.books, now) for asset in policy.assets}
    ceilings = {asset: one for asset, one in found.items() if one is not None}
    for reduction in protection.reductions:
        fact = reduction.ceiling
        ceilings[fact.asset] = Ceiling(
            asset=fact.asset,
            cause=fact.cause,
            max_delta_base=fact.max_delta_base,
            set_at=now,
            release_at=fact.release_at,
            why=fact.why,
        )
    return ceilings


def _pending_flows(snapshot: Snapshot, flows: tuple[object, ...]) -> frozenset[Asset]:
    pending = set(snapshot.books.flows)
    for fact in flows:
        if isinstance(fact, FlowSuspected):
            pending.add(fact.asset)
        elif isinstance(fact, HoldingsAccepted):
            pending -= set(fact.holdings_base)
    return frozenset(pending)


def _wallets(snapshot: Snapshot, legs: tuple[HedgeLeg, ...]) -> tuple[dict[WalletKey, Wallet], dict[WalletKey, Wallet]]:
    """Return the wallets with reductions done, and with the whole plan done."""
    reducing = _changes(snapshot, tuple(leg for leg in legs if leg.reduce_only))
    every = _changes(snapshot, legs)
    wallets = [
        wallet
        for account in snapshot.accounts.values()
        for wallet in wallets_of(account, snapshot.instruments, snapshot.quotes)
    ]
    before = {wallet.key: wallet.with_changes(reducing) for wallet in wallets}
    after = {wallet.key: wallet.with_changes(every) for wallet in wallets}
    return before, after


def _changes(snapshot: Snapshot, legs: tuple[HedgeLeg, ...]) -> Changes:
    changes: Changes = {}
    for leg in legs:
        key = (leg.instrument.venue, leg.instrument.symbol)
        earlier = changes[key][1] if key in changes else ZERO
        signed = earlier + leg.contracts * leg.side.sign
        changes[key] = (leg.instrument, signed, snapshot.quotes[key].mark_price)
    return changes


def _capacities(
    snapshot: Snapshot, policy: Policy, before: Mapping[WalletKey, Wallet], legs: tuple[HedgeLeg, ...]
) -> dict[WalletKey, Decimal]:
    increases = _changes(snapshot, tuple(leg for leg in legs if not leg.reduce_only))
    return {
        key: capacity_frac(wallet, increases, snapshot.histories, policy.limits) if increases else ONE
        for key, wallet in before.items()
    }


def _margin_lines(
    before: Mapping[WalletKey, Wallet], after: Mapping[WalletKey, Wallet], snapshot: Snapshot, policy: Policy
) -> tuple[MarginLine, ...]:
    return tuple(
        MarginLine(
            venue=wallet.venue,
            wallet=wallet.kind,
            currency=wallet.currency,
            margin_balance=wallet.margin_balance,
            maintenance_margin=wallet.maintenance_margin,
            usage_frac=wallet.maintenance_margin / wallet.margin_balance if wallet.margin_balance > 0 else None,
            leverage_after=leverage(after[key]),
            stress_surplus=stress_surplus(after[key], snapshot.histories, policy.limits),
        )
        for key, wallet in before.items()
    )


def _capacity_short(
    after: Mapping[WalletKey, Wallet], exposures: Exposures, snapshot: Snapshot, policy: Policy
) -> Decimal:
    """Return the cash that is missing, in USD, to carry every wallet with the whole plan done."""
    short = ZERO
    for wallet in after.values():
        missing = shortfall(wallet, snapshot.histories, policy.limits)
        if missing > 0:
            rate = exposures.usd_rates.get(wallet.currency)
            coin = exposures.by_asset.get(Asset(wallet.currency))
            short += missing * (rate if rate is not None else coin.index_price if coin is not None else ZERO)
    return short
