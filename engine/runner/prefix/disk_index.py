"""Which sequences lie in a folder of state files, by the hashes of their blocks. Thread-safe."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.runner.prefix.keys import BLOCK_TOKENS, hash_sequence
from engine.runner.prefix.state_file import (
    SUFFIX,
    ForeignFileError,
    StateFileError,
    StateHeader,
    read_header,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Match:
    """A file that saves `length` tokens of a prompt (at least: blocks are compared, not tokens)."""

    path: Path
    length: int
    num_tokens: int
    state_bytes: int


class DiskIndex:
    """Follows the folder: files that others add or delete are noticed at the next look."""

    def __init__(self, folder: Path, settings: bytes) -> None:
        self._folder = folder
        self._settings = settings
        self._lock = threading.Lock()
        self._headers: dict[str, StateHeader] = {}
        self._foreign: set[str] = set()
        self._by_block: dict[bytes, dict[str, None]] = {}
        self._seen_ns = -1

    def refresh(self) -> None:
        """Read the headers of files that are new. Cheap when nothing has changed."""
        with self._lock:
            try:
                modified_ns = self._folder.stat().st_mtime_ns
                if modified_ns == self._seen_ns:
                    return
                names = {name for name in os.listdir(self._folder) if name.endswith(SUFFIX)}
            except OSError:
                return  # no folder, no files; or not for us
            for name in self._headers.keys() - names:
                self._remove(name)
            for name in names - self._headers.keys() - self._foreign:
                self._load(name)
            self._seen_ns = modified_ns

    def _load(self, name: str) -> None:
        path = self._folder / name
        try:
            header = read_header(path)
        except ForeignFileError:
            self._foreign.add(name)
        except StateFileError as exc:
            logger.info("a damaged saved prefix is deleted (%s)", exc)
            delete(path)
        except OSError:
            self._foreign.add(name)
        else:
            if header.settings == self._settings:
                self._add(name, header)

    def _add(self, name: str, header: StateHeader) -> None:
        self._headers[name] = header
        for block in header.blocks:
            self._by_block.setdefault(block, {})[name] = None

    def _remove(self, name: str) -> None:
        header = self._headers.pop(name)
        for block in header.blocks:
            names = self._by_block[block]
            names.pop(name, None)
            if not names:
                del self._by_block[block]

    def forget(self, path: Path) -> None:
        """The file is gone or no good."""
        with self._lock:
            if path.name in self._headers:
                self._remove(path.name)

    def holds(self, name: str) -> bool:
        """Whether a file of that name is there."""
        with self._lock:
            return name in self._headers

    def find(self, prompt: Sequence[int], blocks: Sequence[bytes], limit: int) -> Match | None:
        """The file that shares most blocks with a prompt whose block hashes are given."""
        with self._lock:
            for count in range(len(blocks), 0, -1):
                names = self._by_block.get(blocks[count - 1])
                if names:
                    # The smallest one will do, and takes the least time to read.
                    name = min(names, key=lambda name: self._headers[name].num_tokens)
                    length = min(count * BLOCK_TOKENS, limit)
                    return self._match(name, length)
        return None

    def find_contained(
        self, prompt: Sequence[int], blocks: Sequence[bytes], limit: int
    ) -> Match | None:
        """The file of the longest sequence of at most `limit` tokens that a prompt begins with."""
        with self._lock:
            for count in range(len(blocks), 0, -1):
                found = [
                    self._match(name, header.num_tokens)
                    for name in self._by_block.get(blocks[count - 1], ())
                    if (header := self._headers[name]).num_tokens <= limit
                    and len(header.blocks) == count
                    and header.sequence
                    == hash_sequence(prompt[: header.num_tokens], blocks[:count])
                ]
                if found:
                    return max(found, key=lambda match: match.length)
        return None

    def _match(self, name: str, length: int) -> Match:
        header = self._headers[name]
        return Match(self._folder / name, length, header.num_tokens, header.state_bytes)


def delete(path: Path) -> None:
    """Remove a file that is of no use; if that is not possible it stays of no use."""
    try:
        path.unlink(missing_ok=True)
    except OSError as exc:
        logger.info("a saved prefix could not be deleted: %s", exc.strerror)
