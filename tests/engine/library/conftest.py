"""A library on an empty folder, with the bundled model; and uploads."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.library.digests import Digest
from engine.library.library import Library
from tests.conftest import TINY_MODEL


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def library(root: Path) -> Library:
    return Library(root, bundled={"tiny": TINY_MODEL})


@pytest.fixture
def upload(library: Library) -> Callable[[bytes], str]:
    """Stores bytes as a blob; its digest."""

    def store(data: bytes) -> str:
        digest = Digest.of(data)
        library.write_blob(digest, (data,))
        return str(digest)

    return store
