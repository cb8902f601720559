"""Does a test notice when a rule is turned round?

Each mutation flips a sign, a comparison or a rounding direction in one place of a copy of the tree, and runs the test
that should notice. The tree itself is never touched. Run it with ``python -m tests.mutations``; it ends with 1 when a
mutation survives. ``--write`` puts the table into ``docs/mutations.md``; ``--find`` runs all tests of the decisions
instead and prints the first that fails.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_COPIED = ("bot", "tests", "pyproject.toml")
_DECISIONS = "tests/decisions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One change of one place, and the test that must fail for it."""

    rule: str
    #: Below ``bot/decisions``.
    file: str
    before: str
    after: str
    #: File and name below ``tests/decisions``.
    test: str

    @property
    def told(self) -> str:
        """The change on one line."""
        return f"`{' '.join(self.before.split())}` → `{' '.join(self.after.split())}`"


MUTATIONS = (
    Mutation(
        rule="Delta of an inverse contract adds to the holding",
        file="exposure.py",
        before="(self.holding_base + self.futures_delta_base)",
        after="(self.holding_base - self.futures_delta_base)",
        test="test_worked_cases.py::test_an_inverse_short_against_its_coins_is_a_synthetic_dollar",
    ),
    Mutation(
        rule="Unrealised profit of coin collateral is part of the holding",
        file="exposure.py",
        before="+ line.equity * ratio",
        after="+ line.balance * ratio",
        test="test_worked_cases.py::test_inverse_perpetuals_with_coin_collateral",
    ),
    Mutation(
        rule="Settled profit leaves V",
        file="exposure.py",
        before="values(), -snapshot.books",
        after="values(), +snapshot.books",
        test="test_exposure.py::test_hedge_profit_is_trades_funding_and_fees_less_what_was_settled",
    ),
    Mutation(
        rule="Exactly on the edge is inside the band",
        file="drift.py",
        before="return abs(self.gap) > self.band",
        after="return abs(self.gap) >= self.band",
        test="test_drift.py::test_exactly_on_the_edge_is_inside",
    ),
    Mutation(
        rule="The lesser of points and share is the band",
        file="drift.py",
        before="return min(bands.absolute_frac",
        after="return max(bands.absolute_frac",
        test="test_drift.py::test_the_band_is_the_lesser_of_points_and_share",
    ),
    Mutation(
        rule="A correction stops on the side it came from",
        file="drift.py",
        before="destination_gap=stop * sign(gap)",
        after="destination_gap=-stop * sign(gap)",
        test="test_drift.py::test_a_correction_stops_at_its_destination_on_the_side_it_came_from",
    ),
    Mutation(
        rule="A need is against the gap",
        file="plan.py",
        before="* value_quote - drift.exposure_quote",
        after="* value_quote * -1 + drift.exposure_quote",
        test="test_worked_cases.py::test_ten_thousand_dollars_go_to_target_exactly",
    ),
    Mutation(
        rule="The total-exposure rule never goes past a target",
        file="plan.py",
        before="step = min(abs(wanted[drift.asset]), excess)",
        after="step = max(abs(wanted[drift.asset]), excess)",
        test="test_plan.py::test_the_total_rule_moves_nothing_past_its_target_and_nothing_away_from_it",
    ),
    Mutation(
        rule="The largest relative gap moves first",
        file="plan.py",
        before="key=_relative_gap, reverse=True",
        after="key=_relative_gap",
        test="test_plan.py::test_the_largest_relative_gap_moves_first_and_total_stops_a_tenth_inside",
    ),
    Mutation(
        rule="Reducing legs come first",
        file="plan.py",
        before="key=lambda leg: not leg.reduce_only",
        after="key=lambda leg: leg.reduce_only",
        test="test_plan.py::test_a_flip_is_two_legs_and_the_reducing_one_comes_first",
    ),
    Mutation(
        rule="Opening rounds toward zero",
        file="sizing.py",
        before="contracts = instrument.floor_contracts(at_most_one_order(wanted, instrument))",
        after="contracts = ceil_to_step(at_most_one_order(wanted, instrument), instrument.lot_size)",
        test="test_sizing.py::test_opening_never_grows_a_size_and_stays_on_the_lot",
    ),
    Mutation(
        rule="Rounding up to the whole position takes at most twice the need",
        file="sizing.py",
        before="(is_dust and size <= 2 * wanted)",
        after="(is_dust and size >= 2 * wanted)",
        test="test_sizing.py::test_a_reducing_order_may_round_up_to_the_whole_position",
    ),
    Mutation(
        rule="A buy's limit is rounded down to the tick",
        file="sizing.py",
        before="return floor_to_step(quote.ask_price",
        after="return ceil_to_step(quote.ask_price",
        test="test_sizing.py::test_the_limit_never_goes_beyond_its_bound",
    ),
    Mutation(
        rule="Exactly the minimum notional is enough",
        file="sizing.py",
        before=">= instrument.min_notional_quote",
        after="> instrument.min_notional_quote",
        test="test_sizing.py::test_an_opening_order_is_floored_and_dropped_below_the_minimums",
    ),
    Mutation(
        rule="A short loses when the price rises",
        file="stress.py",
        before="-stress_frac * direction for",
        after="stress_frac * direction for",
        test="test_margin.py::test_a_linear_leg_moves_against_us",
    ),
    Mutation(
        rule="A window is left out only when no leg loses more in it",
        file="stress.py",
        before="move * direction >= reference * direction",
        after="move * direction <= reference * direction",
        test="test_margin.py::test_leaving_out_harmless_windows_changes_nothing",
    ),
    Mutation(
        rule="Maintenance is asked for several times over",
        file="stress.py",
        before="return left - needed * multiple",
        after="return left - needed / multiple",
        test="test_margin.py::test_a_linear_leg_moves_against_us",
    ),
    Mutation(
        rule="Maintenance of a short grows as it loses",
        file="liquidation.py",
        before="grows -= direction * notional",
        after="grows += direction * notional",
        test="test_margin.py::test_a_linear_leg_is_liquidated_where_balance_meets_maintenance",
    ),
    Mutation(
        rule="A stop is on the losing side",
        file="stops.py",
        before="wanted = anchor * (ONE - one.direction * distance)",
        after="wanted = anchor * (ONE + one.direction * distance)",
        test="test_stops.py::test_a_stop_stands_a_quarter_from_mark_against_the_position",
    ),
    Mutation(
        rule="A long's stop is the nearer of distance and buffered liquidation",
        file="stops.py",
        before="ceil_to_step(max(wanted, inside), tick)",
        after="ceil_to_step(min(wanted, inside), tick)",
        test="test_stops.py::test_a_stop_is_never_beyond_liquidation_and_a_reduction_makes_it_fit",
    ),
    Mutation(
        rule="A long's stop is rounded away from liquidation",
        file="stops.py",
        before="trigger = ceil_to_step(",
        after="trigger = floor_to_step(",
        test="test_stops.py::test_the_trigger_is_on_the_tick_on_the_near_side",
    ),
    Mutation(
        rule="What protection takes off is rounded up",
        file="stops.py",
        before="return min(size, ceil_to_step(short, one.instrument.lot_size))",
        after="return min(size, floor_to_step(short, one.instrument.lot_size))",
        test="test_stops.py::test_a_leg_whose_stop_would_stand_within_noise_is_made_smaller",
    ),
    Mutation(
        rule="The lowest ceiling wins",
        file="ceilings.py",
        before="ceiling.max_delta_base < known.max_delta_base",
        after="ceiling.max_delta_base > known.max_delta_base",
        test="test_ceilings.py::test_the_lowest_of_several_wins_also_of_those_about_to_be_set",
    ),
    Mutation(
        rule="A ceiling ends at its moment, not after it",
        file="ceilings.py",
        before="and now >= ceiling.release_at",
        after="and now > ceiling.release_at",
        test="test_ceilings.py::test_a_ceiling_is_released_from_its_moment_on",
    ),
    Mutation(
        rule="Funding is capped on the side that pays",
        file="risk.py",
        before="case.leg.side.sign, funding)",
        after="-case.leg.side.sign, funding)",
        test="test_risk.py::test_funding_is_capped_on_the_side_that_pays",
    ),
    Mutation(
        rule="A price of exactly the allowed age passes",
        file="risk.py",
        before="quote_age > limits.max_quote_age",
        after="quote_age >= limits.max_quote_age",
        test="test_risk.py::test_an_old_price_refuses_its_leg_and_no_other",
    ),
    Mutation(
        rule="Halted holds rebalancing reductions back, reduce-only does not",
        file="risk.py",
        before="if inputs.state is TradingState.HALTED:",
        after="if inputs.state is not TradingState.NORMAL:",
        test="test_risk.py::test_a_halt_stops_rebalancing_reductions_and_reduce_only_does_not",
    ),
    Mutation(
        rule="A flow is a change beyond both bounds",
        file="flows.py",
        before="bound = max(bound_base,",
        after="bound = min(bound_base,",
        test="test_flows.py::test_a_small_change_is_taken_as_drift",
    ),
    Mutation(
        rule="What futures earn in coins is not the owner's doing",
        file="flows.py",
        before="owned[instrument.asset] -= _coin_profit",
        after="owned[instrument.asset] += _coin_profit",
        test="test_flows.py::test_the_profit_of_our_coin_settled_futures_is_not_the_owner_s_doing",
    ),
    Mutation(
        rule="A large move is larger than k σ, not as large",
        file="cadence.py",
        before="- 1) > move_sigmas",
        after="- 1) >= move_sigmas",
        test="test_cadence.py::test_a_move_of_more_than_four_sigmas_fires_in_either_direction",
    ),
    Mutation(
        rule="A hole of days is spread over its days",
        file="volatility.py",
        before="total += factor * change * change / days",
        after="total += factor * change * change",
        test="test_volatility.py::test_a_hole_of_days_is_one_return_over_its_days",
    ),
    Mutation(
        rule="A fee is a loss",
        file="exposure.py",
        before="rates) - _cash_fees",
        after="rates) + _cash_fees",
        test="test_exposure.py::test_hedge_profit_is_trades_funding_and_fees_less_what_was_settled",
    ),
    Mutation(
        rule="The total-exposure rule moves what offsets it",
        file="plan.py",
        before="sign(wanted[one.asset]) == side",
        after="sign(wanted[one.asset]) != side",
        test="test_plan.py::test_assets_on_the_other_side_do_not_move",
    ),
    Mutation(
        rule="Venues come in the order of the configuration",
        file="instrument_choice.py",
        before="venues.index(one.venue),",
        after="-venues.index(one.venue),",
        test="test_plan.py::test_the_venue_that_is_configured_first_opens_the_hedge",
    ),
    Mutation(
        rule="The fraction that survives is approached from below",
        file="margin.py",
        before="low_surplus / (low_surplus - surplus_after)",
        after="low_surplus / -surplus_after",
        test="test_margin.py::test_the_fraction_survives_and_more_of_it_would_not",
    ),
    Mutation(
        rule="The leverage cap counts what is open already",
        file="margin.py",
        before="after.margin_balance - gross_before",
        after="after.margin_balance",
        test="test_margin.py::test_leverage_bounds_the_common_fraction",
    ),
    Mutation(
        rule="Liquidation is at the tier that the move reaches",
        file="liquidation.py",
        before="_at_tiers_after(moving, room, move, pledged)",
        after="_at_tiers_after(moving, room, ZERO, pledged)",
        test="test_liquidation.py::test_the_joint_liquidation_move_agrees_with_the_calculation_by_hand",
    ),
    Mutation(
        rule="Tiers are followed until the move lies on its own",
        file="liquidation.py",
        before="        move = nearer\n",
        after="        move = nearer\n        break\n",
        test="test_liquidation.py::test_the_joint_liquidation_move_agrees_with_the_calculation_by_hand",
    ),
    Mutation(
        rule="In coins a long loses more than its share",
        file="liquidation.py",
        before="(room - fixed) / (room + worth)",
        after="(room - fixed) / worth",
        test="test_margin.py::test_an_inverse_leg_is_liquidated_where_balance_meets_maintenance",
    ),
    Mutation(
        rule="A stop has the size of its position",
        file="stops.py",
        before="contracts=abs(one.position.contracts),",
        after="contracts=abs(one.position.contracts) - one.instrument.lot_size,",
        test="test_stops.py::test_a_stop_is_never_beyond_liquidation_and_a_reduction_makes_it_fit",
    ),
    Mutation(
        rule="The nearer of two liquidation prices counts",
        file="stops.py",
        before="min(known, default=ONE)",
        after="max(known, default=ONE)",
        test="test_stops.py::test_a_stop_is_never_beyond_the_venue_s_buffered_liquidation_price",
    ),
    Mutation(
        rule="Room below a ceiling is what delta has left",
        file="ceilings.py",
        before="max_delta_base - delta_base",
        after="max_delta_base + delta_base",
        test="test_ceilings.py::test_room_below_a_ceiling_is_counted_in_the_direction_of_the_trade",
    ),
    Mutation(
        rule="Reduce-only stops increases",
        file="risk.py",
        before="if case.inputs.state is TradingState.NORMAL:",
        after="if case.inputs.state is not TradingState.HALTED:",
        test="test_risk.py::test_nothing_is_increased_unless_trading_is_normal",
    ),
    Mutation(
        rule="Declared coins are trusted for twice the age that is told",
        file="risk.py",
        before="now - 2 * case",
        after="now - 3 * case",
        test="test_risk.py::test_declared_coins_that_are_too_old_refuse_increases_in_their_asset",
    ),
    Mutation(
        rule="The legs before have spent of the turnover",
        file="risk.py",
        before="budgets.turnover_quote -= leg",
        after="budgets.turnover_quote += leg",
        test="test_risk.py::test_the_turnover_of_a_day_is_shared_in_the_order_of_the_legs",
    ),
    Mutation(
        rule="Turnover is forgotten after a day",
        file="risk.py",
        before="inputs.now - filled_at < _DAY",
        after="inputs.now - filled_at <= _DAY",
        test="test_risk.py::test_what_was_added_within_a_day_counts_as_turnover",
    ),
    Mutation(
        rule="An unknown order stands in the way of its own contract",
        file="risk.py",
        before="if not case.inputs.snapshot.books.has_open_question(",
        after="if case.inputs.snapshot.books.has_open_question(",
        test="test_risk.py::test_a_leg_in_doubt_is_not_increased_and_the_others_are",
    ),
    Mutation(
        rule="What the gate leaves is on the lot",
        file="risk.py",
        before="approved = leg.instrument.floor_contracts(approved)",
        after="pass",
        test="test_cycle.py::test_a_plan_never_increases_a_gap_never_flips_and_never_exceeds_a_ceiling",
    ),
    Mutation(
        rule="A flow settles after its time",
        file="flows.py",
        before="snapshot.at - flow.since >= policy.flows.settle",
        after="snapshot.at - flow.since > policy.flows.settle",
        test="test_flows.py::test_a_flow_settles_by_itself_after_a_day",
    ),
    Mutation(
        rule="A fee in coins is not the owner's doing",
        file="flows.py",
        before="owned[asset] += paid * ratio",
        after="owned[asset] -= paid * ratio",
        test="test_flows.py::test_the_profit_of_our_coin_settled_futures_is_not_the_owner_s_doing",
    ),
    Mutation(
        rule="A wallet that holds more than explained is asked about as more",
        file="flows.py",
        before="difference=baseline - before",
        after="difference=before - baseline",
        test="test_flows.py::test_trades_funding_and_fees_explain_a_wallet",
    ),
    Mutation(
        rule="Seven is Sunday, too",
        file="cadence.py",
        before="number % 7",
        after="number % 8",
        test="test_cadence.py::test_names_and_expressions_become_crontab_text",
    ),
    Mutation(
        rule="Weights fall by days, not by rows",
        file="volatility.py",
        before="factor *= _LAMBDA**days",
        after="factor *= _LAMBDA",
        test="test_volatility.py::test_a_hole_ages_what_is_before_it_by_all_of_its_days",
    ),
    Mutation(
        rule="A rung is reached at its moment",
        file="unprotected.py",
        before="unprotected_for >= policy.deadline:",
        after="unprotected_for > policy.deadline:",
        test="test_unprotected.py::test_the_ladder_is_climbed_with_time",
    ),
    Mutation(
        rule="A correction ends when its gap changes sides",
        file="lines.py",
        before="!= sign(drift.gap)",
        after="== sign(drift.gap)",
        test="test_cycle.py::test_a_correction_ends_when_the_gap_changes_sides",
    ),
    Mutation(
        rule="What protection makes smaller is not rebalanced",
        file="cycle.py",
        before="asset not in protection.shrinking",
        after="asset in protection.shrinking",
        test="test_stops.py::test_a_leg_that_protection_shrinks_is_not_rebalanced_in_the_same_look",
    ),
    Mutation(
        rule="A chase follows a touch that has moved on, not one that has come nearer",
        file="working.py",
        before="is_behind = (price - resting) * leg.side.sign > resting * _REPEG_FRAC",
        after="is_behind = (price - resting) * leg.side.sign < resting * _REPEG_FRAC",
        test="test_working.py::test_at_the_touch_it_waits_and_behind_it_is_taken_away_first",
    ),
    Mutation(
        rule="A chase never posts beside an order that rests",
        file="working.py",
        before="if resting is None:\n        return Step(kind=StepKind.POST",
        after="if resting is None or resting != price:\n        return Step(kind=StepKind.POST",
        test="test_working.py::test_a_chase_never_has_two_live_orders_for_one_need",
    ),
    Mutation(
        rule="A chase that escalates takes its order away first",
        file="working.py",
        before="        if resting is not None:\n            return Step(kind=StepKind.CANCEL, why=why)\n"
        "        return Step(kind=StepKind.TAKE",
        after="        return Step(kind=StepKind.TAKE",
        test="test_working.py::test_a_chase_escalates_once_and_takes_its_resting_order_away_before",
    ),
    Mutation(
        rule="A chase buys at the bid",
        file="working.py",
        before="return min(quote.bid_price, leg.limit_price)",
        after="return min(quote.ask_price, leg.limit_price)",
        test="test_working.py::test_a_chase_rests_at_the_touch_of_its_own_side",
    ),
    Mutation(
        rule="A price runs away against the leg, not for it",
        file="working.py",
        before="/ progress.reference_price - ONE) * progress",
        after="/ progress.reference_price - ONE) * -progress",
        test="test_working.py::test_a_price_that_comes_towards_the_leg_is_no_reason_to_hurry",
    ),
    Mutation(
        rule="A slice leaves nothing that could not be traded",
        file="working.py",
        before="return remaining if remaining - share < least else share",
        after="return share",
        test="test_working.py::test_a_slice_leaves_nothing_that_could_not_be_traded",
    ),
    Mutation(
        rule="A slice waits for its time",
        file="working.py",
        before="if progress.lasted < execution.twap_duration * progress.slices_sent / slices:",
        after="if progress.lasted > execution.twap_duration * progress.slices_sent / slices:",
        test="test_working.py::test_slices_come_at_even_times",
    ),
    Mutation(
        rule="A bought slice stays below its bound",
        file="working.py",
        before="bound = min(quote.ask_price * (ONE + slip)",
        after="bound = max(quote.ask_price * (ONE + slip)",
        test="test_working.py::test_a_slice_stands_through_the_touch_and_within_the_drift",
    ),
    Mutation(
        rule="Reduce-only lets what reduces go on",
        file="working.py",
        before='return "" if leg.reduce_only else _holds_back(',
        after='return "" if not leg.reduce_only else _holds_back(',
        test="test_working.py::test_what_happens_meanwhile_ends_what_opens_and_seldom_what_reduces",
    ),
    Mutation(
        rule="A tranche never passes its destination",
        file="pace.py",
        before="if distance >= drift.distance:",
        after="if distance < drift.distance:",
        test="test_pace.py::test_a_step_never_passes_its_destination_and_a_tranche_never_overshoots",
    ),
    Mutation(
        rule="A tranche waits for its time",
        file="pace.py",
        before="if due_at is not None and now < due_at:",
        after="if due_at is not None and now > due_at:",
        test="test_pace.py::test_a_tranche_waits_for_its_time",
    ),
    Mutation(
        rule="A tranche is what is left by the tranches left",
        file="pace.py",
        before="_step(drift, ONE / left,",
        after="_step(drift, ONE / (left + 1),",
        test="test_pace.py::test_a_tranche_is_what_is_left_by_the_tranches_left",
    ),
    Mutation(
        rule="A small remainder is done at once",
        file="pace.py",
        before="drift.distance <= _remainder(",
        after="drift.distance > _remainder(",
        test="test_pace.py::test_a_remainder_is_done_at_once",
    ),
    Mutation(
        rule="Carry that is received does not count",
        file="cost_gate.py",
        before="+ self.impact + max(ZERO, self.carry)",
        after="+ self.impact + self.carry",
        test="test_cost_gate.py::test_carry_that_is_received_counts_as_zero",
    ),
    Mutation(
        rule="Carry is paid by the side that funding is against",
        file="cost_gate.py",
        before="funding.rate * leg.side.sign *",
        after="funding.rate * -leg.side.sign *",
        test="test_cost_gate.py::test_funding_is_carried_over_the_horizon_on_the_side_of_the_leg",
    ),
    Mutation(
        rule="A trade has to bring more than it costs",
        file="cost_gate.py",
        before="return brings > cost,",
        after="return brings < cost,",
        test="test_cost_gate.py::test_a_trade_is_made_when_it_brings_more_than_it_costs",
    ),
    Mutation(
        rule="Beyond twice the band nothing is blocked",
        file="cost_gate.py",
        before="if abs(gap_before) > _FREE_BEYOND_BANDS * band:",
        after="if abs(gap_before) > 3 * _FREE_BEYOND_BANDS * band:",
        test="test_cost_gate.py::test_nothing_is_blocked_beyond_twice_the_band",
    ),
    Mutation(
        rule="What is not known blocks nothing",
        file="cost_gate.py",
        before="if sigma_annual is None or len(known) < len(totals):\n        return True",
        after="if sigma_annual is None or len(known) < len(totals):\n        return False",
        test="test_cost_gate.py::test_what_is_not_known_blocks_nothing",
    ),
    Mutation(
        rule="A long's profit lies above its entry",
        file="take_profit.py",
        before="ONE + distance if is_long else ONE - distance",
        after="ONE - distance if is_long else ONE + distance",
        test="test_take_profit.py::test_a_profit_is_taken_on_the_far_side_of_entry",
    ),
    Mutation(
        rule="A hole of days is spread over its days in Σ",
        file="correlation.py",
        before="[factor * change / span[2] for",
        after="[factor * change for",
        test="test_correlation.py::test_a_hole_of_days_is_one_return_over_its_days",
    ),
    Mutation(
        rule="Risk is shared by variance",
        file="correlation.py",
        before="asset: part / self.variance for asset, part",
        after="asset: part for asset, part",
        test="test_correlation.py::test_risk_is_shared_by_variance_and_not_by_weight",
    ),
    Mutation(
        rule="Bets are the square of the diversification ratio",
        file="correlation.py",
        before="/ self.sigma) ** 2 if self.sigma",
        after="/ self.sigma) if self.sigma",
        test="test_correlation.py::test_bets_are_as_many_as_move_on_their_own",
    ),
    Mutation(
        rule="A short gains when it is bought back lower",
        file="accounting.py",
        before="way = -1 if terms.is_linear else 1",
        after="way = 1 if terms.is_linear else -1",
        test="test_accounting.py::test_a_short_that_is_bought_back_lower_has_gained",
    ),
    Mutation(
        rule="A trade through zero closes no more than there is",
        file="accounting.py",
        before="min(abs(traded), abs(position.contracts))",
        after="abs(traded)",
        test="test_accounting.py::test_a_trade_through_zero_closes_and_then_opens",
    ),
    Mutation(
        rule="A period ends before its last moment",
        file="accounting.py",
        before="(end is None or at < end)",
        after="(end is None or at <= end)",
        test="test_accounting.py::test_periods_lie_side_by_side",
    ),
    Mutation(
        rule="A breaker compares the overlay with what the coins alone would be",
        file="breaker.py",
        before="before.never_index * today / then",
        after="before.never_index * then / today",
        test="test_breaker.py::test_the_indices_are_what_the_books_say_when_nothing_comes_or_goes",
    ),
    Mutation(
        rule="What futures brought belongs to the overlay",
        file="breaker.py",
        before="grown = (today + brought_today) / (then + brought_then)",
        after="grown = (today - brought_today) / (then + brought_then)",
        test="test_breaker.py::test_a_short_loses_what_the_coins_gain_and_nothing_is_said",
    ),
    Mutation(
        rule="Funding that was received is no cost",
        file="breaker.py",
        before="(terms.settle, -ledger.funding)",
        after="(terms.settle, +ledger.funding)",
        test="test_breaker.py::test_fees_slippage_and_funding_are_costs_of_thirty_days",
    ),
    Mutation(
        rule="A basis above the index is positive",
        file="basis.py",
        before="basis = quote.mark_price / quote.index_price - ONE",
        after="basis = quote.index_price / quote.mark_price - ONE",
        test="test_basis.py::test_the_basis_has_the_sign_of_the_premium_and_its_bound_decides",
    ),
    Mutation(
        rule="Once told, a wide basis is told until it is well inside",
        file="basis.py",
        before="bound * (ONE - policy.hysteresis_frac)",
        after="bound * (ONE + policy.hysteresis_frac)",
        test="test_basis.py::test_once_told_it_is_told_until_it_is_well_inside",
    ),
    Mutation(
        rule="Every third settlement in a row halves a leg",
        file="funding_cap.py",
        before="record.above % policy.funding.settlements == 0",
        after="record.above % policy.funding.settlements != 0",
        test="test_funding_cap.py::test_every_third_settlement_in_a_row_halves_the_leg",
    ),
    Mutation(
        rule="A ceiling of funding ends only after three cheap settlements",
        file="funding_cap.py",
        before="one.below < policy.funding.settlements for",
        after="one.below > policy.funding.settlements for",
        test="test_funding_cap.py::test_three_settlements_below_half_the_cap_end_the_ceiling",
    ),
    Mutation(
        rule="A switch of contracts must save more than it costs",
        file="instrument_choice.py",
        before="saves > choice.margin *",
        after="saves < choice.margin *",
        test="test_instrument_choice.py::test_a_position_moves_when_that_pays_for_the_switch_twice",
    ),
    Mutation(
        rule="Costs are smoothed with what was before",
        file="instrument_choice.py",
        before="raw += (smoothed - raw) * kept",
        after="raw -= (smoothed - raw) * kept",
        test="test_instrument_choice.py::test_costs_are_smoothed_over_days",
    ),
    Mutation(
        rule="What nobody tells the cost of comes last",
        file="instrument_choice.py",
        before="return one.total_annual is None, ZERO",
        after="return one.total_annual is not None, ZERO",
        test="test_instrument_choice.py::test_what_is_not_known_is_not_taken_for_free",
    ),
    Mutation(
        rule="A stage begins when so much time is left, and not before",
        file="roll.py",
        before="if left <= policy.spread_before:",
        after="if left > policy.spread_before:",
        test="test_roll.py::test_the_stage_follows_from_the_time_that_is_left",
    ),
    Mutation(
        rule="A stage is never taken back",
        file="roll.py",
        before="_ORDER.index(stage) <= _ORDER.index(roll.stage)",
        after="_ORDER.index(stage) >= _ORDER.index(roll.stage)",
        test="test_roll.py::test_a_stage_is_told_once_and_never_taken_back",
    ),
    Mutation(
        rule="A position goes into the nearest of the later contracts",
        file="roll.py",
        before="nearest = min(later",
        after="nearest = max(later",
        test="test_roll.py::test_the_far_contract_is_the_next_expiry_and_else_the_perpetual",
    ),
    Mutation(
        rule="While far is ahead, near follows",
        file="roll_steps.py",
        before="sign(missing) == -sign(held)",
        after="sign(missing) == sign(held)",
        test="test_roll_steps.py::test_then_near_is_closed_by_as_much",
    ),
    Mutation(
        rule="No more goes back than was moved in",
        file="sweep.py",
        before="min(moved_in, to_spare)",
        after="max(moved_in, to_spare)",
        test="test_sweep.py::test_what_goes_back_is_not_asked_for_again",
    ),
    Mutation(
        rule="What goes back leaves ample room",
        file="sweep.py",
        before="policy.warn.distance_frac * _AMPLE",
        after="policy.warn.distance_frac / _AMPLE",
        test="test_sweep.py::test_ample_is_half_as_much_again_and_no_less_than_the_stress",
    ),
    Mutation(
        rule="Nothing goes back before a wallet has been calm for long",
        file="sweep.py",
        before="now - max(since, newest) >= policy.sweep_after",
        after="now - max(since, newest) <= policy.sweep_after",
        test="test_sweep.py::test_nothing_goes_back",
    ),
    Mutation(
        rule="A leap has to stand, also when nothing was heard for a while",
        file="leaps.py",
        before="now - since >= settle",
        after="now - since <= settle",
        test="test_leaps.py::test_a_leap_while_nothing_was_heard_has_to_stand_too",
    ),
    Mutation(
        rule="Pledged coins fall when the price falls",
        file="adverse.py",
        before="- wallet.pledged.get(asset, ZERO) * move",
        after="+ wallet.pledged.get(asset, ZERO) * move",
        test="test_adverse.py::test_a_short_of_pledged_coins_costs_only_what_they_do_not_cover",
    ),
    Mutation(
        rule="With pledged coins both ways are survived",
        file="adverse.py",
        before="return max(_at(asset",
        after="return min(_at(asset",
        test="test_adverse.py::test_a_short_of_pledged_coins_costs_only_what_they_do_not_cover",
    ),
    Mutation(
        rule="A short is helped by the coins of its asset, a long is not",
        file="liquidation.py",
        before="wallet.pledged.get(one.instrument.asset, ZERO) * sign(one.contracts)",
        after="wallet.pledged.get(one.instrument.asset, ZERO) * -sign(one.contracts)",
        test="test_adverse.py::test_one_leg_moves_with_the_coins_of_its_own_asset",
    ),
    Mutation(
        rule="What frees no margin is not cut",
        file="margin_ladder.py",
        before="if freed <= 0:",
        after="if freed < -size:",
        test="test_adverse.py::test_coins_that_only_their_short_stands_for_are_never_cut_for_the_short",
    ),
    Mutation(
        rule="Pledged coins are in every window of the stress",
        file="stress.py",
        before="if wallet.pledged:",
        after="if wallet.pledged and not wallet.holdings:",
        test="test_adverse.py::test_the_stress_rule_survives_every_window_with_the_coins_in_it",
    ),
)


