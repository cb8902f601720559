"""What is the shortest timeline that still fails? The first events of a seed, as few as will do."""

from collections.abc import Callable

from tests.simulation.seeds.life import Life, Outcome
from tests.simulation.seeds.scenario import Scenario


def shortest(scenario: Scenario, live: Callable[[Scenario], Outcome] = lambda one: Life(one).go()) -> int | None:
    """Return how many of the first events it takes until a run goes wrong; None when it goes well with all of them.

    Halves the timeline as long as that tells something: what fails with many events need not fail with a few more.
    """
    failing, passing = len(scenario.timeline), 0
    if live(scenario.cut(0)).wrong:
        return 0
    if not live(scenario).wrong:
        return None
    while failing - passing > 1:
        middle = (failing + passing) // 2
        if live(scenario.cut(middle)).wrong:
            failing = middle
        else:
            passing = middle
    return failing
