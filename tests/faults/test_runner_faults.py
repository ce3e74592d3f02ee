"""A runner that dies, hangs, or talks nonsense is a short error; the next request is served.

"fake" in a name: the program in fake_runner.py; the others kill the real runner.
"""

import asyncio
import logging
import os
import signal
import sys

import psutil
import pytest

from engine.errors import (
    InvalidRequestError,
    LoadError,
    RequestCancelledError,
    RunnerDiedError,
    RunnerError,
)
from engine.frames import Chunk, Finished, Generate, Sampling
from engine.options import Options
from tests.conftest import ROOT
from tests.engine.scheduler.deadlines import is_running, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


@pytest.fixture(autouse=True)
def deaths_are_announced(caplog):
    """The death of a runner is logged as a warning; that is what happens here all the time."""
    caplog.set_level(logging.WARNING, "engine.scheduler.runner_process")


TOLD_WITHIN_S = 2.0
DEFAULT = Options(num_thread=1)  # the tests share the processors with others


def ask(prompt="Once", num_predict=100_000):
    return Generate(0, prompt, sampling=Sampling(temperature=0.0), num_predict=num_predict)


async def read(scheduler, model, command=None, started=None):
    """All text of one request; raises what ends it."""
    text = ""
    async with scheduler.lease(model, DEFAULT, None) as lease:
        async for report in lease.generate(command or ask()):
            if started is not None:
                started.set()
            if isinstance(report, Chunk):
                text += report.text
            else:
                assert isinstance(report, Finished)
    return text


async def read_many(scheduler, model, count=3, **kwargs):
    """Readers that have all received something."""
    events = [asyncio.Event() for _ in range(count)]
    tasks = [asyncio.create_task(read(scheduler, model, started=e, **kwargs)) for e in events]
    async with asyncio.timeout(20):
        await asyncio.gather(*(event.wait() for event in events))
    return tasks


async def outcomes(tasks, within_s=TOLD_WITHIN_S):
    async with asyncio.timeout(within_s):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def next_request_is_served(scheduler, model):
    async with asyncio.timeout(20):
        assert await read(scheduler, model, ask(num_predict=3)) != ""


# --- kill -9 on the real runner --------------------------------------------------------------


async def test_killed_while_loading(start, models):
    scheduler = start()
    task = asyncio.create_task(read(scheduler, models["a"]))
    await until(lambda: scheduler.loaded() and scheduler.loaded()[0].pid)
    os.kill(scheduler.loaded()[0].pid, signal.SIGKILL)
    (outcome,) = await outcomes([task])
    assert isinstance(outcome, LoadError)
    assert "SIGKILL" in str(outcome)
    await next_request_is_served(scheduler, models["a"])


async def test_killed_during_prefill(start, models):
    scheduler = start()
    await next_request_is_served(scheduler, models["a"])
    (loaded,) = scheduler.loaded()
    prompt = "The old house by the river had a secret. " * 150
    tasks = [asyncio.create_task(read(scheduler, models["a"], ask(prompt))) for _ in range(3)]
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        async with asyncio.timeout(10):
            while (await lease.status()).slots_busy == 0:
                pass
    os.kill(loaded.pid, signal.SIGKILL)
    for outcome in await outcomes(tasks):
        assert isinstance(outcome, RunnerDiedError)
    await next_request_is_served(scheduler, models["a"])


async def test_killed_while_streams_run(start, models, caplog):
    scheduler = start()
    tasks = await read_many(scheduler, models["a"])
    (loaded,) = scheduler.loaded()
    os.kill(loaded.pid, signal.SIGKILL)
    for outcome in await outcomes(tasks):
        assert isinstance(outcome, RunnerDiedError)
        assert "SIGKILL" in str(outcome)
        assert "model runner has unexpectedly stopped" in str(outcome)
    assert scheduler.loaded() == []
    (record,) = caplog.records
    assert f"runner {loaded.pid} died (requests in flight: 3): killed by SIGKILL" in record.message
    await next_request_is_served(scheduler, models["a"])
    assert scheduler.loaded()[0].pid != loaded.pid


