"""Runs a long backtest as its owner would: in a process of its own, which nothing measures or patches."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def backtest(data: Path, out: Path, environ: Mapping[str, str], *, begin: str, end: str) -> dict[str, Any]:
    """Return the document of a run; its tables are in ``out``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TRIMTAB_", "COV_"))}
    command = [sys.executable, "-m", "bot", "backtest", "--data", str(data), "--from", begin, "--to", end]
    ended = subprocess.run(
        [*command, "--out", str(out), "--json"],
        env={**inherited, **environ, "TRIMTAB_DATA_DIR": str(out / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    return document
