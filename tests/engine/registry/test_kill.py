"""A pull whose process is killed: in another process, against a registry in this one."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.identity.key import Identity
from engine.library.digests import Digest
from engine.library.library import Library
from engine.registry.pull import Puller
from engine.registry.settings import RegistrySettings
from tests.conftest import ROOT
from tests.engine.registry.conftest import pull_all
from tests.engine.registry.fake_registry import FakeRegistry
from tests.engine.registry.models import sample_model
from tests.engine.scheduler.deadlines import until

WEIGHTS = random.Random(3).randbytes(12 * 1024 * 1024)
_PULL = """\
import asyncio, sys
from pathlib import Path
from engine.identity.key import Identity
from engine.library.library import Library
from engine.registry.pull import Puller, PullRequest
from engine.registry.settings import RegistrySettings

async def main(root, name):
    settings = RegistrySettings(chunk_bytes=1 << 20, connections=4, save_interval_s=0.1)
    puller = Puller(Library(Path(root)), Identity(Path(root).parent), settings)
    async for step in puller.pull(PullRequest(name, insecure=True)):
        print(step.status, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def _start(root: Path, name: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _PULL, str(root), name],
        env={"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("share", [0.3, 0.8])
async def test_a_killed_pull_goes_on_where_it_was(
    registry: FakeRegistry, library: Library, identity: Identity, tmp_path: Path, share: float
) -> None:
    model = sample_model(WEIGHTS)
    registry.blobs |= model.blobs
    registry.manifests["library/m:latest"] = model.manifest
    registry.pause_s = 0.04
    name = f"{registry.host}/library/m"
    state = library.download_path(Digest.of(WEIGHTS))
    state = state.with_name(f"{state.name}.json")
    process = _start(tmp_path / "models", name)
    await until(lambda: _noted_bytes(state) >= share * len(WEIGHTS), 20)
    process.kill()
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL
    noted = _noted_bytes(state)
    assert Library(tmp_path / "models").list() == []
    registry.pause_s = 0.0
    puller = Puller(library, identity, RegistrySettings(user_agent="again"))
    assert (await pull_all(puller, name))[-1].status == "success"
    await puller.close()
    assert library.blob_path(Digest.of(WEIGHTS)).read_bytes() == WEIGHTS
    rest = sum(len(blob) for blob in model.blobs.values()) - len(WEIGHTS)
    # What was noted is not fetched again.
    assert registry.asked_bytes("again") == len(WEIGHTS) - noted + rest
    folder = library.blob_path(Digest.of(WEIGHTS)).parent
    assert {path.name for path in folder.iterdir()} == {
        digest.replace(":", "-") for digest in model.blobs
    }


def _noted_bytes(state: Path) -> int:
    try:
        return sum(chunk[1] for chunk in json.loads(state.read_bytes())["chunks"])
    except FileNotFoundError:
        return 0


def test_pulls_killed_at_any_moment_leave_a_sound_library(
    registry: FakeRegistry, tmp_path: Path
) -> None:
    """The moments are those between the steps, and some in between."""
    model = sample_model(WEIGHTS[: 3 * 1024 * 1024])
    registry.blobs |= model.blobs
    registry.manifests["library/m:latest"] = model.manifest
    registry.pause_s = 0.001
    name = f"{registry.host}/library/m"
    root = tmp_path / "models"
    for lines in (1, 2, 4, 7):
        process = _start(root, name)
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.communicate(timeout=10)
        _check_sound(root)
    process = _start(root, name)
    assert process.communicate(timeout=20)[0].endswith("success\n")
    _check_sound(root)
    assert [one.digest for one in Library(root).list()] == [model.digest]


def _check_sound(root: Path) -> None:
    """Every blob is what its name says, and every model has all its blobs."""
    for path in (root / "blobs").glob("sha256-" + "?" * 64):
        assert Digest.of(path.read_bytes()).file_name == path.name
    for model in Library(root).list():
        assert all(Library(root).has_blob(digest) for digest in model.manifest.digests)
