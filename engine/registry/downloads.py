"""Who waits for which blob: callers of the same blob share one download. Event loop only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from engine.errors import EngineError
from engine.library.digests import Digest
from engine.registry.download import BlobDownload


class _Shared:
    """A download and how many wait for it."""

    def __init__(self, download: BlobDownload) -> None:
        self.download = download
        self.waiters = 0
        self.ending: asyncio.Task[None] | None = None
        """Waits for the end of a download that everybody has left."""


class Downloads:
    """The downloads in progress."""

    def __init__(self) -> None:
        self._active: dict[Digest, _Shared] = {}

    @asynccontextmanager
    async def join(
        self, digest: Digest, make: Callable[[], BlobDownload]
    ) -> AsyncIterator[BlobDownload]:
        """The blob's download, which is made and started if there is none.

        It is cancelled when the last caller leaves this block before its end.
        """
        shared = self._active.get(digest)
        while shared is not None and shared.ending is not None:
            # Its threads may still write; a new download must not touch the file before the end.
            await asyncio.shield(shared.ending)
            shared = self._active.get(digest)
        if shared is None or shared.download.done.done():
            shared = self._active[digest] = _Shared(make())
            shared.download.start()
        shared.waiters += 1
        try:
            yield shared.download
        finally:
            shared.waiters -= 1
            if not shared.waiters:
                self._leave(shared)

    def waiters(self, digest: Digest) -> int:
        """How many wait for a blob's download."""
        shared = self._active.get(digest)
        return 0 if shared is None else shared.waiters

    def _leave(self, shared: _Shared) -> None:
        if shared.download.done.done():
            self._forget(shared)
        else:
            shared.download.cancel()
            shared.ending = asyncio.create_task(self._end(shared))

    async def _end(self, shared: _Shared) -> None:
        with suppress(EngineError):  # nobody is left to hear of it
            await asyncio.wrap_future(shared.download.done)
        self._forget(shared)

    def _forget(self, shared: _Shared) -> None:
        if self._active.get(shared.download.digest) is shared:
            del self._active[shared.download.digest]

    async def close(self) -> None:
        """Cancel everything and wait until all threads are gone."""
        for shared in list(self._active.values()):
            shared.download.cancel()
            with suppress(EngineError):  # told to whoever waits
                await asyncio.wrap_future(shared.download.done)
