"""How a runner process is started. Its faults are in tests/faults."""

import asyncio
import json
import logging
import os
import sys

import pytest

from engine import frames
from engine.errors import LoadError, RunnerDiedError
from engine.scheduler.runner_process import RunnerProcess
from tests.engine.scheduler.conftest import FAKE_ENVIRONMENT, FAKE_RUNNER

LOOK_AROUND = """
import json, os, sys
fds = [fd for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
print("error:", json.dumps({
    "environment": dict(os.environ),
    "folder": os.listdir("."),
    "fds": sorted(map(int, fds)),
    "leads_session": os.getsid(0) == os.getpid(),
}), file=sys.stderr)
"""
LOAD = frames.Load(model_path="x", num_ctx=16)


async def launch(*command, folder, environment=None, on_death=lambda: None):
    return await RunnerProcess.start(
        command, environment=environment or {}, folder=folder, on_death=on_death
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_runner_is_told_and_given_nothing_it_does_not_need(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "canary")
    extra = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(extra, True)
    process = await launch(
        sys.executable, "-c", LOOK_AROUND, folder=tmp_path, environment={"LANG": "C.UTF-8"}
    )
    with pytest.raises(LoadError) as caught:
        await process.load(LOAD, 10)
    os.close(extra)
    await process.wait_ended()
    seen = json.loads(str(caught.value).partition("error: ")[2])
    seen["environment"].pop("LC_CTYPE", None)  # set by Python itself
    assert seen == {
        "environment": {"LANG": "C.UTF-8"},
        "folder": [],
        "fds": [0, 1, 2],
        "leads_session": True,
    }


@pytest.fixture(autouse=True)
def deaths_are_announced(caplog):
    caplog.set_level(logging.WARNING, "engine.scheduler.runner_process")


async def test_death_is_announced_before_anything_else_can_be_asked(tmp_path):
    deaths = []
    process = await launch(
        *FAKE_RUNNER,
        "--die-when-ready",
        folder=tmp_path,
        environment=FAKE_ENVIRONMENT,
        on_death=lambda: deaths.append(process.is_alive),
    )
    await process.load(LOAD, 10)
    async with asyncio.timeout(5):
        await process.wait_ended()
    assert deaths == [False]
    with pytest.raises(RunnerDiedError, match="exit status 9"):
        process.generate(frames.Generate(0, ""))
    with pytest.raises(RunnerDiedError):
        await process.ask(frames.GetStatus(0))
    await process.stop(1)


async def test_answers_find_their_questions(tmp_path):
    process = await launch(*FAKE_RUNNER, folder=tmp_path, environment=FAKE_ENVIRONMENT)
    ready = await process.load(LOAD, 10)
    assert (ready.num_ctx, ready.system_info) == (16, "fake")
    questions = [process.ask(frames.Tokenize(0, chr(65 + index))) for index in range(20)]
    answers = await asyncio.gather(*questions)
    assert [answer.tokens for answer in answers] == [(65 + index,) for index in range(20)]
    assert not process.owes_answers
    await process.stop(5)
    assert process.describe_end() == "exit status 0"
    await process.stop(5)


async def test_question_withdrawn_is_forgotten(tmp_path):
    process = await launch(*FAKE_RUNNER, folder=tmp_path, environment=FAKE_ENVIRONMENT)
    await process.load(LOAD, 10)
    question = asyncio.create_task(process.ask(frames.Tokenize(0, "x")))
    await asyncio.sleep(0)
    question.cancel()
    await asyncio.wait({question})
    assert not process.owes_answers
    assert (await process.ask(frames.Tokenize(0, "A"))).tokens == (65,)
    await process.stop(5)
