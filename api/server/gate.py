"""The one gate in front of every route: Host check, Origin check, CORS. Pure ASGI middleware.

JSON is accepted with any Content-Type, so browsers send it without asking first; this gate is
all that keeps web pages from driving the server. It looks at the ASGI scope only, never at a
URL that somebody assembled from it.
"""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.hosts import HostTable, parse_address, split_host
from api.server.origins import OriginList
from api.server.plain_answer import Headers, send_whole

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
_STAINLESS = (
    "arch,async,custom-poll-interval,helper-method,lang,os,package-version,poll-helper,"
    "retry-count,runtime,runtime-version,timeout"
)
_ALLOWED_HEADERS = ",".join(
    [
        "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,OpenAI-Beta",
        *(f"x-stainless-{name}" for name in _STAINLESS.split(",")),
    ]
)
_PREFLIGHT_HEADERS: Headers = [
    (b"access-control-allow-methods", _METHODS.encode()),
    (b"access-control-allow-headers", _ALLOWED_HEADERS.encode()),
    (b"access-control-max-age", b"43200"),
]


class Gate:
    """Refuses with 403 what a page of a stranger may have sent (spec 1.2)."""

    def __init__(self, app: ASGIApp, host: str, origins: Sequence[str] = ()) -> None:
        self._app = app
        self._origins = OriginList(origins)
        self._hosts = HostTable(host, self._origins.hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        hosts = _values(headers, b"host")
        host = hosts[0] if hosts else ""
        if len(hosts) > 1 or not self._hosts.is_allowed(host):
            await send_whole(send, 403, b"")
            return
        origins = _values(headers, b"origin")
        if not origins or not origins[0] or _is_same_host(origins[0], host):
            await self._pass_without_origin(scope, receive, send, host)
        elif len(origins) > 1 or not self._origins.is_allowed(origins[0]):
            await send_whole(send, 403, b"")
        elif scope["method"] == "OPTIONS":
            await send_whole(
                send, 204, b"", headers=self._cors_headers(origins[0]) + _PREFLIGHT_HEADERS
            )
        else:
            cors = self._cors_headers(origins[0])

            async def send_with_cors(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message = {**message, "headers": [*message.get("headers", []), *cors]}
                await send(message)

            await self._app(scope, receive, send_with_cors)

    async def _pass_without_origin(
        self, scope: Scope, receive: Receive, send: Send, host: str
    ) -> None:
        method = scope["method"]
        is_cross_site = "cross-site" in _values(scope["headers"], b"sec-fetch-site")
        if is_cross_site and method not in _SAFE_METHODS:
            await send_whole(send, 403, b"")
        elif method == "OPTIONS" and _is_name(host):
            await send_whole(send, 204, b"")
        else:
            await self._app(scope, receive, send)

    def _cors_headers(self, origin: str) -> Headers:
        if self._origins.allows_all:
            return [(b"access-control-allow-origin", b"*")]
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in headers if key == name]


def _is_same_host(origin: str, host: str) -> bool:
    return bool(host) and origin in (f"http://{host}", f"https://{host}")


def _is_name(host: str) -> bool:
    name = split_host(host)
    return bool(name) and parse_address(name or "") is None
