"""A file that grows in chunks, in any order, and survives a kill. Owned by one download.

Beside the file lies its state: which chunks there are, how much of each is written, and a
checksum of that much. What the disk lost in spite of the state is noticed by the checksum when
the download goes on, and fetched again; so the data need not be flushed before the state.
"""

import contextlib
import logging
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from engine.library.files import CHUNK_BYTES, read_file, storage_errors, write_atomically

logger = logging.getLogger(__name__)

MAX_STATE_BYTES = 1024 * 1024


class _ChunkState(msgspec.Struct, array_like=True):
    size: int
    completed: int
    checksum: int


class _State(msgspec.Struct):
    size: int
    chunks: list[_ChunkState]


class Chunk:
    """A range of the file. One thread at a time appends to it; any reads its progress."""

    def __init__(self, offset: int, size: int) -> None:
        self.offset = offset
        self.size = size
        self.progress = (0, 0)
        """Bytes written, and their CRC-32. Replaced as one value, so never torn."""

    @property
    def completed(self) -> int:
        """Bytes written so far."""
        return self.progress[0]

    @property
    def position(self) -> int:
        """Offset of the next byte to write."""
        return self.offset + self.progress[0]

    @property
    def remaining(self) -> int:
        """Bytes still to be written."""
        return self.size - self.progress[0]

    def note(self, data: bytes) -> None:
        """`data` has been written at `position`."""
        completed, checksum = self.progress
        self.progress = (completed + len(data), zlib.crc32(data, checksum))


class PartialFile:
    """The growing file and its state."""

    def __init__(self, path: Path, size: int, *, chunk_bytes: int, max_chunks: int) -> None:
        self.path = path
        self.size = size
        self._chunk_bytes = max(chunk_bytes, -(-size // max_chunks))
        self._state_path = path.with_name(f"{path.name}.json")
        self._saving = threading.Lock()
        self.chunks: tuple[Chunk, ...] = ()

    @property
    def completed(self) -> int:
        """Bytes written so far."""
        return sum(chunk.completed for chunk in self.chunks)

    def open(self, check: Callable[[], None]) -> None:
        """Take up an earlier attempt or begin. `check` is called often, to be able to give up.

        Raises StorageError, and what `check` raises.
        """
        with storage_errors("store a part of the model"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(
                self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600
            )
            with open(descriptor, "rb+", buffering=0) as file:
                if os.fstat(file.fileno()).st_size == self.size:
                    self._resume(file.read, file.seek, check)
                else:
                    self.chunks = self._plan()
                    file.truncate(self.size)
            self.save()

    def _plan(self) -> tuple[Chunk, ...]:
        step = self._chunk_bytes
        return tuple(
            Chunk(offset, min(step, self.size - offset)) for offset in range(0, self.size, step)
        )

    def _resume(
        self,
        read: Callable[[int], bytes | None],
        seek: Callable[[int], object],
        check: Callable[[], None],
    ) -> None:
        """Believe of the state what the data confirms."""
        states = self._load_state()
        if states is None:
            self.chunks = self._plan()
            return
        offset = 0
        chunks: list[Chunk] = []
        for state in states:
            chunk = Chunk(offset, state.size)
            seek(offset)
            while chunk.completed < state.completed:
                check()
                data = read(min(CHUNK_BYTES, state.completed - chunk.completed))
                if not data:
                    break
                chunk.note(data)
            if chunk.progress != (state.completed, state.checksum):
                logger.info("%d bytes of a cut download are fetched again", state.completed)
                chunk.progress = (0, 0)
            chunks.append(chunk)
            self.chunks = tuple(chunks)  # progress while it is checked
            offset += state.size

    def _load_state(self) -> list[_ChunkState] | None:
        try:
            data = read_file(self._state_path, MAX_STATE_BYTES)
            state = msgspec.json.decode(data, type=_State)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            logger.info("the state of a download can't be read, it begins again: %s", exc)
            return None
        sound = all(0 <= one.completed <= one.size and one.size > 0 for one in state.chunks)
        if not sound or state.size != self.size or sum(c.size for c in state.chunks) != self.size:
            return None
        return state.chunks

    def save(self) -> None:
        """Write the state. Raises OSError."""
        with self._saving:
            states = [_ChunkState(chunk.size, *chunk.progress) for chunk in self.chunks]
            data = msgspec.json.encode(_State(self.size, states))
            write_atomically(self._state_path, (data,))

    def forget_state(self) -> None:
        """Remove the state, once the file is complete and has its final name."""
        with contextlib.suppress(OSError):  # pruning will take it
            self._state_path.unlink()

    def discard(self) -> None:
        """Remove file and state. Raises StorageError."""
        with storage_errors("delete a cut download"):
            self.path.unlink(missing_ok=True)
            self._state_path.unlink(missing_ok=True)

    def allocated_bytes(self) -> int:
        """How much of the disk the file takes by now; 0 if it is not there."""
        try:
            status = self.path.stat()
        except OSError:
            return 0
        blocks = getattr(status, "st_blocks", None)  # not on Windows
        return min(self.size, blocks * 512 if blocks is not None else 0)

    def completed_prefix(self, start: int) -> int:
        """Where the bytes that are written without a gap from `start` on end."""
        for chunk in self._from(start):
            start = max(start, chunk.position)
            if chunk.remaining:
                break
        return start

    def _from(self, start: int) -> Iterator[Chunk]:
        return (chunk for chunk in self.chunks if chunk.offset + chunk.size > start)
