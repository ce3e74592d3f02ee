"""One saved sequence as a file: header, tokens, state. Any thread.

    magic 8 | version u32 | header crc u32 | tokens u32 | blocks u32 | state bytes u64
    | state crc u32 | settings 16 | sequence hash 16 | block hashes 16 each
    | token ids i32 each | state

Little-endian; the header's checksum covers all that follows it up to the state. Files come and
go under us, and a disk may hand back anything: nothing of a file is used unchecked.
"""

import os
import struct
import zlib
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.runner.prefix.keys import HASH_BYTES, hash_blocks, hash_sequence
from engine.runner.sequence_state import SequenceState, StateData

FORMAT_VERSION = 1
SUFFIX = ".state"
TEMPORARY_SUFFIX = ".part"
_MAGIC = b"corralKV"
_FIXED = struct.Struct("<8sIIIIQI16s16s")
_START = struct.Struct("<8sII")
_WRITE_BYTES = 8 * 1024 * 1024
_MAX_TOKENS = 1 << 26


class StateFileError(Exception):
    """The file is damaged."""


class ForeignFileError(Exception):
    """The file is none of ours, or of another version."""


@dataclass(frozen=True)
class StateHeader:
    """What a file says about itself."""

    num_tokens: int
    state_bytes: int
    state_crc: int
    settings: bytes
    sequence: bytes
    """Hash of all tokens."""
    blocks: tuple[bytes, ...]
    """Chained hashes of the full blocks."""

    @property
    def state_offset(self) -> int:
        """Where the state begins."""
        return _FIXED.size + HASH_BYTES * len(self.blocks) + 4 * self.num_tokens


def describe(state: SequenceState, settings: bytes) -> StateHeader:
    """The header of a state that is to be written (tens of milliseconds per 100 MB)."""
    blocks = hash_blocks(state.tokens)
    return StateHeader(
        num_tokens=len(state.tokens),
        state_bytes=int(state.data.nbytes),
        state_crc=zlib.crc32(state.data.data),
        settings=settings,
        sequence=hash_sequence(state.tokens, blocks),
        blocks=tuple(blocks),
    )


def write_state(path: Path, header: StateHeader, state: SequenceState) -> None:
    """Put the file in place in one go, readable by its owner only. Raises OSError."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | _BINARY, 0o600)
        with open(descriptor, "wb", buffering=0) as file:
            _write_all(file.fileno(), _encode(header, state.tokens))
            _write_all(file.fileno(), state.data.data)
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def read_header(path: Path) -> StateHeader:
    """Raises OSError, StateFileError, ForeignFileError. Tokens are not read."""
    with path.open("rb", buffering=0) as file:
        return _read_header(file.fileno())[0]


def read_state(path: Path) -> tuple[StateHeader, SequenceState]:
    """All of it, checked. Raises OSError, StateFileError, ForeignFileError."""
    with path.open("rb", buffering=0) as file:
        header, head = _read_header(file.fileno())
        rest = _read_exactly(file.fileno(), 4 * header.num_tokens)
        _start, crc = _START.size, _header_crc(head)
        if zlib.crc32(rest, zlib.crc32(head[_start:])) != crc:
            raise StateFileError("header checksum")
        tokens = array("i", rest).tolist()
        data = np.empty(header.state_bytes, dtype=np.uint8)
        checksum = _read_into(file.fileno(), data)
        if checksum != header.state_crc or os.read(file.fileno(), 1):
            raise StateFileError("state checksum")
    blocks = hash_blocks(tokens)
    if list(header.blocks) != blocks or header.sequence != hash_sequence(tokens, blocks):
        raise StateFileError("token hashes")
    return header, SequenceState(tokens, data)


_BINARY = getattr(os, "O_BINARY", 0)


def _encode(header: StateHeader, tokens: list[int]) -> bytes:
    fixed = _FIXED.pack(
        _MAGIC,
        FORMAT_VERSION,
        0,
        header.num_tokens,
        len(header.blocks),
        header.state_bytes,
        header.state_crc,
        header.settings,
        header.sequence,
    )
    rest = fixed[_START.size :] + b"".join(header.blocks) + array("i", tokens).tobytes()
    return _START.pack(_MAGIC, FORMAT_VERSION, zlib.crc32(rest)) + rest


def _header_crc(head: bytes) -> int:
    return int(_START.unpack_from(head)[2])


def _read_header(descriptor: int) -> tuple[StateHeader, bytes]:
    """The header and its bytes, up to the tokens."""
    size = os.fstat(descriptor).st_size
    fixed = os.read(descriptor, _FIXED.size)
    if len(fixed) < _START.size or _START.unpack_from(fixed)[:2] != (_MAGIC, FORMAT_VERSION):
        raise ForeignFileError
    if len(fixed) < _FIXED.size:
        raise StateFileError("cut short")
    _, _, _, num_tokens, num_blocks, state_bytes, state_crc, settings, sequence = _FIXED.unpack(
        fixed
    )
    if num_tokens > _MAX_TOKENS or num_blocks > num_tokens:
        raise StateFileError("impossible sizes")
    if _FIXED.size + HASH_BYTES * num_blocks + 4 * num_tokens + state_bytes != size:
        raise StateFileError("cut short")
    hashes = _read_exactly(descriptor, HASH_BYTES * num_blocks)
    blocks = tuple(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES))
    header = StateHeader(num_tokens, state_bytes, state_crc, settings, sequence, blocks)
    return header, fixed + hashes


def _read_exactly(descriptor: int, size: int) -> bytes:
    data = np.empty(size, dtype=np.uint8)
    _read_into(descriptor, data)
    return data.tobytes()


def _read_into(descriptor: int, data: StateData) -> int:
    """Fills the array; returns the checksum, taken while the bytes are still in the cache."""
    view = data.data
    done = checksum = 0
    while done < len(view):
        count = _read_some(descriptor, view[done : done + _WRITE_BYTES])
        if not count:
            raise StateFileError("cut short")
        checksum = zlib.crc32(view[done : done + count], checksum)
        done += count
    return checksum


def _read_some(descriptor: int, view: memoryview) -> int:
    if hasattr(os, "readv"):
        return os.readv(descriptor, [view])
    data = os.read(descriptor, len(view))
    view[: len(data)] = data
    return len(data)


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view[:_WRITE_BYTES]) :]