def misfit_of(mutation: Mutation, tree: Path) -> str:
    """Return why a mutation does not fit the tree any more; empty when it does."""
    found = (tree / "bot" / "decisions" / mutation.file).read_text(encoding="utf-8").count(mutation.before)
    if found != 1:
        return f"{mutation.file}: {mutation.before!r} is there {found} times, not once"
    file, _, name = mutation.test.partition("::")
    if f"def {name}(" not in (tree / _DECISIONS / file).read_text(encoding="utf-8"):
        return f"{mutation.rule}: there is no test {mutation.test}"
    return ""


def _run(mutation: Mutation, tree: Path, target: str) -> str | None:
    """Return the first test that failed with the mutation in place; None when all passed.

    Raises:
        SystemExit: it does not fit.
    """
    if misfit := misfit_of(mutation, tree):
        sys.exit(misfit)
    path = tree / "bot" / "decisions" / mutation.file
    original = path.read_text(encoding="utf-8")
    path.write_text(original.replace(mutation.before, mutation.after), encoding="utf-8")
    try:
        # -B: a compiled file is known by its second and its size, which two mutations may share.
        ended = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", target],
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(original, encoding="utf-8")
    failed = re.search(r"^(?:FAILED|ERROR) tests/decisions/(\S+?)(?:\[| |$)", ended.stdout, re.MULTILINE)
    if ended.returncode == 1 and failed:
        return failed[1]
    if ended.returncode == 0:
        return None
    sys.exit(f"{mutation.rule}: pytest ended with {ended.returncode}\n{ended.stdout[-2000:]}")


