"""The library as its users see it: list, get, copy, delete, prune, blobs."""

import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.errors import ModelNotFoundError
from engine.library.createrequest import CreateRequest
from engine.library.digests import Digest
from engine.library.errors import (
    BlobTooLargeError,
    DamagedModelError,
    DigestMismatchError,
    GGUFError,
    InvalidNameError,
    ReadOnlyModelError,
    SourceNotFoundError,
)
from engine.library.library import Library
from tests.conftest import TINY_MODEL
from tests.engine.library.ggufbytes import small_model


def make(library: Library, name: str, **fields: object) -> None:
    fields = fields or {"from_": "tiny"}
    for _ in library.create(CreateRequest(name, **fields)):
        pass


def names(library: Library) -> list[str]:
    return [model.name.short for model in library.list()]


def blobs(root) -> set[str]:
    return set(os.listdir(root / "blobs")) if (root / "blobs").exists() else set()


def age(root, seconds: float = 7200) -> None:
    then = time.time() - seconds
    for entry in os.scandir(root / "blobs"):
        os.utime(entry.path, (then, then))


# --- the bundled model ---------------------------------------------------------------------------


def test_bundled_model_is_served_without_a_copy(library, root):
    (model,) = library.list()
    assert model == library.get("TINY")
    assert model.name.short == "tiny:latest"
    assert model.weights_path == TINY_MODEL
    assert model.read_only
    assert model.capabilities == ("tools", "thinking", "completion")
    assert model.details.parameter_size == "5.77M"
    assert model.details.context_length == 2048
    assert model.header.architecture == "qwen3"
    assert model.size_bytes > TINY_MODEL.stat().st_size
    assert model.modified_at.tzinfo is not None
    assert not root.exists()


def test_bundled_model_has_the_same_digest_everywhere(library, tmp_path):
    other = Library(tmp_path / "other", bundled={"tiny": TINY_MODEL})
    assert library.get("tiny").digest == other.get("tiny").digest
    library.copy("tiny", "mine")
    assert library.get("mine").digest == library.get("tiny").digest


def test_bundled_model_can_be_copied_but_not_deleted(library, root):
    library.copy("tiny", "mine")
    mine = library.get("mine")
    assert not mine.read_only
    assert mine.weights_path.parent == root / "blobs"
    assert mine.weights_path.read_bytes() == TINY_MODEL.read_bytes()
    assert not mine.weights_path.samefile(TINY_MODEL)
    with pytest.raises(ReadOnlyModelError) as caught:
        library.delete("tiny")
    assert str(caught.value) == "model 'tiny' is built in and can't be deleted"
    assert names(library) == ["mine:latest", "tiny:latest"]


def test_the_users_own_model_of_that_name_wins_until_it_is_deleted(library):
    make(library, "tiny", from_="tiny", system="mine")
    assert library.get("tiny").system == "mine"
    assert names(library) == ["tiny:latest"]
    library.delete("tiny")
    assert library.get("tiny").read_only


def test_missing_or_damaged_bundled_file_hides_nothing(tmp_path, caplog):
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    library = Library(
        tmp_path / "models",
        bundled={
            "gone": tmp_path / "gone.gguf",
            "bad": tmp_path / "bad.gguf",
            "tiny": TINY_MODEL,
        },
    )
    caplog.set_level(logging.WARNING, logger="engine.library.library")
    assert names(library) == ["tiny:latest"]
    assert "model bad:latest is left out" in caplog.text
    with pytest.raises(ModelNotFoundError):
        library.get("gone")
    with pytest.raises(GGUFError):
        library.get("bad")


# --- list and get --------------------------------------------------------------------------------


def test_newest_model_comes_first(library, root):
    for name in ("a", "b", "c"):
        make(library, name)
    manifests = root / "manifests/registry.ollama.ai/library"
    for name, when in (("a", 300), ("b", 100), ("c", 200)):
        os.utime(manifests / name / "latest", (when, when))
    assert names(library) == ["a:latest", "c:latest", "b:latest", "tiny:latest"]


@pytest.mark.parametrize("name", ["nope", "tiny:v2", "hf.co/library/tiny"])
def test_unknown_names_are_told_as_they_were_asked(library, name):
    with pytest.raises(ModelNotFoundError) as caught:
        library.get(name)
    assert str(caught.value) == f"model '{name}' not found"
    with pytest.raises(InvalidNameError, match=r"^invalid model name$"):
        library.get("../tiny")


