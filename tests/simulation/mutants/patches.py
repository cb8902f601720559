"""What does a patch say, and how does it get into a tree? A unified diff, as ``git apply`` takes it; no git is needed.

Stricter than git in one way: what a hunk takes the place of has to be in the file letter by letter.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_HEAD = re.compile(r"^Mistake: (?P<mistake>.+?)(?: Needs: (?P<needs>.+?)\.)? Expected: (?P<expected>.+)$")
_HUNK = re.compile(r"^@@ -(?P<line>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


class PatchError(Exception):
    """A patch cannot be read, or does not fit the tree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One planted mistake."""

    name: str
    #: In a sentence.
    mistake: str
    #: Words of the complaint that is to be heard about it; one of them has to be.
    expected: tuple[str, ...]
    #: Flavours, or disturbances, of which a seed must have one to tell anything; empty: any seed may tell.
    needs: tuple[str, ...] = ()
    text: str

    @property
    def digest(self) -> str:
        """What tells one mistake from another, wherever in its file it has come to lie."""
        lines = [line for line in self.text.split("\n") if line.startswith(("+", "-"))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def is_heard_in(self, complaints: list[str]) -> bool:
        """Return True when one of the complaints is about this mistake."""
        return any(words in sentence for words in self.expected for sentence in complaints)


@dataclass(slots=True, kw_only=True)
class _Hunk:
    path: str
    #: Where it is expected to begin, from 0.
    at: int
    before: list[str]
    after: list[str]


def all_mutants(folder: Path = FOLDER) -> list[Mutant]:
    """Return every planted mistake, by name.

    Raises:
        PatchError: a first line does not say what it should.
    """
    return [_read(path) for path in sorted(folder.glob("*.patch"))]


def _read(path: Path) -> Mutant:
    text = path.read_text(encoding="utf-8")
    head = _HEAD.match(text.partition("\n")[0])
    if head is None:
        raise PatchError(
            f"{path.name}: the first line is not 'Mistake: …. Needs: one | other. Expected: words | others'"
        )
    expected, needs = (_parts(head[name] or "") for name in ("expected", "needs"))
    return Mutant(name=path.stem, mistake=head["mistake"], expected=expected, needs=needs, text=text)


def _parts(listed: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in listed.split("|") if part.strip())


def put_in(mutant: Mutant, tree: Path) -> None:
    """Put a mistake into a tree.

    Raises:
        PatchError: it does not fit; nothing was changed.
    """
    for path, text in changed(mutant, tree).items():
        (tree / path).write_text(text, encoding="utf-8")


def changed(mutant: Mutant, tree: Path) -> dict[str, str]:
    """Return the files that a mistake changes, as they are with it.

    Raises:
        PatchError: it does not fit.
    """
    hunks = list(_hunks(mutant))
    if not hunks:
        raise PatchError(f"{mutant.name}: no hunk in the patch")
    return {
        path: _with_hunks(mutant, tree / path, [one for one in hunks if one.path == path])
        for path in dict.fromkeys(hunk.path for hunk in hunks)
    }


def _with_hunks(mutant: Mutant, file: Path, hunks: list[_Hunk]) -> str:
    path = hunks[0].path
    if not path.startswith("bot/") or not file.is_file():
        raise PatchError(f"{mutant.name}: there is no {path} to be changed")
    lines, moved = file.read_text(encoding="utf-8").split("\n"), 0
    for hunk in hunks:
        at = _find(lines, hunk, hunk.at + moved)
        if at is None:
            raise PatchError(f"{mutant.name}: the patch no longer fits {path} at line {hunk.at + 1}")
        lines[at : at + len(hunk.before)] = hunk.after
        moved = at - hunk.at + len(hunk.after) - len(hunk.before)
    return "\n".join(lines)


def _find(lines: list[str], hunk: _Hunk, expected: int) -> int | None:
    """Return where a hunk belongs: where its lines are, nearest to where they were."""
    size = len(hunk.before)
    places = [at for at in range(len(lines) - size + 1) if lines[at : at + size] == hunk.before]
    return min(places, key=lambda at: abs(at - expected), default=None)


def _hunks(mutant: Mutant) -> Iterator[_Hunk]:
    path, hunk = "", None
    for line in mutant.text.split("\n")[1:]:
        begins = _HUNK.match(line)
        if line.startswith("+++ b/"):
            path = line.removeprefix("+++ b/")
        elif begins is not None:
            hunk = _Hunk(path=path, at=int(begins["line"]) - 1, before=[], after=[])
            yield hunk
        elif hunk is not None and line[:1] in (" ", "-", "+") and not line.startswith("--- a/"):
            if line[0] != "+":
                hunk.before.append(line[1:])
            if line[0] != "-":
                hunk.after.append(line[1:])
