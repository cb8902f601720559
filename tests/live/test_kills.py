"""A few real ``kill -9`` of the real daemon; ``python -m tests.live.kills`` does hundreds."""

from pathlib import Path

import pytest

from tests.live.kills import run_lanes

pytestmark = [pytest.mark.slow, pytest.mark.seconds(25)]


async def test_a_daemon_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    report = await run_lanes(tmp_path, seed=3, times=3, lanes=1)
    assert report.is_well, report
    assert report.kills == 3
    assert report.orders > 0
