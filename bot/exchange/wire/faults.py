"""What goes wrong on the way? Lost, late, broken and refused replies, by rule, by number or by chance from a seed.

A rule fits requests by method and path. ``executed`` says whether the exchange has done what was asked before things
went wrong, which is what makes the difference between a request lost and a reply lost.
"""

import random  # noqa: TID251 - seeded generators only: chance is what is rehearsed
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class WireEffect(StrEnum):
    """What happens to a request that a rule fits."""

    #: The connection is closed without a word.
    DROP = "drop"
    #: Nothing is ever answered; the connection stays open.
    HANG = "hang"
    #: The answer comes, later.
    DELAY = "delay"
    #: Status 200, and a page instead of a document.
    HTML = "html"
    #: Status 200, and nothing.
    EMPTY = "empty"
    #: Status 200, and half of the document, less than was announced.
    TRUNCATED = "truncated"
    #: Status 200, and a document that is none of the kind.
    HALF_RIGHT = "half_right"
    #: A status of one's own, with a page.
    STATUS = "status"
    #: An error of the venue's, by code.
    CODE = "code"
    #: 418 for a while, for everything.
    BAN = "ban"


@dataclass(slots=True, kw_only=True)
class WireRule:
    """One thing that goes wrong."""

    effect: WireEffect
    method: str = ""
    #: What the path begins with.
    path: str = ""
    #: How often; None: for as long as the rule stands.
    times: int | None = 1
    #: How likely, where it fits.
    chance: float = 1.0
    executed: bool = False
    seconds: float = 0.0
    status: int = 503
    code: int = -1000

    def fits(self, method: str, path: str) -> bool:
        """Return whether the rule is about a request."""
        return self.method in ("", method) and path.startswith(self.path) and self.times != 0


@dataclass(slots=True)
class WireFaults:
    """The rules that stand, and what they have done."""

    seed: int = 1
    rules: list[WireRule] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)
    _chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"wire/{self.seed}")  # noqa: S311 - a rehearsal, not a secret

    def add(self, **terms: Any) -> None:
        """Let something go wrong.

        Raises:
            ValueError, TypeError: no such effect, or no such term.
        """
        self.rules.append(WireRule(**(terms | {"effect": WireEffect(terms["effect"])})))

    def meet(self, method: str, path: str) -> WireRule | None:
        """Return what goes wrong with a request; None when nothing does."""
        for rule in self.rules:
            if rule.fits(method, path) and (rule.chance >= 1 or self._chance.random() < rule.chance):
                if rule.times is not None:
                    rule.times -= 1
                self.done[rule.effect] = self.done.get(rule.effect, 0) + 1
                return rule
        return None
