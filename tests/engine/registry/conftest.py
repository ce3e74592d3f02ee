"""A library, a puller with short patience, and registries to pull from."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from engine.identity.key import Identity
from engine.library.createrequest import Progress
from engine.library.library import Library
from engine.registry.pull import Puller, PullRequest
from engine.registry.settings import RegistrySettings, RetryPolicy
from tests.engine.registry.docker_registry import docker_registry
from tests.engine.registry.fake_registry import FakeRegistry, fake_registry

CHUNK_BYTES = 256 * 1024
IMPATIENT = RegistrySettings(
    retry=RetryPolicy(tries=6, first_pause_s=0.01, longest_pause_s=0.05),
    connect_timeout_s=2,
    stall_timeout_s=0.5,
    answer_timeout_s=5,
    connections=4,
    chunk_bytes=CHUNK_BYTES,
)


@pytest.fixture(scope="session")
def real_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a docker-registry."""
    with docker_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with fake_registry() as running:
        yield running


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return Identity(tmp_path / "ollama")


@pytest_asyncio.fixture
async def puller(library: Library, identity: Identity) -> AsyncIterator[Puller]:
    puller = Puller(library, identity, IMPATIENT)
    yield puller
    await puller.close()


async def pull_all(puller: Puller, name: str, **options: bool) -> list[Progress]:
    """Every step of a pull over http."""
    request = PullRequest(name, **{"insecure": True, **options})
    return [progress async for progress in puller.pull(request)]
