"""When does the soak call a figure flat, and how does it count a journal's growth?"""

import pytest

from tests.soak import Sample, growth_a_year, judge


def samples(memory_an_hour: float = 0.0, tasks_an_hour: float = 0.0) -> list[Sample]:
    """Return an hour, minute by minute; the first half climbs steeply, as starts do."""
    found = []
    for minute in range(61):
        late = max(0, minute - 30) / 60
        found.append(
            Sample(
                wall_seconds=minute * 60.0,
                market_days=minute * 2.5,
                resident_mb=80.0 + min(minute, 30) + memory_an_hour * late,
                open_files=14 + minute % 2,
                threads=1,
                tasks=14 + round(tasks_an_hour * late),
                facts=minute * 100,
                journal_mb=minute * 0.1,
                cpu_seconds=float(minute),
                is_ready=True,
            )
        )
    return found


def flat(taken: list[Sample]) -> dict[str, bool]:
    return {line.name: line.is_flat for line in judge(taken)}


def test_what_climbs_in_the_first_half_alone_is_flat() -> None:
    assert flat(samples()) == {"resident_mb": True, "open_files": True, "threads": True, "tasks": True}


@pytest.mark.parametrize(("memory", "is_flat"), [(2.0, True), (2.5, False), (-2.5, False)])
def test_memory_that_moves_by_more_than_a_fiftieth_in_an_hour_is_not(memory: float, is_flat: bool) -> None:
    assert flat(samples(memory_an_hour=memory))["resident_mb"] is is_flat


def test_tasks_that_become_more_are_not_flat() -> None:
    assert not flat(samples(tasks_an_hour=6))["tasks"]


def test_growth_is_told_by_the_year() -> None:
    size, facts = growth_a_year(samples())
    assert size == pytest.approx(0.04 * 365)
    assert facts == pytest.approx(40 * 365)
