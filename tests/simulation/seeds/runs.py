"""How is one seed run, in a process of its own?"""

import sys
import time

import structlog

from tests.simulation.seeds.life import Life, Outcome
from tests.simulation.seeds.scenario import USUAL, Density, Scenario, draw
from tests.simulation.seeds.shrink import shortest


def silence() -> None:
    """Let the bot say nothing, nor Python of coroutines that were killed, when it clears up at the end."""
    sys.unraisablehook = lambda _: None
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), logger_factory=structlog.ReturnLoggerFactory()
    )


def run(seed: int, days: float, density: Density = USUAL) -> tuple[int, Outcome, float]:
    """Run a seed; return it, what became of it, and the CPU seconds that it took."""
    silence()
    began = time.process_time()
    return seed, Life(draw(seed, days, density)).go(), time.process_time() - began


def scenario_of(seed: int, days: float, density: Density, events: int | None) -> Scenario:
    """Return a seed's scenario, with no more than its first events."""
    scenario = draw(seed, days, density)
    return scenario if events is None else scenario.cut(events)


def find_shortest(seed: int, days: float, density: Density) -> int | None:
    """Return how many of a seed's first events it takes to go wrong."""
    silence()
    return shortest(draw(seed, days, density))
