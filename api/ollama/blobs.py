"""HEAD and POST /api/blobs/{digest} (spec 1.12). The body goes to disk as it arrives.

A blob is written by a thread that asks the event loop for each piece, so a slow disk slows the
client down instead of filling memory. These threads are apart from the ones that serve short
disk accesses: slow uploads must not keep anybody from listing models.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, Request, Response

from api.server.activity import STOPPING_TEXT, Activity
from api.server.errors import ClientGoneError, RequestError
from engine.library.digests import Digest
from engine.library.library import Library

MAX_UPLOADS = 32
MIN_PIECE_BYTES = 1024 * 1024


class Upload:
    """A request's body as an iterator for another thread.

    It raises ClientGoneError when the client leaves, and RequestError when the client stalls or
    the server stops.
    """

    def __init__(self, request: Request, activity: Activity) -> None:
        self._request = request
        self._activity = activity
        self._loop = asyncio.get_running_loop()

    def __iter__(self) -> Iterator[bytes]:
        more = True
        while more:
            step = asyncio.run_coroutine_threadsafe(self._next_piece(), self._loop)
            piece, more = step.result()
            if piece:
                yield piece

    async def _next_piece(self) -> tuple[bytes, bool]:
        reading = asyncio.create_task(self._read_piece())
        self._activity.track(reading)
        try:
            return await reading
        except asyncio.CancelledError as exc:
            raise RequestError(503, STOPPING_TEXT) from exc

    async def _read_piece(self) -> tuple[bytes, bool]:
        """At least MIN_PIECE_BYTES, fewer only at the end; and whether more follows."""
        parts: list[bytes] = []
        size = 0
        while size < MIN_PIECE_BYTES:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if not message.get("more_body", False):
                return b"".join(parts), False
        return b"".join(parts), True


def blobs_router(library: Library, threads: ThreadPoolExecutor, activity: Activity) -> APIRouter:
    """`threads` runs the uploads; whoever made it shuts it down."""
    router = APIRouter()

    @router.head("/api/blobs/{digest}")
    async def find_blob(digest: str) -> Response:
        """200 if the server has the blob, else 404."""
        found = await asyncio.to_thread(library.has_blob, Digest.parse(digest))
        return Response(status_code=200 if found else 404)

    @router.post("/api/blobs/{digest}", status_code=201)
    async def write_blob(digest: str, request: Request) -> Response:
        """Store the body under its SHA-256 digest. 200 if it is there already."""
        parsed = Digest.parse(digest)
        if await asyncio.to_thread(library.has_blob, parsed):
            return Response(status_code=200)
        loop = asyncio.get_running_loop()
        upload = Upload(request, activity)
        created = await loop.run_in_executor(threads, library.write_blob, parsed, upload)
        return Response(status_code=201 if created else 200)

    return router
