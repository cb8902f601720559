# ruff: noqa: T201 - a report on the terminal
"""Does the bot keep its promises while everything goes wrong? Runs seeds, each a bot's life of its own.

``make simulate SEEDS=1-200 DAYS=2`` runs them on all cores. What fails is run again with ever fewer events, and told
with the one command that replays it.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.seeds.cells import Cells, rare, table
from tests.simulation.seeds.disturbances import NAMES
from tests.simulation.seeds.life import Life, Outcome
from tests.simulation.seeds.runs import find_shortest, run, scenario_of
from tests.simulation.seeds.scenario import CROWDED, USUAL, Density
from tests.simulation.seeds.story import told

#: A process that was killed in a run leaves what it was doing behind: a worker is replaced after so many runs.
_RUNS_PER_WORKER = 20
#: A fault that has met a state so often has been seen there.
_OFTEN = 100


def replay(seed: int, days: float, density: Density, events: int | None, first: datetime | None) -> int:
    """Tell the story of a run."""
    life = Life(scenario_of(seed, days, density, events))
    told(life, print, first)
    outcome = life.go()
    for sentence in outcome.wrong:
        print(f"WRONG {sentence}")
    return bool(outcome.wrong)


def _seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _outcomes(options: argparse.Namespace, console: Console) -> Iterator[tuple[int, Outcome, float]]:
    one = partial(run, days=options.days, density=_density(options))
    bar = Progress(
        TextColumn("seeds"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=console, transient=True
    )
    with bar, get_context("spawn").Pool(options.workers, maxtasksperchild=_RUNS_PER_WORKER) as pool:
        task = bar.add_task("seeds", total=len(options.seeds))
        for outcome in pool.imap_unordered(one, options.seeds):
            yield outcome
            bar.advance(task)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.seeds", description=__doc__)
    parser.add_argument("--seeds", type=_seeds, default="1-40", help="a seed, or the first and the last: 1-200")
    parser.add_argument("--days", type=float, default=1, help="days of trouble in each, before the calm")
    parser.add_argument("--crowded", action="store_true", help="more of it, and most of it aimed at what is seldom met")
    parser.add_argument(
        "--aim",
        action="append",
        default=[],
        metavar="CELL",
        help="let more of a cell happen, as it is named where few were met: 'outage/rolling'; as often as you like",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="append each outcome to this file, one JSON document a line")
    parser.add_argument("--replay", type=int, metavar="SEED", help="tell the story of one seed")
    parser.add_argument("--events", type=int, help="with --replay: no more than the first events")
    parser.add_argument("--since", type=datetime.fromisoformat, help="with --replay: 2024-03-29T06:00:00+00:00")
    parser.add_argument("--add-up", type=Path, nargs="+", metavar="FILE", help="only sum what --out has written")
    options = parser.parse_args()
    try:
        _density(options)
    except ValueError as failure:
        parser.error(str(failure))
    if options.add_up:
        sys.exit(add_up(options.add_up))
    if options.replay is not None:
        sys.exit(replay(options.replay, options.days, _density(options), options.events, options.since))
    sys.exit(simulate(options))


@dataclass(slots=True)
class Sum:
    """What runs add up to."""

    seeds: int = 0
    hours: float = 0
    #: Hours of which it is known what they took.
    timed_hours: float = 0
    cpu_seconds: float = 0
    events: int = 0
    processes: int = 0
    failed: int = 0
    cells: Cells = field(default_factory=Cells)

    def add(self, outcome: Outcome, cpu_seconds: float) -> None:
        """Count a run."""
        self.seeds += 1
        self.hours += outcome.hours
        self.timed_hours += outcome.hours if cpu_seconds else 0
        self.cpu_seconds += cpu_seconds
        self.events += outcome.events
        self.processes += outcome.processes
        self.failed += bool(outcome.wrong)
        self.cells.update(outcome.cells)

    def __str__(self) -> str:
        """The table of what met what, and the totals."""
        speed = f"{self.timed_hours / self.cpu_seconds:.1f}" if self.cpu_seconds else "?"
        return (
            f"{table(self.cells)}\n\n{rare(self.cells, NAMES, _OFTEN)}\n\n"
            f"{self.seeds:,} seeds, {self.hours:,.0f} simulated hours, {speed} per CPU second;\n"
            f"{self.events:,} disturbances, {self.processes:,} processes, {self.failed} seeds went wrong"
        )


def simulate(options: argparse.Namespace) -> int:
    """Run seeds, tell what went wrong, and count what was met; return 1 when anything did."""
    console, total = Console(stderr=True), Sum()
    for seed, outcome, seconds in _outcomes(options, console):
        total.add(outcome, seconds)
        if options.out is not None:
            _append(options.out, seed, options.days, outcome, seconds)
        if outcome.wrong:
            _tell(seed, options, outcome)
    print(total)
    return bool(total.failed)


def add_up(paths: Sequence[Path]) -> int:
    """Print what earlier runs add up to; a seed that is there twice counts once for each file."""
    total = Sum()
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            cells = Cells({tuple(cell.split("/")): count for cell, count in row["cells"].items()})
            fields = {one.name: row[one.name] for one in dataclasses.fields(Outcome)} | {"cells": cells}
            total.add(Outcome(**fields), row.get("cpu_seconds", 0))
    print(total)
    return 0


def _append(path: Path, seed: int, days: float, outcome: Outcome, cpu_seconds: float) -> None:
    fields: dict[str, Any] = asdict(outcome)
    fields["cells"] = {f"{kind}/{state}": count for (kind, state), count in outcome.cells.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"seed": seed, "days": days, "cpu_seconds": round(cpu_seconds, 2)} | fields) + "\n")


def _density(options: argparse.Namespace) -> Density:
    return (CROWDED if options.crowded else USUAL).aimed_at(options.aim)


def _tell(seed: int, options: argparse.Namespace, outcome: Outcome) -> None:
    print(f"seed {seed} went wrong:")
    for sentence in outcome.wrong[:5]:
        print(f"    {sentence}")
    events = find_shortest(seed, options.days, _density(options))
    cut = "" if events is None else f" --events {events}"
    how = " --crowded" if options.crowded else ""
    how += "".join(f" --aim '{pair}'" for pair in options.aim)
    print(f"    its first {events} events are enough; to see what happens:")
    print(f"    python -m tests.simulation.seeds --days {options.days:g}{how} --replay {seed}{cut}", flush=True)


if __name__ == "__main__":
    main()
