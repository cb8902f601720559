# ruff: noqa: T201 - what it prints is read by its parent
"""Which seed goes wrong first? Runs in the tree that it lies in, and prints one JSON document for each seed.

``python -m tests.simulation.mutants.seeds_until_wrong --seeds 1-10 --days 1``
"""

import argparse
import json
import resource
import traceback
from pathlib import Path

import bot
from tests.simulation.seeds.life import Life
from tests.simulation.seeds.runs import silence
from tests.simulation.seeds.scenario import draw

#: A mistake may keep a run from coming to its end: the kernel ends it.
_CPU_SECONDS_PER_SEED = 150


def complaints(seed: int, days: float) -> list[str]:
    """Return what is wrong with a seed, as far as the first complaint; nothing when all is well."""
    try:
        return Life(draw(seed, days), stops_early=True).go().wrong
    except Exception as failure:  # noqa: BLE001 - a mistake may end a run in any way
        where = traceback.extract_tb(failure.__traceback__)[-1]
        return [f"the run ended: {type(failure).__name__}: {failure} ({Path(where.filename).name}:{where.lineno})"]


def tells(seed: int, days: float, needs: set[str]) -> bool:
    """Return True when a seed has one of the flavours or disturbances that are needed."""
    scenario = draw(seed, days)
    return bool(needs & ({scenario.flavour} | {event.kind for event in scenario.timeline}))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", required=True, help="the first and the last: 1-10")
    parser.add_argument("--days", type=float, required=True)
    parser.add_argument("--needs", action="append", default=[], help="pass over seeds without this event or flavour")
    options = parser.parse_args()
    if Path(bot.__file__).resolve().parents[1] != Path(__file__).resolve().parents[3]:
        raise SystemExit(f"the bot of another tree would be run: {bot.__file__}")
    silence()
    first, _, last = options.seeds.partition("-")
    for seed in range(int(first), int(last) + 1):
        if options.needs and not tells(seed, options.days, set(options.needs)):
            continue
        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = int(used.ru_utime + used.ru_stime) + _CPU_SECONDS_PER_SEED
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
        wrong = complaints(seed, options.days)
        print(json.dumps({"seed": seed, "wrong": wrong}), flush=True)
        if wrong:
            break


if __name__ == "__main__":
    main()
