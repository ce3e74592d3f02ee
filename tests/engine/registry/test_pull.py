import asyncio
import hashlib
import json
import os
import random
from pathlib import Path

import pytest

from engine.identity.key import Identity
from engine.library.digests import Digest
from engine.library.errors import DiskFullError, InvalidNameError
from engine.library.library import Library
from engine.registry.errors import RegistryError, RetriesExceededError
from engine.registry.pull import Puller, PullRequest
from engine.registry.settings import RegistrySettings
from tests.engine.registry.conftest import CHUNK_BYTES, pull_all
from tests.engine.registry.fake_registry import FakeRegistry
from tests.engine.registry.models import SampleModel, push, sample_model
from tests.engine.scheduler.deadlines import until

BIG = random.Random(1).randbytes(10 * CHUNK_BYTES + 123)


def offer(registry: FakeRegistry, model: SampleModel, name: str = "library/m:latest") -> str:
    """Has the registry offer a model; the name to pull."""
    registry.blobs |= model.blobs
    registry.manifests[name] = model.manifest
    return f"{registry.host}/{name}"


def blob_names(root: Path) -> set[str]:
    folder = root / "models" / "blobs"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def file_names(model: SampleModel) -> set[str]:
    return {digest.replace(":", "-") for digest in model.blobs}


async def test_a_model_comes_from_a_real_registry_byte_for_byte(
    real_registry: str, puller: Puller, library: Library, tmp_path: Path
) -> None:
    model = sample_model()
    push(f"http://{real_registry}", "library/tiny", "latest", model)
    steps = await pull_all(puller, f"{real_registry}/library/tiny")
    statuses = list(dict.fromkeys(step.status for step in steps))
    layers = [f"pulling {digest[7:19]}" for digest in model.blobs]
    # In the order of the manifest, the configuration last.
    config = json.loads(model.manifest)["config"]["digest"][7:19]
    assert statuses == [
        "pulling manifest",
        *[status for status in layers if config not in status],
        f"pulling {config}",
        "verifying sha256 digest",
        "writing manifest",
        "success",
    ]
    pulled = library.get(f"{real_registry}/library/tiny")
    assert pulled.digest == model.digest
    assert pulled.template == "{{ .Prompt }}"
    assert pulled.parameters == {"temperature": 0}
    path = tmp_path / "models/manifests" / real_registry / "library/tiny/latest"
    assert path.read_bytes() == model.manifest
    assert blob_names(tmp_path) == file_names(model)
    for digest, data in model.blobs.items():
        assert library.blob_path(Digest.parse(digest)).read_bytes() == data


async def test_a_real_registry_serves_ranges_in_parallel(
    real_registry: str, puller: Puller, library: Library
) -> None:
    model = sample_model(BIG, "ranges")
    push(f"http://{real_registry}", "library/big", "latest", model)
    steps = await pull_all(puller, f"{real_registry}/library/big")
    assert steps[-1].status == "success"
    assert library.blob_path(Digest.of(BIG)).read_bytes() == BIG


async def test_a_model_that_is_here_is_not_fetched_again(
    registry: FakeRegistry, puller: Puller
) -> None:
    name = offer(registry, sample_model(BIG))
    await pull_all(puller, name)
    registry.requests.clear()
    steps = await pull_all(puller, name)
    assert registry.blob_requests() == []
    pulling = [step for step in steps if step.digest]
    assert len(pulling) == 5
    assert all(step.completed == step.total for step in pulling)


async def test_progress_never_goes_backwards(registry: FakeRegistry, puller: Puller) -> None:
    registry.pause_s = 0.02
    registry.script = ["reset:200000", "", "truncate:100000", "shifted"]
    steps = await pull_all(puller, offer(registry, sample_model(BIG)))
    weights = [step for step in steps if step.total == len(BIG)]
    completed = [step.completed for step in weights]
    assert completed == sorted(completed)
    assert completed[-1] == len(BIG)
    assert len(set(completed)) > 2


@pytest.mark.parametrize(
    "script",
    [
        ["reset:1000", "reset:0", "truncate:100", "truncate:0"],
        ["status:429", "status:500", "status:503:1", "status:502"],
        ["shifted", "shifted"],
        ["stall:1000", "", "stall:0"],
        ["", "html", "html"],
        ["whole"],
        ["", "reset:70000"] * 8,
    ],
)
async def test_a_bad_network_delays_a_pull_only(
    registry: FakeRegistry, puller: Puller, library: Library, script: list[str]
) -> None:
    registry.script = script
    steps = await pull_all(puller, offer(registry, sample_model(BIG)))
    assert steps[-1].status == "success"
    assert library.blob_path(Digest.of(BIG)).read_bytes() == BIG


