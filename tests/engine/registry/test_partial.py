import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.registry.partial import PartialFile
from tests.conftest import ROOT

DATA = bytes(range(256)) * 40


def open_partial(folder: Path, size: int = len(DATA), chunk_bytes: int = 1000) -> PartialFile:
    partial = PartialFile(
        folder / "sha256-x-download", size, chunk_bytes=chunk_bytes, max_chunks=64
    )
    partial.open(lambda: None)
    return partial


def fill(partial: PartialFile, counts: list[int]) -> None:
    """Writes the beginning of each chunk."""
    with partial.path.open("rb+") as file:
        for chunk, count in zip(partial.chunks, counts, strict=False):
            data = DATA[chunk.position : chunk.position + min(count, chunk.remaining)]
            file.seek(chunk.position)
            file.write(data)
            chunk.note(data)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 1000), max_size=11))
def test_what_was_noted_is_there_the_next_time(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("blobs")
    first = open_partial(folder)
    fill(first, counts)
    first.save()
    second = open_partial(folder)
    assert [chunk.progress for chunk in second.chunks] == [c.progress for c in first.chunks]
    assert second.completed == sum(chunk.completed for chunk in first.chunks)
    prefix = second.completed_prefix(0)
    gaps = [chunk.position for chunk in second.chunks if chunk.remaining]
    assert prefix == (gaps[0] if gaps else len(DATA))


def test_chunks_cover_the_file_and_their_number_is_limited(tmp_path: Path) -> None:
    partial = open_partial(tmp_path, size=1_000_003, chunk_bytes=10)
    assert len(partial.chunks) <= 64
    assert [chunk.offset for chunk in partial.chunks[1:]] == [
        chunk.offset + chunk.size for chunk in partial.chunks[:-1]
    ]
    assert sum(chunk.size for chunk in partial.chunks) == 1_000_003


def test_bytes_that_changed_on_the_disk_are_not_believed(tmp_path: Path) -> None:
    first = open_partial(tmp_path)
    fill(first, [1000, 1000, 500])
    first.save()
    with first.path.open("rb+") as file:
        file.seek(1500)
        file.write(b"\xff\x00\xff")
    second = open_partial(tmp_path)
    assert [chunk.completed for chunk in second.chunks][:4] == [1000, 0, 500, 0]


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"null",
        json.dumps({"size": 5, "chunks": [[5, 5, 0]]}).encode(),
        json.dumps({"size": len(DATA), "chunks": []}).encode(),
        json.dumps({"size": len(DATA), "chunks": [[len(DATA), len(DATA) + 1, 0]]}).encode(),
        json.dumps({"size": len(DATA), "chunks": [[len(DATA), -1, 0]]}).encode(),
        json.dumps({"size": len(DATA), "chunks": [[-5, 0, 0], [len(DATA) + 5, 0, 0]]}).encode(),
        json.dumps({"size": len(DATA), "chunks": [[0, 0, 0], [len(DATA), 0, 0]]}).encode(),
        json.dumps({"size": len(DATA), "chunks": [[len(DATA), len(DATA), 7]]}).encode(),
        b"[" * 100_000,
        b" " * 2_000_000,
    ],
    ids=range(14),
)
def test_a_damaged_state_means_to_begin_again(tmp_path: Path, state: bytes) -> None:
    first = open_partial(tmp_path)
    fill(first, [1000] * 11)
    first.path.with_name("sha256-x-download.json").write_bytes(state)
    second = open_partial(tmp_path)
    assert second.completed == 0
    assert sum(chunk.size for chunk in second.chunks) == len(DATA)


def test_a_file_of_another_size_means_to_begin_again(tmp_path: Path) -> None:
    first = open_partial(tmp_path)
    fill(first, [1000] * 11)
    first.save()
    assert open_partial(tmp_path, size=5000).completed == 0


def test_it_can_be_given_up_while_it_is_checked(tmp_path: Path) -> None:
    first = open_partial(tmp_path)
    fill(first, [1000] * 11)
    first.save()

    def give_up() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PartialFile(first.path, len(DATA), chunk_bytes=1000, max_chunks=64).open(give_up)


def test_a_disk_that_takes_no_more_is_an_error_without_path(tmp_path: Path) -> None:
    script = f"""\
import resource
from pathlib import Path
from engine.library.errors import StorageError
from engine.registry.partial import PartialFile
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    PartialFile(Path({str(tmp_path)!r}) / "x", 5000, chunk_bytes=1000, max_chunks=9).open(
        lambda: None
    )
except StorageError as exc:
    print(exc)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "could not store a part of the model: File too large\n"
