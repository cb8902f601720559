"""Does simulated time jump, and does it refuse what would make it depend on the machine?"""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.clock import ClockedScheduler, LoopClock, SimulatedLoop
from bot.domain.errors import InvariantViolated

START = datetime(2020, 1, 1, tzinfo=UTC)


def _run(coroutine):
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(coroutine(loop))
    finally:
        loop.close()


def test_years_pass_in_a_moment_and_no_timer_is_lost():
    async def sleep_for_years(loop):
        clock = LoopClock(loop, START)
        for _ in range(2000):
            await clock.sleep(timedelta(hours=24, microseconds=1))
        return clock.now()

    assert abs(_run(sleep_for_years) - START - 2000 * timedelta(hours=24, microseconds=1)) < timedelta(milliseconds=5)


def test_a_timer_of_a_microsecond_passes_however_long_the_loop_has_run():
    async def wait(loop):
        await asyncio.sleep(5 * 365 * 86_400)
        before = loop.time()
        for _ in range(100):
            await asyncio.sleep(1e-6)
        return loop.time() - before

    assert _run(wait) > 50e-6


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda loop: loop.run_in_executor(None, time.time),
        lambda loop: asyncio.to_thread(time.time),
        lambda loop: loop.getaddrinfo("localhost", 80),
        lambda loop: asyncio.open_connection("127.0.0.1", 9),
    ],
    ids=["executor", "thread", "name look-up", "connection"],
)
def test_simulated_time_refuses_the_outside_world(forbidden):
    async def try_it(loop):
        with pytest.raises((InvariantViolated, ValueError)):
            await forbidden(loop)

    _run(try_it)


def test_another_thread_may_not_call_in():
    caught = []

    async def try_it(loop):
        def call():
            try:
                loop.call_soon_threadsafe(print)
            except InvariantViolated as failure:
                caught.append(failure)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()

    _run(try_it)
    assert caught


def test_waiting_for_what_never_comes_is_an_error():
    async def wait(_loop):
        await asyncio.Event().wait()

    with pytest.raises(InvariantViolated):
        _run(wait)


def test_the_scheduler_lives_by_the_injected_clock():
    fired = []

    async def schedule(loop):
        clock = LoopClock(loop, START)
        scheduler = ClockedScheduler(clock, timezone="UTC")
        scheduler.add_job(lambda: fired.append(clock.now()), "cron", hour=0, coalesce=True)
        scheduler.start()
        await clock.sleep(timedelta(days=3, hours=1))
        scheduler.shutdown(wait=False)
        await clock.sleep(timedelta(seconds=1))

    _run(schedule)
    assert [moment.replace(microsecond=0) for moment in fired] == [START + timedelta(days=day) for day in (0, 1, 2, 3)]
