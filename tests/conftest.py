"""What holds for every test: no test is heard by the log of another, and none is timed."""

from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# Machines are shared: how long an example takes says nothing about whether it holds.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Take back how a test has set up the log; its stream may be closed by the time of the next."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