def table() -> str:
    rows = "\n".join(f"| {one.rule} | `{one.file}`: {one.told} | `{one.test}` |" for one in MUTATIONS)
    return f"""# Rules turned round

Would a test notice? Each line changes one place of `bot/decisions/` in a copy of the tree, and the named test of
`tests/decisions/` fails for it. `python -m tests.mutations` runs them all and ends with 1 when a change survives;
`python -m tests.mutations --write` writes this file.

Two of them had survived at first. The synthetic dollar was checked in coins only, and a wrong sign in net exposure went
unseen there: the test now looks at the dollars, too. And no test had two venues to choose between.

| rule | mutation | test that catches it |
|---|---|---|
{rows}
"""


def main() -> int:
    """Run the mutations; return 1 when one survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write docs/mutations.md")
    parser.add_argument("--find", action="store_true", help="run all tests of the decisions, not only the named one")
    arguments = parser.parse_args()
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for name in _COPIED:
            source = ROOT / name
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, tree / name, ignore=ignored) if source.is_dir() else shutil.copy(
                source, tree / name
            )
        for mutation in MUTATIONS:
            target = _DECISIONS if arguments.find else f"{_DECISIONS}/{mutation.test}"
            caught = _run(mutation, tree, target)
            survivors += caught is None
            print(f"{'SURVIVED' if caught is None else 'caught  '}  {mutation.rule}: {caught or target}", flush=True)  # noqa: T201
    if arguments.write and not survivors:
        (ROOT / "docs" / "mutations.md").write_text(table(), encoding="utf-8")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
