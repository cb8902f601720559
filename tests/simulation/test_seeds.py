"""Does the bot keep its promises while everything goes wrong? A quick set; ``make simulate`` runs any number."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.simulation.seeds.__main__ import main
from tests.simulation.seeds.cells import Cells, State, cells_that_matter, rare, table
from tests.simulation.seeds.disturbances import DISTURBANCES
from tests.simulation.seeds.life import Outcome
from tests.simulation.seeds.scenario import CALM, CROWDED, USUAL, Scenario, draw
from tests.simulation.seeds.shrink import shortest

pytestmark = pytest.mark.seconds(150)

SEEDS = "1-18"
DAYS = 1.0


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Run the quick set twice over its first seeds."""
    out: Path = tmp_path_factory.mktemp("seeds") / "outcomes.jsonl"
    for seeds in (SEEDS, "1-2"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["seeds", "--seeds", seeds, "--days", str(DAYS), "--out", str(out)])
            with pytest.raises(SystemExit):
                main()
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    # How long it takes is not the seed's to decide.
    return [{name: value for name, value in row.items() if name != "cpu_seconds"} for row in rows]


def test_no_seed_goes_wrong(outcomes: list[dict[str, object]]) -> None:
    assert {one["seed"]: one["wrong"] for one in outcomes if one["wrong"]} == {}


def test_every_flavour_trades_and_is_killed_and_goes_on(outcomes: list[dict[str, object]]) -> None:
    for one in outcomes:
        assert one["hours"] == pytest.approx(24 + CALM / timedelta(hours=1), abs=0.1)
        assert int(str(one["orders"])) > 5
    assert sum(int(str(one["processes"])) for one in outcomes) > 10 * len(outcomes)


def test_nearly_everything_that_can_go_wrong_does(outcomes: list[dict[str, object]]) -> None:
    met = {cell.partition("/")[0] for one in outcomes for cell in dict(one["cells"])}  # type: ignore[call-overload]  # JSON
    assert len(met) >= len(DISTURBANCES) - 2, set(DISTURBANCES) - met
    states = {cell.partition("/")[2] for one in outcomes for cell in dict(one["cells"])}  # type: ignore[call-overload]
    assert states >= set(State)


def test_a_seed_decides_everything(outcomes: list[dict[str, object]]) -> None:
    by_seed = Counter(str(one["seed"]) for one in outcomes)
    twice = [[one for one in outcomes if str(one["seed"]) == seed] for seed, times in by_seed.items() if times > 1]
    assert len(twice) == 2
    assert all(first == second for first, second in twice)


def test_a_timeline_that_is_cut_leaves_what_comes_before_as_it_was() -> None:
    scenario = draw(7, DAYS)
    cut = scenario.cut(5)
    assert cut.timeline == scenario.timeline[:5]
    assert (cut.config, cut.policy, cut.ends_at) == (scenario.config, scenario.policy, scenario.ends_at)


def _outcome(*wrong: str) -> Outcome:
    return Outcome(
        wrong=list(wrong), cells=Cells(), hours=1, events=1, processes=1, looks=1, orders=1, checked=1, digest=""
    )


@pytest.mark.parametrize("needed", [0, 1, 17, 60])
def test_the_shortest_timeline_that_fails_is_found(needed: int) -> None:
    def live(scenario: Scenario) -> Outcome:
        return _outcome("bad") if len(scenario.timeline) >= needed else _outcome()

    assert shortest(draw(3, DAYS), live) == needed


def test_what_goes_well_has_no_shortest_timeline() -> None:
    assert shortest(draw(3, DAYS), lambda _: _outcome()) is None


def test_the_table_has_a_row_for_each_fault_and_a_column_for_each_state() -> None:
    lines = table(Cells({("outage", State.HALTED): 3, ("killed", State.PLAIN): 1200})).splitlines()
    assert lines[2].startswith("| killed |")
    assert lines[2].endswith("| 1,200 |")
    assert len(lines) == 4


def test_cells_that_were_seldom_met_are_named() -> None:
    cells = Cells(dict.fromkeys(cells_that_matter(["outage"]), 100))
    assert rare(cells, ["outage"], 100) == "8 of 8 cells were met at least 100 times"
    cells["outage", State.ROLLING] = 3
    assert rare(cells, ["outage"], 100).endswith(
        "7 of 8 cells were met at least 100 times; less often: outage/rolling 3"
    )


def test_what_cannot_be_does_not_matter() -> None:
    assert len(cells_that_matter(["restarted"])) == 7


def test_crowded_seeds_have_more_of_it_and_most_of_it_waits_for_its_moment() -> None:
    usual, crowded = (draw(seed, DAYS, density) for seed, density in ((3, USUAL), (3, CROWDED)))
    assert len(crowded.timeline) > 1.3 * len(usual.timeline)
    assert sum(event.aim is not None for event in crowded.timeline) > 0.6 * len(crowded.timeline)


def test_what_was_seldom_met_can_be_aimed_at() -> None:
    aimed = draw(3, DAYS, CROWDED.aimed_at(["outage/rolling"]))
    met = [event for event in aimed.timeline if (event.kind, event.aim) == ("outage", State.ROLLING)]
    assert len(met) > 0.25 * len(aimed.timeline)
    assert draw(3, DAYS, CROWDED.aimed_at([])) == draw(3, DAYS, CROWDED)


@pytest.mark.parametrize("cell", ["outage", "outage/at lunch", "rain/rolling"])
def test_what_is_no_cell_is_said_to_be_none(cell: str) -> None:
    with pytest.raises(ValueError, match=r"is no cell; one is .*/rolling"):
        CROWDED.aimed_at([cell])
