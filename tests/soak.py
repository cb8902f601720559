# ruff: noqa: T201 - a report on the terminal
"""Does anything grow that should not? ``make soak MINUTES=60``.

The real daemon in paper mode, a process of its own, at 3600 × on the model market: an hour of wall time is 150 days of
the market. Once a minute its memory, open files, threads, tasks and journal are read. The first half is left out of the
judgement, as warming up; through the second half a line is laid by least squares.

**Flat** means: along that line memory would change by less than 2 % of its median in an hour, and open files,
threads and tasks by less than one. The journal grows, of course: how much a year of the market adds is told.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bot.adapters.journal.care import JOURNAL_FILE
from bot.adapters.web.folder import TOKEN_FILE, read_address

_FLAT_SHARE = 0.02
_FLAT_COUNT = 1.0
_HOUR = 3600.0
_YEAR_DAYS = 365.0
_START_SECONDS = 300.0
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was read at one moment."""

    wall_seconds: float
    market_days: float
    resident_mb: float
    open_files: int
    threads: int
    tasks: int
    facts: int
    journal_mb: float
    cpu_seconds: float
    #: Whether it said that it is ready.
    is_ready: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How one figure went through the second half."""

    name: str
    median: float
    an_hour: float
    bound: float

    @property
    def is_flat(self) -> bool:
        """True when it goes nowhere."""
        return abs(self.an_hour) < self.bound


def judge(samples: Sequence[Sample]) -> list[Line]:
    """Return how each figure that should be flat went through the second half."""
    late = [one for one in samples if one.wall_seconds >= samples[-1].wall_seconds / 2]
    hours = [one.wall_seconds / _HOUR for one in late]
    lines = []
    for name in ("resident_mb", "open_files", "threads", "tasks"):
        values = [float(getattr(one, name)) for one in late]
        middle = median(values)
        bound = middle * _FLAT_SHARE if name == "resident_mb" else _FLAT_COUNT
        slope = linear_regression(hours, values).slope if len(late) > 1 else 0.0
        lines.append(Line(name=name, median=middle, an_hour=slope, bound=bound))
    return lines


def growth_a_year(samples: Sequence[Sample]) -> tuple[float, float]:
    """Return MB and facts that a year of the market adds to the journal, by the second half."""
    late = [one for one in samples if one.wall_seconds >= samples[-1].wall_seconds / 2]
    days = late[-1].market_days - late[0].market_days
    if not days:
        return 0.0, 0.0
    size, facts = late[-1].journal_mb - late[0].journal_mb, late[-1].facts - late[0].facts
    return size / days * _YEAR_DAYS, facts / days * _YEAR_DAYS


class Soaked:
    """A daemon that is watched from outside."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        own = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
        environ = own | settings | {"TRIMTAB_DATA_DIR": str(folder / "data"), "TRIMTAB_HTTP__PORT": "0"}
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"], env=environ, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._began = time.monotonic()
        self._market_began: datetime | None = None
        self._url, self._token = self._wait_for_address()

    def _wait_for_address(self) -> tuple[str, str]:
        data = self._folder / "data"
        while time.monotonic() - self._began < _START_SECONDS and self._process.poll() is None:
            address = read_address(data) if data.exists() else None
            if address is not None and address.pid == self._process.pid:
                return address.url, (data / TOKEN_FILE).read_text(encoding="ascii").strip()
            time.sleep(0.1)
        raise SystemExit(f"the daemon has not come up:\n{self.last_words()}")

    def _ask(self, path: str) -> str:
        asked = urllib.request.Request(self._url + path, headers={"Authorization": f"Bearer {self._token}"})  # noqa: S310 - loopback
        with urllib.request.urlopen(asked, timeout=30) as reply:  # noqa: S310 - as above
            text: str = reply.read().decode()
        return text

    def sample(self) -> Sample:
        """Read everything once; the open files first, before asking opens a socket."""
        process = Path(f"/proc/{self._process.pid}")
        open_files = len(list((process / "fd").iterdir()))
        status: dict[str, Any] = json.loads(self._ask("/api/v1/status"))
        figures = dict(_figures(self._ask("/metrics")))
        now = datetime.fromisoformat(status["at"])
        self._market_began = self._market_began or now
        rows = dict(row.split(":", 1) for row in (process / "status").read_text(encoding="utf-8").splitlines())
        ticks = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        files = [self._folder / "data" / f"{JOURNAL_FILE}{end}" for end in ("", "-wal")]
        return Sample(
            wall_seconds=time.monotonic() - self._began,
            market_days=(now - self._market_began).total_seconds() / 86_400,
            resident_mb=int(rows["VmRSS"].split()[0]) / 1024,
            open_files=open_files,
            threads=int(rows["Threads"]),
            tasks=int(figures["bot_tasks"]),
            facts=status["journal"]["sequence"],
            journal_mb=sum(file.stat().st_size for file in files if file.exists()) / _MB,
            cpu_seconds=(int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"),
            is_ready=status["is_ready"],
        )

    @property
    def is_alive(self) -> bool:
        """True while it runs."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """Return the end of its log."""
        self._log.flush()
        return (self._folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def end(self) -> int:
        """Let it end in good order, and return its exit code."""
        self._process.terminate()
        try:
            code = self._process.wait(timeout=60)
        finally:
            self._log.close()
        return code


def _figures(text: str) -> Iterator[tuple[str, float]]:
    for row in text.splitlines():
        if not row.startswith("#") and "{" not in row:
            name, _, value = row.partition(" ")
            yield name, float(value)


def soak(soaked: Soaked, minutes: float, every_seconds: float) -> list[Sample]:
    """Watch for so long."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    samples = []
    with bar:
        task = bar.add_task("soak", total=minutes * 60)
        began = time.monotonic()
        for number in range(int(minutes * 60 / every_seconds) + 1):
            due = began + number * every_seconds
            while (left := due - time.monotonic()) > 0:
                time.sleep(min(1.0, left))
                bar.update(task, completed=time.monotonic() - began)
            if not soaked.is_alive:
                raise SystemExit(f"the daemon ended by itself:\n{soaked.last_words()}")
            one = soaked.sample()
            samples.append(one)
            bar.update(task, description=f"day {one.market_days:.0f}, {one.resident_mb:.0f} MB, {one.facts} facts")
    return samples


def kinds_of(journal: Path) -> list[tuple[str, int, int]]:
    """Return each kind of fact, how many there are and their bytes, the most first."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as connection:
        query = "SELECT kind, count(*), sum(length(payload)) FROM facts GROUP BY kind ORDER BY 3 DESC"
        return [(str(kind), int(count), int(size)) for kind, count, size in connection.execute(query)]


def tell(samples: Sequence[Sample], kinds: Sequence[tuple[str, int, int]]) -> bool:
    """Print table and verdict; return whether everything is flat."""
    print("  wall min  market d   RSS MB  files threads tasks     facts  journal MB  CPU s  ready")
    step = max(1, len(samples) // 30)
    for one in [*samples[:-1:step], samples[-1]]:
        ready = "yes" if one.is_ready else "no"
        print(
            f"{one.wall_seconds / 60:10.1f}{one.market_days:10.1f}{one.resident_mb:9.1f}{one.open_files:7}"
            f"{one.threads:8}{one.tasks:6}{one.facts:10}{one.journal_mb:12.2f}{one.cpu_seconds:7.0f}  {ready}"
        )
    print(f"\nflat: along the line, RSS moves less than {_FLAT_SHARE:.0%} in an hour, the rest less than 1")
    lines = judge(samples)
    for line in lines:
        print(
            f"  {line.name:12} median {line.median:8.1f}   {line.an_hour:+8.3f} an hour (bound {line.bound:.2f})"
            f"   {'flat' if line.is_flat else 'NOT FLAT'}"
        )
    size, facts = growth_a_year(samples)
    print(f"  journal      {size:.1f} MB and {facts:,.0f} facts a year of the market, by the second half")
    total = sum(one[2] for one in kinds) or 1
    for kind, count, stored in kinds[:10]:
        print(f"    {kind:20} {count:8} facts {stored / _MB:9.2f} MB of payload  {stored / total:6.1%}")
    return all(line.is_flat for line in lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=60, metavar="SECONDS", help="between two samples")
    parser.add_argument("--speed", default="3600", help="seconds of the market in a second")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the daemon")
    parser.add_argument("--out", type=Path, help="write samples and verdict to this file, as JSON")
    parser.add_argument("--keep", type=Path, help="leave data folder and log here")
    options = parser.parse_args()
    settings = {"TRIMTAB_PAPER__SPEED": options.speed, "TRIMTAB_PAPER__MARKET": "model", "TRIMTAB_LOG_FORMAT": "json"}
    settings |= dict(one.split("=", 1) for one in options.set)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        soaked = Soaked(folder, settings)
        try:
            samples = soak(soaked, options.minutes, options.every)
        finally:
            code = soaked.end()
        kinds = kinds_of(folder / "data" / JOURNAL_FILE)
    is_flat = tell(samples, kinds)
    print(f"  the daemon ended with {code}")
    if options.out is not None:
        size, facts = growth_a_year(samples)
        document = {
            "schema": "trimtab.soak/1",
            "settings": settings,
            "samples": [asdict(one) for one in samples],
            "lines": [asdict(line) | {"is_flat": line.is_flat} for line in judge(samples)],
            "journal_mb_a_year": size,
            "facts_a_year": facts,
            "kinds": kinds,
            "exit_code": code,
        }
        options.out.write_text(json.dumps(document, indent=1), encoding="utf-8")
    sys.exit(0 if is_flat and code == 0 else 1)


if __name__ == "__main__":
    main()
