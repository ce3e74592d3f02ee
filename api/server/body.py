"""How much of a request's body and head is read, and how long for. Pure ASGI middleware.

JSON bodies are held in memory, so their size is limited; blobs go to disk piece by piece and are
not. A client that stalls in the middle of its body is given up.
"""

import asyncio
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.errors import ClientGoneError, RequestError
from api.server.json_input import decode_json
from api.server.observation import note_model
from api.server.plain_answer import send_error
from api.server.shapes import Shape, parse_shape

MIB = 1024 * 1024
MAX_JSON_BYTES = 32 * MIB
MAX_IMAGE_JSON_BYTES = 64 * MIB
IDLE_BODY_S = 30.0
MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
BIG_BODY_BYTES = MIB
"""From this size on a body is parsed in a thread, so that other clients' tokens keep flowing."""

IMAGE_PATHS = frozenset(
    {"/api/generate", "/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses"}
)
UNLIMITED_PREFIX = "/api/blobs/"

AnyShape = TypeVar("AnyShape", bound=Shape)


def limit_for(path: str) -> int | None:
    """Most bytes that a body for `path` may have; None: any number."""
    if path.startswith(UNLIMITED_PREFIX):
        return None
    return MAX_IMAGE_JSON_BYTES if path in IMAGE_PATHS else MAX_JSON_BYTES


class BodyLimiter:
    """Refuses what is too large as soon as that is known: 413 bodies, 431 heads, 408 stalls."""

    def __init__(self, app: ASGIApp, idle_s: float = IDLE_BODY_S) -> None:
        self._app = app
        self._idle_s = idle_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = limit_for(scope["path"])
        try:
            _check_head(scope, limit)
        except RequestError as exc:
            await send_error(scope, send, exc.status, str(exc))
            return
        guarded = _GuardedReceive(receive, limit, self._idle_s)
        await self._app(scope, guarded, send)


def _check_head(scope: Scope, limit: int | None) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    size = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    size += sum(len(name) + len(value) + 4 for name, value in headers)
    if size > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        raise RequestError(431, "request header fields too large")
    declared = dict(headers).get(b"content-length", b"0")
    if limit is not None and declared.isdigit() and int(declared) > limit:
        raise _too_large()


def _too_large() -> RequestError:
    return RequestError(413, "http: request body too large")


class _GuardedReceive:
    """`receive` that counts the body's bytes and runs out of patience."""

    def __init__(self, receive: Receive, limit: int | None, idle_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._idle_s = idle_s
        self._num_bytes = 0
        self._is_complete = False

    async def __call__(self) -> Message:
        if self._is_complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._idle_s):
                message = await self._receive()
        except TimeoutError as exc:
            raise RequestError(408, "timed out waiting for the request body") from exc
        if message["type"] == "http.request":
            self._num_bytes += len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
            if self._limit is not None and self._num_bytes > self._limit:
                raise _too_large()
        return message


async def read_body(request: Request) -> bytes:
    """The whole body. Raises ClientGoneError if the client leaves first."""
    parts: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        if part := message.get("body", b""):
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def read_shape(request: Request, shape: type[AnyShape]) -> AnyShape:
    """The body as a `shape`, whatever its Content-Type. Raises BodyError."""
    body = await read_body(request)
    if len(body) < BIG_BODY_BYTES:
        value = parse_shape(shape, decode_json(body))
    else:
        value = await asyncio.to_thread(lambda: parse_shape(shape, decode_json(body)))
    note_model(request.scope, value)
    return value


def request_body(shape: type[Shape]) -> dict[str, Any]:
    """The part of a route's OpenAPI entry that describes its body (see documentation.py)."""
    reference = {"$ref": f"#/components/schemas/{shape.__name__}"}
    content = {"application/json": {"schema": reference}}
    return {"requestBody": {"required": True, "content": content}}