async def test_a_registry_without_ranges_that_breaks_goes_on_where_it_was(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    registry.script = ["whole", "whole"]
    registry.pause_s = 0.01
    name = offer(registry, sample_model(BIG))
    pulling = puller.pull(PullRequest(name, insecure=True))
    async for step in pulling:
        if step.total == len(BIG) and step.completed > CHUNK_BYTES:
            break
    await pulling.aclose()
    await puller._downloads.close()
    assert (await pull_all(puller, name))[-1].status == "success"
    assert library.blob_path(Digest.of(BIG)).read_bytes() == BIG


async def test_a_registry_that_stays_down_ends_the_pull(
    registry: FakeRegistry, puller: Puller, tmp_path: Path
) -> None:
    registry.script = ["status:503"] * 100
    with pytest.raises(RegistryError, match=r"^max retries exceeded: 503: out of order$"):
        await pull_all(puller, offer(registry, sample_model(BIG)))
    assert not any(name in file_names(sample_model(BIG)) for name in blob_names(tmp_path))


async def test_wrong_bytes_are_refused_and_deleted(
    registry: FakeRegistry, puller: Puller, library: Library, tmp_path: Path
) -> None:
    model = sample_model(BIG)
    registry.script = ["wrong"]
    with pytest.raises(RegistryError) as caught:
        await pull_all(puller, offer(registry, model))
    assert str(caught.value).startswith(
        f"digest mismatch, file must be downloaded again: want {Digest.of(BIG)}, got sha256:"
    )
    assert blob_names(tmp_path) == set()
    assert library.list() == []
    assert (await pull_all(puller, f"{registry.host}/library/m"))[-1].status == "success"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (["total"], "its manifest"),
        (["gzip"], "compressed"),
        (["html"], "web page"),
        (["status:404"], "^file does not exist$"),
        (["status:403"], "^403: out of order$"),
    ],
)
async def test_a_registry_that_lies_or_refuses_ends_the_pull(
    registry: FakeRegistry, puller: Puller, script: list[str], text: str
) -> None:
    registry.script = script
    with pytest.raises(RegistryError, match=text):
        await pull_all(puller, offer(registry, sample_model(BIG)))
    assert len(registry.blob_requests()) == 1


async def test_a_missing_model(registry: FakeRegistry, puller: Puller) -> None:
    with pytest.raises(RegistryError) as caught:
        await pull_all(puller, f"{registry.host}/library/nothing")
    assert str(caught.value) == "pull model manifest: file does not exist"


async def test_a_missing_model_of_a_real_registry(real_registry: str, puller: Puller) -> None:
    with pytest.raises(RegistryError) as caught:
        await pull_all(puller, f"{real_registry}/library/nothing")
    assert str(caught.value) == "pull model manifest: file does not exist"


async def test_nobody_listens(free_port: int, puller: Puller) -> None:
    with pytest.raises(RegistryError, match=r"could not connect to 127\.0\.0\.1:"):
        await pull_all(puller, f"127.0.0.1:{free_port}/library/m")


async def test_an_unwell_registry_is_asked_again_for_the_manifest(
    registry: FakeRegistry, puller: Puller
) -> None:
    registry.manifest_script = ["status:503", "status:429"]
    assert (await pull_all(puller, offer(registry, sample_model(BIG))))[-1].status == "success"


@pytest.mark.parametrize("name", ["", "x" * 10_000, "../../etc/passwd", "a/b/c/d/e", "m:", "a b"])
def test_a_bad_name_is_refused_at_once(puller: Puller, name: str) -> None:
    with pytest.raises(InvalidNameError, match=r"^invalid model name$"):
        puller.pull(PullRequest(name))


