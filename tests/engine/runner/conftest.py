"""Runner processes and model files that the tests of this folder share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.runner.runner_process import RunnerProcess
from tests.gguf_models import write_random_llama


@pytest.fixture(scope="module")
def runner() -> Iterator[RunnerProcess]:
    """The bundled model in four slots of 512 tokens. Tests leave it idle."""
    with RunnerProcess() as process:
        process.load(num_ctx=512, num_parallel=4)
        yield process


@pytest.fixture
def fresh_runner() -> Iterator[RunnerProcess]:
    """A runner that has not been told what to load."""
    with RunnerProcess() as process:
        yield process


@pytest.fixture(scope="session")
def endless_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never ends by itself, and takes its time with long prompts."""
    path = tmp_path_factory.mktemp("models") / "endless.gguf"
    return write_random_llama(
        path, n_layer=6, n_embd=256, n_head=4, n_kv_head=2, n_ff=1024, n_ctx_train=8192
    )


@pytest.fixture(scope="session")
def exact_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that never ends by itself, and whose logits hardly depend on the batch; to be
    loaded with a KV cache of f32."""
    path = tmp_path_factory.mktemp("models") / "exact.gguf"
    return write_random_llama(path, n_embd=128, n_ctx_train=8192, file_type="f32", seed=3)
