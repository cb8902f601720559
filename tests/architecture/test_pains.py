"""Is every pain that the documentation names a test, and is every test of a pain named there?"""

import re

from tests.architecture.files import ROOT, read

_NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`")
_DEFINED = re.compile(r"^(?:async )?def (test_[a-z0-9_]+)\(", re.MULTILINE)


def test_every_test_that_is_named_exists() -> None:
    named = _NAMED.findall(read("docs/pains.md"))
    assert named
    assert [one for one in named if one[1] not in _DEFINED.findall(read(one[0]))] == []


def test_every_test_of_a_pain_is_named() -> None:
    named = set(_NAMED.findall(read("docs/pains.md")))
    files = [f"tests/pains/{path.name}" for path in sorted((ROOT / "tests" / "pains").glob("test_*.py"))]
    assert [(file, name) for file in files for name in _DEFINED.findall(read(file)) if (file, name) not in named] == []


def test_every_row_names_a_test() -> None:
    rows = [line for line in read("docs/pains.md").splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 25
    assert [row for row in rows if not _NAMED.search(row)] == []
