"""The one HTTP client of the registry package: connections for one piece of work.

Synchronous and used by the threads that move the bytes: at hundreds of megabytes per second an
event loop would do nothing else. Redirects are followed here, one by one, each checked; nothing
that proves who we are crosses an origin.
"""

import functools
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from engine.registry.errors import (
    BadAnswerError,
    ForbiddenTargetError,
    PullCancelledError,
    TransferError,
    UnreachableError,
)
from engine.registry.origin import Origin, Trust, check_literal, resolve
from engine.registry.settings import RegistrySettings

MAX_REDIRECTS = 5
MAX_ERROR_TEXT_BYTES = 8 * 1024


class Session:
    """Requests under one `Trust`. Any thread; `abort` ends all of them at once."""

    def __init__(self, trust: Trust, settings: RegistrySettings) -> None:
        self.trust = trust
        self._settings = settings
        self._lock = threading.Lock()
        self._clients: dict[Origin, list[tuple[httpx2.Client, str]]] = {}
        self._sockets: list[socket.socket] = []
        self._aborted = threading.Event()

    def close(self) -> None:
        """Drop all connections. Only when no request runs any more."""
        with self._lock:
            clients = [client for entries in self._clients.values() for client, _ in entries]
            self._clients.clear()
            self._sockets.clear()
        for client in clients:
            client.close()

    def abort(self) -> None:
        """Make every request fail with PullCancelledError, now and from now on."""
        self._aborted.set()
        with self._lock:
            sockets = list(self._sockets)
        for connection in sockets:
            _shut_down(connection)

    def check(self) -> None:
        """Raises PullCancelledError after `abort`."""
        if self._aborted.is_set():
            raise PullCancelledError

    @contextmanager
    def open(
        self,
        method: str,
        url: httpx2.URL,
        *,
        headers: Mapping[str, str] | None = None,
        authorization: str = "",
        max_redirects: int = MAX_REDIRECTS,
    ) -> Iterator["Reply"]:
        """The answer at the end of all redirects, whatever its status; its body is unread.

        `authorization` is sent to the origin of `url` only, and no more once a redirect has left
        it. Reading the body raises as this does: ForbiddenTargetError, TransferError,
        BadAnswerError, PullCancelledError.
        """
        home = Origin.of(url)
        with self._translated():
            for _ in range(max_redirects + 1):
                fields = dict(headers or {})
                if authorization:
                    fields["Authorization"] = authorization
                response = self._send(method, url, fields)
                try:
                    if not response.has_redirect_location:
                        _check_encoding(response)
                        yield Reply(response, url, has_left=Origin.of(url) != home)
                        return
                    url = _next_url(url, response)
                finally:
                    response.close()
                if Origin.of(url) != home:
                    authorization = ""
        raise ForbiddenTargetError(f"maximum redirects exceeded ({max_redirects})")

    def _send(self, method: str, url: httpx2.URL, headers: dict[str, str]) -> httpx2.Response:
        origin = Origin.of(url)
        self.trust.check_scheme(origin)
        failure: httpx2.HTTPError | None = None
        for client, address in self._clients_of(origin, str(url)):
            self.check()
            target = url if not address else url.copy_with(host=address)
            extensions: dict[str, Any] = {"trace": self._trace}
            if address:
                extensions["sni_hostname"] = origin.host
            request = client.build_request(
                method, target, headers={**headers, "Host": origin.authority}, extensions=extensions
            )
            try:
                return client.send(request, stream=True)
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as exc:
                failure = exc
        raise UnreachableError(f"could not connect to {origin.authority}: {failure}")

    def _clients_of(self, origin: Origin, url: str) -> list[tuple[httpx2.Client, str]]:
        """One client per address that was checked: TLS connections are not shared by hosts that
        happen to have the same address, and a second look-up can't lead elsewhere.
        """
        with self._lock:
            known = self._clients.get(origin)
        if known is not None:
            return known
        proxy = self._settings.find_proxy(url)
        if proxy:
            _check_proxy(proxy)
            check_literal(origin, self.trust)
            addresses = [""]
        else:
            addresses = resolve(origin, self.trust)
        clients = [(self._client(origin, proxy), address) for address in addresses]
        with self._lock:
            return self._clients.setdefault(origin, clients)

    def _client(self, origin: Origin, proxy: str | None) -> httpx2.Client:
        settings = self._settings
        verify: ssl.SSLContext | bool = False  # not used for http, and slow to read
        if origin.scheme == "https":
            verify = settings.ssl_context or _system_certificates()
        return httpx2.Client(
            verify=verify,
            proxy=proxy,
            trust_env=False,
            follow_redirects=False,
            headers={"User-Agent": settings.user_agent, "Accept-Encoding": "identity"},
            timeout=httpx2.Timeout(settings.stall_timeout_s, connect=settings.connect_timeout_s),
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException as exc:
            self.check()
            raise TransferError("the connection stalled") from exc
        except (httpx2.HTTPError, httpx2.StreamError) as exc:
            self.check()
            raise TransferError(f"the connection broke: {exc or type(exc).__name__}") from exc
        except httpx2.InvalidURL as exc:
            raise BadAnswerError("the registry sent an invalid address") from exc
        except OSError as exc:
            # The system closes what another thread has shut down. Errors of files are no concern
            # here: whoever writes them does so outside or turns them into StorageErrors.
            self.check()
            raise TransferError(f"the connection broke: {exc.strerror}") from exc

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Learn each connection's socket (httpcore's trace events), for `abort`."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        connection = info["return_value"].get_extra_info("socket")
        if isinstance(connection, socket.socket):
            with self._lock:
                self._sockets = [one for one in self._sockets if one.fileno() >= 0]
                self._sockets.append(connection)
            if self._aborted.is_set():
                _shut_down(connection)


