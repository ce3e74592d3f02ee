"""A streamed answer: one JSON object per line. Iterated in one thread, closed from any."""

import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

import httpx2
import msgspec

from api.client.errors import ResponseError, StreamBrokenError
from api.client.shapes import ErrorReply, Reply
from api.client.translation import raise_for_status, translate

ReplyT = TypeVar("ReplyT", bound=Reply)

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line means that this is no server of ours."""


class Stream(Generic[ReplyT]):
    """The objects of one answer. The request is sent when the first one is asked for.

    Close it (or use it as a context manager): that ends the connection, which frees the model's
    slot at once. `close` may be called from another thread, also while the iteration waits for
    the server; the iteration then simply ends. The iteration raises ClientError.
    """

    def __init__(
        self,
        http: httpx2.Client,
        request: httpx2.Request,
        shape: type[ReplyT],
        is_last: Callable[[ReplyT], bool],
    ) -> None:
        """`request` needs a connection of its own: closing the stream shuts its socket down."""
        self._http = http
        self._request = request
        self._request.extensions = {**request.extensions, "trace": self._trace}
        self._decoder = msgspec.json.Decoder(shape)
        self._is_last = is_last
        self._address = str(request.url.copy_with(raw_path=b"/")).rstrip("/")
        self._response: httpx2.Response | None = None
        self._closed = threading.Event()
        self._reading = threading.Lock()
        self._socket: socket.socket | None = None
        self._replies = self._read()

    def __iter__(self) -> Iterator[ReplyT]:
        return self

    def __next__(self) -> ReplyT:
        with self._reading:
            if self._closed.is_set():
                raise StopIteration
            try:
                return next(self._replies)
            except (StreamBrokenError, OSError):
                # What breaks because we closed it is no failure.
                if self._closed.is_set():
                    raise StopIteration from None
                raise

    def __enter__(self) -> "Stream[ReplyT]":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. Any thread, any number of times."""
        self._closed.set()
        connection = self._socket
        if connection is not None:
            _shut_down(connection)
        # Whoever iterates now sees the end of the stream and closes the response itself.
        if self._reading.acquire(blocking=False):
            try:
                self._replies.close()
            finally:
                self._reading.release()

    def _read(self) -> Generator[ReplyT, None, None]:
        with translate(self._address):
            response = self._http.send(self._request, stream=True)
            try:
                raise_for_status(response)
                for line in _lines(response):
                    reply = self._parse(line)
                    yield reply
                    if self._is_last(reply):
                        return
            finally:
                response.close()
        raise StreamBrokenError(
            f"the server at {self._address} stopped in the middle of its answer"
        )

    def _parse(self, line: bytes) -> ReplyT:
        reply = self._decoder.decode(line)
        # An error line decodes as a reply with nothing in it, so look for it in every line that
        # could be one. The key is searched for first: this runs once per token.
        if b'"error"' in line:
            text = msgspec.json.decode(line, type=ErrorReply).error
            if text:
                raise ResponseError(200, text)
        return reply

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        """Learn the connection's socket as soon as there is one (httpcore's trace events)."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            connection = info["return_value"].get_extra_info("socket")
            if isinstance(connection, socket.socket):
                self._socket = connection
                if self._closed.is_set():
                    _shut_down(connection)


def _shut_down(connection: socket.socket) -> None:
    # Closing alone would not wake a thread that waits in recv. The method of the base class also
    # leaves a TLS session alone, which the reading thread may be using.
    with suppress(OSError):  # already disconnected: what we want
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _lines(response: httpx2.Response) -> Iterator[bytes]:
    """The non-empty lines of a body, without their ends. Only a line feed ends a line."""
    buffered = bytearray()
    for chunk in response.iter_bytes():
        buffered += chunk
        if b"\n" not in chunk:
            if len(buffered) > MAX_LINE_BYTES:
                raise StreamBrokenError("the server sent an endless line")
            continue
        *lines, rest = bytes(buffered).split(b"\n")
        buffered = bytearray(rest)
        yield from (line for line in lines if line.strip())
    if buffered.strip():
        yield bytes(buffered)
