import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from engine.scheduler.keep_alive import FOREVER_S, IdleTimer, normalise


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (0.0, 0.0),
        (0.5, 0.5),
        (-1.0, float("inf")),
        (-0.001, float("inf")),
        (float("inf"), float("inf")),
        (FOREVER_S - 1, FOREVER_S - 1),
        (FOREVER_S, float("inf")),
        (1e300, float("inf")),
        (float("nan"), float("inf")),
    ],
)
def test_negative_and_absurd_durations_mean_for_ever(given, kept):
    assert normalise(given) == kept


async def test_timer_calls_back_once_after_the_idle_time():
    expired = asyncio.Event()
    timer = IdleTimer(expired.set)
    begin = asyncio.get_running_loop().time()
    timer.start(0.05)
    async with asyncio.timeout(5):
        await expired.wait()
    assert asyncio.get_running_loop().time() - begin >= 0.045


async def test_restarted_timer_forgets_its_first_deadline():
    loop = asyncio.get_running_loop()
    expired: asyncio.Future[float] = loop.create_future()
    timer = IdleTimer(lambda: expired.set_result(loop.time()))  # a second call would raise
    begin = loop.time()
    timer.start(0.02)
    timer.start(0.1)
    assert await asyncio.wait_for(expired, 5) - begin >= 0.09


async def test_cancelled_and_infinite_timers_never_call_back():
    expired: list[str] = []
    cancelled = IdleTimer(lambda: expired.append("cancelled"))
    cancelled.start(0.01)
    cancelled.cancel()
    infinite = IdleTimer(lambda: expired.append("infinite"))
    infinite.start(float("inf"))
    done = asyncio.Event()
    IdleTimer(done.set).start(0.05)
    await done.wait()
    assert expired == []


async def test_expiry_of_an_idle_model_is_its_deadline():
    timer = IdleTimer(lambda: None)
    timer.start(100.0)
    first = timer.expires_at(100.0)
    await asyncio.sleep(0.02)
    second = timer.expires_at(100.0)
    assert first is not None
    assert second is not None
    assert abs(second - first) < timedelta(milliseconds=10)
    assert abs(first - datetime.now(UTC) - timedelta(seconds=100)) < timedelta(seconds=1)
    timer.cancel()


async def test_expiry_of_a_busy_model_moves_with_the_clock():
    timer = IdleTimer(lambda: None)
    expires_at = timer.expires_at(60.0)
    assert expires_at is not None
    assert expires_at.tzinfo is not None
    left = expires_at - datetime.now(UTC)
    assert timedelta(seconds=59) < left <= timedelta(seconds=60)


async def test_a_model_kept_for_ever_has_no_expiry():
    assert IdleTimer(lambda: None).expires_at(float("inf")) is None
