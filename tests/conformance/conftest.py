"""One live server for all clients."""

from collections.abc import Iterator

import pytest

from tests.api.live_server import LiveServer, live_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server with the bundled model `tiny` and an empty store."""
    with live_server(tmp_path_factory.mktemp("store")) as running:
        yield running
