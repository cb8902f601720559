# ruff: noqa: T201 - a report on the terminal
"""The session of a new owner, as it looks: ``python -m tests.tour`` runs it and writes ``docs/tour.md``.

Every line below a command is what the command printed. Only the port and the folder are replaced by the usual ones.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "tour.md"
_PATIENCE_SECONDS = 180
_LOG_LINES = 5
_WIDTH = 140

HEAD = """# A tour

The session of a new owner, from `make run` to `flatten`. `python -m tests.tour` ran it and wrote this page; every line
below a command is what that command printed (long log lines are cut). The market is the `model` one, where a minute of
yours is an hour and more: no real money anywhere.
"""


class Tour:
    """One daemon and the commands beside it."""

    def __init__(self, folder: Path) -> None:
        own = {
            "TRIMTAB_DATA_DIR": str(folder / "data"),
            "TRIMTAB_HTTP__PORT": "0",
            "TRIMTAB_LOG_FORMAT": "text",
            "NO_COLOR": "1",
        }
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("TRIMTAB_")} | own
        self._folder = folder
        self.log = folder / "log"
        self.parts = [HEAD]
        self._file = self.log.open("wb")
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env=self._environment,
            cwd=folder,
        )

    def say(self, text: str) -> None:
        """Add a sentence."""
        self.parts.append(text)

    def run(self, *words: str) -> str:
        """Run a command and add what it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            capture_output=True,
            text=True,
            env=self._environment,
            cwd=self._folder,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        out = (ended.stdout + ended.stderr).rstrip()
        self.show(f"trimtab {shlex.join(words)}", out)
        assert ended.returncode == 0, out
        return out

    def show(self, command: str, out: str) -> None:
        """Add a command and its output."""
        port = re.compile(r"127\.0\.0\.1:\d+")
        text = port.sub("127.0.0.1:8080", out).replace(f"{self._folder}/", "./")
        lines = "\n".join(line.rstrip() for line in text.splitlines())
        self.parts.append(f"```console\n$ {command}\n{lines}\n```\n")
        print(f"$ {command}\n{lines}\n")

    def lines(self) -> list[str]:
        """Return what the daemon has said."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def wait_for(self, *words: str) -> str:
        """Wait for a line of the log with all these words."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            found = [line for line in self.lines() if all(word in line for word in words)]
            if found:
                return found[0]
            time.sleep(0.2)
        raise SystemExit(f"the daemon never said {words}")

    def end(self) -> None:
        """End the daemon in good order."""
        self.daemon.terminate()
        self.daemon.wait(30)
        self._file.close()


def _told(lines: list[str]) -> str:
    """Return how it began and how its first hedge came about, cut to what fits."""
    first = next(place for place, line in enumerate(lines) if "trade_booked" in line)
    wanted = [*lines[:2], "…", *lines[max(2, first - 2) : first + _LOG_LINES]]
    return "\n".join(line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…" for line in wanted)


def _newest_hedge(tour: Tour) -> str:
    """Return the id of the newest hedge order that has traded."""
    booked = [line for line in tour.lines() if "trade_booked" in line]
    found = re.search(r"client_order_id=(\w+)", booked[-1])
    assert found is not None
    return found[1]


def main() -> None:
    """Run the session and write the page."""
    with tempfile.TemporaryDirectory() as name:
        tour = Tour(Path(name))
        try:
            _session(tour)
        finally:
            tour.end()
        tour.say("Ctrl-C, or `docker compose stop`, ends it in good order:\n")
        tour.show("make run   # its last line", tour.lines()[-1])
        PAGE.write_text("\n".join(tour.parts), encoding="utf-8")


def _session(tour: Tour) -> None:
    tour.say("## Start it\n\nIt says where its page is, looks at once, and again whenever a price has moved far.\n")
    tour.wait_for("trade_booked")
    tour.wait_for("purpose=stop", "state=open")
    time.sleep(3)
    tour.show("make run", _told(tour.lines()))
    tour.say("## What would a look do now, and why?\n\nNothing is sent by this; it may be asked at any time.\n")
    tour.run("plan", "--why")
    tour.say("## What does it hold?\n\n`trimtab status --live` stays and shows it anew.\n")
    tour.run("status")
    tour.say("## Why was that order sent, and what became of it?\n")
    tour.run("explain", _newest_hedge(tour))
    tour.say("## Stop rebalancing\n\nStops stay, and are kept in order. It outlives restarts.\n")
    tour.run("halt", "--why", "a look at it")
    tour.say("## Go on\n\nWithout `--yes` it shows what that clears, and the plan as it would then be, and asks.\n")
    tour.run("resume", "--yes")
    tour.say("## Close everything\n\nThe coins stay as they are. It goes on until it is done, whatever happens.\n")
    tour.run("flatten", "--yes")
    tour.run("status")
    tour.say("## For the books\n")
    tour.run("export", "trades")
    tour.run("journal", "verify")


if __name__ == "__main__":
    main()
