"""Keep-alive and unloading (spec 6.2), with the real runner unless a test says "fake"."""

import asyncio
from datetime import UTC, datetime

import pytest

from engine.frames import Finished
from tests.engine.scheduler.deadlines import is_running, until
from tests.engine.scheduler.leases import DEFAULT, ask, names, use


async def test_zero_keep_alive_unloads_when_idle(start, models):
    scheduler = start()
    pid = await use(scheduler, models["a"], keep_alive_s=0)
    await until(lambda: scheduler.loaded() == [])
    assert not is_running(pid)


async def test_keep_alive_counts_from_going_idle_fake(start, models):
    scheduler = start(fake=True, keep_alive_s=0.15)
    async with scheduler.lease(models["a"], DEFAULT):
        done = asyncio.Event()
        asyncio.get_running_loop().call_later(0.25, done.set)
        await done.wait()
        assert names(scheduler) == ["a"]
    assert names(scheduler) == ["a"]
    await until(lambda: names(scheduler) == [], 5)


async def test_keep_alive_of_a_request_sticks_fake(start, models):
    scheduler = start(fake=True, keep_alive_s=1000)

    def left_s():
        (loaded,) = scheduler.loaded()
        return loaded.expires_at and (loaded.expires_at - datetime.now(UTC)).total_seconds()

    await use(scheduler, models["a"])
    assert left_s() == pytest.approx(1000, abs=5)
    await use(scheduler, models["a"], keep_alive_s=50)
    assert left_s() == pytest.approx(50, abs=5)
    await use(scheduler, models["a"])
    assert left_s() == pytest.approx(50, abs=5)
    await use(scheduler, models["a"], keep_alive_s=float("inf"))
    assert left_s() is None
    await use(scheduler, models["a"])
    assert left_s() is None
    await use(scheduler, models["a"], keep_alive_s=-1)
    assert left_s() is None


async def test_unload_of_an_idle_model_returns_when_it_is_gone(start, models):
    scheduler = start()
    pid = await use(scheduler, models["a"])
    await scheduler.unload(models["b"])  # not loaded: nothing to do
    await scheduler.unload(models["a"])
    assert scheduler.loaded() == []
    assert not is_running(pid)


async def test_unload_lets_running_requests_finish(start, models):
    scheduler = start()
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        stream = lease.generate(ask(num_predict=30))
        await anext(stream)
        await scheduler.unload(models["a"])
        reports = [report async for report in stream]
        assert isinstance(reports[-1], Finished)
        assert names(scheduler) == ["a"]
    await until(lambda: scheduler.loaded() == [])


async def test_unload_while_loading_takes_effect_after_the_request_fake(start, models):
    scheduler = start("--load-s", "0.2")
    task = asyncio.create_task(use(scheduler, models["a"]))
    await until(lambda: names(scheduler) == ["a"])
    await scheduler.unload(models["a"])
    await task
    await until(lambda: scheduler.loaded() == [])
