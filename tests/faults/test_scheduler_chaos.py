"""Everything at once: short requests, long ones, withdrawn ones, reloads, unloads, crashes."""

import asyncio
import contextlib
import logging
import os
import random
import signal
import sys

import pytest

from engine.errors import LoadError, RequestCancelledError, RunnerDiedError
from engine.frames import Generate
from engine.options import Options
from tests.engine.scheduler.deadlines import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
REQUESTS = 60
KILLS = 6


async def request(scheduler, models, dice):
    model = models[dice.choice("abcd")]
    options = Options(num_ctx=dice.choice([None, None, None, 512]))
    count = dice.randrange(20)
    await asyncio.sleep(dice.random())
    async with scheduler.lease(model, options, dice.choice([None, 0, 0.05, 60])) as lease:
        if dice.random() < 0.1:
            await scheduler.unload(models[dice.choice("abcd")])
        text = "".join(
            [
                getattr(part, "text", "")
                async for part in lease.generate(Generate(0, "", num_predict=count))
            ]
        )
        assert text == "".join(f"w{index} " for index in range(count))


async def withdraw(task, dice):
    await asyncio.sleep(dice.random() * 2)
    task.cancel()


async def kill(scheduler, dice):
    await asyncio.sleep(dice.random() * 2)
    pids = [one.pid for one in scheduler.loaded() if one.pid]
    if pids:
        # It may have ended by itself this very moment.
        with contextlib.suppress(ProcessLookupError):
            os.kill(dice.choice(pids), signal.SIGKILL)


@pytest.mark.parametrize("seed", range(3))
async def test_every_request_ends_and_nothing_is_left_fake(start, models, caplog, seed):
    caplog.set_level(logging.WARNING, "engine.scheduler.runner_process")
    dice = random.Random(seed)
    scheduler = start("--beat-s", "0.002", max_loaded_models=2, stop_timeout_s=1)
    tasks = [asyncio.create_task(request(scheduler, models, dice)) for _ in range(REQUESTS)]
    troubles = [asyncio.create_task(withdraw(task, dice)) for task in tasks[: REQUESTS // 4]]
    troubles += [asyncio.create_task(kill(scheduler, dice)) for _ in range(KILLS)]
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*troubles)
    allowed = (RunnerDiedError, LoadError, asyncio.CancelledError, RequestCancelledError)
    unexpected = [one for one in outcomes if one is not None and not isinstance(one, allowed)]
    assert unexpected == []
    assert sum(one is None for one in outcomes) >= REQUESTS // 3
    await until(lambda: all(one.busy == 0 for one in scheduler.loaded()))
    assert scheduler.waiting == 0
