"""What is handed on speaks of Trimtab alone: no folder of somebody's machine, no address of somebody's registry."""

import re

import pytest

from tests.architecture.files import ROOT, text_of, tracked_files

#: Spelled in parts, so that this file is not its own first finding.
TRACES = {
    "a folder of a machine": r"/(?:home|Users)/\w+/|/work"
    r"/|/root"
    r"/|/opt"
    r"/(?:wheels|pypi)|/tmp"
    r"/[a-z_]*(?:lead|session)",
    "an index of packages": r"(?:pypi|pythonhosted)" r"\.org|--(?:extra-)?index" r"-url|find-" r"links",
    "who wrote it": r"(?i)\b(?:clau"
    r"de|anthro"
    r"pic|chat"
    r"gpt|open"
    r"ai|co"
    r"pilot|l"
    r"lm|large language mo"
    r"del|AI[- ]generated|co-auth"
    r"ored-by)\b",
    "how it was organised": r"NOTE_FROM" r"_|DESIGN" r"\.md|STYLE" r"\.md|VENUES" r"\.md|\.\./sha" r"red/",
}


@pytest.mark.parametrize(("what", "pattern"), TRACES.items(), ids=list(TRACES))
def test_no_tracked_file_names(what: str, pattern: str) -> None:
    trace = re.compile(pattern)
    found = []
    for path in tracked_files():
        name = str(path.relative_to(ROOT))
        hits = [f"{name}: {match[0]}" for match in trace.finditer(f"{name}\n{text_of(path)}")]
        if name != "tests/architecture/test_traces.py":
            found += hits
    assert not found


def test_no_secret_file_is_tracked() -> None:
    names = {str(path.relative_to(ROOT)) for path in tracked_files()}
    assert not {name for name in names if re.search(r"(^|/)(\.env|token|.*\.(key|pem|db|sqlite))$", name)}
