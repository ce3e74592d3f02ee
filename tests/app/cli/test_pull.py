"""`corral pull`, and `corral run` of a model that is not here yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.ollama.pulling_server import PullingServer, pulling_server
from tests.app.cli.server_process import environment, process
from tests.engine.registry.fake_registry import FakeRegistry, fake_registry
from tests.engine.registry.models import sample_model

MODEL = sample_model()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        running.blobs |= MODEL.blobs
        running.manifests["library/m:latest"] = MODEL.manifest
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PullingServer]:
    with pulling_server(tmp_path, "http://127.0.0.1:1") as running:
        yield running


def test_pull_shows_every_step_once(
    tmp_path: Path, server: PullingServer, registry: FakeRegistry
) -> None:
    env = environment(tmp_path, server.port)
    done = process("pull", f"{registry.host}/library/m", "--insecure", env=env)
    assert (done.returncode, done.stdout) == (0, "")
    layers = [f"pulling {digest[7:19]}:" for digest in MODEL.blobs]
    assert sorted(done.stderr.splitlines()[1:6]) == sorted(layers)
    assert [line for line in done.stderr.splitlines() if line not in layers] == [
        "pulling manifest",
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    assert [model.digest for model in server.library.list()] == [MODEL.digest]


def test_a_missing_model_is_an_error(
    tmp_path: Path, server: PullingServer, registry: FakeRegistry
) -> None:
    env = environment(tmp_path, server.port)
    done = process("pull", f"{registry.host}/library/none", "--insecure", env=env)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "pulling manifest",
        "Error: pull model manifest: file does not exist",
    ]


def test_a_bad_name_is_an_error(tmp_path: Path, server: PullingServer) -> None:
    done = process("pull", "x" * 10_000, env=environment(tmp_path, server.port))
    assert (done.returncode, done.stderr) == (1, "Error: invalid model name\n")


def test_without_a_name(tmp_path: Path, free_port: int) -> None:
    done = process("pull", env=environment(tmp_path, free_port))
    assert (done.returncode, done.stderr) == (1, "Error: accepts 1 arg(s), received 0\n")


def test_run_pulls_a_model_that_is_missing(
    tmp_path: Path, server: PullingServer, registry: FakeRegistry
) -> None:
    env = environment(tmp_path, server.port)
    name = f"{registry.host}/library/m"
    done = process("run", name, "--insecure", "", env=env)
    assert done.returncode == 0, done.stderr
    assert "success" in done.stderr.splitlines()
    registry.requests.clear()
    again = process("run", name, "", env=env)
    assert again.returncode == 0, again.stderr
    assert registry.requests == []
