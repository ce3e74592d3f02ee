"""`Digest`: the only way from a text to the name of a blob file. Pure."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from engine.library.errors import InvalidDigestError

_PATTERN = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")


@dataclass(frozen=True, order=True)
class Digest:
    """A SHA-256 digest. Made by `parse` or `of`, so that `hex` is always 64 lower-case digits."""

    hex: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", self.hex):
            raise InvalidDigestError

    @classmethod
    def parse(cls, text: str) -> Self:
        """From "sha256:<hex>" or "sha256-<hex>". Raises InvalidDigestError (spec 3.2)."""
        match = _PATTERN.fullmatch(text)
        if match is None:
            raise InvalidDigestError
        return cls(match[1].lower())

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The digest of some bytes."""
        return cls(hashlib.sha256(data).hexdigest())

    @property
    def file_name(self) -> str:
        """Name of the blob's file."""
        return f"sha256-{self.hex}"

    def __str__(self) -> str:
        return f"sha256:{self.hex}"