def _manifest(*layers: object, config: object | None = None) -> bytes:
    whole = {"mediaType": "x", "digest": f"sha256:{'0' * 64}", "size": 2}
    return json.dumps({"config": config or whole, "layers": list(layers)}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"<html></html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schemaVersion":2,"manifests":[]}',
        _manifest({"mediaType": "x", "digest": "../../../../tmp/evil", "size": 1}),
        _manifest({"mediaType": "x", "digest": "sha256:" + "../" * 21 + "x", "size": 1}),
        _manifest({"mediaType": "x", "digest": f"sha256:{'a' * 63}", "size": 1}),
        _manifest({"mediaType": "x", "digest": f"sha256:{'a' * 64}\n", "size": 1}),
        _manifest({"mediaType": "x", "digest": f"sha256:{'a' * 64}", "size": -1}),
        _manifest({"mediaType": "x", "digest": f"sha256:{'a' * 64}", "size": 2**70}),
        _manifest({"mediaType": "x", "digest": f"sha256:{'a' * 64}", "size": "1"}),
        _manifest(*({"mediaType": "x", "digest": f"sha256:{'a' * 64}", "size": s} for s in (1, 2))),
        b" " * (4 * 1024 * 1024 + 1),
    ],
    ids=range(15),
)
async def test_a_hostile_manifest_is_refused_before_any_file_is_touched(
    registry: FakeRegistry, puller: Puller, tmp_path: Path, data: bytes
) -> None:
    registry.manifests["library/m:latest"] = data
    with pytest.raises(RegistryError, match=r"^pull model manifest: "):
        await pull_all(puller, f"{registry.host}/library/m")
    assert registry.blob_requests() == []
    assert set(os.listdir(tmp_path)) <= {"ollama"}


async def test_a_manifest_without_end_is_cut(registry: FakeRegistry, puller: Puller) -> None:
    registry.manifest_script = ["endless"]
    with pytest.raises(RegistryError, match="longer than 4194304 bytes"):
        await pull_all(puller, f"{registry.host}/library/m")


async def test_a_web_page_is_no_manifest(registry: FakeRegistry, puller: Puller) -> None:
    registry.manifest_script = ["html"]
    with pytest.raises(RegistryError, match="the manifest is damaged"):
        await pull_all(puller, f"{registry.host}/library/m")


async def test_a_model_larger_than_the_disk_is_refused_before_it_is_fetched(
    registry: FakeRegistry, puller: Puller, tmp_path: Path
) -> None:
    huge = {"mediaType": "x", "digest": f"sha256:{'a' * 64}", "size": 2**60}
    registry.manifests["library/m:latest"] = _manifest(huge)
    with pytest.raises(DiskFullError, match=r"^not enough space on the disk: "):
        await pull_all(puller, f"{registry.host}/library/m")
    assert registry.blob_requests() == []
    assert blob_names(tmp_path) == set()


