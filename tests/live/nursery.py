"""How does a daemon start fast enough to be killed hundreds of times? Forked from a process that has imported it.

Importing ccxt and the rest takes two seconds of CPU, and is the same every time. The nursery does it once; every life
is a fork of it that runs ``trimtab run`` from there on: a process of its own, with its own files and sockets, that
``kill -9`` ends like any other. A share of the lives is started from nothing all the same.
"""

import asyncio
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_BEAT_SECONDS = 0.02


class Child:
    """A daemon that can be killed."""

    def __init__(self, pid: int, process: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._process = process
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def poll(self) -> int | None:
        """Return the exit code, None while it lives."""
        if self._process is not None:
            return self._process.poll()
        return self._code.result() if self._code.done() else None

    def send_signal(self, number: int) -> None:
        """Signal it; whoever has gone hears nothing."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def wait(self) -> int:
        """Return the exit code when it has ended."""
        if self._process is not None:
            return await asyncio.to_thread(self._process.wait)
        return await asyncio.shield(self._code)

    def note_end(self, code: int) -> None:
        """Take in what the nursery tells."""
        if not self._code.done():
            self._code.set_result(code)


class Nursery:
    """Starts daemons."""

    def __init__(self) -> None:
        self._children: dict[int, Child] = {}
        self._births: asyncio.Queue[int] = asyncio.Queue()
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> "Nursery":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.live.nursery", stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._reader = asyncio.ensure_future(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "code" in told:
                child = self._children.pop(told["pid"], None)
                if child is not None:
                    child.note_end(told["code"])
            else:
                # Before anything else is read: its end may be the next line.
                self._children[told["pid"]] = Child(told["pid"])
                self._births.put_nowait(told["pid"])

    async def spawn(self, environment: dict[str, str], log: Path) -> Child:
        """Start a daemon with this environment and nothing of ours."""
        assert self._process.stdin is not None
        async with self._lock:
            self._process.stdin.write(json.dumps({"environment": environment, "log": str(log)}).encode() + b"\n")
            await self._process.stdin.drain()
            pid = await self._births.get()
            return self._children.get(pid) or _ended(pid)


def _ended(pid: int) -> Child:
    child = Child(pid)
    child.note_end(1)
    return child


def spawn_fresh(environment: dict[str, str], log: Path) -> Child:
    """Start a daemon from nothing."""
    with log.open("ab") as out:
        process = subprocess.Popen([sys.executable, "-m", "bot", "run"], stdout=out, stderr=out, env=environment)
    return Child(process.pid, process)


# --- the process that is forked ------------------------------------------------------------------


def _import_everything() -> Any:
    import bot.adapters.ccxt.binance.venue
    import bot.adapters.journal.journal
    import bot.adapters.web.server
    import bot.daemon  # noqa: F401 - imported to have it
    from bot.cli.app import run_command_line

    return run_command_line


def _live(run_command_line: Any, asked: dict[str, Any]) -> None:
    """Become a daemon; never return."""
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["trimtab", "run"]
    code = 1
    try:
        code = run_command_line(["run"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _tell(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _tell({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def main() -> None:
    """Fork whenever a line asks for it, until nobody can ask any more; then end what is left."""
    run_command_line = _import_everything()
    asked = b""
    while True:
        ready, _, _ = select.select([0], [], [], _BEAT_SECONDS)
        _reap()
        if not ready:
            continue
        more = os.read(0, 65536)
        if not more:
            return
        asked += more
        while b"\n" in asked:
            line, _, asked = asked.partition(b"\n")
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                _live(run_command_line, json.loads(line))
            _tell({"pid": pid})


if __name__ == "__main__":
    main()
