import asyncio

import pytest

from engine.errors import QueueFullError, RequestCancelledError
from engine.options import Options
from engine.scheduler.waiting_line import WaitingLine, Wish


@pytest.fixture
def wish(models):
    return Wish(models["a"], Options(), None)


@pytest.mark.parametrize("limit", [0, 1, 5])
async def test_limit_counts_those_behind_the_first(wish, limit):
    line = WaitingLine(limit)
    for _ in range(limit + 1):
        line.join(wish)
    with pytest.raises(QueueFullError, match=r"server busy, please try again\.  maximum pending"):
        line.join(wish)
    assert len(line) == limit + 1


async def test_first_come_first_served(wish):
    line = WaitingLine(5)
    waiters = [line.join(wish) for _ in range(3)]
    line.leave(waiters[1])
    assert line.first is waiters[0]
    line.leave(waiters[0])
    assert line.first is waiters[2]
    line.leave(waiters[2])
    assert line.first is None


async def test_place_of_one_who_left_is_free_again(wish):
    line = WaitingLine(0)
    line.leave(line.join(wish))
    line.join(wish)


async def test_dismissed_waiters_get_the_error(wish):
    line = WaitingLine(5)
    waits = [asyncio.create_task(line.join(wish).wait()) for _ in range(2)]
    await asyncio.sleep(0)
    line.dismiss(RequestCancelledError)
    for outcome in await asyncio.gather(*waits, return_exceptions=True):
        assert isinstance(outcome, RequestCancelledError)
    assert line.first is None


async def test_cancelled_waiter_no_longer_waits(wish):
    waiter = WaitingLine(5).join(wish)
    wait = asyncio.create_task(waiter.wait())
    await asyncio.sleep(0)
    wait.cancel()
    await asyncio.wait({wait})
    assert not waiter.is_waiting
