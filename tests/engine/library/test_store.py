"""One root on disk: lookup, references, pruning."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.library.digests import Digest
from engine.library.errors import DamagedModelError, DigestMismatchError, InvalidNameError
from engine.library.manifests import CONFIG_MEDIA_TYPE, MODEL, Layer, Manifest
from engine.library.names import ModelName
from engine.library.store import Store, folder_host, host_folder


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "models")


def put(store: Store, text: str, weights: bytes = b"w") -> ModelName:
    name = ModelName.parse(text)
    layers = []
    for media_type, data in ((CONFIG_MEDIA_TYPE, b"{}"), (MODEL, weights)):
        store.write_blob(Digest.of(data), (data,))
        layers.append(Layer(media_type, Digest.of(data), len(data)))
    store.write_manifest(name, Manifest(layers[0], (layers[1],)).encode())
    return name


def test_missing_root_is_an_empty_store(store):
    assert list(store.names()) == []
    assert store.locate(ModelName.parse("a")) is None
    assert store.load_references() == frozenset()
    assert store.prune_blobs(frozenset(), time.time()) == 0


def test_layout_is_the_one_other_programs_use(store):
    put(store, "hf.co/me/Mine:Q4")
    assert (store.root / "manifests/hf.co/me/Mine/Q4").is_file()
    blob = store.root / "blobs" / f"sha256-{Digest.of(b'w').hex}"
    assert blob.read_bytes() == b"w"


def test_lookup_ignores_case_part_by_part_and_keeps_it_on_disk(store):
    mine = put(store, "HF.co/Me/Mine:Q4")
    assert store.locate(ModelName.parse("hf.CO/me/mINE:q4")) == mine
    assert store.locate(ModelName.parse("hf.co/me/mine:q5")) is None
    assert store.canonical(ModelName.parse("hf.co/ME/mine:NEW")).full == "HF.co/Me/Mine:NEW"
    assert store.canonical(ModelName.parse("x/Y/z")).full == "x/Y/z:latest"


def test_exact_case_wins_and_a_complete_match_beats_a_similar_folder(store):
    upper, lower = put(store, "Llama:a"), put(store, "llama:b")
    assert store.locate(ModelName.parse("llama:a")) == upper
    assert store.locate(ModelName.parse("LLAMA:b")) == lower
    put(store, "llama:a")
    assert store.locate(ModelName.parse("llama:a")) == ModelName.parse("llama:a")
    assert store.locate(ModelName.parse("Llama:a")) == upper


def test_what_is_no_model_is_passed_over(store):
    name = put(store, "a")
    manifests = store.root / "manifests"
    (manifests / ".DS_Store").write_bytes(b"x")
    (manifests / "registry.ollama.ai/library/a/.partial-x").write_bytes(b"x")
    (manifests / "registry.ollama.ai/bad.namespace/m").mkdir(parents=True)
    (manifests / "registry.ollama.ai/bad.namespace/m/t").write_bytes(b"x")
    (manifests / "registry.ollama.ai/library/a/sp ace").write_bytes(b"x")
    assert list(store.names()) == [name]


def test_ports_become_file_names_that_windows_takes():
    assert host_folder("h:5000", windows=True) == "h%3A5000"
    assert folder_host("h%3A5000", windows=True) == "h:5000"
    assert host_folder("h:5000", windows=False) == "h:5000"


def test_deleting_removes_empty_folders_and_no_others(store):
    put(store, "me/a:1")
    put(store, "me/a:2")
    store.delete_manifest(ModelName.parse("me/a:1"))
    assert (store.root / "manifests/registry.ollama.ai/me/a").is_dir()
    store.delete_manifest(ModelName.parse("me/a:2"))
    assert os.listdir(store.root / "manifests") == []


def test_blob_is_written_once_and_verified(store):
    digest = Digest.of(b"data")
    assert store.write_blob(digest, (b"da", b"ta"))
    assert not store.write_blob(digest, (b"not read",))
    assert store.read_blob(digest, 4) == b"data"
    wrong = Digest.of(b"other")
    message = f'digest mismatch, expected "{wrong}", got "{digest}"'
    with pytest.raises(DigestMismatchError) as caught:
        store.write_blob(wrong, (b"data",))
    assert str(caught.value) == message
    assert os.listdir(store.root / "blobs") == [digest.file_name]


def test_reused_blob_counts_as_new(store):
    digest = Digest.of(b"data")
    store.write_blob(digest, (b"data",))
    os.utime(store.blob_path(digest), (1, 1))
    store.write_blob(digest, ())
    assert store.prune_blobs(frozenset(), time.time() - 60) == 0
    assert store.has_blob(digest)


def test_missing_or_long_blob_is_a_damaged_model_without_a_path(store):
    digest = Digest.of(b"data")
    with pytest.raises(DamagedModelError) as missing:
        store.read_blob(digest, 10)
    store.write_blob(digest, (b"data",))
    with pytest.raises(DamagedModelError) as long:
        store.read_blob(digest, 3)
    assert str(store.root) not in str(missing.value) + str(long.value)


def test_one_unreadable_manifest_makes_references_unknown(store):
    put(store, "a")
    path = store.root / "manifests/registry.ollama.ai/library/a/other file"
    path.write_bytes(b"{")
    with pytest.raises(DamagedModelError):
        store.load_references()


def test_pruning_deletes_old_remains_and_nothing_of_others(store):
    keep, drop, young = (Digest.of(data) for data in (b"keep", b"drop", b"young"))
    for data in (b"keep", b"drop", b"young"):
        store.write_blob(Digest.of(data), (data,))
    blobs = store.root / "blobs"
    for name in ("sha256-1234", f"{drop.file_name}-partial-0", ".partial-xyz", "notes.txt"):
        (blobs / name).write_bytes(b"")
    (blobs / f"sha256-{'0' * 64}").mkdir()
    for name in os.listdir(blobs):
        if name != young.file_name:
            os.utime(blobs / name, (1, 1))
    assert store.prune_blobs(frozenset({keep}), time.time() - 60) == 4
    assert sorted(os.listdir(blobs)) == sorted(
        [keep.file_name, young.file_name, "notes.txt", f"sha256-{'0' * 64}"]
    )


def test_legacy_blob_names_are_renamed(store):
    digest = Digest.of(b"x")
    (store.root / "blobs").mkdir(parents=True)
    (store.root / "blobs" / str(digest)).write_bytes(b"x")
    (store.root / "blobs" / "sha256:short").write_bytes(b"x")
    store.rename_legacy_blobs()
    assert store.has_blob(digest)
    assert (store.root / "blobs" / "sha256:short").exists()


@given(st.text(alphabet="abAB./:_-\\~%\0 ", max_size=12))
def test_whatever_the_name_nothing_is_written_outside_the_root(tmp_path_factory, text):
    top = tmp_path_factory.mktemp("top")
    store = Store(top / "models")
    try:
        name = ModelName.parse(text)
    except InvalidNameError:
        return
    store.write_manifest(store.canonical(name), b"x")
    assert os.listdir(top) == ["models"]
    assert os.listdir(top / "models") == ["manifests"]
    assert store.locate(name) == name
    assert list(store.names()) == [name]
