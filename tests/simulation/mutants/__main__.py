# ruff: noqa: T201 - a report on the terminal
"""Can the checker see? Plants one mistake after another, and says which seed saw it.

``make mutants`` runs them all on all cores, each on seeds 1, 2, 3, … until one goes wrong, and then the same seeds
without any mistake. It ends with 1 when a mistake goes unseen, or when the seeds complain without one.
"""

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.simulation.mutants.patches import Mutant, PatchError, all_mutants, changed
from tests.simulation.mutants.trees import ROOT, Finding, copied, end_all, first_wrong, tree_digest

PAGE = ROOT / "docs" / "mutants.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one mistake."""

    mutant: Mutant
    finding: Finding

    @property
    def is_caught(self) -> bool:
        """True when a seed has said what was expected."""
        return self.finding.seed is not None and self.mutant.is_heard_in(self.finding.complaints)

    @property
    def complaint(self) -> str:
        """The words that were expected, or else the first that were said."""
        said = self.finding.complaints
        heard = [sentence for sentence in said if self.mutant.is_heard_in([sentence])]
        return (heard or said or ["nothing"])[0]

    def __str__(self) -> str:
        """One line for the terminal."""
        finding = self.finding
        if finding.seed is None:
            return f"MISSED  {self.mutant.name}: {finding.taken} seeds saw nothing"
        what = "caught" if self.is_caught else "OTHER "
        return f"{what}  {self.mutant.name}: seed {finding.seed}, after {finding.taken}: {self.complaint}"


def judge(mutant: Mutant, *, limit: int, days: float, on_seed: Callable[[], None] = lambda: None) -> Verdict:
    """Run seeds with a mistake until one goes wrong."""
    with copied(mutant) as tree:
        return Verdict(mutant=mutant, finding=first_wrong(tree, range(1, limit + 1), days, on_seed, mutant.needs))


def control(seeds: range, *, days: float) -> Finding:
    """Run seeds without any mistake."""
    with copied(None) as tree:
        return first_wrong(tree, seeds, days)


class Results:
    """What has been found before, in a file: the same patch is not run again for the same days."""

    def __init__(self, path: Path | None, days: float) -> None:
        self._path = path
        self._days = days
        self._tree = tree_digest()
        lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.is_file() else []
        kept = [one for one in (json.loads(line) for line in lines) if one["days"] == days]
        self._known = {(one["mutant"], one["digest"]): one["finding"] for one in kept if "mutant" in one}
        #: Seeds that are clean in the tree as it is.
        self.clean = {one["seed"] for one in kept if one.get("tree") == self._tree}

    def of(self, mutant: Mutant) -> Verdict | None:
        """Return what was found about a mistake; None when it was not run, or not caught."""
        found = self._known.get((mutant.name, mutant.digest))
        verdict = None if found is None else Verdict(mutant=mutant, finding=Finding(**found))
        return verdict if verdict is not None and verdict.is_caught else None

    def keep(self, verdict: Verdict) -> None:
        """Write down what was found."""
        if self._path is not None:
            mutant = verdict.mutant
            line = {"mutant": mutant.name, "digest": mutant.digest, "days": self._days}
            self._append(line | {"finding": asdict(verdict.finding)})

    def keep_clean(self, seed: int) -> None:
        """Write down that a seed complains about nothing where no mistake is."""
        self._append({"seed": seed, "tree": self._tree, "days": self._days})

    def _append(self, line: dict[str, object]) -> None:
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def page(verdicts: list[Verdict], days: float, clean: int, commit: str | None = None) -> str:
    """Return the table as a page of the documentation."""
    rows = "\n".join(
        f"| `{one.mutant.name}` | {one.mutant.mistake} | {one.finding.seed if one.is_caught else '**missed**'} |"
        f" {one.finding.taken} | {'' if one.is_caught else _of_missed(one)}{_undated(one.complaint)} |"
        for one in verdicts
    )
    most = max((one.finding.taken for one in verdicts), default=0)
    total, missed = sum(one.finding.taken for one in verdicts), sum(not one.is_caught for one in verdicts)
    found_with = "" if commit is None else f" Found in one run with the bot of commit `{commit}`."
    return f"""# Planted mistakes

Can the simulation's checker see? Each line is a mistake that other trading bots have made, kept as a small patch in
`tests/simulation/mutants/`. It is put into a copy of the tree, and seeds of {days:g} day are run there, 1, 2, 3, …,
until one goes wrong with the words that the patch names. Seeds in which nothing happens that the mistake is about are
passed over: where there is no flatten, a wrong flatten changes nothing. A run ends at its first complaint. This page is
written by `python -m tests.simulation.mutants --markdown`; `make mutants` prints the same, and ends with 1 when a
mistake goes unseen.

What a seed leads to changes with every change of the bot, since its calls take time by chance: a line holds for the bot
that it was found with, and with another one a later seed may be the first to see it. With `--results FILE` lines that
were found before are kept, also of a bot that has changed since; a run without it finds all of them anew.

{len(verdicts)} mistakes, {missed} of them missed, {total} seeds run; the hardest took {most}.
Without a mistake the same seeds, 1 to {clean},
complain about nothing.{found_with}

| mutant | the mistake | seed that caught it | seeds run | complaint |
|---|---|---|---|---|
{rows}
"""