async def test_one_layer_named_twice_is_fetched_once(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    layer = {"mediaType": "application/vnd.ollama.image.license", **registry.add_blob(b"text")}
    config = {"mediaType": "x", **registry.add_blob(b"{}")}
    registry.manifests["library/m:latest"] = _manifest(layer, layer, config=config)
    steps = await pull_all(puller, f"{registry.host}/library/m")
    assert steps[-1].status == "success"
    assert len(registry.blob_requests()) == 2


async def test_an_empty_layer_is_a_blob_too(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    layer = {"mediaType": "x", **registry.add_blob(b"")}
    config = {"mediaType": "x", **registry.add_blob(b"{}")}
    registry.manifests["library/m:latest"] = _manifest(layer, config=config)
    assert (await pull_all(puller, f"{registry.host}/library/m"))[-1].status == "success"
    assert library.blob_path(Digest.of(b"")).read_bytes() == b""


async def test_a_new_version_replaces_the_old_one_and_its_layers(
    registry: FakeRegistry, puller: Puller, tmp_path: Path
) -> None:
    old, new = sample_model(BIG, "old"), sample_model(BIG, "new")
    name = offer(registry, old)
    await pull_all(puller, name)
    registry.requests.clear()
    offer(registry, new)
    steps = await pull_all(puller, name)
    assert [step.status for step in steps][-2:] == ["removing unused layers", "success"]
    assert blob_names(tmp_path) == file_names(new)
    assert len(registry.blob_requests()) == 1


async def test_a_pull_that_fails_leaves_the_old_version_whole(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    old, new = sample_model(BIG, "old"), sample_model(BIG[1:], "new")
    name = offer(registry, old)
    await pull_all(puller, name)
    offer(registry, new)
    registry.script = ["wrong"]
    with pytest.raises(RegistryError):
        await pull_all(puller, name)
    assert library.get(name).digest == old.digest


async def test_several_callers_share_one_download(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    registry.pause_s = 0.005
    name = offer(registry, sample_model(BIG))
    pulls = await asyncio.gather(*(pull_all(puller, name) for _ in range(8)))
    assert all(steps[-1].status == "success" for steps in pulls)
    sizes = sum(len(blob) for blob in registry.blobs.values())
    assert registry.sent_bytes == sizes


async def test_a_download_outlives_the_caller_who_began_it(
    registry: FakeRegistry, puller: Puller
) -> None:
    registry.pause_s = 0.01
    name = offer(registry, sample_model(BIG))
    first = puller.pull(PullRequest(name, insecure=True))
    async for step in first:
        if step.completed > 0:
            break
    second = asyncio.create_task(pull_all(puller, name))
    digest = Digest.of(BIG)
    await until(lambda: puller._downloads.waiters(digest) == 2)
    await first.aclose()
    assert (await second)[-1].status == "success"
    assert registry.sent_bytes == sum(len(blob) for blob in registry.blobs.values())


async def test_a_cancelled_pull_stops_and_goes_on_later(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    registry.pause_s = 0.02
    name = offer(registry, sample_model(BIG))
    pulling = puller.pull(PullRequest(name, insecure=True))
    async for step in pulling:
        if step.total == len(BIG) and step.completed > len(BIG) // 3:
            break
    await pulling.aclose()
    await puller._downloads.close()
    before = registry.sent_bytes
    registry.pause_s = 0.0
    assert (await pull_all(puller, name))[-1].status == "success"
    total = sum(len(blob) for blob in registry.blobs.values())
    assert registry.sent_bytes - before <= total - len(BIG) // 3
    assert hashlib.sha256(library.blob_path(Digest.of(BIG)).read_bytes()).hexdigest()


async def test_bytes_that_the_disk_lost_are_fetched_again(
    registry: FakeRegistry, puller: Puller, library: Library
) -> None:
    registry.pause_s = 0.02
    name = offer(registry, sample_model(BIG))
    pulling = puller.pull(PullRequest(name, insecure=True))
    async for step in pulling:
        if step.total == len(BIG) and step.completed > len(BIG) // 2:
            break
    await pulling.aclose()
    await puller._downloads.close()
    path = library.download_path(Digest.of(BIG))
    with path.open("rb+") as file:
        file.write(bytes(100))
    registry.pause_s = 0.0
    assert (await pull_all(puller, name))[-1].status == "success"
    assert library.blob_path(Digest.of(BIG)).read_bytes() == BIG


async def test_a_stalled_registry_can_be_left_at_once(
    registry: FakeRegistry, library: Library, identity: Identity
) -> None:
    patient = Puller(library, identity, RegistrySettings())
    registry.script = ["stall:0"] * 10
    pulling = patient.pull(PullRequest(offer(registry, sample_model(BIG)), insecure=True))
    async for step in pulling:
        if step.digest:
            break
    await until(lambda: bool(registry.blob_requests()))
    async with asyncio.timeout(3):
        await pulling.aclose()
        await patient.close()


_FAULTS = ("reset", "truncate", "status", "shifted", "stall", "", "", "")


def _random_script(seed: int) -> list[str]:
    """Up to twenty steps, a few of them stalls, because those take time."""
    dice = random.Random(seed)
    steps: list[str] = []
    for _ in range(dice.randrange(20)):
        fault = dice.choice(_FAULTS)
        if fault == "stall" and any(step.startswith("stall") for step in steps):
            fault = "reset"
        if fault == "status":
            fault = f"status:{dice.choice((429, 500, 502, 503, 504))}"
        elif fault in ("reset", "truncate", "stall"):
            fault = f"{fault}:{dice.randrange(CHUNK_BYTES)}"
        steps.append(fault)
    return steps


@pytest.mark.parametrize("seed", range(12))
async def test_scripted_bad_networks_end_well_or_with_a_clear_error(
    registry: FakeRegistry, puller: Puller, library: Library, tmp_path: Path, seed: int
) -> None:
    registry.script = _random_script(seed)
    name = offer(registry, sample_model(BIG, f"license {seed}"))
    try:
        steps = await pull_all(puller, name)
    except RetriesExceededError:
        assert library.list() == []
        registry.script = []
        steps = await pull_all(puller, name)
    assert steps[-1].status == "success"
    assert library.blob_path(Digest.of(BIG)).read_bytes() == BIG
    assert not any("download" in name for name in blob_names(tmp_path))
