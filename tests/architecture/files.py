"""The repository as its tests see it."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    """Return the text of a file, named from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def tracked_files() -> list[Path]:
    """Return every file that is handed on: what git tracks, or everything where the history is not there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = (name for name in listed.stdout.decode().split("\0") if name)
        return [path for name in names if (path := ROOT / name).is_file()]
    skipped = {".venv", ".git", "data", "__pycache__"}
    return [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)]


def text_of(path: Path) -> str:
    """Return what can be read of a file; a binary file has no words."""
    raw = path.read_bytes()
    return "" if b"\0" in raw else raw.decode("utf-8", errors="replace")
