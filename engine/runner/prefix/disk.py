"""Saved sequences on disk: looked up and asked for by the engine loop, read and written by
threads of its own.

Whatever goes wrong here costs time at most: a file that is damaged, foreign or gone is a miss,
and a write that fails is dropped.
"""

import errno
import logging
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.runner.prefix.disk_index import DiskIndex, Match, delete
from engine.runner.prefix.keys import hash_blocks, hash_sequence
from engine.runner.prefix.space import make_room
from engine.runner.prefix.state_file import (
    SUFFIX,
    ForeignFileError,
    StateFileError,
    describe,
    read_state,
    write_state,
)
from engine.runner.sequence_state import SequenceState

logger = logging.getLogger(__name__)

MAX_QUEUED_BYTES = 512 * 1024 * 1024
"""Copies of states that wait to be written. One that is larger waits alone."""
MAX_FETCHED_BYTES = 1024 * 1024 * 1024
"""States on their way from disk to a request. One that is larger is fetched alone."""
MAX_FAILURES = 3
"""Refused writes (no permission, read-only) after which no more are tried."""


@dataclass(frozen=True)
class DiskSettings:
    """Where, how much, and for what."""

    root: Path
    """Folder of all saved states of this user."""
    max_bytes: int
    """Most that all of them take, free space permitting."""
    key: str
    """Hash (hex) of all that a state depends on besides its tokens."""
    stale_s: float = 10.0
    """What was fetched and not used for so long is dropped: its request is gone."""
    patience_s: float = 10.0
    """A request waits no longer than this for a file; it is evaluated like any other then."""

    @property
    def folder(self) -> Path:
        """Of the states that this model can use."""
        return self.root / self.key


@dataclass
class _Fetch:
    """One file on its way into memory."""

    started_at: float
    asked_at: float
    size_bytes: int
    state: SequenceState | None = None
    is_done: bool = False


@dataclass(frozen=True)
class _Write:
    state: SequenceState
    supersede: bool


