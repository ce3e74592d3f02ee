"""One blob on its way here: threads that fetch ranges, and one that hashes what has arrived.

`BlobDownload` owns the partial file, its threads and the transfer's end. Everybody who wants the
blob looks at the same object; the threads stop when the last of them has left.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import BinaryIO, Protocol

from engine.errors import EngineError
from engine.library.digests import Digest
from engine.library.errors import StorageError
from engine.library.files import CHUNK_BYTES, storage_errors
from engine.registry.errors import (
    BadAnswerError,
    DownloadMismatchError,
    PullCancelledError,
    RetriesExceededError,
    StatusError,
    TransferError,
)
from engine.registry.partial import Chunk, PartialFile
from engine.registry.session import Reply
from engine.registry.settings import RegistrySettings

logger = logging.getLogger(__name__)

HASH_INTERVAL_S = 0.02
REFUND_BYTES = 1024 * 1024
"""An attempt that brought so much counts as none: long transfers may break often."""


class BlobSource(Protocol):
    """Where the bytes come from (see repository.py)."""

    def open_blob(self, digest: Digest, first: int, last: int) -> AbstractContextManager[Reply]:
        """A range of the blob, both ends included."""
        ...

    def abort(self) -> None:
        """Make all requests fail, now and from now on."""
        ...

    def close(self) -> None:
        """Drop the connections; no request runs any more."""
        ...


class BlobDownload:
    """One blob's transfer. `start` it once; `done` tells how it ended."""

    def __init__(
        self,
        digest: Digest,
        partial: PartialFile,
        source: BlobSource,
        publish: Callable[[Digest], None],
        settings: RegistrySettings,
    ) -> None:
        self.digest = digest
        self.size = partial.size
        self.done: Future[None] = Future()
        """Resolved when all threads are gone: the blob is in the library, or an EngineError."""
        self.done.set_running_or_notify_cancel()  # from now on only we resolve it
        self._partial = partial
        self._source = source
        self._publish = publish
        self._settings = settings
        self._lock = threading.Lock()
        self._waiting: list[Chunk] = []
        self._failure: EngineError | None = None
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._workers: list[threading.Thread] = []
        self._shown = 0

    def start(self) -> None:
        """Begin, in threads of its own."""
        threading.Thread(target=self._run, name=f"download {self.digest.hex[:12]}").start()

    def cancel(self) -> None:
        """Stop soon; what has arrived stays, to go on from later. Any thread."""
        self._fail(PullCancelledError())

    @property
    def completed(self) -> int:
        """Bytes that are here. Never less than it said before."""
        with self._lock:
            self._shown = max(self._shown, self._partial.completed)
            return self._shown

    # --- the thread that hashes ----------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._transfer()
        except EngineError as exc:
            self._fail(exc)
        except Exception as exc:
            logger.exception("a download failed")
            self._fail(TransferError(f"the download failed: {type(exc).__name__}"))
        self._stop_workers()
        self._source.close()
        if self._failure is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(self._failure)

    def _transfer(self) -> None:
        self._partial.open(self._check)
        self._waiting = [chunk for chunk in self._partial.chunks if chunk.remaining]
        if self._waiting:
            self._start_worker(self._begin)
        digest = self._hash()
        self._check()
        if digest != self.digest.hex:
            self._partial.discard()
            raise DownloadMismatchError(str(self.digest), f"sha256:{digest}")
        self._publish(self.digest)
        self._partial.forget_state()

    def _hash(self) -> str:
        """Follow the bytes as they become complete from the start on; their digest in the end."""
        hasher = sha256()
        position, saved_at = 0, time.monotonic()
        buffer = memoryview(bytearray(CHUNK_BYTES))
        with storage_errors("read a part of the model"), self._partial.path.open("rb", 0) as file:
            while position < self.size:
                self._check()
                end = self._partial.completed_prefix(position)
                while position < end and not self._stop.is_set():
                    count = file.readinto(buffer[: end - position]) or 0
                    if count == 0:
                        raise StorageError("a download was cut by another program")
                    hasher.update(buffer[:count])
                    position += count
                if time.monotonic() - saved_at >= self._settings.save_interval_s:
                    self._partial.save()
                    saved_at = time.monotonic()
                if position < self.size:
                    self._wake.wait(HASH_INTERVAL_S)
                    self._wake.clear()
        return hasher.hexdigest()

    def _check(self) -> None:
        """Raises what made the transfer fail, if it has."""
        if self._failure is not None:
            raise self._failure

    def _fail(self, failure: EngineError) -> None:
        with self._lock:
            if self._failure is None and not self.done.done():
                self._failure = failure
        self._stop.set()
        self._wake.set()
        self._source.abort()

    def _stop_workers(self) -> None:
        if self._failure is not None:
            self._stop.set()
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.join()
        if self._failure is not None and not isinstance(self._failure, DownloadMismatchError):
            self._save_for_later()

    def _save_for_later(self) -> None:
        try:
            self._partial.save()
        except OSError as exc:
            logger.info("the state of a download is not saved: %s", exc.strerror)

    # --- the threads that fetch ----------------------------------------------------------------

    def _start_worker(self, target: Callable[[], None]) -> None:
        def work() -> None:
            try:
                target()
            except EngineError as exc:
                self._fail(exc)
            except Exception as exc:
                logger.exception("a download failed")
                self._fail(TransferError(f"the download failed: {type(exc).__name__}"))
            finally:
                self._wake.set()

        worker = threading.Thread(target=work, name=f"fetch {self.digest.hex[:12]}")
        with self._lock:
            if self._stop.is_set():
                return
            self._workers.append(worker)
            worker.start()

    def _begin(self) -> None:
        """The first worker: its first answer shows whether the registry knows ranges."""
        self._with_retries(self._waiting[0], self._fetch_first)
        self._work()

    def _work(self) -> None:
        while (chunk := self._take()) is not None:
            self._with_retries(chunk, self._fetch)

    def _take(self) -> Chunk | None:
        with self._lock:
            return self._waiting.pop(0) if self._waiting and not self._stop.is_set() else None

    def _with_retries(self, chunk: Chunk, fetch: Callable[[Chunk], None]) -> None:
        policy = self._settings.retry
        failures = 0
        while chunk.remaining:
            self._check()
            before = self._partial.completed
            try:
                fetch(chunk)
            except (TransferError, StatusError) as exc:
                if not exc.is_temporary:
                    raise
                failures = 1 if self._partial.completed - before >= REFUND_BYTES else failures + 1
                if failures >= policy.tries:
                    raise RetriesExceededError(exc) from exc
                asked_s = exc.retry_after_s if isinstance(exc, StatusError) else None
                logger.info("a part of %s is tried again: %s", self.digest.hex[:12], exc)
                self._stop.wait(policy.pause_s(failures, asked_s))

    def _fetch_first(self, chunk: Chunk) -> None:
        first, last = chunk.position, chunk.offset + chunk.size - 1
        with self._source.open_blob(self.digest, first, last) as reply:
            if reply.status == 200:
                self._check_length(reply, self.size)
                self._take_whole(reply)
                return
            self._check_range(reply, first, last)
            with self._lock:
                if chunk in self._waiting:
                    self._waiting.remove(chunk)
                helpers = min(self._settings.connections - 1, len(self._waiting))
                helpers -= len(self._workers) - 1
            for _ in range(helpers):
                self._start_worker(self._work)
            self._append(chunk, reply)

    def _fetch(self, chunk: Chunk) -> None:
        first, last = chunk.position, chunk.offset + chunk.size - 1
        with self._source.open_blob(self.digest, first, last) as reply:
            if reply.status == 200 and first == 0 and last == self.size - 1:
                self._check_length(reply, self.size)
            else:
                self._check_range(reply, first, last)
            self._append(chunk, reply)

    def _append(self, chunk: Chunk, reply: Reply) -> None:
        with self._open_file() as file:
            with storage_errors("store a part of the model"):
                file.seek(chunk.position)
            for data in reply.chunks():
                self._check()
                if len(data) > chunk.remaining:
                    raise TransferError("the registry sent more than it was asked for")
                self._write(file, chunk, data)
        if chunk.remaining:
            raise TransferError("the registry sent less than it was asked for")
        self._wake.set()

    def _take_whole(self, reply: Reply) -> None:
        """All chunks from one answer, skipping what is here already. This worker is alone."""
        position, index = 0, 0
        chunks = self._partial.chunks
        with self._open_file() as file:
            for data in reply.chunks():
                self._check()
                while data:
                    if index == len(chunks):
                        raise TransferError("the registry sent more than it was asked for")
                    chunk = chunks[index]
                    piece = data[: chunk.offset + chunk.size - position]
                    fresh = piece[max(chunk.position - position, 0) :]
                    if fresh:
                        with storage_errors("store a part of the model"):
                            file.seek(chunk.position)
                        self._write(file, chunk, fresh)
                    position += len(piece)
                    data = data[len(piece) :]
                    index += position == chunk.offset + chunk.size
        if position < self.size:
            raise TransferError("the registry sent less than it was asked for")
        with self._lock:
            self._waiting.clear()
        self._wake.set()

    def _open_file(self) -> BinaryIO:
        with storage_errors("store a part of the model"):
            return self._partial.path.open("rb+", buffering=0)

    def _write(self, file: BinaryIO, chunk: Chunk, data: bytes) -> None:
        with storage_errors("store a part of the model"):
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]
        chunk.note(data)

    def _check_range(self, reply: Reply, first: int, last: int) -> None:
        """The registry must send exactly what it was asked for."""
        if reply.status != 206:
            raise TransferError(f"the registry answered {reply.status} to a request for a range")
        got = reply.headers.get("content-range", "").strip().lower()
        total = got.rpartition("/")[2]
        if total not in (str(self.size), "*"):
            raise BadAnswerError(
                f"the registry says that the file has {total[:20]} bytes, its manifest {self.size}"
            )
        if got.rpartition("/")[0] != f"bytes {first}-{last}":
            raise TransferError("the registry sent another range than it was asked for")
        self._check_length(reply, last - first + 1)

    def _check_length(self, reply: Reply, expected: int) -> None:
        length = reply.headers.get("content-length", "")
        if length and length != str(expected):
            if reply.status == 200 and "html" in reply.headers.get("content-type", ""):
                raise BadAnswerError("the registry sent a web page instead of the file")
            raise TransferError(
                f"the registry announced {length[:20]} bytes where {expected} were expected"
            )
