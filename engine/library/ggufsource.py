"""Bounded, buffered reading of a GGUF file: nothing is believed before it is measured.

Every read is checked against the bytes that are left in the file and against a budget of bytes
and time. No memory mapping: a file that shrinks under us is an error, not a signal.
"""

import errno
import os
import stat
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.library.errors import GGUFError

MAX_HEADER_BYTES = 512 * 1024 * 1024
MAX_STRING_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 256 * 1024

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class GGUFSource:
    """A position in an open GGUF file. One thread, one use; close it or use `with`."""

    def __init__(self, path: Path, deadline_s: float) -> None:
        """Raises GGUFError if the file is no regular file, OSError if it cannot be opened."""
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        self._file = open(os.open(path, flags), "rb", buffering=0)
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            self._file.close()
            raise GGUFError("the file is no regular file", is_gguf=False)
        self.size = status.st_size
        self.identity = (status.st_size, status.st_mtime_ns)
        self._deadline = time.monotonic() + deadline_s
        self._buffer = b""
        self._at = 0
        """Where in the buffer we are."""
        self._base = 0
        """Where in the file the buffer starts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def position(self) -> int:
        """Bytes of the file that lie before the next read."""
        return self._base + self._at

    @property
    def left(self) -> int:
        """Bytes of the file that lie after it."""
        return self.size - self.position

    def seek(self, position: int) -> None:
        """Go on reading somewhere else."""
        self._file.seek(position)
        self._buffer, self._at, self._base = b"", 0, position

    def check(self, size: int, what: str) -> None:
        """Raise GGUFError unless the file still has `size` bytes."""
        if size > self.left:
            raise GGUFError(
                f"the file is truncated: {what} needs {size} bytes, {self.left} are left"
            )

    def read(self, size: int, what: str) -> bytes:
        """The next bytes. Raises GGUFError if there are not as many, or over budget."""
        self._fill(size, what)
        data = self._buffer[self._at : self._at + size]
        self._at += size
        return data

    def read_u32(self, what: str) -> int:
        """The next unsigned 32-bit number."""
        self._fill(4, what)
        (value,) = _U32.unpack_from(self._buffer, self._at)
        self._at += 4
        return int(value)

    def read_u64(self, what: str) -> int:
        """The next unsigned 64-bit number."""
        self._fill(8, what)
        (value,) = _U64.unpack_from(self._buffer, self._at)
        self._at += 8
        return int(value)

    def read_string(self, what: str, max_bytes: int = MAX_STRING_BYTES) -> bytes:
        """The next string: its length, then its bytes."""
        size = self.read_u64(what)
        if size > max_bytes:
            raise GGUFError(f"{what} is {size} bytes long; at most {max_bytes} are allowed")
        return self.read(size, what)

    def skip(self, size: int, what: str) -> None:
        """Pass over bytes without reading them."""
        self.check(size, what)
        if size <= len(self._buffer) - self._at:
            self._at += size
        else:
            self._check_budget(self.position + size)
            self.seek(self.position + size)

    def skip_strings(self, count: int, what: str) -> None:
        """Pass over `count` strings. The loop is tight: vocabularies have 500,000 of them."""
        unpack = _U64.unpack_from
        done = 0
        while done < count:
            self._fill(8, what)
            buffer, at, end = self._buffer, self._at, len(self._buffer) - 8
            size = 0
            while done < count and at <= end:
                (size,) = unpack(buffer, at)
                if size > MAX_STRING_BYTES:
                    raise GGUFError(f"a string of {what} claims {size} bytes")
                at += 8 + size
                done += 1
            # The last string may end beyond the buffer; go back to its start and skip it whole.
            overshoot = at - len(buffer)
            if overshoot > 0:
                self._at = at - size
                self.skip(size, what)
            else:
                self._at = at

    def _fill(self, size: int, what: str) -> None:
        if self._at + size <= len(self._buffer):
            return
        self.check(size, what)
        self._check_budget(self.position + size)
        rest = self._buffer[self._at :]
        self._base += self._at
        self._at = 0
        wanted = max(size, CHUNK_BYTES)
        parts = [rest]
        have = len(rest)
        while have < wanted:
            part = self._file.read(wanted - have)
            if not part:
                break
            parts.append(part)
            have += len(part)
        self._buffer = b"".join(parts)
        if have < size:
            raise GGUFError(f"the file is truncated: {what} ends early")

    def _check_budget(self, position: int) -> None:
        if position > MAX_HEADER_BYTES:
            raise GGUFError(f"the header is larger than {MAX_HEADER_BYTES} bytes")
        if time.monotonic() > self._deadline:
            raise GGUFError(f"the header took too long to read ({os.strerror(errno.ETIMEDOUT)})")
