"""Models and schedulers for the scheduler's tests, and a look for processes left behind."""

import shutil
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine.hardware.memory import SystemMemory, read_memory
from engine.library.library import Library
from engine.library.model import Model
from engine.scheduler.scheduler import Scheduler
from engine.scheduler.settings import SchedulerSettings
from tests.conftest import ROOT, TINY_MODEL

REAL_RUNNER = (sys.executable, "-m", "app.runner")
FAKE_RUNNER = (sys.executable, str(ROOT / "tests" / "faults" / "fake_runner.py"))
FAKE_ENVIRONMENT = {"PYTHONPATH": str(ROOT)}

Start = Callable[..., Scheduler]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """Real models "a" to "e": the tiny one, with a byte more each so that their digests differ."""
    folder = tmp_path_factory.mktemp("weights")
    paths: dict[str, Path] = {}
    for index, name in enumerate("abcde"):
        paths[name] = folder / f"{name}.gguf"
        shutil.copyfile(TINY_MODEL, paths[name])
        with paths[name].open("ab") as file:
            file.write(b"\0" * index)
    library = Library(folder / "models", bundled=paths)
    return {name: library.get(name) for name in paths}


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Makes schedulers: `start()` with the real runner, `start("--exit-at", "3")` with the fake.

    All are closed at the end, and no child process may be left then.
    """
    before = set(psutil.Process().children(recursive=True))
    schedulers: list[Scheduler] = []

    def make(
        *fake_arguments: str,
        fake: bool = False,
        read_memory: Callable[[], SystemMemory] = read_memory,
        **changes: object,
    ) -> Scheduler:
        if fake or fake_arguments:
            settings = SchedulerSettings((*FAKE_RUNNER, *fake_arguments), FAKE_ENVIRONMENT)
        else:
            settings = SchedulerSettings(REAL_RUNNER)
        schedulers.append(Scheduler(replace(settings, **changes), read_memory=read_memory))
        return schedulers[-1]

    yield make
    for scheduler in schedulers:
        await scheduler.close()
    left = set(psutil.Process().children(recursive=True)) - before
    assert not left, left
