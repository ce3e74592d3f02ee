"""Atomic writes: whole or not at all, and nothing left behind."""

import errno
import hashlib
import os
import subprocess
import sys
import textwrap

import pytest

from engine.library.errors import BlobTooLargeError, DiskFullError, StorageError
from engine.library.files import (
    hash_file,
    link_atomically,
    read_file,
    storage_errors,
    write_atomically,
)
from tests.conftest import ROOT


def accept(digest: str) -> None:
    assert len(digest) == 64


class RefusedError(Exception):
    pass


def refuse(digest: str) -> None:
    raise RefusedError(digest)


def test_file_appears_whole_with_its_folder(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    seen = []
    assert write_atomically(path, (b"one", b"", b"two"), verify=seen.append) == 6
    assert path.read_bytes() == b"onetwo"
    assert seen == [hashlib.sha256(b"onetwo").hexdigest()] == [hash_file(path)]
    assert os.listdir(path.parent) == ["file"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_failed_writes_leave_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def breaking():
        yield b"new"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        write_atomically(path, breaking())
    with pytest.raises(RefusedError):
        write_atomically(path, (b"new",), verify=refuse)
    with pytest.raises(BlobTooLargeError):
        write_atomically(path, (b"1234", b"5"), max_bytes=4)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_size_limit_is_exact(tmp_path):
    assert write_atomically(tmp_path / "file", (b"1234",), max_bytes=4) == 4


def test_a_disk_that_takes_no_more_leaves_nothing(tmp_path):
    code = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from engine.library.digests import Digest
        from engine.library.errors import StorageError
        from engine.library.store import Store
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        data = bytes(200_000)
        try:
            Store(Path(sys.argv[1])).write_blob(Digest.of(data), (data,))
        except StorageError as exc:
            print(exc)
    """)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "could not store the file: File too large\n"
    assert os.listdir(tmp_path / "blobs") == []


def test_full_disk_is_told_from_other_trouble_and_no_path_is_told():
    with pytest.raises(DiskFullError, match="no space left") as full, storage_errors("write it"):
        raise OSError(errno.ENOSPC, "x", "/home/user/secret")
    with pytest.raises(StorageError) as other, storage_errors("write it"):
        raise PermissionError(errno.EACCES, "x", "/home/user/secret")
    assert "secret" not in str(full.value) + str(other.value)
    assert str(other.value) == "could not write it: Permission denied"


def test_link_shares_the_content(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    target = tmp_path / "blobs" / "target"
    assert link_atomically(source, target, accept)
    assert target.samefile(source)
    assert os.listdir(target.parent) == ["target"]
    assert link_atomically(source, target, accept)  # again: both are the same file already
    assert os.listdir(target.parent) == ["target"]


def test_refused_link_leaves_nothing(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(RefusedError):
        link_atomically(source, tmp_path / "blobs" / "target", refuse)
    assert os.listdir(tmp_path / "blobs") == []


def test_only_regular_files_within_the_limit_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    assert read_file(tmp_path / "file", 4) == b"1234"
    with pytest.raises(OSError, match="File too large"):
        read_file(tmp_path / "file", 3)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="Invalid argument"):
        read_file(tmp_path / "pipe", 4)
