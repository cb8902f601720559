"""What should be done now? ``decide`` composes every other question; nothing else does."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from bot.decisions.ceilings import ceilings_in_force, released_ceilings
from bot.decisions.correlation import measure_risk
from bot.decisions.cost_gate import drop_unworthy
from bot.decisions.drift import measure_drift
from bot.decisions.exposure import Exposures, measure_exposure
from bot.decisions.flows import HoldingFact, judge_flows, judge_wallets, pending_flows
from bot.decisions.instrument_choice import choose_instruments
from bot.decisions.lines import approved_legs, asset_lines, changed_corrections, decision_warnings, untraded
from bot.decisions.margin import WalletLoad, load_wallets, margin_line
from bot.decisions.pace import next_moments, pace_gaps, taken_tranches
from bot.decisions.plan import lots_quote, needs_quote, plan_legs, smallest_orders_quote, wanted_gaps
from bot.decisions.risk import GateInputs, judge_legs
from bot.decisions.roll import coming_rolls, fold_needs
from bot.decisions.stop_history import record_entry_stops, tell_entry_stops
from bot.decisions.stops import StopPlan, protect_accounts
from bot.decisions.working import styled_legs
from bot.domain.events import Fact
from bot.domain.ids import Asset
from bot.domain.plan import Decision, HedgeLeg
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
    value = exposures.valuation.portfolio_value_quote
    flows = judge_flows(snapshot, policy, index_prices=exposures.index_prices, value_quote=value)
    anchors, questions = judge_wallets(snapshot, policy)
    protection = protect_accounts(snapshot, policy, exposures.index_prices, now)

    choice = choose_instruments(snapshot, policy, exposures, now)
    chosen = choice.chosen
    lots = lots_quote(chosen, snapshot)
    drifts = measure_drift(exposures, policy, corrections=books.corrections, lots_quote=lots)
    smallest = smallest_orders_quote(chosen, snapshot)
    weights = {drift.asset: drift.weight for drift in drifts}
    risk = measure_risk(weights, policy.targets, tuple(snapshot.histories.values()), now)
    paces = pace_gaps(
        drifts,
        policy,
        corrections=books.corrections,
        sigma_annual=risk.sigma_annual,
        value_quote=value,
        smallest_quote=smallest,
        now=now,
    )
    wanted = wanted_gaps(drifts, policy.bands, {asset: pace.wanted_gap for asset, pace in paces.items()})
    needs = needs_quote(drifts, wanted, value)
    corrections = changed_corrections(drifts, smallest, value, policy, books, now)

    free = {asset: need for asset, need in needs.items() if asset not in protection.shrinking}
    wished, unworthy = drop_unworthy(
        plan_legs(free, exposures, snapshot, policy, chosen), drifts, wanted, snapshot, policy, value
    )
    inputs = _gate_inputs(snapshot, policy, exposures, protection, flows, wished, now)
    judged = judge_legs(wished, inputs)
    approved, folded, folding = fold_needs(approved_legs(judged), books, now)
    # What a roll trades for a look is traded.
    traded = {leg.instrument.asset for leg in approved} | {books.rolls[one.venue, one.near].asset for one in folded}
    legs = styled_legs(approved, snapshot.quotes, policy.execution)
    refusals = tuple(refusal for _, verdict in judged for refusal in verdict.refusals) + folding
    refusals += unworthy
    refusals += untraded(drifts, needs, wished, protection.shrinking, {one.asset for one in unworthy})
    facts: tuple[Fact, ...] = (
        *flows,
        *anchors,
        *choice.facts,
        *folded,
        *released_ceilings(books, now),
        *corrections,
        *taken_tranches(paces, traded, books.corrections, corrections),
    )
    paced_at, tranche_at = next_moments(policy, risk.sigma_annual, books.corrections, facts, now)
    return Decision(
        at=now,
        trading_state=inputs.state,
        valuation=exposures.valuation,
        lines=asset_lines(drifts, exposures, needs, legs, refusals, paces, policy),
        reductions=protection.reductions,
        legs=legs,
        stops=tell_entry_stops(protection.stops, snapshot.histories, policy.stops, now),
        entry_stops=record_entry_stops(policy.assets, snapshot.histories, policy.stops, now),
        refusals=refusals,
        margins=tuple(margin_line(load) for load in inputs.loads.values()),
        capacity_short_quote=_capacity_short(inputs.loads.values(), exposures),
        facts=facts,
        holding_costs=choice.costs,
        rolls=coming_rolls(snapshot, policy, now),
        risk=risk,
        next_paced_at=paced_at,
        next_tranche_at=tranche_at,
        questions=questions,
        warnings=decision_warnings(exposures, protection.warnings, snapshot, policy, now),
    )


def _gate_inputs(
    snapshot: Snapshot,
    policy: Policy,
    exposures: Exposures,
    protection: StopPlan,
    flows: tuple[HoldingFact, ...],
    wished: tuple[HedgeLeg, ...],
    now: datetime,
) -> GateInputs:
    return GateInputs(
        snapshot=snapshot,
        policy=policy,
        exposures=exposures,
        state=snapshot.books.trading_state,
        ceilings=ceilings_in_force(snapshot.books, [one.ceiling for one in protection.reductions], now),
        flows=pending_flows(snapshot, flows),
        loads=load_wallets(snapshot, wished, policy.limits),
        now=now,
    )


def _capacity_short(loads: Iterable[WalletLoad], exposures: Exposures) -> Decimal:
    """Return the cash in USD that is missing to carry the whole plan, in the wallets that hold the targeted assets."""
    short = ZERO
    for load in loads:
        is_ours = any(one.instrument.asset in exposures.by_asset for one in load.after.holdings)
        if is_ours and load.shortfall > 0:
            coin = exposures.by_asset.get(Asset(load.after.currency))
            rate = exposures.usd_rates.get(load.after.currency, ONE)
            short += load.shortfall * (coin.index_price if coin is not None else rate)
    return short
