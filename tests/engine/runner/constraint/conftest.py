"""The bundled model's vocabulary, and a compiler over it."""

from collections.abc import Iterator

import pytest

from engine.runner.constraint.compiler import ConstraintCompiler
from engine.runner.llama import Model, ModelSettings, Vocabulary, start_backend
from tests.conftest import TINY_MODEL


@pytest.fixture(scope="session")
def vocabulary() -> Iterator[Vocabulary]:
    start_backend()
    model = Model(ModelSettings(str(TINY_MODEL)), lambda _progress: True)
    yield model.vocabulary
    model.close()


@pytest.fixture(scope="session")
def compiler(vocabulary: Vocabulary) -> Iterator[ConstraintCompiler]:
    compiler = ConstraintCompiler(vocabulary)
    yield compiler
    compiler.close()