def test_damaged_models_hide_no_others(library, root, caplog):
    for name in ("good", "torn", "hollow", "mute"):
        make(library, name, from_="tiny", system=name)
    manifests = root / "manifests/registry.ollama.ai/library"
    (manifests / "torn/latest").write_bytes(b'{"schemaVersion":2')
    config = json.loads((manifests / "hollow/latest").read_bytes())["config"]["digest"]
    mute = Library(root).get("mute").manifest.layers[-1].digest
    library.blob_path(mute).unlink()
    caplog.set_level(logging.WARNING, logger="engine.library.library")
    assert set(names(library)) == {"good:latest", "hollow:latest", "tiny:latest"}
    with pytest.raises(DamagedModelError):
        library.get("torn")
    library.blob_path(Digest.parse(config)).unlink()
    fresh = Library(root, bundled={"tiny": TINY_MODEL})
    assert names(fresh) == ["tiny:latest"]  # all share that configuration
    assert len([r for r in caplog.records if "is left out" in r.getMessage()]) >= 5


def test_model_without_its_weights_is_listed_and_says_so(library, root):
    make(library, "mine")
    path = library.get("mine").weights_path
    data = path.read_bytes()
    path.unlink()
    mine = next(model for model in library.list() if model.name.model == "mine")
    assert mine.capabilities == ()
    assert "can't be read: No such file" in str(mine.problem)
    with pytest.raises(GGUFError, match="can't be read"):
        _ = mine.header
    path.write_bytes(data)
    assert library.get("mine").problem is None
    assert library.get("mine").capabilities


def test_changes_by_other_programs_are_seen(library, root):
    make(library, "mine", from_="tiny", system="one")
    other = Library(root, bundled={"tiny": TINY_MODEL})
    assert other.get("mine").system == "one"
    make(library, "mine", from_="tiny", system="two")
    assert other.get("mine").system == "two"
    library.delete("mine")
    assert names(other) == ["tiny:latest"]


def test_other_stores_are_read_and_never_written(library, tmp_path, root):
    theirs = tmp_path / "theirs"
    owner = Library(theirs, bundled={"tiny": TINY_MODEL})
    weights = small_model()
    owner.write_blob(Digest.of(weights), (weights,))
    files = {"m.gguf": str(Digest.of(weights))}
    make(owner, "shared", files=files, system="theirs")
    make(owner, "both", from_="tiny", system="theirs")
    make(library, "both", from_="tiny", system="mine")
    before = sorted(str(path) for path in theirs.rglob("*"))
    reader = Library(root, [theirs], {"tiny": TINY_MODEL})
    assert names(reader)[0] == "both:latest"
    assert set(names(reader)) == {"both:latest", "shared:latest", "tiny:latest"}
    assert reader.get("both").system == "mine"
    assert reader.get("shared").system == "theirs"
    with pytest.raises(ReadOnlyModelError, match="is in a read-only library and can't be deleted"):
        reader.delete("shared")
    reader.copy("shared", "own")
    assert reader.get("own").weights_path.samefile(reader.get("shared").weights_path)
    make(reader, "derived", from_="shared", system="new")
    reader.prune(0)
    assert sorted(str(path) for path in theirs.rglob("*")) == before


def test_two_hundred_models_are_listed_quickly(library, root):
    make(library, "m", from_="tiny", system="x", parameters={"top_k": 1}, license=("MIT",))
    for index in range(199):
        library.copy("m", f"m{index}")
    fresh = Library(root, bundled={"tiny": TINY_MODEL})
    start = time.perf_counter()
    assert len(fresh.list()) == 201
    cold_s = time.perf_counter() - start
    start = time.perf_counter()
    fresh.list()
    warm_s = time.perf_counter() - start
    assert cold_s < 2
    assert warm_s < 0.25


# --- copy ----------------------------------------------------------------------------------------


def test_copy_takes_the_manifest_byte_for_byte(library, root):
    make(library, "mine", from_="tiny", system="x")
    path = root / "manifests/registry.ollama.ai/library/mine/latest"
    data = json.dumps(json.loads(path.read_bytes()) | {"annotations": {"a": 1}}, indent=3)
    path.write_text(data)
    library.copy("mine", "hf.co/me/Copy:v1")
    assert (root / "manifests/hf.co/me/Copy/v1").read_text() == data
    assert library.get("HF.CO/me/copy:V1").digest == library.get("mine").digest


def test_copy_replaces_and_frees_what_it_replaced(library, root):
    make(library, "old", from_="tiny", system="old")
    make(library, "new", from_="tiny", system="new")
    old = library.get("old").manifest.layers[-1].digest
    library.copy("new", "OLD")
    assert library.get("old").system == "new"
    assert not library.has_blob(old)
    assert len(os.listdir(root / "manifests/registry.ollama.ai/library")) == 2


def test_copy_to_itself_changes_nothing(library, root):
    make(library, "mine", from_="tiny", system="x")
    before = blobs(root)
    library.copy("mine", "mine")
    assert blobs(root) == before
    assert library.get("mine").system == "x"


def test_copy_errors_quote_the_name(library, root):
    with pytest.raises(InvalidNameError) as caught:
        library.copy("a b", "c")
    assert str(caught.value) == 'source "a b" is invalid'
    with pytest.raises(InvalidNameError) as caught:
        library.copy("tiny", "../x")
    assert str(caught.value) == 'destination "../x" is invalid'
    with pytest.raises(SourceNotFoundError) as caught:
        library.copy("nope", "c")
    assert str(caught.value) == 'model "nope" not found'
    assert isinstance(caught.value, ModelNotFoundError)
    assert not root.exists()


