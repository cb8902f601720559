"""What holds for every test: no test is heard by the log of another, none is timed, and the longest begin first."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# Machines are shared: how long an example takes says nothing about whether it holds.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

#: Folders whose tests let the whole bot live for days.
_SLOW_FOLDERS = {"backtest", "simulation"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long runs, and begin with the modules that take longest: else one core ends with one, alone."""
    seconds: dict[Path, float] = {}
    for item in items:
        if item.path.relative_to(Path(__file__).parent).parts[0] in _SLOW_FOLDERS:
            item.add_marker("slow")
        mark = item.get_closest_marker("seconds")
        seconds[item.path] = mark.args[0] if mark else 0
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Take back how a test has set up the log; its stream may be closed by the time of the next."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def quiet(_logs_of_its_own: None) -> None:
    """Let the bot say nothing: its log is not what a test is about."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
