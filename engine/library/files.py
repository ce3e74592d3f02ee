"""The one place that writes files of a library: atomically, durably, or not at all.

A new file grows under a temporary name in the folder it belongs to, is flushed to the disk, and
only then gets its name. Whatever fails in between leaves nothing behind but, after a crash, a
temporary file that pruning removes.
"""

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engine.library.errors import BlobTooLargeError, DiskFullError, StorageError

TEMPORARY_PREFIX = ".partial-"
"""No model name and no blob starts like this, so that leftovers are never taken for either."""
CHUNK_BYTES = 1024 * 1024

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextlib.contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turns OSErrors of the body into StorageErrors that name no path. `action`: "write x"."""
    try:
        yield
    except OSError as exc:
        if exc.errno in _FULL:
            raise DiskFullError(
                f"could not {action}: no space left on the disk; free some and try again"
            ) from exc
        reason = os.strerror(exc.errno) if exc.errno else type(exc).__name__
        raise StorageError(f"could not {action}: {reason}") from exc


def read_file(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file. Raises OSError; one that is longer than `max_bytes` too.

    Never waits on what only looks like a file (pipes, devices).
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        return file.read(max_bytes)


def read_chunks(path: Path) -> Iterator[bytes]:
    """A file's content in chunks. Raises OSError."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def hash_file(path: Path) -> str:
    """SHA-256 of a file as lower-case hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(
    path: Path,
    chunks: Iterable[bytes],
    *,
    max_bytes: int | None = None,
    verify: Callable[[str], None] | None = None,
) -> int:
    """Write a file so that it appears whole or not at all; the number of bytes written.

    `verify` gets the SHA-256 hex of what was written, before the file gets its name, and raises
    to refuse it. Raises OSError, and BlobTooLargeError beyond `max_bytes`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    try:
        with open(descriptor, "wb") as file:
            size, digest = _copy(chunks, file.write, max_bytes)
            if verify is not None:
                verify(digest)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:  # whatever it was goes on; only the temporary file must not stay
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(path.parent)
    return size


def _copy(
    chunks: Iterable[bytes], write: Callable[[bytes], int], max_bytes: int | None
) -> tuple[int, str]:
    size = 0
    digest = hashlib.sha256()
    for chunk in chunks:
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            raise BlobTooLargeError(max_bytes)
        digest.update(chunk)
        write(chunk)
    return size, digest.hexdigest()


def link_atomically(source: Path, path: Path, verify: Callable[[str], None]) -> bool:
    """Give a file a second name if the file system can; False if it can't.

    The content is verified through the new name before it gets its final one. Raises OSError for
    anything but the lack of links, and what `verify` raises.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=path.parent) as folder:
        temporary = Path(folder) / "link"
        try:
            os.link(source, temporary)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            return False
        verify(hash_file(temporary))
        os.replace(temporary, path)
    sync_folder(path.parent)
    return True


def publish_file(temporary: Path, path: Path) -> None:
    """Give a file that grew under another name in the same folder its final one, durably.

    The caller has verified its content. Raises OSError.
    """
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    os.chmod(temporary, 0o644)
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder survive a power cut, where the system has a way to ask for it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
