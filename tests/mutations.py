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
        before="profit = -snapshot.books",
        after="profit = +snapshot.books",
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
        before="contracts = instrument.floor_contracts(_at_most_one_order(wanted, instrument))",
        after="contracts = ceil_to_step(_at_most_one_order(wanted, instrument), instrument.lot_size)",
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
        file="margin.py",
        before="-stress_frac * direction for",
        after="stress_frac * direction for",
        test="test_margin.py::test_a_linear_leg_moves_against_us",
    ),
    Mutation(
        rule="A window is left out only when no leg loses more in it",
        file="margin.py",
        before="move * direction >= reference * direction",
        after="move * direction <= reference * direction",
        test="test_margin.py::test_leaving_out_harmless_windows_changes_nothing",
    ),
    Mutation(
        rule="Maintenance is asked for several times over",
        file="margin.py",
        before="return left - needed * multiple",
        after="return left - needed / multiple",
        test="test_margin.py::test_a_linear_leg_moves_against_us",
    ),
    Mutation(
        rule="Maintenance of a short grows as it loses",
        file="margin.py",
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
        before="ceil_to_step(max(wanted, farthest), tick)",
        after="ceil_to_step(min(wanted, farthest), tick)",
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
        before="paid_annual = funding.rate *",
        after="paid_annual = -funding.rate *",
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
)


def _run(mutation: Mutation, tree: Path, target: str) -> str | None:
    """Return the first test that failed with the mutation in place; None when all passed.

    Raises:
        SystemExit: the place to change is not there exactly once.
    """
    path = tree / "bot" / "decisions" / mutation.file
    original = path.read_text(encoding="utf-8")
    if original.count(mutation.before) != 1:
        sys.exit(f"{mutation.file}: {mutation.before!r} is there {original.count(mutation.before)} times, not once")
    path.write_text(original.replace(mutation.before, mutation.after), encoding="utf-8")
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", target],
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


def _table() -> str:
    rows = "\n".join(f"| {one.rule} | `{one.file}`: {one.told} | `{one.test}` |" for one in MUTATIONS)
    return f"""# Rules turned round

Would a test notice? Each line changes one place of `bot/decisions/` in a copy of the tree, and the named test of
`tests/decisions/` fails for it. `python -m tests.mutations` runs them all and ends with 1 when a change survives;
`python -m tests.mutations --write` writes this file.

One of them had survived its test at first: the synthetic dollar was checked in coins only, and a wrong sign in net
exposure went unseen there. The test now looks at the dollars, too.

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
        (ROOT / "docs" / "mutations.md").write_text(_table(), encoding="utf-8")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