async def test_killed_between_frames(start, models):
    scheduler = start()
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        stream = lease.generate(ask())
        await anext(stream)
        psutil.Process(scheduler.loaded()[0].pid).suspend()  # nothing more can be on its way
        os.kill(scheduler.loaded()[0].pid, signal.SIGKILL)
        async with asyncio.timeout(TOLD_WITHIN_S):
            with pytest.raises(RunnerDiedError):
                async for _ in stream:
                    pass
        with pytest.raises(RunnerDiedError):
            await lease.tokenize("late")
        with pytest.raises(RunnerDiedError):
            await anext(lease.generate(ask()))
    await next_request_is_served(scheduler, models["a"])


async def test_killed_while_idle(start, models):
    scheduler = start()
    await next_request_is_served(scheduler, models["a"])
    os.kill(scheduler.loaded()[0].pid, signal.SIGKILL)
    await until(lambda: scheduler.loaded() == [], TOLD_WITHIN_S)
    await next_request_is_served(scheduler, models["a"])


async def test_other_models_do_not_notice(start, models):
    scheduler = start()
    tasks = await read_many(scheduler, models["a"], count=1)
    (other,) = await read_many(scheduler, models["b"], count=1, command=ask(num_predict=200))
    pid = next(one.pid for one in scheduler.loaded() if one.model == models["a"])
    os.kill(pid, signal.SIGKILL)
    await outcomes(tasks)
    async with asyncio.timeout(20):
        assert await other


async def test_runner_ends_with_its_parent(tmp_path):
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.parent", str(tmp_path / "models")),
        cwd=ROOT,
        env={},
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    assert is_running(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: not is_running(pid), TOLD_WITHIN_S)


# --- faults that only a fake can have --------------------------------------------------------


async def test_exit_at_a_token_tells_why_fake(start, models):
    scheduler = start("--exit-at", "5")
    tasks = await read_many(scheduler, models["a"], count=1)
    (outcome,) = await outcomes(tasks)
    assert isinstance(outcome, RunnerDiedError)
    assert str(outcome).endswith(": exit status 9: error: the fake was told to exit")


@pytest.mark.parametrize("fault", ["--garbage-at", "--half-frame-at", "--close-at"])
async def test_broken_output_is_the_end_of_the_runner_fake(start, models, fault):
    scheduler = start(fault, "5")
    tasks = await read_many(scheduler, models["a"], count=1)
    pid = scheduler.loaded()[0].pid
    (outcome,) = await outcomes(tasks)
    assert isinstance(outcome, RunnerDiedError)
    await until(lambda: not is_running(pid))


async def test_text_before_a_crash_arrives_fake(start, models):
    scheduler = start("--exit-at", "5")
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        stream = lease.generate(ask())
        text = ""
        while len(text.split()) < 5:
            text += (await anext(stream)).text
        with pytest.raises(RunnerDiedError):
            await anext(stream)
    assert text == "w0 w1 w2 w3 w4 "


async def test_frozen_runner_is_killed_after_its_silence_fake(start, models):
    scheduler = start("--freeze-at", "5", silence_timeout_s=0.4)
    tasks = await read_many(scheduler, models["a"])
    pid = scheduler.loaded()[0].pid
    for outcome in await outcomes(tasks):
        assert isinstance(outcome, RunnerDiedError)
        assert "did not respond" in str(outcome)
    assert not is_running(pid)


async def test_slow_runner_that_answers_pings_is_left_alone_fake(start, models):
    scheduler = start("--silent-s", "1.0", silence_timeout_s=0.4)
    async with asyncio.timeout(10):
        assert await read(scheduler, models["a"], ask(num_predict=2)) == "w0 w1 "


