import json
import random
from collections.abc import Iterator

import pytest

from engine.identity.key import Identity
from engine.library.library import Library
from engine.registry.errors import RegistryError
from engine.registry.pull import Puller
from tests.engine.registry.conftest import CHUNK_BYTES, pull_all
from tests.engine.registry.fake_registry import TOKEN, FakeRegistry, fake_registry
from tests.engine.registry.models import sample_model

SMALL = sample_model(b"weights " * 1000)


@pytest.fixture
def elsewhere() -> Iterator[FakeRegistry]:
    """Another server on the same machine: another origin."""
    with fake_registry() as running:
        yield running


def offer(registry: FakeRegistry) -> str:
    registry.blobs |= SMALL.blobs
    registry.manifests["a/b:latest"] = SMALL.manifest
    return f"{registry.host}/a/b"


async def test_a_signed_request_gets_the_token_that_opens_the_registry(
    registry: FakeRegistry, puller: Puller, identity: Identity
) -> None:
    registry.realm = ""
    steps = await pull_all(puller, offer(registry))
    assert steps[-1].status == "success"
    assert registry.serves_tokens >= 1
    tokens = [seen for seen in registry.requests if seen.path.startswith("/token")]
    public = identity.load_key().public_line.split()[1]
    assert all(seen.headers["authorization"].startswith(f"{public}:") for seen in tokens)


async def test_no_signature_leaves_before_it_is_asked_for(
    registry: FakeRegistry, puller: Puller, identity: Identity
) -> None:
    await pull_all(puller, offer(registry))
    assert all("authorization" not in seen.headers for seen in registry.requests)
    assert not identity.path.exists()


@pytest.mark.parametrize(
    "realm",
    [
        "http://{elsewhere}/token",
        "https://{here}/token",
        "http://{here}@{elsewhere}/token",
        "http://{elsewhere}\\@{here}/token",
        "http://{elsewhere}#@{here}/token",
        "http://user@{here}/token",
        "//{elsewhere}/token",
        "ftp://{here}/token",
        "http://127.0.0.1:1/token",
        "http://127.0.0.2:{port}/token",
        "http://[::1]:{port}/token",
        "http://localhost:{port}/token",
        "token",
        "http://[",
        "http://0177.0.0.1:{port}/token",
        "http://[::1",
    ],
)
async def test_no_signature_goes_to_another_origin(
    registry: FakeRegistry, elsewhere: FakeRegistry, puller: Puller, realm: str
) -> None:
    registry.realm = realm.format(here=registry.host, elsewhere=elsewhere.host, port=registry.port)
    with pytest.raises(RegistryError):
        await pull_all(puller, offer(registry))
    assert elsewhere.requests == []
    assert all("authorization" not in seen.headers for seen in registry.requests)


async def test_the_refusal_names_both_hosts(
    registry: FakeRegistry, elsewhere: FakeRegistry, puller: Puller
) -> None:
    registry.realm = f"http://{elsewhere.host}/token"
    with pytest.raises(RegistryError) as caught:
        await pull_all(puller, offer(registry))
    assert str(caught.value) == (
        f'pull model manifest: realm host "{elsewhere.host}" does not match original host '
        f'"{registry.host}"'
    )


async def test_a_token_does_not_follow_a_redirect_to_another_origin(
    registry: FakeRegistry, elsewhere: FakeRegistry, puller: Puller, library: Library
) -> None:
    registry.realm = ""
    elsewhere.blobs = SMALL.blobs
    registry.script = [f"redirect:http://{elsewhere.host}/cdn/blobs/@digest"] * 5
    steps = await pull_all(puller, offer(registry))
    assert steps[-1].status == "success"
    assert len(elsewhere.requests) == 5
    assert all("authorization" not in seen.headers for seen in elsewhere.requests)
    assert TOKEN not in json.dumps([seen.headers for seen in elsewhere.requests])
    # Where it was led to is asked directly from then on, and only for what was missing.
    assert len(registry.blob_requests()) >= 5


async def test_a_token_does_not_come_back_after_a_detour(
    registry: FakeRegistry, elsewhere: FakeRegistry, puller: Puller
) -> None:
    registry.realm = ""
    elsewhere.manifest_script = [f"redirect:http://{registry.host}@path"] * 3
    registry.manifest_script = [f"redirect:http://{elsewhere.host}@path"] * 3
    with pytest.raises(RegistryError, match="unauthorized: access denied"):
        await pull_all(puller, offer(registry))
    assert all("authorization" not in seen.headers for seen in elsewhere.requests)


async def test_redirects_end(registry: FakeRegistry, puller: Puller) -> None:
    registry.manifest_script = [f"redirect:http://{registry.host}@path"] * 100
    with pytest.raises(RegistryError, match=r"maximum redirects exceeded \(5\)"):
        await pull_all(puller, offer(registry))
    assert len(registry.requests) == 6


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/cdn/blobs/@digest",
        "http://localhost:{port}/cdn/blobs/@digest",
        "http://2130706434:{port}/cdn/blobs/@digest",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.2]:{port}/cdn/blobs/@digest",
        "http://user:secret@{host}/cdn/blobs/@digest",
        "file:///etc/passwd",
    ],
)
async def test_redirects_into_private_networks_are_not_followed(
    registry: FakeRegistry, puller: Puller, target: str
) -> None:
    with fake_registry("127.0.0.2") as inside:
        inside.blobs = SMALL.blobs
        registry.script = ["redirect:" + target.format(port=inside.port, host=inside.host)]
        with pytest.raises(RegistryError, match=r"private network|only http|password"):
            await pull_all(puller, offer(registry))
        assert inside.requests == []


async def test_who_sits_elsewhere_cannot_send_us_into_our_own_network(
    registry: FakeRegistry, puller: Puller
) -> None:
    with pytest.raises(RegistryError, match="private network"):
        await pull_all(puller, offer(registry), may_be_private=False)
    assert registry.requests == []


async def test_without_leave_for_http_none_is_spoken(
    registry: FakeRegistry, puller: Puller
) -> None:
    with pytest.raises(RegistryError):
        await pull_all(puller, offer(registry), insecure=False)
    assert registry.requests == []


async def test_an_expired_address_is_asked_for_again(
    registry: FakeRegistry, elsewhere: FakeRegistry, puller: Puller, library: Library
) -> None:
    model = sample_model(random.Random(2).randbytes(6 * CHUNK_BYTES))
    elsewhere.blobs = model.blobs
    registry.blobs = model.blobs
    registry.manifests["a/b:latest"] = model.manifest
    registry.script = [f"redirect:http://{elsewhere.host}/cdn/blobs/@digest"] * 2
    elsewhere.script = ["", "status:403"]
    steps = await pull_all(puller, f"{registry.host}/a/b")
    assert steps[-1].status == "success"