def _of_missed(verdict: Verdict) -> str:
    """Say which seed complained about something else, where one did: words that were not expected count as missed."""
    seed = verdict.finding.seed
    return "" if seed is None else f"seed {seed}, in other words: "


def _undated(sentence: str) -> str:
    first, _, rest = sentence.partition(" ")
    told = rest if first[:4].isdigit() and "T" in first else sentence
    return told.replace("|", "\\|")


def _verdicts(mutants: list[Mutant], options: argparse.Namespace, bar: Progress) -> Iterator[Verdict]:
    task = bar.add_task("mutants", total=len(mutants))
    runs = bar.add_task("seeds run", total=None)
    with ThreadPoolExecutor(options.workers) as pool:
        futures: list[Future[Verdict]] = [
            pool.submit(judge, one, limit=options.limit, days=options.days, on_seed=lambda: bar.advance(runs))
            for one in mutants
        ]
        try:
            for future in as_completed(futures):
                yield future.result()
                bar.advance(task)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()


def _control(most: int, results: Results, options: argparse.Namespace, bar: Progress) -> list[str]:
    """Run the seeds that were needed without a mistake, and return what they complain about."""
    seeds = [seed for seed in range(1, most + 1) if seed not in results.clean]
    task = bar.add_task("control", total=len(seeds))
    wrong = []
    with ThreadPoolExecutor(options.workers) as pool:
        futures = {pool.submit(control, range(seed, seed + 1), days=options.days): seed for seed in seeds}
        try:
            for future in as_completed(futures):
                found = future.result()
                bar.advance(task)
                if found.seed is None:
                    results.keep_clean(futures[future])
                else:
                    wrong.append(f"seed {found.seed}: {found.complaints[0]}")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
    return wrong


def run(options: argparse.Namespace) -> int:
    """Run what is asked for, tell, and return the exit code."""
    mutants = [one for one in all_mutants() if not options.only or one.name in options.only]
    unknown = set(options.only) - {one.name for one in mutants}
    if unknown:
        print(f"there is no mutant {', '.join(sorted(unknown))}")
        return 2
    for mutant in mutants:
        changed(mutant, ROOT)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    results = Results(options.results, options.days)
    verdicts = [known for one in mutants if (known := results.of(one)) is not None]
    left = [one for one in mutants if results.of(one) is None]
    with Progress(*columns, console=console, transient=True) as bar:
        for verdict in verdicts:
            print(f"{verdict} (found before)")
        for verdict in _verdicts(left, options, bar):
            verdicts.append(verdict)
            results.keep(verdict)
            print(verdict, flush=True)
        verdicts.sort(key=lambda one: one.mutant.name)
        missed = [one for one in verdicts if not one.is_caught]
        most = max((one.finding.seed or options.limit for one in verdicts), default=0)
        wrong = [] if options.without_control else _control(most, results, options, bar)
    for sentence in wrong:
        print(f"WRONG without a mistake: {sentence}")
    taken = sum(one.finding.taken for one in verdicts)
    print(f"\n{len(verdicts)} mutants, {len(missed)} missed, {taken} seeds", end="")
    print("" if options.without_control else f"; without a mistake {len(wrong)} of {most} seeds complain")
    if options.markdown is not None and not wrong:
        options.markdown.write_text(page(verdicts, options.days, most, options.commit), encoding="utf-8")
    return 1 if missed or wrong else 0


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="one mutant; may be repeated")
    parser.add_argument("--limit", type=int, default=40, help="give up on a mutant after so many seeds")
    parser.add_argument("--days", type=float, default=1, help="days of trouble in each seed")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--without-control", action="store_true", help="leave out the seeds without a mistake")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="keep what is found there, and do not run it again"
    )
    parser.add_argument(
        "--markdown", type=Path, nargs="?", const=PAGE, metavar="FILE", help="write the table (docs/mutants.md)"
    )
    parser.add_argument("--commit", help="with --markdown: the commit that it is run on, to be named on the page")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(run(options))
    except PatchError as failure:
        print(failure)
        sys.exit(1)


if __name__ == "__main__":
    main()
