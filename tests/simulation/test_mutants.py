"""Would the simulation see a mistake? The patches fit, and the cheapest are caught; ``make mutants`` runs them all."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.simulation.mutants.__main__ import Verdict, judge, page
from tests.simulation.mutants.patches import FOLDER, Mutant, PatchError, all_mutants, changed, put_in
from tests.simulation.mutants.trees import ROOT, Finding, copied

pytestmark = pytest.mark.seconds(30)

MUTANTS = {one.name: one for one in all_mutants()}
#: Seen within the first seeds.
CHEAPEST = ("stop-without-reduce-only", "old-stop-cancelled-first", "order-id-from-memory")


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 20
    assert len({one.mistake for one in MUTANTS.values()}) == len(MUTANTS)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_patch_fits_the_tree_and_leaves_it_python(name: str) -> None:
    files = changed(MUTANTS[name], ROOT)
    for path, text in files.items():
        compile(text, path, "exec")
        assert text != (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")
def test_git_takes_the_patches_too() -> None:
    for path in FOLDER.glob("*.patch"):
        subprocess.run(["git", "apply", "--check", str(path)], cwd=ROOT, check=True)


def _mutant(text: str) -> Mutant:
    return Mutant(name="a-mistake", mistake="Something is wrong.", expected=("is wrong",), text=text)


def test_a_patch_that_no_longer_fits_is_named(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "one.py").write_text("a = 1\nb = 2\n", encoding="utf-8")
    diff = "Mistake: …\n--- a/bot/one.py\n+++ b/bot/one.py\n@@ -1,2 +1,2 @@\n a = 1\n-b = 3\n+b = 4\n"
    with pytest.raises(PatchError, match=r"a-mistake: the patch no longer fits bot/one\.py at line 1"):
        put_in(_mutant(diff), tmp_path)


def test_a_hunk_is_found_where_its_lines_have_gone(tmp_path: Path) -> None:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "one.py").write_text("# new\n\na = 1\nb = 2\n", encoding="utf-8")
    diff = "Mistake: …\n--- a/bot/one.py\n+++ b/bot/one.py\n@@ -1,2 +1,2 @@\n a = 1\n-b = 2\n+b = 3\n"
    put_in(_mutant(diff), tmp_path)
    assert (tmp_path / "bot" / "one.py").read_text(encoding="utf-8") == "# new\n\na = 1\nb = 3\n"


def test_only_the_bot_is_changed(tmp_path: Path) -> None:
    diff = "Mistake: …\n--- a/tests/one.py\n+++ b/tests/one.py\n@@ -1,1 +1,1 @@\n-a\n+b\n"
    with pytest.raises(PatchError, match=r"there is no tests/one\.py to be changed"):
        changed(_mutant(diff), tmp_path)


def test_a_first_line_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "one.patch").write_text("diff --git a/bot/one.py b/bot/one.py\n", encoding="utf-8")
    with pytest.raises(PatchError, match=r"one\.patch: the first line"):
        all_mutants(tmp_path)


@pytest.mark.parametrize("name", CHEAPEST)
def test_a_mistake_is_seen_by_a_seed(name: str) -> None:
    verdict = judge(MUTANTS[name], limit=4, days=1)
    assert verdict.is_caught, str(verdict)


def test_a_copy_leaves_nothing_behind() -> None:
    with copied(MUTANTS[CHEAPEST[0]]) as tree:
        assert (tree / "bot" / "engine" / "protection.py").is_file()
    assert not tree.exists()


def test_another_complaint_than_the_expected_one_does_not_count() -> None:
    mutant = MUTANTS["unknown-order-resent"]
    other = Verdict(mutant=mutant, finding=Finding(seed=3, taken=3, complaints=["something else"]))
    assert not other.is_caught
    assert str(other) == "OTHER   unknown-order-resent: seed 3, after 3: something else"
    unseen = Verdict(mutant=mutant, finding=Finding(seed=None, taken=40, complaints=[]))
    assert not unseen.is_caught
    assert str(unseen) == "MISSED  unknown-order-resent: 40 seeds saw nothing"


def test_the_page_has_a_row_for_each() -> None:
    mutant = MUTANTS["unknown-order-resent"]
    said = "2024-03-28T16:20:42.062656+00:00 two orders for one intent: TT|x"
    verdict = Verdict(mutant=mutant, finding=Finding(seed=2, taken=2, complaints=["something else", said]))
    row = page([verdict], 1, 2).splitlines()[-1]
    assert row == f"| `unknown-order-resent` | {mutant.mistake} | 2 | 2 | two orders for one intent: TT\\|x |"


def test_the_page_says_what_was_missed() -> None:
    mutant = MUTANTS["leap-accepted"]
    elsewhere = Finding(seed=3, taken=3, complaints=["something else"])
    nowhere = Finding(seed=None, taken=40, complaints=[])
    for finding, told in ((elsewhere, "| 3 | seed 3, in other words: something else |"), (nowhere, "| 40 | nothing |")):
        text = page([Verdict(mutant=mutant, finding=finding)], 1, 3)
        assert "1 mistakes, 1 of them missed" in text
        assert text.splitlines()[-1] == f"| `leap-accepted` | {mutant.mistake} | **missed** {told}"
