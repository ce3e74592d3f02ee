"""Runners with small random models, one per kind of model."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.runner.runner_process import RunnerProcess
from tests.gguf_models import write_random_bert, write_random_llama


@pytest.fixture(scope="session")
def bert_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_bert(tmp_path_factory.mktemp("models") / "bert.gguf", n_ctx_train=32)


@pytest.fixture(scope="session")
def bert(bert_path: Path) -> Iterator[RunnerProcess]:
    """Mean pooling, 32 tokens at most."""
    with RunnerProcess() as process:
        process.load(bert_path, embedding=True)
        yield process


@pytest.fixture(scope="session")
def reranker_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "reranker.gguf"
    return write_random_bert(path, pooling="rank", seed=3)


@pytest.fixture(scope="session")
def reranker(reranker_path: Path) -> Iterator[RunnerProcess]:
    """128 tokens at most."""
    with RunnerProcess() as process:
        process.load(reranker_path, embedding=True)
        yield process


@pytest.fixture(scope="session")
def text_model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_llama(tmp_path_factory.mktemp("models") / "llama.gguf")


@pytest.fixture(scope="session")
def text_model(text_model_path: Path) -> Iterator[RunnerProcess]:
    """A model that generates text, loaded for its vectors and computed in pieces."""
    with RunnerProcess() as process:
        process.load(text_model_path, embedding=True, num_ctx=1024, num_batch=128)
        yield process
