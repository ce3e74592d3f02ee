"""Whole answers sent straight over ASGI, for middleware that stands outside the routes."""

from starlette.types import Scope, Send

from api.server.errors import error_body
from api.server.json_output import JSON_TYPE

Headers = list[tuple[bytes, bytes]]


async def send_whole(
    send: Send,
    status: int,
    body: bytes,
    media_type: str = JSON_TYPE,
    headers: Headers | None = None,
) -> None:
    """One complete response."""
    own: Headers = [(b"content-length", b"%d" % len(body))] if status != 204 else []
    if body:
        own.append((b"content-type", media_type.encode()))
    start = {"type": "http.response.start", "status": status, "headers": own + (headers or [])}
    await send(start)
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def send_error(scope: Scope, send: Send, status: int, text: str) -> None:
    """An error in the dialect of the request's path."""
    await send_whole(send, status, error_body(scope["path"], status, text))
