"""What holds for every test: no test is heard by the log of another."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> Iterator[None]:
    """Take back how a test has set up the log; its stream may be closed by the time of the next."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