async def test_runner_found_frozen_is_replaced_fake(start, models, tmp_path):
    freeze = tmp_path / "freeze"
    scheduler = start(*("--freeze-file", str(freeze)), health_check_after_s=0, health_timeout_s=0.3)
    await next_request_is_served(scheduler, models["a"])
    pid = scheduler.loaded()[0].pid
    freeze.touch()
    await until(lambda: psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    freeze.unlink()
    await next_request_is_served(scheduler, models["a"])
    assert not is_running(pid)


async def test_runner_that_never_gets_ready_fake(start, models):
    scheduler = start("--never-ready", load_timeout_s=0.5)
    (outcome,) = await outcomes([asyncio.create_task(read(scheduler, models["a"]))], 5)
    assert isinstance(outcome, LoadError)
    assert str(outcome).startswith("timed out waiting for the model runner to start")
    await until(lambda: scheduler.loaded() == [])


async def test_slow_load_with_progress_is_waited_for_fake(start, models):
    scheduler = start("--load-s", "1.0", "--progress", load_timeout_s=0.5)
    async with asyncio.timeout(10):
        assert await read(scheduler, models["a"], ask(num_predict=1)) == "w0 "


async def test_reason_for_a_failed_load_is_passed_on_and_not_retried_fake(start, models, tmp_path):
    journal = tmp_path / "journal"
    scheduler = start("--load-fails", "no such tensor", "--journal", str(journal))
    tasks = [asyncio.create_task(read(scheduler, models["a"])) for _ in range(3)]
    for outcome in await outcomes(tasks):
        assert isinstance(outcome, LoadError)
        assert str(outcome) == "no such tensor"
    assert len(journal.read_text().splitlines()) == 1


async def test_death_while_loading_names_the_last_words_fake(start, models):
    scheduler = start("--die-loading", "GGML_ASSERT(n > 0) failed")
    (outcome,) = await outcomes([asyncio.create_task(read(scheduler, models["a"]))])
    assert isinstance(outcome, LoadError)
    expected = "the model runner has terminated: exit status 7: GGML_ASSERT(n > 0) failed"
    assert str(outcome) == expected


async def test_runner_that_dies_after_every_load_is_not_started_for_ever_fake(
    start, models, tmp_path
):
    journal = tmp_path / "journal"
    scheduler = start("--die-when-ready", "--journal", str(journal))
    (outcome,) = await outcomes([asyncio.create_task(read(scheduler, models["a"]))], 5)
    assert isinstance(outcome, RunnerDiedError)
    assert len(journal.read_text().splitlines()) <= 2


async def test_runner_that_ignores_everything_is_killed_fake(start, models):
    scheduler = start("--ignore-shutdown", stop_timeout_s=0.2)
    assert await read(scheduler, models["a"], ask(num_predict=1))
    pid = scheduler.loaded()[0].pid
    async with asyncio.timeout(5):
        await scheduler.unload(models["a"])
    assert not is_running(pid)


async def test_many_stubborn_runners_are_closed_in_parallel_fake(start, models):
    scheduler = start("--ignore-shutdown", stop_timeout_s=0.2)
    for name in "abc":
        await read(scheduler, models[name], ask(num_predict=1))
    async with asyncio.timeout(5):  # one after the other would take more
        await scheduler.close()


async def test_second_end_of_a_request_is_ignored_fake(start, models):
    scheduler = start("--finish-twice")
    for _ in range(3):
        assert await read(scheduler, models["a"], ask(num_predict=2)) == "w0 w1 "


async def test_unasked_cancellation_is_an_error_fake(start, models):
    scheduler = start("--cancel-all")
    with pytest.raises(RequestCancelledError):
        await read(scheduler, models["a"])


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("invalid", InvalidRequestError, "as told"),
        ("internal", RunnerError, "an error was encountered while running the model: as told"),
    ],
)
async def test_failures_have_their_kind_fake(start, models, kind, error, text):
    scheduler = start("--fail-kind", kind)
    with pytest.raises(error) as caught:
        await read(scheduler, models["a"])
    assert type(caught.value) is error
    assert str(caught.value) == text


async def test_cancelled_request_counts_until_the_runner_confirms_fake(start, models):
    scheduler = start("--ignore-cancel")
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        stream = lease.generate(ask(num_predict=20))
        await anext(stream)
        await stream.aclose()
    assert scheduler.loaded()[0].busy == 1
    await until(lambda: scheduler.loaded()[0].busy == 0)


async def test_slow_reader_gets_merged_chunks_and_everything_fake(start, models):
    scheduler = start("--beat-s", "0.001")
    async with scheduler.lease(models["a"], DEFAULT) as lease:
        stream = lease.generate(ask(num_predict=100))
        first = await anext(stream)
        while (await lease.status()).slots_busy:  # the runner finishes, we do not read
            pass
        rest = [report async for report in stream]
    assert [type(report) for report in rest] == [Chunk, Finished]
    assert first.num_tokens + rest[0].num_tokens == 100
    assert first.text + rest[0].text == "".join(f"w{index} " for index in range(100))