class DiskTier:
    """One model's saved sequences. Close it."""

    def __init__(self, settings: DiskSettings) -> None:
        self._settings = settings
        self._index = DiskIndex(settings.folder, bytes.fromhex(settings.key))
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._fetches: dict[Path, _Fetch] = {}
        self._reads: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._writes: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._queued_bytes = 0
        self._failures = 0
        """Writes that were refused, not just unlucky."""
        self._threads = [
            threading.Thread(target=target, name=name, daemon=True)
            for name, target in (("prefix-read", self._read_all), ("prefix-write", self._write_all))
        ]
        for thread in self._threads:
            thread.start()

    # --- reading (the engine loop's side) ----------------------------------------------------

    def find(self, prompt: list[int], limit: int, *, can_cut: bool) -> Match | None:
        """The file that saves most of a prompt; at most `limit` tokens count."""
        blocks = hash_blocks(prompt)
        if not blocks:
            return None
        self._index.refresh()
        find = self._index.find if can_cut else self._index.find_contained
        return find(prompt, blocks, limit)

    def holds(self, tokens: Sequence[int]) -> bool:
        """Whether exactly this sequence is there."""
        return self._index.holds(_file_name(hash_sequence(tokens, hash_blocks(tokens))))

    def fetch(self, match: Match) -> bool:
        """Whether the file is on its way; False: it has arrived, or is no good."""
        now = time.monotonic()
        with self._lock:
            fetch = self._fetches.get(match.path)
            if fetch is None:
                held = sum(other.size_bytes for other in self._fetches.values())
                if held and held + match.state_bytes > MAX_FETCHED_BYTES:
                    return False
                self._fetches[match.path] = _Fetch(now, now, match.state_bytes)
                self._reads.put(match.path)
                return True
            fetch.asked_at = now
            if fetch.is_done:
                return False
            if now - fetch.started_at < self._settings.patience_s:
                return True
            del self._fetches[match.path]
        self._index.forget(match.path)  # nobody else is to wait for it
        return False

    @property
    def fetched(self) -> list[SequenceState]:
        """What has arrived and was not taken yet."""
        with self._lock:
            return [fetch.state for fetch in self._fetches.values() if fetch.state is not None]

    def forget_fetched(self, state: SequenceState) -> None:
        """It has been taken."""
        with self._lock:
            for path, fetch in list(self._fetches.items()):
                if fetch.state is state:
                    del self._fetches[path]

    def drop_stale(self) -> None:
        """Free what nobody came for."""
        if not self._fetches:
            return
        limit = time.monotonic() - self._settings.stale_s
        with self._lock:
            for path, fetch in list(self._fetches.items()):
                if fetch.is_done and fetch.asked_at < limit:
                    del self._fetches[path]

    def wait_fetch(self, timeout_s: float) -> None:
        """Until no read is under way, or the time is over."""
        with self._arrived:
            self._arrived.wait_for(
                lambda: all(fetch.is_done for fetch in self._fetches.values()), timeout_s
            )

    # --- writing (the engine loop's side) ----------------------------------------------------

    def can_take(self, size_bytes: int) -> bool:
        """Whether `write` may be called with a state of that size now."""
        queued = self._queued_bytes
        return not queued or queued + size_bytes <= MAX_QUEUED_BYTES

    def write(self, state: SequenceState, *, supersede: bool) -> None:
        """Save a state some time soon. `supersede`: files of its beginnings are of no more use."""
        if self._failures >= MAX_FAILURES:
            return
        with self._lock:
            self._queued_bytes += state.size_bytes
        self._writes.put(_Write(state, supersede))

    def close(self, deadline_s: float) -> None:
        """Let the writer finish what it has; what takes longer is dropped."""
        self._reads.put(None)
        self._writes.put(None)
        deadline = time.monotonic() + deadline_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    # --- the threads -------------------------------------------------------------------------

    def _read_all(self) -> None:
        while (path := self._reads.get()) is not None:
            state = self._read(path)
            with self._arrived:
                fetch = self._fetches.get(path)
                if fetch is not None:
                    fetch.state, fetch.is_done = state, True
                    fetch.size_bytes = state.size_bytes if state else 0
                self._arrived.notify_all()

    def _read(self, path: Path) -> SequenceState | None:
        try:
            header, state = read_state(path)
        except StateFileError as exc:
            logger.info("a damaged saved prefix is deleted (%s)", exc)
            delete(path)
        except (OSError, ForeignFileError, MemoryError) as exc:
            logger.info("a saved prefix cannot be read: %s", type(exc).__name__)
        except Exception:  # a request waits for this thread
            logger.error("reading a saved prefix failed", exc_info=True)
        else:
            if header.settings.hex() == self._settings.key:
                _touch(path)
                return state
        self._index.forget(path)
        return None

    def _write_all(self) -> None:
        while (write := self._writes.get()) is not None:
            try:
                self._write(write)
            except OSError as exc:
                # A full disk, a folder that is not ours: nothing that a retry would mend.
                logger.info("a prefix was not saved: %s", exc.strerror or exc)
                self._failures += exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
            except Exception:  # the thread has more to write
                logger.error("saving a prefix failed", exc_info=True)
            finally:
                with self._lock:
                    self._queued_bytes -= write.state.size_bytes
                del write

    def _write(self, write: _Write) -> None:
        settings = self._settings
        settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (settings.root, settings.folder):
            folder.chmod(0o700)
        header = describe(write.state, bytes.fromhex(settings.key))
        path = settings.folder / _file_name(header.sequence)
        self._index.refresh()
        if self._index.holds(path.name):
            _touch(path)
            return
        old = self._find_beginnings(write) if write.supersede else []
        size_bytes = header.state_offset + header.state_bytes
        if not make_room(settings.root, size_bytes, settings.max_bytes):
            return
        write_state(path, header, write.state)
        for beginning in old:
            self._index.forget(beginning)
            delete(beginning)
        self._index.refresh()

    def _find_beginnings(self, write: _Write) -> list[Path]:
        """Files of sequences that this one begins with."""
        tokens = write.state.tokens
        found: list[Path] = []
        limit = len(tokens) - 1
        while (match := self._index.find_contained(tokens, hash_blocks(tokens), limit)) is not None:
            found.append(match.path)
            limit = match.length - 1
        return found


def _file_name(sequence: bytes) -> str:
    return sequence.hex() + SUFFIX


def _touch(path: Path) -> None:
    """It was of use: the last to be deleted. Fails harmlessly if it is gone."""
    try:
        os.utime(path)
    except OSError as exc:
        logger.info("a saved prefix could not be marked as used: %s", exc.strerror)
