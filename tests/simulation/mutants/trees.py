"""Which seed sees a mistake? Runs seeds in a copy of the tree that has it, one after another."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulation.mutants.patches import Mutant, put_in

ROOT = Path(__file__).resolve().parents[3]
_COPIED = ("bot", "tests", "pyproject.toml")
#: Processes that were killed in a run leave what they were doing behind: so many runs, and a new process.
_SEEDS_PER_PROCESS = 10
_running: set["subprocess.Popen[str]"] = set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What seeds have said about a tree."""

    #: The one that went wrong; None when none did.
    seed: int | None
    #: How many were run.
    taken: int
    complaints: list[str]


def tree_digest() -> str:
    """What tells one state of the bot, and of the simulation, from another."""
    digest = hashlib.sha256()
    for folder in (ROOT / "bot", ROOT / "tests" / "simulation" / "seeds"):
        for file in sorted(folder.rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def copied(mutant: Mutant | None) -> Iterator[Path]:
    """Copy bot and tests for as long as it takes, with a mistake in them.

    Raises:
        PatchError: the patch does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "data"))
            else:
                shutil.copy(source, tree / name)
        if mutant is not None:
            put_in(mutant, tree)
        yield tree


def first_wrong(
    tree: Path,
    seeds: range,
    days: float,
    on_seed: Callable[[], None] = lambda: None,
    needs: tuple[str, ...] = (),
) -> Finding:
    """Run seeds in a tree until one goes wrong; those are passed over that have nothing of what is needed."""
    taken = 0
    for first in range(seeds.start, seeds.stop, _SEEDS_PER_PROCESS):
        last = min(first + _SEEDS_PER_PROCESS, seeds.stop) - 1
        for seed, wrong in _said(tree, first, last, days, needs):
            taken += 1
            on_seed()
            if wrong:
                return Finding(seed=seed, taken=taken, complaints=wrong)
    return Finding(seed=None, taken=taken, complaints=[])


def _said(tree: Path, first: int, last: int, days: float, needs: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield what a process says of each seed; one that it ends in is wrong, too."""
    # -B: a compiled file is known by its second and its size, which two mistakes may share.
    command = [sys.executable, "-B", "-m", "tests.simulation.mutants.seeds_until_wrong"]
    command += ["--seeds", f"{first}-{last}", "--days", f"{days:g}"]
    command += [f"--needs={one}" for one in needs]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    child = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _running.add(child)
    seed = first - 1
    try:
        assert child.stdout is not None
        assert child.stderr is not None
        for line in child.stdout:
            said = json.loads(line)
            seed = said["seed"]
            yield seed, said["wrong"]
        told = child.stderr.read().strip().rpartition("\n")[2]
        if child.wait() != 0:
            yield seed + 1, [f"the process ended with {child.returncode}: {told}"]
    finally:
        child.kill()
        child.communicate()
        _running.discard(child)


def end_all() -> None:
    """End what still runs: nobody is left behind when whoever asked has gone."""
    for child in list(_running):
        child.kill()