class Reply:
    """One answer. `has_left`: it came from another origin than the one that was asked."""

    def __init__(self, response: httpx2.Response, url: httpx2.URL, *, has_left: bool) -> None:
        self.url = url
        self.status = response.status_code
        self.headers = response.headers
        self.has_left = has_left
        self._response = response

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives."""
        return self._response.iter_raw()

    def read(self, max_bytes: int, deadline_s: float) -> bytes:
        """The whole body. Raises BadAnswerError if it is longer, TransferError if it is late."""
        deadline = time.monotonic() + deadline_s
        parts: list[bytes] = []
        size = 0
        for part in self.chunks():
            size += len(part)
            if size > max_bytes:
                raise BadAnswerError(f"the answer is longer than {max_bytes} bytes")
            if time.monotonic() > deadline:
                raise TransferError("the answer takes too long")
            parts.append(part)
        return b"".join(parts)

    def read_error_text(self, deadline_s: float) -> str:
        """The beginning of an error's body, for the user."""
        deadline = time.monotonic() + deadline_s
        data = b""
        with suppress(httpx2.HTTPError):  # the status says enough
            for part in self.chunks():
                data += part
                if len(data) >= MAX_ERROR_TEXT_BYTES or time.monotonic() > deadline:
                    break
        return data[:MAX_ERROR_TEXT_BYTES].decode("utf-8", "replace").strip()


def _check_proxy(proxy: str) -> None:
    if not proxy.startswith(("http://", "https://")):
        raise ForbiddenTargetError("the proxy of this machine is neither an http nor an https one")


def _next_url(url: httpx2.URL, response: httpx2.Response) -> httpx2.URL:
    target = url.join(response.headers["location"])
    if target.userinfo:
        raise ForbiddenTargetError("the registry leads to an address with a password in it")
    return target


def _check_encoding(response: httpx2.Response) -> None:
    """What we would unpack could grow without limit, so nothing is unpacked."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", ""):
        raise BadAnswerError("the registry sent a compressed answer, which was not asked for")


def _shut_down(connection: socket.socket) -> None:
    # The method of the base class: a TLS session may be in use by the thread that is woken up.
    with suppress(OSError):  # already disconnected
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


@functools.cache
def _system_certificates() -> ssl.SSLContext:
    return httpx2.create_ssl_context()