# --- delete --------------------------------------------------------------------------------------


def test_delete_frees_only_what_nobody_needs(library, root):
    make(library, "a", from_="tiny", system="a")
    make(library, "b", from_="tiny", system="b")
    only_a = library.get("a").manifest.layers[-1].digest
    needed = library.get("b").manifest.digests
    library.delete("A")
    assert names(library) == ["b:latest", "tiny:latest"]
    assert not library.has_blob(only_a)
    assert blobs(root) == {digest.file_name for digest in needed}
    library.delete("b")
    assert blobs(root) == set()
    assert os.listdir(root / "manifests") == []


def test_delete_keeps_layers_while_any_manifest_is_unreadable(library, root, caplog):
    make(library, "a", from_="tiny", system="a")
    make(library, "b", from_="tiny", system="b")
    (root / "manifests/registry.ollama.ai/library/b/latest").write_bytes(b"{")
    before = blobs(root)
    caplog.set_level(logging.WARNING, logger="engine.library.library")
    library.delete("a")
    assert library.prune(0) == 0
    assert blobs(root) == before
    assert "unused layers are kept" in caplog.text
    caplog.set_level(logging.WARNING, logger="engine.library.library")
    library.delete("b")  # a damaged model can be deleted
    assert names(library) == ["tiny:latest"]


def test_delete_errors(library):
    with pytest.raises(ModelNotFoundError, match=r"^model 'nope' not found$"):
        library.delete("nope")
    with pytest.raises(InvalidNameError) as caught:
        library.delete("a//b")
    assert str(caught.value) == 'name "a//b" is invalid'


def test_kept_layers_stay(root):
    library = Library(root, bundled={"tiny": TINY_MODEL}, keep_layers=True)
    make(library, "a", from_="tiny", system="a")
    before = blobs(root)
    library.delete("a")
    assert library.prune(-10) == 0
    assert blobs(root) == before


# --- prune ---------------------------------------------------------------------------------------


def test_prune_spares_what_is_needed_and_what_is_young(library, root, upload):
    make(library, "mine", from_="tiny", system="x")
    needed = blobs(root)
    upload(b"an upload that waits for its model")
    assert library.prune() == 0
    age(root)
    young = upload(b"young")
    leftover = root / "manifests/registry.ollama.ai/library/mine/.partial-abc"
    leftover.write_bytes(b"")
    os.utime(leftover, (1, 1))
    (root / "manifests/hf.co/empty").mkdir(parents=True)
    assert library.prune() == 2
    assert blobs(root) == needed | {Digest.parse(young).file_name}
    assert not leftover.exists()
    assert os.listdir(root / "manifests") == ["registry.ollama.ai"]


def test_prune_of_a_store_that_does_not_exist(library, root):
    assert library.prune() == 0
    assert not root.exists()


# --- blobs ---------------------------------------------------------------------------------------


def test_blobs_arrive_whole_or_not_at_all(library, root):
    digest = Digest.of(b"data")
    assert not library.has_blob(digest)
    with pytest.raises(DigestMismatchError):
        library.write_blob(digest, (b"dat",))
    with pytest.raises(BlobTooLargeError, match="limit of 3 bytes"):
        library.write_blob(digest, (b"da", b"ta"), max_bytes=3)
    assert blobs(root) == set()
    assert library.write_blob(digest, (b"da", b"ta"), max_bytes=4)
    assert not library.write_blob(digest, (b"data",))
    assert library.blob_path(digest).read_bytes() == b"data"


def test_many_writers_of_one_blob_agree(library, root):
    data = os.urandom(200_000)
    digest = Digest.of(data)
    start = threading.Barrier(8)

    def write(_: int) -> bool:
        start.wait(timeout=10)
        return library.write_blob(digest, (data[:100_000], data[100_000:]))

    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(write, range(8)))
    assert blobs(root) == {digest.file_name}
    assert library.blob_path(digest).read_bytes() == data


def test_creating_and_deleting_at_once_loses_nothing(library, root, upload):
    digest = upload(small_model())

    def churn(index: int) -> None:
        for round_ in range(6):
            make(library, f"m{index}", files={"m.gguf": digest}, system=f"{index} {round_}")
            library.copy(f"m{index}", f"c{index}")
            library.list()
            if index % 2:
                library.delete(f"m{index}")
                library.write_blob(Digest.parse(digest), (small_model(),))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(churn, range(4)))
    for model in library.list():
        if not model.read_only:
            assert all(library.has_blob(digest) for digest in model.manifest.digests)
    assert set(names(library)) == {
        *(f"c{i}:latest" for i in range(4)),
        "m0:latest",
        "m2:latest",
        "tiny:latest",
    }
