"""What the scheduler tells about its runners."""

import asyncio

import psutil

from engine.options import Options
from tests.engine.scheduler.conftest import Start
from tests.engine.scheduler.deadlines import until


async def test_an_idle_and_a_loading_model(models, start: Start):
    scheduler = start("--load-s", "0.3")
    async with scheduler.lease(models["a"], Options()):
        loading = asyncio.create_task(_load(scheduler, models["b"]))
        await until(lambda: len(scheduler.loaded()) == 2)
        reports = {one.loaded.model.name.model: one.status for one in await scheduler.report()}
        assert reports["a"] is not None
        assert reports["a"].slots_total == 4
        assert reports["b"] is None
        await loading


async def test_a_frozen_runner_is_not_waited_for(models, start: Start, tmp_path):
    switch = tmp_path / "freeze"
    scheduler = start("--freeze-file", str(switch))
    async with scheduler.lease(models["a"], Options()):
        switch.touch()
        process = psutil.Process(scheduler.loaded()[0].pid)
        await until(lambda: process.status() == psutil.STATUS_STOPPED)
        (report,) = await scheduler.report(0.1)
        process.resume()
    assert report.status is None
    assert report.loaded.pid > 0


async def test_nothing_is_loaded(start: Start):
    assert await start(fake=True).report() == []


async def _load(scheduler, model) -> None:
    async with scheduler.lease(model, Options()):
        pass
