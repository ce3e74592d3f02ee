"""What names a state on disk: hashes of its tokens, and of all that the numbers depend on. Pure."""

import hashlib
from array import array
from collections.abc import Iterable, Mapping, Sequence

BLOCK_TOKENS = 256
HASH_BYTES = 16


def hash_blocks(tokens: Sequence[int]) -> list[bytes]:
    """A hash per full block, each of which covers everything before it too."""
    data = array("i", tokens).tobytes()
    size = 4 * BLOCK_TOKENS
    chain = b""
    hashes = []
    for start in range(0, len(data) - size + 1, size):
        chain = _hash(chain + data[start : start + size])
        hashes.append(chain)
    return hashes


def hash_sequence(tokens: Sequence[int], blocks: Sequence[bytes]) -> bytes:
    """Of a whole sequence, whose block hashes are known."""
    tail = array("i", tokens[len(blocks) * BLOCK_TOKENS :]).tobytes()
    return _hash(b"".join([*blocks[-1:], b"end", tail]))


def hash_settings(settings: Mapping[str, str]) -> str:
    """The name of the folder for states that were computed under the same settings."""
    return _hash(b"".join(_fields(sorted(settings.items())))).hex()


def _fields(items: Iterable[tuple[str, str]]) -> Iterable[bytes]:
    # Lengths go in too, so that no two different lists of fields read the same.
    for pair in items:
        for text in pair:
            data = text.encode()
            yield len(data).to_bytes(4, "little") + data


def _hash(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=HASH_BYTES).digest()
