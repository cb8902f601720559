# ruff: noqa: T201 - a report on the terminal
"""Does the bot keep its promises while everything goes wrong? Runs seeds, each a bot's life of its own.

``make simulate SEEDS=1-200 DAYS=2`` runs them on all cores. What fails is run again with ever fewer events, and told
with the one command that replays it.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
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
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="append each outcome to this file, one JSON document a line")
    parser.add_argument("--replay", type=int, metavar="SEED", help="tell the story of one seed")
    parser.add_argument("--events", type=int, help="with --replay: no more than the first events")
    parser.add_argument("--since", type=datetime.fromisoformat, help="with --replay: 2024-03-29T06:00:00+00:00")
    options = parser.parse_args()
    if options.replay is not None:
        sys.exit(replay(options.replay, options.days, _density(options), options.events, options.since))
    sys.exit(simulate(options))


def simulate(options: argparse.Namespace) -> int:
    """Run seeds, tell what went wrong, and count what was met; return 1 when anything did."""
    console = Console(stderr=True)
    cells: Cells = Cells()
    hours = cpu_seconds = 0.0
    processes = events = 0
    failed = []
    for seed, outcome, seconds in _outcomes(options, console):
        cells.update(outcome.cells)
        hours, cpu_seconds = hours + outcome.hours, cpu_seconds + seconds
        processes, events = processes + outcome.processes, events + outcome.events
        if options.out is not None:
            _append(options.out, seed, options.days, outcome)
        if outcome.wrong:
            failed.append(seed)
            _tell(seed, options, outcome)
    print(table(cells))
    print(f"\n{rare(cells, NAMES, _OFTEN)}")
    speed = hours / max(cpu_seconds, 1e-9)
    print(f"\n{len(options.seeds)} seeds, {hours:,.0f} simulated hours, {speed:.1f} per CPU second;")
    print(f"{events:,} disturbances, {processes:,} processes, {len(failed)} seeds went wrong")
    return bool(failed)


def _append(path: Path, seed: int, days: float, outcome: Outcome) -> None:
    fields: dict[str, Any] = asdict(outcome)
    fields["cells"] = {f"{kind}/{state}": count for (kind, state), count in outcome.cells.items()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"seed": seed, "days": days} | fields) + "\n")


def _density(options: argparse.Namespace) -> Density:
    return CROWDED if options.crowded else USUAL


def _tell(seed: int, options: argparse.Namespace, outcome: Outcome) -> None:
    print(f"seed {seed} went wrong:")
    for sentence in outcome.wrong[:5]:
        print(f"    {sentence}")
    events = find_shortest(seed, options.days, _density(options))
    cut = "" if events is None else f" --events {events}"
    how = " --crowded" if options.crowded else ""
    print(f"    its first {events} events are enough; to see what happens:")
    print(f"    python -m tests.simulation.seeds --days {options.days:g}{how} --replay {seed}{cut}", flush=True)


if __name__ == "__main__":
    main()
