# ruff: noqa: T201 - a report on the terminal
"""Run seeds: ``python -m tests.simulation.seeds --seeds 1-50 --days 2``."""

import argparse
from concurrent.futures import ProcessPoolExecutor, as_completed

import structlog

from tests.simulation.seeds.cells import Cells, table
from tests.simulation.seeds.life import Life, Outcome
from tests.simulation.seeds.scenario import draw


def run(seed: int, days: float, events: int | None = None) -> Outcome:
    """Run a seed, or no more than its first events."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    scenario = draw(seed, days)
    return Life(scenario if events is None else scenario.cut(events)).go()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1-20")
    parser.add_argument("--days", type=float, default=1)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    cells: Cells = Cells()
    hours = 0.0
    bad = 0
    with ProcessPoolExecutor(options.workers, max_tasks_per_child=20) as pool:
        runs = {pool.submit(run, seed, options.days): seed for seed in range(int(first), int(last or first) + 1)}
        for one in as_completed(runs):
            seed = runs[one]
            try:
                outcome = one.result()
            except Exception as failure:  # noqa: BLE001
                print(f"seed {seed}: BROKE {type(failure).__name__}: {failure}")
                bad += 1
                continue
            cells.update(outcome.cells)
            hours += outcome.hours
            print(
                seed,
                outcome.hours,
                outcome.events,
                outcome.processes,
                outcome.looks,
                outcome.orders,
                len(outcome.wrong),
            )
            for sentence in outcome.wrong[:4]:
                print("    ", sentence)
            bad += bool(outcome.wrong)
    print(table(cells))
    print(hours, "hours", bad, "bad")


if __name__ == "__main__":
    main()
