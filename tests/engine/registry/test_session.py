from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from engine.identity.key import Identity
from engine.library.library import Library
from engine.registry.errors import (
    BadAnswerError,
    ForbiddenTargetError,
    PullCancelledError,
    RegistryError,
    TransferError,
)
from engine.registry.origin import Trust
from engine.registry.pull import Puller, PullRequest
from engine.registry.session import Session
from engine.registry.settings import RegistrySettings
from tests.engine.registry.certificates import tls_pair
from tests.engine.registry.conftest import IMPATIENT, pull_all
from tests.engine.registry.fake_registry import FakeRegistry, fake_registry
from tests.engine.registry.models import sample_model

SMALL = sample_model(b"weights " * 1000)


def offer(registry: FakeRegistry) -> None:
    registry.blobs |= SMALL.blobs
    registry.manifests["a/b:latest"] = SMALL.manifest


@contextmanager
def session(trust: Trust, settings: RegistrySettings = IMPATIENT) -> Iterator[Session]:
    opened = Session(trust, settings)
    try:
        yield opened
    finally:
        opened.close()


async def test_the_certificate_is_checked_against_the_name_not_the_address(
    tmp_path: Path, library: Library, identity: Identity
) -> None:
    server, client = tls_pair(tmp_path, "localhost")
    settings = replace(IMPATIENT, ssl_context=client)
    with fake_registry("127.0.0.1", server) as registry:
        offer(registry)
        puller = Puller(library, identity, settings)
        name = f"localhost:{registry.port}/a/b"
        steps = [step async for step in puller.pull(PullRequest(name))]
        await puller.close()
    assert steps[-1].status == "success"
    assert {seen.headers["host"] for seen in registry.requests} == {f"localhost:{registry.port}"}


@pytest.mark.parametrize("certified", ["registry.example", "127.0.0.1"])
async def test_the_certificate_of_another_host_is_refused(
    tmp_path: Path, library: Library, identity: Identity, certified: str
) -> None:
    server, client = tls_pair(tmp_path, certified)
    settings = replace(IMPATIENT, ssl_context=client)
    with fake_registry("127.0.0.1", server) as registry:
        offer(registry)
        puller = Puller(library, identity, settings)
        with pytest.raises(RegistryError, match="certificate"):
            await pull_all(puller, f"localhost:{registry.port}/a/b", insecure=False)
        await puller.close()
    assert registry.requests == []


async def test_encryption_is_not_given_up_on_the_way(
    tmp_path: Path, library: Library, identity: Identity, registry: FakeRegistry
) -> None:
    server, client = tls_pair(tmp_path, "localhost")
    settings = replace(IMPATIENT, ssl_context=client)
    with fake_registry("127.0.0.1", server) as encrypted:
        offer(encrypted)
        encrypted.script = [f"redirect:http://127.0.0.1:{registry.port}/cdn/blobs/@digest"]
        puller = Puller(library, identity, settings)
        with pytest.raises(RegistryError, match="not encrypted"):
            await pull_all(puller, f"localhost:{encrypted.port}/a/b", insecure=False)
        await puller.close()
    assert registry.requests == []


async def test_a_proxy_is_asked_for_what_lies_behind_it(
    library: Library, identity: Identity, registry: FakeRegistry
) -> None:
    offer(registry)
    settings = replace(IMPATIENT, find_proxy=lambda url: f"http://{registry.host}")
    puller = Puller(library, identity, settings)
    steps = await pull_all(puller, "registry.example/a/b")
    await puller.close()
    assert steps[-1].status == "success"
    assert all(seen.path.startswith("http://registry.example/v2/") for seen in registry.requests)


async def test_a_proxy_is_not_asked_for_what_lies_in_our_network(
    library: Library, identity: Identity, registry: FakeRegistry
) -> None:
    offer(registry)
    settings = replace(IMPATIENT, find_proxy=lambda url: f"http://{registry.host}")
    registry.script = ["redirect:http://169.254.169.254/latest"]
    puller = Puller(library, identity, settings)
    with pytest.raises(ForbiddenTargetError, match="private network"):
        await pull_all(puller, "registry.example/a/b")
    await puller.close()


def test_a_proxy_of_another_kind_is_a_clear_error() -> None:
    settings = replace(IMPATIENT, find_proxy=lambda url: "socks5://127.0.0.1:1")
    with (
        session(Trust("a.example", insecure=True), settings) as opened,
        pytest.raises(ForbiddenTargetError, match="proxy"),
        opened.open("GET", httpx2.URL("http://a.example/")),
    ):
        pass


def test_a_long_body_is_not_read_to_its_end(registry: FakeRegistry) -> None:
    layer = registry.add_blob(b"x" * 100_000)
    url = httpx2.URL(f"http://{registry.host}/v2/a/b/blobs/{layer['digest']}")
    with session(Trust("127.0.0.1")) as opened, opened.open("GET", url) as reply:
        with pytest.raises(BadAnswerError, match="longer than 1000 bytes"):
            reply.read(1000, 5)


def test_an_error_text_is_cut(registry: FakeRegistry) -> None:
    layer = registry.add_blob(b"\xff" + b"x" * 100_000)
    url = httpx2.URL(f"http://{registry.host}/v2/a/b/blobs/{layer['digest']}")
    with session(Trust("127.0.0.1")) as opened, opened.open("GET", url) as reply:
        assert reply.read_error_text(5) == "\ufffd" + "x" * 8191


def test_after_an_abort_nothing_is_sent(registry: FakeRegistry) -> None:
    with session(Trust("127.0.0.1")) as opened:
        opened.abort()
        with (
            pytest.raises(PullCancelledError),
            opened.open("GET", httpx2.URL(f"http://{registry.host}/")),
        ):
            pass
    assert registry.requests == []


def test_a_name_that_does_not_exist(registry: FakeRegistry) -> None:
    with (
        session(Trust("registry.invalid", insecure=True)) as opened,
        pytest.raises(TransferError, match=r"^could not look up registry\.invalid: "),
        opened.open("GET", httpx2.URL("http://registry.invalid/")),
    ):
        pass
