"""One live server for all tests of the HTTP border."""

from collections.abc import Iterator

import pytest

from tests.api.embedding_server import embedding_server
from tests.api.live_server import LiveServer, live_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server with the bundled model `tiny` and an empty store."""
    with live_server(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="session")
def vector_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server with an embedding model and a reranker too (see embedding_server.py)."""
    with embedding_server(tmp_path_factory.mktemp("models")) as running:
        yield running
