"""Who may import whom. The contracts themselves stand in pyproject.toml; what no contract can say stands here."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.files import ROOT


def imported_by(path: Path) -> set[str]:
    """Return the top-level names of everything a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add((node.module or "").split(".")[0])
    return found


def modules_of(package: str) -> list[Path]:
    return sorted((ROOT / "bot" / package).rglob("*.py"))


def test_import_contracts_are_kept() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("package", "from_outside"),
    [
        ("domain", set()),
        ("decisions", set()),
        ("engine", {"apscheduler", "structlog"}),
        ("exchange", set()),
        ("exchange/wire", {"aiohttp"}),
    ],
)
def test_nothing_from_outside_but_what_is_named(package: str, from_outside: set[str]) -> None:
    """The exchange itself knows no socket: only what speaks for it on the wire does."""
    allowed = sys.stdlib_module_names | {"bot"} | from_outside
    modules = modules_of(package)
    assert modules
    for path in modules:
        if package == "exchange" and "wire" in path.parts:
            continue
        assert imported_by(path) <= allowed, path


def test_no_module_is_named_after_nothing() -> None:
    """A name that says nothing collects everything."""
    forbidden = {"utils", "util", "helpers", "common", "manager", "base", "misc"}
    assert not {path.stem for path in (ROOT / "bot").rglob("*.py")} & forbidden
