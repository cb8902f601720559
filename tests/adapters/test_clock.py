"""Does simulated time jump, and does it refuse what would make it depend on the machine?"""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from bot.adapters.clock import ClockedScheduler, LoopClock, PacedLoop, SimulatedLoop
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


def _work():
    """Keep the machine busy; at these speeds it is minutes of the market."""
    sum(range(200_000))


def _paced(speed, test):
    loop = PacedLoop(speed)
    try:
        return loop.run_until_complete(test(loop))
    finally:
        loop.close()


def test_a_paced_hour_is_an_hour_to_the_microsecond():
    async def sleep_an_hour(loop):
        clock = LoopClock(loop, START)
        await clock.sleep(timedelta(hours=1))
        return clock.now()

    assert _paced(360_000.0, sleep_an_hour) == START + timedelta(hours=1)


def test_time_stands_still_while_something_is_done():
    async def work(loop):
        clock = LoopClock(loop, START)
        await clock.sleep(timedelta(minutes=1))
        before = clock.now()
        for _ in range(30):
            _work()
            await asyncio.sleep(0)
        return clock.now() - before

    assert _paced(3600.0, work) == timedelta(0)


def test_timers_that_come_late_come_in_their_order_and_at_their_time():
    async def sleep_while_somebody_works(loop):
        clock, woken = LoopClock(loop, START), []

        async def wake(minutes):
            await clock.sleep(timedelta(minutes=minutes))
            woken.append((minutes, clock.now() - START))
            _work()

        await asyncio.gather(*(wake(minutes) for minutes in (30, 5, 10, 1)))
        return woken

    expected = [(minutes, timedelta(minutes=minutes)) for minutes in (1, 5, 10, 30)]
    assert _paced(360_000.0, sleep_while_somebody_works) == expected


def test_time_passes_at_its_pace_while_sockets_are_waited_for():
    async def wait_for_a_thread(loop):
        clock = LoopClock(loop, START)
        sleeper = loop.create_task(clock.sleep(timedelta(days=1)))
        await loop.run_in_executor(None, time.sleep, 0.02)
        passed = clock.now() - START
        sleeper.cancel()
        return passed

    passed = _paced(60.0, wait_for_a_thread)
    assert timedelta(0) < passed < timedelta(days=1)
